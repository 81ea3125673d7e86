"""The runbook's minute loop, done properly: `doge-replay monitor`.

The schedule is absolute: samples are due at the multiples of the step in UTC, however long an
answer takes, so 48 hours have 2,880 of them. Waiting is done by the monotonic clock, a few seconds
at a time, so a wall clock that is set, and a machine that slept, move the schedule to where it
belongs and never stop it. A sample that was due and not taken is marked: one line for each run of
them, without counters, as all samples are that the bot did not answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from replay.gate.telemetry.sample_file import MONITOR, Run, SampleFile
from replay.gate.telemetry.samples import BLOCK
from replay.gate.telemetry.status_request import Address, Status, ask

LONGEST_NAP = 5.0
"""Seconds between two looks at the wall clock, and between two attempts on a full disk."""


class Clock(Protocol):
    """Time, as the monitor uses it."""

    def wall(self) -> float:
        """Epoch seconds."""

    def steady(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Waits."""


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> float:
        """Epoch seconds."""
        return time.time()

    def steady(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class Taken(NamedTuple):
    """One sample, for whoever watches: its number, when it was taken, what came, how many were
    missed right before it, and how many are held back by a full disk and why."""

    number: int
    at: float
    status: Status
    missed: int
    held_back: int
    trouble: str


@dataclass(slots=True)
class Monitor:
    """Samples one bot into one file. Sample number n is due in slot `begin` + n; slots are counted
    from the epoch, each `run.every` seconds long."""

    run: Run
    file: SampleFile
    address: Address
    timeout: float
    clock: Clock = field(default_factory=SystemClock)
    asks: Callable[[Address, float], Status] = ask

    def samples(self) -> Iterator[Taken]:
        """Takes samples until the run is over. The first one is taken at once, where none is there
        yet of the slot that it is now."""
        every = self.run.every
        now = self._slot(self.clock.wall())
        former = self.file.former
        begin = now if former.first is None else min(now, self._slot(former.first))
        last = now - 1 if former.last is None else self._slot(former.last)
        if last > now:  # a clock that was ahead has written it
            last = now - 1
        is_first = True
        while True:
            slot = self._wait(last)
            if slot - begin >= self.run.samples:
                return
            missed = slot - last - 1
            if missed > 0:
                self.file.append(_missed(missed, last + 1, every, went_on=is_first))
            at = self.clock.wall()
            status = self.asks(self.address, self.timeout)
            document = sample_document(at, status, every)
            if is_first:
                document[MONITOR] = self.run.document()
            self.file.append(document)
            is_first, last = False, slot
            yield Taken(slot - begin, at, status, missed, self.file.held_back, self.file.trouble)
            if slot - begin + 1 >= self.run.samples:
                return

    def _wait(self, last: int) -> int:
        """Waits for the slot after `last`; gives the one that it then is, or the one after `last`
        where the wall clock went back: no more than one step is ever waited."""
        every = self.run.every
        until = self.clock.steady() + every
        while True:
            wall = self.clock.wall()
            slot = self._slot(wall)
            if slot > last:
                return slot
            left = min((last + 1) * every - wall, until - self.clock.steady())
            if left <= 0.0:
                return last + 1
            if self.file.held_back:
                self.file.flush()
            self.clock.sleep(min(left, LONGEST_NAP))

    def _slot(self, wall: float) -> int:
        return math.floor(wall / self.run.every)


def sample_document(at: float, status: Status, every: float = 1.0) -> dict[str, Any]:
    """A sample as the runbook's jq writes it; where there are no counters, with the `reason`."""
    document: dict[str, Any] = {
        "ts": stamp(at, every),
        "mode": status.mode,
        "top_phase": status.top_phase,
        BLOCK: status.block,
    }
    if status.reason:
        document["reason"] = status.reason
    return document


def _missed(count: int, first: int, every: float, *, went_on: bool) -> dict[str, Any]:
    begin, end = first * every, (first + count - 1) * every
    why = "the monitor was not running" if went_on else "the monitor was busy, or the machine slept"
    told = f"{count} missed, {stamp(begin, every)} to {stamp(end, every)}: {why}"
    document = sample_document(begin, Status(reason=told), every)
    document["missed"] = count
    return document


def stamp(at: float, every: float = 1.0) -> str:
    """As `date -u +%Y-%m-%dT%H:%M:%SZ` writes it; with a fraction where samples are that near."""
    time_of_day = datetime.fromtimestamp(at, UTC)
    if every % 1.0 == 0.0:
        return time_of_day.strftime("%Y-%m-%dT%H:%M:%SZ")
    return time_of_day.isoformat(timespec="milliseconds").replace("+00:00", "Z")
