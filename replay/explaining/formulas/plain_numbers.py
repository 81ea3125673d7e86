"""Limits that a source may have: of all numbers between two the one that people write."""

from __future__ import annotations

import math

Number = int | float


def simplest_between(low: Number, above: Number) -> Number:
    """The number with the fewest digits that is at least `low`, and less than `above`."""
    if isinstance(low, int) or not math.isfinite(low):
        return low
    for digits in range(18):
        step = 10.0**-digits
        candidate = round(math.ceil(low / step) * step, digits)
        if low <= candidate < above:
            return int(candidate) if digits == 0 and abs(candidate) < 2**53 else candidate
    return low


__all__ = ["Number", "simplest_between"]
