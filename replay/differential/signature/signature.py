"""Decides which divergences are the same bug: the signature, from which a bucket has its ID.

A signature holds no values, and any occurrence tells it, minimised or not: thousands of them cost
no more than a look each. Two bugs must not share one, and one bug should have one, at most two. So
it is as fine as the reducer is, one condition or one expression, wherever an occurrence proves
which:

1. *Read.* What the rule at work leaves alone was read wrongly: one signature whatever the event,
   and one for each way of reading rather than for each field (beyond_rules.py).
2. *Decided.* Where one core acts and the other does not, what follows differs with the figures at
   hand, so no field is looked at. The condition that held the step back by the contract is the one
   that a core which acted all the same got wrong. Where nothing held it back, and a core did not
   act, the condition that stands exactly at its limit is named (guards.py).
3. *Computed.* Of all fields that differ the *root* is the one that the reducer computes first; the
   others follow from it (roots.py). A price, a volume, a cooldown have parts of their own;
   one is named where doing it wrongly gives what the odd core answered (figures.py).

What is merely true of the state is not used. It is full of coincidences: a price that is wrong
everywhere is also wrong after losses, and would fall apart into as many bugs as there are
branches. So trades and sides are not told apart, for which the contract has one rule, and two bugs
that are wrong in the same way in the same expression share a bucket: `split` is for them.

*Method and event* are part of a signature, but not where several share a rule: booking a cycle,
counting a loss, a new entry, orphaning, invariants, reading. There they would cut one bug into as
many as there are callers. The *phase* is in it as the rule at work (a time-out in S1 or in S2, the
fill of an entry or of an exit) and no further: whether it is S1a or S1b depends on the side of the
exit alone, for which there is one rule. *Kinds* are in it as far as they belong to the bug and not
to the values: that a rounded price is off in its last digit does; whether an amount is off by a
little or a lot, and on which side a text is null, does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replay.differential.model import Difference, DifferenceKind, Signature
from replay.differential.settings_in_force import Settings
from replay.differential.signature.beyond_rules import (
    OTHER,
    REFUSING,
    is_left_alone,
    is_of_event,
    is_of_its_own_words,
    read_signature,
    reason_of,
    refusal_signature,
    violation_signature,
)
from replay.differential.signature.decisions import (
    ANY_EVENT,
    decision_signature,
    exit_price_signature,
)
from replay.differential.signature.moment import Moment, code_and_values
from replay.differential.signature.roots import erased, root_of
from replay.differential.signature.values import field_signature, plain_signature
from replay.streams.model import HELPER_NAMES, ORDERS, RECOVERIES, Call, CallCode, call_name
from replay.targets.base import Failure, FailureKind, Outcome
from replay.targets.compact import Plain

__all__ = [
    "ANY_EVENT",
    "Settings",
    "divergence_signature",
    "erased",
    "failure_signature",
    "root_of",
    "rule_at_work",
]

HELPER = "helper"
"""The rule of what a bot calls itself around the reducer."""

_ROLE, _SIDE = 2, 1
_ROLES = ("entry", "exit")
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What looking closely at odd answers may raise: a core may answer values of any type and size."""


def divergence_signature(
    call: Call,
    before: Plain | None,
    authority: Outcome,
    shadow: Outcome,
    differences: Sequence[Difference],
    settings: Settings,
) -> Signature:
    """The signature of a step on which both cores gave an outcome, but not the same.

    `before` is the plain state that the call started from, None where none could be read, and
    `settings` what was in force. Never raises, whatever the two answered.
    """
    event, rule = call_name(call), rule_at_work(call, before)
    root = root_of(differences)
    if is_helper(call) and root.kind is not DifferenceKind.REFUSAL:
        return _of_helper(call, before, authority, shadow, root, settings)
    if root.path.startswith("violations"):
        return violation_signature(root)
    if before is None or (root.kind is DifferenceKind.REFUSAL and not _one_is_arithmetic(root)):
        if root.kind is DifferenceKind.REFUSAL:
            return refusal_signature(root, event, rule)
        return plain_signature(event, rule, root)
    moment = Moment(call, before, settings, authority, shadow)
    field = erased(root.path)
    if is_of_event(moment, field):
        return Signature(event, "price and time", field, "value")
    try:
        return _by_rule(moment, event, rule, root)
    except _ODD:
        if root.kind is DifferenceKind.REFUSAL:
            return refusal_signature(root, event, rule)
        return plain_signature(event, rule, root)


def _of_helper(
    call: Call,
    before: Plain | None,
    authority: Outcome,
    shadow: Outcome,
    root: Difference,
    settings: Settings,
) -> Signature:
    """A helper that a bot calls itself. What it shares with the reducer, price and volume of a new
    entry, is one bug with what the reducer does there; all else is the helper's own."""
    event, field = call_name(call), erased(root.path)
    if root.path.startswith("violations"):
        return Signature(event, HELPER, "answer", "value")
    if before is not None and field in ("state.orders[].price", "state.orders[].volume"):
        moment = Moment(call, before, settings, authority, shadow)
        try:
            return field_signature(moment, event, HELPER, root)
        except _ODD:
            pass
    return plain_signature(event, HELPER, root)


def _by_rule(moment: Moment, event: str, rule: str, root: Difference) -> Signature:
    """What was read, then what was decided, then what was computed."""
    if is_left_alone(moment, rule, root):
        return read_signature(erased(root.path))
    decided = decision_signature(moment, event, rule, root)
    if decided is not None:
        return decided
    if root.kind is not DifferenceKind.REFUSAL:
        return field_signature(moment, event, rule, root)
    if rule == "entry fill" and moment.authority.refused:
        (made, *_) = (order for order in moment.shadow.orders if moment.is_new(order))
        return exit_price_signature(moment, made.side, made.price)
    return refusal_signature(root, event, rule)


def is_helper(call: Call) -> bool:
    """Whether a call is one that a bot makes itself around the reducer."""
    return isinstance(call, tuple) and call[0] in HELPER_NAMES


def _one_is_arithmetic(root: Difference) -> bool:
    """Whether one core was refused for a number too large, and the other went on."""
    texts = [text for text in (root.authority, root.shadow) if isinstance(text, str)]
    return len(texts) == 1 and texts[0].partition(" ")[0] == "arithmetic"


def failure_signature(call: Call, before: Sequence[Any] | None, failure: Failure) -> Signature:
    """The signature of a step that a core gave no usable answer to."""
    kind = str(failure.kind)
    if failure.kind is FailureKind.REFUSED:
        why = reason_of(failure.detail)
        if why.startswith("arithmetic"):
            place = why.partition(" ")[2]
            return Signature(ANY_EVENT, "arithmetic", place, kind, failure=True)
        if why.startswith("unreadable"):
            return Signature(ANY_EVENT, "reading a state", why, kind, failure=True)
        if is_of_its_own_words(why):
            return Signature(ANY_EVENT, REFUSING, why, kind, failure=True)
    return Signature(call_name(call), rule_at_work(call, before), "", kind, failure=True)


def rule_at_work(call: Call, before: Sequence[Any] | None) -> str:
    """The part of the reducer that this event meets in that state, told from the state alone.

    Not from what the authority then did: a turned comparison makes one core act where the other
    does not, now this way and now that, and that is still one bug.
    """
    code, values = code_and_values(call)
    if before is None:
        return "unreadable state"
    if code is CallCode.FILL:
        role = next((order[_ROLE] for order in before[ORDERS] if order[0] == values[0]), None)
        if role is None:
            return "unknown order"
        return f"{role if role in _ROLES else OTHER} fill"
    if code in (CallCode.RECOVERY_FILL, CallCode.RECOVERY_CANCEL):
        known = any(recovery[0] == values[0] for recovery in before[RECOVERIES])
        what = "fill" if code is CallCode.RECOVERY_FILL else "cancel"
        return f"recovery {what}" if known else "unknown recovery"
    if code is CallCode.TIMER_TICK:
        exits = {order[_SIDE] for order in before[ORDERS] if order[_ROLE] == "exit"}
        return "S2 time-out" if len(exits) == 2 else "S1 time-out" if exits else "no exits"
    if code is CallCode.PRICE_TICK:
        return "refresh"
    return HELPER if code in HELPER_NAMES else ""
