"""Watches that a Python core answers by itself, and starts no process that answers for it.

A bot's own module may hold the bot's shadow adapter. Taken for an authority it would ask the very
executable that it is compared with, and agree with it on everything. So modules are loaded with
the shadow switched off, and whatever starts a process while it answers is refused by name.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from replay.errors import TargetError

STARTING = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn"),
        *("os.exec", "os.spawn", "os.startfile", "pty.spawn"),
    }
)
"""The audit events of whatever starts a process in Python."""

MAX_TEXT = 200


def switch_shadow_off(environment: MutableMapping[str, str]) -> None:
    """Sets the variables of the runbook so that a bot's module answers in Python, alone."""
    environment["DOGE_CORE_BACKEND"] = "python"
    environment["DOGE_CORE_SHADOW"] = "0"
    environment.pop("DOGE_CORE_EXE", None)


class ProcessGuard:
    """Notices processes that a core starts. One for each of our processes in which cores run.

    Audit hooks cannot be taken away, so the hook stays until the process ends. The thread that made
    the guard may start processes while no core is answering; no other thread ever.
    """

    def __init__(self) -> None:
        self._owner = threading.get_ident()
        self._answering = False
        self._loading = False
        self._tried = ""
        sys.addaudithook(self._see)

    @contextmanager
    def loading(self, spec: str) -> Iterator[None]:
        """Around loading a module, which may ask git for its version but leaves nothing running.
        Raises TargetError where it does."""
        before = _children()
        self._loading = True
        try:
            yield
        finally:
            self._loading = False
        left = sorted(_children() - before)
        if left:
            raise TargetError(
                f"{spec} starts a process when it is loaded and leaves it running: "
                f"{_command(left[0])}",
                spec=spec,
            )

    @contextmanager
    def answering(self, spec: str) -> Iterator[None]:
        """Around whatever a core is asked. Raises TargetError where it has started a process, or
        tried to, at any time since the last answer."""
        self._answering = True
        try:
            yield
        finally:
            self._answering = False
            self.check(spec)

    def check(self, spec: str) -> None:
        """Raises TargetError where a core has tried to start a process."""
        if self._tried:
            raise TargetError(
                f"{spec} starts a process while it answers ({self._tried}): a core has to "
                f"compute its answers by itself",
                spec=spec,
            )

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in STARTING or self._loading:
            return
        if self._answering or threading.get_ident() != self._owner:
            program = f" {arguments[0]!r}" if arguments else ""
            self._tried = f"{event}{program}"[:MAX_TEXT]
            raise PermissionError("a core under test must not start a process")


def _children() -> set[int]:
    """The processes that this one has started and that still run."""
    ours = os.getpid()
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(stat[1]) == ours and stat[0] != "Z":
            found.add(int(folder.name))
    return found


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return f"process {pid}"
    return b" ".join(words).decode("utf-8", "backslashreplace").strip()[:MAX_TEXT]
