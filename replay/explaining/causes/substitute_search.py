"""What a value may be taken for where a port has a default, or a rule, of its own.

A value that is missing, or out of the ordinary, may be taken for what another field of its record
says, or for one value. Of a state the shadow's own answer says which: it has all fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.instead import Instead
from replay.explaining.causes.leaves import ABSENT, Field, Leaf, distinct
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Reading, sorts_at
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort, is_sort
from replay.explaining.causes.writings import values_written
from replay.explaining.search.contest import Clock
from replay.targets.base import Failure, is_refusal

MOST_VALUES: Final = 4
"""Values of one field in the shadow's answer that are tried."""

MOST_FITTING: Final = 12
"""Statements of which it is then asked how much they account for."""

_ALIKE: Final = {"D": "d", "T": "t"}
"""Kinds that only differ in that a value may be null."""


class SubstituteSearch:
    """Looks for what a value is taken for, at one step."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def find(self, step: Answered) -> list[Reading]:
        """The statements about one field that account for a step which the shadow answered."""
        tried = (rule for leaf in distinct(step.leaves) for rule in self._of(leaf, step))
        fitting = (rule for rule in tried if self._fits(rule, step))
        return list(islice(fitting, MOST_FITTING))

    def _fits(self, rule: Reading, step: Answered) -> bool:
        return not self._clock.beyond(1.0) and not self._pool.with_one_more(rule, [step])[0]

    def _of(self, leaf: Leaf, step: Answered) -> Iterator[Reading]:
        field, value = leaf.field, leaf.value
        if field.root not in ("state", "config") or field.is_unknown or field.kind in "lo":
            return
        is_left_out = value is ABSENT or value is None
        if is_left_out:
            for name in _beside(leaf, step):
                yield from _readings(leaf, Taking.FIELD, Instead(field=name))
        # What is as it should be is no reason to take it for anything else.
        if is_left_out or not isinstance(value, _TYPES.get(field.kind, (str,))):
            for one in _answered(field, step):
                yield from _readings(leaf, Taking.VALUE, Instead.of(one))


def _readings(leaf: Leaf, taking: Taking, instead: Instead) -> Iterator[Reading]:
    """The narrowest sort that says something, and for what is missing without a default that."""
    for sort in sorts_at(leaf):
        if sort in _WORTH or not is_sort(Sort.ANY, leaf.value):
            yield Reading(Pattern(*leaf.field), sort, taking, None, instead)


def _beside(leaf: Leaf, step: Answered) -> list[str]:
    """The fields of the same record with values of the same kind."""
    kind = _ALIKE.get(leaf.field.kind, leaf.field.kind)
    return [
        other.field.name
        for other in step.leaves
        if other.path[:-1] == leaf.path[:-1]
        and other.path != leaf.path
        and _ALIKE.get(other.field.kind, other.field.kind) == kind
        and other.value is not ABSENT
        and other.value is not None
    ]


def _answered(field: Field, step: Answered) -> list[Any]:
    """What the shadow answers in a field, each value once."""
    if isinstance(step.shadow, Failure) or is_refusal(step.shadow):
        return []
    found = {repr(value): value for one, value in values_written(step.shadow) if one == field}
    plain = (one for one in found.values() if isinstance(one, bool | int | float | str))
    return list(islice(plain, MOST_VALUES))


_TYPES: Final = {
    "d": (float,), "D": (float,), "i": (int,), "b": (bool,), "r": (int, str), "m": (str,),
}  # fmt: skip
_WORTH: Final = (
    Sort.NULL, Sort.FLAG, Sort.TEXT, Sort.EMPTY_TEXT, Sort.NO_NUMBER_TEXT, Sort.OBJECT, Sort.LIST,
    Sort.NO_SUCH_TEXT, Sort.OTHER_TYPE,
)  # fmt: skip


__all__ = ["SubstituteSearch"]
