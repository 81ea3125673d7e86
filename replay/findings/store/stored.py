"""What goes into the store and comes back out of it: runs, findings and their cases, as values.

A finding's row is read at once, its cases only when asked for (reader.py), so that a list of
thousands costs no more than its lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from replay.differential.model import Difference, Finding, Signature, Verdict
from replay.findings.lifecycle import HistoryEntry, Status, is_only_live
from replay.findings.severity import Severity, rank
from replay.streams.model import Document, Stream
from replay.targets.base import CoreIdentity, StepResult


class RunKind(StrEnum):
    """What a run was started as."""

    RUN = "run"
    FUZZ = "fuzz"
    NIGHTLY = "nightly"
    REPRO = "repro"
    RECHECK = "recheck"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class RunTotals:
    """What a run did, known when it ends. `canary` and `control` are documents of the run's own
    making; null where it had none."""

    streams: int = 0
    transitions: int = 0
    seconds: float = 0.0
    rejected: int = 0
    exit: int | None = None
    canary: Document = None
    control: Document = None


class FailureCount(NamedTuple):
    """How often a core failed in one way, and the words of the first time. `steps` got no answer;
    `incidents` are failures after which the true answer was found by asking again."""

    kind: str
    steps: int
    detail: str = ""
    incidents: int = 0
    role: str = "shadow"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run. `ended` is None where it never ended: it still goes on, or was killed."""

    id: int
    kind: str
    authority: CoreIdentity
    shadow: CoreIdentity
    seed: str | None
    profile: str | None
    settings: Mapping[str, Any]
    tool_version: str
    started: str
    ended: str | None
    totals: RunTotals
    findings: int
    occurrences: int
    failures: tuple[FailureCount, ...]

    @property
    def finished(self) -> bool:
        """False where the run still goes on or was killed; its totals are then unknown."""
        return self.ended is not None


class CorePair(NamedTuple):
    """The two cores of a run."""

    authority: CoreIdentity
    shadow: CoreIdentity


class Sightings(NamedTuple):
    """How often one run saw a finding."""

    run: int
    occurrences: int


class Occurrence(NamedTuple):
    """Where a finding was seen. `stream` is the SHA-256 of its case, None where none was kept."""

    run: int
    origin: str
    line: int
    step: int
    times: int
    stream: str | None


class KeptStream(NamedTuple):
    """A stream that was kept with a finding: its SHA-256, the occurrences that it is the case of
    (their row numbers, how many they are in all, in which runs), and which of the finding's two
    cases it is. `origin` and `line` are those of the first."""

    sha256: str
    rows: tuple[int, ...]
    times: int
    runs: frozenset[int]
    forms: tuple[str, ...]
    origin: str
    line: int


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case and what the two cores answered to its last step. `cores` are those of the run that
    stored it; `attempts` and `seconds` are the minimiser's, None for an unshrunk case."""

    stream: Stream
    sha256: str
    size: int
    verdict: Verdict
    line: int
    differences: tuple[Difference, ...]
    authority: StepResult
    shadow: StepResult
    run: int
    cores: CorePair
    attempts: int | None
    seconds: float | None


class Details(Protocol):
    """Reads what is not in the row of a finding, by the finding's ID (reader.py)."""

    def stored_case(self, identity: str, form: str) -> StoredCase:
        """One of its two cases: `minimised` or `unshrunk`."""
        ...

    def history_of(self, identity: str) -> tuple[HistoryEntry, ...]:
        """Its history, oldest entry first."""
        ...

    def merged_into(self, identity: str) -> tuple[str, ...]:
        """The IDs of all that was merged into it."""
        ...

    def kept_streams(self, identity: str) -> tuple[KeptStream, ...]:
        """The streams that were kept with it, those of occurrences first."""
        ...

    def cores_of(self, identity: str) -> tuple[CorePair, ...]:
        """The pairs of cores on which it was seen, those of the first run first."""
        ...

    def sightings_of(self, identity: str) -> tuple[Sightings, ...]:
        """How often each run saw it, oldest run first."""
        ...

    def places_of(self, identity: str) -> tuple[Occurrence, ...]:
        """Where it was seen: the first few occurrences of each run."""
        ...


@dataclass(frozen=True, eq=False)
class StoredFinding:
    """A finding as the database has it, with what was merged into it. What is not in its row is
    read when first asked for, so the store must still be open then.

    `severity` is what a person said, or where nobody has, `computed_severity`, the worst of all
    its cases; `hot` where one of them is on the hot path. `owner` and `note` are the newest.
    """

    id: str
    signature: Signature
    verdict: Verdict
    occurrences: int
    steps: int
    minimised: bool
    first_run: int
    last_run: int
    status: Status
    severity: Severity
    computed_severity: Severity
    hot: bool
    owner: str
    note: str
    _details: Details = field(repr=False)

    @cached_property
    def shown(self) -> StoredCase:
        """The case to show and to run: the minimised one, or the unshrunk one until there is."""
        return self._details.stored_case(self.id, "minimised" if self.minimised else "unshrunk")

    @cached_property
    def first_seen(self) -> StoredCase:
        """The unshrunk case, as it was when the finding was new; never replaced."""
        return self._details.stored_case(self.id, "unshrunk")

    @property
    def case(self) -> Stream:
        """The stream of `shown`; its last step is the one in question."""
        return self.shown.stream

    @property
    def unshrunk(self) -> Stream:
        """The stream of `first_seen`."""
        return self.first_seen.stream

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Where the two answers to `case` differ."""
        return self.shown.differences

    @property
    def finding(self) -> Finding:
        """The finding on the case to show, as the comparison made it."""
        shown = self.shown
        return Finding(
            self.signature,
            shown.verdict,
            shown.stream,
            shown.differences,
            shown.authority,
            shown.shadow,
            shown.line,
        )

    @property
    def rank(self) -> int:
        """Where it stands among others: smaller is worse (severity.py)."""
        return rank(self.severity, self.hot)

    @property
    def was_fixed(self) -> bool:
        """Whether it was ever found to be gone, though it may have come back."""
        return any(entry.status is Status.FIXED for entry in self.history)

    @cached_property
    def history(self) -> tuple[HistoryEntry, ...]:
        """All that was ever said about it, oldest first."""
        return self._details.history_of(self.id)

    @cached_property
    def is_only_live(self) -> bool:
        """Whether no case can show it, as a run has said; a minimised one shows it."""
        return not self.minimised and is_only_live(self.history)

    @cached_property
    def merged(self) -> tuple[str, ...]:
        """The IDs of all that was merged into it."""
        return self._details.merged_into(self.id)

    @cached_property
    def kept(self) -> tuple[KeptStream, ...]:
        """All streams that were kept with it, those of occurrences first, oldest first."""
        return self._details.kept_streams(self.id)

    @cached_property
    def cores(self) -> tuple[CorePair, ...]:
        """All pairs of cores that it was seen on, those of the first run first."""
        return self._details.cores_of(self.id)

    @cached_property
    def runs(self) -> tuple[Sightings, ...]:
        """All runs that saw it, oldest first."""
        return self._details.sightings_of(self.id)

    @cached_property
    def places(self) -> tuple[Occurrence, ...]:
        """Where it was seen: the first few occurrences of each run."""
        return self._details.places_of(self.id)
