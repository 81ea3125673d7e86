"""The lines of a file, whatever it is compressed with: bounded in memory, and honest about damage.

Compression is told by content, since operators rename files. The standard readers hide what
matters here: zstandard's ends quietly where a file was cut off, and gzip's loses the data before an
error. So both are driven through their decompression objects, in steps small enough that no
crafted file blows up memory.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import zstandard

from replay.errors import InputError
from replay.streams.model import Rejected

MAX_LINE = 64 * 1024 * 1024
"""Longer lines are set aside (64 MiB)."""

INPUT_ENDINGS = (".jsonl", ".json", ".stream")
"""What a directory is searched for; the first two also with a COMPRESSED_ENDINGS behind them."""
COMPRESSED_ENDINGS = (".gz", ".zst")

NOTHING_TO_REPLAY = ("state_machine_shadow_", "snapshot_slot")
"""How the names of telemetry and of snapshots begin, which lie beside a bot's journal."""

EVIDENCE_PACKAGE = frozenset({"manifest.json", "verdict.json", "counts.json", "triage.md"})
"""What a directory has that is an evidence package, which the runbook wants beside them, too."""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_READ = 256 * 1024
_GZIP_FEED = 16 * 1024  # at most 1032 times as much comes out
_ZSTD_FEED = 512  # at most 128 KiB come out for every 4 bytes


class Line(NamedTuple):
    """One line without its end; `ended` is false where the file ends without a line end."""

    number: int
    data: bytes
    ended: bool


class Damage(Exception):
    """The rest of a file cannot be read."""


def read_lines(path: Path, max_line: int = MAX_LINE) -> Iterator[Line | Rejected]:
    """The lines of a file, numbered from 1, blank ones left out.

    A line longer than `max_line` bytes, and the place where a file is damaged or cut off, is a
    Rejected. Raises InputError where the file cannot be opened.
    """
    name = str(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}", file=name) from error
    with file:
        number = 0
        try:
            for line in _split(_decompressed(file, path), max_line):
                number = line.number
                if isinstance(line, _TooLong):
                    reason = f"is longer than {max_line} bytes ({line.length})"
                    yield Rejected(name, number, reason)
                elif line.data and not line.data.isspace():
                    yield line
        except _DamageAfter as damage:
            if damage.pending and not damage.pending.isspace():
                reason = f"{damage.reason}; this line is cut off and set aside"
                yield Rejected(name, damage.lines + 1, reason)
            else:
                yield Rejected(name, damage.lines, f"{damage.reason}, behind this line")


class _TooLong(NamedTuple):
    number: int
    length: int


class _DamageAfter(Exception):
    """Damage, the number of whole lines before it and the start of the line that it hit."""

    def __init__(self, reason: str, lines: int, pending: bytes) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lines = lines
        self.pending = pending


def _split(chunks: Iterable[bytes], max_line: int) -> Iterator[Line | _TooLong]:
    number = 0
    pending: list[bytes] = []
    length = 0  # of what is pending, kept or not
    source = iter(chunks)
    while True:
        try:
            chunk = next(source, None)
        except Damage as damage:
            raise _DamageAfter(str(damage), number, b"".join(pending)) from damage
        if chunk is None:
            break
        first, *rest = chunk.split(b"\n")
        length += len(first)
        if length <= max_line:
            pending.append(first)
        else:
            pending.clear()
        if not rest:
            continue
        number += 1
        if length <= max_line:
            yield Line(number, b"".join(pending), True)
        else:
            yield _TooLong(number, length)
        last = rest.pop()
        for data in rest:
            number += 1
            if len(data) <= max_line:
                yield Line(number, data, True)
            else:
                yield _TooLong(number, len(data))
        length = len(last)
        pending = [last] if length <= max_line else []
    if length > max_line:
        yield _TooLong(number + 1, length)
    elif length:
        yield Line(number + 1, b"".join(pending), False)


def _decompressed(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """The content of a file, through every layer of compression that it has."""
    chunks = _raw(file)
    for _ in range(4):
        head = next(chunks, b"")
        while 0 < len(head) < len(_ZSTD):
            more = next(chunks, b"")
            if not more:
                break
            head += more
        chunks = _chain(head, chunks)
        if head.startswith(_GZIP):
            chunks = _inflate(chunks, "gzip", _GZIP_FEED)
        elif head.startswith(_ZSTD):
            chunks = _inflate(chunks, "zstd", _ZSTD_FEED)
        else:
            if (
                not head
                and path.suffix in COMPRESSED_ENDINGS
                and os.fstat(file.fileno()).st_size == 0
            ):
                raise Damage(f"the file is empty, which no {path.suffix} file can be")
            yield from chunks
            return
    raise Damage("the file is compressed more than four times over")


def _raw(file: IO[bytes]) -> Iterator[bytes]:
    while True:
        try:
            chunk = file.read(_READ)
        except OSError as error:
            raise Damage(f"the file cannot be read on ({error.strerror})") from error
        if not chunk:
            return
        yield chunk


def _chain(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks


def _decompressor(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(wbits=31)
    return zstandard.ZstdDecompressor().decompressobj()


def _inflate(chunks: Iterator[bytes], kind: str, feed: int) -> Iterator[bytes]:
    """Decompresses one layer: any number of gzip members or zstd frames, one after the other."""
    decompressor = _decompressor(kind)
    fresh = True  # nothing was fed to this decompressor yet
    for chunk in chunks:
        view = memoryview(chunk)
        at = 0
        while at < len(view):
            piece = bytes(view[at : at + feed])
            at += len(piece)
            while piece:
                if fresh and not piece.strip(b"\0"):
                    piece = b""  # padding behind a member, as tapes and some tools leave it
                    continue
                try:
                    data = decompressor.decompress(piece)
                except (zlib.error, zstandard.ZstdError) as error:
                    raise Damage(f"the {kind} data is damaged ({error})") from error
                fresh = False
                if data:
                    yield data
                piece = b""
                if decompressor.eof:
                    piece = decompressor.unused_data
                    decompressor = _decompressor(kind)
                    fresh = True
    if not fresh:
        raise Damage(f"the {kind} data is cut off")


def expand_inputs(
    paths: Iterable[str | os.PathLike[str]], without: tuple[str, ...] = ()
) -> list[Path]:
    """The files that `paths` name: files as they are, directories searched for known endings.

    A directory's files come sorted by path, below it included; names that begin with a dot are
    left out, as are those that begin with one of `without`, and with these evidence packages.
    Raises InputError for a path that does not exist.
    """
    found: list[Path] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            found.extend(_files_below(path, without))
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path}: no such file or directory", file=str(path))
    return found


def _files_below(directory: Path, without: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: {error.strerror}", file=str(error.filename)) from error

    for folder, folders, names in os.walk(directory, onerror=refuse):
        if without and EVIDENCE_PACKAGE.issubset(names):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.extend(
            Path(folder, name)
            for name in names
            if not name.startswith((".", *without)) and content_ending(name) in INPUT_ENDINGS
        )
    return sorted(found)


def content_ending(name: str) -> str:
    """The ending of a file's name under those of its compression: `.jsonl` of `a.jsonl.gz`."""
    path = Path(name)
    while path.suffix in COMPRESSED_ENDINGS:
        path = path.with_suffix("")
    return path.suffix
