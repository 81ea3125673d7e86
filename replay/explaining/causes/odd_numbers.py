"""Steps with odd numbers beside one that a cause was found at, to see whether it holds there.

Two statements may come to the same for all ordinary numbers and to something else for NaN, an
infinity, nothing, what is negative, or the next double. So one number of the step after the other
is made odd, first each in a few ways; then what turned out to matter there is varied in all ways,
and two at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.leaves import ABSENT, Leaf, distinct
from replay.explaining.causes.probes import ordinary, with_changes
from replay.streams.model import CYCLES, Stream
from replay.targets.base import Failure, is_refusal
from replay.targets.compact import apply_delta, blank

_DOUBLES: Final = (math.nan, 0.0, math.inf, -1.0, -math.inf, 1e300, -0.0)
_INTS: Final = (0, -1, 1, 2**53 + 1, 2**63 - 1, -(2**63))

FIRST: Final = 2
"""In how many ways each number is made odd before it is known which of them matter."""


def numbers_of(step: Answered) -> list[Leaf]:
    """The numbers of a step, and those that are left out; not those of the history, which no rule
    looks at."""
    return [
        leaf
        for leaf in distinct(step.leaves)
        if leaf.field.kind in "dDi"
        and leaf.field.records != "completed_cycles"
        and (leaf.value is ABSENT or leaf.value is None or type(leaf.value) in (int, float))
    ]


def first_of_each(step: Answered) -> Iterator[tuple[Leaf, Stream]]:
    """Each number of the step made odd in a few ways, and odd ones put elsewhere."""
    numbers = numbers_of(step)
    for turn in range(FIRST):
        for leaf in numbers:
            for value in _odd(leaf)[turn : turn + 1]:
                yield leaf, with_changes(step, {leaf.path: value})
        if not turn:
            yield from _elsewhere(step, numbers)


def _elsewhere(step: Answered, numbers: Sequence[Leaf]) -> Iterator[tuple[Leaf, Stream]]:
    """Odd numbers that are there in the place of others, and out of the way where they were: what
    they do elsewhere can be seen only so."""
    for leaf in numbers:
        if _is_odd(leaf.value):
            plain = {leaf.path: ordinary(leaf.field)}
            for other in numbers:
                if other.path != leaf.path and other.field.kind == leaf.field.kind:
                    yield other, with_changes(step, {**plain, other.path: leaf.value})


def of_those(step: Answered, leaves: Sequence[Leaf], seed: int) -> Iterator[Stream]:
    """These numbers made odd in all other ways, each with one of two at a time in turn; the pairs
    go on for ever."""
    random = Random(seed)
    singles = [
        {leaf.path: value} for leaf in leaves for value in _odd(leaf)[FIRST:] + _beside(leaf)
    ]
    random.shuffle(singles)
    for one in singles:
        yield with_changes(step, one)
        yield from _pair(step, leaves, random)
    while len(leaves) > 1:
        yield from _pair(step, leaves, random)


def _pair(step: Answered, leaves: Sequence[Leaf], random: Random) -> Iterator[Stream]:
    if len(leaves) > 1:
        pair = random.sample(list(leaves), 2)
        values = [random.choice([*_odd(one), *_beside(one), ordinary(one.field)]) for one in pair]
        yield with_changes(step, {one.path: value for one, value in zip(pair, values, strict=True)})


def matters(before: Answered, after: Answered) -> bool:
    """Whether another number made a difference to what either core did at a step."""
    return _done(before) != _done(after)


def _done(step: Answered) -> object:
    """What both cores made of the state, and what else they answered; not what they passed on."""
    known: object = step.cache.get("done")
    if known is None:
        known = step.cache["done"] = tuple(
            _changed(step, answer) for answer in (step.authority, step.shadow)
        )
    return known


def _changed(step: Answered, answer: Any) -> str:
    if isinstance(answer, Failure) or is_refusal(answer) or step.before is None:
        return repr(answer)
    after = blank()
    try:
        apply_delta(after, answer[0])
    except (TypeError, IndexError):  # what a core answers may be anything
        return repr(answer)
    fields = [
        (index, repr(value))
        for index, (value, former) in enumerate(zip(after, step.before, strict=True))
        if index != CYCLES and repr(value) != repr(former)
    ]
    return repr((fields, len(after[CYCLES]) - len(step.before[CYCLES]), answer[1:]))


def _odd(leaf: Leaf) -> list[Any]:
    values: Sequence[Any] = _INTS if leaf.field.kind == "i" else _DOUBLES
    return [value for value in values if repr(value) != repr(leaf.value)]


def _beside(leaf: Leaf) -> list[Any]:
    """The numbers next to the one that is there."""
    value = leaf.value
    if type(value) is int:
        return [value + 1, value - 1]
    if type(value) is not float or not math.isfinite(value):
        return []
    return [math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]


def _is_odd(value: Any) -> bool:
    return type(value) in (int, float) and not 0 <= value < 2**53


__all__ = ["first_of_each", "matters", "numbers_of", "of_those"]
