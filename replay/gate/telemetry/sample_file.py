"""The telemetry file that a monitor appends to: each sample one line, one write(2) and one fsync.

A process that is killed loses nothing that was written. Where the last line is half one, the next
begins a line of its own. Where the disk is full, samples are held back and written once there is
room; a line of which only a part could be written is begun anew.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from replay.errors import EnvironmentFailure, UsageError
from replay.gate.telemetry.json_objects import read_objects
from replay.streams.model import Rejected

MONITOR = "monitor"
"""The key on the first sample of each monitor's process: what it watches, and how."""

MAX_HELD_BACK = 100_000
_NAME = re.compile(r"state_machine_shadow_\d{8}T\d{6}Z(-\d+)?\.jsonl")
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EROFS)


class Run(NamedTuple):
    """What is one run: the address, the seconds between samples, and how many there are to be."""

    url: str
    every: float
    samples: int

    def document(self) -> dict[str, Any]:
        """As it stands on a sample."""
        return self._asdict()


class Former(NamedTuple):
    """What a file has already: the run that it belongs to, if it says so, and the times of its
    first and last line (epoch seconds)."""

    run: Run | None
    first: float | None
    last: float | None


def look_at(path: Path) -> Former:
    """Reads what is there. Raises InputError where that is not possible."""
    run: Run | None = None
    first = last = None
    for item in read_objects(path):
        if isinstance(item, Rejected):
            continue
        document = item[1]
        at = _time(document.get("ts"))
        if at is not None:
            first, last = at if first is None else first, at
        if run is None and MONITOR in document:
            run = _run(document[MONITOR])
    return Former(run, first, last)


def _time(value: object) -> float | None:
    try:
        return datetime.fromisoformat(str(value).upper()).timestamp()
    except (ValueError, OverflowError):
        return None


def _run(value: object) -> Run | None:
    if not isinstance(value, Mapping):
        return None
    url, every, samples = (value.get(name) for name in Run._fields)
    numbers = type(every) in (int, float) and type(samples) is int
    return Run(str(url), float(str(every)), int(str(samples))) if numbers else None


class SampleFile:
    """An open telemetry file. `held_back` is how many samples wait for room on the disk."""

    def __init__(self, path: Path, descriptor: int, former: Former) -> None:
        self.path = path
        self.former = former
        self.trouble = ""
        self.lost = 0
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._torn = _is_torn(path)

    @property
    def held_back(self) -> int:
        """Samples that are not in the file yet."""
        return len(self._waiting)

    def append(self, document: Mapping[str, Any]) -> bool:
        """Adds a line; whether it and all before it are on the disk. Never raises for a disk that
        is full or fails: `trouble` says what it is, empty where there is none."""
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        self._waiting.append(text.encode() + b"\n")
        if len(self._waiting) > MAX_HELD_BACK:
            self._waiting.popleft()
            self.lost += 1
        return self.flush()

    def flush(self) -> bool:
        """Tries again to write what waits."""
        try:
            while self._waiting:
                line = self._waiting[0]
                # Behind half a line, one's own or a killed process's, a line begins anew.
                content = b"\n" + line if self._torn else line
                written = os.write(self._descriptor, content)
                if written < len(content):
                    self._torn = self._torn or written > 0
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._torn = False
                self._waiting.popleft()
                self._sync()
        except OSError as error:
            self.trouble = error.strerror or type(error).__name__
            return False
        self.trouble = ""
        return True

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in _CANNOT_SYNC:
                raise

    def close(self) -> None:
        """Closes it; others may then go on with it."""
        os.close(self._descriptor)


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        if not path.is_file() or file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def open_samples(out: Path, run: Run, now: float) -> SampleFile:
    """The file to append to: `out` itself, or in a directory the newest of the same run that is not
    over and that nobody else writes to, else a new one.

    Raises UsageError where a file that is named has another bot's samples, EnvironmentFailure where
    it cannot be written or another monitor has it.
    """
    try:
        if (out.suffix == ".jsonl" or out.exists()) and not out.is_dir():
            out.parent.mkdir(parents=True, exist_ok=True)
            return _open_file(out, run, now)
        out.mkdir(parents=True, exist_ok=True)
        newest = max((path for path in out.iterdir() if _NAME.fullmatch(path.name)), default=None,
                     key=lambda path: path.name)  # fmt: skip
        if newest is not None and (file := _continued(newest, run, now)) is not None:
            return file
        return _open_new(out, now)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {out}: {error.strerror}", path=str(out)) from error


def _open_file(path: Path, run: Run, now: float) -> SampleFile:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    former = look_at(path) if path.is_file() else Former(None, None, None)
    if not _locked(descriptor):
        os.close(descriptor)
        raise EnvironmentFailure(f"another monitor writes to {path}", path=str(path))
    if former.run is not None and former.run.url != run.url:
        os.close(descriptor)
        raise UsageError(f"{path} has samples of another address: {former.run.url}")
    # Behind a run that is over another one begins.
    return SampleFile(path, descriptor, Former(None, None, None) if _over(former, run, now)
                      else former)  # fmt: skip


def _over(former: Former, run: Run, now: float) -> bool:
    return former.first is None or now >= former.first + run.samples * run.every


def _continued(path: Path, run: Run, now: float) -> SampleFile | None:
    """The newest file, where it is of this run and the run is not over."""
    former = look_at(path)
    if former.run != run or _over(former, run, now):
        return None
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    if not _locked(descriptor):
        os.close(descriptor)
        return None
    return SampleFile(path, descriptor, former)


def _open_new(folder: Path, now: float) -> SampleFile:
    for path in _names(folder, now):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
        _locked(descriptor)
        return SampleFile(path, descriptor, Former(None, None, None))
    raise AssertionError("names do not end")


def _names(folder: Path, now: float) -> Iterator[Path]:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    yield folder / f"state_machine_shadow_{stamp}.jsonl"
    number = 2
    while True:
        yield folder / f"state_machine_shadow_{stamp}-{number}.jsonl"
        number += 1


def _locked(descriptor: int) -> bool:
    """Takes the file for this process alone; the lock ends with the process, however it ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True
