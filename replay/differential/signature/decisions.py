"""The signature of a step on which the cores decided differently: one acts and the other does not,
or both do but not about the same order.

What follows from a decision differs with the orders and figures at hand, so where a decision is
different no field is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from replay.core import EngineConfig
from replay.core.records import TradeId
from replay.differential.model import Difference, DifferenceKind, Signature
from replay.differential.signature.figures import (
    ROUNDING,
    SIZE,
    entry_price,
    entry_price_part,
    exit_price_part,
    missing_entry_part,
    volume_part,
)
from replay.differential.signature.guards import (
    entry_hold,
    entry_limit,
    eviction_guard,
    nearer_exit,
    new_entry,
    orphaned,
    pauses_differ,
    refresh_guard,
    time_out_guard,
)
from replay.differential.signature.moment import CANCEL, ORPHAN, Moment, Order
from replay.differential.signature.roots import erased, rank_of

ANY_EVENT: Final = "any event"
"""Stands for the event in the signature of a rule that several events share."""

DECISION: Final = "decision"
"""The kind of a signature that is about a decision."""

ORPHANING: Final = ("S1 time-out", "S2 time-out")
_PLACING: Final = ("refresh", "exit fill", *ORPHANING)
_TIMED: Final = (*ORPHANING, "no exits")
_TICKING: Final = ("refresh", *_TIMED)
_BEHIND_THE_COUNT: Final = rank_of("state.refresh_cooldown_until_*")
_ORDERS: Final = rank_of("state.orders[]")
_MARK: Final = rank_of("state.s2_entered_at")


def with_part(field: str, part: str) -> str:
    """A field, and which part of it is wrong."""
    return f"{field}: {part}" if part else field


def decision_signature(moment: Moment, event: str, rule: str, root: Difference) -> Signature | None:
    """The signature of a wrong decision; None where no decision differs, or where the settings that
    it hangs on could not be read."""
    refused = root.kind is DifferenceKind.REFUSAL
    rank = rank_of(erased(root.path))
    if not refused and rank < _ORDERS and rule not in _TICKING:
        return None  # booked or counted differently, so something was
    if rule in _TIMED and rank == _MARK and not any(side.actions for side in moment.sides):
        return None
    config = moment.settings.config
    if config is None:
        return None
    if rule == "refresh":
        decided = _of_refresh(moment, event, refused, rank, config)
    elif rule in _TIMED:
        decided = _of_time_out(moment, event, rule, refused, config)
    else:
        decided = None
    if decided is None and (refused or rank >= _ORDERS):
        return _of_new_entry(moment, rule, config)
    return decided


def _of_refresh(
    moment: Moment, event: str, refused: bool, rank: int, config: EngineConfig
) -> Signature | None:
    guard = refresh_guard(moment, config)
    if guard is not None:
        return Signature(event, "refresh", f"whether it acts: {guard}", DECISION)
    if not refused and rank >= _BEHIND_THE_COUNT and pauses_differ(moment):
        return Signature(event, "refresh", "whether it pauses", DECISION)
    return None


def _of_time_out(
    moment: Moment, event: str, rule: str, refused: bool, config: EngineConfig
) -> Signature | None:
    guard = time_out_guard(moment, rule, config)
    if guard is not None:
        return Signature(event, rule, f"whether it acts: {guard}", DECISION)
    ours, theirs = (orphaned(moment, side, rule, config) for side in moment.sides)
    if ours != theirs:
        tie = rule == "S2 time-out" and nearer_exit(moment) is None
        field = with_part("which exit is orphaned", "tie" if tie else "")
        return Signature(event, rule, field, DECISION)
    decided = None if refused else eviction_guard(moment)
    return None if decided is None else Signature(ANY_EVENT, "orphaning", decided, DECISION)


def _of_new_entry(moment: Moment, rule: str, config: EngineConfig) -> Signature | None:
    """Where one core placed a new entry and the other did not."""
    ours, theirs = (new_entry(moment, side) for side in moment.sides)
    if rule not in _PLACING:
        return _of_entry(None if (ours is None) == (theirs is None) else "never")
    at_work = _at_work(moment, rule)
    if at_work is None:
        return None
    side, trade = at_work
    refused = moment.authority.refused
    if (ours is not None or refused) == (theirs is not None):
        if theirs is None or not refused:
            return None
        # What the authority could not go on with: the shadow's figures say more than that.
        return _of_odd_entry(moment, theirs, trade, config) or volume_signature("")
    follows = rule != "refresh"
    held = entry_hold(moment, side, trade, config, follows=follows)
    if theirs is not None:
        # Made where it must not be: perhaps since its price or its volume is another one.
        odd = (
            None if held in ("mode", "cool-down") else _of_odd_entry(moment, theirs, trade, config)
        )
        return odd or _of_entry(held or "")
    if held is not None:
        return None if refused else _of_entry(held)
    limit = entry_limit(moment, side, trade, config, follows=follows)
    if limit is not None:
        return _of_entry(limit)
    part = part_of(missing_entry_part, moment, side, trade)
    if part == SIZE:
        return volume_signature(SIZE)
    if part:
        return price_signature("new entry", part)
    other_mode = moment.authority["short_only" if trade == "A" else "long_only"]
    return _of_entry("mode" if follows and other_mode else "")


def _of_odd_entry(
    moment: Moment, made: Order, trade: TradeId, config: EngineConfig
) -> Signature | None:
    """The signature of an entry with another price or size than by the contract."""
    try:
        price = entry_price(moment, made.side, trade, config)
    except (ArithmeticError, ValueError):
        return entry_price_signature(moment, made.side, trade, made.price)
    if made.price != price:
        return entry_price_signature(moment, made.side, trade, made.price)
    part = part_of(volume_part, moment, trade, made.price, made.volume)
    return volume_signature(part) if part == SIZE else None


def _at_work(moment: Moment, rule: str) -> tuple[str, TradeId] | None:
    """Side and trade of the entry that is due, or would be."""
    for answer in moment.sides:
        made = new_entry(moment, answer)
        if made is not None:
            return made.side, _trade(made.trade_id)
    if rule == "exit fill":
        ids = [moment.values[0]]
    else:
        code = CANCEL if rule == "refresh" else ORPHAN
        ids = [action[1] for answer in moment.sides for action in answer.emitted(code)]
    for order in moment.orders:
        if order.local_id in ids:
            trade = _trade(order.trade_id)
            follows = "sell" if trade == "A" else "buy"
            return order.side if rule == "refresh" else follows, trade
    return None


def _trade(text: str) -> TradeId:
    return "A" if text == "A" else "B"


def _of_entry(held: str | None) -> Signature | None:
    if held is None:
        return None
    field = with_part("whether an entry follows", held)
    return Signature(ANY_EVENT, "new entry", field, DECISION)


# --- Figures that stand for a decision, or by themselves ---------------------------------------


def part_of(told: Callable[..., str], moment: Moment, *values: object) -> str:
    """The part that `told` names, empty where it cannot be told: what a core answers may be of any
    type and size, and the settings may not be readable."""
    if moment.settings.config is None:
        return ""
    try:
        return told(moment, *values, moment.settings.config)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return ""


def price_signature(rule: str, part: str) -> Signature:
    """The signature of a wrong price of a new order."""
    kind = DifferenceKind.LAST_DIGIT if part == ROUNDING else "value"
    return Signature(ANY_EVENT, rule, with_part("state.orders[].price", part), str(kind))


def entry_price_signature(moment: Moment, side: str, trade: str, odd: float) -> Signature:
    """The signature of a wrong price of a new entry."""
    return price_signature("new entry", part_of(entry_price_part, moment, side, trade, odd))


def exit_price_signature(moment: Moment, side: str, odd: float) -> Signature:
    """The signature of a wrong price of a filled entry's exit."""
    part = part_of(exit_price_part, moment, side, odd)
    return price_signature("exit of a filled entry", part)


def volume_signature(part: str) -> Signature:
    """The signature of a wrong volume of a new entry."""
    field = with_part("state.orders[].volume", part)
    return Signature(ANY_EVENT, "order volume", field, "value")
