"""Shadow failures: start-up noise, a burst, or something that persists ("pass 1", "fail 1").

Definitions. Failures *belong to one burst* where no more than 15 minutes lie between one increase
and the next. *Start-up noise* is one burst within 15 minutes of its process's start, of at most 5
failures, each increase with a cause in `last_shadow_error`, and nothing after it, in this process
or in any other. Failures *persist* where there is more than one burst, or one that lasts longer
than 15 minutes; they are *rising* where the later half of the time has more of them than the
earlier. Where samples are so far apart that it may have been one short burst, nobody can tell.
A single short burst with an hour of quiet after it is neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from replay.counting import counted
from replay.gate.criteria.matching import Matching
from replay.gate.model import Criterion, Outcome, hours, times_of
from replay.gate.telemetry.timeline import Rise, Timeline

START_UP = 15 * 60.0
"""Seconds after a process's start: as long as the runbook's first smoke (section 3)."""

MOST_AT_START = 5
ONE_BURST = 15 * 60.0
QUIET = 3600.0
_PASS_1 = (
    "shadow_failures == 0 (or only transient startup noise with clear root cause and no recurrence)"
)
_FAIL_1 = "Persistent or rising shadow_failures"


@dataclass(frozen=True, slots=True)
class Course:
    """How failures came: their rises, those in bursts, and whether they are start-up noise (`flaw`
    says why not)."""

    rises: tuple[Rise, ...]
    bursts: tuple[tuple[Rise, ...], ...]
    flaw: str

    @property
    def failures(self) -> int:
        """How many."""
        return sum(rise.counts.shadow_failures for rise in self.rises)

    @property
    def is_noise(self) -> bool:
        """Whether they are nothing but start-up noise."""
        return bool(self.rises) and not self.flaw


def course_of(timeline: Timeline) -> Course:
    """Looks at all failures."""
    rises = tuple(rise for rise in timeline.rises if rise.counts.shadow_failures)
    bursts: list[list[Rise]] = []
    for rise in rises:
        if not bursts or rise.after.at - bursts[-1][-1].after.at > ONE_BURST:
            bursts.append([])
        bursts[-1].append(rise)
    return Course(rises, tuple(map(tuple, bursts)), _flaw(timeline, rises, len(bursts)))


def _flaw(timeline: Timeline, rises: Sequence[Rise], bursts: int) -> str:
    """Why failures are not start-up noise; empty where they are."""
    if not rises:
        return ""
    if len({rise.lifetime for rise in rises}) > 1:
        return "they come again in another process"
    if bursts > 1:
        return "they come again"
    if rises[-1].after.at - rises[0].after.at > ONE_BURST:
        return "they go on for more than 15 minutes"
    failures = sum(rise.counts.shadow_failures for rise in rises)
    late = [rise for rise in rises if not _is_at_start(timeline, rise)]
    if late:
        return f"those at {late[0].after.text} are not within 15 minutes of a start that is known"
    if failures > MOST_AT_START:
        return f"they are more than {MOST_AT_START}"
    bare = [rise for rise in rises if not rise.after.error.strip()]
    if bare:
        return f"no cause is recorded in last_shadow_error at {bare[0].after.text}"
    return ""


def _is_at_start(timeline: Timeline, rise: Rise) -> bool:
    start = start_of(timeline, rise.lifetime)
    if start is None:
        return False
    allowed = timeline.allowed
    return rise.after.at - start <= START_UP + allowed.step + allowed.lag


def start_of(timeline: Timeline, number: int) -> float | None:
    """When a process started: as it says; else after the last sample of the one before it. Of the
    first one only how much it had compared when it was first seen can tell; None where it had
    compared nothing by which that could be judged."""
    lifetime = timeline.lifetimes[number]
    if lifetime.began is not None:
        return lifetime.began
    if number:
        before = timeline.lifetimes[number - 1].last.at
        return max(before, lifetime.first.at - timeline.allowed.step)
    checks, rate = lifetime.first.counters.checks, timeline.pace.rate
    return lifetime.first.at - checks / rate if rate > 0 else None


def no_failures(timeline: Timeline, course: Course, matching: Matching) -> Criterion:
    """Pass 1."""
    times = times_of(rise.after for rise in course.rises)
    figures = _figures(timeline, course)
    if matching.failures_uncounted:
        why = f"the journal marks {matching.failures_uncounted} failures that no sample counts"
        return Criterion("pass 1", _PASS_1, Outcome.INCONCLUSIVE, why, figures, times,
                         ("every failure in the journal is counted",))  # fmt: skip
    if not course.rises:
        return Criterion("pass 1", _PASS_1, Outcome.PASS, "there was none", figures)
    many = counted(course.failures, "failure")
    if course.is_noise:
        cause = course.rises[-1].after.error
        why = f"{many} at the start at {times[0]}, none since; the cause: {cause}"
        return Criterion("pass 1", _PASS_1, Outcome.PASS, why, figures, times)
    why = f"{many}, and not only start-up noise: {course.flaw}"
    need = "48 hours without a failure, or with start-up noise alone"
    outcome = Outcome.FAIL if persists(timeline, course)[0] is Outcome.FAIL else (
        Outcome.INCONCLUSIVE
    )  # fmt: skip
    return Criterion("pass 1", _PASS_1, outcome, why, figures, times, (need,))


def persistent_failures(timeline: Timeline, course: Course) -> Criterion:
    """Fail 1."""
    outcome, why = persists(timeline, course)
    times = times_of(rise.after for rise in course.rises)
    needed = () if outcome is Outcome.PASS else ("failures neither recur nor go on",)
    return Criterion("fail 1", _FAIL_1, outcome, why, _figures(timeline, course), times, needed)


def persists(timeline: Timeline, course: Course) -> tuple[Outcome, str]:
    """Whether failures persist or rise, and why."""
    if not course.rises:
        return Outcome.PASS, "there was none"
    if course.is_noise:
        return Outcome.PASS, "start-up noise alone"
    early, late = halves(timeline, course)
    many, bursts = counted(course.failures, "failure"), len(course.bursts)
    first, last = course.rises[0], course.rises[-1]
    if last.after.at - first.after.at > ONE_BURST >= last.since - first.after.at:
        return Outcome.INCONCLUSIVE, (
            f"{many} at {first.after.text} and until {last.after.text}, and samples are missing "
            "in between: whether they came all at once cannot be told"
        )
    if bursts > 1:
        trend = "rising" if late > early else "persistent"
        return Outcome.FAIL, (
            f"{trend}: {many} in {bursts} bursts, {early} in the earlier half of the time and "
            f"{late} in the later"
        )
    burst = course.bursts[0]
    lasted = burst[-1].after.at - burst[0].after.at
    if lasted > ONE_BURST:
        return Outcome.FAIL, f"persistent: {many} over {hours(lasted)}"
    quiet = timeline.samples[-1].at - burst[-1].after.at
    if quiet < QUIET:
        return Outcome.INCONCLUSIVE, (
            f"{many} at {burst[-1].after.text}, with no more than {hours(quiet)} after it: "
            "whether that was all cannot be told"
        )
    return Outcome.PASS, f"one burst: {many} within {hours(lasted)}, {hours(quiet)} of quiet since"


def halves(timeline: Timeline, course: Course) -> tuple[int, int]:
    """Failures in the earlier and in the later half of the time."""
    if not timeline.samples:
        return 0, 0
    middle = (timeline.samples[0].at + timeline.samples[-1].at) / 2
    late = sum(one.counts.shadow_failures for one in course.rises if one.after.at > middle)
    return course.failures - late, late


def _figures(timeline: Timeline, course: Course) -> dict[str, Any]:
    early, late = halves(timeline, course)
    gaps = [new[0].after.at - old[-1].after.at for old, new in pairwise(course.bursts)]
    return {
        "shadow_failures": timeline.totals.shadow_failures,
        "increases": len(course.rises),
        "bursts": [
            {
                "from": burst[0].after.text,
                "to": burst[-1].after.text,
                "failures": sum(rise.counts.shadow_failures for rise in burst),
            }
            for burst in course.bursts[:50]
        ],
        "seconds_between_bursts": [round(gap, 3) for gap in gaps[:50]],
        "earlier_half": early,
        "later_half": late,
        "causes": sorted({rise.after.error for rise in course.rises})[:10],
    }
