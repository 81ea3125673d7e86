"""How fast the clock of a host went, by what it says and by what its samples show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from replay.gate.telemetry.clock import REAL, SLACK
from replay.gate.telemetry.samples import Sample

FAR = 600.0
"""Seconds between the times of a sample and of its host's clock, from which on that is another
time; two machines in order are seconds apart."""

MEASURED = 60.0
"""Seconds of the samples' own times, from which on a clock's speed can be told."""


class Pacing(NamedTuple):
    """What samples say about their host's clock. `speeds` are all that it says of itself, sorted;
    `measured` how many times as fast it is seen to run, None where that cannot be told; `away` by
    how many seconds it is off, at most."""

    speeds: tuple[float | None, ...] = ()
    measured: float | None = None
    away: float = 0.0

    @property
    def is_real(self) -> bool:
        """Whether nothing speaks against real time."""
        return self._is_paced_really and self.away < FAR

    @property
    def _is_paced_really(self) -> bool:
        says = all(speed == REAL for speed in self.speeds)
        return says and (self.measured is None or abs(self.measured - REAL) <= SLACK)

    @property
    def speed(self) -> float | None:
        """The fastest that it says or is seen to be; None where nobody can tell."""
        told = [one for one in (*self.speeds, self.measured) if one is not None]
        fastest = max(told, default=REAL)
        # The host's own samples have its own times, which say nothing.
        return None if None in self.speeds and fastest <= REAL + SLACK else fastest

    @property
    def words(self) -> str:
        """As in "a rehearsal at 600 times real time"."""
        speed = self.speed
        if self._is_paced_really and not self.is_real:
            return f"in real time, but {self.away / 3600.0:,.1f} hours away from it"
        return "as fast as it can" if speed is None else f"at {speed:,.6g} times real time"


def pacing_of(samples: Sequence[Sample]) -> Pacing:
    """Looks at all clocks in samples as they were read."""
    clocks = [one.adapter.clock for one in samples if one.adapter and one.adapter.clock]
    said = {clock.speed for clock in clocks}
    speeds = tuple(sorted(said, key=lambda one: math.inf if one is None else one))
    away = [
        abs(one.adapter.clock.now - one.written)
        for one in samples
        if one.adapter and one.adapter.clock and one.adapter.clock.now is not None
    ]
    return Pacing(speeds, max(_measured(samples), default=None), max(away, default=0.0))


def _measured(samples: Iterable[Sample]) -> list[float]:
    """How fast the host's clock went in each file, process by process, by the times that the loop
    wrote."""
    groups: dict[tuple[str, float | None], list[tuple[float, float]]] = {}
    for one in samples:
        clock = None if one.adapter is None else one.adapter.clock
        if one.adapter is not None and clock is not None and clock.now is not None:
            key = (one.file, one.adapter.started)
            groups.setdefault(key, []).append((one.written, clock.now))
    rates = []
    for points in groups.values():
        steps = [(new[0] - old[0], new[1] - old[1]) for old, new in pairwise(points)]
        # A clock that is set, on either side, is one step of many.
        steps = [(real, host) for real, host in steps if real > 0.0 and host >= 0.0]
        real = sum(step[0] for step in steps)
        if real >= MEASURED:
            rates.append(sum(step[1] for step in steps) / real)
    return rates
