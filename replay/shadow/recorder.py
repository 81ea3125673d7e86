"""Writes the journal (formats.md, "Journal"): one line for each call, one write for each line.

A line has what its reader does not know yet: everything at first, in one line of every few hundred
and wherever a line may be missing before it, else only what was set from outside. A kill leaves at
most the last line half-written. A disk that is full or gone costs lines, which are counted, and
nothing else: the journal goes on in a new file, and `seq` shows what is missing.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import math
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from replay.shadow.finished import compress, hold, tidy_up
from replay.streams.events import typed_event_of
from replay.streams.journal import VERSION
from replay.streams.kept_files import CANNOT_SYNC, ENDING, is_at, make_directory, sync_directory
from replay.streams.model import CALL_NAMES, Call, CallCode, Document
from replay.targets.compact import Plain, state_document

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the journal is tried again after an error; doubled from one to the other."""

_SETTINGS = ("config", "order_size_usd", "order_sizes")
_REGIME = CALL_NAMES[CallCode.APPLY_REGIME]


class RecordedCall(NamedTuple):
    """One call as it is recorded. `state` and `settings` are what it was made with; `patch` has
    the fields of the state (as documents) and `changed` the settings that were set from outside
    since the slot's call before; `anew` where that is not known."""

    slot: int
    seq: int
    ts: float
    call: Call
    state: Plain
    settings: Mapping[str, Document]
    patch: Mapping[str, Document] | None = None
    changed: Collection[str] = ()
    anew: bool = False


class Mark(NamedTuple):
    """What the shadow said of a call: whether it agreed, or why it gave no usable answer."""

    agreed: bool
    error: str | None = None


@dataclass(slots=True)
class Recorded:
    """What was written so far. `errors` counts lines that could not be, `lost` those that were, and
    whose file was then removed or cut off by somebody else; `last_error` tells the last of either,
    or what else went wrong."""

    lines: int = 0
    bytes: int = 0
    errors: int = 0
    lost: int = 0
    last_error: str = ""
    file: str | None = None


@dataclass(slots=True)
class _Written:
    """Where a slot stands in the open file."""

    seq: int
    since_full: int = 0


class JournalWriter:
    """Writes one journal into a directory, which is made where it is missing. Never raises.

    A file has at most about `max_bytes`; a slot gets a full line after `full_every` others;
    `compress` makes a finished file a `.jsonl.zst`. Files are named after when they were begun by
    the clock of the calls.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int = 32 << 20,
        full_every: int = 256,
        compress: bool = True,
    ) -> None:
        self.recorded = Recorded()
        self.cores: Callable[[], Mapping[str, str]] = dict
        """Gives the SHA-256 of what runs, for full lines."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._full_every = full_every
        self._compress = compress
        self._fd = -1
        self._path = Path()
        self._size = 0
        self._lines = 0
        self._slots: dict[int, _Written] = {}
        self._pause = 0.0
        self._again_at = 0.0
        self._tidy = False

    def write(self, call: RecordedCall, shadow: Mark | None) -> bool:
        """Writes the line of a call; `shadow` is None where the shadow was off or did not look.
        Tells whether it was written."""
        if self._fd < 0 and time.monotonic() < self._again_at:
            self.recorded.errors += 1
            return False
        try:
            self._write(call, shadow)
        except OSError as error:
            self._give_up(_told(error))
        except (TypeError, ValueError, RecursionError) as error:
            # A value that has no JSON. The slot's next line is full, since this one is missing.
            self.recorded.errors += 1
            self.recorded.last_error = f"a call has no JSON: {error}"
        else:
            self._pause = 0.0
            return True
        return False

    def close(self) -> None:
        """Ends the open file, and compresses it; may be called twice."""
        self._look()
        self._finish()

    # --- Lines --------------------------------------------------------------------------------

    def _write(self, call: RecordedCall, shadow: Mark | None) -> None:
        self._look()
        if self._fd >= 0 and self._size >= self._max_bytes:
            self._finish()
        written = self._slots.get(call.slot)
        is_full = (
            written is None
            or call.anew
            or call.seq != written.seq + 1
            or written.since_full >= self._full_every
        )
        document = _line(call, shadow, is_full=is_full)
        if is_full and (cores := self.cores()):
            document["cores"] = dict(cores)
        line = json_line(document)
        if self._fd < 0:
            self._open(call.ts)
        self._append(line)
        self._lines += 1
        self.recorded.lines += 1
        self.recorded.bytes += len(line)
        since = 0 if is_full or written is None else written.since_full + 1
        self._slots[call.slot] = _Written(call.seq, since)

    def _append(self, line: bytes) -> None:
        count = os.write(self._fd, line)
        if count != len(line):
            # What is there of it would spoil the file for the next line.
            os.ftruncate(self._fd, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._size += count

    # --- Files --------------------------------------------------------------------------------

    def _look(self) -> None:
        """Lets go of the open file where it is not the one at its path any more, or not as it was
        left: what comes next begins a new one."""
        if self._fd < 0:
            return
        there = os.fstat(self._fd)
        if there.st_size == self._size and is_at(self._path, self._fd):
            return
        what = "renamed"
        if there.st_size < self._size or not there.st_nlink:
            self.recorded.lost += self._lines
            what = "removed" if not there.st_nlink else "cut off"
        elif there.st_size > self._size:
            what = "written to by somebody else"
        self.recorded.last_error = f"{self._path} was {what}; the journal goes on in a new file"
        self._let_go()

    def _open(self, ts: float) -> None:
        make_directory(self._directory)
        if not self._tidy:
            self._tidy = True
            self._tidy_up()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        for name in _names(ts):
            path = self._directory / name
            if path.with_name(name + ENDING).exists():
                continue
            try:
                self._fd = os.open(path, flags, 0o644)
            except FileExistsError:
                continue
            break
        hold(self._fd)
        self._path, self._size, self._lines = path, 0, 0
        self._slots.clear()
        self.recorded.file = str(path)

    def _tidy_up(self) -> None:
        try:
            tidy_up(self._directory)
        except OSError as error:  # all that was there still is
            self.recorded.last_error = _told(error)

    def _finish(self) -> None:
        """Ends the open file. What cannot be compressed stays as it is."""
        if self._fd < 0:
            return
        try:
            self._sync()
            self._let_go()
            sync_directory(self._directory)
            if self._compress:
                self.recorded.file = str(compress(self._path))
        except OSError as error:
            self.recorded.last_error = _told(error)
            self._let_go()

    def _sync(self) -> None:
        try:
            os.fsync(self._fd)
        except OSError as error:
            if error.errno not in CANNOT_SYNC:
                self.recorded.lost += self._lines
                raise

    def _let_go(self) -> None:
        """Closes the open file."""
        fd, self._fd = self._fd, -1
        self._slots.clear()
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _give_up(self, why: str) -> None:
        """After an error: nothing more is tried for a while, and then in a new file."""
        self.recorded.errors += 1
        self.recorded.last_error = why
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._again_at = time.monotonic() + self._pause
        if self._fd >= 0 and not self._size:
            with contextlib.suppress(OSError):
                is_ours = is_at(self._path, self._fd) and not os.fstat(self._fd).st_size
                if is_ours:
                    self._path.unlink()
        self._let_go()


def _told(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _names(ts: float) -> Iterator[str]:
    """Names for a file begun at `ts`, the best first."""
    try:
        at = datetime.datetime.fromtimestamp(ts, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        at = datetime.datetime.now(datetime.UTC)
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    yield f"events_{stamp}.jsonl"
    number = 1
    while True:
        yield f"events_{stamp}_{number:04d}.jsonl"
        number += 1


# --- Lines as documents -----------------------------------------------------------------------


def _line(call: RecordedCall, shadow: Mark | None, *, is_full: bool) -> dict[str, Any]:
    code = call.call[0] if isinstance(call.call, tuple) else -1
    document: dict[str, Any] = {"v": VERSION, "seq": call.seq, "ts": call.ts, "slot": call.slot}
    if code == CallCode.CHECK_INVARIANTS:
        document["method"] = CALL_NAMES[CallCode.CHECK_INVARIANTS]
    elif code == CallCode.APPLY_REGIME:
        _, local_id, regime = call.call
        document["method"] = _REGIME
        document["params"] = {"local_id": local_id, "regime_at_entry": regime}
    else:
        document["method"] = "transition"
        document["event"] = typed_event_of(call.call)
    if is_full:
        document["state"] = state_document(call.state)
    elif call.patch:
        document["patch"] = call.patch
    for name in _SETTINGS:
        if is_full or name in call.changed:
            document[name] = call.settings[name]
    document["shadow"] = None if shadow is None else shadow._asdict()
    return document


def json_line(document: Mapping[str, Any]) -> bytes:
    """A document as one line of ASCII. Non-finite numbers become texts (formats.md, "Journal").

    Raises TypeError, ValueError or RecursionError for what has no JSON.
    """
    try:
        text = _encode(document)
    except ValueError:
        text = _encode(_with_texts(document))
    return text.encode() + b"\n"


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _with_texts(value: Any) -> Any:
    """The same with a text for each number that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {name: _with_texts(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts(one) for one in value]
    return value
