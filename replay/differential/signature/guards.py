"""Which condition of the reducer a wrong decision hangs on, told from one occurrence.

Where one core acts and the other does not, the fields that differ only say that it did. But by
the contract each condition of the rule at work holds a step back or lets it pass, and what it did
is known from the state before. A condition that held the step back is at fault where a core acted
all the same. Where all let it pass and a core did not act, hardly anything is known: only what
stands exactly at its limit is named then, and the rest goes to the condition that a rule is mostly
about. A core that was refused for a number too large counts as one that acted: it had begun to.
"""

from __future__ import annotations

from dataclasses import replace

from replay.core import EngineConfig, compute_order_volume
from replay.core.records import TradeId
from replay.differential.signature.figures import entry_price, order_size
from replay.differential.signature.moment import CANCEL, ORPHAN, Answer, Moment, Order, Recovery

_REFRESH_COUNTERS = ("consecutive_refreshes", "last_refresh_direction")
_REFRESH_FIELDS = (*_REFRESH_COUNTERS, "refresh_cooldown_until")


# --- PriceTick --------------------------------------------------------------------------------


def refresh_guard(moment: Moment, config: EngineConfig) -> str | None:
    """The condition of PriceTick, step 1, on which the cores differ. None where both acted on the
    same entry, or neither acted."""
    ours, theirs = (_refreshed(moment, side, config) for side in moment.sides)
    acted = [order for order in (ours, theirs) if order is not None]
    if not acted or (len(acted) == 2 and acted[0].local_id == acted[1].local_id):
        return None
    first = min(acted, key=moment.orders.index)
    held = _refresh_hold(moment, first, config)
    if held is not None:
        return held
    if moment.now == moment.was(f"refresh_cooldown_until_{first.trade_id.lower()}"):
        return "cool-down"
    return None if len(acted) == 1 and _only_a_pause_is_set(moment) else "drift"


def _refreshed(moment: Moment, side: Answer, config: EngineConfig) -> Order | None:
    """The entry that a core refreshed, or whose trade's refreshes it paused."""
    if side.refused:
        passing = (o for o in moment.orders if _refresh_hold(moment, o, config) is None)
        return next(passing, None)
    gone = {action[1] for action in side.emitted(CANCEL)}
    gone |= {o.local_id for o in moment.orders} - {o.local_id for o in side.orders}
    for order in moment.orders:
        if order.local_id in gone:
            return order
    for trade in ("A", "B"):
        if any(side.changed(f"{name}_{trade.lower()}") for name in _REFRESH_FIELDS):
            own = [o for o in moment.orders if o.trade_id == trade and o.role == "entry"]
            drifted = (o for o in own if _refresh_hold(moment, o, config) is None)
            return next(drifted, own[0] if own else None)
    return None


def _only_a_pause_is_set(moment: Moment) -> bool:
    """Whether all that one core did was to set the end of a pause. The other may have set it, too:
    to what it was. A wrong figure is then as likely as a wrong decision, and needs no other."""
    return not any(
        side.actions
        or side.refused
        or any(side.changed(f"{name}_{trade}") for name in _REFRESH_COUNTERS for trade in "ab")
        for side in moment.sides
    )


def _refresh_hold(moment: Moment, order: Order, config: EngineConfig) -> str | None:
    """What step 1 holds an entry back by."""
    market = moment.market
    if order.role == "exit":
        return "role"
    drift = 0.0 if market <= 0 else abs(order.price - market) / market * 100.0
    if drift <= config.refresh_pct:
        return "drift"
    if moment.now < moment.was(f"refresh_cooldown_until_{order.trade_id.lower()}"):
        return "cool-down"
    return None


def pauses_differ(moment: Moment) -> bool:
    """Whether one core paused a trade's refreshes (step 5) and the other went on (step 6)."""
    ours, theirs = (
        {order.local_id for order in moment.orders} <= {order.local_id for order in side.orders}
        and not side.emitted(CANCEL)
        for side in moment.sides
    )
    return ours != theirs


# --- TimerTick --------------------------------------------------------------------------------


def time_out_guard(moment: Moment, rule: str, config: EngineConfig) -> str | None:
    """The condition of TimerTick on which the cores differ. None where both orphaned an exit, or
    neither did."""
    ours, theirs = (orphaned(moment, side, rule, config) for side in moment.sides)
    if (ours is None) == (theirs is None):
        return None
    if config.sticky_mode_enabled:
        return "sticky mode"
    held = _time_out_hold(moment, rule, config)
    if held is not None or rule != "S1 time-out":
        return held or "age"
    order = first_exit(moment)
    filled, placed, limit = order.entry_filled_at, order.placed_at, config.s1_orphan_after_sec
    if moment.now - (filled if filled != 0 else placed) == limit:
        return "age"
    # Counted from when it was placed it may be too young.
    too_young = placed == 0 or not moment.now - placed >= limit
    return "age" if filled != 0 and too_young else "moved away"


def orphaned(moment: Moment, side: Answer, rule: str, config: EngineConfig) -> int | None:
    """The id of the exit that a core orphaned, or would have; -1 where it did something else."""
    if side.refused:
        if config.sticky_mode_enabled or _time_out_hold(moment, rule, config) is not None:
            return None
        if rule == "S1 time-out":
            return first_exit(moment).local_id
        return first_exit(moment, "buy" if nearer_exit(moment) == "sell" else "sell").local_id
    for action in side.emitted(ORPHAN):
        exit_id: int = action[1]
        return exit_id
    left = {order.local_id for order in side.orders}
    for order in moment.orders:
        if order.local_id not in left:
            return order.local_id
    return -1 if side.actions or side.changed("next_recovery_id") else None


def first_exit(moment: Moment, side: str = "") -> Order:
    """The first exit, on one side or on any. Raises LookupError where there is none: of an order
    whose side is none of the two, cores make what they like."""
    for order in moment.orders:
        if order.role == "exit" and side in ("", order.side):
            return order
    raise LookupError("there is no such exit")


def nearer_exit(moment: Moment) -> str | None:
    """The side of the exit that is nearer to the market in S2; None in a tie."""
    market = moment.market
    buy, sell = (abs(first_exit(moment, s).price - market) / market for s in ("buy", "sell"))
    if buy == sell:
        return None
    return "buy" if buy < sell else "sell"


def _time_out_hold(moment: Moment, rule: str, config: EngineConfig) -> str | None:
    """What holds a time-out back."""
    if rule == "no exits":
        return "phase"
    if rule == "S2 time-out":
        mark = moment.was("s2_entered_at")
        if mark is None:
            return "mark"
        if not moment.now - mark >= config.s2_orphan_after_sec:
            return "age"
        return None if moment.market > 0 else "market"
    order = first_exit(moment)
    since = order.entry_filled_at if order.entry_filled_at != 0 else order.placed_at
    age = moment.now - since if since != 0 else 0.0
    if not age >= config.s1_orphan_after_sec:
        return "age" if since != 0 else "age without a time"
    market = moment.market
    moved_away = market < order.price if order.side == "sell" else market > order.price
    return None if moved_away else "moved away"


# --- Orphaning --------------------------------------------------------------------------------


def eviction_guard(moment: Moment) -> str | None:
    """What the cores decided differently about making room: how many recoveries have to go, or by
    what they rank. None where they did not."""
    ours, theirs = (_evicted(moment, side) for side in moment.sides)
    mine = [recovery for recovery in ours if recovery not in theirs]
    its = [recovery for recovery in theirs if recovery not in ours]
    if not (mine and its):
        return "how many recoveries are evicted" if mine or its else None
    market = moment.market
    one, other = (
        0.0 if market <= 0 else abs(recovery.price - market) / market
        for recovery in (mine[0], its[0])
    )
    if one != other:
        return "which recovery is evicted: distance"
    by_age = mine[0].orphaned_at != its[0].orphaned_at
    return "which recovery is evicted: " + ("age" if by_age else "id")


def _evicted(moment: Moment, side: Answer) -> list[Recovery]:
    left = {recovery.recovery_id for recovery in side.recoveries}
    return [recovery for recovery in moment.recoveries if recovery.recovery_id not in left]


# --- New entries ------------------------------------------------------------------------------


def new_entry(moment: Moment, side: Answer) -> Order | None:
    """The entry that a core placed."""
    return next((o for o in side.orders if o.role == "entry" and moment.is_new(o)), None)


def entry_hold(
    moment: Moment, side: str, trade: TradeId, config: EngineConfig, *, follows: bool
) -> str | None:
    """What holds a new entry back; None where nothing does. `follows` where mode and cooldown
    count (reducer.md, "Follow-up entry"). Both cores agree on all that comes before."""
    after = moment.authority
    if follows and after["long_only" if trade == "A" else "short_only"]:
        return "mode"
    if follows and moment.now < after[f"cooldown_until_{trade.lower()}"]:
        return "cool-down"
    terms = _terms(moment, side, trade, config)
    return None if terms is None else _volume_hold(*terms, config)


def entry_limit(
    moment: Moment, side: str, trade: TradeId, config: EngineConfig, *, follows: bool
) -> str | None:
    """The condition that a new entry only just meets; None where there is none such."""
    terms = _terms(moment, side, trade, config)
    if terms is not None:
        price, size = terms
        if config.min_cost_usd > 0 and size == config.min_cost_usd:
            return "minimum cost of the size"
        volume = compute_order_volume(price, config, size)
        if volume == config.min_volume:
            return "minimum volume"
        if config.min_cost_usd > 0 and volume and volume * price == config.min_cost_usd:
            return "minimum cost"
    at_end = moment.now == moment.authority[f"cooldown_until_{trade.lower()}"]
    return "cool-down" if follows and at_end else None


def _terms(
    moment: Moment, side: str, trade: TradeId, config: EngineConfig
) -> tuple[float, float] | None:
    """Price and size of a new entry; None where it has none: too large a number is not held back
    but refused."""
    size = order_size(moment, trade)
    if size is None:
        return None
    try:
        price = entry_price(moment, side, trade, config)
        if price > 0:
            compute_order_volume(price, config, size)
    except (ArithmeticError, ValueError):
        return None
    return price, size


def _volume_hold(price: float, size: float, config: EngineConfig) -> str | None:
    """Which limit of reducer.md, "Order volume", is not met."""
    if price <= 0 or size <= 0:
        return "nothing to order"
    if config.min_cost_usd > 0 and size < config.min_cost_usd:
        return "minimum cost of the size"
    if compute_order_volume(price, config, size) is not None:
        return None
    free = compute_order_volume(price, replace(config, min_cost_usd=0.0), size) is not None
    return "minimum cost" if free else "minimum volume"
