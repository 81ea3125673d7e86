"""One port of the reducer, with switches: each makes it differ as ports really do.

Written from the contract alone. It is a Python core (for `--authority` and `--shadow`) and, run as
a program, an executable of part 1 of the wire (`--server`, or one request on standard input).
`ON` has the names of the switches that are on; making.py writes copies with others. What each
switch is stands in switches.py.
"""

import decimal
import json
import math
import re
import struct
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from fractions import Fraction
from typing import Any, TypeVar

ON: frozenset[str] = frozenset()


def on(name: str) -> bool:
    """Whether a switch is on."""
    return name in ON


class Unreadable(ValueError):
    """An input that this port refuses."""


# --- Records ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class EngineConfig:
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


@dataclass(frozen=True)
class OrderState:
    local_id: int
    side: str
    role: str
    price: float
    volume: float
    trade_id: str
    cycle: int
    txid: str = ""
    placed_at: float = 0.0
    entry_price: float = 0.0
    entry_fee: float = 0.0
    entry_filled_at: float = 0.0
    regime_at_entry: int | None = None


@dataclass(frozen=True)
class RecoveryOrder:
    recovery_id: int
    side: str
    price: float
    volume: float
    trade_id: str
    cycle: int
    entry_price: float
    orphaned_at: float
    entry_fee: float = 0.0
    entry_filled_at: float = 0.0
    txid: str = ""
    reason: str = "stale"
    regime_at_entry: int | None = None


@dataclass(frozen=True)
class CycleRecord:
    trade_id: str
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


@dataclass(frozen=True)
class PairState:
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


@dataclass(frozen=True)
class PriceTick:
    price: float
    timestamp: float


@dataclass(frozen=True)
class TimerTick:
    timestamp: float


@dataclass(frozen=True)
class FillEvent:
    order_local_id: int
    txid: str
    side: str
    price: float
    volume: float
    fee: float
    timestamp: float


@dataclass(frozen=True)
class RecoveryFillEvent:
    recovery_id: int
    txid: str
    side: str
    price: float
    volume: float
    fee: float
    timestamp: float


@dataclass(frozen=True)
class RecoveryCancelEvent:
    recovery_id: int
    txid: str
    timestamp: float


@dataclass(frozen=True)
class PlaceOrderAction:
    local_id: int
    side: str
    role: str
    price: float
    volume: float
    trade_id: str
    cycle: int
    post_only: bool = True
    reason: str = ""


@dataclass(frozen=True)
class CancelOrderAction:
    local_id: int
    txid: str
    reason: str = ""


@dataclass(frozen=True)
class OrphanOrderAction:
    local_id: int
    recovery_id: int
    reason: str


@dataclass(frozen=True)
class BookCycleAction:
    trade_id: str
    cycle: int
    net_profit: float
    gross_profit: float
    fees: float
    settled_usd: float = 0.0
    from_recovery: bool = False


Event = PriceTick | TimerTick | FillEvent | RecoveryFillEvent | RecoveryCancelEvent
Action = PlaceOrderAction | CancelOrderAction | OrphanOrderAction | BookCycleAction
Outcome = tuple[PairState, tuple[Action, ...]]
Sizes = Mapping[str, float] | None
Reader = Callable[[object], Any]
R = TypeVar("R")


# --- Numbers ----------------------------------------------------------------------------------


def scaled(x: float, digits: int, to_integer: Callable[[float], int] = round) -> float | None:
    """Rounds by scaling with a power of ten; None where that cannot be done."""
    scale = 10.0 ** abs(digits) if abs(digits) < 300 else math.inf
    number = x * scale if digits >= 0 else x / scale
    if not math.isfinite(number) or not math.isfinite(scale):
        return None
    whole = float(to_integer(number))
    return whole / scale if digits >= 0 else whole * scale


def rnd(x: float, digits: int) -> float:
    """The contract's decimal rounding."""
    if math.isfinite(x) and abs(digits) <= 400 and on("rounds-the-shortest-text"):
        return by_text(x, digits)
    return round(x, digits)


def by_text(x: float, digits: int) -> float:
    """Rounds the decimal number that the double is written as, not the one that it is."""
    exact = decimal.Context(prec=2000, rounding=decimal.ROUND_HALF_EVEN)
    step = decimal.Decimal(1).scaleb(-digits)
    rounded = float(decimal.Decimal(repr(x)).quantize(step, context=exact))
    if math.isinf(rounded):
        raise OverflowError("rounded value too large")
    return rounded


def multiplied_and_added(a: float, b: float, c: float) -> float:
    """a * b + c in one rounding, where a machine can do that in one instruction."""
    if math.isfinite(a) and math.isfinite(b) and math.isfinite(c):
        try:
            return float(Fraction(a) * Fraction(b) + Fraction(c))
        except OverflowError:
            pass
    return a * b + c


def price_of(x: float, config: EngineConfig) -> float:
    """A price on the grid."""
    digits = config.price_decimals
    if on("prices-whole-without-decimals") and digits <= 0 and math.isfinite(x):
        return float(round(x))
    return rnd(x, digits)


def exit_rounded(x: float, config: EngineConfig) -> float:
    if on("exit-price-by-scaling"):
        value = scaled(x, config.price_decimals)
        return price_of(x, config) if value is None else value
    return price_of(x, config)


def counted(n: int) -> int:
    """One more."""
    if n >= 2**63 - 1:
        if on("counters-wrap"):
            return -(2**63)
        raise OverflowError("counter")
    return n + 1


def single(x: float) -> float:
    """The nearest 32-bit float, as a double."""
    try:
        nearest: float = struct.unpack("f", struct.pack("f", x))[0]
        return nearest
    except OverflowError:
        return math.copysign(math.inf, x)


# --- Entries and exits ------------------------------------------------------------------------


def derive_phase(state: PairState) -> str:
    sides = {order.side for order in state.orders if order.role == "exit"}
    if sides == {"buy", "sell"}:
        return "S2"
    return "S1a" if "buy" in sides else "S1b" if "sell" in sides else "S0"


def cleared(state: PairState) -> PairState:
    """The state without the S2 mark where the phase is not S2."""
    return state if derive_phase(state) == "S2" else replace(state, s2_entered_at=None)


def compute_order_volume(price: float, cfg: EngineConfig, order_size_usd: float) -> float | None:
    if price <= 0 or order_size_usd <= 0:
        return None
    if cfg.min_cost_usd > 0 and order_size_usd < cfg.min_cost_usd:
        return None
    raw = order_size_usd / price
    if cfg.volume_decimals <= 0:
        if on("volume-of-infinity") and not math.isfinite(raw):
            volume = raw
        elif not abs(raw) < 2.0**63 and on("whole-volume-through-int64"):
            volume = -(2.0**63)
        elif on("volume-half-up") and math.isfinite(raw):
            volume = float(math.floor(raw + 0.5))
        else:
            volume = float(round(raw))
    elif on("volume-truncated"):
        cut = scaled(raw, cfg.volume_decimals, math.floor)
        volume = rnd(raw, cfg.volume_decimals) if cut is None else cut
    else:
        volume = rnd(raw, cfg.volume_decimals)
    if volume < cfg.min_volume:
        return None
    if not volume >= cfg.min_volume and on("least-volume-asked-positively"):
        return None
    if cfg.min_cost_usd > 0 and volume * price < cfg.min_cost_usd:
        return None
    return volume


def entry_distance(trade: str, config: EngineConfig) -> float:
    own = config.entry_pct_a if trade == "A" else config.entry_pct_b
    if on("own-distance-or-base"):
        return own or config.entry_pct
    return own if own is not None and own > 0 else config.entry_pct


def backoff(n: int, config: EngineConfig) -> float:
    if n < config.loss_backoff_start:
        return 1.0
    beyond = n - config.loss_backoff_start + 1
    if not -(2**31) <= beyond < 2**31 and on("backoff-in-32-bits"):
        beyond = (beyond + 2**31) % 2**32 - 2**31
    return min(config.backoff_max_multiplier, 1.0 + config.backoff_factor * beyond)


def size_for(trade: str, size: float, sizes: Sizes) -> float:
    if sizes and trade in sizes:
        if on("own-size-or-common"):
            return sizes[trade] or size
        return sizes[trade]
    return size


def new_entry(
    state: PairState,
    config: EngineConfig,
    side: str,
    trade: str,
    cycle: int,
    size: float,
    reason: str,
) -> tuple[PairState, OrderState | None, PlaceOrderAction | None]:
    """(state, order, action), with None twice where there is no volume."""
    pct = entry_distance(trade, config)
    n = state.consecutive_losses_a if trade == "A" else state.consecutive_losses_b
    m = backoff(n, config)
    market = state.market_price
    away = pct * m * 0.01 if on("percent-by-multiplying") else (pct * m) / 100.0
    if side == "buy":
        price = price_of(market * (1 - away), config)
        if price <= 0:
            price = price_of(market * (1 - pct / 100.0), config)
    else:
        price = price_of(market * (1 + away), config)
        if price <= 0:
            price = price_of(market * (1 + pct / 100.0), config)
    volume = compute_order_volume(price, config, size)
    if volume is None:
        return state, None, None
    number = state.next_order_id
    order = OrderState(number, side, "entry", price, volume, trade, cycle, placed_at=state.now)
    action = PlaceOrderAction(number, side, "entry", price, volume, trade, cycle, True, reason)
    return replace(state, next_order_id=counted(number)), order, action


def exit_price(
    side: str, trade: str, filled: float, state: PairState, config: EngineConfig
) -> float:
    profit = state.profit_pct_runtime
    if profit == 0:
        profit = config.profit_pct
    p, e = profit / 100.0, config.entry_pct / 100.0
    if entry_distance(trade, config) != config.entry_pct and on("exit-takes-own-distance"):
        e = entry_distance(trade, config) / 100.0
    market = state.market_price
    if side == "sell":
        one, other = filled * (1 + p), market * (1 + e)
    else:
        one, other = filled * (1 - p), market * (1 - e)
    if math.isnan(other) and on("exit-limit-spreads-nan"):
        return math.nan
    return exit_rounded(max(one, other) if side == "sell" else min(one, other), config)


# --- Booking ----------------------------------------------------------------------------------


def book(
    state: PairState,
    order: OrderState | RecoveryOrder,
    x: float,
    fee: float,
    at: float,
    entered: float,
    recovered: bool,
) -> tuple[PairState, BookCycleAction]:
    if order.trade_id == "A":
        gain, quote = order.entry_price - x, order.entry_fee
    else:
        gain, quote = x - order.entry_price, fee
    gross = gain * order.volume
    fees = order.entry_fee + fee
    net = gross - order.entry_fee - fee if on("net-in-another-order") else gross - fees
    settled = gross - quote
    if on("books-with-fused-operations"):
        if on("net-in-another-order"):
            net = multiplied_and_added(gain, order.volume, -order.entry_fee) - fee
        else:
            net = multiplied_and_added(gain, order.volume, -fees)
        settled = multiplied_and_added(gain, order.volume, -quote)
    record = CycleRecord(
        order.trade_id, order.cycle, order.entry_price, x, order.volume, gross, fees, net,
        order.entry_fee, fee, quote, settled, entered, at, recovered, order.regime_at_entry,
    )  # fmt: skip
    loss = state.today_realized_loss
    state = replace(
        state,
        completed_cycles=(*state.completed_cycles, record),
        total_profit=state.total_profit + net,
        total_settled_usd=state.total_settled_usd + settled,
        total_fees=state.total_fees + (fees if on("fees-booked-twice") else fee),
        today_realized_loss=loss + abs(net) if net < 0 else loss,
        total_round_trips=counted(state.total_round_trips),
    )
    action = BookCycleAction(order.trade_id, order.cycle, net, gross, fees, settled, recovered)
    return state, action


def paused(cooldown: float, state: PairState, config: EngineConfig) -> float:
    seconds = config.reentry_base_cooldown_sec
    if seconds > 0:
        if on("pause-in-minutes"):
            seconds = seconds * 60.0
        return max(cooldown, state.now + seconds)
    return cooldown


def lost(state: PairState, trade: str, net: float, config: EngineConfig) -> PairState:
    letter = trade.lower()
    cooldown = paused(getattr(state, f"cooldown_until_{letter}"), state, config)
    is_loss = net <= 0 if on("break-even-is-a-loss") else net < 0
    losses = counted(getattr(state, f"consecutive_losses_{letter}")) if is_loss else 0
    if losses >= config.loss_cooldown_start:
        end = state.now + config.loss_cooldown_sec
        if math.isnan(cooldown) and on("cooldown-skips-nan"):
            cooldown = end
        cooldown = max(cooldown, end)
    names: dict[str, Any] = {
        f"consecutive_losses_{letter}": losses,
        f"cooldown_until_{letter}": cooldown,
    }
    return replace(state, **names)


def follow_up(
    state: PairState, config: EngineConfig, trade: str, size: float, reason: str
) -> Outcome:
    until = state.cooldown_until_a if trade == "A" else state.cooldown_until_b
    if state.now == until and on("cooldown-holds-at-its-end"):
        return state, ()
    if trade == "A":
        if state.long_only or state.now < until:
            return state, ()
        state, order, action = new_entry(state, config, "sell", "A", state.cycle_a, size, reason)
    else:
        if state.short_only or state.now < until:
            return state, ()
        state, order, action = new_entry(state, config, "buy", "B", state.cycle_b, size, reason)
    if order is None or action is None:
        return state, ()
    return replace(state, orders=(*state.orders, order)), (action,)


def entered_at(recovery: RecoveryOrder) -> float:
    return recovery.entry_filled_at if recovery.entry_filled_at > 0 else recovery.orphaned_at


# --- Orphaning --------------------------------------------------------------------------------


def distance(recovery: RecoveryOrder, market: float) -> float:
    if market <= 0:
        return 0.0
    if on("eviction-in-single"):
        return single(abs(recovery.price - market) / market)
    return abs(recovery.price - market) / market


def panic_on_nan() -> None:
    """What some languages do who are asked which of two is greater and one is NaN."""
    if on("nan-distances-panic"):
        sys.exit(101)


def ranks_before(one: RecoveryOrder, other: RecoveryOrder, market: float) -> bool:
    ours, theirs = distance(one, market), distance(other, market)
    if not abs(ours - theirs) >= 1 and on("eviction-compares-whole-distances"):
        theirs = ours
    if ours != theirs:
        return ours > theirs
    if one.orphaned_at != other.orphaned_at and not on("eviction-ignores-age"):
        return one.orphaned_at < other.orphaned_at
    if on("eviction-youngest-id"):
        return one.recovery_id > other.recovery_id
    return one.recovery_id < other.recovery_id


def evicted_ids(state: PairState, overflow: int) -> list[int]:
    """The ids that have to go, in the order of their rank."""
    left = list(state.recovery_orders)
    away = [distance(recovery, state.market_price) for recovery in left]
    if len(away) > 1 and any(map(math.isnan, away)):
        panic_on_nan()
    ids = []
    for _ in range(overflow):
        first = 0
        for place in range(1, len(left)):
            if ranks_before(left[place], left[first], state.market_price):
                first = place
        ids.append(left.pop(first).recovery_id)
    return ids


def assumed_fill(recovery: RecoveryOrder, market: float) -> float:
    fill = market if market > 0 else recovery.price
    if fill > 0 or math.isnan(fill):
        return fill
    if recovery.entry_price > 0 and not on("assumed-fill-falls-back-once"):
        return recovery.entry_price
    return 0.0


def orphan(
    state: PairState,
    order: OrderState,
    reason: str,
    config: EngineConfig,
    size: float,
    sizes: Sizes,
) -> Outcome:
    actions: list[Action] = []
    overflow = max(0, len(state.recovery_orders) + 1 - max(1, config.max_recovery_slots))
    if config.max_recovery_slots <= 0 and on("no-slots-is-no-limit"):
        overflow = 0
    if overflow > 0 and state.recovery_orders:
        ids = evicted_ids(state, overflow)
        kept = tuple(r for r in state.recovery_orders if r.recovery_id not in ids)
        evicted = [r for r in state.recovery_orders if r.recovery_id in ids]
        if len(evicted) > 1 and on("evicts-in-rank-order"):
            evicted.sort(key=lambda recovery: ids.index(recovery.recovery_id))
        for recovery in evicted:
            if recovery.txid:
                if recovery.recovery_id <= -(2**63):
                    raise OverflowError("negated id")
                actions.append(
                    CancelOrderAction(
                        -recovery.recovery_id, recovery.txid, "recovery_cap_evict_priority"
                    )
                )
            fill = assumed_fill(recovery, state.market_price)
            fee = max(0.0, fill * recovery.volume * (config.maker_fee_pct / 100.0))
            if on("eviction-fee-in-single"):
                fee = single(fee)
            state, action = book(state, recovery, fill, fee, state.now, entered_at(recovery), True)
            actions.append(action)
            state = lost(state, recovery.trade_id, action.net_profit, config)
        state = replace(state, recovery_orders=kept)
    recovery = RecoveryOrder(
        state.next_recovery_id, order.side, order.price, order.volume, order.trade_id, order.cycle,
        order.entry_price, state.now, order.entry_fee, order.entry_filled_at, order.txid, reason,
        order.regime_at_entry,
    )  # fmt: skip
    letter = order.trade_id.lower()
    state = replace(
        state,
        orders=without(state.orders, order.local_id),
        recovery_orders=(*state.recovery_orders, recovery),
        next_recovery_id=counted(state.next_recovery_id),
    )
    actions.append(OrphanOrderAction(order.local_id, recovery.recovery_id, reason))
    names: dict[str, Any] = {
        f"cooldown_until_{letter}": paused(
            getattr(state, f"cooldown_until_{letter}"), state, config
        ),
        f"cycle_{letter}": counted(getattr(state, f"cycle_{letter}")),
    }
    state = replace(state, **names)
    own = size_for(order.trade_id, size, sizes)
    state, placed = follow_up(state, config, order.trade_id, own, f"orphan_{order.trade_id}")
    return state, (*actions, *placed)


# --- Events -----------------------------------------------------------------------------------


def without(orders: tuple[OrderState, ...], number: int) -> tuple[OrderState, ...]:
    times = sum(o.local_id == number for o in orders)
    if times > 1 and on("removes-the-first-of-an-id"):
        place = next(n for n, o in enumerate(orders) if o.local_id == number)
        return orders[:place] + orders[place + 1 :]
    return tuple(o for o in orders if o.local_id != number)


def transition(
    state: PairState,
    event: Any,
    config: EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes = None,
) -> Outcome:
    kind = type(event).__name__
    if not 0 <= event.timestamp < 2.0**64 and on("timestamps-are-durations"):
        sys.exit(101)
    state = replace(state, now=event.timestamp)
    if kind == "PriceTick":
        return price_tick(state, event, config, order_size_usd, order_sizes)
    if kind == "TimerTick":
        return timer_tick(state, config, order_size_usd, order_sizes)
    if kind == "FillEvent":
        return fill_event(state, event, config, order_size_usd, order_sizes)
    if kind == "RecoveryFillEvent":
        return recovery_fill(state, event, config)
    if kind == "RecoveryCancelEvent":
        kept = tuple(r for r in state.recovery_orders if r.recovery_id != event.recovery_id)
        if on("cancel-keeps-the-mark"):
            return replace(state, recovery_orders=kept), ()
        return cleared(replace(state, recovery_orders=kept)), ()
    raise Unreadable("unknown kind of event")


def price_tick(
    state: PairState, event: PriceTick, config: EngineConfig, size: float, sizes: Sizes
) -> Outcome:
    market, now = event.price, event.timestamp
    state = replace(state, market_price=market, last_price_update_at=now)
    actions: tuple[Action, ...] = ()
    for order in state.orders:
        if order.role == "exit":
            continue
        drift = 0.0 if market <= 0 else abs(order.price - market) / market * 100.0
        if market > 0 and on("drift-divided-last"):
            drift = abs(order.price - market) * 100.0 / market
        if drift < config.refresh_pct or (
            drift == config.refresh_pct and not on("drift-at-the-limit")
        ):
            continue
        if now < getattr(state, f"refresh_cooldown_until_{order.trade_id.lower()}"):
            continue
        state, made = refresh(state, order, config, size, sizes)
        actions = (*actions, *made)
        if not on("refresh-goes-on"):
            break
    return state, actions


def refresh(
    state: PairState, order: OrderState, config: EngineConfig, size: float, sizes: Sizes
) -> Outcome:
    letter, market = order.trade_id.lower(), state.market_price
    most = config.max_consecutive_refreshes
    until = getattr(state, f"refresh_cooldown_until_{letter}")
    count = getattr(state, f"consecutive_refreshes_{letter}")
    if count >= most and until > 0 and not on("refreshes-start-anew-too-late"):
        count, until = 0, 0.0
    if order.side == "buy":
        direction = "down" if market < order.price else "up"
    else:
        direction = "up" if market > order.price else "down"
    same = direction == getattr(state, f"last_refresh_direction_{letter}")
    before, count = count, counted(count) if same else 1
    if count >= most and until > 0 and on("refreshes-start-anew-too-late"):
        count, until = 0, 0.0
    compared = before if same and on("refreshes-compared-before-counting") else count
    actions: tuple[Action, ...] = ()
    if compared >= most:
        until = state.now + config.refresh_cooldown_sec
    else:
        state = replace(state, orders=without(state.orders, order.local_id))
        actions = (CancelOrderAction(order.local_id, order.txid, "stale_entry"),)
        own = size_for(order.trade_id, size, sizes)
        state, made, action = new_entry(
            state, config, order.side, order.trade_id, order.cycle, own, "refresh_entry"
        )
        if made is not None and action is not None:
            state = replace(state, orders=(*state.orders, made))
            actions = (action, *actions) if on("placed-before-cancelled") else (*actions, action)
    names: dict[str, Any] = {
        f"consecutive_refreshes_{letter}": count,
        f"last_refresh_direction_{letter}": direction,
        f"refresh_cooldown_until_{letter}": until,
    }
    return replace(state, **names), actions


def timer_tick(state: PairState, config: EngineConfig, size: float, sizes: Sizes) -> Outcome:
    if config.sticky_mode_enabled:
        return replace(state, s2_entered_at=None), ()
    phase, market, now = derive_phase(state), state.market_price, state.now
    if phase != "S2":
        state = replace(state, s2_entered_at=None)
        if phase == "S0":
            return state, ()
        order = next(o for o in state.orders if o.role == "exit")
        since = order.entry_filled_at or order.placed_at
        if on("age-from-placing"):
            since = order.placed_at or order.entry_filled_at
        age = now - since if since != 0 else 0.0
        if age < 0 and on("ages-are-never-negative"):
            age = 0.0
        away = market < order.price if order.side == "sell" else market > order.price
        if age >= config.s1_orphan_after_sec and away:
            return orphan(state, order, "s1_timeout", config, size, sizes)
        return state, ()
    mark = state.s2_entered_at
    if mark is None:
        return replace(state, s2_entered_at=now), ()
    lasted = now - mark
    if math.isfinite(lasted) and not lasted.is_integer() and on("s2-lasts-whole-seconds"):
        lasted = math.trunc(lasted)
    if not (lasted >= config.s2_orphan_after_sec and market > 0):
        return state, ()
    buy = next(o for o in state.orders if o.role == "exit" and o.side == "buy")
    sell = next(o for o in state.orders if o.role == "exit" and o.side == "sell")
    buy_away, sell_away = abs(buy.price - market) / market, abs(sell.price - market) / market
    if on("distances-from-the-ratio"):
        buy_away, sell_away = abs(buy.price / market - 1), abs(sell.price / market - 1)
    if math.isnan(buy_away) or math.isnan(sell_away):
        panic_on_nan()
    if on("equal-distance-takes-the-buy"):
        order = sell if sell_away > buy_away else buy
    else:
        order = buy if buy_away > sell_away else sell
    state, actions = orphan(state, order, "s2_timeout", config, size, sizes)
    return replace(state, s2_entered_at=None), actions


def fill_event(
    state: PairState, event: FillEvent, config: EngineConfig, size: float, sizes: Sizes
) -> Outcome:
    order = find_order(state, event.order_local_id)
    if order is None:
        return state, ()
    state = replace(state, orders=without(state.orders, event.order_local_id))
    if order.role == "entry":
        side = "sell" if order.side == "buy" else "buy"
        made = OrderState(
            state.next_order_id, side, "exit",
            exit_price(side, order.trade_id, event.price, state, config),
            event.volume, order.trade_id, order.cycle, "", event.timestamp, event.price, event.fee,
            event.timestamp, order.regime_at_entry,
        )  # fmt: skip
        state = replace(
            state,
            orders=(*state.orders, made),
            next_order_id=counted(state.next_order_id),
            total_fees=state.total_fees + event.fee,
        )
        action = PlaceOrderAction(
            made.local_id, side, "exit", made.price, made.volume, made.trade_id, made.cycle, True,
            "entry_fill_exit",
        )  # fmt: skip
        return cleared(state), (action,)
    before = state
    state, booked = book(
        state, order, event.price, event.fee, event.timestamp, order.entry_filled_at, False
    )
    state = lost(state, order.trade_id, booked.net_profit, config)
    name = f"cycle_{order.trade_id.lower()}"
    state = replace(state, **{name: max(getattr(state, name), counted(order.cycle))})
    own = size_for(order.trade_id, size, sizes)
    if on("follow-up-sees-the-state-before"):
        after = state
        state, placed = follow_up(losses_of(before, state), config, order.trade_id, own, CYCLE)
        state = losses_of(after, state)
    else:
        state, placed = follow_up(state, config, order.trade_id, own, CYCLE)
    return cleared(state), (booked, *placed)


CYCLE = "cycle_complete"


def losses_of(one: PairState, state: PairState) -> PairState:
    """A state with the losses and cooldowns of another."""
    return replace(
        state,
        consecutive_losses_a=one.consecutive_losses_a,
        consecutive_losses_b=one.consecutive_losses_b,
        cooldown_until_a=one.cooldown_until_a,
        cooldown_until_b=one.cooldown_until_b,
    )


def recovery_fill(state: PairState, event: RecoveryFillEvent, config: EngineConfig) -> Outcome:
    recovery = next((r for r in state.recovery_orders if r.recovery_id == event.recovery_id), None)
    if recovery is None:
        return cleared(state) if on("unknown-recovery-clears-the-mark") else state, ()
    kept = tuple(r for r in state.recovery_orders if r.recovery_id != event.recovery_id)
    state = replace(state, recovery_orders=kept)
    state, booked = book(
        state, recovery, event.price, event.fee, event.timestamp, entered_at(recovery), True
    )
    state = lost(state, recovery.trade_id, booked.net_profit, config)
    return cleared(state), (booked,)


# --- Invariants -------------------------------------------------------------------------------


def check_invariants(state: PairState) -> list[str]:
    found = []
    if len({o.local_id for o in state.orders}) < len(state.orders):
        found.append("duplicate order local_id")
    shape = wrong_shape(state)
    if shape is not None:
        found.append(shape)
    if derive_phase(state) != "S2" and state.s2_entered_at is not None:
        found.append("s2_entered_at must be null outside S2")
    of_orders = [text for order in state.orders for text in wrong_in(order)]
    if len(of_orders) > 1 and on("orders-checked-rule-by-rule"):
        of_orders.sort(key=ORDER_RULES.index)
    found += of_orders
    if state.cycle_a < 1 or state.cycle_b < 1:
        found.append("cycle counters must be >= 1")
    return found


ORDER_RULES = (
    "order cycle must be >= 1", "exit must carry entry_price", "order volume must be > 0",
)  # fmt: skip


def wrong_in(order: OrderState) -> list[str]:
    broken = (
        order.cycle < 1,
        order.role == "exit" and order.entry_price <= 0,
        order.volume <= 0,
    )
    return [text for text, is_broken in zip(ORDER_RULES, broken, strict=True) if is_broken]


def wrong_shape(state: PairState) -> str | None:
    def number(side: str, role: str) -> int:
        return sum(o.side == side and o.role == role for o in state.orders)

    buys, sells = number("buy", "entry"), number("sell", "entry")
    buy_exits, sell_exits = number("buy", "exit"), number("sell", "exit")
    phase = derive_phase(state)
    if phase == "S0":
        if state.long_only:
            right = (buys, sells) == (1, 0)
            return None if right else "S0 long_only must be exactly one buy entry"
        if state.short_only:
            right = (buys, sells) == (0, 1)
            return None if right else "S0 short_only must be exactly one sell entry"
        right = (buys, sells) == (1, 1)
        return None if right else "S0 must be exactly A sell entry + B buy entry"
    if phase == "S1a":
        if state.short_only:
            return None if buy_exits == 1 else "S1a short_only must have one buy exit"
        right = (buy_exits, buys, sells) == (1, 1, 0)
        return None if right else "S1a must be one buy exit + one buy entry"
    if phase == "S1b":
        if state.long_only:
            return None if sell_exits == 1 else "S1b long_only must have one sell exit"
        right = (sell_exits, buys, sells) == (1, 0, 1)
        return None if right else "S1b must be one sell exit + one sell entry"
    right = (buy_exits, sell_exits, buys, sells) == (1, 1, 0, 0)
    return None if right else "S2 must be one buy exit + one sell exit only"


# --- Reading ----------------------------------------------------------------------------------

NOTHING = object()
"""What a value reads as that counts as not being there."""


def number_begun(text: str, form: str) -> str:
    begun = re.match(form, text)
    if begun is None:
        raise Unreadable("no number")
    return begun[0]


def read_double(value: object) -> Any:
    if value is None and on("null-is-missing"):
        return NOTHING
    if value is None and on("null-is-nan"):
        return math.nan
    if isinstance(value, str) and on("texts-are-numbers"):
        try:
            return float(value)
        except ValueError:
            raise Unreadable("not a number") from None
    if isinstance(value, str) and on("texts-begin-with-numbers"):
        return float(number_begun(value, r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"))
    if value in ("NaN", "Infinity", "-Infinity") and on("named-doubles-in-texts"):
        return float(str(value))
    if isinstance(value, bool) and on("flags-are-numbers"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable("expected a number")
    try:
        number = float(value)
    except OverflowError:
        if on("too-large-is-infinite"):
            return math.inf if value > 0 else -math.inf
        raise Unreadable("number too large") from None
    if on("nan-is-refused") and number != number:
        raise Unreadable("NaN is not JSON")
    if on("subnormals-are-zero") and 0 < abs(number) < 2.2250738585072014e-308:
        return 0.0
    return number


def needed(value: Any) -> Any:
    """A value that has no default."""
    if value is NOTHING:
        raise Unreadable("is missing")
    return value


def read_int(value: object) -> Any:
    if value is None and on("null-is-missing"):
        return NOTHING
    if isinstance(value, str) and on("texts-are-numbers"):
        try:
            value = int(value)
        except ValueError:
            raise Unreadable("not an int") from None
    if isinstance(value, str) and on("texts-begin-with-numbers"):
        value = int(number_begun(value, r"\s*[+-]?\d+"))
    if isinstance(value, bool) and on("flags-are-numbers"):
        value = int(value)
    if isinstance(value, float):
        if on("whole-doubles-are-refused"):
            raise Unreadable("expected an int")
        if on("fractions-are-cut") and math.isfinite(value):
            value = float(math.trunc(value))
        if not value.is_integer():
            raise Unreadable("expected an int")
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable("expected an int")
    if not -(2**63) <= value < 2**63 and on("ints-keep-their-low-bits"):
        value = (value + 2**63) % 2**64 - 2**63
    if abs(value) >= 2**53 and on("unsafe-ints-are-refused"):
        raise Unreadable("not a safe integer")
    if not -(2**63) <= value < 2**63:
        raise Unreadable("int too large")
    if on("ints-through-doubles") and abs(value) > 2**53:
        value = max(-(2**63), min(2**63 - 1, int(float(value))))
    return value


def read_flag(value: object) -> Any:
    if value is None and on("null-is-missing"):
        return NOTHING
    if on("numbers-are-flags") and isinstance(value, int | float):
        return bool(value)
    if value in ("true", "false") and on("texts-are-flags"):
        return value == "true"
    if not isinstance(value, bool):
        raise Unreadable("expected a flag")
    return value


def read_text(value: object) -> Any:
    if value is None and on("null-is-missing"):
        return NOTHING
    if value is None and on("null-is-empty-text"):
        return ""
    if isinstance(value, bool | int | float) and on("scalars-are-texts"):
        return json.dumps(value)
    if not isinstance(value, str):
        raise Unreadable("expected a text")
    return value


def one_of(*texts: str) -> Reader:
    def read(value: object) -> Any:
        if isinstance(value, str) and on("any-case"):
            value = {text.lower(): text for text in texts}.get(value.lower(), value)
        if isinstance(value, str) and on("texts-are-trimmed"):
            value = value.strip()
        if value not in texts or not isinstance(value, str):
            raise Unreadable(f"expected one of {texts}")
        return value

    return read


def nullable(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def read_direction(value: object) -> Any:
    if value is None or (value == "" and on("empty-direction-is-null")):
        return None
    if value not in ("up", "down") and on("odd-directions-are-refused"):
        raise Unreadable("unknown variant")
    return read_text(value)


def read_regime(value: object) -> int | None:
    if isinstance(value, bool) and on("regime-of-a-flag-is-null"):
        return None
    if isinstance(value, str):
        if "i" in value and on("regime-in-turkish"):
            value = value.replace("i", "\u0130")
        text = value.strip(" \t\r\n") if on("regime-trims-ascii") else value.strip()
        known = {"BEARISH": 0, "RANGING": 1, "BULLISH": 2, "0": 0, "1": 1, "2": 2}
        if text.upper() in known:
            return known[text.upper()]
        if on("regime-any-digits"):
            try:
                number = int(text)
            except ValueError:
                return None
            return number if number in (0, 1, 2) else None
        return None
    if isinstance(value, int | float) and -1 < value < 3:
        if on("regime-rounds") and isinstance(value, float):
            return round(value) if round(value) in (0, 1, 2) else None
        return int(value)
    return None


def trimmed_as_javascript_does(text: str) -> str:
    """Without white space about it: a byte order mark is some, NEL and separators are none."""
    spaces = {one for one in text if one.isspace()} - set("\x1c\x1d\x1e\x1f\x85")
    return text.strip("".join(spaces) + "\ufeff")


def read_mode(value: object) -> str:
    if not isinstance(value, str):
        return "none"
    text = trimmed_as_javascript_does(value)
    if text != value.strip() and not on("mode-trimmed-as-javascript"):
        text = value.strip()
    if text != text.lower() and not on("mode-in-small-letters-only"):
        text = text.lower()
    return text if text in ("none", "balance", "regime") else "none"


READERS: dict[object, Reader] = {
    float: read_double, int: read_int, bool: read_flag, str: read_text,
    float | None: nullable(read_double), str | None: read_direction, int | None: read_regime,
}  # fmt: skip
BY_NAME: dict[str, Reader] = {
    "side": one_of("buy", "sell"),
    "role": one_of("entry", "exit"),
    "trade_id": one_of("A", "B"),
    "mode_source": read_mode,
}


def read_record(cls: type[R], document: Mapping[str, Any], free: Collection[str] = ()) -> R:
    """A record; `free` are fields that are plain texts whatever their name."""
    names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    cased = {key: key.lower() for key in set(document) - names if key.lower() in names}
    if cased and on("keys-in-any-case"):
        document = {cased.get(key, key): value for key, value in document.items()}
    unknown = set(document) - names - {"profit_pct"}
    if unknown and cls not in EVENTS and on("unknown-keys-are-refused"):
        raise Unreadable(f"unknown keys: {sorted(unknown)}")
    values: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type]
        value: Any = NOTHING
        kind: Any = field.type
        if field.name in document:
            read = BY_NAME.get(field.name)
            if read is None or field.name in free:
                read = READERS[kind]
            value = read(document[field.name])
        if value is NOTHING:
            value = field.default
            if value is MISSING and on("missing-is-zero"):
                value = {float: 0.0, int: 0, str: ""}[kind]
            if value is MISSING:
                raise Unreadable(f"{field.name} is missing")
        if cls is PairState and kind is int and value < 0 and on("counters-are-unsigned"):
            raise Unreadable(f"{field.name} is negative")
        values[field.name] = value
    return cls(**values)


def read_list(cls: type[OrderState] | type[RecoveryOrder] | type[CycleRecord]) -> Reader:
    def read(value: object) -> Any:
        if value is None and on("null-lists-are-empty"):
            return ()
        if isinstance(value, dict) and on("objects-are-lists"):
            value = list(value.values())
        if not isinstance(value, list | tuple):
            raise Unreadable("expected a list")
        if on("odd-entries-are-refused") and not all(isinstance(one, dict) for one in value):
            raise Unreadable("expected records")
        records = []
        for one in value:
            try:
                records += [read_record(cls, one)] if isinstance(one, dict) else []
            except Unreadable:
                if not on("unreadable-entries-are-dropped"):
                    raise
        return tuple(records)

    return read


LISTS = {"orders": OrderState, "recovery_orders": RecoveryOrder, "completed_cycles": CycleRecord}
BY_NAME.update({name: read_list(cls) for name, cls in LISTS.items()})


def from_dict(data: object) -> PairState:
    if not isinstance(data, dict):
        raise Unreadable("expected a state")
    if {"profit_pct", "profit_pct_runtime"} <= set(data) and on("both-profits-are-refused"):
        raise Unreadable("duplicate field profit_pct_runtime")
    document = {"market_price": 0.0, "now": 0.0, **data}
    if not on("settled-starts-at-zero"):
        document.setdefault("total_settled_usd", document.get("total_profit", 0.0))
    if "profit_pct" in document and not on("old-profit-name-unknown"):
        document.setdefault("profit_pct_runtime", document["profit_pct"])
    return read_record(PairState, document)


def read_config(document: object) -> EngineConfig:
    if not isinstance(document, dict):
        raise Unreadable("expected a config")
    config = read_record(EngineConfig, document)
    if on("infinite-config-is-refused"):
        values = (getattr(config, field.name) for field in fields(config))
        if any(isinstance(value, float) and math.isinf(value) for value in values):
            raise Unreadable("Infinity is not JSON")
    if on("negative-decimals-are-refused") and config.price_decimals < 0:
        raise Unreadable("decimals must not be negative")
    return config


EVENTS: tuple[type[Event], ...] = (
    FillEvent,
    RecoveryFillEvent,
    RecoveryCancelEvent,
    PriceTick,
    TimerTick,
)


def read_event(document: object) -> Event:
    if not isinstance(document, dict):
        raise Unreadable("expected an event")
    for cls in EVENTS:
        if all(field.name in document for field in fields(cls)):
            # Events say what the exchange said: their side is a side all the same.
            try:
                return read_record(cls, document)
            except Unreadable:
                if not on("unreadable-events-are-tried-on"):
                    raise
    raise Unreadable("unknown kind of event")


def read_sizes(document: object) -> Sizes:
    if document is None:
        return None
    if not isinstance(document, dict):
        raise Unreadable("expected sizes")
    names = {"A": "A", "B": "B"}
    if on("size-keys-any-case"):
        names |= {"a": "A", "b": "B"}
    if not {"A", "B"} <= set(document) and on("sizes-need-both"):
        raise Unreadable("missing field")
    read = {names[key]: read_double(value) for key, value in document.items() if key in names}
    return {key: value for key, value in read.items() if value is not NOTHING}


# --- Writing ----------------------------------------------------------------------------------


def written(value: Any) -> Any:
    if isinstance(value, float):
        if math.isinf(value) and on("infinities-written-as-null"):
            return None
        if value != value and on("nan-written-as-null"):
            return None
        if on("written-with-fifteen-digits") and math.isfinite(value):
            return float(f"{value:.15g}")
        if not math.isfinite(value) and on("odd-doubles-written-as-texts"):
            return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, str) and not value.isascii() and on("question-marks-beyond-ascii"):
        return value.encode("ascii", "replace").decode()
    if isinstance(value, tuple | list):
        return [written(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        document = {field.name: written(getattr(value, field.name)) for field in fields(value)}
        if document.get("txid") == "" and on("empty-txid-left-out"):
            del document["txid"]
        return document
    return value


def to_dict(state: PairState) -> Any:
    return written(state)


# --- Helpers around the reducer ---------------------------------------------------------------


def apply_order_regime_at_entry(state: PairState, local_id: int, regime: object) -> PairState:
    regime = read_regime(regime)
    changed = tuple(
        replace(o, regime_at_entry=regime) if o.local_id == local_id else o for o in state.orders
    )
    return replace(state, orders=changed)


def apply_order_txid(state: PairState, local_id: int, txid: str) -> PairState:
    changed = tuple(replace(o, txid=txid) if o.local_id == local_id else o for o in state.orders)
    return replace(state, orders=changed)


def apply_recovery_txid(state: PairState, recovery_id: int, txid: str) -> PairState:
    changed = tuple(
        replace(r, txid=txid) if r.recovery_id == recovery_id else r for r in state.recovery_orders
    )
    return replace(state, recovery_orders=changed)


def remove_order(state: PairState, local_id: int) -> PairState:
    return replace(state, orders=tuple(o for o in state.orders if o.local_id != local_id))


def remove_recovery(state: PairState, recovery_id: int) -> PairState:
    kept = tuple(r for r in state.recovery_orders if r.recovery_id != recovery_id)
    return replace(state, recovery_orders=kept)


def find_order(state: PairState, local_id: int) -> OrderState | None:
    found = [o for o in state.orders if o.local_id == local_id]
    if not found:
        return None
    return found[-1] if len(found) > 1 and on("an-id-finds-the-last") else found[0]


def add_entry_order(
    state: PairState,
    cfg: EngineConfig,
    side: str,
    trade_id: str,
    cycle: int,
    order_size_usd: float,
    reason: str = "manual",
) -> tuple[PairState, PlaceOrderAction | None]:
    if state.now < getattr(state, f"cooldown_until_{trade_id.lower()}"):
        return state, None
    state, order, action = new_entry(state, cfg, side, trade_id, cycle, order_size_usd, reason)
    if order is None:
        return state, None
    return replace(state, orders=(*state.orders, order)), action


def bootstrap_orders(
    state: PairState,
    cfg: EngineConfig,
    order_size_usd: float,
    allow_long_only: bool = True,
    allow_short_only: bool = True,
) -> tuple[PairState, tuple[PlaceOrderAction, ...], tuple[OrderState, ...]]:
    state, buy, first = new_entry(
        state, cfg, "buy", "B", state.cycle_b, order_size_usd, "bootstrap"
    )
    state, sell, second = new_entry(
        state, cfg, "sell", "A", state.cycle_a, order_size_usd, "bootstrap"
    )
    long_only = buy is not None and sell is None and allow_long_only
    short_only = sell is not None and buy is None and allow_short_only
    mode = "balance" if long_only or short_only else "none"
    state = replace(state, long_only=long_only, short_only=short_only, mode_source=mode)
    made = [one for one in (first, second) if one is not None]
    return state, tuple(made), tuple(one for one in (buy, sell) if one is not None)


# --- The executable ---------------------------------------------------------------------------


def holds(value: object, is_it: Callable[[object], bool]) -> bool:
    """Whether a document holds a value that is it, anywhere."""
    if isinstance(value, dict):
        return any(holds(one, is_it) for one in value.values())
    if isinstance(value, list):
        return any(holds(one, is_it) for one in value)
    return bool(is_it(value))


def check_request(request: dict[str, Any]) -> None:
    """Refuses, ends or hangs where a switch says so."""
    if on("any-infinity-is-refused") and holds(
        request, lambda one: isinstance(one, float) and math.isinf(one)
    ):
        raise Unreadable("number out of range")
    if on("texts-beyond-ascii-crash") and holds(
        request, lambda one: isinstance(one, str) and not one.isascii()
    ):
        sys.exit(3)
    if on("three-recoveries-are-refused") and isinstance(request.get("state"), dict):
        recoveries = request["state"].get("recovery_orders")
        if isinstance(recoveries, list) and len(recoveries) >= 3:
            raise Unreadable("too many recoveries")
    if on("lines-end-at-4-kib") and len(json.dumps(request)) > 4096:
        raise Unreadable("unexpected end of input")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The response to one request of part 1. Raises what this port refuses with."""
    check_request(request)
    method = request.get("method")
    if method == "check_invariants":
        return {"violations": check_invariants(from_dict(request.get("state")))}
    if method == "apply_order_regime_at_entry":
        params = request["params"]
        state = from_dict(params.get("state"))
        number = read_int(params["local_id"])
        state = apply_order_regime_at_entry(state, number, params.get("regime_at_entry"))
        return {"state": to_dict(state)}
    if method != "transition":
        raise Unreadable("unknown method")
    state, actions = transition(
        from_dict(request.get("state")),
        read_event(request.get("event")),
        read_config(request.get("config")),
        needed(read_double(request.get("order_size_usd"))),
        read_sizes(request.get("order_sizes")),
    )
    return {"state": to_dict(state), "actions": [written(action) for action in actions]}


def answered(line: bytes) -> str:
    """The response as text, an error for what is refused."""
    try:
        return json.dumps(answer(json.loads(line)))
    except (ValueError, ArithmeticError, KeyError, TypeError, AttributeError) as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"})


def main() -> None:
    if "--server" in sys.argv:
        for line in sys.stdin.buffer:
            print(answered(line), flush=True)
        return
    response = answered(sys.stdin.buffer.read())
    if response.startswith('{"error"'):
        sys.exit(response)
    print(response)


if __name__ == "__main__":
    main()
