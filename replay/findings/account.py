"""What a search for causes came to, as the store keeps it: causes, and what they do not explain.

An account is of one search. The newest says what is known; older ones stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from replay.findings.lifecycle import HistoryEntry, Status, status_of
from replay.findings.severity import Severity
from replay.streams.model import Stream
from replay.targets.base import CoreIdentity

T = TypeVar("T")


class Ranked(Protocol):
    """A bucket, as far as it says how bad its cause is."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""

    @property
    def hot(self) -> bool:
        """Whether it is on the hot path."""

    @property
    def rank(self) -> int:
        """The lower, the worse."""


class Identified(Protocol):
    """What has the ID of a bucket."""

    @property
    def id(self) -> str:
        """The ID."""


class Behind(Protocol):
    """What has the ID of a cause, and those of the buckets that it has part in."""

    @property
    def id(self) -> str:
        """The ID."""

    @property
    def findings(self) -> tuple[str, ...]:
        """The buckets."""


B = TypeVar("B", bound=Identified)
C = TypeVar("C", bound=Behind)


class CauseCase(NamedTuple):
    """One step that needs a cause, by itself. `is_refusal` says that one core gave an answer to it
    and the other none: then no answer by both is what was to be."""

    stream: Stream
    is_refusal: bool


@dataclass(frozen=True, slots=True)
class StoredCause:
    """One cause. `says` is the statement in words, `canonical` what its ID is made from; `rule` its
    place in the contract, "" for none. `needed_at` counts the steps that need it, `doubtful` those
    that it changes and that are not accounted for; `findings` are the buckets that it has part
    in. `block` is what explanations.toml can say of it, "" for nothing; `cases` are steps that need
    it, and `history` what became of it, oldest first."""

    id: str
    kind: str
    says: str
    canonical: str
    rule: str
    is_verified: bool
    needed_at: int
    doubtful: int
    findings: tuple[str, ...]
    block: str = ""
    cases: tuple[CauseCase, ...] = ()
    history: tuple[HistoryEntry, ...] = ()

    @property
    def status(self) -> Status:
        """Where it stands: fixed once all of its cases agree, regressed when one comes back."""
        return status_of((entry.status for entry in self.history), failure=False)

    @property
    def owner(self) -> str:
        """Who looks after it, "" for nobody."""
        return _newest([entry.owner for entry in self.history]) or ""

    @property
    def note(self) -> str:
        """What a person says of it, "" for nothing."""
        return _newest([entry.note for entry in self.history]) or ""

    @property
    def severity(self) -> Severity | None:
        """How bad it is where a person has said so; else its buckets tell."""
        return _newest([entry.severity for entry in self.history])

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "says": self.says,
            "statement": self.canonical,
            "rule": self.rule,
            "verified": self.is_verified,
            "needed_at": self.needed_at,
            "doubtful": self.doubtful,
            "findings": list(self.findings),
            "block": self.block,
            "cases": len(self.cases),
            "status": str(self.status),
            "owner": self.owner,
            "note": self.note,
            "severity": None if self.severity is None else str(self.severity),
        }


def _newest(said: Sequence[T | None]) -> T | None:
    return next((one for one in reversed(said) if one is not None), None)


GENERATED_STEPS = "generated"
"""Stands in `left` for steps that were generated while causes were looked for, and are in no
bucket."""

PLACE = "place"
"""The kind of a cause that is only a line to look at: nothing is in force because of it."""


@dataclass(frozen=True, slots=True)
class CauseAccount:
    """All causes of one search, the worst first. `kept_right` of `kept` occurrences and
    `generated_right` of `generated` steps came out as the shadow has them; `left` counts the steps
    that are not accounted for, by bucket (GENERATED_STEPS for those of none). `is_complete`
    says that nothing was left to do, `was_interrupted` that it was broken off. `cores` are
    those that were asked, where that is known; `at` is when it was stored (RFC 3339, UTC), ""
    before that."""

    causes: tuple[StoredCause, ...]
    left: Mapping[str, int] = field(default_factory=dict)
    kept: int = 0
    kept_right: int = 0
    generated: int = 0
    generated_right: int = 0
    is_complete: bool = True
    was_interrupted: bool = False
    at: str = ""
    cores: tuple[CoreIdentity, CoreIdentity] | None = None

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "causes": [cause.document() for cause in self.causes],
            "left": dict(self.left),
            "kept": self.kept,
            "kept_right": self.kept_right,
            "generated": self.generated,
            "generated_right": self.generated_right,
            "complete": self.is_complete,
        }

    @property
    def in_force(self) -> int:
        """How many of the causes say something that was run: all but the places to look at."""
        return sum(cause.kind != PLACE for cause in self.causes)

    @property
    def left_buckets(self) -> dict[str, int]:
        """The buckets with steps that are not accounted for, and how many each has."""
        return {bucket: steps for bucket, steps in self.left.items() if bucket != GENERATED_STEPS}

    @property
    def left_generated(self) -> int:
        """Steps in no bucket that are not accounted for."""
        return self.left.get(GENERATED_STEPS, 0)

    def causes_of(self, finding: str) -> tuple[StoredCause, ...]:
        """The causes that have part in a bucket."""
        return tuple(cause for cause in self.causes if finding in cause.findings)

    def is_accounted_for(self, finding: str) -> bool:
        """Whether all that was asked of a bucket is explained by verified causes."""
        causes = self.causes_of(finding)
        return bool(causes) and finding not in self.left and all(one.is_verified for one in causes)


@dataclass(frozen=True, slots=True)
class CauseGroup(Generic[C, B]):
    """Buckets of one cause, None for those that no cause has part in."""

    cause: C | None
    buckets: tuple[B, ...]


def grouped_by_cause(causes: Sequence[C], buckets: Iterable[B]) -> list[CauseGroup[C, B]]:
    """Buckets by cause, each under the first that has part in it and in the order given; what no
    cause has part in comes last. Causes without a bucket among them are left out."""
    of_cause: dict[str, list[B]] = {}
    first = {finding: cause.id for cause in reversed(causes) for finding in cause.findings}
    for bucket in buckets:
        of_cause.setdefault(first.get(bucket.id, ""), []).append(bucket)
    groups: list[CauseGroup[C, B]] = [
        CauseGroup(cause, tuple(of_cause[cause.id])) for cause in causes if cause.id in of_cause
    ]
    return groups + ([CauseGroup(None, tuple(of_cause[""]))] if "" in of_cause else [])


def severity_words_of(set_by_hand: Severity | None, buckets: Iterable[Ranked]) -> str:
    """How bad a cause is, the same wherever it is told: as a person has said, else as the worst of
    its buckets. Empty for one that has no bucket."""
    worst = min(buckets, key=lambda one: one.rank, default=None)
    if worst is None:
        return "" if set_by_hand is None else str(set_by_hand)
    severity = worst.severity if set_by_hand is None else set_by_hand
    return f"{severity}, hot path" if worst.hot else str(severity)


GENERATORS = ("live", "edge", "hostile")
LOGGED = "journals and corpora"


def met_in(origins: Iterable[str]) -> tuple[str, ...]:
    """Where something was met, by the origins of its occurrences: what a bot logged, or was kept,
    comes before what was generated, and that from what can be to what cannot."""
    words = [set(origin.split()) for origin in origins]
    generated = [name for name in GENERATORS if any(name in one for one in words)]
    logged = any(one.isdisjoint(GENERATORS) for one in words)
    return (*((LOGGED,) if logged else ()), *generated)


def likelihood(met: Sequence[str]) -> int:
    """How near to what a bot can meet something was met, the nearest 0: in what was logged or is
    generated as live, only at the edge, only in what no bot sends, nowhere."""
    tiers = ((LOGGED, "live"), ("edge",), ("hostile",))
    return next((tier for tier, words in enumerate(tiers) if set(words) & set(met)), len(tiers))
