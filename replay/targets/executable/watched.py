"""Children are watched, so that nothing that they started outlives us (watcher.py).

There is one watcher for each process of ours that has children; it is started with the first of
them and ends with us. Where it cannot be started, or there is no /proc, children run unwatched.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from replay.targets.executable import watcher

VARIABLE = "DOGE_REPLAY_CHILD"
"""Has the mark of the child, in its environment and in that of all that it starts."""


class Watch:
    """One child under watch."""

    def __init__(self, ours: Watcher) -> None:
        self._watcher = ours
        self._mark = ours.new_mark()

    def marked(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment that the child is to have."""
        return {**environment, VARIABLE: self._mark}

    def begin(self, session: int) -> None:
        """It was started, in a session of its own."""
        self._watcher.tell(f"+{self._mark} {session}\n")

    def end(self) -> None:
        """It has ended; what it left behind is to be looked for."""
        self._watcher.tell(f"-{self._mark}\n")


class Watcher:
    """Our end of the process that watches."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.pid = 0
        """Of the watching process; 0 where there is none."""
        self._name = uuid.uuid4().hex
        self._started = 0
        self._end: int | None = None
        """A bare file descriptor: it is open as long as this process lives, and a socket that
        nobody closes would be warned of."""
        if sys.executable and Path("/proc/self/environ").exists():
            with contextlib.suppress(OSError):
                self._start()

    @property
    def is_ours(self) -> bool:
        """Whether it watches for this process, and not for one that this one was forked from."""
        return self.owner == os.getpid()

    def new_mark(self) -> str:
        """The mark of the next child: no other has it."""
        self._started += 1
        return f"{self._name}-{self._started}"

    def tell(self, line: str) -> None:
        """Tells it, without ever waiting for it or failing: nothing that is compared needs it."""
        if self._end is None:
            return
        with contextlib.suppress(OSError):
            end = socket.socket(fileno=self._end)
            try:
                end.send(line.encode(), socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
            finally:
                end.detach()

    def leave(self) -> None:
        """Lets go of one that watches for the process that this one was forked from, so that it
        sees that one end."""
        if self._end is not None:
            os.close(self._end)
            self._end = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", watcher.__file__, VARIABLE],
                {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                # Whoever ends our session or our group is not to end it, too.
                setsid=True,
            )
        self._end = ours.detach()


_watcher: Watcher | None = None


def our_watcher() -> Watcher:
    """The watcher of this process, started where it has none yet."""
    global _watcher
    if _watcher is not None and not _watcher.is_ours:
        _watcher.leave()
        _watcher = None
    if _watcher is None:
        _watcher = Watcher()
    return _watcher


def watched() -> Watch:
    """A watch for the next child."""
    return Watch(our_watcher())
