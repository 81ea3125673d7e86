"""Ties every divergence that was counted to a line of the journal, and to what the cores do now.

Three witnesses must agree on how many there were and which: the counters, the marks in the
journal, and the replay. A sample tells how many there were since the one before, and the event and
kind of the last; a mark tells the line and its time; the replay tells what differs there. Whatever
one of them says and another does not is a problem, by name, and with a problem nothing passes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from replay.gate.journals import Differing, Mark, Replayed
from replay.gate.telemetry.ordering import REAL_TIME
from replay.gate.telemetry.samples import Sample
from replay.gate.telemetry.timeline import Rise, Timeline

MAX_PROBLEMS = 100
SAME_CORES = "are these the cores that ran? (their hashes are under `replay`)"


class Tied(NamedTuple):
    """One divergence that all three witnesses tell of."""

    rise: Rise
    mark: Mark
    differing: Differing


@dataclass(frozen=True, slots=True)
class Matching:
    """What was matched. `counted` is the number of divergences in the telemetry, `marked` in the
    journal, `replayed` now. `untied` has the rises of which some are not tied, with how many;
    `misnamed` those that are tied, but to other events than the one that they name.
    `unshown` are the marked lines on which the cores do not differ now. `problems` are the first
    hundred of `problem_count`; `notes` is what agrees, but is worth saying. `failures_uncounted`
    are failures that the journal marks and no sample counts."""

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
    unshown: int = 0
    misnamed: tuple[Rise, ...] = ()

    @property
    def untied_rises(self) -> tuple[Rise, ...]:
        """Those with at least one divergence, of the event that they name, that is tied to
        nothing."""
        return (*(rise for rise, _ in self.untied), *self.misnamed)


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
        self._misnamed: list[Rise] = []

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
            sum((mark.file, mark.line) not in self._differing for mark in marks),
            tuple(self._misnamed),
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
        free = _Free(marks, self._kind)
        tied: list[Tied] = []
        untied: list[tuple[Rise, int]] = []
        for rise in self._rises:
            taken: list[Mark] = []
            for kind, wanted in (
                ("transition", rise.counts.transition_divergences),
                ("invariant", rise.counts.invariant_divergences),
            ):
                begin, end = _window(self._timeline, rise)
                taken += free.take(kind, wanted, begin, end)
            missing = rise.counts.total_divergences - len(taken)
            # What is marked and not shown now is as little known as what is not marked at all.
            unshown = sum((mark.file, mark.line) not in self._differing for mark in taken)
            if missing or unshown:
                untied.append((rise, missing + unshown))
            if missing:
                self._problems.append(
                    f"{missing} of {rise.counts.total_divergences} divergences that "
                    f"{rise.after.place} counts ({rise.after.text}) are marked on no line of the "
                    "journal"
                )
            else:
                self._check_last(rise, taken)
                events = {self._differing[place].event for mark in taken
                          if (place := (mark.file, mark.line)) in self._differing}  # fmt: skip
                if not unshown and rise.after.divergence_event not in events:
                    self._misnamed.append(rise)
            for mark in taken:
                differing = self._differing.get((mark.file, mark.line))
                if differing is not None:
                    tied.append(Tied(rise, mark, differing))
        self._left_over(free.left())
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
        samples, at, allowed = self._timeline.samples, mark.at, self._timeline.allowed
        if not samples or at is None:
            return ""
        if at <= samples[0].at:
            return "from before the first sample"
        # A last sample of which the queue was empty has counted all there was, however fast.
        late = REAL_TIME.late if _has_caught_up(samples[-1]) else allowed.late
        if at >= samples[-1].at - late:
            return "from after the last sample"
        for unseen in self._timeline.unseen:
            if unseen.begin - allowed.late <= at <= unseen.end + allowed.early:
                return "from between a last sample and the restart"
        return ""


def _has_caught_up(sample: Sample) -> bool:
    """Whether the adapter had nothing under way."""
    one = sample.adapter
    if one is None or one.offered is None or one.compared is None:
        return False
    return one.offered == one.compared + (one.dropped or 0) + (one.failed or 0)


class _Free:
    """Marks that no rise has taken yet: of each kind by time, and those of which no kind is known.
    Each is looked at a bounded number of times, however many there are in one window."""

    def __init__(self, marks: Iterable[Mark], kind_of: Callable[[Mark], str]) -> None:
        self._lines: dict[str, _Line] = {}
        for mark in sorted(marks, key=lambda mark: (mark.at or 0.0, mark.file, mark.line)):
            self._lines.setdefault(kind_of(mark), _Line()).add(mark)

    def take(self, kind: str, wanted: int, begin: float, end: float) -> list[Mark]:
        """The earliest marks of a time that fit a kind, as many as are wanted."""
        lines = [line for name in (kind, "") if (line := self._lines.get(name)) is not None]
        taken: list[Mark] = []
        while len(taken) < wanted:
            heads = [(mark.at or 0.0, line) for line in lines
                     if (mark := line.first(begin, end)) is not None]  # fmt: skip
            if not heads:
                break
            taken.append(min(heads, key=lambda head: head[0])[1].take(begin))
        return taken

    def left(self) -> list[Mark]:
        """Those that are free still, by time."""
        left = [mark for line in self._lines.values() for mark in line.left()]
        return sorted(left, key=lambda mark: (mark.at or 0.0, mark.file, mark.line))


class _Line:
    """Marks by time. `_next` leads from each place to one that may be free, over all that are
    taken, and is shortened on the way."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._ats: list[float] = []
        self._next: list[int] = [0]

    def add(self, mark: Mark) -> None:
        """One more, not before the others."""
        self._marks.append(mark)
        self._ats.append(mark.at or 0.0)
        self._next.append(len(self._marks))

    def first(self, begin: float, end: float) -> Mark | None:
        """The first free one in a time."""
        at = self._place(begin)
        return self._marks[at] if at < len(self._marks) and self._ats[at] <= end else None

    def take(self, begin: float) -> Mark:
        """Takes the first free one from a time on."""
        at = self._place(begin)
        self._next[at] = at + 1
        return self._marks[at]

    def left(self) -> list[Mark]:
        """All that are free."""
        return [mark for at, mark in enumerate(self._marks) if self._next[at] == at]

    def _place(self, begin: float) -> int:
        at = bisect_left(self._ats, begin)
        leads = self._next
        while leads[at] != at:
            leads[at] = leads[leads[at]]
            at = leads[at]
        return at


def _window(timeline: Timeline, rise: Rise) -> tuple[float, float]:
    """When a call may have been made that a rise counts."""
    began = timeline.lifetimes[rise.lifetime].began if rise.is_first else None
    before: Sample | None = rise.before
    if began is not None:
        begin = began - 1.0
    elif before is None:
        begin = float("-inf")
    else:
        begin = before.at - timeline.allowed.late
    return begin, rise.after.at + timeline.allowed.early
