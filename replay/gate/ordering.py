"""The order of samples, and whether they are one bot's.

A loop appends as time goes by, so within a file order and times agree, but for files that were put
together in another order, two loops on one bot, a clock that was set back, and two bots in one
file. The counters tell these apart: those of one bot only fall where it starts again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from replay.gate.telemetry import Counters, Sample

MINUTE = 60.0
LONGEST_STEP = 90.0
"""Seconds between two samples of which none is missing in between: a minute, what curl takes, and
a clock that is read in whole seconds."""

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


def in_order(samples: Sequence[Sample]) -> Ordered:
    """Finds the order of samples that were read file by file."""
    pieces = _pieces(samples)
    allowed = sum(_falls(piece) for piece in pieces)
    by_start = sorted(pieces, key=lambda piece: piece[0].at)
    apart = all(one[-1].at <= other[0].at for one, other in pairwise(by_start))
    by_time = sorted(samples, key=lambda sample: sample.at)
    if apart:
        moved = [piece[0] for piece, other in zip(pieces, by_start, strict=True)
                 if piece is not other]  # fmt: skip
        notes = (f"out of order from {moved[0].place} on: sorted by time",) if moved else ()
        return Ordered(tuple(by_time), notes)
    if _falls(by_time) <= allowed:
        place = _first_step_back(samples)
        return Ordered(tuple(by_time), (f"times go back at {place}: sorted by time",))
    if _falls(samples) <= allowed:
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
    return not new.counters.covers(old.counters)


def started(sample: Sample) -> float | None:
    """When the sample's process started, where it says so."""
    return None if sample.adapter is None else sample.adapter.started


class Pace(NamedTuple):
    """How many checks a second are usual."""

    rate: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Pace:
        """The median over all steps of about a minute."""
        rates = [
            (new.counters.checks - old.counters.checks) / (new.at - old.at)
            for old, new in pairwise(samples)
            if 0 < new.at - old.at <= LONGEST_STEP and not is_new_process(old, new)
        ]
        return cls(median(rates) if rates else 0.0)

    def most(self, seconds: float) -> float:
        """More checks than that in so many seconds are not believed."""
        return SUDDEN_CHECKS + SUDDEN_RATE * self.rate * max(seconds, MINUTE)


def doubts_of(samples: Sequence[Sample], pace: Pace) -> list[str]:
    """Signs that samples come from two bots, or that counters are not what they say."""
    doubts = _processes_that_return(samples)
    leaps = [(old, new, rise) for old, new in pairwise(samples)
             if (rise := _leap(old, new, pace)) is not None]  # fmt: skip
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
    over: set[float] = set()
    for old, new in pairwise(samples):
        before, after = started(old), started(new)
        if before is not None and after is not None and before != after:
            over.add(before)
            if after in over:
                return [f"{new.place} is from a process that another one had followed already"]
    return []


def _leap(old: Sample, new: Sample, pace: Pace) -> int | None:
    """By how much checks rose, where that is not believable."""
    seconds = new.at - old.at
    rise = new.counters.checks
    if is_new_process(old, new):
        began = started(new)
        if began is not None:
            seconds = new.at - began
    else:
        rise -= old.counters.checks
    return rise if rise > pace.most(seconds) else None


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
