"""The order of samples, and whether they are one bot's.

A loop appends as time goes by, so within a file order and times agree, but for files that were put
together in another order, two loops on one bot, a clock that was set back, and two bots in one
file. The counters tell these apart: those of one bot only fall where it starts again.

Two loops on one bot, each with a file of its own (the runbook's and the paper host's), read the
clock at slightly different moments, so by time alone a counter seems to fall where the later
reader wrote the earlier time. Their files are merged so that counters go on wherever two times are
near enough; every count is then seen once, by whichever loop came first.

In a rehearsal times are the bot's, whose clock a kill sets back: there the processes come first
(processes.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from replay.gate.telemetry.clock import Allowance
from replay.gate.telemetry.processes import Key, by_process, key_of
from replay.gate.telemetry.samples import Counters, Sample

MINUTE = 60.0
REAL_TIME = Allowance()
SHORTEST_STEP = 30.0
"""Seconds: nearer samples, as those of two loops, say nothing about what is usual."""

SUDDEN_CHECKS, SUDDEN_RATE = 300, 30
"""Checks rise too quickly where they rise by more than so many, and so many times what is usual."""

FEW_FALLS = 3
"""From so many falls on it is asked whether two bots explain them better than restarts."""


class Ordered(NamedTuple):
    """Samples in the order in which they were taken. `notes` is what is worth saying about it;
    `doubts` are signs that they are not those of one bot."""

    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def in_order(samples: Sequence[Sample], allowed: Allowance = REAL_TIME) -> Ordered:
    """Finds the order of samples that were read file by file."""
    if any(one.is_rehearsed for one in samples):
        found = by_process(samples, lambda some: _merged(some, allowed.early))
        if found is not None:
            return Ordered(*found)
    pieces = _pieces(samples)
    falls = sum(_falls(piece) for piece in pieces)
    by_start = sorted(pieces, key=lambda piece: piece[0].at)
    apart = all(one[-1].at <= other[0].at for one, other in pairwise(by_start))
    by_time = _merged(samples, allowed.early)
    if apart:
        moved = [piece[0] for piece, other in zip(pieces, by_start, strict=True)
                 if piece is not other]  # fmt: skip
        notes = (f"out of order from {moved[0].place} on: sorted by time",) if moved else ()
        return Ordered(tuple(by_time), notes)
    if _falls(by_time) <= falls:
        return Ordered(tuple(by_time), (_merge_note(samples, pieces),))
    if _falls(samples) <= falls:
        return Ordered(tuple(samples), tuple(_clock_notes(samples)))
    doubt = (
        f"times go back at {_first_step_back(samples)}, and neither by time nor as they stand do "
        "the counters make one bot's"
    )
    return Ordered(tuple(by_time), (), (doubt,))


def _pieces(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Cuts where the time goes back or another file begins."""
    pieces: list[list[Sample]] = []
    for sample in samples:
        last = pieces[-1][-1] if pieces else None
        if last is None or last.file != sample.file or sample.at < last.at:
            pieces.append([])
        pieces[-1].append(sample)
    return pieces


def _merged(samples: Iterable[Sample], near: float) -> list[Sample]:
    """All samples by time; those of several files so that counters go on where times are near."""
    files: dict[str, list[Sample]] = {}
    for sample in samples:
        files.setdefault(sample.file, []).append(sample)
    lines = [sorted(line, key=lambda sample: sample.at) for line in files.values()]
    if len(lines) == 1:
        return lines[0]
    merged: list[Sample] = []
    reached = [0] * len(lines)
    left = set(range(len(lines)))
    while left:
        heads = {number: lines[number][reached[number]] for number in left}
        limit = min(head.at for head in heads.values()) + near
        last = merged[-1] if merged else None
        number = min(
            (number for number, head in heads.items() if head.at <= limit),
            key=lambda number: _rank(last, heads[number]),
        )
        merged.append(heads[number])
        reached[number] += 1
        if reached[number] == len(lines[number]):
            left.remove(number)
    return merged


def _rank(last: Sample | None, sample: Sample) -> tuple[bool, float, int, float, str, int]:
    """What comes first of samples that are near each other: what goes on from the last one, then
    the process that started first, then what has counted less."""
    return (
        last is not None and is_new_process(last, sample),
        started(sample) or 0.0,
        sample.counters.checks,
        sample.at,
        sample.file,
        sample.line,
    )


def _merge_note(samples: Sequence[Sample], pieces: Sequence[Sequence[Sample]]) -> str:
    files = dict.fromkeys(piece[0].file for piece in pieces)
    if len(files) == len(pieces):
        return f"{len(files)} files are of the same time: merged, and every count taken once"
    return f"times go back at {_first_step_back(samples)}: sorted by time"


def _falls(samples: Iterable[Sample]) -> int:
    return sum(not new.counters.covers(old.counters) for old, new in pairwise(samples))


def _first_step_back(samples: Iterable[Sample]) -> str:
    return next(new.place for old, new in pairwise(samples) if new.at < old.at)


def _clock_notes(samples: Iterable[Sample]) -> list[str]:
    return [
        f"the clock went back by {old.at - new.at:,.0f} s at {new.place}"
        for old, new in pairwise(samples)
        if new.at < old.at
    ]


# --- Whether it is one bot --------------------------------------------------------------------


def is_new_process(old: Sample, new: Sample) -> bool:
    """Whether counting began anew between two samples: the process started at another time, or a
    counter fell."""
    before, after = started(old), started(new)
    if before is not None and after is not None and abs(before - after) > 1.0:
        return True
    before, after = _began(old), _began(new)
    if before is not None and after is not None and abs(before - after) > 1.0:
        return True
    return not new.counters.covers(old.counters)


def started(sample: Sample) -> float | None:
    """When the sample's process started, where it says so."""
    return None if sample.adapter is None else sample.adapter.started


def _began(sample: Sample) -> float | None:
    """When its process began in real time, where its host's clock is another: by that two processes
    may seem to have started at once."""
    clock = None if sample.adapter is None else sample.adapter.clock
    return clock.began if clock is not None and sample.is_rehearsed else None


class Pace(NamedTuple):
    """How many checks a second are usual."""

    rate: float

    @classmethod
    def of(cls, samples: Sequence[Sample], allowed: Allowance = REAL_TIME) -> Pace:
        """The median over all steps of about a minute."""
        rates = []
        old: Sample | None = None
        for new in samples:
            if old is None or is_new_process(old, new):
                old = new
            elif (seconds := new.at - old.at) >= max(SHORTEST_STEP, allowed.lag):
                if seconds <= allowed.step + allowed.lag:
                    rates.append((new.counters.checks - old.counters.checks) / seconds)
                old = new
            elif seconds < 0.0:
                old = new
        if not rates and len(samples) > 1:
            # Over before anything could be usual, or before a rehearsal's counters could keep up.
            seconds = samples[-1].at - samples[0].at
            rates = [sum(_rises(samples)) / seconds] if seconds > 0.0 else []
        return cls(median(rates) if rates else 0.0)

    def most(self, seconds: float) -> float:
        """More checks than that in so many seconds are not believed."""
        return SUDDEN_CHECKS + SUDDEN_RATE * self.rate * max(seconds, MINUTE)


def _rises(samples: Sequence[Sample]) -> Iterable[int]:
    """What was checked, step by step."""
    checks = 0
    before: Sample | None = None
    for sample in samples:
        new = before is None or is_new_process(before, sample)
        yield sample.counters.checks - (0 if new else checks)
        checks, before = sample.counters.checks, sample


def doubts_of(samples: Sequence[Sample], pace: Pace, allowed: Allowance = REAL_TIME) -> list[str]:
    """Signs that samples come from two bots, or that counters are not what they say."""
    doubts = _processes_that_return(samples)
    leaps = [(old, new, rise) for old, new in pairwise(samples)
             if (rise := _leap(old, new, pace, allowed.lag)) is not None]  # fmt: skip
    if leaps:
        old, new, rise = leaps[0]
        doubts.append(
            f"{rise:,} checks appear within {abs(new.at - old.at):,.0f} s at {new.place}, where "
            f"{pace.rate * MINUTE:,.1f} a minute are usual ({len(leaps)} such places)"
        )
    falls = _falls(samples)
    if falls >= FEW_FALLS and _falls_of_two(samples) * 4 <= falls:
        doubts.append(f"counters fall {falls} times, and go on as those of two bots would")
    return doubts


def _processes_that_return(samples: Sequence[Sample]) -> list[str]:
    over: set[Key] = set()
    for old, new in pairwise(samples):
        before, after = key_of(old), key_of(new)
        if before is not None and after is not None and before != after:
            over.add(before)
            if after in over:
                return [f"{new.place} is from a process that another one had followed already"]
    return []


def _leap(old: Sample, new: Sample, pace: Pace, lag: float) -> int | None:
    """By how much checks rose, where that is not believable."""
    seconds = new.at - old.at
    rise = new.counters.checks
    if is_new_process(old, new):
        began = started(new)
        if began is not None:
            seconds = new.at - began
    else:
        rise -= old.counters.checks
    return rise if rise > pace.most(seconds + lag) else None


def _falls_of_two(samples: Sequence[Sample]) -> int:
    """How many falls are left where each sample may go on from either of two bots."""
    ends: list[Counters] = [Counters(), Counters()]
    falls = 0
    for sample in samples:
        fitting = [at for at in (0, 1) if sample.counters.covers(ends[at])]
        if fitting:
            at = max(fitting, key=lambda at: ends[at].checks)
        else:
            falls += 1
            at = 0 if ends[0].checks > ends[1].checks else 1
        ends[at] = sample.counters
    return falls
