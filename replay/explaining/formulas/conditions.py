"""Finds the smallest conditions that hold, and do not hold, where it is wanted."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, islice
from typing import Any, Final, NamedTuple

NUMBERS: Final = (0, 1, 2)
MOST_TERMS: Final = 120
MOST_FOUND: Final = 40
MOST_PAIRS: Final = 2000

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class WantedFlag(NamedTuple):
    """One example: the terms in scope, what the condition comes to now, and what is wanted."""

    terms: Mapping[str, Any]
    native: bool
    wanted: bool


_ENTRY: Final = re.compile(r"([\w.]+)\[('\w+')\]")
"""A term that is what a mapping has under a key."""

_NO_CONDITION: Final = ("True", "False")
"""What stands where there is no condition yet."""

Column = tuple[bool, ...]
"""What a condition comes to in the examples."""


def conditions(examples: Sequence[WantedFlag], native: str) -> list[str]:
    """The conditions that come to what is wanted in all examples: with one comparison, alone or
    beside what stands there now."""
    wanted = tuple(one.wanted for one in examples)
    now = tuple(one.native for one in examples)
    atoms = chain(_atoms(examples), _keys(examples))
    return list(islice(_fitting(wanted, now, native, atoms), MOST_FOUND))


def both_conditions(examples: Sequence[WantedFlag]) -> list[str]:
    """The same for two comparisons that hold together, whatever stands there now."""
    wanted = _bits(one.wanted for one in examples)
    needed = [
        (text, bits) for text, column in _atoms(examples) if wanted & ~(bits := _bits(column)) == 0
    ]
    # What says the same in all examples is tried once, in the shortest words.
    apart: dict[int, str] = {}
    for text, bits in needed:
        if len(text) < len(apart.get(bits, text + " ")):
            apart[bits] = text
    found = (
        f"{one} and {other}"
        for (bits, one), (more, other) in combinations(apart.items(), 2)
        if bits & more == wanted
    )
    return sorted(islice(found, MOST_PAIRS), key=lambda text: (len(text), text))[:MOST_FOUND]


def _bits(column: Iterable[bool]) -> int:
    return sum(1 << place for place, holds in enumerate(column) if holds)


def _fitting(
    wanted: Column, now: Column, native: str, atoms: Iterator[tuple[str, Column]]
) -> Iterator[str]:
    for text, column in atoms:
        if column == wanted:
            yield text
        if native in _NO_CONDITION:
            continue
        pairs = list(zip(now, column, strict=True))
        if tuple(one and other for one, other in pairs) == wanted:
            yield f"({native}) and {text}"
        if tuple(one or other for one, other in pairs) == wanted:
            yield f"({native}) or {text}"


def _atoms(examples: Sequence[WantedFlag]) -> Iterator[tuple[str, Column]]:
    """What can be asked with one comparison, with what it comes to in each example."""
    shared = [
        text for text in examples[0].terms if all(text in example.terms for example in examples)
    ]
    columns = {text: [example.terms[text] for example in examples] for text in shared[:MOST_TERMS]}
    for text, values in columns.items():
        if all(isinstance(value, bool) for value in values):
            yield text, tuple(values)
            yield f"not {text}", tuple(not value for value in values)
        if any(value is None for value in values):
            yield f"{text} is None", tuple(value is None for value in values)
            yield f"{text} is not None", tuple(value is not None for value in values)
        if all(isinstance(value, str) for value in values):
            for known in sorted(set(values)):
                yield f"{text} == {known!r}", tuple(value == known for value in values)
                yield f"{text} != {known!r}", tuple(value != known for value in values)
    numbers = {
        text: values
        for text, values in columns.items()
        if all(value is None or _is_number(value) for value in values)
        and any(map(_is_number, values))
    }
    constants = {repr(number): [number] * len(examples) for number in NUMBERS}
    names = list(numbers)
    for place, one in enumerate(names):
        others = {**constants, **{text: numbers[text] for text in names[place + 1 :]}}
        for other, values in others.items():
            yield from _compared(one, numbers[one], other, values)


def _keys(examples: Sequence[WantedFlag]) -> Iterator[tuple[str, Column]]:
    """Whether a mapping has a key: each that it has in one example and lacks in another."""
    entries = {text: found for one in examples for text in one.terms
               if (found := _ENTRY.fullmatch(text))}  # fmt: skip
    for text, (mapping, key) in sorted((text, one.groups()) for text, one in entries.items()):
        is_none = [one.terms.get(mapping, text) is None for one in examples]
        is_there = [f"len({mapping})" in one.terms for one in examples]
        if not all(one or other for one, other in zip(is_none, is_there, strict=True)):
            continue
        guard = f"{mapping} is not None and " if any(is_none) else ""
        has = tuple(text in one.terms for one in examples)
        yield f"{guard}{key} in {mapping}", has
        lacks = tuple(there and not one for there, one in zip(is_there, has, strict=True))
        yield f"{guard}{key} not in {mapping}", lacks


def _compared(
    one: str, ones: Sequence[Any], other: str, others: Sequence[Any]
) -> Iterator[tuple[str, Column]]:
    """Two terms compared, where neither is None."""
    pairs = list(zip(ones, others, strict=True))
    there = [
        f"{text} is not None and "
        for text, values in ((one, ones), (other, others))
        if any(value is None for value in values)
    ]
    for sign, holds in _COMPARISONS.items():
        column = tuple(a is not None and b is not None and holds(a, b) for a, b in pairs)
        yield f"{''.join(there)}{one} {sign} {other}", column


def _is_number(value: Any) -> bool:
    """Whether it can be compared, as an infinity can, too."""
    return isinstance(value, int | float) and not isinstance(value, bool)
