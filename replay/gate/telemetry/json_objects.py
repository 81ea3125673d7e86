"""JSON objects in a text that may be damaged anywhere: what jq and a shell append, hour by hour.

jq without -c writes each object over many lines, with it on one; a process that is killed leaves
half an object, and the next one appends right behind it. So objects are told by what can be
decoded, not by lines: an object begins where a `{` begins a line, or where `{"ts"` stands anywhere.
A piece that cannot be decoded is skipped up to the next such place, and told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from replay.errors import InputError
from replay.streams.lines import Line, read_lines
from replay.streams.model import Rejected
from replay.streams.strict_json import JsonError, parse

MAX_BYTES = 256 * 1024 * 1024
"""A file with more text is refused: two days of minutes have some megabytes."""

_BEGIN = re.compile(r'^\{|\{\s*"ts"\s*:', re.MULTILINE)
_SPACE = re.compile(r"[\s\ufeff]*")
_DECODER = json.JSONDecoder()


def read_objects(path: Path, name: str = "") -> Iterator[tuple[int, dict[str, Any]] | Rejected]:
    """The objects of a file with the line that each begins at, and what else there is in it. `name`
    is what to call the file, where it is not its path.

    Raises InputError where the file cannot be opened or is too large.
    """
    parts: list[str] = []
    size = 0
    for line in read_lines(path):
        if isinstance(line, Rejected):
            yield line._replace(file=name or line.file)
            continue
        assert isinstance(line, Line)
        size += len(line.data) + 1
        if size > MAX_BYTES:
            raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes of text", file=str(path))
        parts.extend([""] * (line.number - 1 - len(parts)))
        parts.append(line.data.decode("utf-8", "surrogateescape"))
    yield from _Scan(name or str(path), "\n".join(parts)).objects()


def objects_in(name: str, text: str) -> Iterator[tuple[int, dict[str, Any]] | Rejected]:
    """The objects of a text with the line that each begins at, and what else there is in it."""
    return _Scan(name, text).objects()


class _Scan:
    """A walk over the text of one file."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._line = 1
        self._counted = 0

    def objects(self) -> Iterator[tuple[int, dict[str, Any]] | Rejected]:
        """The objects, and each piece in between."""
        text, at = self._text, 0
        while (at := _end_of(_SPACE, text, at)) < len(text):
            begin = text.startswith("{", at)
            end = self._end(at) if begin else 0
            if end:
                line = self._line_of(at)
                try:
                    yield line, parse(text[at:end].encode("utf-8", "surrogateescape"))
                except JsonError as error:
                    yield Rejected(self._file, line, error.reason)
                at = end
                continue
            following = _BEGIN.search(text, at + 1)
            end = len(text) if following is None else following.start()
            yield from self._junk(at, end, begun=begin, glued=following is not None)
            at = end

    def _end(self, at: int) -> int:
        """Where the object that begins here ends; 0 where it does not."""
        try:
            return _DECODER.raw_decode(self._text, at)[1]
        except (ValueError, RecursionError):
            return 0

    def _junk(self, at: int, end: int, *, begun: bool, glued: bool) -> Iterator[Rejected]:
        """What is set aside: half an object as one piece, other text line by line."""
        piece = self._text[at:end].rstrip()
        line = self._line_of(at)
        if "\0" in piece:
            reason = "has NUL bytes, as after a power failure"
            if begun or piece.strip("\0") == "":
                yield Rejected(self._file, line, reason)
                return
        if begun:
            where = "another object begins before it ends" if glued else "the file ends there"
            yield Rejected(self._file, line, f"is half an object: {where}")
            return
        for number, row in enumerate(piece.split("\n"), line):
            if row.strip():
                nul = "\0" in row
                yield Rejected(self._file, number, reason if nul else "is no JSON object")

    def _line_of(self, at: int) -> int:
        """The line that a place is on; places come in order."""
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None
    return found.end()
