"""Values as texts that are safe to look at: on one line, nothing hidden in them, not endless.

Terminal escapes, other control characters and the marks that turn the direction of writing are
shown, not sent. What prints uses this, and what shows on pages; markup is the business of each.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Mapping
from typing import Any

MAX_TEXT = 400


def clean(value: object, limit: int = MAX_TEXT) -> str:
    """A value as text on one line that is safe in a terminal and not endless."""
    text = str(value)
    safe = "".join(escaped(character) for character in text[: limit + 1])
    return safe if len(text) <= limit else f"{safe[:limit]}... ({len(text)} characters)"


def escaped(character: str) -> str:
    """A character, or how it is shown where it must not be sent."""
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        code = ord(character)
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    return character


def quoted(text: str) -> str:
    """An argument as a shell takes it. What is not safe to print stands as the escapes of `$'...'`,
    byte by byte, so that a command to copy is safe to look at and still means what it says."""
    if all(escaped(character) == character for character in text):
        return shlex.quote(text)
    return "$'" + "".join(map(_shell_escaped, text)) + "'"


def _shell_escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if escaped(character) == character:
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def json_safe(value: Any) -> Any:
    """A value that strict JSON can hold: non-finite numbers as texts, objects by their text."""
    if isinstance(value, Mapping):
        return {str(key): json_safe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(inner) for inner in value]
    if isinstance(value, float) and value != value:
        return "NaN"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
