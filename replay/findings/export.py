"""A stored finding in the forms in which it is handed over, and what their files are called.

Here is the form that the bot's own suite keeps (formats.md, "Parity case"); the others are in
pytest_file.py and bundle.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, assert_never

from replay.core import CoreError, derive_phase, from_dict
from replay.errors import DamagedError
from replay.findings.store.store import StoredFinding
from replay.streams.model import CYCLES, ORDERS, RECOVERIES, STATE_FIELDS, Document
from replay.streams.packed import pack_canonical
from replay.streams.parity_cases import LISTS, expected_misses, parity_case_document
from replay.targets.base import MISSING, Failure, StepResult, is_refusal
from replay.targets.compact import History, apply_changes, apply_delta, read_state, state_document

_AS_THEY_ARE = (
    *("cycle_a", "cycle_b", "s2_entered_at", "cooldown_until_a", "cooldown_until_b"),
    *("consecutive_refreshes_a", "consecutive_refreshes_b"),
    *("refresh_cooldown_until_a", "refresh_cooldown_until_b"),
    *("last_refresh_direction_a", "last_refresh_direction_b"),
)


class Form(StrEnum):
    """What a finding can be exported as."""

    PARITY = "parity"
    """A parity case for the bot's own suite, as JSON."""

    PYTEST = "pytest"
    """A test file that needs nothing but doge-replay and pytest."""

    BUNDLE = "bundle"
    """All there is to know, in one file that `repro` takes on another machine."""


MAX_NAMED = 4
"""Fields that are named where they cannot be held."""

_ID = re.compile(r"[df]-[0-9a-f]{8}")


def file_name(finding: StoredFinding, form: Form) -> str:
    """What a file with the finding in it is called: made of its ID alone, never of data.

    Raises DamagedError as `require_sound_id` does.
    """
    require_sound_id(finding)
    match form:
        case Form.PARITY:
            return f"{finding.id}.json"
        case Form.PYTEST:
            return f"test_{finding.id.replace('-', '_')}.py"
        case Form.BUNDLE:
            return f"{finding.id}.zip"
    assert_never(form)


def require_sound_id(finding: StoredFinding) -> None:
    """Raises DamagedError where the database has a finding under an ID that is not its own, which
    only somebody else can have put there."""
    if not _ID.fullmatch(finding.id) or finding.id != finding.signature.id:
        raise DamagedError(
            f"the database has a finding under {finding.id[:80]!a}, but its signature is that of "
            f"{finding.signature.id}",
            id=finding.id,
        )


def parity_case(finding: StoredFinding) -> dict[str, Document]:
    """The case to show as a parity case; `expected` is what the authority answered.

    Where the case has more than one step, or the authority refused or failed or answered what is
    no state, nothing is expected but that the cores agree.
    """
    return parity_case_document(finding.id, finding.case, _expected(finding))


def lost_in_parity(finding: StoredFinding) -> str:
    """What a parity case of a finding cannot hold, in words: a suite that reads only `expected`
    would pass on the shadow. Empty where such a suite fails there."""
    shadow = finding.shown.shadow
    expected = _expected(finding)
    if not expected:
        if len(finding.case.steps) != 1:
            return f"it has {len(finding.case.steps)} steps, and a parity case can expect of one"
        return _why_nothing_is_expected(finding.shown.authority)
    if isinstance(shadow, Failure):
        return ""
    state = _before(finding)
    if not is_refusal(shadow):
        try:
            apply_delta(state, shadow[0])
            if any(value is MISSING for value in state):
                return (
                    "its state is none that the contract's readers take, and the shadow's "
                    "answer does not say all of what comes of it"
                )
            if expected_misses(expected, state_document(state), shadow[2] or ()):
                return ""
        except (CoreError, TypeError, ValueError, LookupError):
            return ""  # an answer that is no state is none of what is expected
    elif expected_misses(expected, state_document(state), ()):
        return ""
    fields = sorted({difference.path for difference in finding.differences})
    more = f" and {len(fields) - MAX_NAMED} more" if len(fields) > MAX_NAMED else ""
    return f"`expected` cannot hold what differs: {', '.join(fields[:MAX_NAMED])}{more}"


def _why_nothing_is_expected(authority: StepResult) -> str:
    """Why `expected` can hold nothing of an answer."""
    if isinstance(authority, Failure):
        return "the authority fails at its step, and `expected` is of an answer"
    if is_refusal(authority):
        return "the authority refuses its step, and `expected` is of an answer"
    return "the authority's answer is no state of which `expected` could hold anything"


def _before(finding: StoredFinding) -> list[Any]:
    """The state that the one step of a case begins with. Of one that only the cores' own readers
    take nothing is known: answers to it name all fields."""
    before = read_state(finding.case.start.state)
    before, _ = apply_changes(before, finding.case.steps[0].changes)
    if before is None:
        before = [MISSING] * len(STATE_FIELDS)
        before[CYCLES] = History()
    return before


def _expected(finding: StoredFinding) -> Mapping[str, Document]:
    case, outcome = finding.case, finding.shown.authority
    if len(case.steps) != 1 or isinstance(outcome, Failure) or is_refusal(outcome):
        return {}
    before = _before(finding)
    try:
        expected = _end(before, outcome)
        expected |= _records(before, outcome, finding.shown.shadow)
        pack_canonical(expected)
    except (CoreError, TypeError, ValueError, LookupError):
        # A bot's own module can answer anything at all.
        return {}
    return expected


def _records(before: list[Any], outcome: StepResult, shadow: StepResult) -> dict[str, Document]:
    """The orders and cycles that differ in more than their number, as lists of them: a number
    alone would say nothing of it."""
    if isinstance(shadow, Failure) or is_refusal(shadow):
        return {}
    ours, theirs = list(before), list(before)
    assert not isinstance(outcome, Failure)
    apply_delta(ours, outcome[0])
    try:
        apply_delta(theirs, shadow[0])
        other = state_document(theirs)
    except (CoreError, TypeError, ValueError, LookupError):
        return {}
    document = state_document(ours)
    return {
        name: document[key]
        for name, key in LISTS.items()
        if document[key] != other[key] and len(document[key]) == len(other[key])
    }


def _end(before: list[Any], outcome: StepResult) -> dict[str, Document]:
    assert not isinstance(outcome, Failure)
    state = list(before)
    apply_delta(state, outcome[0])
    document = state_document(state)
    return {
        "phase": derive_phase(from_dict(document)),
        "open_orders": len(state[ORDERS]),
        "recovery_orders": len(state[RECOVERIES]),
        "round_trips": state[STATE_FIELDS.index("total_round_trips")],
        "completed_cycles": len(state[CYCLES]),
        **{name: document[name] for name in _AS_THEY_ARE},
        "invariants": list(outcome[2]),
    }
