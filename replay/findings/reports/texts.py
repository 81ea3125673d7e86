"""Texts from data, made fit for where they go: one line, no control characters, not endless.

Nothing in an ID, a reason or a note can become markup, an entity, a link or a terminal escape.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT = 200

_UNFIT = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))
"""Characters that are no text: controls, marks that turn the direction of writing, halves of pairs,
what is not assigned, what breaks lines, and spaces that do not look like one."""

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$@:]|(?<=\bwww)\.)", re.IGNORECASE)
_BACKTICKS = re.compile(r"`+")


def plain(value: object, limit: int = MAX_TEXT) -> str:
    """A text on one line without control characters, cut to a length."""
    text = str(value)
    kept = "".join(" " if unicodedata.category(c) in _UNFIT else c for c in text[: limit + 1])
    return kept if len(kept) <= limit else f"{kept[:limit]}... ({len(text):,} characters)"


def markdown_text(value: object, limit: int = MAX_TEXT) -> str:
    """A text that Markdown shows as it is: no markup, no link, nobody mentioned."""
    return _MARKUP.sub(r"\\\1", plain(value, limit))


def markdown_code(value: object, limit: int = MAX_TEXT, *, in_table: bool = False) -> str:
    """A text as code in a line of Markdown, where nothing in it can mean anything.

    In a table a `|` ends the cell even inside code, unless it is escaped.
    """
    text = plain(value, limit).strip() or " "
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    if in_table:
        # Parsers do not agree on what a backslash in front of an escaped `|` means.
        text = re.sub(r"\\+(?=\|)", lambda found: f"{found[0]} ", text).replace("|", "\\|")
    return f"{fence}{space}{text}{space}{fence}"


def xml_text(value: object, limit: int = 4000) -> str:
    """A text of only such characters as XML 1.0 can hold, lines kept; the library escapes the
    rest."""
    text = str(value)
    kept = "".join(
        c if c in "\n " or unicodedata.category(c) not in _UNFIT else "?" for c in text[:limit]
    )
    return kept if len(text) <= limit else f"{kept}... ({len(text):,} characters)"
