"""The records of reducer.md: configuration, state, events and actions.

Immutable values with structural equality. Names, defaults and the order of fields are part of the
contract: the order is that of the serialised form, and the codec is derived from the annotations
here. Sides, roles, trades and phases are plain texts, as in the bot's own module, so that the two
modules can stand in for each other.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Side: TypeAlias = Literal["buy", "sell"]
Role: TypeAlias = Literal["entry", "exit"]
TradeId: TypeAlias = Literal["A", "B"]
Phase: TypeAlias = Literal["S0", "S1a", "S1b", "S2"]


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The settings of the reducer (reducer.md, EngineConfig).

    `order_size_usd` and `stale_price_max_age_sec` ride along unused: the size is an argument of
    `transition`. The two orphan times are really infinite where the bot runs without recoveries.
    """

    entry_pct: float = 0.2
    entry_pct_a: float | None = None
    entry_pct_b: float | None = None
    profit_pct: float = 1.0
    refresh_pct: float = 1.0
    order_size_usd: float = 2.0
    price_decimals: int = 6
    volume_decimals: int = 0
    min_volume: float = 13.0
    min_cost_usd: float = 0.0
    maker_fee_pct: float = 0.25
    stale_price_max_age_sec: float = 60.0
    s1_orphan_after_sec: float = 1350.0
    s2_orphan_after_sec: float = 1800.0
    loss_backoff_start: int = 3
    loss_cooldown_start: int = 5
    loss_cooldown_sec: float = 900.0
    reentry_base_cooldown_sec: float = 0.0
    backoff_factor: float = 0.5
    backoff_max_multiplier: float = 5.0
    max_consecutive_refreshes: int = 3
    refresh_cooldown_sec: float = 300.0
    max_recovery_slots: int = 2
    sticky_mode_enabled: bool = False


@dataclass(frozen=True, slots=True)
class OrderState:
    """One open order, an entry or the exit of a filled entry (reducer.md, OrderState)."""

    local_id: int
    side: Side
    role: Role
    price: float
    volume: float
    trade_id: TradeId
    cycle: int
    txid: str = ""
    placed_at: float = 0.0
    entry_price: float = 0.0
    entry_fee: float = 0.0
    entry_filled_at: float = 0.0
    regime_at_entry: int | None = None


@dataclass(frozen=True, slots=True)
class RecoveryOrder:
    """An exit given up by its slot, still open at the exchange (reducer.md, RecoveryOrder)."""

    recovery_id: int
    side: Side
    price: float
    volume: float
    trade_id: TradeId
    cycle: int
    entry_price: float
    orphaned_at: float
    entry_fee: float = 0.0
    entry_filled_at: float = 0.0
    txid: str = ""
    reason: str = "stale"
    regime_at_entry: int | None = None


@dataclass(frozen=True, slots=True)
class CycleRecord:
    """One finished round trip in the history of a slot (reducer.md, CycleRecord)."""

    trade_id: TradeId
    cycle: int
    entry_price: float
    exit_price: float
    volume: float
    gross_profit: float
    fees: float
    net_profit: float
    entry_fee: float = 0.0
    exit_fee: float = 0.0
    quote_fee: float = 0.0
    settled_usd: float = 0.0
    entry_time: float = 0.0
    exit_time: float = 0.0
    from_recovery: bool = False
    regime_at_entry: int | None = None


@dataclass(frozen=True, slots=True)
class PairState:
    """All that the reducer knows of one slot (reducer.md, PairState)."""

    market_price: float
    now: float
    orders: tuple[OrderState, ...] = ()
    recovery_orders: tuple[RecoveryOrder, ...] = ()
    completed_cycles: tuple[CycleRecord, ...] = ()
    cycle_a: int = 1
    cycle_b: int = 1
    next_order_id: int = 1
    next_recovery_id: int = 1
    total_profit: float = 0.0
    total_settled_usd: float = 0.0
    total_fees: float = 0.0
    today_realized_loss: float = 0.0
    total_round_trips: int = 0
    s2_entered_at: float | None = None
    last_price_update_at: float | None = None
    consecutive_losses_a: int = 0
    consecutive_losses_b: int = 0
    cooldown_until_a: float = 0.0
    cooldown_until_b: float = 0.0
    long_only: bool = False
    short_only: bool = False
    mode_source: str = "none"
    consecutive_refreshes_a: int = 0
    consecutive_refreshes_b: int = 0
    last_refresh_direction_a: str | None = None
    last_refresh_direction_b: str | None = None
    refresh_cooldown_until_a: float = 0.0
    refresh_cooldown_until_b: float = 0.0
    profit_pct_runtime: float = 1.0


@dataclass(frozen=True, slots=True)
class PriceTick:
    """The market has a new price."""

    price: float
    timestamp: float


@dataclass(frozen=True, slots=True)
class TimerTick:
    """Time has passed."""

    timestamp: float


@dataclass(frozen=True, slots=True)
class FillEvent:
    """The exchange filled an order of the slot."""

    order_local_id: int
    txid: str
    side: Side
    price: float
    volume: float
    fee: float
    timestamp: float


@dataclass(frozen=True, slots=True)
class RecoveryFillEvent:
    """The exchange filled a recovery order."""

    recovery_id: int
    txid: str
    side: Side
    price: float
    volume: float
    fee: float
    timestamp: float


@dataclass(frozen=True, slots=True)
class RecoveryCancelEvent:
    """The exchange cancelled a recovery order."""

    recovery_id: int
    txid: str
    timestamp: float


@dataclass(frozen=True, slots=True)
class PlaceOrderAction:
    """Place this order at the exchange."""

    local_id: int
    side: Side
    role: Role
    price: float
    volume: float
    trade_id: TradeId
    cycle: int
    post_only: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CancelOrderAction:
    """Cancel this order at the exchange; a negative `local_id` means the recovery of that id."""

    local_id: int
    txid: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrphanOrderAction:
    """An exit became a recovery order; nothing changes at the exchange."""

    local_id: int
    recovery_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class BookCycleAction:
    """A round trip is finished; its money belongs in the books."""

    trade_id: TradeId
    cycle: int
    net_profit: float
    gross_profit: float
    fees: float
    settled_usd: float = 0.0
    from_recovery: bool = False


Event: TypeAlias = PriceTick | TimerTick | FillEvent | RecoveryFillEvent | RecoveryCancelEvent
Action: TypeAlias = PlaceOrderAction | CancelOrderAction | OrphanOrderAction | BookCycleAction
