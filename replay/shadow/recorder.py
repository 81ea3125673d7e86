"""Writes the journal (formats.md, "Journal"): one line for each call, one write for each line.

A line has what its reader does not know yet: everything at first, in one line of every few hundred
and wherever a line may be missing before it, else only what was set from outside. A kill leaves at
most the last line half-written. A disk that is full or gone costs lines, which are counted, and
nothing else: the journal goes on in a new file, and `seq` shows what is missing.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from replay.streams.events import typed_event_of
from replay.streams.journal import VERSION
from replay.streams.model import CALL_NAMES, Call, CallCode, Document
from replay.targets.compact import Plain, state_document

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the journal is tried again behind an error; doubled from one to the other."""

_COPY = 1 << 20
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
    """What was written so far. `errors` counts lines that could not be."""

    lines: int = 0
    bytes: int = 0
    errors: int = 0
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
        self._directory = directory
        self._max_bytes = max_bytes
        self._full_every = full_every
        self._compress = compress
        self._fd = -1
        self._path = Path()
        self._size = 0
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
        except OSError:
            self._give_up()
        except (TypeError, ValueError, RecursionError):
            # A value that has no JSON. The slot's next line is full, since this one is missing.
            self.recorded.errors += 1
        else:
            self._pause = 0.0
            return True
        return False

    def close(self) -> None:
        """Ends the open file, and compresses it; may be called twice."""
        try:
            self._finish()
        except OSError:
            self.recorded.errors += 1

    # --- Lines --------------------------------------------------------------------------------

    def _write(self, call: RecordedCall, shadow: Mark | None) -> None:
        if self._fd >= 0 and (self._size >= self._max_bytes or os.fstat(self._fd).st_nlink == 0):
            self._finish()
        written = self._slots.get(call.slot)
        is_full = (
            written is None
            or call.anew
            or call.seq != written.seq + 1
            or written.since_full >= self._full_every
        )
        line = json_line(_line(call, shadow, is_full=is_full))
        if self._fd < 0:
            self._open(call.ts)
        self._append(line)
        self.recorded.lines += 1
        self.recorded.bytes += len(line)
        since = 0 if is_full or written is None else written.since_full + 1
        self._slots[call.slot] = _Written(call.seq, since)

    def _append(self, line: bytes) -> None:
        count = os.write(self._fd, line)
        if count != len(line):
            # What is there of it would spoil the file for the next line.
            os.ftruncate(self._fd, self._size)
            raise OSError("the line was cut off")
        self._size += count

    # --- Files --------------------------------------------------------------------------------

    def _open(self, ts: float) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        if not self._tidy:
            self._tidy = True
            _tidy_up(self._directory)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        for name in _names(ts):
            path = self._directory / name
            if path.with_name(f"{name}.zst").exists():
                continue
            try:
                self._fd = os.open(path, flags, 0o644)
            except FileExistsError:
                continue
            break
        self._path, self._size = path, 0
        self._slots.clear()
        self.recorded.file = str(path)

    def _finish(self) -> None:
        """Ends the open file. Raises OSError where it cannot be kept safe."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        self._slots.clear()
        try:
            is_there = os.fstat(fd).st_nlink > 0
            if is_there:
                os.fsync(fd)
        finally:
            os.close(fd)
        if is_there and self._compress:
            self.recorded.file = str(compress(self._path))

    def _give_up(self) -> None:
        """Behind an error: nothing more is tried for a while, and then in a new file."""
        self.recorded.errors += 1
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._again_at = time.monotonic() + self._pause
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1
            if not self._size:
                with contextlib.suppress(OSError):
                    self._path.unlink()
        self._slots.clear()


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


def compress(path: Path) -> Path:
    """Replaces a finished file by its `.zst`: beside it first, so that one of the two is always
    whole. Raises OSError; then the file is as it was."""
    target = path.with_name(f"{path.name}.zst")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with path.open("rb") as source, part.open("wb") as sink:
            size = os.fstat(source.fileno()).st_size
            zstandard.ZstdCompressor().copy_stream(
                source, sink, size=size, read_size=_COPY, write_size=_COPY
            )
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(target)
    except zstandard.ZstdError as error:
        raise OSError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    path.unlink()
    return target


def _tidy_up(directory: Path) -> None:
    """Ends what a killed writer had begun: files that stand beside their whole `.zst`, and halves
    of such. With both, every line of the file would be read twice."""
    for part in directory.glob(".events_*.part"):
        pid = part.name.rsplit(".", 2)[-2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            part.unlink(missing_ok=True)
    for whole in directory.glob("events_*.jsonl.zst"):
        whole.with_suffix("").unlink(missing_ok=True)


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
