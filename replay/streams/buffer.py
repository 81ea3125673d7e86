"""Streams that are read side by side, handed on in segments, so that none is ever held whole.

A journal's slots and the chains of a request log interleave line by line. Their steps wait here
until a segment is worth handing on, bounded in number for each stream and in bytes over all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from replay.streams.model import Segment, Start, Step

SEGMENT_STEPS = 256
MAX_WAITING = 2 * 1024 * 1024
"""After so many bytes of lines everything that waits is handed on, however few steps it has: as
values it takes some five times as much memory."""


@dataclass(slots=True)
class _Open:
    start: Start | None
    origin: str
    steps: list[Step] = field(default_factory=list)


class Segmenter:
    """Collects steps of streams that are open at once; `ready` has the finished segments.

    The keys come from `keys`, so that several files of one run can share one numbering.
    """

    def __init__(self, keys: Iterator[int]) -> None:
        self._keys = keys
        self._open: dict[int, _Open] = {}
        self._bytes = 0  # that came since everything was handed on
        self.ready: list[Segment] = []

    def open(self, start: Start, origin: str, weight: int) -> int:
        """Begins a stream and gives its key; `weight` is the size of the start in bytes."""
        key = next(self._keys)
        self._open[key] = _Open(start, origin)
        self._bytes += weight
        return key

    def add(self, key: int, step: Step, weight: int) -> None:
        """Adds a step; `weight` is its size in bytes as it stood in the file."""
        stream = self._open[key]
        stream.steps.append(step)
        self._bytes += weight
        if len(stream.steps) >= SEGMENT_STEPS:
            self._hand_on(key, last=False)
        if self._bytes > MAX_WAITING:
            self.hand_on_all()

    def hand_on_all(self) -> None:
        """Hands on everything that waits, and leaves the streams open."""
        for key, stream in self._open.items():
            if stream.steps:
                self._hand_on(key, last=False)
        self._bytes = 0

    def rename(self, key: int, origin: str) -> None:
        """Says where the next steps of a stream come from."""
        self._open[key].origin = origin

    def close(self, key: int) -> None:
        """Ends a stream. Its last segment may be one without steps."""
        self._hand_on(key, last=True)
        del self._open[key]

    def close_all(self) -> None:
        """Ends all streams, in the order in which they were begun."""
        for key in sorted(self._open):
            self.close(key)

    def take(self) -> list[Segment]:
        """The finished segments, which are then no longer `ready`."""
        taken, self.ready = self.ready, []
        return taken

    def _hand_on(self, key: int, last: bool) -> None:
        stream = self._open[key]
        self.ready.append(Segment(key, stream.start, tuple(stream.steps), last, stream.origin))
        stream.start = None
        stream.steps = []
