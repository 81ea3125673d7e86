"""JSON as it is taken from files that others wrote: everything ambiguous is refused with a reason.

The standard library's parser keeps the last of two equal keys, takes `1e400` as infinity and lets
lone surrogates through, each of which would make two cores see different inputs. Its hooks close
these holes and cost little (measured: 4.0 us a tick line with them, 3.7 us without), so there is
no second, faster parser here. What is accepted can always be written as MessagePack.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from replay.streams.packed import MAX_DIGITS

MAX_DEPTH = 128
"""Deeper nesting is refused. A real state is five deep, and MessagePack readers have limits too."""

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_LONGEST_QUOTE = 40


class JsonError(ValueError):
    """A text is no JSON value that can be used; `reason` says why, for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CutOffError(JsonError):
    """The text ends before its JSON value does."""


def parse(data: bytes) -> Any:
    """The one JSON value in `data` (UTF-8); objects come as dicts, arrays as lists.

    The bare tokens NaN, Infinity and -Infinity are floats (protocol.md, part 1). Raises JsonError.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise JsonError(_not_utf_8(data, error.start)) from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _explain(text, error)
    except RecursionError:
        raise JsonError(_TOO_DEEP) from None
    # Counting brackets is a cheap upper bound of the depth.
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_too_deep(value):
        raise JsonError(_TOO_DEEP)
    if "\\u" in text and _SURROGATE_ESCAPE.search(text):
        _refuse_surrogates(value)
    return value


_TOO_DEEP = f"is nested more than {MAX_DEPTH} deep"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise JsonError(f"has the key {_quoted(key)} twice in one object")
            seen.add(key)
    return made


def _float(literal: str) -> float:
    value = float(literal)
    if value - value != 0.0:
        raise JsonError(f"has the number {_quoted(literal)}, which no double can hold")
    return value


def _int(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise JsonError(f"has an integer of {len(literal)} digits")
    return int(literal)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_float, parse_int=_int)

_WORDS = ("true", "false", "null", "NaN", "-Infinity", "Infinity")
"""What a text that was cut off may end in the middle of."""


def _explain(text: str, error: json.JSONDecodeError) -> NoReturn:
    """The parser's complaint in words that say where. A text that is only whitespace never gets
    here: its lines are skipped."""
    where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else (
        f"column {error.colno}"
    )  # fmt: skip
    rest = text[error.pos :].rstrip()
    in_a_word = error.msg == "Expecting value" and any(word.startswith(rest) for word in _WORDS)
    if not rest or in_a_word or error.msg.startswith("Unterminated string"):
        raise CutOffError(f"is no JSON: it is cut off at {where}") from None
    if "\0" in text:
        raise JsonError(f"is no JSON: {nul_words(text)}") from None
    raise JsonError(f"is no JSON: {error.msg} at {where}") from None


def nul_words(text: str) -> str:
    """What the NUL characters in a text come from, most likely."""
    if is_wide(text.encode("utf-8", "replace")):
        return "every second byte is NUL, so it is UTF-16 among lines of UTF-8"
    return "it has NUL bytes, as after a power failure"


def is_wide(data: bytes) -> bool:
    """Whether bytes are a line of UTF-16: half of them are NUL, and no two side by side."""
    return b"\0\0" not in data and data.count(b"\0") * 2 >= len(data) - 1 >= 8


def _not_utf_8(data: bytes, at: int) -> str:
    """What is wrong with bytes that are no UTF-8 from `at` on."""
    if is_wide(data):
        return "is not UTF-8: every second byte is NUL, so it is UTF-16"
    where = f"byte {at + 1} is 0x{data[at]:02x}"
    high = sum(byte >= 0x80 for byte in data[:4096])
    if high * 4 < min(len(data), 4096) and b"\0" not in data:
        return f"is not UTF-8 ({where}), but like a text in Latin-1 or Windows-1252"
    return f"is not UTF-8 ({where})"


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                below.extend(item.values())
            elif type(item) is list:
                below.extend(item)
        if not below:
            return False
        level = below
    return any(type(item) in (dict, list) for item in level)


def _refuse_surrogates(value: Any) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            waiting.extend(item)
            waiting.extend(item.values())
        elif type(item) is list:
            waiting.extend(item)
        elif type(item) is str and not _is_unicode(item):
            raise JsonError(f"has a text with half a character (a lone surrogate): {_quoted(item)}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _quoted(text: str) -> str:
    """A text from a file, safe to show: escapes, surrogates and great length do no harm."""
    quoted = ascii(text[:_LONGEST_QUOTE])
    return quoted if len(text) <= _LONGEST_QUOTE else f"{quoted}..."
