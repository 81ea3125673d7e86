"""Patterns of fields as a person writes them into explanations.toml, and back.

    state.orders[].price        one field of the records of a list
    config.price_decimals       one field of a document
    order_size_usd              a document that is a value by itself
    state.orders[].*            every field of these records; config.* those of the document alone
    state.**                    every field of the state, in whatever list
    event.price                 one field of all events that have it
    event.PriceTick.price       the same of one kind of event
    **.price                    every field of that name
    **                          every field there is

A name that is no plain word stands in quotes: state."odd name". What kind of value the contract has
there is said beside it (KINDS); without it any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from replay.errors import UsageError
from replay.explaining.causes.leaves import ANY, EVENT, Field, fields_of
from replay.explaining.causes.patterns import GROUPS, Pattern
from replay.streams.model import EVENT_NAMES, RECORD_FIELDS, STATE_FIELDS
from replay.targets.compact import ACTION_NAMES

DEEP: Final = "**"
"""In whatever list, or in none."""

KINDS: Final[Mapping[str, str]] = {
    "double": "d",
    "int": "i",
    "flag": "b",
    "text": "t",
    "choice": "e",
    "mode": "m",
    "regime": "r",
    "double or null": "D",
    "text or null": "T",
    "list": "l",
    "record": "o",
    "unknown": "?",
    **{name: name for name in GROUPS},
}
"""What the contract has in a field, as a file says it: `choice` is a side, role or trade, `record`
an entry of a list or a whole document, `unknown` what the contract does not name."""

_LETTERS: Final = {letter: word for word, letter in KINDS.items()}

ROOTS: Final = ("state", "config", "order_size_usd", "order_sizes", "event", "action")

_PART = re.compile(r"""(\*\*|\*|[A-Za-z_]\w*|"(?:[^"\\]|\\.)*")(\[\])?""", re.ASCII)
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_STATE_LISTS: Final = tuple(STATE_FIELDS[index] for index in RECORD_FIELDS)
_LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "state": _STATE_LISTS,
    "action": ACTION_NAMES,
    EVENT: tuple(EVENT_NAMES.values()),
    ANY: (*_STATE_LISTS, *ACTION_NAMES),
}


def pattern_text(pattern: Pattern) -> str:
    """The fields of a pattern as a file says them, but for the kind."""
    root, records, name, _ = pattern
    if records == ANY:
        if name == ANY:
            return DEEP if root == ANY else f"{root}.{DEEP}"
        return f"{DEEP}.{_named(name)}" if root == ANY else f"{root}.{DEEP}.{_named(name)}"
    if root == EVENT and records:
        return ".".join([root, records, *([_named(name)] if name else [])])
    parts = [root]
    parts += [f"{_named(records)}[]"] if records else []
    parts += [_named(name)] if name else []
    return ".".join(parts)


def kind_word(pattern: Pattern) -> str:
    """The kind of a pattern as a file says it, "" for any."""
    return "" if pattern.kind == ANY else _LETTERS[pattern.kind]


def pattern_of(text: str, kind: str = "") -> Pattern:
    """The pattern that a file says. Raises UsageError that says what is wrong."""
    if kind and kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r} (there are {', '.join(KINDS)})")
    pattern = Pattern(*_parts(text), KINDS.get(kind, ANY))
    _check(pattern, text)
    return pattern


def _parts(text: str) -> tuple[str, str, str]:
    """Root, list and name."""
    parts = _split(text)
    match parts:
        case [(root, False)] if root == DEEP:
            return ANY, ANY, ANY
        case [(root, False)]:
            return root, "", ""
        case [(root, False), (name, False)] if root == DEEP:
            return ANY, ANY, name
        case [(root, False), (event, False)] if root == EVENT and event in _LISTS[EVENT]:
            return root, event, ""
        case [(root, False), (name, False)] if name == DEEP:
            return root, ANY, ANY
        case [(root, False), (records, True)]:
            return root, records, ""
        case [(root, False), (name, False)]:
            return root, "", name
        case [(root, False), (deep, False), (name, False)] if deep == DEEP:
            return root, ANY, name
        case [(root, False), (records, True), (name, False)] if name != DEEP:
            return root, records, name
        case [(root, False), (event, False), (name, False)] if root == EVENT and name != DEEP:
            return root, event, name
    raise UsageError(
        f"{text!r} is no field: they are like state.orders[].price, config.*, state.** or **.price"
    )


def _split(text: str) -> list[tuple[str, bool]]:
    """The parts between dots, and which of them are lists."""
    parts: list[tuple[str, bool]] = []
    at = 0
    while (found := _PART.match(text, at)) is not None:
        parts.append((_unquoted(found[1]), bool(found[2])))
        at = found.end()
        if at == len(text):
            return parts
        if text[at] != ".":
            break
        at += 1
    return []


def _unquoted(word: str) -> str:
    if not word.startswith('"'):
        return word
    try:
        name = str(json.loads(word))
    except ValueError as error:
        raise UsageError(f"{word} is no text") from error
    if name in (ANY, DEEP):
        raise UsageError(f"{word} cannot be the name of a field")
    return name


def _check(pattern: Pattern, text: str) -> None:
    """Refuses what no field can be."""
    root, records, name, kind = pattern
    if root not in (ANY, *ROOTS):
        raise UsageError(f"there is no document {root!r} (there are {', '.join(ROOTS)})")
    if records not in (ANY, ""):
        lists = _LISTS.get(root, ())
        if records not in lists:
            what = "event" if root == EVENT else "list"
            raise UsageError(f"{root} has no {what} {records!r} (there are {', '.join(lists)})")
    if root in ("state", "config") and records != ANY and name not in ("", ANY) and kind != "?":
        known_fields = fields_of(root, records)
        if name not in known_fields and not Field(root, records, name, "").is_unknown:
            raise UsageError(
                f'the contract has no field {text}; where it is meant, say kind = "unknown"'
            )


def _named(name: str) -> str:
    return name if name == ANY or _WORD.fullmatch(name) else json.dumps(name)
