"""Closing a round trip: its money goes into the books, its result into the trade's losses."""

from .evolving import evolve
from .numbers import increment
from .records import (
    BookCycleAction,
    CycleRecord,
    EngineConfig,
    OrderState,
    PairState,
    RecoveryOrder,
    TradeId,
)


def book_exit(
    state: PairState, order: OrderState, price: float, fee: float, at: float
) -> tuple[PairState, BookCycleAction]:
    """Book the cycle that a filled exit closes (reducer.md, "Book a cycle")."""
    return _book(state, order, price, fee, at, order.entry_filled_at, False)


def book_recovery(
    state: PairState, recovery: RecoveryOrder, price: float, fee: float, at: float
) -> tuple[PairState, BookCycleAction]:
    """Book the cycle that a recovery closes, filled or evicted (reducer.md, RecoveryFillEvent).

    Snapshots from before entries were timed know only when the recovery was orphaned.
    """
    entered = recovery.entry_filled_at if recovery.entry_filled_at > 0 else recovery.orphaned_at
    return _book(state, recovery, price, fee, at, entered, True)


def _book(
    state: PairState,
    closed: OrderState | RecoveryOrder,
    price: float,
    fee: float,
    at: float,
    entry_time: float,
    from_recovery: bool,
) -> tuple[PairState, BookCycleAction]:
    if closed.trade_id == "A":
        gross = (closed.entry_price - price) * closed.volume
        quote_fee = closed.entry_fee
    else:
        gross = (price - closed.entry_price) * closed.volume
        quote_fee = fee
    fees = closed.entry_fee + fee
    net = gross - fees
    settled = gross - quote_fee
    record = CycleRecord(
        trade_id=closed.trade_id,
        cycle=closed.cycle,
        entry_price=closed.entry_price,
        exit_price=price,
        volume=closed.volume,
        gross_profit=gross,
        fees=fees,
        net_profit=net,
        entry_fee=closed.entry_fee,
        exit_fee=fee,
        quote_fee=quote_fee,
        settled_usd=settled,
        entry_time=entry_time,
        exit_time=at,
        from_recovery=from_recovery,
        regime_at_entry=closed.regime_at_entry,
    )
    loss = state.today_realized_loss
    state = evolve(
        state,
        completed_cycles=(*state.completed_cycles, record),
        total_profit=state.total_profit + net,
        total_settled_usd=state.total_settled_usd + settled,
        # Only the exit's fee: the entry's was added when the entry filled.
        total_fees=state.total_fees + fee,
        today_realized_loss=loss + abs(net) if net < 0 else loss,
        total_round_trips=increment(state.total_round_trips),
    )
    action = BookCycleAction(
        closed.trade_id, closed.cycle, net, gross, fees, settled, from_recovery
    )
    return state, action


def count_loss(state: PairState, trade_id: TradeId, net: float, config: EngineConfig) -> PairState:
    """The trade's losses in a row and its cooldown (reducer.md, "Count the loss")."""
    if trade_id == "A":
        losses, cooldown = state.consecutive_losses_a, state.cooldown_until_a
    else:
        losses, cooldown = state.consecutive_losses_b, state.cooldown_until_b
    cooldown = after_reentry_pause(cooldown, state.now, config)
    losses = increment(losses) if net < 0 else 0
    if losses >= config.loss_cooldown_start:
        cooldown = max(cooldown, state.now + config.loss_cooldown_sec)
    if trade_id == "A":
        return evolve(state, consecutive_losses_a=losses, cooldown_until_a=cooldown)
    return evolve(state, consecutive_losses_b=losses, cooldown_until_b=cooldown)


def after_reentry_pause(cooldown: float, now: float, config: EngineConfig) -> float:
    """The cooldown, at least as long as the pause that follows every closed or orphaned exit."""
    if config.reentry_base_cooldown_sec > 0:
        return max(cooldown, now + config.reentry_base_cooldown_sec)
    return cooldown
