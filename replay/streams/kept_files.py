"""What a writer must know of its files on the disk: are they still where they were, are they safe?

A name says nothing: a file may have been removed, renamed or rotated under whoever has it open, and
another one put in its place. So a writer asks before each write, and a file is only removed where
what takes its place was read back and is the same, byte by byte.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from replay.streams.zstd_frames import ZstdDecompressor, ZstdError

CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EROFS)
"""Errors that say that a file system has no fsync, not that something was lost."""

ENDING = ".zst"
"""Of a finished file that its writer compressed."""

_FEED = 512
"""Bytes that are unpacked at a time: at most 16 MiB come of them."""


def is_at(path: Path, descriptor: int) -> bool:
    """Whether the file at a path is the one that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def sync_directory(directory: Path) -> None:
    """Makes the names in a directory safe, where its file system can do that and we may look into
    it. Raises OSError."""
    with contextlib.suppress(PermissionError):
        sync_path(directory)


def make_directory(directory: Path) -> None:
    """Makes a directory, and those above it that are missing, so that their names are safe. Raises
    OSError."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_directory(path.parent)


def sync_path(path: Path) -> None:
    """Brings a file's bytes, or a directory's names, to the disk, where its file system can do
    that. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def holds_the_same(compressed: Path, plain: IO[bytes]) -> bool:
    """Whether a .zst gives the bytes of a file, all of them and no others. What cannot be read, or
    is cut off, does not."""
    try:
        plain.seek(0)
        with compressed.open("rb") as file:
            for expected in _unpacked(file):
                if plain.read(len(expected)) != expected:
                    return False
        return plain.read(1) == b""
    except (OSError, ZstdError):
        return False


def _unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """The contents of a .zst in parts. Raises ZstdError where it is not whole."""
    frame = ZstdDecompressor()
    while data := file.read(_FEED):
        while data:
            if frame.eof:
                frame = ZstdDecompressor()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise ZstdError("the last frame is cut off")
