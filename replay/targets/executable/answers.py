"""Answers of part 1: whether one is just what the authority answered, and else what it says.

Almost every answer is the expected one, so that is checked first and cheaply: typed decoding, the
27 plain fields at once, and the three lists as text that was already verified once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from replay.streams.model import CYCLES, RECORD_FIELDS, STATE_FIELDS
from replay.targets.base import FailureKind, Outcome, RefusalKind
from replay.targets.compact import (
    RECORD_KINDS,
    STATE_KINDS,
    History,
    Plain,
    apply_changes,
    blank,
    common_start,
    compact_action,
    compact_state,
    delta_between,
    same,
)
from replay.targets.cursor import is_transition
from replay.targets.executable.frames import ChildFault, one_line, quoted
from replay.targets.executable.request_texts import Ask

_TYPES: Mapping[str, Any] = {
    "d": float, "i": int, "b": bool, "t": str,
    "D": float | None, "I": int | None, "T": str | None,
}  # fmt: skip
_PLAIN = [index for index in range(len(STATE_FIELDS)) if index not in RECORD_FIELDS]
_LISTS = tuple(RECORD_FIELDS)
_SEQUENCES: Final = (list, tuple, History)
_State = msgspec.defstruct(
    "_State",
    [
        *((STATE_FIELDS[index], _TYPES[STATE_KINDS[index]]) for index in _PLAIN),
        *((STATE_FIELDS[index], msgspec.Raw) for index in _LISTS),
    ],
)
_Answer = msgspec.defstruct(
    "_Answer",
    [
        ("state", _State),
        ("actions", msgspec.Raw, msgspec.Raw(b"[]")),  # the regime's answer has none
        ("error", msgspec.Raw, msgspec.Raw(b"")),
    ],
)
_RECORDS = {
    index: msgspec.defstruct(
        f"_Record{index}",
        [(n, _TYPES[kind]) for n, kind in zip(names, RECORD_KINDS[index], strict=True)],
    )
    for index, names in RECORD_FIELDS.items()
}
_read_answer = msgspec.json.Decoder(_Answer).decode
_read_records = {i: msgspec.json.Decoder(list[r]).decode for i, r in _RECORDS.items()}  # type: ignore[valid-type]
_values_of = msgspec.structs.astuple
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NO_ACTIONS = b"[]"
NO_VIOLATIONS = b'{"violations":[]}'


def is_expected(ask: Ask, line: bytes, verified: dict[int, tuple[Any, bytes]]) -> bool:
    """Tells whether an answer to `ask.request` is certainly what its guide says.

    False means that it has to be looked at more closely. `verified` remembers, by field, the
    list that was expected last and the text that proved to be equal to it.
    """
    try:
        answer: Any = _read_answer(line)
    except _UNREADABLE:
        return False
    after = ask.after
    assert after is not None
    assert ask.guide is not None
    *plain, orders, recoveries, cycles = _values_of(answer.state)
    if plain != after[:2] + after[5:] or bytes(answer.error):
        return False
    for index, raw in zip(_LISTS, (orders, recoveries, cycles), strict=True):
        expected = ask.cycles if index == CYCLES else after[index]
        text = bytes(raw)
        known = verified.get(index)
        if known is None or known[0] is not expected or known[1] != text:
            try:
                records = [list(_values_of(record)) for record in _read_records[index](text)]
            except _UNREADABLE:
                return False
            if not same(records, expected):
                return False
            verified[index] = (expected, text)
    actions = bytes(answer.actions)
    if actions == _NO_ACTIONS:
        # Part 1 answers `actions` to a transition only; where they are left out, that shows.
        return not ask.guide[1] and (b'"actions"' in line or not is_transition(ask.step.call))
    try:
        return same([compact_action(a) for a in msgspec.json.decode(actions)], ask.guide[1])
    except _UNREADABLE:
        return False


def parse_object(line: bytes) -> dict[str, Any]:
    """An answer as it is. Raises ChildFault GARBAGE where it is no JSON object."""
    try:
        answer = msgspec.json.decode(line)
    except _UNREADABLE:
        # Bare tokens for infinities and NaN, or nonsense.
        try:
            answer = json.loads(line)
            # Half a character (a lone surrogate) can be neither stored nor sent on.
            json.dumps(answer, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            answer = None
    if not isinstance(answer, dict):
        raise ChildFault(FailureKind.GARBAGE, f"answered {quoted(line)}")
    return answer


def refusal_of(answer: Mapping[str, Any], prefix: str = "") -> Outcome | None:
    """The refusal that an answer `error` is, with its text; None where it is no error."""
    if "error" not in answer:
        return None
    return [str(RefusalKind.ERROR), one_line(prefix + str(answer["error"]))]


def violations_in(answer: Mapping[str, Any]) -> list[Any]:
    """The violations of an answer to check_invariants. Raises ChildFault."""
    violations = _needed(answer, "violations")
    if not isinstance(violations, list):
        raise ChildFault(FailureKind.GARBAGE, f"violations are no list: {_shown(violations)}")
    return violations


def move_in(ask: Ask, answer: Mapping[str, Any]) -> Outcome:
    """The delta and actions of an answer to `ask.request`. Raises ChildFault."""
    document = _needed(answer, "state")
    actions = [] if not is_transition(ask.step.call) else _needed(answer, "actions")
    if not isinstance(document, dict):
        raise ChildFault(FailureKind.GARBAGE, f"the state is no object: {_shown(document)}")
    if not isinstance(actions, list):
        raise ChildFault(FailureKind.GARBAGE, f"the actions are no list: {_shown(actions)}")
    before = blank() if ask.before is None else ask.before
    after = compact_state(document)
    after[CYCLES] = _whole_history(ask, before, after[CYCLES])
    return [delta_between(before, after, ask.due), [compact_action(a) for a in actions]]


def unread_delta(ask: Ask) -> list[Any]:
    """The delta of check_invariants, whose answer does not show how the state was read: what is
    due is as the authority says, or else as our own core reads it."""
    if ask.guide is not None and len(ask.guide) == 3:
        delta: list[Any] = ask.guide[0]
        return delta
    state, _ = apply_changes(ask.before, ask.step.changes)
    return [] if state is None else delta_between(state, state, ask.due)


def _whole_history(ask: Ask, before: Plain, answered: Any) -> Any:
    """The history with the records at its front that were not sent."""
    former = before[CYCLES]
    if not isinstance(answered, History) or not isinstance(former, History):
        return answered
    if CYCLES in ask.due:
        return answered
    kept = common_start(former[ask.cut :], answered)
    return former.extended(ask.cut + kept, answered[kept:])


def _needed(answer: Mapping[str, Any], key: str) -> Any:
    if key not in answer:
        keys = ", ".join(sorted(map(str, answer))[:6])
        raise ChildFault(FailureKind.MISSING_KEY, f"left out {key!r}, answered only: {keys}")
    return answer[key]


def _shown(value: Any) -> str:
    return one_line(str(value)[:100], 100)


def equal_outcomes(one: Any, other: Any) -> bool:
    """Whether two outcomes, or parts of them, are equal: NaN equals NaN and 0.0 equals -0.0, but 1
    is neither 1.0 nor True."""
    if one is other:
        return True
    if isinstance(one, _SEQUENCES):
        return (
            isinstance(other, _SEQUENCES)
            and len(one) == len(other)
            and all(map(equal_outcomes, one, other))
        )
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(equal_outcomes(value, other[key]) for key, value in one.items())
        )
    if type(one) is not type(other):
        return False
    return bool(one == other or (one != one and other != other))
