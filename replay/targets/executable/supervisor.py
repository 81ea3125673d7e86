"""Starts an executable, again and again if need be, and knows when to give up.

The Supervisor is what the executable's targets share: where the file is, how a child of it is
started, the pause before the next start after failures, and the count of failures that becomes a
FailureStorm. An executable that ends on one sort of input is no storm: where it still answers what
is harmless, the run goes on, and what it ended on is found.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from time import sleep

from replay.errors import FailureStorm, TargetError
from replay.targets.base import Failure, FailureKind
from replay.targets.executable.child import Child, Pump
from replay.targets.executable.frames import ChildFault, FrameFraming, LineFraming
from replay.targets.executable.limits import Limits
from replay.targets.executable.portions import Portions
from replay.targets.executable.sandbox import in_sandbox

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 1.0
"""Seconds before a restart; doubled from one to the other while no answer comes. Once it is known
that an executable only ends on what it was asked, waiting for it is of no use."""

PROBED_AFTER = 3
"""Failures in a row after which it is asked what is harmless, to see whether waiting is of use."""

_ELF, _SCRIPT = b"\x7fELF", b"#!"


class Wire(Enum):
    """How the child's answers are framed."""

    LINES = "lines"
    FRAMES = "frames"


class Supervisor:
    """Starts children of one executable. Not shared between threads."""

    def __init__(
        self,
        path: str,
        limits: Limits,
        arguments: Sequence[str] = ("--server",),
        *,
        command: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        harmless: bytes | None = None,
    ) -> None:
        """`command` is what is started for `path`, by default the executable at that path with
        `arguments`; `env` the environment that it gets, ours by default. `harmless` is a request
        that any executable answers that works at all, if there is one.

        Raises TargetError where `path` is no executable file, or none that can be started.
        """
        self.path = path
        self.limits = limits
        self._argv = list(command) if command else _argv(path, arguments, limits)
        self._arguments = arguments
        self._env = env
        self.pump = Pump()
        self.portions = Portions(limits.lifetime_steps, limits.lifetime_bytes)
        self._harmless = harmless
        self._children: list[Child] = []
        self._pause = 0.0
        self._longest_pause = LONGEST_PAUSE
        self._in_a_row = self._total = self._answers = self._timeouts = 0

    @property
    def command(self) -> Sequence[str]:
        """What is started."""
        return self._argv

    def start(self, wire: Wire) -> Child:
        """A new child, after a pause where the last ones failed.

        Raises ChildFault UNSTARTABLE where the system refuses.
        """
        if self._pause:
            sleep(self._pause)
        limits = self.limits
        make = LineFraming if wire is Wire.LINES else FrameFraming
        try:
            child = Child(
                self._argv,
                self.pump,
                make(limits.answer_bytes),
                timeout=limits.timeout,
                stderr_limit=limits.stderr_bytes,
                hold_limit=limits.answer_bytes + (16 << 20),
                env=self._env,
            )
        except OSError as error:
            self._wait_longer()
            reason = error.strerror or type(error).__name__
            raise ChildFault(FailureKind.UNSTARTABLE, f"cannot be started: {reason}") from error
        self._children.append(child)
        return child

    def say_why_it_cannot_start(self) -> None:
        """Raises TargetError with the system's own reason where it does not start the executable
        at all: behind a wrapper that is only an exit code."""
        if not self.limits.sandboxed:
            _try_to_run(self.path, [os.path.abspath(self.path), *self._arguments])

    def discard(self, child: Child, fault: ChildFault | None = None) -> None:
        """Kills a child. With its fault, the next start waits a little longer than the last."""
        child.kill()
        self.portions.forget(child)
        if child in self._children:
            self._children.remove(child)
        if fault is not None:
            if fault.out_of_memory:
                self.portions.died(child)
            self._wait_longer()

    def _wait_longer(self) -> None:
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), self._longest_pause)

    def answered(self, steps: int = 1) -> None:
        """Usable answers came to so many steps: what failed before no longer counts as being in a
        row."""
        self._in_a_row = 0
        self._pause = 0.0
        self._answers += steps

    def failed(self, failure: Failure) -> None:
        """Counts a failure. Raises FailureStorm where going on would prove nothing."""
        self._in_a_row += 1
        self._total += 1
        self._timeouts += failure.kind is FailureKind.TIMEOUT
        limits = self.limits
        last = failure.detail
        is_looked_at = self._in_a_row in (PROBED_AFTER, limits.storm_in_a_row)
        if is_looked_at and self._answers_what_is_harmless():
            self._longest_pause, self._pause = FIRST_PAUSE, 0.0
            if self._in_a_row == limits.storm_in_a_row:
                self._in_a_row = 0
        if self._in_a_row >= limits.storm_in_a_row:
            raise FailureStorm(
                f"{self.path} failed {self._in_a_row} times in a row, last: {last}",
                path=self.path,
                failures=self._total,
                last=last,
            )
        # One that hangs costs seconds each time; one that ends at once may go on while it answers.
        is_costly = self._timeouts >= limits.storm_total or self._total > self._answers
        if self._total >= limits.storm_total and is_costly:
            raise FailureStorm(
                f"{self.path} failed {self._total} times in this run, last: {last}",
                path=self.path,
                failures=self._total,
                last=last,
            )

    def _answers_what_is_harmless(self) -> bool:
        """Whether a new child answers at all."""
        if self._harmless is None:
            return False
        child: Child | None = None
        try:
            child = self.start(Wire.LINES)
            child.send(self._harmless, 1)
            return isinstance(json.loads(child.receive().line), dict)
        except (ChildFault, ValueError, RecursionError):
            return False
        finally:
            if child is not None:
                self.discard(child)

    def close(self) -> None:
        """Kills all children; may be called twice."""
        for child in self._children:
            child.kill()
        self._children.clear()
        self.pump.close()


def _argv(path: str, arguments: Sequence[str], limits: Limits) -> list[str]:
    """The command, through `setpriv` where there is one, so that the child dies when we are killed
    (its parent-death signal, without running Python code between fork and exec).

    The signal is bound to the thread that starts the child, so that thread must live on.
    """
    file = Path(path)
    if file.is_dir():
        raise TargetError(f"{path} is a folder, not an executable", path=path)
    if not file.exists():
        raise TargetError(f"there is no executable {path}", path=path)
    if not os.access(file, os.X_OK):
        raise TargetError(f"{path} is not executable", path=path)
    command = [os.path.abspath(path), *arguments]
    try:
        with file.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror}", path=path) from error
    if limits.sandboxed:
        return in_sandbox(command)
    # Anything else is left to the system alone: with a wrapper a shell would try to run it.
    return dying_with_us(command) if start.startswith((_ELF, _SCRIPT)) else command


def dying_with_us(command: Sequence[str]) -> list[str]:
    """The command through `setpriv`, where there is one (see _argv)."""
    wrapper = shutil.which("setpriv")
    return [*([wrapper, "--pdeathsig", "KILL", "--"] if wrapper else []), *command]


def _try_to_run(path: str, command: Sequence[str]) -> None:
    """Starts it without the wrapper."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TargetError(f"{path} cannot be started: {reason}", path=path) from error
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
