"""Generates past what is known: few steps that the shadow is known not to answer.

What it refuses, crashes or hangs on hides everything else about the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from replay.explaining.causes.leaves import leaves_of
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Reading
from replay.explaining.causes.takings import ENDS
from replay.streams.model import Stream

ONE_IN = 10
"""Of so many steps that meet a known condition one is asked all the same."""


class KnownEnds:
    """Passes on what the conditions that are in force do not speak of, and a tenth of the rest."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._met = 0

    def past(self, streams: Iterable[Stream]) -> Iterator[Stream]:
        """Streams of one step each."""
        conditions = [
            one for one in self._pool.causes if isinstance(one, Reading) and one.taking in ENDS
        ]
        for stream in streams:
            if conditions and self._is_met(conditions, stream):
                self._met += 1
                if self._met % ONE_IN:
                    continue
            yield stream

    @staticmethod
    def _is_met(conditions: list[Reading], stream: Stream) -> bool:
        leaves = leaves_of(stream)
        return any(condition.meets(leaf) for condition in conditions for leaf in leaves)
