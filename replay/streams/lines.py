"""The lines of a file, whatever it is compressed with: bounded in memory, and honest about damage.

A fault costs the line that it is in. What is no text at all where text should be (NUL bytes after a
power cut, a damaged part of compressed data) is told with its true reason, and what is whole before
and after it is read. A file in UTF-16 is read as what it says in UTF-8.
"""

from __future__ import annotations

import codecs
import itertools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

from replay.streams.compression import COMPRESSED_ENDINGS, decompressed
from replay.streams.model import Lost, Rejected
from replay.streams.opening import Damage, Piece, open_once, peek, pieces_of
from replay.streams.strict_json import is_wide

MAX_LINE = 64 * 1024 * 1024
"""Longer lines are set aside (64 MiB)."""

_BOM = codecs.BOM_UTF8
_WORK = 256 * 1024  # bytes that are cut into lines at a time
_HEAD = 8


class Line(NamedTuple):
    """One line without its end and the white space around it; `ended` is false where the file ends
    without a line end."""

    number: int
    data: bytes
    ended: bool


def read_lines(path: Path, max_line: int = MAX_LINE) -> Iterator[Line | Rejected]:
    """The lines of a file, numbered from 1, blank ones left out.

    A line longer than `max_line` bytes is a Rejected, and each place where a file is damaged or cut
    off a Lost. Raises InputError where the file cannot be opened.
    """
    with open_once(path) as file:
        yield from lines_of(str(path), text_pieces(file, path), max_line)


def text_pieces(file: IO[bytes], path: Path) -> Iterator[Piece]:
    """What an open file holds as text: decompressed, and in UTF-8 where it was UTF-16."""
    head, pieces = peek(decompressed(pieces_of(file)), _HEAD)
    if not head and path.suffix in COMPRESSED_ENDINGS and _is_empty(file):
        yield Damage(f"the file is empty, which no {path.suffix} file can be")
        return
    encoding = _wide_encoding(head)
    yield from pieces if encoding is None else _narrowed(pieces, encoding)


def lines_of(
    name: str, pieces: Iterable[Piece], max_line: int = MAX_LINE
) -> Iterator[Line | Rejected]:
    """The lines of a text that comes in pieces; `name` is the file's."""
    for line in _split(pieces, max_line):
        if isinstance(line, Line):
            yield from _cleaned(name, line)
        elif isinstance(line, _TooLong):
            reason = f"is longer than {max_line} bytes ({line.length})"
            yield Rejected(name, line.number, reason)
        else:
            yield Lost(name, line.number, line.reason)


def _is_empty(file: IO[bytes]) -> bool:
    status = os.fstat(file.fileno())
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def _cleaned(name: str, line: Line) -> Iterator[Line | Rejected]:
    """A line without what does not belong to it: marks of UTF-8, NUL bytes around it."""
    data = line.data
    if not data or data.isspace():
        return
    if data.startswith(_BOM):
        data = data.removeprefix(_BOM)
    if (data[:1] == b"\0" or data[-1:] == b"\0") and not is_wide(data):
        text = data.strip(b"\0")
        count = len(data) - len(text)
        where = "around what is read of this line" if text.strip() else "and nothing else"
        reason = f"has {count:,} NUL bytes {where}, as after a power failure: lines may be lost"
        yield Rejected(name, line.number, reason)
        data = text
    if data and not data.isspace():
        yield line if data is line.data else line._replace(data=data)


# --- Cutting a text into lines ----------------------------------------------------------------


class _TooLong(NamedTuple):
    number: int
    length: int


class _Hole(NamedTuple):
    """Where something is missing: in line `number`, or after it."""

    number: int
    reason: str


_Cut: TypeAlias = Line | _TooLong | _Hole


def _split(pieces: Iterable[Piece], max_line: int) -> Iterator[_Cut]:
    """Cuts a text into its lines, without white space around them; runs of blank ones are passed
    over at once."""
    ended = 0  # lines
    pending: list[bytes] = []
    length = 0  # of what is pending, kept or not
    for piece in _small(pieces):
        if isinstance(piece, Damage):
            if length:
                ended += 1
                yield _Hole(ended, f"{piece.reason}; this line is cut off and set aside")
            else:
                yield _Hole(ended, f"{piece.reason}, after this line")
            pending, length = [], 0
            continue
        at = 0
        for text in itertools.chain(_TEXT.finditer(piece), (None,)):
            begin, end = (len(piece), len(piece)) if text is None else text.span()
            ends = piece.count(b"\n", at, begin)
            if ends:
                if length:
                    yield _line(ended + 1, pending, length, max_line, ended=True)
                    pending, length = [], 0
                ended += ends
            elif length:
                begin = at  # white space in the middle of a line
            if end > begin and (length or text is not None):
                length += end - begin
                if length <= max_line:
                    pending.append(piece[begin:end])
                else:
                    pending.clear()
            at = end
    if length:
        yield _line(ended + 1, pending, length, max_line, ended=False)


_TEXT = re.compile(rb"\S[^\n]*")


def _line(number: int, parts: list[bytes], length: int, limit: int, *, ended: bool) -> _Cut:
    if length > limit:
        return _TooLong(number, length)
    return Line(number, b"".join(parts).rstrip(), ended)


def _small(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same in pieces of bounded size."""
    for piece in pieces:
        if isinstance(piece, Damage) or len(piece) <= _WORK:
            yield piece
        else:
            for at in range(0, len(piece), _WORK):
                yield piece[at : at + _WORK]


# --- Other encodings --------------------------------------------------------------------------


def _wide_encoding(head: bytes) -> str | None:
    """The encoding of a text that has two bytes for each character of JSON; None for UTF-8."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[0:_HEAD:2], head[1:_HEAD:2]
    if odd == b"\0" * (_HEAD // 2) and b"\0" not in even:
        return "utf-16-le"
    if even == b"\0" * (_HEAD // 2) and b"\0" not in odd:
        return "utf-16-be"
    return None


def _narrowed(pieces: Iterable[Piece], encoding: str) -> Iterator[Piece]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in pieces:
        if isinstance(piece, Damage):
            yield piece
            continue
        text = decoder.decode(piece)
        if text:
            yield text.encode("utf-8", "replace")
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest.encode("utf-8", "replace")
