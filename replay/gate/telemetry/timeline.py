"""Samples as the lifetimes of processes, with totals that are never added up wrongly.

The rule: counters count since a process started. A process is over where a counter falls or
`adapter.started` changes, and what it had counted then is what its last sample says. The total is
the sum of those last samples, over all processes: never more than was really counted. What was
counted between a last sample and the end of its process is in no sample, and is told as *unseen*.
Where nobody says when a process started, a restart shows only if a counter falls; where the
counters are so low that a new process could have passed them, that is told too (`may_hide`), with
what would be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

from replay.gate.telemetry.clock import Allowance
from replay.gate.telemetry.ordering import (
    MINUTE,
    REAL_TIME,
    Pace,
    doubts_of,
    in_order,
    is_new_process,
    started,
)
from replay.gate.telemetry.samples import Counters, Sample


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The samples of one process. `began` is when it started, where it said so."""

    samples: tuple[Sample, ...]
    began: float | None

    @property
    def first(self) -> Sample:
        """Its first sample."""
        return self.samples[0]

    @property
    def last(self) -> Sample:
        """Its last sample, which has all that is known to have been counted."""
        return self.samples[-1]


class Rise(NamedTuple):
    """Divergences or failures that came to be counted between two samples.

    `before` is the sample before, whatever process it is from; None at the very first. `is_first`
    where `after` is the first of its process, number `lifetime`: then it is all that this process
    had counted.
    """

    before: Sample | None
    after: Sample
    counts: Counters
    lifetime: int
    is_first: bool

    @property
    def since(self) -> float:
        """The time from which on it may have come."""
        return float("-inf") if self.before is None else self.before.at


class Gap(NamedTuple):
    """Two samples with more than a minute and a half between them (Allowance.step). `restart` where
    the process is another one after it."""

    before: Sample
    after: Sample
    restart: bool

    @property
    def seconds(self) -> float:
        """How long."""
        return self.after.at - self.before.at


class Unseen(NamedTuple):
    """From `begin` to `end` (epoch seconds) a process counted what no sample has."""

    begin: float
    end: float


class MayHide(NamedTuple):
    """Between these samples a restart may have gone unseen; `at_most` would then be missing from
    the totals, besides what was counted between the two."""

    before: Sample
    after: Sample
    at_most: Counters


class Stretch(NamedTuple):
    """Samples without a long break. `covered` are seconds in which counters say what happened,
    `missing` those in between that are not."""

    first: Sample
    last: Sample
    samples: int
    covered: float
    missing: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that samples say about time. `off` are those on which the shadow was not running,
    `stalls` spans without a check, `notes` and `doubts` as in ordering.py."""

    samples: tuple[Sample, ...]
    lifetimes: tuple[Lifetime, ...]
    totals: Counters
    rises: tuple[Rise, ...]
    gaps: tuple[Gap, ...]
    unseen: tuple[Unseen, ...]
    may_hide: tuple[MayHide, ...]
    stretches: tuple[Stretch, ...]
    off: tuple[Sample, ...]
    stalls: tuple[tuple[Sample, Sample], ...]
    pace: Pace
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    allowed: Allowance = REAL_TIME

    @property
    def restarts(self) -> int:
        """How often a process followed another."""
        return max(0, len(self.lifetimes) - 1)

    @property
    def longest(self) -> Stretch | None:
        """The stretch that covers most."""
        return max(self.stretches, key=lambda one: one.covered, default=None)


def timeline_of(samples: Sequence[Sample], allowed: Allowance = REAL_TIME) -> Timeline:
    """Makes the timeline of samples as they were read."""
    ordered = in_order(samples, allowed)
    line = ordered.samples
    pace = Pace.of(line, allowed)
    lifetimes = _lifetimes(line)
    totals = reduce(Counters.plus, (one.last.counters for one in lifetimes), Counters())
    stalls = _stalls(lifetimes, allowed.stalled)
    return Timeline(
        samples=line,
        lifetimes=lifetimes,
        totals=totals,
        rises=tuple(_rises(lifetimes)),
        gaps=tuple(_gaps(line, allowed.step)),
        unseen=tuple(_unseen(old, new, allowed.step) for old, new in pairwise(lifetimes)),
        may_hide=tuple(_may_hide(lifetimes, pace, allowed.lag)),
        stretches=_stretches(line, stalls, allowed),
        off=tuple(one for one in line if not is_on(one)),
        stalls=stalls,
        pace=pace,
        notes=ordered.notes,
        doubts=(*ordered.doubts, *doubts_of(line, pace, allowed)),
        allowed=allowed,
    )


def is_on(sample: Sample) -> bool:
    """Whether the shadow was running."""
    return sample.enabled and sample.executable_available


def _unseen(old: Lifetime, new: Lifetime, step: float) -> Unseen:
    """Up to where the next process began; where that goes on from an earlier time, nobody knows how
    far the former one had come, and a step is taken for it."""
    end = new.first.at if new.began is None else new.began
    goes_back = new.first.is_rehearsed and end < old.last.at
    return Unseen(old.last.at, old.last.at + step if goes_back else end)


def _lifetimes(line: Sequence[Sample]) -> tuple[Lifetime, ...]:
    groups: list[list[Sample]] = []
    for sample in line:
        if not groups or is_new_process(groups[-1][-1], sample):
            groups.append([])
        groups[-1].append(sample)
    return tuple(Lifetime(tuple(group), started(group[0])) for group in groups)


def _rises(lifetimes: Sequence[Lifetime]) -> list[Rise]:
    rises: list[Rise] = []
    before: Sample | None = None
    for number, lifetime in enumerate(lifetimes):
        counted = Counters()
        for sample in lifetime.samples:
            counts = sample.counters.minus(counted)
            if counts.total_divergences or counts.shadow_failures:
                rises.append(Rise(before, sample, counts, number, sample is lifetime.first))
            counted, before = sample.counters, sample
    return rises


def _gaps(line: Sequence[Sample], longest: float) -> list[Gap]:
    return [
        Gap(old, new, is_new_process(old, new))
        for old, new in pairwise(line)
        if new.at - old.at > longest
    ]


def _may_hide(lifetimes: Sequence[Lifetime], pace: Pace, lag: float) -> list[MayHide]:
    return [
        MayHide(old, new, old.counters)
        for lifetime in lifetimes
        for old, new in pairwise(lifetime.samples)
        if (started(old) is None or started(new) is None)
        and any(old.counters)
        and new.counters.checks <= pace.most(new.at - old.at + lag)
    ]


def _stalls(lifetimes: Sequence[Lifetime], shortest: float) -> tuple[tuple[Sample, Sample], ...]:
    """Spans of at least so many seconds in which a process compared nothing."""
    stalls = []
    for lifetime in lifetimes:
        since = lifetime.first
        for old, new in pairwise((*lifetime.samples, None)):
            assert old is not None
            if new is not None and new.counters.checks == since.counters.checks:
                continue
            if old.at - since.at >= shortest:
                stalls.append((since, old))
            since = old if new is None else new
    return tuple(stalls)


def _stretches(
    line: Sequence[Sample], stalls: Sequence[tuple[Sample, Sample]], allowed: Allowance
) -> tuple[Stretch, ...]:
    groups: list[list[Sample]] = []
    for sample in line:
        if not groups or abs(sample.at - groups[-1][-1].at) > allowed.gap:
            groups.append([])
        groups[-1].append(sample)
    return tuple(_stretch(group, stalls, allowed.step) for group in groups)


def _stretch(
    group: Sequence[Sample], stalls: Sequence[tuple[Sample, Sample]], longest: float
) -> Stretch:
    """Each sample covers the time since the one before it, where that is of the same process and
    no minute is missing in between; else the minute before itself. Where the shadow was off, and
    where it compared nothing for long, nothing is covered; nothing is covered twice."""
    spans: list[tuple[float, float]] = []
    before: Sample | None = None
    for sample in group:
        begin = sample.at - MINUTE
        if before is not None and sample.at >= before.at:
            whole = sample.at - before.at <= longest and not is_new_process(before, sample)
            begin = before.at if whole else max(begin, before.at)
        before = sample
        if is_on(sample):
            spans += _without((begin, sample.at), stalls)
    covered = _measure(spans)
    whole_time = max(one.at for one in group) - min(one.at for one in group) + MINUTE
    return Stretch(group[0], group[-1], len(group), covered, max(0.0, whole_time - covered))


def _without(
    span: tuple[float, float], stalls: Sequence[tuple[Sample, Sample]]
) -> list[tuple[float, float]]:
    """A span, unless it lies in a stall."""
    inside = any(begin.at <= span[0] and span[1] <= end.at for begin, end in stalls)
    return [] if inside else [span]


def _measure(spans: Sequence[tuple[float, float]]) -> float:
    covered, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        covered += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return covered
