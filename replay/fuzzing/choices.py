"""Choices: who decides while a document is being made up, a cheap seeded generator or Hypothesis.

The makers of configs, states and damage ask a `Choices` and never know which one answers. So the
long streams (a seed, nanoseconds for each choice) and the fully drawn strategies (every choice
is Hypothesis's own, and shrinks) share one description of what a document looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

T = TypeVar("T")


class Choices(Protocol):
    """Answers the questions a maker of documents has. First options and small numbers are the
    simplest: Hypothesis shrinks towards them."""

    def pick(self, options: Sequence[T]) -> T:
        """One of the options; all are equally likely."""
        ...

    def chance(self, percent: float) -> bool:
        """True in about so many of a hundred cases."""
        ...

    def integer(self, low: int, high: int) -> int:
        """An int from `low` to `high`, both included."""
        ...

    def number(self, low: float, high: float) -> float:
        """A double from `low` to `high`."""
        ...


class Seeded:
    """Choices by a seeded generator, for expansion and mutation."""

    __slots__ = ("_random",)

    def __init__(self, random: Random) -> None:
        self._random = random.random

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self._random() * len(options))]

    def chance(self, percent: float) -> bool:
        """True in about so many of a hundred cases."""
        return self._random() * 100.0 < percent

    def integer(self, low: int, high: int) -> int:
        """An int from `low` to `high`."""
        return low + int(self._random() * (high - low + 1))

    def number(self, low: float, high: float) -> float:
        """A double from `low` to `high`."""
        return low + (high - low) * self._random()
