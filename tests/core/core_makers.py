"""Orders and states with sensible values, of which a test names only those it is about.

Many numbers here are sums of powers of two, so that the expected money is exact.
"""

from dataclasses import replace
from typing import Any, TypeVar

from replay.core import CycleRecord, EngineConfig, OrderState, PairState, RecoveryOrder

K = TypeVar("K")

NOW = 1000.0
MARKET = 0.2
SIZE = 5.0
CONFIG = EngineConfig()

SELL_ENTRY = OrderState(1, "sell", "entry", 0.2004, 25.0, "A", 1, txid="TA", placed_at=900.0)
BUY_ENTRY = OrderState(2, "buy", "entry", 0.1996, 25.0, "B", 1, txid="TB", placed_at=900.0)
BUY_EXIT = OrderState(
    3,
    "buy",
    "exit",
    0.125,
    16.0,
    "A",
    4,
    txid="TXA",
    placed_at=950.0,
    entry_price=0.25,
    entry_fee=0.5,
    entry_filled_at=940.0,
    regime_at_entry=1,
)
SELL_EXIT = OrderState(
    4,
    "sell",
    "exit",
    0.25,
    16.0,
    "B",
    7,
    txid="TXB",
    placed_at=950.0,
    entry_price=0.125,
    entry_fee=0.5,
    entry_filled_at=930.0,
    regime_at_entry=2,
)
RECOVERY_A = RecoveryOrder(
    1, "buy", 0.125, 16.0, "A", 2, 0.25, 800.0, 0.5, 700.0, "RA", "s1_timeout", 0
)
RECOVERY_B = RecoveryOrder(
    2, "sell", 0.25, 16.0, "B", 3, 0.125, 810.0, 0.5, 710.0, "RB", "s2_timeout", None
)
CYCLE = CycleRecord("A", 1, 0.25, 0.125, 16.0, 2.0, 0.75, 1.25)


def of_kind(kind: type[K], value: object) -> K:
    """The value, which is of that kind: an action of several, or what may be None."""
    assert isinstance(value, kind)
    return value


def config(**changes: Any) -> EngineConfig:
    return replace(CONFIG, **changes)


def state(*orders: OrderState, **changes: Any) -> PairState:
    """A state at NOW and MARKET that has used the ids below 10."""
    start = PairState(
        MARKET,
        NOW,
        orders=orders,
        cycle_a=5,
        cycle_b=8,
        next_order_id=10,
        next_recovery_id=10,
    )
    return replace(start, **changes)
