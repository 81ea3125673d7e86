"""Distillation: the few streams of a corpus that reach all that the whole of it reaches.

What a stream reaches are its features on the authority, and the edits that it was the first to show
(power_memory.py). The smallest set is not worth its time: streams are taken one by one, each time
the one that brings most for its steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from replay.fuzzing.features import Features
from replay.streams.model import Stream
from replay.targets.base import Target, Work


class Weighed(NamedTuple):
    """A stream, how long it is and what it reaches."""

    stream: str
    steps: int
    reaches: frozenset[str]


def features_of(stream: Stream, authority: Target) -> frozenset[str]:
    """What a stream reaches on the authority."""
    authority.submit(Work(0, stream.start, stream.steps, last=True))
    features = Features(stream.start)
    features.add(stream.steps, authority.collect().results)
    return features.found


def weighed(
    streams: Iterable[tuple[str, Stream]], authority: Target, kills: Mapping[str, Iterable[str]]
) -> list[Weighed]:
    """All streams with what they reach; `kills` has the edits that a stream was first to show."""
    return [
        Weighed(
            name,
            len(stream.steps),
            features_of(stream, authority) | {f"shows {edit}" for edit in kills.get(name, ())},
        )
        for name, stream in streams
    ]


def smallest_cover(streams: Iterable[Weighed]) -> list[Weighed]:
    """Streams that together reach what all do, in the order in which they were taken."""
    left = sorted(streams)
    missing = frozenset[str]().union(*(one.reaches for one in left))
    taken: list[Weighed] = []
    while missing:
        best = max(left, key=lambda one: (len(one.reaches & missing) / (1 + one.steps), one.stream))
        taken.append(best)
        left.remove(best)
        missing -= best.reaches
    # What came early may have become needless by what came later.
    for one in sorted(taken, key=lambda one: -one.steps):
        others = frozenset[str]().union(*(other.reaches for other in taken if other is not one))
        if one.reaches <= others:
            taken.remove(one)
    return taken
