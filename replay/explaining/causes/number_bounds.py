"""Bounds of numbers: a statement may speak of those beyond one alone, as ports have limits."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from replay.explaining.causes.value_sorts import is_number
from replay.explaining.formulas.plain_numbers import Number


class Bound(NamedTuple):
    """The numbers from `low` to `high`, both among them; None where that end is open. A statement
    with a bound speaks of the numbers outside."""

    low: Number | None = None
    high: Number | None = None

    def is_beyond(self, value: Any) -> bool:
        """Whether a value is a number outside; NaN is neither inside nor outside."""
        if not is_number(value):
            return False
        below = self.low is not None and value < self.low
        return below or (self.high is not None and value > self.high)

    def nearest(self, value: Any) -> Number:
        """The end that a number outside is beyond, as a number of the same type."""
        is_low = self.low is not None and value < self.low
        end = self.low if is_low else self.high
        assert end is not None
        return float(end) if isinstance(value, float) else end

    def says(self) -> str:
        """In words, after what the numbers are: "above 15"."""
        if self.low is None:
            return f"above {self.high!r}"
        if self.high is None:
            return f"below {self.low!r}"
        return f"outside {self.low!r} to {self.high!r}"

    @property
    def text(self) -> str:
        """As files have it: `0..15`, `..15`, `0..`."""
        low, high = ("" if end is None else repr(end) for end in self)
        return f"{low}..{high}"


_TEXT: Final = re.compile(r"([-+\w.]*?)\.\.([-+\w.]*)")


def bound_of(text: str) -> Bound | None:
    """What a text says, None where it says nothing."""
    found = _TEXT.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    try:
        bound = Bound(*(_number(end) if end else None for end in found.groups()))
    except ValueError:
        return None
    if any(end != end for end in bound if end is not None):
        return None
    is_empty = None not in bound and bound.low > bound.high  # type: ignore[operator]
    return None if is_empty else bound


def _number(text: str) -> Number:
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)


__all__ = ["Bound", "bound_of"]
