"""Finds the smallest expressions that come to wanted numbers, by going through all there are.

Those of two parts are all made, of several that always come to the same the first, and sorted by
what they come to in the first example: so that the other half of a larger one is looked up and not
gone through (what Angelix, ICSE 2016, leaves to a solver). Numbers that are equal on paper differ
in their last bits, so that what was found is tried in all orders.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations, islice
from typing import Any, Final, NamedTuple

from replay.explaining.formulas.arithmetic import (
    DIFFERENCE,
    GREATER,
    LESSER,
    POWER,
    PRODUCT,
    QUOTIENT,
    SUM,
    UNARY,
    Expression,
    Number,
    leaf,
    made,
    orders,
)  # fmt: skip
from replay.explaining.formulas.terms import is_number

CONSTANTS: Final[tuple[Number, ...]] = (0, 1, 2, 10, 60, 100, 1000, 3600, 0.5, 0.01)
"""Numbers that may stand in any formula."""

MOST_FOUND: Final = 40
"""Formulas of one size that are given: they differ in the order of the arithmetic, mostly."""

MOST_LEAVES: Final = 80
MOST_PAIRS: Final = 30_000
MOST_TRIED: Final = 200_000
"""What one formula is searched among: terms with different values, what two of them come to, and
what these are tried with."""


class Wanted(NamedTuple):
    """One example: the terms in scope, what is wanted, and how exactly that is known."""

    terms: Mapping[str, Any]
    value: Number
    tolerance: float


def formulas(examples: Sequence[Wanted], own: Mapping[str, Sequence[Any]]) -> list[Expression]:
    """The smallest formulas that come to what is wanted in all examples, none where there is none.
    `own` are parts of what stands at the place, with what each comes to in the examples."""
    return _Search(examples, own).found()


class _Search:
    def __init__(self, examples: Sequence[Wanted], own: Mapping[str, Sequence[Any]]) -> None:
        # What is looked up is decided by the first: of zero there are too many ways to make it.
        self._order = sorted(range(len(examples)), key=lambda one: examples[one].value == 0)
        self._examples = [examples[one] for one in self._order]
        columns = {text: [values[one] for one in self._order] for text, values in own.items()}
        self._leaves = list(islice(_leaves(self._examples, columns), MOST_LEAVES))
        self._tried = 0

    def found(self) -> list[Expression]:
        """The formulas of the smallest size of which there are any."""
        for some in (self._leaves, self._pairs, self._of_three(), self._of_four()):
            fits = (one for one in some if one is not None and self._fits(one))
            fitting = list(islice(fits, MOST_FOUND))
            if fitting:
                return self._exactly(fitting)[:MOST_FOUND]
        return []

    def _exactly(self, fitting: Sequence[Expression]) -> list[Expression]:
        """What was found in all orders, first those that are right to the last bit most often."""
        every = {one.text: one for found in fitting for one in orders(found)}
        return sorted(every.values(), key=lambda one: -self._exact(one))

    def _exact(self, one: Expression) -> int:
        return sum(
            value == wanted.value for value, wanted in zip(one.values, self._examples, strict=True)
        )

    def _fits(self, one: Expression) -> bool:
        return all(map(self._is_near, one.values, self._examples))

    @staticmethod
    def _is_near(value: Number | None, wanted: Wanted) -> bool:
        return value is not None and abs(value - wanted.value) <= wanted.tolerance

    @cached_property
    def _pairs(self) -> list[Expression]:
        """What one or two terms come to, each once."""
        found: dict[tuple[Number | None, ...], Expression] = {
            one.values: one for one in self._leaves
        }
        for one in self._all_pairs():
            if one is not None and one.values[0] is not None:
                found.setdefault(one.values, one)
                if len(found) >= MOST_PAIRS:
                    break
        return list(found.values())[len(self._leaves) :]

    def _all_pairs(self) -> Iterator[Expression | None]:
        for one in self._leaves:
            yield from (made(sign, one) for sign in UNARY)
        for one, other in combinations(self._leaves, 2):
            for sign in (SUM, PRODUCT, LESSER, GREATER):
                yield made(sign, one, other)
            for sign in (DIFFERENCE, QUOTIENT, POWER):
                yield made(sign, one, other)
                yield made(sign, other, one)

    def _of_three(self) -> Iterator[Expression | None]:
        yield from self._joined(self._leaves)
        wanted = self._examples[0]
        for other in self._near(wanted.value, wanted.tolerance):
            for one in self._leaves:
                yield made(LESSER, one, other)
                yield made(GREATER, one, other)

    def _of_four(self) -> Iterator[Expression | None]:
        return self._joined(self._pairs)

    def _joined(self, some: Sequence[Expression]) -> Iterator[Expression | None]:
        """What each of some comes to along with a pair that is just right in the first example."""
        first = self._examples[0]
        if not first.value:
            return
        for one in some:
            value = one.values[0]
            if not value:
                continue
            for needed, slope, sign, is_turned in _partners(value, first.value):
                for other in self._near(needed, first.tolerance * slope):
                    self._tried += 1
                    if self._tried > MOST_TRIED:
                        return
                    yield made(sign, other, one) if is_turned else made(sign, one, other)

    @cached_property
    def _by_value(self) -> tuple[list[Number], list[Expression]]:
        ordered = sorted(self._pairs, key=lambda one: one.values[0] or 0)
        return [one.values[0] or 0 for one in ordered], ordered

    def _near(self, value: Number, slack: float) -> Iterator[Expression]:
        values, ordered = self._by_value
        slack += 1e-12 * abs(value)
        place = bisect_left(values, value - slack)
        while place < len(values) and values[place] <= value + slack:
            yield ordered[place]
            place += 1


def _leaves(examples: Sequence[Wanted], own: Mapping[str, Sequence[Any]]) -> Iterator[Expression]:
    """Terms and constants, of those that come to the same everywhere the first."""
    columns: dict[str, Sequence[Any]] = dict(own)
    for number in CONSTANTS:
        columns[repr(number)] = [number] * len(examples)
    for text in examples[0].terms:
        if all(text in example.terms for example in examples):
            columns.setdefault(text, [example.terms[text] for example in examples])
    seen: set[tuple[Any, ...]] = set()
    for text, values in columns.items():
        key = tuple(values)
        if all(map(is_number, values)) and key not in seen:
            seen.add(key)
            yield leaf(text, key)


def _partners(value: Number, wanted: Number) -> Iterator[tuple[Number, float, Any, bool]]:
    """With which number one has to be joined how to come to what is wanted: it, how much it may be
    off for each unit that the result may, the sign, and whether the number comes first."""
    yield wanted - value, 1.0, SUM, False
    yield value - wanted, 1.0, DIFFERENCE, False
    yield wanted + value, 1.0, DIFFERENCE, True
    try:
        yield wanted / value, abs(1 / value), PRODUCT, False
        yield wanted * value, abs(value), QUOTIENT, True
        yield value / wanted, abs(value / wanted / wanted), QUOTIENT, False
    except ArithmeticError:
        return


__all__ = ["Expression", "Wanted", "formulas"]
