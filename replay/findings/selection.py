"""Choosing among stored findings: which come first, and which an event leads to."""

from __future__ import annotations

from replay.differential.signature.signature import ANY_EVENT
from replay.findings.store.stored import StoredFinding
from replay.streams.model import CALL_NAMES

EVENTS = (*CALL_NAMES.values(), "unknown event")
"""All that a finding can be of."""


def worst_first(finding: StoredFinding) -> tuple[bool, int]:
    """What findings are sorted by: those that are alike stay in the order in which they were found,
    failures of a core come last."""
    return finding.signature.failure, finding.rank


def is_of(event: str, finding: StoredFinding) -> bool:
    """Whether an event leads to a finding; of a rule that several events share, the one in the
    case to show."""
    named = finding.signature.event
    return named == event or (named == ANY_EVENT and finding.finding.event == event)
