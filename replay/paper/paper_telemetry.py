"""The bot's own telemetry: a line each simulated minute, like the runbook's loop writes them.

One line is one write to the file, so a bot that is killed leaves at most one line cut off; where an
earlier one did, the next line begins on its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from replay.paper.candles import told

_PREFIX = "state_machine_shadow_paper_"
_TAIL = 64 * 1024


class TelemetryWriter:
    """Appends samples to `state_machine_shadow_paper_<UTC start>.jsonl` in a directory.

    A disk that does not take a line never ends a bot: `errors` counts such lines.
    """

    def __init__(self, directory: Path, start: float) -> None:
        """`start` is when the process starts, in epoch seconds of the bot's clock."""
        stamp = datetime.fromtimestamp(start, UTC).strftime("%Y%m%dT%H%M%SZ")
        self.path = directory / f"{_PREFIX}{stamp}.jsonl"
        self.lines = 0
        self.errors = 0
        self._file: int | None = None
        self._at = 0.0

    def write(self, at: float, status: Mapping[str, Any]) -> None:
        """Appends a sample of the status document, taken at that time. No two have one second's
        time, as a last sample might have right behind the one of a minute."""
        self._at = max(at, self._at + 1.0)
        document = {
            "ts": told(self._at),
            "mode": status["mode"],
            "top_phase": status["top_phase"],
            "state_machine_shadow": status["state_machine_shadow"],
        }
        try:
            if self._file is None:
                self._file = self._open()
            os.write(self._file, json.dumps(document).encode() + b"\n")
            self.lines += 1
        except OSError:
            self.errors += 1
            self.close()

    def _open(self) -> int:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            os.write(file, b"\n")
        return file

    def close(self) -> None:
        """Closes the file; a later sample opens it again."""
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)


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
