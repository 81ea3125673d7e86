"""Decides which divergences are the same bug: the signature, from which a bucket has its ID.

A signature holds no values. It names the rule of the reducer at work and the *root*: of all
fields that differ the one that is computed first, since the others mostly follow from it (a wrong
fee makes a wrong net profit, a wrong total, perhaps a loss counted, a cooldown, an order not
placed). Rules that several events share (booking a cycle, the price of a new entry) make one
bucket whatever the event; otherwise the event is part of it. Whether a rule acted at all is told
apart from what it did. All this can be told from any occurrence without minimising it, so
thousands of occurrences of one bug cost no more than a comparison each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from replay.differential.compare import action_code, equal
from replay.differential.model import Difference, DifferenceKind, Signature
from replay.streams.model import (
    EVENT_FIELDS,
    ORDERS,
    RECOVERIES,
    Call,
    CallCode,
    call_name,
    code_of_document,
)
from replay.targets.base import Failure, Outcome, is_refusal
from replay.targets.compact import ACTION_NAMES

_ROLE, _SIDE = 2, 1
_PLACE, _ORPHAN, _BOOK = 0, 2, 3
_ORPHANING = ("S1 time-out", "S2 time-out")
_ROUNDED = frozenset({"price", "volume"})
_ORDER_FIELD = re.compile(r"state\.orders\[(\d+)\]\.")

_UPSTREAM_FIRST: tuple[str, ...] = (
    "refusal",
    # what every event sets
    "state.now",
    "state.market_price",
    "state.last_price_update_at",
    # what is only read, never computed
    "state.profit_pct_runtime",
    "state.mode_source",
    "state.long_only",
    "state.short_only",
    # refreshing an entry
    "state.consecutive_refreshes_*",
    "state.last_refresh_direction_*",
    "state.refresh_cooldown_until_*",
    # booking a cycle, in the order in which its figures are computed
    "state.completed_cycles[]",
    "state.completed_cycles[].trade_id",
    "state.completed_cycles[].cycle",
    "state.completed_cycles[].entry_price",
    "state.completed_cycles[].exit_price",
    "state.completed_cycles[].volume",
    "state.completed_cycles[].entry_fee",
    "state.completed_cycles[].exit_fee",
    "state.completed_cycles[].gross_profit",
    "state.completed_cycles[].fees",
    "state.completed_cycles[].quote_fee",
    "state.completed_cycles[].net_profit",
    "state.completed_cycles[].settled_usd",
    "state.completed_cycles[].entry_time",
    "state.completed_cycles[].exit_time",
    "state.completed_cycles[].from_recovery",
    "state.completed_cycles[].regime_at_entry",
    "state.total_profit",
    "state.total_settled_usd",
    "state.total_fees",
    "state.today_realized_loss",
    "state.total_round_trips",
    # counting the loss
    "state.consecutive_losses_*",
    "state.cooldown_until_*",
    "state.cycle_*",
    # orphaning
    "state.recovery_orders[]",
    "state.recovery_orders[].*",
    "state.recovery_orders",
    "state.next_recovery_id",
    # orders, which all of the above decide
    "state.orders[]",
    "state.orders[].*",
    "state.orders",
    "state.next_order_id",
    "state.s2_entered_at",
    "actions[]",
    "actions[].*",
    "actions",
    "violations[]",
    "violations",
)
_RANK = {pattern: rank for rank, pattern in enumerate(_UPSTREAM_FIRST)}
_INDEX = re.compile(r"\[\d+\]")
_TRADE = re.compile(r"_[ab]$")
_VALUE_KINDS = frozenset({DifferenceKind.SIGN, DifferenceKind.MAGNITUDE})


def erased(path: str) -> str:
    """A path without indices and without the trade: `state.cooldown_until_*`."""
    path = _INDEX.sub("[]", path)
    return _TRADE.sub("_*", path) if path.startswith("state.") and "[" not in path else path


def _rank(difference: Difference) -> tuple[int, str]:
    path = erased(difference.path)
    rank = _RANK.get(path)
    if rank is None:
        rank = _RANK.get(f"{path.partition('[]')[0]}[].*", len(_RANK))
    return rank, path


def root_of(differences: Sequence[Difference]) -> Difference:
    """The difference that the others most likely follow from: the first that is computed."""
    return min(differences, key=_rank)


def divergence_signature(
    call: Call,
    before: Sequence[Any] | None,
    authority: Outcome,
    shadow: Outcome,
    differences: Sequence[Difference],
) -> Signature:
    """The signature of a step on which both cores gave an outcome, but not the same."""
    event, rule = call_name(call), rule_at_work(call, before)
    acted = {_acted(call, before, authority), _acted(call, before, shadow)}
    if acted == {True, False}:
        return Signature(event, rule, "whether it acts", "decision")
    if rule in _ORPHANING and not (is_refusal(authority) or is_refusal(shadow)):
        # What follows from another choice is as different as the orders to choose from.
        if _orphaned(authority) != _orphaned(shadow):
            return Signature(event, rule, "which exit is orphaned", "decision")
        if _kept_recoveries(authority) != _kept_recoveries(shadow):
            return Signature(ANY_EVENT, "orphaning", "which recovery is evicted", "decision")
    root = root_of(differences)
    field = erased(root.path)
    kind = _kind(root, field)
    if root.kind is DifferenceKind.REFUSAL:
        return Signature(event, rule, f"refusal {_refusals(root)}", kind)
    if field.startswith("violations"):
        texts = [text for text in (root.authority, root.shadow) if isinstance(text, str)]
        return Signature(ANY_EVENT, "invariants", " ".join([field, *texts]), kind)
    if field.startswith("actions[]"):
        field = f"{field} {_action_type(root, authority)}"
    shared = _shared_rule(root, field, rule, authority)
    return Signature(event, rule, field, kind) if shared is None else Signature(
        ANY_EVENT, shared, field, kind
    )  # fmt: skip


ANY_EVENT = "any event"
"""Stands for the event in the signature of a rule that several events share."""

_ONLY_READ = frozenset(
    {"state.profit_pct_runtime", "state.mode_source", "state.long_only", "state.short_only"}
)
_REFRESH_FIELDS = range(23, 29)
_BOOKED = ("state.completed_cycles[].", "state.total_", "state.today_realized_loss")


def _kind(root: Difference, field: str) -> str:
    """The kind as a signature has it. Whether a wrong figure is off by a little or on the other
    side of zero is a matter of the values at hand; only the last digit of what is rounded tells
    another story."""
    rounded = field.rpartition(".")[2] in _ROUNDED
    if root.kind in _VALUE_KINDS or (root.kind is DifferenceKind.LAST_DIGIT and not rounded):
        return "value"
    return str(root.kind)


def _orphaned(outcome: Outcome) -> list[Any]:
    return [action[1:2] for action in outcome[1] if action_code(action) == _ORPHAN]


def _kept_recoveries(outcome: Outcome) -> list[Any]:
    named = dict(zip(outcome[0][::2], outcome[0][1::2], strict=True))
    recoveries = named.get(RECOVERIES, ())
    if not isinstance(recoveries, list | tuple):
        return []
    return [r[0] for r in recoveries if isinstance(r, list | tuple) and r]


def _acted(call: Call, before: Sequence[Any] | None, outcome: Outcome) -> bool | None:
    """Whether a tick did more than take note of price and time; None for all other calls and
    for refusals."""
    code, _ = _code_and_values(call)
    ticks = (CallCode.PRICE_TICK, CallCode.TIMER_TICK)
    if before is None or code not in ticks or is_refusal(outcome):
        return None
    if outcome[1]:
        return True
    # A delta also names fields that were set from outside, so naming is not changing.
    return code is CallCode.PRICE_TICK and any(
        index in _REFRESH_FIELDS and not equal(value, before[index])
        for index, value in zip(outcome[0][::2], outcome[0][1::2], strict=True)
    )


def _shared_rule(root: Difference, field: str, rule: str, authority: Outcome) -> str | None:
    """The building block of reducer.md that the root belongs to, where several events share it."""
    if field in _ONLY_READ:
        return "reading a state"
    if rule == "entry fill" and field == "state.total_fees":
        return None
    if field.startswith(_BOOKED):
        return "book a cycle"
    booked = any(action_code(action) == _BOOK for action in authority[1])
    if field.startswith(("state.consecutive_losses", "state.cooldown_until")) and booked:
        return "count the loss"
    if field == "state.s2_entered_at" and not rule.endswith("time-out"):
        return "clear the S2 mark"
    if rule in _ORPHANING and not field.startswith("state.orders"):
        return "orphaning"
    placed = _placed(root, authority)
    if placed is not None:
        name = field.rpartition(".")[2]
        if placed == "exit":
            return "exit of a filled entry"
        return "order volume" if name == "volume" else "new entry"
    if field in ("state.orders[]", "state.next_order_id") and rule != "refresh":
        return "follow-up entry" if rule != "entry fill" else None
    return None


def _placed(root: Difference, authority: Outcome) -> str | None:
    """The role of the order just placed that the root is a field of, if it is one."""
    match = _ORDER_FIELD.match(root.path)
    if match is None:
        return None
    orders = dict(zip(authority[0][::2], authority[0][1::2], strict=True)).get(ORDERS, ())
    place = int(match[1])
    if place >= len(orders):
        return None
    order = orders[place]
    placed = any(
        action_code(action) == _PLACE and equal(action[1:2], order[:1]) for action in authority[1]
    )
    return str(order[_ROLE]) if placed else None


def _action_type(root: Difference, authority: Outcome) -> str:
    """The class name of the action that the root is about."""
    for value in (root.authority, root.shadow):
        if isinstance(value, Mapping):
            return str(value.get("type", ""))
    place = int(_INDEX.findall(root.path)[0][1:-1])
    code = action_code(authority[1][place]) if place < len(authority[1]) else None
    return "" if code is None else ACTION_NAMES[code]


def _refusals(root: Difference) -> str:
    """Which side refused and why, ids erased."""
    sides = [f"{side}: {_INDEX.sub('[]', str(value))}" for side, value in (
        ("authority", root.authority), ("shadow", root.shadow)
    ) if isinstance(value, str)]  # fmt: skip
    return ", ".join(sides)


def failure_signature(call: Call, before: Sequence[Any] | None, failure: Failure) -> Signature:
    """The signature of a step that a core gave no usable answer to."""
    rule = rule_at_work(call, before)
    return Signature(call_name(call), rule, "", str(failure.kind), failure=True)


def rule_at_work(call: Call, before: Sequence[Any] | None) -> str:
    """The part of the reducer that this event meets in that state, told from the state alone.

    Not from what the authority then did: a turned comparison makes one core act where the other
    does not, now this way and now that, and that is still one bug.
    """
    code, values = _code_and_values(call)
    if before is None:
        return "unreadable state"
    if code is CallCode.FILL:
        role = next((order[_ROLE] for order in before[ORDERS] if order[0] == values[0]), None)
        return "unknown order" if role is None else f"{role} fill"
    if code in (CallCode.RECOVERY_FILL, CallCode.RECOVERY_CANCEL):
        known = any(recovery[0] == values[0] for recovery in before[RECOVERIES])
        what = "fill" if code is CallCode.RECOVERY_FILL else "cancel"
        return f"recovery {what}" if known else "unknown recovery"
    if code is CallCode.TIMER_TICK:
        exits = {order[_SIDE] for order in before[ORDERS] if order[_ROLE] == "exit"}
        return "S2 time-out" if len(exits) == 2 else "S1 time-out" if exits else "no exits"
    if code is CallCode.PRICE_TICK:
        return "refresh"
    return ""


def _code_and_values(call: Call) -> tuple[CallCode | None, Sequence[Any]]:
    if isinstance(call, Mapping):
        code = code_of_document(call)
        return code, () if code is None else [call[name] for name in EVENT_FIELDS[code]]
    return CallCode(call[0]), call[1:]
