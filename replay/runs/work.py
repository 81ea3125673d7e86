"""Units of work: what a campaign hands out, and what comes back of each.

Plain values that can be sent anywhere. What a task comes to depends on the job and the task alone,
never on who does it, when, or what was done there before: so it can be done again, elsewhere, and
give the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from replay.differential.minimising.minimiser import Minimised
from replay.differential.model import Finding, Repeat, Signature
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.tally import Tally
from replay.errors import ReplayError
from replay.explaining.claims.explained_steps import NO_STATEMENTS, Statements
from replay.explaining.claims.weighed import Weighed
from replay.fuzzing.campaign_units import Row
from replay.fuzzing.plan import Plan
from replay.fuzzing.plan_batches import Batch
from replay.runs.coverage import Exercised
from replay.runs.report import SetAside
from replay.streams.model import Stream
from replay.targets.base import CoreIdentity
from replay.targets.executable.file_traits import Known
from replay.targets.pair import PairSpec


@dataclass(frozen=True, slots=True)
class Job:
    """What all tasks of a campaign have in common: the cores, and the row of units, of which the
    streams to mutate lie in the directories `corpus`. `identities` say which cores exactly.
    `known_features` are no reason to keep a stream; `routing` is what was split and merged by
    hand, `statements` are the explanations that are asked at each step that differs; `known` was
    found out about the files of executables."""

    cores: PairSpec
    identities: tuple[CoreIdentity, CoreIdentity]
    row: Row
    corpus: tuple[Path, ...] = ()
    known_features: frozenset[str] = frozenset()
    routing: Routing = NO_ROUTING
    statements: Statements = NO_STATEMENTS
    known: frozenset[tuple[Known, str]] = frozenset()


# What is handed out


@dataclass(frozen=True, slots=True)
class Drawing:
    """To draw a batch of plans."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Lot:
    """To make and compare units, from `first` on, one for each of `plans`; with cores that are
    between streams, and nothing learnt but what is said here.

    `met` is how often each bug was met in the lots before a border, which decides what of a flood
    is told in full, and `sampled` how many cases were kept of those. `seconds` are left, where time
    is limited. At `suspects` a process died before, and how: there each core gets one of its own.
    `given_up` are units at which one died again.
    """

    number: int
    first: int
    plans: Sequence[Plan | None]
    met: Mapping[Signature, int] = field(default_factory=dict)
    sampled: int = 0
    seconds: float | None = None
    suspects: Mapping[int, str] = field(default_factory=dict)
    given_up: Mapping[int, str] = field(default_factory=dict)

    @property
    def units(self) -> range:
        """The numbers of its units."""
        return range(self.first, self.first + len(self.plans))


@dataclass(frozen=True, slots=True)
class Shrinking:
    """To minimise a bucket's first occurrence, within `seconds`."""

    finding: Finding
    seconds: float


@dataclass(frozen=True, slots=True)
class Remaking:
    """To make the stream of a unit once more, which reached something new."""

    unit: int
    plan: Plan | None
    features: frozenset[str]


Task: TypeAlias = Drawing | Lot | Shrinking | Remaking


# What comes back


class Drawn(NamedTuple):
    """A batch of plans."""

    batch: Batch
    plans: Sequence[Plan]


class Reached(NamedTuple):
    """What a unit did that no unit before it in its lot had done."""

    unit: int
    features: frozenset[str]


@dataclass(slots=True)
class Compared:
    """What came of a lot. `found` has occurrences with their cases, as they came; all others are
    counted in `repeated`. `met` is how often each bug was met. `storm` says why it was not brought
    to its end; `deaths` is how many processes died over it."""

    number: int
    tally: Tally = field(default_factory=Tally)
    found: list[Finding] = field(default_factory=list)
    repeated: dict[str, Repeat] = field(default_factory=dict)
    met: dict[Signature, int] = field(default_factory=dict)
    sampled: int = 0
    reached: list[Reached] = field(default_factory=list)
    exercised: Exercised = field(default_factory=Exercised)
    weighed: Weighed = field(default_factory=Weighed)
    set_aside: list[SetAside] = field(default_factory=list)
    storm: str | None = None
    deaths: int = 0


class Shrunk(NamedTuple):
    """A minimised case of a bucket; None where the case did not show it again."""

    minimised: Minimised | None


class Candidate(NamedTuple):
    """A stream that reached what no unit before it had reached."""

    unit: int
    stream: Stream
    features: frozenset[str]


class Ended(NamedTuple):
    """The task, and all others, cannot be done here: what was raised."""

    error: ReplayError


Outcome: TypeAlias = Drawn | Compared | Shrunk | Candidate | Ended
