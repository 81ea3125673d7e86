"""Ties every divergence that was counted to a line of the journal, and to what the cores do now.

Three witnesses must agree on how many there were and which: the counters, the marks in the
journal, and the replay. A sample tells how many there were since the one before, and the event and
kind of the last; a mark tells the line and its time; the replay tells what differs there. Whatever
one of them says and another does not is a problem, by name, and with a problem nothing passes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from replay.gate.journals import Differing, Mark, Replayed
from replay.gate.telemetry import Sample
from replay.gate.timeline import Rise, Timeline

LATE = 15.0
"""Seconds by which a call may be counted later than it was made: it waits in a queue, and an
executable has its deadline."""

EARLY = 5.0
"""Seconds by which a call may be made behind the time of the sample that counts it: the loop reads
the clock, in whole seconds, before it asks the bot."""

MAX_PROBLEMS = 100


class Tied(NamedTuple):
    """One divergence that all three witnesses tell of."""

    rise: Rise
    mark: Mark
    differing: Differing


@dataclass(frozen=True, slots=True)
class Matching:
    """What was matched. `counted` is the number of divergences in the telemetry, `marked` in the
    journal, `replayed` now. `untied` has the rises of which some are not tied, with how many.
    `problems` are the first hundred of `problem_count`; `notes` is what agrees, but is worth
    saying. `failures_uncounted` are failures that the journal marks and no sample counts."""

    counted: int
    marked: int
    replayed: int
    tied: tuple[Tied, ...]
    untied: tuple[tuple[Rise, int], ...]
    problems: tuple[str, ...]
    problem_count: int
    notes: tuple[str, ...]
    failures_marked: int = 0
    failures_uncounted: int = 0


def match(timeline: Timeline, replayed: Replayed | None, dropped: int) -> Matching:
    """Matches what was counted with what was replayed (None where no journal was given).
    `dropped` is how many calls the adapter did not compare."""
    rises = [rise for rise in timeline.rises if rise.counts.total_divergences]
    counted = sum(rise.counts.total_divergences for rise in rises)
    if replayed is None:
        untied = tuple((rise, rise.counts.total_divergences) for rise in rises)
        problems = ("no journal was given, so no divergence is tied to a case",) if rises else ()
        return Matching(counted, 0, 0, (), untied, problems, len(problems), ())
    return _Matcher(timeline, replayed, rises, counted, dropped).match()


class _Matcher:
    def __init__(
        self,
        timeline: Timeline,
        replayed: Replayed,
        rises: Sequence[Rise],
        counted: int,
        dropped: int,
    ) -> None:
        self._timeline = timeline
        self._replayed = replayed
        self._rises = rises
        self._counted = counted
        self._dropped = dropped
        self._differing = {(one.file, one.line): one for one in replayed.differing}
        self._problems: list[str] = []
        self._notes: list[str] = []

    def match(self) -> Matching:
        marks = [mark for mark in self._replayed.marks if not mark.error]
        failures = [mark for mark in self._replayed.marks if mark.error]
        self._lines(marks, failures)
        tied, untied = self._tie([mark for mark in marks if mark.at is not None])
        counted = sum(rise.counts.shadow_failures for rise in self._timeline.rises)
        timed = [mark for mark in failures if mark.at is not None and self._where(mark) == ""]
        return Matching(
            self._counted,
            len(marks),
            len(self._replayed.differing),
            tuple(tied),
            tuple(untied),
            tuple(self._problems[:MAX_PROBLEMS]),
            len(self._problems),
            tuple(self._notes),
            len(failures),
            max(0, len(timed) - counted),
        )

    def _lines(self, marks: Sequence[Mark], failures: Sequence[Mark]) -> None:
        """Where the journal and the replay do not say the same of a line."""
        marked = {(mark.file, mark.line) for mark in marks}
        failed = {(mark.file, mark.line) for mark in failures}
        for mark in marks:
            if mark.at is None:
                self._problems.append(f"{mark.file}:{mark.line} is marked, but has no time")
            if (mark.file, mark.line) not in self._differing:
                self._problems.append(
                    f"{mark.file}:{mark.line} is marked as a divergence, and the cores do not "
                    "differ on it now, or it could not be replayed"
                )
        after_failure = unmarked = 0
        for place, one in self._differing.items():
            if place in marked:
                continue
            if place in failed:
                after_failure += 1
            elif place in self._replayed.agreed_before or not self._dropped:
                self._problems.append(
                    f"{one.file}:{one.line} ({one.event}) differs now ({one.bucket}), and no "
                    "counter counted it"
                )
            else:
                unmarked += 1
        if after_failure:
            self._notes.append(f"{after_failure} lines differ now on which the shadow had failed")
        if unmarked:
            self._notes.append(f"{unmarked} lines differ now that were not compared live")

    # Counters and marks

    def _tie(self, marks: Sequence[Mark]) -> tuple[list[Tied], list[tuple[Rise, int]]]:
        """Gives each rise its marks, the earliest that fit; what is left on either side is told."""
        line = sorted(marks, key=lambda mark: (mark.at or 0.0, mark.file, mark.line))
        ats = [mark.at or 0.0 for mark in line]
        free = [True] * len(line)
        tied: list[Tied] = []
        untied: list[tuple[Rise, int]] = []
        for rise in self._rises:
            taken: list[Mark] = []
            for kind, wanted in (
                ("transition", rise.counts.transition_divergences),
                ("invariant", rise.counts.invariant_divergences),
            ):
                begin, end = _window(self._timeline, rise)
                at = bisect_left(ats, begin)
                while wanted and at < len(line) and ats[at] <= end:
                    if free[at] and self._kind(line[at]) in (kind, ""):
                        free[at] = False
                        taken.append(line[at])
                        wanted -= 1
                    at += 1
            missing = rise.counts.total_divergences - len(taken)
            if missing:
                untied.append((rise, missing))
                self._problems.append(
                    f"{missing} of {rise.counts.total_divergences} divergences that "
                    f"{rise.after.place} counts ({rise.after.text}) are marked on no line of the "
                    "journal"
                )
            else:
                self._check_last(rise, taken)
            for mark in taken:
                differing = self._differing.get((mark.file, mark.line))
                if differing is not None:
                    tied.append(Tied(rise, mark, differing))
        self._left_over([mark for mark, is_free in zip(line, free, strict=True) if is_free])
        return tied, untied

    def _kind(self, mark: Mark) -> str:
        differing = self._differing.get((mark.file, mark.line))
        return "" if differing is None else differing.kind

    def _check_last(self, rise: Rise, taken: Sequence[Mark]) -> None:
        """The sample names the last of them: its event, kind and time."""
        sample = rise.after
        told = {
            (one.event, one.kind)
            for mark in taken
            if (one := self._differing.get((mark.file, mark.line))) is not None
        }
        last = (sample.divergence_event, sample.divergence_kind)
        if told and last not in told:
            found = ", ".join(f"{event} ({kind})" for event, kind in sorted(told))
            self._problems.append(
                f"{sample.place} names {last[0] or 'no event'} ({last[1] or 'no kind'}) as the "
                f"last divergence; the journal has {found} there"
            )
        begin, end = _window(self._timeline, rise)
        at = sample.divergence_ts
        if at is None or not begin <= at <= end:
            self._problems.append(
                f"{sample.place} counts a divergence, and its last_divergence_ts is "
                + ("null" if at is None else "not since the sample before")
            )

    def _left_over(self, left: Sequence[Mark]) -> None:
        """Marks that no sample counts: told, or a problem where a sample should have."""
        told: Counter[str] = Counter()
        for mark in left:
            where = self._where(mark)
            if where:
                told[where] += 1
            else:
                self._problems.append(
                    f"{mark.file}:{mark.line} is marked as a divergence, and no sample counts it"
                )
        self._notes += [f"{times} marked lines are {where}" for where, times in told.items()]

    def _where(self, mark: Mark) -> str:
        """Why no sample need count a mark; empty where one has to."""
        samples, at = self._timeline.samples, mark.at
        if not samples or at is None:
            return ""
        if at <= samples[0].at:
            return "from before the first sample"
        if at >= samples[-1].at - LATE:
            return "from after the last sample"
        for unseen in self._timeline.unseen:
            if unseen.begin - LATE <= at <= unseen.end + EARLY:
                return "from between a last sample and the restart"
        return ""


def _window(timeline: Timeline, rise: Rise) -> tuple[float, float]:
    """When a call may have been made that a rise counts."""
    began = timeline.lifetimes[rise.lifetime].began if rise.is_first else None
    before: Sample | None = rise.before
    if began is not None:
        begin = began - 1.0
    elif before is None:
        begin = float("-inf")
    else:
        begin = before.at - LATE
    return begin, rise.after.at + EARLY
