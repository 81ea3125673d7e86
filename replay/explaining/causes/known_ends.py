"""Generates past what is known: few steps that the shadow is known not to answer.

What it refuses, crashes or hangs on hides everything else about the step. Where it crashes or
hangs, each costs a new process besides, and there is an end to how often a core may fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from replay.explaining.causes.leaves import leaves_of
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Reading
from replay.explaining.causes.takings import ENDS, Taking
from replay.streams.model import Stream

ONE_IN = 10
"""Of so many steps that meet a known condition one is asked all the same."""

MOST = 12
"""Steps that meet one known condition of a crash or hang which are asked in all."""


class KnownEnds:
    """Passes on what the conditions that are in force do not speak of, and a tenth of the rest; of
    what the shadow crashes or hangs on no more than MOST for each."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._met: Counter[Reading] = Counter()

    def past(self, streams: Iterable[Stream]) -> Iterator[Stream]:
        """Streams of one step each."""
        conditions = [
            one for one in self._pool.causes if isinstance(one, Reading) and one.taking in ENDS
        ]
        for stream in streams:
            condition = self._of(conditions, stream) if conditions else None
            if condition is not None:
                self._met[condition] += 1
                most = MOST * ONE_IN if condition.taking is not Taking.REFUSED else None
                met = self._met[condition]
                if met % ONE_IN or (most is not None and met > most):
                    continue
            yield stream

    @staticmethod
    def _of(conditions: list[Reading], stream: Stream) -> Reading | None:
        """The first of the conditions that a step meets, those first that cost a process."""
        leaves = leaves_of(stream)
        met = [one for one in conditions if any(map(one.meets, leaves))]
        return min(met, key=lambda one: one.taking is Taking.REFUSED, default=None)
