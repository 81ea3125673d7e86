"""Texts from data, made fit for where they go: one line, no control characters, not endless.

Nothing in an ID, a reason or a note can become markup, an entity, a link or a terminal escape. What
Python calls not printable is no text: controls, marks that turn the direction of writing, halves of
pairs, what is not assigned, what breaks lines, and spaces that do not look like one.
"""

from __future__ import annotations

import re

MAX_TEXT = 200

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$@:]|(?<=\bwww)\.)", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,;.%()'/-]*")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_BACKTICKS = re.compile(r"`+")


def plain(value: object, limit: int = MAX_TEXT) -> str:
    """A text on one line without control characters, cut to a length."""
    text = str(value)
    kept = text[: limit + 1]
    if not kept.isprintable():
        kept = "".join(c if c.isprintable() else " " for c in kept)
    return kept if len(kept) <= limit else f"{kept[:limit]}... ({len(text):,} characters)"


def markdown_text(value: object, limit: int = MAX_TEXT) -> str:
    """A text that Markdown shows as it is: no markup, no link, nobody mentioned."""
    return _MARKUP.sub(r"\\\1", plain(value, limit))


def markdown_code(value: object, limit: int = MAX_TEXT, *, in_table: bool = False) -> str:
    """A text as code in a line of Markdown, where nothing in it can mean anything.

    In a table a `|` ends the cell even inside code, unless it is escaped. A `<` that could begin a
    tag has a space after it, since not everything that shows Markdown leaves code alone.
    """
    text = _TAG.sub("< ", plain(value, limit)).strip() or " "
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    if in_table:
        # Parsers do not agree on what a backslash in front of an escaped `|` means.
        text = re.sub(r"\\+(?=\|)", lambda found: f"{found[0]} ", text).replace("|", "\\|")
    return f"{fence}{space}{text}{space}{fence}"


def markdown_words(value: object, limit: int = 400) -> str:
    """A text as words where it is nothing but words, and as code where it is anything more."""
    text = plain(value, limit)
    is_words = _WORDS.fullmatch(text) and "www." not in text.lower()
    return text if is_words else markdown_code(text, limit + 50, in_table=True)


def xml_text(value: object, limit: int = 4000) -> str:
    """A text of only such characters as XML 1.0 can hold, lines kept; the library escapes the
    rest."""
    text = str(value)
    kept = "".join(c if c == "\n" or c.isprintable() else "?" for c in text[:limit])
    return kept if len(text) <= limit else f"{kept}... ({len(text):,} characters)"
