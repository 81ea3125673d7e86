"""The telemetry of a log directory, kept up to date as it grows: each file is read once.

An operator looks at the pages while the files are written, minute by minute. What was read is kept
by name, size and time of change; of a file that has only grown, what has been added is read.
Nothing is judged here, that is the gate's business, and a sample that the gate would set aside is
not shown.
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from replay.errors import ReplayError
from replay.gate.telemetry.course import time_of
from replay.gate.telemetry.json_objects import objects_in, read_objects
from replay.gate.telemetry.samples import Sample, SetAside, sample_of
from replay.streams.compression import is_compressed
from replay.streams.log_files import telemetry_named
from replay.streams.model import Rejected

MAX_FILES = 100
MAX_BYTES = 64 * 1024 * 1024
"""Of one file; a larger one is left out and told. Two days of minutes have some megabytes."""

_TAIL = 256
"""Bytes before the place where reading goes on, which must still be the same."""


class Telemetry(NamedTuple):
    """What the files hold: samples by time, and in words what could not be used. `set_aside` counts
    pieces of files that are no usable sample, `files` are those that were read."""

    samples: tuple[Sample, ...] = ()
    files: tuple[str, ...] = ()
    set_aside: int = 0
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _File:
    """What is known of one file. `offset` is how far it was read, `lines` how many lines that are,
    `tail` the bytes just before; `key` says which file it was, as it was then."""

    key: tuple[int, int, int, int]
    offset: int = 0
    lines: int = 0
    tail: bytes = b""
    samples: list[Sample] = field(default_factory=list)
    set_aside: int = 0


class TelemetryReader:
    """Reads the telemetry of one directory, again and again. Safe to use from several threads."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._files: dict[Path, _File] = {}
        self._known: tuple[object, ...] = ()
        self._telemetry = Telemetry()
        self._lock = threading.Lock()

    def read(self) -> Telemetry:
        """All that there is now. Never raises: what cannot be read is told."""
        with self._lock:
            return self._read()

    def _read(self) -> Telemetry:
        problems: list[str] = []
        found = self._found(problems)
        files: dict[Path, _File] = {}
        for path, key in found.items():
            try:
                files[path] = _brought_up(path, key, self._files.get(path))
            except (OSError, ReplayError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                problems.append(f"{path.name}: {why}")
        self._files = files
        known = (*((path, file.key) for path, file in files.items()), *problems)
        if known != self._known:
            samples = [sample for file in files.values() for sample in file.samples]
            self._telemetry = Telemetry(
                tuple(sorted(samples, key=time_of)),
                tuple(path.name for path in files),
                sum(file.set_aside for file in files.values()),
                tuple(problems),
            )
            self._known = known
        return self._telemetry

    def _found(self, problems: list[str]) -> dict[Path, tuple[int, int, int, int]]:
        """The files of telemetry with what tells whether one has changed, oldest name first."""
        if self._directory is None or not self._directory.exists():
            return {}
        found = {}
        try:
            names = telemetry_named(self._directory)
        except OSError as error:
            problems.append(f"{self._directory}: {error.strerror}")
            return {}
        if len(names) > MAX_FILES:
            problems.append(f"{len(names) - MAX_FILES} older files are left out")
        for path in names[-MAX_FILES:]:
            try:
                status = path.stat()
            except OSError as error:
                problems.append(f"{path.name}: {error.strerror}")
                continue
            if not stat.S_ISREG(status.st_mode):
                problems.append(f"{path.name}: is no file")
            elif status.st_size > MAX_BYTES:
                problems.append(f"{path.name}: is too large to be shown here")
            else:
                key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                found[path] = key
        return found


def _brought_up(path: Path, key: tuple[int, int, int, int], known: _File | None) -> _File:
    """A file as it is now, of which what is known need not be read again."""
    if known is not None and known.key == key:
        return known
    with path.open("rb") as opened:
        if is_compressed(opened.read(8)):
            file = _File(key)
            _take(file, path.name, list(read_objects(path, path.name)))
            return file
        if known is None or not _goes_on(known, key, opened.fileno()):
            known = _File(key)
        known.key = key
        opened.seek(known.offset)
        data = opened.read(MAX_BYTES + 1 - known.offset)
    whole = _whole(data)
    if whole:
        text = data[:whole].decode("utf-8", "surrogateescape")
        _take(known, path.name, list(objects_in(path.name, text)))
        known.offset += whole
        known.lines += text.count("\n")
        known.tail = (known.tail + data[:whole])[-_TAIL:]
    return known


def _goes_on(known: _File, key: tuple[int, int, int, int], descriptor: int) -> bool:
    """Whether a file is the one that is known, only longer."""
    if known.key[:2] != key[:2] or key[2] < known.offset:
        return False
    tail = os.pread(descriptor, len(known.tail), known.offset - len(known.tail))
    return tail == known.tail


def _whole(data: bytes) -> int:
    """How much of what was added can be read for good: up to the last line that ends an object,
    whether it has the whole of it (jq -c) or just its last brace (jq)."""
    end = len(data)
    while (end := data.rfind(b"\n", 0, end)) >= 0:
        line = data[data.rfind(b"\n", 0, end) + 1 : end].rstrip(b"\r ")
        if line == b"}" or (line.startswith(b"{") and line.endswith(b"}")):
            return end + 1
    return 0


def _take(file: _File, name: str, objects: list[tuple[int, dict[str, object]] | Rejected]) -> None:
    for item in objects:
        sample = (
            None if isinstance(item, Rejected) else sample_of(item[1], name, file.lines + item[0])
        )
        if sample is None or isinstance(sample, SetAside):
            file.set_aside += 1
        else:
            file.samples.append(sample)
