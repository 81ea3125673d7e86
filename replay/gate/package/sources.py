"""The files of a package that came from anywhere: a directory or a zip archive, trusted in nothing.

Nothing is unpacked to where a name says, no link is followed, and every size is bounded before it
is read. What does not belong into a package at all is told as a problem by its name.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from replay.errors import InputError
from replay.findings.zip_layout import layout_flaws
from replay.gate.package.package import MANIFEST, MAX_BYTES, MAX_FILES

CHUNK = 1 << 20
UNREADABLE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(ValueError, TypeError, LookupError, OverflowError, EOFError, OSError, MemoryError),
)
"""What reading an archive that somebody tampered with can raise."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Source(Protocol):
    """The files of a package. `sizes` are those of its plain files, by name; `problems` is what is
    in it beside those."""

    sizes: dict[str, int]
    problems: list[str]

    def open(self, name: str) -> IO[bytes]:
        """One of its files, for reading. May raise any of UNREADABLE."""


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """A directory or an archive. Raises InputError where it is neither, or no package at all."""
    if path.is_dir():
        folder = _Folder(path)
        if MANIFEST not in folder.sizes and MANIFEST not in folder.odd:
            raise InputError(f"{path} is no evidence package: it has no {MANIFEST}")
        yield folder
        return
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{path} is neither a directory nor a file")
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", file=str(path)) from error
    if magic != b"PK\x03\x04":
        raise InputError(f"{path} is no evidence package: neither a directory nor a zip archive")
    try:
        archive = zipfile.ZipFile(path)
    except UNREADABLE as error:
        yield _Broken(f"the archive is damaged: {error}")
        return
    with archive:
        source = _Archive(archive)
        if not source.problems:
            source.problems += _layout(path, archive)
        if MANIFEST not in source.sizes and not source.problems:
            raise InputError(f"{path} is no evidence package: it has no {MANIFEST}")
        yield source


def _layout(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """What is in an archive beside its members."""
    try:
        with path.open("rb") as file:
            return layout_flaws(archive, file)
    except UNREADABLE as error:
        return [f"the archive is damaged: {error or type(error).__name__}"]


class _Broken:
    """An archive of which nothing can be read."""

    def __init__(self, problem: str) -> None:
        self.sizes: dict[str, int] = {}
        self.problems = [problem]

    def open(self, name: str) -> IO[bytes]:
        """There is none."""
        raise KeyError(name)


class _Folder:
    """A directory; links in it are named, not followed."""

    def __init__(self, root: Path) -> None:
        self.sizes: dict[str, int] = {}
        self.problems: list[str] = []
        self.odd: set[str] = set()
        self._root = root
        self._look(root, "")

    def _look(self, folder: Path, prefix: str) -> None:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(f"{prefix or 'the directory'} cannot be read: {error.strerror}")
            return
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if len(self.sizes) > MAX_FILES:
                self.problems.append(f"it has more than {MAX_FILES:,} files")
                return
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(info.st_mode):
                self.sizes[name] = info.st_size
            elif stat.S_ISDIR(info.st_mode) and name.count("/") < 3:
                self._look(Path(entry.path), f"{name}/")
            else:
                self.odd.add(name)
                kind = "a symbolic link" if stat.S_ISLNK(info.st_mode) else "no plain file"
                self.problems.append(f"{name} is {kind}")

    def open(self, name: str) -> IO[bytes]:
        """Opens a file, if it still is one."""
        descriptor = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        return os.fdopen(descriptor, "rb")


class _Archive:
    """A zip archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.sizes: dict[str, int] = {}
        self.problems: list[str] = []
        self._archive = archive
        self._entries: dict[str, zipfile.ZipInfo] = {}
        entries = archive.infolist()
        total = sum(entry.file_size for entry in entries)
        if len(entries) > MAX_FILES or total > MAX_BYTES:
            self.problems.append(
                f"it has {len(entries):,} files with {total:,} bytes, more than any package"
            )
            return
        if not all(entry.filename for entry in entries):
            self.problems.append("it has a file without a name")
            return
        for name, times in Counter(entry.filename for entry in entries).items():
            if times > 1:
                self.problems.append(f"{name} is in the archive {times} times")
        for entry in entries:
            flaw = _flaw(entry)
            if not flaw and entry.is_dir():
                continue  # an archiver's note of a directory: only its files count
            if flaw:
                self.problems.append(f"{entry.filename} {flaw}")
            else:
                self.sizes[entry.filename] = entry.file_size
                self._entries[entry.filename] = entry
        self.problems += [
            f"{entry.filename} is a directory without a file"
            for entry in entries
            if entry.is_dir() and not any(one.startswith(entry.filename) for one in self.sizes)
        ]

    def open(self, name: str) -> IO[bytes]:
        """Opens a member; no more than its size is ever unpacked."""
        return self._archive.open(self._entries[name])


def _flaw(entry: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.flag_bits & 1:
        return "is encrypted"
    if entry.compress_type not in _METHODS:
        return "is compressed in a way that no package is"
    if kind == stat.S_IFLNK:
        return "is a symbolic link"
    wanted = stat.S_IFDIR if entry.is_dir() else stat.S_IFREG
    if kind not in (0, wanted):
        return "is no plain file"
    return ""
