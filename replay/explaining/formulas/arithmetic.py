"""Formulas: terms joined by signs, with their text and what they come to in some examples."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations
from typing import Any, Final, NamedTuple

from replay.explaining.formulas.terms import is_number

Number = float | int

_ATOM, _POWER, _PRODUCT, _SUM = 5, 4, 3, 2

MOST_FACTORS: Final = 4
"""Parts of a product or a sum that are tried in all orders."""


class Sign(NamedTuple):
    """How parts are joined: a pattern of text, how strongly it holds together, how strongly each
    part has to, and what it computes."""

    pattern: str
    binds: int
    parts: tuple[int, ...]
    compute: Callable[..., Any]


def _small_power(base: Number, exponent: Number) -> Number:
    """Raises ValueError where it would take long, or be no real number."""
    if abs(exponent) > 64 or base <= 0 or base > 1e9:
        raise ValueError(exponent)
    power: Number = base**exponent
    return power


SUM: Final = Sign("{} + {}", _SUM, (_SUM, _PRODUCT), operator.add)
DIFFERENCE: Final = Sign("{} - {}", _SUM, (_SUM, _PRODUCT), operator.sub)
PRODUCT: Final = Sign("{} * {}", _PRODUCT, (_PRODUCT, _POWER), operator.mul)
QUOTIENT: Final = Sign("{} / {}", _PRODUCT, (_PRODUCT, _POWER), operator.truediv)
POWER: Final = Sign("{} ** {}", _POWER, (_ATOM, _ATOM), _small_power)
LESSER: Final = Sign("min({}, {})", _ATOM, (0, 0), min)
GREATER: Final = Sign("max({}, {})", _ATOM, (0, 0), max)
UNARY: Final = (
    Sign("-{}", _POWER, (_POWER,), operator.neg),
    Sign("abs({})", _ATOM, (0,), abs),
    Sign("int({})", _ATOM, (0,), int),
)

_TURNED: Final = {SUM: (SUM, DIFFERENCE), PRODUCT: (PRODUCT, QUOTIENT)}
"""Signs whose parts can be joined in any order, and the sign for what is taken away."""


@dataclass(frozen=True, eq=False)
class Expression:
    """A term (`sign` is None, and `parts` is empty), or parts joined by a sign. `values` is what it
    comes to in each example, None where that is no number."""

    term: str
    sign: Sign | None
    parts: tuple[Expression, ...]
    values: tuple[Number | None, ...]

    @cached_property
    def text(self) -> str:
        """As it is written in a source."""
        if self.sign is None:
            return self.term
        texts = map(_within, self.parts, self.sign.parts)
        return self.sign.pattern.format(*texts)


def _within(part: Expression, least: int) -> str:
    binds = _binds(part.term) if part.sign is None else part.sign.binds
    return part.text if binds >= least else f"({part.text})"


@lru_cache(maxsize=4096)
def _binds(text: str) -> int:
    """How strongly a term holds together: of anything but names, fields and calls not at all."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return 0
    is_atom = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant)
    return _ATOM if is_atom else 0


def leaf(text: str, values: tuple[Number, ...]) -> Expression:
    """A term."""
    return Expression(text, None, (), values)


def made(sign: Sign, *parts: Expression) -> Expression:
    """Parts joined by a sign."""
    compute = sign.compute
    values: list[Number | None] = []
    for operands in zip(*(part.values for part in parts), strict=True):
        try:
            value = compute(*operands)
        except (ArithmeticError, ValueError, TypeError):
            value = None
        values.append(value if is_number(value) else None)
    return Expression("", sign, parts, tuple(values))


def orders(one: Expression) -> Iterator[Expression]:
    """A formula, and the same with the parts of its product or sum in all other orders."""
    yield one
    for joins, (join, turned) in _TURNED.items():
        if one.sign not in (joins, turned):
            continue
        parts = list(_flat(one, join, turned, is_turned=False))
        if len(parts) <= MOST_FACTORS:
            for (first, away), *others in permutations(parts):
                if not away:
                    whole = first
                    for part, is_turned in others:
                        whole = made(turned if is_turned else join, whole, part)
                    yield whole


def _flat(
    one: Expression, join: Sign, turned: Sign, *, is_turned: bool
) -> Iterator[tuple[Expression, bool]]:
    """The parts that are joined, each with whether it is taken away."""
    if one.sign not in (join, turned):
        yield one, is_turned
        return
    first, second = one.parts
    yield from _flat(first, join, turned, is_turned=is_turned)
    yield from _flat(second, join, turned, is_turned=is_turned != (one.sign is turned))
