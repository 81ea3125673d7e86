"""What a script runs: its own SHA-256 does not tell one build of what it starts from the next.

Known once it has answered, from the files that it and the processes it started are running. It is
told as part of the version; the SHA-256 of a core stays that of the file that was named.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

_DEPTH = 3
"""Generations of processes that are looked at."""

_SHORT = 12

_NOT_PART = frozenset({"bwrap"})
"""Programs that only keep a core apart."""


def programs_of(path: str, pid: int) -> str:
    """The programs that a script at a path runs in a process and in those that this one started,
    each with the first digits of its SHA-256: `port 3f2a9c51d0e7`; empty where it is no script, or
    none can be read."""
    if not _is_script(path):
        return ""
    files = sorted({file for one in _family(pid, _DEPTH) if (file := _program(one)) is not None})
    digests = ((file.name, _digest_of(file)) for file in files)
    return ", ".join(f"{name} {digest[:_SHORT]}" for name, digest in digests if digest is not None)


def _is_script(path: str) -> bool:
    """Whether a file names the program that runs it."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(2) == b"#!"
    except OSError:
        return False


def _family(pid: int, depth: int) -> list[int]:
    """A process and those that it started, as far as they still run."""
    if not depth:
        return []
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        told = ""
    return [pid, *(one for child in told.split() for one in _family(int(child), depth - 1))]


def _program(pid: int) -> Path | None:
    """The file that a process runs."""
    try:
        file = Path(f"/proc/{pid}/exe").readlink()
    except OSError:
        return None
    return None if file.name in _NOT_PART else file


def _digest_of(file: Path) -> str | None:
    try:
        seen = file.stat()
        return _digest(str(file), seen.st_ino, seen.st_size, seen.st_mtime_ns)
    except OSError:
        return None  # replaced meanwhile, or not ours to read


@lru_cache(maxsize=64)
def _digest(file: str, _inode: int, _size: int, _changed: int) -> str:
    """A file's SHA-256, read once while it stays as it is: interpreters are large."""
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
