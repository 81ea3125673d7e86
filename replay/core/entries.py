"""Prices and orders of a trade: entry distance, backoff, new entries, the price of an exit.

The order of floating-point operations here is part of the contract; do not simplify it.
"""

from collections.abc import Mapping

from .evolving import evolve
from .numbers import compute_order_volume, increment, rnd
from .records import (
    EngineConfig,
    OrderState,
    PairState,
    PlaceOrderAction,
    Side,
    TradeId,
)


def effective_size(
    trade_id: TradeId, order_size_usd: float, order_sizes: Mapping[str, float] | None
) -> float:
    """The size of the trade's own, else the common one (reducer.md, "Effective size")."""
    if order_sizes and trade_id in order_sizes:
        return order_sizes[trade_id]
    return order_size_usd


def entry_distance(trade_id: TradeId, config: EngineConfig) -> float:
    """How many percent from the market the trade enters (reducer.md, "Entry distance")."""
    own = config.entry_pct_a if trade_id == "A" else config.entry_pct_b
    return own if own is not None and own > 0 else config.entry_pct


def backoff_multiplier(losses: int, config: EngineConfig) -> float:
    """How much farther to enter after losses in a row (reducer.md, "Backoff multiplier")."""
    if losses < config.loss_backoff_start:
        return 1.0
    beyond = losses - config.loss_backoff_start + 1
    return min(config.backoff_max_multiplier, 1.0 + config.backoff_factor * beyond)


def make_entry(
    state: PairState,
    config: EngineConfig,
    side: Side,
    trade_id: TradeId,
    cycle: int,
    size: float,
    reason: str,
) -> tuple[OrderState, PlaceOrderAction] | None:
    """A new entry with the state's next order id (reducer.md, "New entry").

    None where there is no volume. The caller uses up the id and attaches the order.
    """
    market = state.market_price
    pct = entry_distance(trade_id, config)
    losses = state.consecutive_losses_a if trade_id == "A" else state.consecutive_losses_b
    mult = backoff_multiplier(losses, config)
    if side == "buy":
        price = rnd(market * (1 - (pct * mult) / 100.0), config.price_decimals)
        if price <= 0:
            price = rnd(market * (1 - pct / 100.0), config.price_decimals)
    else:
        price = rnd(market * (1 + (pct * mult) / 100.0), config.price_decimals)
        if price <= 0:
            price = rnd(market * (1 + pct / 100.0), config.price_decimals)
    volume = compute_order_volume(price, config, size)
    if volume is None:
        return None
    local_id = state.next_order_id
    order = OrderState(local_id, side, "entry", price, volume, trade_id, cycle, placed_at=state.now)
    action = PlaceOrderAction(
        local_id, side, "entry", price, volume, trade_id, cycle, reason=reason
    )
    return order, action


def place_entry(
    state: PairState,
    config: EngineConfig,
    side: Side,
    trade_id: TradeId,
    cycle: int,
    size: float,
    reason: str,
) -> tuple[PairState, PlaceOrderAction | None]:
    """A new entry, appended to the orders; the state as it was where there is no volume."""
    made = make_entry(state, config, side, trade_id, cycle, size, reason)
    if made is None:
        return state, None
    order, action = made
    state = evolve(
        state, orders=(*state.orders, order), next_order_id=increment(state.next_order_id)
    )
    return state, action


def place_follow_up(
    state: PairState, config: EngineConfig, trade_id: TradeId, size: float, reason: str
) -> tuple[PairState, PlaceOrderAction | None]:
    """The trade's next entry, where mode and cooldown allow it (reducer.md, "Follow-up entry")."""
    if trade_id == "A":
        if state.long_only or state.now < state.cooldown_until_a:
            return state, None
        return place_entry(state, config, "sell", "A", state.cycle_a, size, reason)
    if state.short_only or state.now < state.cooldown_until_b:
        return state, None
    return place_entry(state, config, "buy", "B", state.cycle_b, size, reason)


def exit_price(side: Side, fill_price: float, state: PairState, config: EngineConfig) -> float:
    """Where the exit of an entry filled at that price goes (reducer.md, "Exit price").

    `entry_pct` is the base one here, even where the trade enters at its own distance.
    """
    profit = state.profit_pct_runtime if state.profit_pct_runtime != 0 else config.profit_pct
    p = profit / 100.0
    e = config.entry_pct / 100.0
    market = state.market_price
    if side == "sell":
        return rnd(max(fill_price * (1 + p), market * (1 + e)), config.price_decimals)
    return rnd(min(fill_price * (1 - p), market * (1 - e)), config.price_decimals)
