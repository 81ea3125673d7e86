"""How many of what, in words: the one place where a noun becomes a plural."""

from __future__ import annotations


def counted(number: int, thing: str, things: str = "") -> str:
    """`1 stream`, `2 streams`; `things` where the plural is not the noun and an s."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"
