"""Finds the smallest conditions that hold, and do not hold, where it is wanted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any, Final, NamedTuple, TypeVar

from replay.explaining.formulas.plain_numbers import simplest_between

T = TypeVar("T")

NUMBERS: Final = (0, 1, 2)
MOST_TERMS: Final = 120
MOST_FOUND: Final = 40
MOST_PAIRS: Final = 2000
MOST_TEXTS: Final = 4
"""Texts of which a term may be none."""

MOST_APART: Final = 200
"""Comparisons of which two are put together."""


class WantedFlag(NamedTuple):
    """One example: the terms in scope, what the condition comes to now, and what is wanted."""

    terms: Mapping[str, Any]
    native: bool
    wanted: bool


class Runs(NamedTuple):
    """One step: the terms in scope each time that a place ran, and whether something is wanted
    there."""

    terms: Sequence[Mapping[str, Any]]
    wanted: bool


_ENTRY: Final = re.compile(r"([\w.]+)\[('\w+')\]")
"""A term that is what a mapping has under a key."""

_NO_CONDITION: Final = ("True", "False")
"""What stands where there is no condition yet."""

Bits = int
"""What a condition comes to in the examples: a bit for each, the first one lowest."""


def conditions(examples: Sequence[WantedFlag], native: str) -> list[str]:
    """The conditions that come to what is wanted in all examples: with one comparison, alone or
    beside what stands there now."""
    wanted = _bits(one.wanted for one in examples)
    now = _bits(one.native for one in examples)
    return list(islice(_fitting(wanted, now, native, _atoms(examples)), MOST_FOUND))


def both_conditions(examples: Sequence[WantedFlag]) -> list[str]:
    """The same for two comparisons that hold together, whatever stands there now."""
    wanted = _bits(one.wanted for one in examples)
    # What says the same in all examples is tried once, in the shortest words.
    apart: dict[Bits, str] = {}
    for text, bits in _compared_alone(examples):
        if wanted & ~bits == 0 and len(text) < len(apart.get(bits, text + " ")):
            apart[bits] = text
    found = (
        f"{one} and {other}"
        for (bits, one), (more, other) in combinations(apart.items(), 2)
        if bits & more == wanted
    )
    return sorted(islice(found, MOST_PAIRS), key=lambda text: (len(text), text))[:MOST_FOUND]


def dividing(steps: Sequence[Runs]) -> Iterator[str]:
    """The conditions that hold at some run of each step that wants it, and do not at some run of
    each that does not: first those of one comparison, then those of two that hold together."""
    runs = [WantedFlag(terms, False, step.wanted) for step in steps for terms in step.terms]
    if not runs:
        return
    wanting, others = _of_each(steps)
    needed: dict[Bits, str] = {}
    for text, bits in _atoms(runs):
        if all(bits & mask for mask in wanting):
            if all(mask & ~bits for mask in others):
                yield text
            else:
                needed.setdefault(bits, text)
    pairs = combinations(islice(needed.items(), MOST_APART), 2)
    for (bits, text), (more, other) in pairs:
        both = bits & more
        if all(both & mask for mask in wanting) and all(mask & ~both for mask in others):
            yield f"{text} and {other}"


def _of_each(steps: Sequence[Runs]) -> tuple[list[Bits], list[Bits]]:
    """The bits of the runs of each step, of those that want something and of the others."""
    wanting: list[Bits] = []
    others: list[Bits] = []
    start = 0
    for step in steps:
        if step.terms:
            mask = ((1 << len(step.terms)) - 1) << start
            (wanting if step.wanted else others).append(mask)
            start += len(step.terms)
    return wanting, others


def _bits(column: Iterable[bool]) -> Bits:
    return sum(1 << place for place, holds in enumerate(column) if holds)


def _fitting(
    wanted: Bits, now: Bits, native: str, atoms: Iterator[tuple[str, Bits]]
) -> Iterator[str]:
    for text, bits in atoms:
        if bits == wanted:
            yield text
        if native in _NO_CONDITION:
            continue
        if now & bits == wanted:
            yield f"({native}) and {text}"
        if now | bits == wanted:
            yield f"({native}) or {text}"


def _atoms(examples: Sequence[WantedFlag]) -> Iterator[tuple[str, Bits]]:
    """What can be asked with one comparison, or of a key, with what it comes to."""
    yield from _compared_alone(examples)
    yield from _keys(examples)


def _compared_alone(examples: Sequence[WantedFlag]) -> Iterator[tuple[str, Bits]]:
    """What can be asked with one comparison, with what it comes to in each example."""
    shared = [
        text for text in examples[0].terms if all(text in example.terms for example in examples)
    ]
    columns = {text: [example.terms[text] for example in examples] for text in shared[:MOST_TERMS]}
    everywhere = (1 << len(examples)) - 1
    for text, values in columns.items():
        if all(isinstance(value, bool) for value in values):
            yield text, (bits := _bits(values))
            yield f"not {text}", everywhere & ~bits
        if any(value is None for value in values):
            yield f"{text} is None", (bits := _bits(value is None for value in values))
            yield f"{text} is not None", everywhere & ~bits
        if all(isinstance(value, str) for value in values):
            yield from _none_of(text, values, [example.wanted for example in examples])
            for known in sorted(set(values)):
                yield f"{text} == {known!r}", (bits := _bits(value == known for value in values))
                yield f"{text} != {known!r}", everywhere & ~bits
    numbers = {
        text: values
        for text, values in columns.items()
        if all(value is None or _is_number(value) for value in values)
        and any(map(_is_number, values))
    }
    constants = {repr(number): [number] * len(examples) for number in NUMBERS}
    for one in numbers:
        for other, values in constants.items():
            yield from _compared(one, numbers[one], other, values)
        yield from _limits(one, numbers[one], [example.wanted for example in examples])
    for one, other in combinations(numbers, 2):
        yield from _compared(one, numbers[one], other, numbers[other])


def _keys(examples: Sequence[WantedFlag]) -> Iterator[tuple[str, Bits]]:
    """Whether a mapping has a key: each that it has in one example and lacks in another."""
    entries = {text: found for one in examples for text in one.terms
               if (found := _ENTRY.fullmatch(text))}  # fmt: skip
    for text, (mapping, key) in sorted((text, one.groups()) for text, one in entries.items()):
        is_none = [one.terms.get(mapping, text) is None for one in examples]
        is_there = [f"len({mapping})" in one.terms for one in examples]
        if not all(one or other for one, other in zip(is_none, is_there, strict=True)):
            continue
        guard = f"{mapping} is not None and " if any(is_none) else ""
        has = _bits(text in one.terms for one in examples)
        yield f"{guard}{key} in {mapping}", has
        yield f"{guard}{key} not in {mapping}", _bits(is_there) & ~has


def _compared(
    one: str, ones: Sequence[Any], other: str, others: Sequence[Any]
) -> Iterator[tuple[str, Bits]]:
    """Two terms compared, where neither is None."""
    below = same = above = both = 0
    bit = 1
    for a, b in zip(ones, others, strict=True):
        if a is not None and b is not None:
            both |= bit
            # Of NaN none of the three is true.
            if a < b:
                below |= bit
            elif a == b:
                same |= bit
            elif a > b:
                above |= bit
        bit <<= 1
    is_there = "".join(
        f"{text} is not None and "
        for text, values in ((one, ones), (other, others))
        if None in values
    )
    yield f"{is_there}{one} < {other}", below
    yield f"{is_there}{one} <= {other}", below | same
    yield f"{is_there}{one} > {other}", above
    yield f"{is_there}{one} >= {other}", above | same
    yield f"{is_there}{one} == {other}", same
    yield f"{is_there}{one} != {other}", both & ~same


def _none_of(
    text: str, values: Sequence[str], wanted: Sequence[bool]
) -> Iterator[tuple[str, Bits]]:
    """That a text is none of the few that it is where nothing is wanted."""
    ours, others = _parted(values, wanted)
    few = sorted(set(others))
    if 1 < len(few) <= MOST_TEXTS and set(ours).isdisjoint(few):
        yield f"{text} not in {tuple(few)!r}", _bits(wanted)


def _limits(one: str, values: Sequence[Any], wanted: Sequence[bool]) -> Iterator[tuple[str, Bits]]:
    """A term compared with a limit that tells what is wanted from the rest: a number that the core
    does not have."""
    ours, others = _parted(values, wanted)
    if not ours or not others or any(value is None or value != value for value in values):
        return
    if max(others) < min(ours):
        sign, limit = ">", simplest_between(max(others), min(ours))
    elif max(ours) < min(others):
        sign, limit = "<", -simplest_between(-min(others), -max(ours))
    else:
        return
    if limit not in (math.inf, -math.inf):
        yield f"{one} {sign} {limit!r}", _bits(wanted)


def _parted(values: Sequence[T], wanted: Sequence[bool]) -> tuple[list[T], list[T]]:
    """The values where something is wanted, and those where nothing is."""
    pairs = list(zip(values, wanted, strict=True))
    return [one for one, is_it in pairs if is_it], [one for one, is_it in pairs if not is_it]


def _is_number(value: Any) -> bool:
    """Whether it can be compared, as an infinity can, too."""
    return isinstance(value, int | float) and not isinstance(value, bool)
