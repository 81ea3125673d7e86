"""What a value may be taken for where a port has a default, or a rule, of its own.

A value that is missing, or out of the ordinary, may be taken for what another field of its record
says, or for one value. Of a state the shadow's own answer says which: it has all fields.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.instead import Instead
from replay.explaining.causes.leaves import ABSENT, Field, Leaf, Path, distinct
from replay.explaining.causes.patterns import Pattern, alike
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Reading, sorts_at
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.causes.writings import values_written
from replay.explaining.search.contest import Clock
from replay.targets.base import Failure, is_refusal

MOST_VALUES: Final = 4
"""Values of one field in the shadow's answer that are tried."""

MOST_FITTING: Final = 12
"""Statements of which it is then asked how much they account for."""


class SubstituteSearch:
    """Looks for what a value is taken for, at one step."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def find(self, step: Answered) -> list[Reading]:
        """The statements about one field that account for a step which the shadow answered."""
        said: dict[Path, list[Leaf]] = defaultdict(list)
        for leaf in step.leaves:
            if leaf.value is not ABSENT and leaf.value is not None:
                said[leaf.path[:-1]].append(leaf)
        answered = _answered(step)
        tried = (
            rule
            for leaf in distinct(step.leaves)
            for rule in _substitutes(leaf, said[leaf.path[:-1]], answered)
        )
        fitting = (rule for rule in tried if self._fits(rule, step))
        return list(islice(fitting, MOST_FITTING))

    def _fits(self, rule: Reading, step: Answered) -> bool:
        return not self._clock.beyond(1.0) and not self._pool.with_one_more(rule, [step])[0]


def _substitutes(
    leaf: Leaf, beside: Sequence[Leaf], answered: Mapping[Field, Mapping[str, Any]]
) -> Iterator[Reading]:
    """What a value may be taken for, with those that its record has `beside` it, and those that
    the shadow answered."""
    field, value = leaf.field, leaf.value
    if field.root not in ("state", "config") or field.is_unknown or field.kind in "lo":
        return
    is_left_out = value is ABSENT or value is None
    if is_left_out:
        for other in beside:
            if alike(other.field.kind) == alike(field.kind):
                yield from _readings(leaf, Taking.FIELD, Instead(field=other.field.name))
    # What is as it should be is no reason to take it for anything else.
    if is_left_out or not isinstance(value, _TYPES.get(field.kind, (str,))):
        for one in islice(answered.get(field, {}).values(), MOST_VALUES):
            yield from _readings(leaf, Taking.VALUE, Instead.of(one))


def _readings(leaf: Leaf, taking: Taking, instead: Instead) -> Iterator[Reading]:
    """With each sort of a missing value, and with those of others that are worth a statement."""
    for sort in sorts_at(leaf):
        if sort in _WORTH or leaf.value is ABSENT:
            yield Reading(Pattern(*leaf.field), sort, taking, None, instead)


def _answered(step: Answered) -> Mapping[Field, Mapping[str, Any]]:
    """What the shadow answers in each field that has plain values, each value once."""
    found: dict[Field, dict[str, Any]] = defaultdict(dict)
    if not (isinstance(step.shadow, Failure) or is_refusal(step.shadow)):
        for field, value in values_written(step.shadow):
            if isinstance(value, bool | int | float | str):
                found[field][repr(value)] = value
    return found


_TYPES: Final = {
    "d": (float,), "D": (float,), "i": (int,), "b": (bool,), "r": (int, str), "m": (str,),
}  # fmt: skip
_WORTH: Final = (
    Sort.NULL, Sort.FLAG, Sort.TEXT, Sort.EMPTY_TEXT, Sort.NO_NUMBER_TEXT, Sort.OBJECT, Sort.LIST,
    Sort.NO_SUCH_TEXT, Sort.OTHER_TYPE,
)  # fmt: skip


__all__ = ["SubstituteSearch"]
