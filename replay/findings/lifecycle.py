"""What becomes of a finding: its statuses, which may follow which, and the entries of its history.

A history only grows. The status is that of its newest entry that has one, and never a guess: each
change names who or what made it, when, why, and the evidence. Which changes there can be is a
closed table here, so that no hand and no run can close what nobody has shown to be mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from replay.errors import UsageError
from replay.findings.severity import Severity

FORMER_WORD = "tool failure"
"""What a core failure was called; no tool fails there."""


class Status(StrEnum):
    """Where a finding stands."""

    NEW = "new"
    """Nobody has said anything about it yet; what a divergence is without a history."""

    TRIAGED = "triaged"
    """A person has looked at it and given it an owner, a severity or a note."""

    EXPLAINED = "explained"
    """All its occurrences are covered by an explanation that holds."""

    FIXED = "fixed"
    """The exact case agreed in two replays on builds that are named."""

    REGRESSED = "regressed"
    """It was fixed, and diverges again."""

    FLAKY = "flaky"
    """Asked the same again, a core answers something else."""

    CORE_FAILURE = "core failure"
    """A core gave no usable answer; what an f- finding is without a history."""

    @classmethod
    def _missing_(cls, value: object) -> Status | None:
        """Older databases and bundles have another word for one of them."""
        return cls.CORE_FAILURE if value == FORMER_WORD else None


ONLY_LIVE = "only the live record shows it"
"""What is said of a divergence that no case can show: the authority held what it makes something
else of when it is written and read again. It comes each time all the same, so it is not flaky."""


class HistoryEntry(NamedTuple):
    """One line of a history.

    `at` is the time (RFC 3339, UTC), `who` a person or a run, `status` what it became (None: a
    remark that changes no status), `why` one or more sentences, `evidence` a JSON object, `run` the
    run that showed it. `severity`, `owner` and `note` are what was set by hand, None where that
    entry did not set them.
    """

    at: str
    who: str
    status: Status | None
    why: str
    evidence: Mapping[str, Any]
    run: int | None
    severity: Severity | None = None
    owner: str | None = None
    note: str | None = None


def is_only_live(history: Iterable[HistoryEntry]) -> bool:
    """Whether a run has said that only the live record shows a finding. True of the case that was
    asked then: not of a minimised one, which shows it."""
    return any(entry.evidence.get("only_live") is True for entry in history)


_NEXT: Mapping[Status, frozenset[Status]] = {
    Status.NEW: frozenset({Status.TRIAGED, Status.EXPLAINED, Status.FIXED, Status.FLAKY}),
    Status.CORE_FAILURE: frozenset({Status.TRIAGED, Status.EXPLAINED, Status.FIXED, Status.FLAKY}),
    Status.TRIAGED: frozenset({Status.EXPLAINED, Status.FIXED, Status.FLAKY}),
    # An explanation that holds no longer leaves the finding as it was before.
    Status.EXPLAINED: frozenset(
        {Status.NEW, Status.CORE_FAILURE, Status.TRIAGED, Status.FIXED, Status.FLAKY}
    ),
    # What is fixed is only opened by being seen again: no person and no explanation does that.
    Status.FIXED: frozenset({Status.REGRESSED, Status.FLAKY}),
    Status.REGRESSED: frozenset({Status.TRIAGED, Status.EXPLAINED, Status.FIXED, Status.FLAKY}),
    # Looking at it does not make it steady, so triage does not end it.
    Status.FLAKY: frozenset({Status.EXPLAINED, Status.FIXED}),
}

MIN_REPLAYS = 2
"""Replays in agreement that make a finding fixed: one could be chance."""


def first_status(*, failure: bool) -> Status:
    """The status of a finding without a history."""
    return Status.CORE_FAILURE if failure else Status.NEW


def allowed(former: Status, new: Status) -> bool:
    """Whether a status may follow another. The same one again may: it is said with newer evidence.

    New and core failure are where findings begin, and where only one comes back to whose
    explanation no longer holds. Regressed follows on nothing but fixed.
    """
    return new is former or new in _NEXT[former]


def next_statuses(former: Status) -> tuple[Status, ...]:
    """All other statuses that may follow, in the order of Status."""
    return tuple(status for status in Status if status in _NEXT[former])


def after_triage(former: Status) -> Status | None:
    """What a finding becomes when a person triages it; None where the status says more than that
    somebody has looked, and stays."""
    triaged = Status.TRIAGED
    return triaged if allowed(former, triaged) and former is not Status.EXPLAINED else None


def once_seen(former: Status) -> Status | None:
    """What a finding becomes by being seen again; None where that changes nothing."""
    return Status.REGRESSED if former is Status.FIXED else None


def once_agreed(former: Status, *, on_its_build: bool, failure: bool) -> Status | None:
    """What a finding becomes when its case agrees; None where that changes nothing.

    On a build on which it was seen to diverge it is flaky: that build has answered both ways. A
    core that failed there and does not now is no news: it may have been the machine.
    """
    if former is Status.FIXED:
        return None
    if not on_its_build:
        return Status.FIXED
    return None if failure or former is Status.FLAKY else Status.FLAKY


def word_when_seen(former: str, *, new: bool) -> str:
    """How a finding stands that has just been seen, in the word that lists and reports have.
    `former` is its status until then, "" where nobody has told."""
    if new:
        return "new"
    if former in ("", Status.NEW, Status.CORE_FAILURE):
        return "known"
    return str(Status.REGRESSED if former == Status.FIXED else former)


def check_change(
    former: Status,
    new: Status,
    evidence: Mapping[str, Any],
    run: int | None,
    *,
    failure: bool,
) -> None:
    """Raises UsageError where a status may not follow, or lacks the evidence that it needs:

    - fixed: `replays`, how many agreed (at least MIN_REPLAYS), and `authority` and `shadow`, the
      builds that they agreed on;
    - regressed: the run that saw it again;
    - flaky: `asked`, how often its case was run, and `shown`, in how many of them it showed;
    - explained: `explanation`, the name of what explains it.
    """
    if not allowed(former, new):
        known = ", ".join(next_statuses(former))
        raise UsageError(f"a finding that is {former} cannot become {new} (only {known})")
    other = Status.NEW if failure else Status.CORE_FAILURE
    if new is other:
        what = "failure of a core" if failure else "divergence"
        raise UsageError(f"a {what} cannot become {new}")
    missing = _missing_evidence(new, evidence, run)
    if missing:
        raise UsageError(f"a finding cannot become {new} without {missing}")


def _missing_evidence(new: Status, evidence: Mapping[str, Any], run: int | None) -> str:
    match new:
        case Status.FIXED:
            if _count(evidence, "replays") < MIN_REPLAYS:
                return f"{MIN_REPLAYS} replays in agreement"
            if not (evidence.get("authority") and evidence.get("shadow")):
                return "the two builds that agreed"
        case Status.REGRESSED:
            if run is None:
                return "the run that saw it again"
        case Status.FLAKY:
            if not 0 <= _count(evidence, "shown") <= _count(evidence, "asked") > 0:
                return "how often its case was run and showed it"
        case Status.EXPLAINED:
            name = evidence.get("explanation")
            if not isinstance(name, str) or not name:
                return "the name of an explanation"
        case Status.NEW | Status.TRIAGED | Status.CORE_FAILURE:
            pass
    return ""


def _count(evidence: Mapping[str, Any], name: str) -> int:
    """A whole number of the evidence, -1 where it is none."""
    value = evidence.get(name)
    return value if type(value) is int else -1


def status_of(statuses: Iterable[Status | None], *, failure: bool) -> Status:
    """The status after a whole history, given that of each entry, oldest first."""
    status = first_status(failure=failure)
    for one in statuses:
        status = status if one is None else one
    return status


def broken_step(
    statuses: Iterable[Status | None], *, failure: bool
) -> tuple[Status, Status] | None:
    """The first change in a history that the table does not have, None where all are in it."""
    former = first_status(failure=failure)
    for one in statuses:
        if one is None:
            continue
        if not allowed(former, one):
            return former, one
        former = one
    return None
