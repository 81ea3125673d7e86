"""The order of a rehearsal's samples: process by process, and in each by the bot's clock.

The clock of a bot that is killed goes on from its last snapshot, so what one process was seen to do
and what the next one was seen to do may have the same times, and by the bot's clock alone samples
of two processes take turns. Within a process it never goes back. Which process came first is told
by the real time, which no kill sets back: by that which the adapter says beside the bot's clock
(`adapter.clock.wall`), else by a loop's own `ts`; where there is neither, since a bot stamps its
own file by its own clock, by the order of the lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from replay.gate.telemetry.samples import Sample

OWN = 2.0
"""Seconds between the `ts` of a sample and the bot's clock, up to which that is its `ts`."""

OVERLAP = 5.0
"""Seconds by which a process may be seen after the next one has begun: loops write whole seconds,
and wait for an answer."""

Key = tuple[float | None, float | None]


def key_of(sample: Sample) -> Key | None:
    """What tells a process from others: when it started, by the bot's clock and in real time; None
    where a sample does not say so."""
    adapter = sample.adapter
    if adapter is None or adapter.started is None:
        return None
    return adapter.started, None if adapter.clock is None else adapter.clock.began


class InOrder(NamedTuple):
    """Samples by process; what is used for that, and signs that they are not one bot's."""

    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(slots=True)
class _Process:
    """The samples of one process, `place` that of the first among all as they were read."""

    place: int
    samples: list[Sample] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)
    since: float = float("-inf")
    """The real time that it is put in order by: its own, else that of the one before it in its
    file."""


def by_process(
    samples: Sequence[Sample], merged: Callable[[Sequence[Sample]], list[Sample]]
) -> InOrder | None:
    """Finds the order; None where a sample does not say of which process it is. `merged` puts the
    samples of one process in order."""
    own = _files_by_the_bots_clock(samples)
    processes: dict[Key, _Process] = {}
    doubts: list[str] = []
    former: Sample | None = None
    for place, sample in enumerate(samples):
        key = key_of(sample)
        if key is None:
            return None
        before = None if former is None or former.file != sample.file else key_of(former)
        process = processes.setdefault(key, _Process(place))
        if before not in (None, key) and any(one.file == sample.file for one in process.samples):
            doubts.append(f"{sample.place} is from a process that another one had followed already")
        if not process.samples and before is not None:
            process.since = processes[before].since
        process.samples.append(sample)
        wall = _wall(sample, own)
        if wall is not None:
            process.walls.append(wall)
            process.since = min(process.walls)
        former = sample
    line = sorted(processes.values(), key=lambda one: (one.since, one.place))
    timed = [one for one in line if one.walls]
    reached = float("-inf")
    for process in timed:
        if min(process.walls) < reached - OVERLAP:
            first = process.samples[0]
            doubts.append(f"the process at {first.place} began before another one had ended")
        reached = max(reached, *process.walls)
    ordered = tuple(sample for process in line for sample in merged(process.samples))
    if len(line) == 1:
        return InOrder(ordered, (), tuple(doubts[:1]))
    how = "in real time" if len(timed) == len(line) else "by the order of the lines"
    if 0 < len(timed) < len(line):
        how = "in real time where that is told, else by the order of the lines"
    note = f"{len(line)} processes follow each other {how}, the samples of each by the bot's clock"
    return InOrder(ordered, (note,), tuple(doubts[:1]))


def _files_by_the_bots_clock(samples: Sequence[Sample]) -> frozenset[str]:
    """The files in which every `ts` is the bot's clock, which says nothing of the real time."""
    files = {sample.file for sample in samples}
    return frozenset(files - {one.file for one in samples if abs(one.written - one.at) > OWN})


def _wall(sample: Sample, own: frozenset[str]) -> float | None:
    """The real time of a sample, None where nobody tells."""
    clock = None if sample.adapter is None else sample.adapter.clock
    if clock is not None and clock.wall is not None:
        return clock.wall
    return None if sample.file in own else sample.written
