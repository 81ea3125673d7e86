"""Finds statements that the core lacks: a port sets, or counts, a field once more than the core.

What the shadow has in a field of the state stands, as a rule, somewhere in scope, or is off by what
does. So before each statement that a step runs through, the fields of the core's own records are
given what would come to that, if they are called like the field; the edits that give the shadow's
whole answer are held against other steps as all edits are.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from replay.differential.model import Difference
from replay.explaining.causes.answered import Answered
from replay.explaining.causes.forced_values import ForcedValues
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited
from replay.explaining.editing.editable import Edit, EditKind
from replay.explaining.editing.vocabulary import RECORD_WITH
from replay.explaining.formulas.terms import is_number
from replay.explaining.formulas.value_places import ValuePlace, simple_places
from replay.explaining.search.contest import Clock

MOST_DIFFERENT: Final = 6
"""Places at which an answer differs by one statement; more comes of something else."""

MOST_FIELDS: Final = 6
"""Fields in scope that may be the one that differs, those first that are called most like it."""

MOST_VALUES: Final = 4
"""Terms in scope that come to what one of them would have to be given."""

MOST_EDITS: Final = 60
MOST_TRIED: Final = 4000

CLOSE: Final = 1e-9
"""How near a sum must come to a number, as a share of it: it is only a guess, which is run."""

CONSTANTS: Final[Mapping[str, Any]] = {
    "0": 0, "0.0": 0.0, "1": 1, "None": None, "True": True, "False": False,
}  # fmt: skip

_FIELD: Final = re.compile(r"([A-Za-z_]\w*)\.([A-Za-z_]\w*)")
_SCALAR: Final = (bool, int, float, str, type(None))


class InsertionSearch:
    """Looks for statements that the core lacks."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._core = pool.corrected.core
        self._clock = clock
        self._values = ForcedValues(pool)

    def edits(self, target: Answered, share: float) -> list[Edit]:
        """Edits that give a step's answer by one more statement."""
        differs = target.differences(self._pool.answer(target))
        wanted = [one for one in differs if _is_field(one)]
        if not wanted or len(differs) > MOST_DIFFERENT:
            return []
        found: list[Edit] = []
        for edit in islice(self._tried(target, wanted), MOST_TRIED):
            if self._clock.beyond(share) or len(found) >= MOST_EDITS:
                break
            cause = Edited(edit, "")
            if not self._core.is_quick(edit) or self._pool.is_refuted(cause):
                continue
            if not self._pool.with_one_more(cause, [target])[0]:
                found.append(edit)
        return found

    def _tried(self, target: Answered, wanted: list[Difference]) -> Iterator[Edit]:
        for place in simple_places(self._core, self._core.executed([target.stream])):
            if self._pool.corrected.is_of_reader(place.probed):
                continue
            if not self._core.is_quick(place.probed):
                continue
            for hit in self._values.hits(place, target)[:1]:
                for one in wanted:
                    for text in _statements(place, one, hit.terms):
                        yield _edit(place, text)


def _edit(place: ValuePlace, text: str) -> Edit:
    module = place.module
    old = module.text[place.span[0] : place.span[1]]
    where = module.place(place.span, f"{text}; {old}")
    says = f'{module.file} did "{text}" before line {where.line}'
    return Edit(EditKind.ASSIGNMENT, place.function, (where,), says)


def _is_field(one: Difference) -> bool:
    """Whether a difference is one field of the state itself."""
    root, _, name = one.path.partition(".")
    return root == "state" and name.isidentifier() and isinstance(one.shadow, _SCALAR)


def _statements(place: ValuePlace, one: Difference, terms: Mapping[str, Any]) -> Iterator[str]:
    """The statements that give a field in scope what a field of the answer has to be."""
    name = one.path.rpartition(".")[2]
    for field in _fields_like(name, terms):
        made = list(dict.fromkeys(_made(field, one, terms)))
        for text in made[: 2 * MOST_VALUES]:
            yield _assigned(place, field, *text)


def _fields_like(name: str, terms: Mapping[str, Any]) -> list[str]:
    """The fields in scope that are called most like one, of each word that they share one."""
    words = set(name.split("_"))
    shared = {
        text: len(words & set(found.group(2).split("_")))
        for text in terms
        if (found := _FIELD.fullmatch(text))
    }
    alike = [text for text, count in shared.items() if count]
    return sorted(alike, key=lambda text: (-shared[text], len(text), text))[:MOST_FIELDS]


def _made(field: str, one: Difference, terms: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a field is given: a sign and a term."""
    values = {**{text: terms[text] for text in terms if text != field}, **CONSTANTS}
    same = (text for text, value in values.items() if _is_same(value, one.shadow))
    yield from (("", text) for text in islice(same, MOST_VALUES))
    if is_number(one.shadow) and is_number(one.authority) and is_number(terms[field]):
        off = one.shadow - one.authority
        numbers = [(text, value) for text, value in values.items() if is_number(value) and value]
        added = (text for text, value in numbers if _is_near(value, off))
        yield from (("+", text) for text in islice(added, MOST_VALUES))
        taken = (text for text, value in numbers if _is_near(-value, off))
        yield from (("-", text) for text in islice(taken, MOST_VALUES))


def _assigned(place: ValuePlace, field: str, sign: str, term: str) -> str:
    """The statement that gives a field a term, or adds it; of a record that cannot be changed
    another one is made."""
    owner, _, name = field.partition(".")
    if name in _assigned_in(place.module.text):
        return f"{field} {sign}= {term}"
    value = f"{field} {sign} {term}" if sign else term
    return f"{owner} = {RECORD_WITH}({owner}, {name}={value})"


@lru_cache(maxsize=64)
def _assigned_in(source: str) -> frozenset[str]:
    """The names of the fields that a module sets."""
    return frozenset(
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    )


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


def _is_near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=CLOSE, abs_tol=0.0)


__all__ = ["InsertionSearch"]
