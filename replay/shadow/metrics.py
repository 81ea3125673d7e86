"""What the shadow path counts, as `/api/status` shows it (formats.md, "Telemetry").

Counts of the bot's threads are taken without a lock, since a lock held by one of them would delay
another; each number here has one writer, or is taken in a single step of the interpreter.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import count
from typing import Any

from replay.shadow.wire import Progress

TIMED_CALLS = 2048
"""The latency is that of so many last calls."""


class Counter:
    """Counts from any thread, in one step each: `hit` is a function of C."""

    def __init__(self) -> None:
        self.hit: Callable[[], int] = count().__next__
        self._looks = 0
        self._lock = threading.Lock()

    @property
    def value(self) -> int:
        """How often it was hit. Looking takes a number, too."""
        with self._lock:
            hits = self.hit() - self._looks
            self._looks += 1
            return hits


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals since the process started (or since they were set to nought).

    `offered` calls were to be compared; each is `compared`, `dropped` (the queue was full) or
    `failed` in the end. `failures` also has those where a second try gave an answer.
    """

    offered: int = 0
    compared: int = 0
    dropped: int = 0
    failed: int = 0
    fallbacks: int = 0
    failures: int = 0
    transition_checks: int = 0
    invariant_checks: int = 0
    transition_divergences: int = 0
    invariant_divergences: int = 0
    lines: int = 0
    bytes: int = 0
    errors: int = 0
    lost: int = 0
    restarts: int = 0

    def plus(self, other: Counts) -> Counts:
        """The sum, one by one."""
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))

    def minus(self, other: Counts) -> Counts:
        """The difference, one by one."""
        return Counts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(Counts)))


def counts_of(progress: Progress) -> Counts:
    """What one shadow process has counted."""
    return Counts(
        compared=progress.compared,
        failed=progress.failed,
        failures=progress.failed + progress.incidents,
        transition_checks=progress.transition_checks,
        invariant_checks=progress.invariant_checks,
        transition_divergences=progress.transition_divergences,
        invariant_divergences=progress.invariant_divergences,
        lines=progress.lines,
        bytes=progress.bytes,
        errors=progress.errors,
        lost=progress.lost,
    )


@dataclass(slots=True)
class Happened:
    """The last of everything, and how long the queue has been."""

    divergence: tuple[float, str, str] | None = None
    error: str = ""
    recorder_error: str = ""
    queue_max: int = 0


class Tally:
    """What the feeder keeps: counts of former shadow processes (and of its own), and the progress
    of the one that runs. Only the feeder writes. Both are replaced together, so that whoever reads
    them never counts a process twice."""

    def __init__(self) -> None:
        self.happened = Happened()
        self._both = Counts(), Progress()

    @property
    def progress(self) -> Progress:
        """Of the process that runs."""
        return self._both[1]

    def counts(self) -> Counts:
        """The sum."""
        former, progress = self._both
        return former.plus(counts_of(progress))

    def add(self, **more: int) -> None:
        """Adds to the counts."""
        former, progress = self._both
        self._both = former.plus(Counts(**more)), progress

    def next_process(self) -> None:
        """Keeps what the process that has ended had counted."""
        progress = self.progress
        self._both = (
            self.counts(),
            Progress(available=progress.available, file=progress.file, cores=progress.cores),
        )

    def failed(self, times: int, error: str) -> None:
        """Counts calls that got no answer, and why."""
        self.add(failed=times, failures=times)
        self.happened.error = error

    def take(self, progress: Progress) -> None:
        """Takes a report in."""
        former_counts, former = self._both
        self._both = former_counts, progress
        if progress.last_divergence is not None:
            self.happened.divergence = progress.last_divergence
        if progress.recorder_error:
            self.happened.recorder_error = progress.recorder_error
        failures = progress.failed + progress.incidents
        if failures > former.failed + former.incidents:
            self.happened.error = progress.last_error


def telemetry(
    counts: Counts,
    happened: Happened,
    *,
    enabled: bool,
    available: bool,
    adapter: dict[str, Any],
) -> dict[str, Any]:
    """The block of `/api/status`: the twelve fields of formats.md, then our own."""
    ts, kind, event = happened.divergence or (None, "", "")
    return {
        "enabled": enabled,
        "executable_available": available,
        "transition_checks": counts.transition_checks,
        "invariant_checks": counts.invariant_checks,
        "transition_divergences": counts.transition_divergences,
        "invariant_divergences": counts.invariant_divergences,
        "total_divergences": counts.transition_divergences + counts.invariant_divergences,
        "shadow_failures": counts.failures,
        "last_divergence_ts": ts,
        "last_divergence_kind": kind,
        "last_divergence_event": event,
        "last_shadow_error": happened.error,
        "adapter": adapter,
    }


class Latency:
    """How long calls took: the bot's own state machine (bare), and with what is added (whole).

    `timed` is given, in seconds of one clock, when a call came in, when the bot's own function was
    called, when that returned, and when the call went back.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[float, float, float, float]] = deque(maxlen=TIMED_CALLS)
        self.timed: Callable[[tuple[float, float, float, float]], None] = self._calls.append

    def clear(self) -> None:
        """Forgets all calls."""
        self._calls.clear()

    def figures(self) -> dict[str, dict[str, float]]:
        """Median, one in a hundred and the longest, of the last calls."""
        calls = self._calls.copy()
        return {
            "bare": _figures([ended - began for _, began, ended, _ in calls]),
            "whole": _figures([left - entered for entered, _, _, left in calls]),
        }


def _figures(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        "p50": round(ordered[last // 2], 9),
        "p99": round(ordered[last * 99 // 100], 9),
        "max": round(ordered[last], 9),
    }
