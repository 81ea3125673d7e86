"""The course of the counters over time, made of telemetry: what charts draw.

Counters begin at zero with each process. A process tells itself by when it started; without that a
counter that falls does. Totals go on across processes and never fall.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from replay.gate.telemetry.samples import Counters, Sample

LONGEST_STEP = 90.0
"""Seconds between two samples of a loop that takes one a minute; more is a gap."""

SHORTEST_RATE = 30.0
"""Seconds over which a rate is taken at least: two loops on one bot may ask at nearly one time."""

GAP_FACTOR = 3.0
"""As many times the usual step is a gap, where samples are further apart than that."""


def time_of(sample: Sample) -> float:
    """When a sample was taken, by its host's clock where that has one: in a rehearsal only this
    says what happened before what."""
    clock = None if sample.adapter is None else sample.adapter.clock
    return sample.at if clock is None or clock.now is None else clock.now


class Point(NamedTuple):
    """One moment. `divergences`, `failures` and `checks` are totals over all processes so far;
    `rate` is checks a minute, None where there is none yet. Latencies are seconds. `restart` where
    the process is another one than before; `gap` are the seconds before it of which nothing is
    known, 0 where nothing is missing."""

    at: float
    divergences: int
    failures: int
    checks: int
    rate: float | None
    on: bool
    queue: int | None
    bare: float | None
    whole: float | None
    restart: bool
    gap: float


class Course(NamedTuple):
    """Points by time."""

    points: tuple[Point, ...] = ()

    def last(self, hours: float | None) -> Course:
        """Its last so many hours; all of it with None."""
        if hours is None or not self.points:
            return self
        since = self.end - hours * 3600.0
        return Course(tuple(point for point in self.points if point.at >= since))

    @property
    def restarts(self) -> int:
        """How often another process followed; the first point begins with one that is none."""
        return sum(point.restart for point in self.points[1:])

    @property
    def gaps(self) -> tuple[float, ...]:
        """How long each gap is, in seconds."""
        return tuple(point.gap for point in self.points[1:] if point.gap)

    @property
    def begin(self) -> float:
        """When it begins (epoch seconds); there is at least one point."""
        return self.points[0].at

    @property
    def end(self) -> float:
        """When it ends."""
        return self.points[-1].at


def is_other_process(old: Sample, new: Sample) -> bool:
    """Whether counting began anew between two samples. Of two loops on one process one may write a
    little late, so where a process says when it started only that tells."""
    before = None if old.adapter is None else old.adapter.started
    after = None if new.adapter is None else new.adapter.started
    if before is not None and after is not None:
        return abs(before - after) > 1.0
    return not new.counters.covers(old.counters)


def course_of(
    samples: Sequence[Sample],
    *,
    longest: float | None = None,
    is_new: Callable[[Sample, Sample], bool] = is_other_process,
) -> Course:
    """The course of samples that are sorted by time. More than `longest` seconds between two are a
    gap, by default what is much more than usual; `is_new` tells where another process began."""
    usual = _longest_step(samples) if longest is None else longest
    points: list[Point] = []
    gone, reached = Counters(), Counters()
    before: Sample | None = None
    measured = 0.0, 0
    for sample in samples:
        restart = before is not None and is_new(before, sample)
        if restart:
            gone, reached = gone.plus(reached), Counters()
        # Of two loops on one process one may write a little late what it read before the other.
        reached = Counters(*map(max, reached, sample.counters))
        total = gone.plus(reached)
        seconds = 0.0 if before is None else time_of(sample) - time_of(before)
        at, rate = time_of(sample), None
        if restart or not points:
            measured = at, total.checks
        elif (passed := at - measured[0]) >= SHORTEST_RATE:
            rate = (total.checks - measured[1]) / passed * 60.0
            measured = at, total.checks
        adapter = sample.adapter
        points.append(
            Point(
                at=at,
                divergences=total.total_divergences,
                failures=total.shadow_failures,
                checks=total.checks,
                rate=rate,
                on=sample.enabled and sample.executable_available,
                queue=None if adapter is None else adapter.queue_max,
                bare=None if adapter is None or adapter.bare is None else adapter.bare.p99,
                whole=None if adapter is None or adapter.whole is None else adapter.whole.p99,
                restart=restart,
                gap=seconds if seconds > usual else 0.0,
            )
        )
        before = sample
    return Course(tuple(points))


def _longest_step(samples: Sequence[Sample]) -> float:
    steps = [time_of(new) - time_of(old) for old, new in pairwise(samples)]
    steps = [step for step in steps if step > 0.0]
    return max(LONGEST_STEP, GAP_FACTOR * median(steps)) if steps else LONGEST_STEP
