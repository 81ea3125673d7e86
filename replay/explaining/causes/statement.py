"""Statements about a shadow: each says under which one change the Python core gives its answers.

A closed set of kinds. An *edit* changes the core's source, a *reading* what a document's value is
taken for before the core reads it, a *writing* what becomes of a value in its answer, and a
*condition* says when no answer comes at all. A *place* only says where, not what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from replay.explaining.causes.field_sorts import FIELD_SORTS
from replay.explaining.causes.instead import Instead
from replay.explaining.causes.leaves import ABSENT, ANY, UNKNOWN, Field, Leaf
from replay.explaining.causes.number_bounds import Bound
from replay.explaining.causes.patterns import Pattern, patterns_of
from replay.explaining.causes.takings import CONDITIONS, ENDS, Inapplicable, Taking, taken
from replay.explaining.causes.value_sorts import Sort, is_sort, sorts_of
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.source_text import Place, source_lines

Others = Callable[[str], Any]
"""The values of a record by name; None or ABSENT where there is none."""


def _no_others(_name: str) -> Any:
    return ABSENT


class CauseKind(StrEnum):
    """What sort of statement a cause is."""

    EDIT = "edit"
    READING = "reading"
    WRITING = "writing"
    CONDITION = "condition"
    PLACE = "place"


@dataclass(frozen=True)
class Reading:
    """A value of a sort, in the fields of a pattern, is taken for something else, or refused."""

    pattern: Pattern
    sort: Sort
    taking: Taking
    bound: Bound | None = None
    """Where it speaks of the numbers beyond it alone."""
    instead: Instead | None = None
    """What the value is taken for, where that is another field's or one value."""

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # Asked for a million times in a search.
        return hash((self.pattern, self.sort, self.taking))

    @property
    def kind(self) -> CauseKind:
        """A condition where it says that no answer comes."""
        return CauseKind.CONDITION if self.taking in CONDITIONS else CauseKind.READING

    def meets(self, leaf: Leaf) -> bool:
        """Whether it has anything to say of a leaf."""
        return self._has(leaf) and self.takes(leaf)

    def is_about(self, leaf: Leaf) -> bool:
        """The same, whether anything can be made of the value or not."""
        return self._has(leaf) and self._is_beyond(leaf.value)

    def _has(self, leaf: Leaf) -> bool:
        # Of a million leaves there are some hundred fields.
        field = leaf.field
        has = self._fields.get(field)
        if has is None:
            has = self._fields[field] = self.pattern.has(field)
        return has and is_sort_at(self.sort, leaf)

    def _is_beyond(self, value: Any) -> bool:
        return self.bound is None or self.bound.is_beyond(value)

    @cached_property
    def _fields(self) -> dict[Field, bool]:
        """Which fields it is about, of those that were met."""
        return {}

    def takes(self, leaf: Leaf) -> bool:
        """The same for a leaf of a field and with a value that it is known to be about."""
        if not self._is_beyond(leaf.value):
            return False
        if self.taking in ENDS or self.taking is Taking.FIELD:
            return True
        try:
            self.made_of(leaf.value, leaf.field)
        except Inapplicable:
            return False
        return True

    def made_of(self, value: Any, field: Field, others: Others = _no_others) -> Any:
        """What becomes of a value that it is about; `others` gives the values of its record by
        name. Raises Inapplicable."""
        if self.instead is not None:
            other = others(self.instead.field) if self.instead.field else self.instead.value
            if self.instead.field and (other is None or other is ABSENT):
                raise Inapplicable
            return other
        if self.taking is Taking.KEPT:
            # What no 64 bits hold is not read at all.
            is_read = not is_sort(Sort.BEYOND_64, value)
            if self.bound is None or not is_read or not self.bound.is_beyond(value):
                raise Inapplicable
            return self.bound.nearest(value)
        return taken(self.taking, value, field)

    @cached_property
    def canonical(self) -> str:
        """The statement in the same words everywhere."""
        beyond = () if self.bound is None else (self.bound.text,)
        instead = () if self.instead is None else self.instead
        parts = (self.kind, *self.pattern, self.sort.name, self.taking.name, *beyond, *instead)
        return "|".join(parts)

    @cached_property
    def says(self) -> str:
        """Completes "the shadow answers as if ..."."""
        beyond = "" if self.bound is None else f" {self.bound.says()}"
        what = str(self.taking) if self.instead is None else f"taken for {self.instead.says()}"
        return f"{self.sort}{beyond} in {self.pattern.says()} were {what}"


@dataclass(frozen=True)
class Writing:
    """A value of a sort, in the fields of a pattern, is written as something else."""

    pattern: Pattern
    sort: Sort
    taking: Taking
    kind: CauseKind = CauseKind.WRITING

    @cached_property
    def canonical(self) -> str:
        """The statement in the same words everywhere."""
        return "|".join((self.kind, *self.pattern, self.sort.name, self.taking.name))

    @cached_property
    def says(self) -> str:
        """Completes "the shadow answers as if ..."."""
        return f"{self.sort} in {self.pattern.says()} were {self.taking} when it is written"


@dataclass(frozen=True)
class Edited:
    """The core's source reads otherwise. `canonical` has the changed text, and no line numbers."""

    edit: Edit
    canonical: str
    kind: CauseKind = CauseKind.EDIT

    @property
    def says(self) -> str:
        """Completes "the shadow answers as if ..."."""
        return self.edit.says


def _says_something(sort: Sort, field: Field) -> bool:
    """Whether a sort is worth a statement about a field: that a value is no object, or no number,
    says something only where one should be, and "any value" only of what the contract does not
    name."""
    if sort is Sort.NOT_AN_OBJECT:
        return field.kind == "o"
    if sort is Sort.NO_DOUBLE:
        return field.kind in ("d", "D") or field.root == "order_sizes"
    return sort is not Sort.ANY or field.kind == "o" or field.is_unknown


def is_sort_at(sort: Sort, leaf: Leaf) -> bool:
    """Whether the value of a leaf is of a sort that is worth a statement about it."""
    by_field = FIELD_SORTS.get(sort)
    if by_field is not None:
        return by_field(leaf.field, leaf.value)
    return is_sort(sort, leaf.value) and _says_something(sort, leaf.field)


def sorts_at(leaf: Leaf) -> tuple[Sort, ...]:
    """The sorts that are worth a statement about a leaf, those that depend on the field first."""
    by_field = (sort for sort, has in FIELD_SORTS.items() if has(leaf.field, leaf.value))
    by_value = (sort for sort in sorts_of(leaf.value) if _says_something(sort, leaf.field))
    return (*by_field, *by_value)


_WHATEVER_IT_IS = frozenset(
    {*CONDITIONS, Taking.MISSING, Taking.DEFAULT, Taking.ZERO, Taking.NULL, Taking.NAN}
)
"""What may be made of values of several types alike; that numbers in texts are read, and flags as
numbers, are two statements."""


_OF_SEVERAL_TYPES = frozenset({*FIELD_SORTS, Sort.NO_DOUBLE})


def readings_of(leaf: Leaf, taking: Taking) -> list[Reading]:
    """All statements about a leaf that may be made, whether they hold or not."""
    return [
        Reading(pattern, sort, taking)
        for sort in sorts_at(leaf)
        for pattern in patterns_of(leaf.field)
        if (sort is not Sort.ANY or _may_be_about_any_value(pattern))
        and (sort not in _OF_SEVERAL_TYPES or taking in _WHATEVER_IT_IS)
    ]


def _may_be_about_any_value(pattern: Pattern) -> bool:
    """Whether a statement about whatever value says something: of one field, or of all fields that
    the contract does not name."""
    return pattern.kind == UNKNOWN or ANY not in (pattern.name, pattern.kind)


@dataclass(frozen=True)
class Placed:
    """What a line computes is another value, nobody knows which."""

    function: str
    file: str
    line: int
    kind: CauseKind = CauseKind.PLACE

    @property
    def canonical(self) -> str:
        """The statement in the same words everywhere."""
        return "|".join((self.kind, self.function, str(self.line)))

    @property
    def says(self) -> str:
        """Completes "the shadow answers as if ..."."""
        return f"{self.file} line {self.line} ({self.function}) came to another value"


Rule = Reading | Writing
Statement = Rule | Edited | Placed


_WIDTH = {sort: place for place, sort in enumerate(Sort)}


def plainness(rule: Reading | Writing) -> tuple[object, ...]:
    """Wide patterns first, then wide sorts, then plain takings."""
    return (
        -rule.pattern.breadth,
        _WIDTH[rule.sort],
        list(Taking).index(rule.taking),
        rule.canonical,
    )


def cause_id(statement: Statement) -> str:
    """Short and the same on every machine: `c-3f9a2c1b`."""
    digest = hashlib.sha256(statement.canonical.encode("utf-8", "surrogatepass")).hexdigest()
    return f"c-{digest[:8]}"


def canonical_edit(edit: Edit, core: EditableCore | None = None) -> str:
    """An edit without its line numbers: where it is, and what stands there then. By the core it is
    told from the same change further down in its function, at the same columns."""
    changes = "|".join(place.new for place in edit.places)
    where = edit.says if not edit.function else edit.function
    columns = "|".join(f"{place.column}-{place.end_column}" for place in edit.places)
    first = min((place.line for place in edit.places), default=0)
    lines = "|".join(str(place.line - first) for place in edit.places)
    parts = [CauseKind.EDIT, where, lines, columns, changes]
    before = 0 if core is None else min(_alike_before(core, place) for place in edit.places)
    if before:
        parts.append(str(before))
    return "\x1f".join(parts)


def _alike_before(core: EditableCore, place: Place) -> int:
    """How many lines before it in its function have the same at the same columns."""
    module = core.map.modules[place.module]
    lines = source_lines(module.text)
    scope = module.scope_at(module.span_of_place(place)[0])
    span = slice(place.column, place.end_column)
    own = lines[place.line - 1][span]
    first = module.line_of(scope.span[0])
    return sum(line[span] == own for line in lines[first - 1 : place.line - 1])
