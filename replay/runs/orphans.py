"""What an executable leaves running when it ends: it dies with the run.

A core may start a daemon in a session of its own, which the kill of its group does not reach. While
a run lasts, whatever loses its parent below us becomes our child (PR_SET_CHILD_SUBREAPER, Linux),
so that it can be found and killed in the end. Elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path

from replay.targets.executable.watched import our_watcher

_SET_CHILD_SUBREAPER, _GET_CHILD_SUBREAPER = 36, 37
_PASSES = 20
"""A daemon's children become ours when it is killed, and then theirs."""


@contextmanager
def ending_orphans() -> Iterator[None]:
    """Kills in the end what has become our child meanwhile. What we had for children before is
    left alone, and so are the processes that Python itself keeps."""
    former = _subreaper()
    if former is None or not _set_subreaper(True):
        yield
        return
    before = set(_children())
    try:
        yield
    finally:
        # What Python keeps, and our watcher, may have been started meanwhile.
        tracker = getattr(resource_tracker._resource_tracker, "_pid", None)
        kept = before | {tracker, our_watcher().pid}
        for _ in range(_PASSES):
            orphans = [pid for pid in _children() if pid not in kept]
            if not orphans:
                break
            for pid in orphans:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        _set_subreaper(former)


def _children() -> list[int]:
    """Our children, dead ones too; none where the system does not say."""
    found: list[int] = []
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def _subreaper() -> bool | None:
    """Whether orphans become our children; None where there is no such thing."""
    flag = ctypes.c_int(0)
    try:
        failed = _libc().prctl(_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0)
    except (AttributeError, OSError):
        return None
    return None if failed else bool(flag.value)


def _set_subreaper(on: bool) -> bool:
    return int(_libc().prctl(_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)) == 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
