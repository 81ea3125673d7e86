"""The processor time that this process and its children have used: what work costs, however busy
the machine is with other things.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_USED = slice(11, 15)
"""Of the fields after the name in /proc/PID/stat: its own time and that of its ended children."""


def processor_seconds() -> float:
    """So far: of this process, of all children that have ended, and, where there is a /proc, of
    those that live."""
    return sum(os.times()[:4]) + sum(map(_of_process, _children()))


def _children() -> list[str]:
    found: list[str] = []
    with contextlib.suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):
                found += (task / "children").read_text().split()
    return found


def _of_process(pid: str) -> float:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0  # it has ended meanwhile
    return sum(map(int, fields[_USED])) / _TICKS
