"""Choosing among stored findings: which come first, and which an event leads to."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from replay.counting import counted
from replay.differential.signature.signature import ANY_EVENT
from replay.errors import ReplayError
from replay.findings.lifecycle import Status
from replay.findings.store.stored import StoredFinding
from replay.streams.model import CALL_NAMES

EVENTS = (*CALL_NAMES.values(), "unknown event")
"""All that a finding can be of."""


def worst_first(finding: StoredFinding) -> tuple[bool, int]:
    """What findings are sorted by: those that are alike stay in the order in which they were found,
    failures of a core come last."""
    return finding.signature.failure, finding.rank


def event_of(finding: StoredFinding) -> str:
    """The event as lists have it: of a rule that several events share, that of the case to show,
    or the signature's where the case cannot be read."""
    event = finding.signature.event
    if event == ANY_EVENT:
        with suppress(ReplayError):
            return finding.finding.event
    return event


def buckets_words(findings: Collection[StoredFinding]) -> str:
    """How many are stored, and of which sorts where there are several: a run's tables have each in
    one of its own."""
    failures = sum(one.signature.failure for one in findings)
    flaky = sum(one.status is Status.FLAKY and not one.signature.failure for one in findings)
    steady = len(findings) - failures - flaky
    sorts = [
        words
        for count, words in (
            (steady, counted(steady, "divergence")),
            (flaky, f"{flaky:,} flaky"),
            (failures, counted(failures, "failure") + " of a core"),
        )
        if count
    ]
    several = f" ({', '.join(sorts)})" if len(sorts) > 1 else ""
    return f"{counted(len(findings), 'stored bucket')}{several}"


def is_of(event: str, finding: StoredFinding) -> bool:
    """Whether an event leads to a finding; of a rule that several events share, the one in the
    case to show."""
    named = finding.signature.event
    return named == event or (named == ANY_EVENT and finding.finding.event == event)
