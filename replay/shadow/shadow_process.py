"""The shadow process: compares and records what the bot's process hands it, at its own pace.

It runs apart from the bot, in a session of its own, so nothing it does can hold the bot's
interpreter up. It ends by itself when its input ends, which it does however the bot ends; what came
before is still compared and written.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from replay.shadow.comparison import Batch, Comparing, Kind, Seen, open_shadow
from replay.shadow.cores_seen import CoresSeen
from replay.shadow.recorder import JournalWriter, Mark, RecordedCall
from replay.shadow.slots import Standings, Taken
from replay.shadow.wire import (
    CALLS,
    CallMessage,
    Progress,
    Settings,
    pack_progress,
    unpacker,
)
from replay.streams.model import CallCode, call_name
from replay.targets.executable.frames import one_line

REPORT_EVERY = 0.25
"""Seconds between two reports while nobody waits for one."""

_READ = 1 << 18
_LOOK = 1.0
"""Seconds after which it looks whether the bot is still there, while nothing comes."""

_REGIME, _CHECK = int(CallCode.APPLY_REGIME), int(CallCode.CHECK_INVARIANTS)


class ShadowProcess:
    """Handles messages, and keeps count."""

    def __init__(self, settings: Settings) -> None:
        self.progress = Progress()
        self._standings = Standings()
        self._comparing: Comparing | None = None
        self._writer: JournalWriter | None = None
        self._begun: deque[Batch] = deque()
        self._cores = CoresSeen(settings.authority, settings.executable, settings.cores)
        if settings.shadow:
            self._comparing = Comparing(
                lambda: open_shadow(
                    settings.executable, timeout=settings.timeout, persistent=settings.persistent
                )
            )
            self._comparing.ready()
            self.progress.available = self._comparing.available
        if settings.journal:
            self._writer = JournalWriter(
                Path(settings.journal),
                max_bytes=settings.max_bytes,
                full_every=settings.full_every,
                compress=settings.compress,
            )
            self._writer.cores = self._cores.hashes
        self.look()

    def look(self) -> None:
        """Looks now and then at what both cores are by now."""
        if self._comparing is not None:
            self._cores.named(self._comparing.version)
        self._cores.look()
        self.progress.cores = self._cores.documents()

    def calls(self, messages: Sequence[Any]) -> None:
        """Takes calls in; one batch stays under way while the next is read."""
        comparing = self._comparing
        if comparing is None:
            for message in messages:
                self._record(self._standings.take(CallMessage(*message)).call, None)
                self.progress.settled += 1
            return
        if comparing.ready():
            self._standings.begin_anew()
        self.progress.available = comparing.available
        taken = [self._standings.take(CallMessage(*message)) for message in messages]
        self._begun.append(comparing.begin(taken))
        self.settle(1)

    def settle(self, left: int = 0) -> None:
        """Finishes the oldest batches until at most `left` are under way."""
        while len(self._begun) > left:
            assert self._comparing is not None
            batch = self._begun.popleft()
            for taken, seen in zip(batch.calls, self._comparing.finish(batch), strict=True):
                self._record(taken.call, _mark(seen))
                self._count(taken, seen)
                if seen.is_failed:
                    self._standings.begin_slot_anew(taken.call.slot)

    def close(self) -> None:
        """Finishes everything."""
        self.settle()
        if self._comparing is not None:
            self._comparing.close()
        if self._writer is not None:
            self._writer.close()
            self._note_recorder()

    def _record(self, call: RecordedCall, mark: Mark | None) -> None:
        if self._writer is not None:
            self._writer.write(call, mark)
            self._note_recorder()

    def _note_recorder(self) -> None:
        assert self._writer is not None
        done, progress = self._writer.recorded, self.progress
        progress.lines, progress.bytes = done.lines, done.bytes
        progress.errors, progress.lost = done.errors, done.lost
        progress.recorder_error, progress.file = done.last_error, done.file

    def _count(self, taken: Taken, seen: Seen) -> None:
        progress = self.progress
        progress.settled += 1
        if seen.error is not None:
            progress.last_error = seen.error
        if seen.is_failed:
            progress.failed += 1
            return
        progress.incidents += seen.incident
        progress.compared += 1
        call = taken.step.call
        if isinstance(call, tuple) and call[0] == _CHECK:
            progress.invariant_checks += 1
        else:
            progress.transition_checks += 1
        if seen.differs is None:
            return
        if seen.differs is Kind.INVARIANT:
            progress.invariant_divergences += 1
        else:
            progress.transition_divergences += 1
        progress.last_divergence = (taken.call.ts, str(seen.differs), call_name(call))


def _mark(seen: Seen) -> Mark:
    if seen.is_failed:
        return Mark(False, seen.error)
    return Mark(seen.differs is None, None if seen.differs is not None else seen.error)


class _Input:
    """Messages from the bot's process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unpacker = unpacker()
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._parent = os.getppid()
        self.has_ended = False

    def wait(self, seconds: float) -> None:
        """Waits until there is something to read, for at most so many seconds."""
        if not self._poll.poll(1000 * seconds):
            # Whoever else may hold the pipe open, without its bot it is over.
            self.has_ended = os.getppid() != self._parent
            return
        chunk = os.read(self._fd, _READ)
        if chunk:
            self._unpacker.feed(chunk)
        else:
            self.has_ended = True

    def is_ready(self) -> bool:
        """Whether there is something to read now."""
        return bool(self._poll.poll(0))

    def messages(self) -> list[Any]:
        """The whole messages that were read."""
        return list(self._unpacker)


def serve(source: int, sink: int) -> None:
    """Runs until the input ends. The first message has the settings."""
    stream = _Input(source)
    process: ShadowProcess | None = None
    sent = b""
    reported = 0.0
    while not stream.has_ended:
        stream.wait(_LOOK if process is None or not process.progress.settled else REPORT_EVERY)
        for message in stream.messages():
            if process is None:
                process = ShadowProcess(Settings(**message))
                continue
            kind, content = message
            if kind == CALLS:
                process.calls(content)
            else:
                process.settle()
                process.progress.flushed = content
                reported = 0.0
        if process is None:
            continue
        process.look()
        if not stream.is_ready():
            process.settle()
        if time.monotonic() - reported >= REPORT_EVERY:
            report = pack_progress(process.progress)
            if report != sent and not _write(sink, report):
                break
            sent, reported = report, time.monotonic()
    if process is not None:
        process.close()
        _write(sink, pack_progress(process.progress))


def _write(sink: int, report: bytes) -> bool:
    """Sends a report; false where nobody is there to read it."""
    try:
        while report:
            report = report[os.write(sink, report) :]
    except OSError:
        return False
    return True


def main() -> int:
    """The process."""
    # Control-C is for the bot, whose end then ends this one; a stop is the bot's business, too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        serve(0, 1)
    except Exception as error:  # told where the bot looks: its exit code and last words
        sys.stderr.write(one_line(f"{type(error).__name__}: {error}") + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
