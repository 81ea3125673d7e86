"""The transition: what one event does to a slot (reducer.md, "Events").

Pure. A state is never changed, a new one is built, and in it only what differs: the history
(`completed_cycles`) is shared until a cycle is appended.
"""

from collections.abc import Mapping
from typing import TypeAlias

from .booking import book_exit, book_recovery, count_loss
from .entries import effective_size, exit_price, make_entry, place_follow_up
from .evolving import evolve
from .numbers import increment
from .orphaning import orphan_exit
from .phase import clear_s2_mark, derive_phase
from .records import (
    Action,
    CancelOrderAction,
    EngineConfig,
    Event,
    FillEvent,
    OrderState,
    PairState,
    PlaceOrderAction,
    PriceTick,
    RecoveryCancelEvent,
    RecoveryFillEvent,
    Side,
    TimerTick,
)
from .refusals import UnknownEventError

Outcome: TypeAlias = tuple[PairState, tuple[Action, ...]]
Sizes: TypeAlias = Mapping[str, float] | None


def transition(
    state: PairState,
    event: Event,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes = None,
) -> Outcome:
    """The next state and the actions, in order, that an event leads to."""
    # The commonest events come first: a live slot sees some eighty ticks for each fill.
    if isinstance(event, TimerTick):
        return _timer_tick(state, event, config, order_size_usd, order_sizes)
    if isinstance(event, PriceTick):
        return _price_tick(state, event, config, order_size_usd, order_sizes)
    if isinstance(event, FillEvent):
        return _fill(state, event, config, order_size_usd, order_sizes)
    if isinstance(event, RecoveryFillEvent):
        return _recovery_fill(state, event, config)
    if isinstance(event, RecoveryCancelEvent):
        return _recovery_cancel(state, event)
    raise UnknownEventError(f"unknown kind of event: {type(event).__name__}")


def _price_tick(
    state: PairState,
    event: PriceTick,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes,
) -> Outcome:
    """Take the price, then refresh at most one entry left behind (reducer.md, PriceTick)."""
    market = event.price
    now = event.timestamp
    state = evolve(state, now=now, market_price=market, last_price_update_at=now)
    for order in state.orders:
        # Step 1 of reducer.md, PriceTick; the rest of them is in `_refresh`.
        if order.role == "exit":
            continue
        drift = 0.0 if market <= 0 else abs(order.price - market) / market * 100.0
        if drift <= config.refresh_pct:
            continue
        cooldown_until = (
            state.refresh_cooldown_until_a
            if order.trade_id == "A"
            else state.refresh_cooldown_until_b
        )
        if now < cooldown_until:
            continue
        return _refresh(state, order, config, order_size_usd, order_sizes)
    return state, ()


def _refresh(
    state: PairState,
    order: OrderState,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes,
) -> Outcome:
    """Replace a stale entry or pause its trade's refreshes (reducer.md, PriceTick steps 2 to 6)."""
    if order.trade_id == "A":
        count = state.consecutive_refreshes_a
        last_direction = state.last_refresh_direction_a
        cooldown_until = state.refresh_cooldown_until_a
    else:
        count = state.consecutive_refreshes_b
        last_direction = state.last_refresh_direction_b
        cooldown_until = state.refresh_cooldown_until_b

    # Step 2: a pause that has run out starts the count anew.
    if count >= config.max_consecutive_refreshes and cooldown_until > 0:
        count, cooldown_until = 0, 0.0

    # Steps 3 and 4: refreshes in a row are those that follow the market one way.
    market = state.market_price
    if order.side == "buy":
        direction = "down" if market < order.price else "up"
    else:
        direction = "up" if market > order.price else "down"
    count = increment(count) if direction == last_direction else 1

    # Step 5: too many in a row; step 6: move the entry.
    actions: list[Action] = []
    orders = state.orders
    next_order_id = state.next_order_id
    if count >= config.max_consecutive_refreshes:
        cooldown_until = state.now + config.refresh_cooldown_sec
    else:
        orders = _without(orders, order.local_id)
        actions.append(CancelOrderAction(order.local_id, order.txid, "stale_entry"))
        size = effective_size(order.trade_id, order_size_usd, order_sizes)
        made = make_entry(
            state, config, order.side, order.trade_id, order.cycle, size, "refresh_entry"
        )
        if made is not None:
            new_order, place = made
            orders = (*orders, new_order)
            next_order_id = increment(next_order_id)
            actions.append(place)

    if order.trade_id == "A":
        state = evolve(
            state,
            orders=orders,
            next_order_id=next_order_id,
            consecutive_refreshes_a=count,
            last_refresh_direction_a=direction,
            refresh_cooldown_until_a=cooldown_until,
        )
    else:
        state = evolve(
            state,
            orders=orders,
            next_order_id=next_order_id,
            consecutive_refreshes_b=count,
            last_refresh_direction_b=direction,
            refresh_cooldown_until_b=cooldown_until,
        )
    return state, tuple(actions)


def _timer_tick(
    state: PairState,
    event: TimerTick,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes,
) -> Outcome:
    """Take the time, then orphan an exit that has waited too long (reducer.md, TimerTick)."""
    now = event.timestamp
    if config.sticky_mode_enabled:
        return evolve(state, now=now, s2_entered_at=None), ()
    phase = derive_phase(state)
    if phase != "S2":
        state = evolve(state, now=now, s2_entered_at=None)
        if phase == "S0":
            return state, ()
        return _s1_timeout(state, config, order_size_usd, order_sizes)
    if state.s2_entered_at is None:
        return evolve(state, now=now, s2_entered_at=now), ()
    return _s2_timeout(
        evolve(state, now=now), state.s2_entered_at, config, order_size_usd, order_sizes
    )


def _s1_timeout(
    state: PairState, config: EngineConfig, order_size_usd: float, order_sizes: Sizes
) -> Outcome:
    """Orphan the first exit when it is old and the market has moved away from it."""
    order = next(order for order in state.orders if order.role == "exit")
    since = order.entry_filled_at if order.entry_filled_at != 0 else order.placed_at
    age = state.now - since if since != 0 else 0.0
    market = state.market_price
    moved_away = market < order.price if order.side == "sell" else market > order.price
    if age >= config.s1_orphan_after_sec and moved_away:
        return orphan_exit(state, order, "s1_timeout", config, order_size_usd, order_sizes)
    return state, ()


def _s2_timeout(
    state: PairState,
    entered_at: float,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes,
) -> Outcome:
    """Orphan the farther of the two exits when S2 has lasted too long; the sell one in a tie."""
    market = state.market_price
    if not (state.now - entered_at >= config.s2_orphan_after_sec and market > 0):
        return state, ()
    buy = _first_exit(state, "buy")
    sell = _first_exit(state, "sell")
    buy_distance = abs(buy.price - market) / market
    sell_distance = abs(sell.price - market) / market
    order = buy if buy_distance > sell_distance else sell
    state, actions = orphan_exit(state, order, "s2_timeout", config, order_size_usd, order_sizes)
    return evolve(state, s2_entered_at=None), actions


def _fill(
    state: PairState,
    event: FillEvent,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes,
) -> Outcome:
    """An order filled; the event's side and txid change nothing (reducer.md, FillEvent)."""
    order = find_order(state, event.order_local_id)
    if order is None:
        return evolve(state, now=event.timestamp), ()
    state = evolve(state, now=event.timestamp, orders=_without(state.orders, event.order_local_id))
    if order.role == "entry":
        return _entry_filled(state, event, order, config)
    return _exit_filled(state, event, order, config, order_size_usd, order_sizes)


def _entry_filled(
    state: PairState, event: FillEvent, entry: OrderState, config: EngineConfig
) -> Outcome:
    """An entry filled: its exit goes out on the other side, for the volume that filled."""
    side: Side = "sell" if entry.side == "buy" else "buy"
    exit_order = OrderState(
        local_id=state.next_order_id,
        side=side,
        role="exit",
        price=exit_price(side, event.price, state, config),
        volume=event.volume,
        trade_id=entry.trade_id,
        cycle=entry.cycle,
        txid="",
        placed_at=event.timestamp,
        entry_price=event.price,
        entry_fee=event.fee,
        entry_filled_at=event.timestamp,
        regime_at_entry=entry.regime_at_entry,
    )
    state = evolve(
        state,
        orders=(*state.orders, exit_order),
        next_order_id=increment(state.next_order_id),
        total_fees=state.total_fees + event.fee,
    )
    action = PlaceOrderAction(
        local_id=exit_order.local_id,
        side=side,
        role="exit",
        price=exit_order.price,
        volume=exit_order.volume,
        trade_id=exit_order.trade_id,
        cycle=exit_order.cycle,
        reason="entry_fill_exit",
    )
    return clear_s2_mark(state), (action,)


def _exit_filled(
    state: PairState,
    event: FillEvent,
    order: OrderState,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes,
) -> Outcome:
    """An exit filled: the cycle is booked and the trade starts over."""
    trade_id = order.trade_id
    state, booked = book_exit(state, order, event.price, event.fee, event.timestamp)
    state = count_loss(state, trade_id, booked.net_profit, config)
    if trade_id == "A":
        state = evolve(state, cycle_a=max(state.cycle_a, increment(order.cycle)))
    else:
        state = evolve(state, cycle_b=max(state.cycle_b, increment(order.cycle)))
    size = effective_size(trade_id, order_size_usd, order_sizes)
    state, placed = place_follow_up(state, config, trade_id, size, "cycle_complete")
    actions: tuple[Action, ...] = (booked,) if placed is None else (booked, placed)
    return clear_s2_mark(state), actions


def _recovery_fill(state: PairState, event: RecoveryFillEvent, config: EngineConfig) -> Outcome:
    """A recovery closed its cycle; its trade has long gone on (reducer.md, RecoveryFillEvent)."""
    for recovery in state.recovery_orders:
        if recovery.recovery_id == event.recovery_id:
            break
    else:
        return evolve(state, now=event.timestamp), ()
    state = _without_recovery(state, event.recovery_id, event.timestamp)
    state, booked = book_recovery(state, recovery, event.price, event.fee, event.timestamp)
    state = count_loss(state, recovery.trade_id, booked.net_profit, config)
    return clear_s2_mark(state), (booked,)


def _recovery_cancel(state: PairState, event: RecoveryCancelEvent) -> Outcome:
    """A recovery is gone without a fill; nothing is booked (reducer.md, RecoveryCancelEvent)."""
    return clear_s2_mark(_without_recovery(state, event.recovery_id, event.timestamp)), ()


def find_order(state: PairState, local_id: int) -> OrderState | None:
    """The first order with that id, or None."""
    for order in state.orders:
        if order.local_id == local_id:
            return order
    return None


def _first_exit(state: PairState, side: Side) -> OrderState:
    return next(o for o in state.orders if o.role == "exit" and o.side == side)


def _without(orders: tuple[OrderState, ...], local_id: int) -> tuple[OrderState, ...]:
    """The orders without those of that id: a damaged state may have the id more than once."""
    return tuple(order for order in orders if order.local_id != local_id)


def _without_recovery(state: PairState, recovery_id: int, now: float) -> PairState:
    kept = tuple(r for r in state.recovery_orders if r.recovery_id != recovery_id)
    return evolve(state, now=now, recovery_orders=kept)
