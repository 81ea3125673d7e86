"""A child process that is talked to through pipes and can be trusted with nothing.

The child runs in a session of its own, so that killing its group ends whatever it started, too.
All its pipes are served together by one Pump: whoever waits for one answer also writes what is
still to be written and drains every standard error, so neither side can block the other. A child
that fails in any way raises ChildFault once, and is then only good for `kill`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from replay.targets.base import FailureKind
from replay.targets.executable.endings import ending_of
from replay.targets.executable.frames import ChildFault, Framing, Message, one_line
from replay.targets.executable.watched import watched

PIPE_SIZE = 1 << 20
"""A whole window of requests or answers fits, so that nobody waits for the other's scheduling."""

READ_SIZE = 1 << 17
STDERR_TAIL = 2048
EXIT_GRACE = 0.25
"""Between the end of a child's output and its exit, in seconds."""


class Pump:
    """Serves the pipes of any number of children."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}

    def register(self, fd: int, events: int, handler: Callable[[int], None]) -> None:
        """Calls `handler` with the events on a file descriptor when there are any."""
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def modify(self, fd: int, events: int) -> None:
        """Changes the events that are waited for."""
        self._epoll.modify(fd, events)

    def unregister(self, fd: int) -> None:
        """Forgets a file descriptor; it may be forgotten already."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def wait(self, seconds: float) -> None:
        """Serves what is ready, waiting up to `seconds` until something is."""
        for fd, events in self._epoll.poll(max(seconds, 0.0)):
            handler = self._handlers.get(fd)
            if handler is not None:
                handler(events)

    def close(self) -> None:
        """Frees the descriptor; may be called twice."""
        self._epoll.close()


class Child:
    """One run of an executable in server mode."""

    def __init__(
        self,
        argv: Sequence[str],
        pump: Pump,
        framing: Framing,
        *,
        timeout: float,
        stderr_limit: int,
        hold_limit: int,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Starts the child; raises OSError where that cannot be done.

        `timeout` in seconds for each answer, from when its request is the oldest unanswered one;
        `stderr_limit` in bytes between two answers; at most about `hold_limit` bytes of answers
        are taken from the pipe before they are received. `env` is its environment, ours by default.
        """
        self.requests = 0
        """How many steps it was asked for."""
        self.most_at_once = 0
        """The most of them that were written to it together."""
        self._pump = pump
        self._framing = framing
        self._timeout = timeout
        self._stderr_limit = stderr_limit
        self._hold_limit = hold_limit
        self._outbox: deque[memoryview] = deque()
        self._written = 0
        self._held = 0
        self._paused = False
        self._fault: ChildFault | None = None
        self._output_ended = self._input_broken = self._exited = self._killed = False
        self._stderr_tail = b""
        self._stderr_since = 0
        self._watch = watched()
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env=self._watch.marked(os.environ if env is None else env),
        )
        self.pid = self._process.pid
        self._watch.begin(self.pid)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin = self._process.stdin.fileno()
        self._stdout = self._process.stdout.fileno()
        self._stderr = self._process.stderr.fileno()
        for fd in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(fd, False)
            # An unprivileged user's pipes may be limited in total; then the default size serves.
            with contextlib.suppress(OSError):
                if fd != self._stderr:
                    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        pump.register(self._stdin, 0, self._on_input)
        pump.register(self._stdout, select.EPOLLIN, self._on_output)
        pump.register(self._stderr, select.EPOLLIN, self._on_stderr)
        try:
            # Without it an exit shows only when the last holder of the pipes is gone.
            self._pidfd = os.pidfd_open(self.pid)
            pump.register(self._pidfd, select.EPOLLIN, self._on_exit)
        except OSError:
            self._pidfd = -1

    # --- Talking ------------------------------------------------------------------------------

    def send(self, data: bytes, requests: int = 1) -> None:
        """Writes requests, without ever waiting for the child; a rest follows while receiving."""
        self.requests += requests
        self.most_at_once = max(self.most_at_once, requests)
        self._outbox.append(memoryview(data))
        if len(self._outbox) == 1:
            self._flush()

    def receive(self, within: float | None = None) -> Message:
        """The next answer, `within` so many seconds instead of the usual ones. Raises ChildFault
        where none comes."""
        ready = self._framing.ready
        if not ready:
            self._await_message(self._timeout if within is None else within)
        message = ready.popleft()
        self._held -= len(message.line) + len(message.body or b"")
        if not ready:
            self._held = self._framing.pending
        if self._paused and self._held < self._hold_limit // 2:
            self._paused = False
            if not self._output_ended:
                self._pump.modify(self._stdout, select.EPOLLIN)
        return message

    def receive_rest(self, most: int, settling: float) -> list[bytes]:
        """Up to `most` lines that still come, waiting no longer than `settling` seconds for each:
        to see what went wrong, before killing it."""
        lines: list[bytes] = []
        while len(lines) < most:
            if not self._framing.ready:
                if self._fault is not None or self._output_ended or self._exited:
                    break
                before = self._held
                self._pump.wait(settling)
                if self._held == before:
                    break
                continue
            lines.append(self._framing.ready.popleft().line)
        return lines

    def has_read_nothing(self) -> bool:
        """Whether all that was ever written to it is still in its pipe."""
        try:
            unread = fcntl.ioctl(self._stdin, termios.FIONREAD, bytes(struct.calcsize("i")))
        except OSError:
            return False
        return bool(struct.unpack("i", unread)[0] == self._written)

    def expect_silence(self) -> None:
        """Raises ChildFault TOO_MUCH where something is there that nobody asked for."""
        self._pump.wait(0)
        if self._framing.ready or self._framing.pending:
            raise ChildFault(
                FailureKind.TOO_MUCH, "printed something that nobody asked for" + self._said()
            )

    def _await_message(self, within: float) -> None:
        ready = self._framing.ready
        limit = time.monotonic() + within
        while not ready:
            if self._fault is not None:
                raise self._fault
            if self._exited or self._output_ended:
                self._drain()
                if ready:
                    return
                raise self._fault or self._ended()
            left = limit - time.monotonic()
            if left <= 0:
                raise self._timed_out(within)
            self._pump.wait(left)

    def _timed_out(self, within: float) -> ChildFault:
        if self._framing.pending:
            return ChildFault(
                FailureKind.TRUNCATED,
                f"began an answer ({self._framing.pending} bytes) and did not end it within "
                f"{within:g} s{self._said()}",
            )
        return ChildFault(FailureKind.TIMEOUT, f"no answer within {within:g} s{self._said()}")

    def _ended(self) -> ChildFault:
        """The fault of a child that exited or closed its output."""
        ending = ending_of(self._exit(), self._stderr_tail)
        how, kind = ending.words, FailureKind.EXITED
        if self._framing.pending:
            kind = FailureKind.TRUNCATED
            how += f" in the middle of an answer ({self._framing.pending} bytes of it came)"
        return ChildFault(kind, f"{how}{self._said()}", out_of_memory=ending.out_of_memory)

    def _exit(self) -> os.waitid_result | None:
        """Waits a moment for the exit without reaping: its group can still be killed safely."""
        until = time.monotonic() + EXIT_GRACE
        while True:
            info = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if info is not None or time.monotonic() >= until:
                return info
            self._pump.wait(0.005)

    def _said(self) -> str:
        """The end of the standard error, for a `detail`."""
        text = self._stderr_tail.decode("utf-8", "replace").strip()
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f"; standard error: {one_line(' | '.join(lines[-3:])[-160:], 160)}" if lines else ""

    # --- Serving the pipes --------------------------------------------------------------------

    def _flush(self) -> None:
        outbox = self._outbox
        try:
            while outbox:
                written = os.write(self._stdin, outbox[0])
                self._written += written
                if written < len(outbox[0]):
                    outbox[0] = outbox[0][written:]
                    continue
                outbox.popleft()
        except BlockingIOError:
            self._pump.modify(self._stdin, select.EPOLLOUT)
            return
        except OSError:
            # It reads no more. Whether it has failed shows in its answers and its exit.
            self._break_input()
            return
        if not self._input_broken:
            self._pump.modify(self._stdin, 0)

    def _break_input(self) -> None:
        self._outbox.clear()
        self._outbox.append(memoryview(b""))  # nothing is ever written again
        self._input_broken = True
        self._pump.unregister(self._stdin)

    def _on_input(self, events: int) -> None:
        if events & (select.EPOLLERR | select.EPOLLHUP):
            self._break_input()
        else:
            self._flush()

    def _on_output(self, events: int) -> None:
        self._read_output()
        if self._held > self._hold_limit and not self._paused and not self._output_ended:
            self._paused = True
            self._pump.modify(self._stdout, 0)

    def _read_output(self) -> bool:
        """Reads once; tells whether there may be more."""
        try:
            chunk = os.read(self._stdout, READ_SIZE)
        except BlockingIOError:
            return False
        if not chunk:
            self._output_ended = True
            self._pump.unregister(self._stdout)
            return False
        self._held += len(chunk)
        ready = len(self._framing.ready)
        try:
            self._framing.feed(chunk)
        except ChildFault as fault:
            self._fault = fault
            self._output_ended = True
            self._pump.unregister(self._stdout)
            return False
        if len(self._framing.ready) > ready:
            self._stderr_since = 0
        return True

    def _drain(self) -> None:
        """Takes what an exited child left in its pipes."""
        while not self._output_ended and self._read_output():
            pass
        self._pump.wait(0)

    def _on_stderr(self, events: int) -> None:
        try:
            chunk = os.read(self._stderr, READ_SIZE)
        except BlockingIOError:
            return
        if not chunk:
            self._pump.unregister(self._stderr)
            return
        self._stderr_tail = (self._stderr_tail + chunk)[-STDERR_TAIL:]
        self._stderr_since += len(chunk)
        # Where the machine is loaded, much is in both pipes: an answer that waits counts as given.
        while self._stderr_since > self._stderr_limit and not self._output_ended:
            if not self._read_output():
                break
        if self._stderr_since > self._stderr_limit and self._fault is None:
            self._fault = ChildFault(
                FailureKind.STDERR_FLOOD,
                f"wrote {self._stderr_since} bytes to standard error without an answer",
            )

    def _on_exit(self, events: int) -> None:
        self._exited = True
        self._pump.unregister(self._pidfd)

    # --- The end ------------------------------------------------------------------------------

    def kill(self) -> None:
        """Ends the whole process group and frees everything; may be called twice."""
        if self._killed:
            return
        self._killed = True
        # Before reaping: until then no other process can have the number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for fd in (self._stdin, self._stdout, self._stderr, self._pidfd):
            if fd >= 0:
                self._pump.unregister(fd)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        self._watch.end()
