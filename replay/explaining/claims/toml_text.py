"""Texts as TOML has them."""

from __future__ import annotations


def toml_text(text: str) -> str:
    """A text as a basic string of TOML, everything in it that is not printable written out."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character == "\n":
        return "\\n"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
