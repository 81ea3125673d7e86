"""Whether a host's clock is the real time, and how far apart its counters and samples may be.

A host that is fed at many times real time (`adapter.clock.speed`, or a clock that is seen to run
faster than the samples' own times), or that lives at another time altogether, is a *rehearsal*: two
days of it are no two days, or nobody can lay what it says beside anything else. As many times
longer on its clock is whatever takes real time: how late a call is counted, and how far apart the
samples of a loop are. A host that says no speed runs as fast as it can.
"""

from __future__ import annotations

import datetime
import sys
from typing import Any, NamedTuple

LARGEST = sys.float_info.max
"""A whole number in JSON may be larger, and then no double can hold it."""

REAL = 1.0
SLACK = 0.1
"""Of a clock that is measured: as much faster or slower may come of whole seconds and of setting
it."""

AS_FAST_AS_IT_CAN = 3_000.0
"""What is taken for the speed of a host that says none and is not seen to have one."""


class HostClock(NamedTuple):
    """What `adapter.clock` says: the host's time (epoch seconds, None where it does not say), and
    how many times as fast as real time it runs, None for as fast as it can. `wall` and `began` are
    the real time of the sample and of when its process began, whatever the host's clock says."""

    now: float | None
    speed: float | None
    wall: float | None = None
    began: float | None = None


class Allowance(NamedTuple):
    """Seconds on the samples' clock.

    late: by which a call may be counted later than it was made: it waits in a queue, and an
        executable has its deadline.
    early: by which a call may be made after the time of the sample that counts it: the loop reads
        the clock, in whole seconds, before it asks the bot.
    step: between two samples of which none is missing in between: a minute, what curl takes, and
        a clock that is read in whole seconds.
    gap: of a break that ends a stretch, if it is longer.
    stalled: without a single check, after which the shadow counts as not running: a bot with a
        price compares all the time.
    lag: by which counters may come in one leap, above what real time has.
    """

    late: float = 15.0
    early: float = 5.0
    step: float = 90.0
    gap: float = 3600.0
    stalled: float = 900.0
    lag: float = 0.0

    @classmethod
    def at(cls, speed: float) -> Allowance:
        """Where the clock runs at so many times real time."""
        if speed <= REAL:
            return cls()
        step = 90.0 + 2.0 * speed
        late = 15.0 * speed
        return cls(late, 5.0 * speed, step, max(3600.0, step), 900.0 + late, late)


def clock_of(block: object) -> HostClock | None:
    """What `adapter.clock` says. Raises ValueError where something in it is of a wrong kind."""
    if block is None:
        return None
    if not isinstance(block, dict):
        raise ValueError("adapter.clock is no object")
    now, wall, began = (_seconds(block.get(name), name) for name in ("now", "wall", "began"))
    return HostClock(now, _speed(block), wall, began)


def _speed(block: dict[str, Any]) -> float | None:
    """A speed of zero, none, and what JSON has no number for: as fast as it can."""
    value = block.get("speed", REAL)
    if value in (None, 0, "max", "Infinity") and value is not False:
        return None
    if type(value) not in (int, float) or not 0 <= value <= LARGEST:
        raise ValueError("adapter.clock.speed is no number")
    return float(value)


def _seconds(value: object, name: str) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float):
        raise ValueError(f"adapter.clock.{name} is no time")
    number = float(str(value))
    stamp(number, name)
    return number


def stamp(at: float, name: str = "now") -> str:
    """Epoch seconds as a sample's `ts` has them. Raises ValueError where that is no time."""
    try:
        time = datetime.datetime.fromtimestamp(at, datetime.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"adapter.clock.{name} is no time") from error
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
