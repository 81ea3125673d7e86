"""One shadow process as the bot's process sees it: its pipes, which never block, and its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import replay
from replay.shadow.wire import Progress, Settings, pack_settings, progress_of, unpacker
from replay.targets.executable.child import PIPE_SIZE
from replay.targets.executable.frames import one_line

_READ = 1 << 16


class Connection:
    """One shadow process and the pipes to it."""

    def __init__(self, settings: Settings) -> None:
        """Starts the process. Raises OSError."""
        paths = [str(Path(replay.__file__).resolve().parents[1]), os.environ.get("PYTHONPATH")]
        self._process = subprocess.Popen(
            # -P: a module of the bot's working directory must not stand in for one of ours.
            [sys.executable, "-P", "-m", "replay.shadow.shadow_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.pid = self._process.pid
        self.sent = 0
        """Calls that were written to it."""
        self.progress = Progress()
        self.heard_at = time.monotonic()
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        self._err = self._process.stderr.fileno()
        for fd in (self._in, self._out, self._err):
            os.set_blocking(fd, False)
        # What is in the pipe is compared and written even if the bot is killed the next moment.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self._unpacker = unpacker()
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLOUT)
        self._poll.register(self._out, select.POLLIN)
        self._outbox = memoryview(pack_settings(settings))

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._outbox)

    def send(self, message: bytes) -> None:
        """Takes a message to be written by `serve`; nothing may be waiting."""
        assert not self._outbox
        self._outbox = memoryview(message)

    def serve(self, seconds: float = 0.0) -> bool:
        """Reads and writes what can be; where it is to write and cannot, waits for at most so many
        seconds. False where the process has ended."""
        try:
            if self._outbox:
                self._write()
            if self._outbox and seconds:
                self._poll.poll(1000 * seconds)
                self._write()
            return self._read()
        except BlockingIOError:
            return True
        except OSError:
            with contextlib.suppress(OSError):
                self._read()
            return False

    def _write(self) -> None:
        while self._outbox:
            try:
                count = os.write(self._in, self._outbox)
            except BlockingIOError:
                return
            self._outbox = self._outbox[count:]

    def _read(self) -> bool:
        while True:
            try:
                chunk = os.read(self._out, _READ)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._unpacker.feed(chunk)
            for document in self._unpacker:
                self.progress = progress_of(document)
                self.heard_at = time.monotonic()

    def end_input(self) -> None:
        """Nothing more will come: the process finishes and ends."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._outbox = memoryview(b"")

    def wait(self, seconds: float) -> bool:
        """Waits until it has ended, with all that it reports; false where it has not."""
        until = time.monotonic() + seconds
        while True:
            try:
                if not self._read():
                    break
            except (OSError, ValueError, TypeError):
                break
            left = until - time.monotonic()
            if left <= 0:
                return False
            select.select([self._out], [], [], min(left, 0.1))
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=max(0.0, until - time.monotonic()))
        return self._process.poll() is not None

    def how_it_ended(self) -> str:
        """Ends it, where it has not; how it went."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.2)
        said = b""
        with contextlib.suppress(OSError):
            said = os.read(self._err, _READ)
        self.kill()
        code = self._process.returncode
        how = f"signal {-code}" if code < 0 else f"code {code}"
        text = one_line(said.decode("utf-8", "replace").strip()[-200:], 200)
        return f"the shadow process ended ({how})" + (f": {text}" if text else "")

    def kill(self) -> None:
        """Ends it at once and frees everything; may be called twice."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        self.abandon()

    def abandon(self) -> None:
        """Frees our ends of the pipes."""
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
