"""What a formula can be made of at a place: the names in scope, the fields of the records among
them, and the constants of the module."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType
from typing import Any, Final

from replay.explaining.editing.observed_sorts import fields_of
from replay.explaining.editing.unreadable import is_unreadable
from replay.explaining.editing.vocabulary import CALLER, caller_of
from replay.targets.python.raised import RAISED

MOST: Final = 120
"""Terms of one place: of a record with hundreds of fields the first ones are enough."""

_SCALARS: Final = (bool, int, float, str, type(None))
_SIZED: Final = (list, tuple, dict, set, frozenset)
_LONGEST: Final = 50
"""Records of a list that are looked through for one."""

_DEEPEST: Final = 2
"""How many fields deep a term may be: `state.config.fee`."""


def terms_at(frame: FrameType, parts: Sequence[CodeType]) -> Mapping[str, Any]:
    """The terms of what runs, with their values: text, number, flag or nothing. Those that are
    soonest read come first: names, then fields, then constants, last `parts`, expressions to work
    out besides; those that cannot be are left out."""
    terms = dict(islice(_in_scope(frame), MOST))
    for code in parts:
        try:
            value = eval(code, frame.f_globals, frame.f_locals)
        except RAISED:
            continue
        if isinstance(value, _SCALARS) and not is_unreadable(value):
            terms.setdefault(code.co_filename, value)
    return terms


def _in_scope(frame: FrameType) -> Iterator[tuple[str, Any]]:
    names = [
        (name, value)
        for name, value in frame.f_locals.items()
        if name.isidentifier() and not is_unreadable(value)
    ]
    # Small records say more about a place than the whole state.
    names.sort(key=lambda one: len(list(_parts(*one))))
    for depth in range(_DEEPEST + 1):
        for name, value in names:
            yield from _within(name, value, depth)
    yield from _memberships(names)
    yield CALLER, caller_of(frame)
    for name, value in frame.f_globals.items():
        if isinstance(value, int | float) and not name.startswith("__"):
            yield name, value


def _memberships(names: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Whether what a name stands for is a key of a mapping in scope, or stands in a record of a
    list in scope, in a field that is called nearly the same."""
    for of, mapping in names:
        if isinstance(mapping, dict):
            for name, value in names:
                if isinstance(value, str):
                    yield f"{name} in {of}", value in mapping
    ids = [(name, value) for name, value in names if type(value) in (int, str)]
    lists = [
        (text, part)
        for of, whole in names
        for text, part in ((of, whole), *_parts(of, whole))
        if type(part) in (list, tuple) and len(part) <= _LONGEST
    ]
    for text, records in lists:
        # Of an empty list nobody knows what is called as in its records.
        fields = fields_of(records[0]) if records else [name for name, _ in ids]
        for field in fields:
            for name, value in ids:
                is_called_so = name.endswith(field) or field.endswith(name)
                if is_called_so and (records or name == field):
                    found = any(_has(one, field, value) for one in records)
                    yield f"any(one.{field} == {name} for one in {text})", found


def _has(record: Any, field: str, value: object) -> bool:
    held = getattr(record, field, None)
    return type(held) is type(value) and bool(held == value)


@lru_cache(maxsize=512)
def compiled_parts(texts: tuple[str, ...]) -> tuple[CodeType, ...]:
    """Expressions, ready to be worked out where they are in scope: each has its text for a file."""
    found = []
    for text in texts:
        try:
            found.append(compile(text, text, "eval", dont_inherit=True))
        except (SyntaxError, ValueError):
            continue
    return tuple(found)


def _within(text: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """The scalars so many fields deep in a value."""
    if is_unreadable(value):
        return
    if depth == 0:
        if isinstance(value, _SCALARS):
            yield text, value
        elif isinstance(value, _SIZED):
            yield f"len({text})", len(value)
        return
    for inner, field in _parts(text, value):
        yield from _within(inner, field, depth - 1)


def _parts(text: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, field in list(value.items())[:MOST]:
            if isinstance(key, str):
                yield f"{text}[{key!r}]", field
    elif not isinstance(value, (*_SCALARS, *_SIZED)) or hasattr(value, "_fields"):
        for name, field in fields_of(value).items():
            if not name.startswith("_"):
                yield f"{text}.{name}", field


def is_number(value: Any) -> bool:
    """Whether a formula can count with it: a flag is none, nor is what is not finite."""
    return type(value) is int or (isinstance(value, float) and math.isfinite(value))


__all__ = ["MOST", "compiled_parts", "is_number", "terms_at"]
