"""The telemetry file that a monitor appends to: each sample one line, one write(2) and one fsync.

A process that is killed loses nothing that was written. Where the last line is half one, the next
begins a line of its own. Where the disk is full, samples are held back and written once there is
room; a line of which only a part could be written is begun anew. A file that is removed, renamed or
rotated under its writer is noticed before the next write: another one of the same run is begun, and
its first line says why, and how many samples went with the former.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from replay.errors import EnvironmentFailure, UsageError
from replay.gate.telemetry.json_objects import read_objects
from replay.gate.telemetry.samples import LOST, MOST
from replay.streams.kept_files import CANNOT_SYNC, is_at, make_directory, sync_directory
from replay.streams.model import Rejected

MONITOR = "monitor"
"""The key on the first sample of each monitor's process: what it watches, and how."""

SINCE = "since"
"""The key beside it in a file that goes on for another one: when the run began (RFC 3339)."""

MAX_HELD_BACK = 100_000
_NAME = re.compile(r"state_machine_shadow_\d{8}T\d{6}Z(-\d+)?\.jsonl")


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
            since = _time(document.get(SINCE))
            first = first if since is None else since
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
    if type(every) not in (int, float) or type(samples) is not int or not 0 <= samples <= MOST:
        return None
    return Run(str(url), float(str(every)), samples)


class SampleFile:
    """An open telemetry file. `held_back` is how many samples wait for room on the disk, `lost` how
    many never will be in a file, `moved` what has become of the file that was written to before."""

    def __init__(
        self, path: Path, descriptor: int, former: Former, run: Run, *, named: bool
    ) -> None:
        """`named`: the file was given by its name, which a new one then takes again."""
        self.path = path
        self.former = former
        self.trouble = ""
        self.moved = ""
        self.lost = 0
        self._descriptor = descriptor
        self._run = run
        self._named = named
        self._since = former.first
        self._waiting: deque[bytes] = deque()
        self._written = 0
        self._torn = _is_torn(path)
        self._size = os.fstat(descriptor).st_size

    @property
    def held_back(self) -> int:
        """Samples that are not in the file yet."""
        return len(self._waiting)

    def append(self, document: Mapping[str, Any]) -> bool:
        """Adds a line; whether it and all before it are on the disk. Never raises for a disk that
        is full or fails: `trouble` says what it is, empty where there is none."""
        if self._since is None:
            self._since = _time(document.get("ts"))
        self._waiting.append(_line(document))
        if len(self._waiting) > MAX_HELD_BACK:
            self._waiting.popleft()
            self.lost += 1
        return self.flush()

    def flush(self) -> bool:
        """Tries again to write what waits, and looks whether what was written is still there."""
        try:
            self._look()
            while self._waiting:
                line = self._waiting[0]
                # After half a line, one's own or a killed process's, a line begins anew.
                content = b"\n" + line if self._torn else line
                written = os.write(self._descriptor, content)
                self._size += written
                if written < len(content):
                    self._torn = self._torn or written > 0
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._torn = False
                self._waiting.popleft()
                self._written += 1
                self._sync()
        except OSError as error:
            self.trouble = error.strerror or type(error).__name__
            return False
        self.trouble = ""
        return True

    def _look(self) -> None:
        """Begins a new file where the open one is not at its path any more, and tells it in the
        line that comes next. Raises OSError where that is not possible."""
        there = os.fstat(self._descriptor)
        is_cut = stat.S_ISREG(there.st_mode) and there.st_size < self._size
        is_here = is_at(self.path, self._descriptor)
        if is_here and not is_cut:
            return
        is_gone = not there.st_nlink
        lost = self._written if is_gone or is_cut else 0
        what = "removed" if is_gone else "cut off" if is_cut else "renamed"
        told = f"{self.path} was {what} by somebody else"
        if lost:
            told += f", and {lost:,} lines of this process with it"
        if is_here:
            self._torn, self._size = there.st_size > 0, there.st_size
        else:
            self._begin_anew()
        self.lost += lost
        self._written = 0
        self.moved = told
        self._waiting.appendleft(_line(self._note(told, lost)))

    def _note(self, told: str, lost: int) -> dict[str, Any]:
        """The line that tells of a file what has become of the one before."""
        document: dict[str, Any] = {
            "ts": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "mode": "",
            "top_phase": "",
            "state_machine_shadow": None,
            "reason": told,
            MONITOR: self._run.document(),
        }
        if self._since is not None:
            document[SINCE] = datetime.fromtimestamp(self._since, UTC).isoformat()
        if lost:
            document[LOST] = lost
        return document

    def _begin_anew(self) -> None:
        make_directory(self.path.parent)
        names = _beside(self.path) if self._named else _names(self.path.parent, time.time())
        path, descriptor = _create(names)
        os.close(self._descriptor)
        self.path, self._descriptor, self._torn, self._size = path, descriptor, False, 0

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in CANNOT_SYNC:
                raise

    def close(self) -> None:
        """Closes it; others may then go on with it."""
        os.close(self._descriptor)


def _line(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode() + b"\n"


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
            make_directory(out.parent)
            return _open_file(out, run, now)
        make_directory(out)
        newest = max((path for path in out.iterdir() if _NAME.fullmatch(path.name)), default=None,
                     key=lambda path: path.name)  # fmt: skip
        if newest is not None and (file := _continued(newest, run, now)) is not None:
            return file
        path, descriptor = _create(_names(out, now))
        return SampleFile(path, descriptor, Former(None, None, None), run, named=False)
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
    sync_directory(path.parent)
    # After a run that is over another one begins.
    former = Former(None, None, None) if _over(former, run, now) else former
    return SampleFile(path, descriptor, former, run, named=True)


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
    return SampleFile(path, descriptor, former, run, named=False)


def _create(names: Iterator[Path]) -> tuple[Path, int]:
    """A new file under the first name that nothing has. Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    for path in names:
        try:
            descriptor = os.open(path, flags, 0o644)
        except FileExistsError:
            continue
        _locked(descriptor)
        sync_directory(path.parent)
        return path, descriptor
    raise AssertionError("names do not end")


def _beside(path: Path) -> Iterator[Path]:
    """The name of a file that was given, then names beside it."""
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


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
