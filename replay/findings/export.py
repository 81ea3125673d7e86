"""A stored finding in the form that the bot's own suite keeps (formats.md, "Parity case")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.core import derive_phase, from_dict
from replay.findings.store import StoredFinding
from replay.streams.cases import parity_case_document
from replay.streams.model import CYCLES, ORDERS, RECOVERIES, STATE_FIELDS, Document
from replay.targets.base import Failure, StepResult, is_refusal
from replay.targets.compact import apply_changes, apply_delta, read_state, state_document

_AS_THEY_ARE = (
    *("cycle_a", "cycle_b", "s2_entered_at", "cooldown_until_a", "cooldown_until_b"),
    *("consecutive_refreshes_a", "consecutive_refreshes_b"),
    *("refresh_cooldown_until_a", "refresh_cooldown_until_b"),
    *("last_refresh_direction_a", "last_refresh_direction_b"),
)


def parity_case(finding: StoredFinding) -> dict[str, Document]:
    """The case to show as a parity case; `expected` is what the authority answered.

    Where the case has more than one step, or the authority refused or failed, nothing is expected
    but that the cores agree.
    """
    return parity_case_document(finding.id, finding.case, _expected(finding))


def _expected(finding: StoredFinding) -> Mapping[str, Document]:
    case, outcome = finding.case, finding.shown.authority
    if len(case.steps) != 1 or isinstance(outcome, Failure) or is_refusal(outcome):
        return {}
    before = read_state(case.start.state)
    before, _ = apply_changes(before, case.steps[0].changes)
    if before is None:
        return {}
    return _end(before, outcome)


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
