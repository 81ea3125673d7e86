"""JSON objects in a text that may be damaged anywhere: what jq and a shell append, hour by hour.

jq without -c writes each object over many lines, with it on one; a process that is killed leaves
half an object, and the next one appends right after it. So objects are told by what can be
decoded, not by lines: an object begins where a `{` begins a line, or where `{"ts"` stands anywhere.
A piece that cannot be decoded is skipped up to the next such place, and told. What was decoded in
vain is bounded by a multiple of the text, so that no nesting costs more than its length.
"""

from __future__ import annotations

import json
import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from replay.errors import InputError
from replay.streams.lines import Line, read_lines
from replay.streams.model import Rejected
from replay.streams.strict_json import JsonError, nul_words, parse

MAX_BYTES = 256 * 1024 * 1024
"""A file with more text is refused: two days of minutes have some megabytes."""

BLOCK = 4 * 1024 * 1024
"""Characters that are looked at together; a block ends before a line that begins an object."""

_WINDOW = 64 * 1024
_LONGEST_LITERAL = 16

_IN_VAIN = 2
"""So many times as much as was read may be decoded in vain; then what was, is skipped."""
_IN_VAIN_AT_FIRST = 64 * 1024

_BEGIN = re.compile(r'^\{|\{\s*"ts"\s*:', re.MULTILINE)
_BRACKET = re.compile(r"[][{}]")
_SPACE = re.compile(r"[\s\ufeff]*")
_DECODER = json.JSONDecoder()

Found: TypeAlias = "tuple[int, dict[str, Any]] | Rejected"
"""An object with the line that it begins at, or what is none."""


def read_objects(path: Path, name: str = "") -> Iterator[Found]:
    """The objects of a file with the line that each begins at, and what else there is in it. `name`
    is what to call the file, where it is not its path.

    Raises InputError where the file cannot be opened or is too large.
    """
    name = name or str(path)
    block = _Lines(name)
    size = 0
    for line in read_lines(path):
        if isinstance(line, Rejected):
            yield line._replace(file=name)
            continue
        size += len(line.data) + 1
        if size > MAX_BYTES:
            raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes of text", file=str(path))
        if block.size > BLOCK and line.data.startswith(b"{"):
            yield from block.objects()
            block = _Lines(name)
        block.add(line)
    yield from block.objects()


def objects_in(name: str, text: str) -> Iterator[Found]:
    """The objects of a text with the line that each begins at, and what else there is in it."""
    return _Scan(name, text, None).objects()


class _Lines:
    """Lines that are looked at together."""

    def __init__(self, file: str) -> None:
        self.size = 0
        self._file = file
        self._numbers = array("L")
        self._texts: list[str] = []

    def add(self, line: Line) -> None:
        """Adds a line."""
        self.size += len(line.data) + 1
        self._numbers.append(line.number)
        self._texts.append(line.data.decode("utf-8", "surrogateescape"))

    def objects(self) -> Iterator[Found]:
        """What is in them."""
        return _Scan(self._file, "\n".join(self._texts), self._numbers).objects()


class _Scan:
    """A walk over a text of one file; `numbers` are those of its lines, where not 1, 2..."""

    def __init__(self, file: str, text: str, numbers: Sequence[int] | None) -> None:
        self._file = file
        self._text = text
        self._numbers = numbers
        self._line = 0
        self._counted = 0
        self._in_vain = 0
        self._base, self._window = 0, ""

    def objects(self) -> Iterator[Found]:
        """The objects, and each piece in between."""
        text, at = self._text, 0
        while (at := _end_of(_SPACE, text, at)) < len(text):
            begin = text.startswith("{", at)
            end, failed = self._end(at) if begin else (0, at)
            if end:
                line = self._line_of(at)
                try:
                    yield line, parse(text[at:end].encode("utf-8", "surrogateescape"))
                except JsonError as error:
                    yield Rejected(self._file, line, error.reason)
                at = end
                continue
            following = _BEGIN.search(text, self._after(at, failed))
            end = len(text) if following is None else following.start()
            yield from self._junk(at, end, begun=begin, glued=following is not None)
            at = end

    def _end(self, at: int) -> tuple[int, int]:
        """Where the object that begins here ends; 0 and where it was given up, where it does not.

        The decoder counts the lines up to its complaint, so it is shown a window of the text, and a
        larger one where the object does not end in it.
        """
        size = _WINDOW
        if not self._base <= at < self._base + len(self._window) or len(self._window) > _WINDOW:
            self._look(at, size)
        while True:
            try:
                return self._base + _DECODER.raw_decode(self._window, at - self._base)[1], 0
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or (
                    error.pos + _LONGEST_LITERAL > len(self._window)
                )
                if not cut or self._base + len(self._window) >= len(self._text):
                    return 0, self._base + error.pos
            except ValueError:
                return 0, at  # a number of too many digits
            except RecursionError:
                return 0, self._too_deep(at)
            size *= 4 if self._base == at else 1
            self._look(at, size)

    def _look(self, at: int, size: int) -> None:
        self._base, self._window = at, self._text[at : at + size]

    def _too_deep(self, at: int) -> int:
        """Where the decoder has surely given up what begins here for its depth."""
        depth = 0
        for bracket in _BRACKET.finditer(self._text, at):
            depth += 1 if bracket.group() in "[{" else -1
            if depth > sys.getrecursionlimit():
                return bracket.start()
        return len(self._text)

    def _after(self, at: int, failed: int) -> int:
        """Where to look for the next object after one was given up: right after its first brace,
        unless that was done too often. What is nested in one that is given up mostly is, too."""
        self._in_vain += failed - at
        if self._in_vain > _IN_VAIN_AT_FIRST + _IN_VAIN * at:
            return max(failed, at + 1)
        return at + 1

    def _junk(self, at: int, end: int, *, begun: bool, glued: bool) -> Iterator[Rejected]:
        """What is set aside: half an object as one piece, other text line by line."""
        piece = self._text[at:end].rstrip()
        line = self._line_of(at)
        if "\0" in piece:
            reason = f"is no JSON: {nul_words(piece[:4096])}"
            if begun or piece.strip("\0") == "":
                yield Rejected(self._file, line, reason)
                return
        if begun:
            where = "another object begins before it ends" if glued else "the file ends there"
            yield Rejected(self._file, line, f"is half an object: {where}")
            return
        for row in re.finditer(r"[^\n]+", piece):
            text = row.group()
            if text.strip():
                number = self._line_of(at + row.start())
                nul = "\0" in text
                yield Rejected(self._file, number, reason if nul else "is no JSON object")

    def _line_of(self, at: int) -> int:
        """The line that a place is on; places come in order."""
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line + 1 if self._numbers is None else self._numbers[self._line]


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None
    return found.end()
