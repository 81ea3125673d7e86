"""Opening what is read: a file, a pipe or standard input, each read just once from its beginning.

What a file is, is told by its first bytes, and a pipe gives them only once. So whoever looks at the
beginning looks into a buffer here, and goes on from that.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from replay.errors import InputError

STANDARD_INPUT = "-"
"""The name that means standard input. A file of that name is given as `./-`."""

READ = 256 * 1024
_STDIN = Path("/dev/stdin")
_STDIN_NAMES = frozenset(map(Path, ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")))


@dataclass(frozen=True, slots=True)
class Damage:
    """Stands for what cannot be read. `ends` is false where something readable may follow."""

    reason: str
    ends: bool = True


Piece: TypeAlias = "bytes | Damage"
"""Some bytes of a file, or what was lost between two of them."""


def path_of(given: str | os.PathLike[str]) -> Path:
    """The path that an argument names; `-` is standard input."""
    text = os.fspath(given)
    if text == STANDARD_INPUT:
        return _STDIN
    # Path takes the "./" away, and what is left would mean standard input.
    return Path.cwd() / text if Path(text) == Path(STANDARD_INPUT) else Path(text)


def is_readable_once(path: Path) -> bool:
    """Whether a path is a pipe, or anything else that cannot be opened and read a second time."""
    if path in _STDIN_NAMES:
        path = Path("/dev/fd/0")
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def open_once(path: Path) -> IO[bytes]:
    """Opens a file for reading. Raises InputError where that is not possible."""
    try:
        if path in _STDIN_NAMES:
            # Opening it by name fails for sockets, and begins a file anew that somebody has begun.
            return os.fdopen(os.dup(0), "rb")
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", file=str(path)) from error


def pieces_of(file: IO[bytes]) -> Iterator[Piece]:
    """What an open file holds, piece by piece."""
    taken = 0
    try:
        begun_with = _size(file)
        # What there is of a pipe is worth having before the rest is there.
        read = getattr(file, "read1", file.read)
        while chunk := read(READ):
            taken += len(chunk)
            yield chunk
        ends_with = _size(file)
    except OSError as error:
        yield Damage(f"the file cannot be read on ({error.strerror})")
        return
    if begun_with and ends_with < taken:
        yield Damage("the file became shorter while it was read, so lines may be lost")


def peek(pieces: Iterator[Piece], size: int) -> tuple[bytes, Iterator[Piece]]:
    """The first `size` bytes (fewer only before damage or the end), and all pieces as they were."""
    taken: list[Piece] = []
    head = b""
    while len(head) < size:
        piece = next(pieces, None)
        if piece is None:
            break
        taken.append(piece)
        if isinstance(piece, Damage):
            break
        head += piece
    return head[:size], itertools.chain(taken, pieces)


def _size(file: IO[bytes]) -> int:
    """The size of a regular file; 0 for anything else."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
