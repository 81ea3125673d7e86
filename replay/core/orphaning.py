"""Orphaning: an exit that takes too long becomes a recovery order, and its trade goes on.

Recoveries are limited. Where one more would be too many, the worst placed are evicted first:
cancelled at the exchange and booked as if they had closed at the market.
"""

from collections.abc import Mapping

from .booking import after_reentry_pause, book_recovery, count_loss
from .entries import effective_size, place_follow_up
from .evolving import evolve
from .numbers import increment, negate
from .records import (
    Action,
    CancelOrderAction,
    EngineConfig,
    OrderState,
    OrphanOrderAction,
    PairState,
    RecoveryOrder,
)


def orphan_exit(
    state: PairState,
    order: OrderState,
    reason: str,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Mapping[str, float] | None,
) -> tuple[PairState, tuple[Action, ...]]:
    """Turn an exit into a recovery order (reducer.md, "Orphaning")."""
    actions: list[Action] = []
    cap = max(1, config.max_recovery_slots)
    overflow = max(0, len(state.recovery_orders) + 1 - cap)
    if overflow > 0 and state.recovery_orders:
        state = _evict(state, overflow, config, actions)

    recovery = RecoveryOrder(
        recovery_id=state.next_recovery_id,
        side=order.side,
        price=order.price,
        volume=order.volume,
        trade_id=order.trade_id,
        cycle=order.cycle,
        entry_price=order.entry_price,
        orphaned_at=state.now,
        entry_fee=order.entry_fee,
        entry_filled_at=order.entry_filled_at,
        txid=order.txid,
        reason=reason,
        regime_at_entry=order.regime_at_entry,
    )
    state = evolve(
        state,
        orders=tuple(o for o in state.orders if o.local_id != order.local_id),
        recovery_orders=(*state.recovery_orders, recovery),
        next_recovery_id=increment(state.next_recovery_id),
    )
    actions.append(OrphanOrderAction(order.local_id, recovery.recovery_id, reason))

    if order.trade_id == "A":
        state = evolve(
            state,
            cooldown_until_a=after_reentry_pause(state.cooldown_until_a, state.now, config),
            cycle_a=increment(state.cycle_a),
        )
    else:
        state = evolve(
            state,
            cooldown_until_b=after_reentry_pause(state.cooldown_until_b, state.now, config),
            cycle_b=increment(state.cycle_b),
        )
    size = effective_size(order.trade_id, order_size_usd, order_sizes)
    state, placed = place_follow_up(state, config, order.trade_id, size, f"orphan_{order.trade_id}")
    if placed is not None:
        actions.append(placed)
    return state, tuple(actions)


def _evict(
    state: PairState, overflow: int, config: EngineConfig, actions: list[Action]
) -> PairState:
    """Cancel and book the recoveries that rank first; their actions go to the end of `actions`."""
    evicted = _ids_to_evict(state, overflow)
    kept: list[RecoveryOrder] = []
    for recovery in state.recovery_orders:
        if recovery.recovery_id not in evicted:
            kept.append(recovery)
            continue
        if recovery.txid:
            actions.append(
                CancelOrderAction(
                    negate(recovery.recovery_id), recovery.txid, "recovery_cap_evict_priority"
                )
            )
        fill = _assumed_fill(recovery, state.market_price)
        fee = max(0.0, fill * recovery.volume * (config.maker_fee_pct / 100.0))
        state, booked = book_recovery(state, recovery, fill, fee, state.now)
        actions.append(booked)
        state = count_loss(state, recovery.trade_id, booked.net_profit, config)
    return evolve(state, recovery_orders=tuple(kept))


def _assumed_fill(recovery: RecoveryOrder, market: float) -> float:
    fill = market if market > 0 else recovery.price
    if fill <= 0:
        fill = recovery.entry_price if recovery.entry_price > 0 else 0.0
    return fill


def _ids_to_evict(state: PairState, overflow: int) -> set[int]:
    """The ids of the `overflow` recoveries that rank first: furthest, then oldest, then lowest id.

    Picked one by one in stored order, where only one that ranks strictly before the best so far
    takes its place. `sorted` gives the same for ordinary numbers; with NaN among the keys its
    answer depends on the algorithm, and through tuples even on the identity of the objects.
    """
    market = state.market_price
    candidates = [
        (0.0 if market <= 0 else abs(recovery.price - market) / market, recovery)
        for recovery in state.recovery_orders
    ]
    evicted: set[int] = set()
    for _ in range(overflow):
        first = 0
        for index in range(1, len(candidates)):
            if _ranks_before(candidates[index], candidates[first]):
                first = index
        _, recovery = candidates.pop(first)
        evicted.add(recovery.recovery_id)
    return evicted


def _ranks_before(one: tuple[float, RecoveryOrder], other: tuple[float, RecoveryOrder]) -> bool:
    distance, recovery = one
    other_distance, other_recovery = other
    if distance != other_distance:
        return distance > other_distance
    if recovery.orphaned_at != other_recovery.orphaned_at:
        return recovery.orphaned_at < other_recovery.orphaned_at
    return recovery.recovery_id < other_recovery.recovery_id
