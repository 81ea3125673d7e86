"""How much an executable is asked for at once, and when it is started anew before its memory ends.

An executable that keeps something of each step grows until it dies; one that holds a whole request
in memory dies of a large one. Both are asked for less after they died of it, and one that grows is
started anew before: after so many steps, or at such a size. Neither changes any answer.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from replay.targets.base import Work
from replay.targets.executable.child import Child

ANY_NUMBER = sys.maxsize

LOOK_EVERY = 2_000
"""Steps between two looks at an executable's size: a look costs as much as a few steps."""

_GROWN = 2
"""It has not grown before it has so many times the size that it had at the first look: some need
much from the beginning."""


class Portions:
    """Of one executable, for all processes of it. Learns from how they died."""

    def __init__(self, lifetime: int, size: int) -> None:
        """A process gets at most `lifetime` steps, and may grow to `size` bytes."""
        self.at_once = ANY_NUMBER
        """The most steps in one request."""
        self.lifetime = lifetime
        """The most steps for one process."""
        self._size = size
        self._looked: dict[int, tuple[int, int]] = {}
        """By process: after how many steps it was looked at last, and its size at the first."""

    def died(self, child: Child) -> None:
        """A process died for want of memory: the next ones are asked for half of what it was."""
        if child.most_at_once > 1:
            self.at_once = min(self.at_once, child.most_at_once // 2)
        if child.requests > child.most_at_once:
            self.lifetime = max(1, min(self.lifetime, child.requests // 2))

    def is_used_up(self, child: Child) -> bool:
        """Whether a process is to be replaced by a new one."""
        if child.requests >= self.lifetime:
            return True
        looked = self._looked.get(child.pid)
        if looked is None:
            self._looked[child.pid] = child.requests, resident(child.pid)
            return False
        last, first = looked
        if child.requests < last + LOOK_EVERY:
            return False
        if resident(child.pid) > max(self._size, _GROWN * first):
            # Stays so, until what is on its way to it has been answered.
            return True
        self._looked[child.pid] = child.requests, first
        return False

    def forget(self, child: Child) -> None:
        """A process has ended."""
        self._looked.pop(child.pid, None)


def portions_of(work: Work, most: int) -> list[Work]:
    """The work in pieces of at most so many steps."""
    if len(work.steps) <= most:
        return [work]
    begins = range(0, len(work.steps), most)
    return [
        work._replace(
            start=work.start if begin == 0 else None,
            steps=work.steps[begin : begin + most],
            last=work.last and begin == begins[-1],
            guide=None if work.guide is None else work.guide[begin : begin + most],
            guide_blob=None,
        )
        for begin in begins
    ]


def resident(pid: int) -> int:
    """The memory of a process and of all that it started and did not leave, in bytes; 0 where the
    system does not say."""
    total, left = 0, [pid]
    while left:
        folder = Path("/proc") / str(left.pop())
        with suppress(OSError, ValueError, IndexError):
            total += int((folder / "statm").read_text().split()[1]) * _page_size()
            left += map(int, (folder / "task" / folder.name / "children").read_text().split())
    return total


def _page_size() -> int:
    return os.sysconf("SC_PAGE_SIZE")
