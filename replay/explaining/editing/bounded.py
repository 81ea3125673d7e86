"""Runs changed code so that it cannot take the process along: bounded in time and memory.

A changed core may loop for ever or build lists without end. In the main thread a timer of the
processor time that this process uses ends it, whatever it is doing in Python code; the time that
a busy machine makes it wait does not count. In other threads, which get no signals, its
instructions are counted instead, which is slow. A single call into C that does not come back is
out of reach of both; the changes that are tried here lead to none.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, TypeVar

try:
    import resource
except ImportError:  # where there is no such limit, only time is bounded
    resource = None  # type: ignore[assignment]

T = TypeVar("T")

_LOOKS = 16
"""How often memory is bounded by one look at what the process has: looking takes longer than an
edited step does."""

MEMORY = 1 << 30
"""How many bytes changed code may take beyond what the process has."""

_AGAIN_SEC = 0.01
"""The changed code may catch what ends it; then it is ended again."""

_LOOK_EVERY = 1024
"""How many instructions run between two looks at the clock, where they are counted."""


class OutOfTime(BaseException):
    """The time is up. Not an Exception: what a core raises is its answer."""


def bounded(run: Callable[[], T], seconds: float) -> T:
    """What `run` returns or raises; OutOfTime where it takes more processor time than that.

    Where it would take too much memory it gets a MemoryError, as for any other lack of it.
    """
    if threading.current_thread() is threading.main_thread():
        return _bounded_by_signal(run, seconds)
    return _bounded_by_counting(run, seconds)


def _bounded_by_signal(run: Callable[[], T], seconds: float) -> T:
    is_armed = True

    def ring(_signal: int, _frame: FrameType | None) -> None:
        # The last ring may come when all is over.
        if is_armed:
            raise OutOfTime

    def disarm() -> None:
        nonlocal is_armed
        while is_armed:
            try:
                is_armed = False
                signal.setitimer(signal.ITIMER_PROF, 0)
            except OutOfTime:
                is_armed = True

    former = signal.signal(signal.SIGPROF, ring)
    former_hook, sys.unraisablehook = sys.unraisablehook, partial(_unless_ended, sys.unraisablehook)
    limits = _less_memory()
    try:
        try:
            signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN_SEC)
            return run()
        finally:
            disarm()
    except OutOfTime as error:
        disarm()
        _clear(error)
        raise OutOfTime from None
    finally:
        if limits is not None:
            resource.setrlimit(resource.RLIMIT_AS, limits)
        sys.unraisablehook = former_hook
        signal.signal(signal.SIGPROF, former)


def _unless_ended(hook: Callable[[Any], Any], unraisable: Any) -> None:
    """Tells of an exception that nobody can catch, but for our own: it was raised while Python
    collected garbage or ended an object, and is raised again a moment later."""
    if unraisable.exc_type is not OutOfTime:
        hook(unraisable)


def _clear(error: BaseException | None) -> None:
    """Frees now what the code has piled up: the next one would pay for it with its own time."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


@dataclass(slots=True)
class _MemoryUsed:
    """What the process has, looked at now and then."""

    bytes: int = 0
    looks: int = 0

    def known(self) -> int:
        """As it was at most _LOOKS questions ago. Raises OSError and ValueError."""
        if not self.looks:
            with open("/proc/self/statm", "rb") as file:
                self.bytes = int(file.read().split(b" ", 1)[0]) * resource.getpagesize()
            self.looks = _LOOKS
        self.looks -= 1
        return self.bytes


_USED = _MemoryUsed()


def _less_memory() -> tuple[int, int] | None:
    """Lowers the limit of memory and gives the former one; None where nothing was changed."""
    if resource is None:
        return None
    try:
        used = _USED.known()
        limits = resource.getrlimit(resource.RLIMIT_AS)
        bound = used + MEMORY
        if limits[0] != resource.RLIM_INFINITY and limits[0] <= bound:
            return None
        resource.setrlimit(resource.RLIMIT_AS, (bound, limits[1]))
    except (OSError, ValueError):
        return None
    return limits


def _bounded_by_counting(run: Callable[[], T], seconds: float) -> T:
    end = time.thread_time() + seconds
    count = 0

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal count
        # A loop can be a single line, of which there is only one event.
        frame.f_trace_opcodes = True
        count += 1
        if count % _LOOK_EVERY == 0 and time.thread_time() > end:
            raise OutOfTime
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        return run()
    finally:
        sys.settrace(former)
