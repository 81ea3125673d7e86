"""The bot's own telemetry: a line each simulated minute, like the runbook's loop writes them.

One line is one write to the file, so a bot that is killed leaves at most one line cut off; where an
earlier one did, the next line begins on its own.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from replay.paper.candles import told as told_at
from replay.streams.kept_files import is_at

_PREFIX = "state_machine_shadow_paper_"
_TAIL = 64 * 1024


class TelemetryWriter:
    """Appends samples to `state_machine_shadow_paper_<UTC start>.jsonl` in a directory.

    A disk that does not take a line never ends a bot: `errors` counts such lines. Where the file is
    removed, renamed or cut off by somebody else, another one is begun, whose first line tells so;
    `lost` counts lines that were in it, `moved` says what has become of it.
    """

    def __init__(self, directory: Path, start: float) -> None:
        """`start` is when the process starts, in epoch seconds of the bot's clock."""
        stamp = datetime.fromtimestamp(start, UTC).strftime("%Y%m%dT%H%M%SZ")
        self.path = directory / f"{_PREFIX}{stamp}.jsonl"
        self.lines = 0
        self.errors = 0
        self.lost = 0
        self.moved = ""
        self._written = 0
        self._size = 0
        self._file: int | None = None
        self._at = 0.0

    def write(self, at: float, status: Mapping[str, Any]) -> None:
        """Appends a sample of the status document, taken at that time. No two have one second's
        time, as a last sample might have right after the one of a minute."""
        self._at = max(at, self._at + 1.0)
        document = {
            "ts": told_at(self._at),
            "mode": status["mode"],
            "top_phase": status["top_phase"],
            "state_machine_shadow": status["state_machine_shadow"],
        }
        try:
            self.look()
            if self._file is None:
                self._file = self._open()
            self._append(document)
            self.lines += 1
            self._written += 1
        except OSError:
            self.errors += 1
            self.close()

    def look(self) -> None:
        """Begins another file where the open one is not at its path any more. Raises OSError."""
        if self._file is None:
            return
        there = os.fstat(self._file)
        is_cut = there.st_size < self._size
        if is_at(self.path, self._file) and not is_cut:
            return
        lost = self._written if is_cut or not there.st_nlink else 0
        what = "removed" if not there.st_nlink else "cut off" if is_cut else "renamed"
        self.moved = f"{self.path} was {what} by somebody else, with {lost:,} lost lines"
        self.lost += lost
        self.close()
        self.path, self._file = self._another()
        told = {"ts": told_at(self._at), "state_machine_shadow": None, "reason": self.moved}
        self._append({**told, "lost": lost} if lost else told)

    def _append(self, document: Mapping[str, Any]) -> None:
        assert self._file is not None
        line = json.dumps(document).encode() + b"\n"
        written = os.write(self._file, line)
        self._size += written
        if written < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _another(self) -> tuple[Path, int]:
        """A new file, named after the time of the sample."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stamp = datetime.fromtimestamp(self._at, UTC).strftime("%Y%m%dT%H%M%SZ")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        for number in itertools.count():
            ending = f"-{number}" if number else ""
            path = self.path.with_name(f"{_PREFIX}{stamp}{ending}.jsonl")
            try:
                return path, os.open(path, flags, 0o644)
            except FileExistsError:
                continue
        raise AssertionError("names do not end")

    def _open(self) -> int:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            size += os.write(file, b"\n")
        self._size, self._written = size, 0
        return file

    def close(self) -> None:
        """Closes the file; a later sample opens it again."""
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)
        self._size = self._written = 0


def last_sample(directory: Path) -> float | None:
    """When the last sample was taken that paper bots left in a directory; None where there is
    none. What cannot be read is passed over."""
    return max(
        (at for path in directory.glob(f"{_PREFIX}*.jsonl") for at in _times(path)), default=None
    )


def _times(path: Path) -> Iterator[float]:
    """The times of the last samples in a file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return
    for line in lines:
        try:
            yield datetime.fromisoformat(json.loads(line)["ts"]).timestamp()
        except (ValueError, KeyError, TypeError):  # cut off, at one end or the other
            continue
