"""The signature of a step on which both cores did the same, but not with the same figures.

It is told by the root, and by which building block of reducer.md sets it: blocks that several
events share make one bucket whatever the event.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from replay.differential.compare import equal
from replay.differential.model import Difference, DifferenceKind, Signature
from replay.differential.signature.beyond_rules import is_read_from_text, read_signature
from replay.differential.signature.decisions import (
    ANY_EVENT,
    ORPHANING,
    entry_price_signature,
    exit_price_signature,
    part_of,
    volume_signature,
    with_part,
)
from replay.differential.signature.figures import (
    BASE,
    assumed_fill_part,
    cooldown_part,
    losses_part,
    refresh_count_part,
    refresh_pause_part,
    volume_part,
)
from replay.differential.signature.moment import BOOK, Moment, Order
from replay.differential.signature.roots import erased, place_in
from replay.streams.model import CYCLES, CallCode
from replay.targets.compact import ACTION_NAMES

TOTALS: Final = frozenset(
    {"total_profit", "total_settled_usd", "total_fees", "today_realized_loss", "total_round_trips"}
)
_ROUNDED: Final = frozenset({"price", "volume"})
_VALUE_KINDS: Final = frozenset({DifferenceKind.SIGN, DifferenceKind.MAGNITUDE})
_ORDER: Final = re.compile(r"state\.orders\[(\d+)\]")


def kind_of(root: Difference, field: str) -> str:
    """The kind as a signature has it. Whether a wrong figure is off by a little or on the other
    side of zero is a matter of the values at hand; only the last digit of what is rounded tells
    another story."""
    rounded = field.rpartition(".")[2] in _ROUNDED
    if root.kind in _VALUE_KINDS or (root.kind is DifferenceKind.LAST_DIGIT and not rounded):
        return "value"
    return str(root.kind)


def plain_signature(event: str, rule: str, root: Difference) -> Signature:
    """The signature where nothing but the field can be told."""
    field = erased(root.path)
    return Signature(event, rule, field, kind_of(root, field))


def field_signature(moment: Moment, event: str, rule: str, root: Difference) -> Signature:
    """The signature by the root."""
    field = erased(root.path)
    name, kind = field.removeprefix("state."), kind_of(root, field)
    if moment.code is CallCode.APPLY_REGIME:
        if is_read_from_text(moment.values[-1]):
            return read_signature(field)
        return Signature(event, rule, field, "value")
    if name.startswith("completed_cycles"):
        return _of_cycle(moment, rule, root, field)
    if name in TOTALS and rule != "entry fill":
        return _of_total(moment, root, field)
    if name == "consecutive_losses_*":
        part = losses_part(moment, root.path[-1], root.shadow)
        return Signature(ANY_EVENT, "count the loss", with_part(field, part), "value")
    if name == "cooldown_until_*":
        return _of_cooldown(moment, root, field)
    if name == "consecutive_refreshes_*":
        part = part_of(refresh_count_part, moment, root.path[-1], root.shadow)
        return Signature(event, rule, with_part(field, part), "value")
    if name == "refresh_cooldown_until_*":
        part = part_of(refresh_pause_part, moment, root.path[-1], root.shadow)
        if part:
            field = "state.consecutive_refreshes_*"  # step 2 resets both
        return Signature(event, rule, with_part(field, part), "value")
    if name == "last_refresh_direction_*":
        return Signature(event, rule, field, "value")
    if name == "s2_entered_at" and rule != "S2 time-out":
        # Fills are what ends S2; all other events only clear a mark that was there too long.
        whose = event if moment.code is CallCode.FILL else ANY_EVENT
        return Signature(whose, "clear the S2 mark", field, kind)
    if name.startswith("orders") or name == "next_order_id":
        return _of_order(moment, event, rule, root)
    if field.startswith("actions"):
        return _of_action(moment, event, rule, root)
    if rule in ORPHANING and name != "s2_entered_at":
        return Signature(ANY_EVENT, "orphaning", field, kind)
    return Signature(event, rule, field, kind)


# --- Booking and what follows -----------------------------------------------------------------


def _of_cycle(moment: Moment, rule: str, root: Difference, field: str) -> Signature:
    """A booked cycle. What an evicted recovery is booked at is not the event's, but worked out."""
    kind, name = kind_of(root, field), field.rpartition(".")[2]
    if rule in ORPHANING and name == "exit_price":
        place = place_in(root.path)
        left = {recovery.recovery_id for recovery in moment.authority.recoveries}
        evicted = [r for r in moment.recoveries if r.recovery_id not in left]
        assert place is not None
        gone = evicted[place - len(moment.before[CYCLES])]
        field = with_part(field, assumed_fill_part(moment, gone.price))
    if rule in ORPHANING and name in ("exit_price", "exit_fee"):
        return Signature(ANY_EVENT, "orphaning", field, kind)
    return Signature(ANY_EVENT, "book a cycle", field, kind)


def _of_total(moment: Moment, root: Difference, field: str) -> Signature:
    booked = moment.authority.emitted(BOOK)
    if field == "state.total_settled_usd" and len(booked) == 1 and equal(root.shadow, booked[0][6]):
        return read_signature(field)  # added to zero, and not to what the state had
    return Signature(ANY_EVENT, "book a cycle", field, kind_of(root, field))


def _of_cooldown(moment: Moment, root: Difference, field: str) -> Signature:
    """A trade's cooldown, which counting a loss sets and orphaning an exit."""
    trade = root.path[-1]
    if any(action[1] == trade.upper() for action in moment.authority.emitted(BOOK)):
        part = part_of(cooldown_part, moment, trade, root.shadow)
    elif equal(root.shadow, moment.was(f"cooldown_until_{trade}")):
        return Signature(ANY_EVENT, "orphaning", field, "value")
    else:
        part = BASE
    return Signature(ANY_EVENT, "count the loss", with_part(field, part), "value")


# --- Orders and actions -----------------------------------------------------------------------


def _of_order(moment: Moment, event: str, rule: str, root: Difference) -> Signature:
    field = erased(root.path)
    order = _order_of(moment, root)
    if order is not None and moment.is_new(order):
        return _of_new_order(moment, order, root, field)
    if order is not None and [o.local_id for o in moment.orders].count(order.local_id) > 1:
        return Signature(ANY_EVENT, "orders of one id", field, kind_of(root, field))
    if rule in ORPHANING:
        return Signature(ANY_EVENT, "orphaning", field, kind_of(root, field))
    return plain_signature(event, rule, root)


def _of_new_order(moment: Moment, order: Order, root: Difference, field: str) -> Signature:
    name = field.rpartition(".")[2]
    if order.role == "exit":
        if name == "price":
            return exit_price_signature(moment, order.side, root.shadow)
        return Signature(ANY_EVENT, "exit of a filled entry", field, kind_of(root, field))
    if name == "price":
        return entry_price_signature(moment, order.side, order.trade_id, root.shadow)
    if name == "volume":
        part = part_of(volume_part, moment, order.trade_id, order.price, root.shadow)
        return volume_signature(part)
    return Signature(ANY_EVENT, "new entry", field, kind_of(root, field))


def _order_of(moment: Moment, root: Difference) -> Order | None:
    """The order that the root is about, as the authority has it where it has it."""
    for value in (root.authority, root.shadow):
        if isinstance(value, Mapping):
            return Order(**value)
    match = _ORDER.match(root.path)
    return None if match is None else Order(*moment.authority["orders"][int(match[1])])


def _of_action(moment: Moment, event: str, rule: str, root: Difference) -> Signature:
    """An action that does not say what the state does."""
    field, name = erased(root.path), _action_type(moment, root)
    kind = "value" if field == "actions[]" else kind_of(root, field)
    named = f"{field} {name}" if field.startswith("actions[]") else field
    if name == "BookCycleAction":
        return Signature(ANY_EVENT, "book a cycle", named, kind)
    if name == "PlaceOrderAction" and not field.endswith("reason"):
        shared = "exit of a filled entry" if rule == "entry fill" else "new entry"
        return Signature(ANY_EVENT, shared, named, kind)
    if rule in ORPHANING:
        return Signature(ANY_EVENT, "orphaning", named, kind)
    return Signature(event, rule, named, kind)


def _action_type(moment: Moment, root: Difference) -> str:
    """The class name of the action that the root is about: of one that the cores do not emit as
    often, where there is one."""
    ours, theirs = (Counter(action[0] for action in side.actions) for side in moment.sides)
    for code, name in enumerate(ACTION_NAMES):
        if ours[code] != theirs[code]:
            return name
    place, actions = place_in(root.path), moment.authority.actions
    return ACTION_NAMES[actions[place][0]] if place is not None and place < len(actions) else ""
