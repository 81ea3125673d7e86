"""What the live bot does to states between transitions (reducer.md, "Helpers around the reducer").

Pure like the reducer, with the bot's names and signatures. An id that the state does not have
leaves it as it was; one that it has more than once is changed everywhere, as the reducer does.
"""

from dataclasses import replace

from .codec import normalise_regime
from .entries import make_entry, place_entry
from .evolving import evolve
from .numbers import increment
from .records import (
    EngineConfig,
    OrderState,
    PairState,
    PlaceOrderAction,
    Side,
    TradeId,
)


def bootstrap_orders(
    state: PairState,
    cfg: EngineConfig,
    order_size_usd: float,
    allow_long_only: bool = True,
    allow_short_only: bool = True,
) -> tuple[PairState, tuple[PlaceOrderAction, ...], tuple[OrderState, ...]]:
    """The first entries of a slot, whatever the cooldowns; the caller attaches the orders.

    Where only one of them can be made, and the caller allows it, the slot goes one-sided.
    """
    buy = make_entry(state, cfg, "buy", "B", state.cycle_b, order_size_usd, "bootstrap")
    if buy is not None:
        state = evolve(state, next_order_id=increment(state.next_order_id))
    sell = make_entry(state, cfg, "sell", "A", state.cycle_a, order_size_usd, "bootstrap")
    if sell is not None:
        state = evolve(state, next_order_id=increment(state.next_order_id))

    made = [entry for entry in (buy, sell) if entry is not None]
    long_only = buy is not None and sell is None and allow_long_only
    short_only = sell is not None and buy is None and allow_short_only
    state = evolve(
        state,
        long_only=long_only,
        short_only=short_only,
        mode_source="balance" if long_only or short_only else "none",
    )
    return state, tuple(action for _, action in made), tuple(order for order, _ in made)


def add_entry_order(
    state: PairState,
    cfg: EngineConfig,
    side: Side,
    trade_id: TradeId,
    cycle: int,
    order_size_usd: float,
    reason: str = "manual",
) -> tuple[PairState, PlaceOrderAction | None]:
    """A new entry at the end of the orders; None in the trade's cooldown or without volume."""
    cooldown_until = state.cooldown_until_a if trade_id == "A" else state.cooldown_until_b
    if state.now < cooldown_until:
        return state, None
    return place_entry(state, cfg, side, trade_id, cycle, order_size_usd, reason)


def apply_order_txid(state: PairState, local_id: int, txid: str) -> PairState:
    """Note the exchange's id of an order."""
    return evolve(
        state,
        orders=tuple(
            replace(order, txid=txid) if order.local_id == local_id else order
            for order in state.orders
        ),
    )


def apply_recovery_txid(state: PairState, recovery_id: int, txid: str) -> PairState:
    """Note the exchange's id of a recovery order."""
    return evolve(
        state,
        recovery_orders=tuple(
            replace(recovery, txid=txid) if recovery.recovery_id == recovery_id else recovery
            for recovery in state.recovery_orders
        ),
    )


def apply_order_regime_at_entry(state: PairState, local_id: int, regime: object) -> PairState:
    """Note the market regime that an entry was made in, normalised as when a state is read."""
    regime_at_entry = normalise_regime(regime)
    return evolve(
        state,
        orders=tuple(
            replace(order, regime_at_entry=regime_at_entry) if order.local_id == local_id else order
            for order in state.orders
        ),
    )


def remove_order(state: PairState, local_id: int) -> PairState:
    """The state without that order."""
    kept = tuple(order for order in state.orders if order.local_id != local_id)
    return evolve(state, orders=kept)


def remove_recovery(state: PairState, recovery_id: int) -> PairState:
    """The state without that recovery order."""
    kept = tuple(r for r in state.recovery_orders if r.recovery_id != recovery_id)
    return evolve(state, recovery_orders=kept)
