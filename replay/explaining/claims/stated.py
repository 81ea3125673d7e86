"""Statements about the shadow as explanations.toml has them: edits, readings, writings, conditions.

    [[explanation.edit]]            # the core's source reads otherwise (deviations.py)
    in = ["exit_price"]
    name = "rounds by scaling"

    [[explanation.reading]]         # a value is taken for another before the core reads it
    value = "a fraction"
    in = "state.**"
    kind = "int"
    is = "cut to an int"

    [[explanation.writing]]         # a value is written otherwise in the answer
    value = "NaN"
    in = "**"
    is = "taken for null"

    [[explanation.condition]]       # no answer comes at all
    value = "an infinity"
    in = "config.**"
    is = "refused"

    [[explanation.condition]]
    value = "an int"
    beyond = "0..15"                # of the numbers outside alone; "..15" and "0.." as well
    in = "config.price_decimals"
    is = "refused"

    [[explanation.reading]]
    value = "a missing value"
    in = "config.entry_pct_b"
    is = "taken for what another field says"
    field = "entry_pct_a"           # of the same record; or: is = "taken for one value", as = 0.2

All of one explanation are in force together. Nothing here is code but an edit, and nothing is run.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, TypeVar, assert_never

from replay.errors import UsageError
from replay.explaining.causes.instead import Instead
from replay.explaining.causes.leaves import ANY, fields_of
from replay.explaining.causes.number_bounds import Bound, bound_of
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.statement import (
    CauseKind,
    Edited,
    Reading,
    Statement,
    Writing,
    canonical_edit,
)
from replay.explaining.causes.takings import CONDITIONS, VALUES, Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.claims.deviations import Deviation
from replay.explaining.claims.field_patterns import kind_word, pattern_of, pattern_text
from replay.explaining.claims.toml_text import toml_text
from replay.explaining.editing.editable import EditableCore

T = TypeVar("T", bound=StrEnum)

Stated = Deviation | Reading | Writing
"""A statement as data: an edit is what the file says of it, which a core has to have."""

TABLES: Final = (CauseKind.CONDITION, CauseKind.READING, CauseKind.EDIT, CauseKind.WRITING)
"""The tables of an explanation that are statements, in the order in which they take effect."""

_KEYS: Final = ("value", "beyond", "in", "kind", "is", "field", "as")
_WITH: Final = {Taking.KEPT: "beyond", Taking.FIELD: "field", Taking.VALUE: "as"}
"""What says nothing by itself, with the key that it needs: a limit, a field, a value."""


def stated_in(table: CauseKind, values: Mapping[str, Any]) -> Stated:
    """One table as a statement. Raises UsageError that says what is wrong."""
    if table is CauseKind.EDIT:
        return Deviation.read(values)
    for key in values:
        if key not in _KEYS:
            raise UsageError(f"there is no key {key!r}{near(key, _KEYS)}")
    pattern = pattern_of(_text(values, "in"), _text(values, "kind") if "kind" in values else "")
    sort = _one_of(Sort, values, "value", tuple(Sort))
    known = {CauseKind.CONDITION: CONDITIONS, CauseKind.READING: (*VALUES, *_WITH)}
    taking = _one_of(Taking, values, "is", known.get(table, VALUES))
    for one, key in _WITH.items():
        if taking is one and key not in values:
            raise UsageError(f'what is "{taking}" needs {key}')
        if taking is not one and key in values and key != "beyond":
            raise UsageError(f'{key} is for what is "{one}"')
    if table is CauseKind.WRITING:
        if "beyond" in values:
            raise UsageError("beyond is for what is read: a writing has none")
        return Writing(pattern, sort, taking)
    return Reading(pattern, sort, taking, _bound_in(values), _instead_in(values, pattern))


def table_of(stated: Stated) -> CauseKind:
    """The table that a statement stands in."""
    return CauseKind.EDIT if isinstance(stated, Deviation) else stated.kind


def stated_toml(stated: Stated) -> str:
    """A statement as its table, with its header and without a line end."""
    match stated:
        case Deviation():
            return stated.toml(f"[[explanation.{CauseKind.EDIT}]]")
        case Reading() | Writing():
            pairs = [
                ("value", str(stated.sort)),
                ("beyond", _beyond(stated)),
                ("in", pattern_text(stated.pattern)),
                ("kind", kind_word(stated.pattern)),
                ("is", str(stated.taking)),
            ]
            lines = [f"{key} = {toml_text(text)}" for key, text in pairs if text]
            if isinstance(stated, Reading) and stated.instead is not None:
                lines.append(_instead_toml(stated.instead))
            return "\n".join([f"[[explanation.{stated.kind}]]", *lines])
    assert_never(stated)


def in_force(stated: Stated, core: EditableCore) -> Statement:
    """A statement as it is put in force in a core. Raises UsageError where an edit is not there."""
    if not isinstance(stated, Deviation):
        return stated
    edit = stated.edit(core)
    return Edited(edit, canonical_edit(edit, core))


def near(name: str, known: Collection[str]) -> str:
    """What may have been meant, or all that there is."""
    found = get_close_matches(name, sorted(known), n=2, cutoff=0.6)
    if found:
        return f"; did you mean {' or '.join(found)}?"
    return f" (there are {', '.join(sorted(known))})" if len(known) <= 20 else ""


def _bound_in(values: Mapping[str, Any]) -> Bound | None:
    if "beyond" not in values:
        return None
    text = _text(values, "beyond")
    bound = bound_of(text)
    if bound is None:
        raise UsageError(f'beyond cannot be {text!r}: it is as in "0..15", "..15" or "0.."')
    return bound


def _instead_in(values: Mapping[str, Any], pattern: Pattern) -> Instead | None:
    if "field" in values:
        name = _text(values, "field")
        is_known = pattern.root in ("state", "config") and pattern.records != ANY
        known = fields_of(pattern.root, pattern.records) if is_known else {name: ""}
        if name not in known:
            raise UsageError(f"there is no field {name!r} beside it{near(name, known)}")
        return Instead(field=name)
    if "as" not in values:
        return None
    value = values["as"]
    if not isinstance(value, str | int | float):
        raise UsageError("as must be a number, a text or a flag")
    return Instead.of(value)


def _instead_toml(instead: Instead) -> str:
    """JSON's numbers, texts and flags are TOML's as well, but for infinities and NaN."""
    if instead.field:
        return f"field = {toml_text(instead.field)}"
    value = instead.value
    if isinstance(value, str):
        return f"as = {toml_text(value)}"
    special = isinstance(value, float) and not math.isfinite(value)
    return f"as = {value!r}" if special else f"as = {instead.text}"


def _beyond(stated: Reading | Writing) -> str:
    bound = stated.bound if isinstance(stated, Reading) else None
    return "" if bound is None else bound.text


def _text(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        raise UsageError(f"{key} is missing")
    value = values[key]
    if not isinstance(value, str) or not value:
        raise UsageError(f"{key} must be a text")
    return value


def _one_of(kind: type[T], values: Mapping[str, Any], key: str, allowed: Collection[T]) -> T:
    text = _text(values, key)
    if text not in allowed:
        raise UsageError(f"{key} cannot be {text!r}{near(text, [str(one) for one in allowed])}")
    return kind(text)


__all__ = ["TABLES", "Stated", "in_force", "near", "stated_in", "stated_toml", "table_of"]
