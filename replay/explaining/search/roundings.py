"""Ways to round that are not the contract's: what other cores are known to do instead.

Python's `round` takes the decimal number nearest to the exact binary value, a tie going to the
even digit (reducer.md, "Decimal rounding"). Each function here takes the same arguments and can
stand in its place in a core's source, where they are known by these names. Where one has no
answer of its own (infinities, NaN, digits that no power of ten belongs to), it gives `round`'s.
"""

from __future__ import annotations

import decimal
import math
import struct
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any, TypeAlias

Rounding: TypeAlias = Callable[..., Any]

_MOST_DIGITS = 22
"""Powers of ten up to this one are exact doubles."""

_CONTEXT = decimal.Context(prec=1100, Emax=999_999, Emin=-999_999)
"""Room for every double and some digits."""


def _scaled(to_integer: Callable[[float], float]) -> Rounding:
    """Scales by a power of ten, rounds to an integer and divides back."""

    def rounded(x: Any, digits: Any = None) -> Any:
        places = 0 if digits is None else digits
        if not _is_ordinary(x, places):
            return round(x, digits)
        scale = 10.0 ** abs(places)
        scaled = x * scale if places >= 0 else x / scale
        if not math.isfinite(scaled):
            return round(x, digits)
        whole = to_integer(scaled)
        if digits is None:
            return int(whole)
        return whole / scale if places >= 0 else whole * scale

    return rounded


def _decimal(rounding: str, of: Callable[[float], Decimal]) -> Rounding:
    """Rounds a decimal number that stands for the double."""

    def rounded(x: Any, digits: Any = None) -> Any:
        places = 0 if digits is None else digits
        if not _is_ordinary(x, places):
            return round(x, digits)
        exponent = Decimal((0, (1,), -places))
        number = of(x).quantize(exponent, rounding=rounding, context=_CONTEXT)
        return int(number) if digits is None else float(number)

    return rounded


def _is_ordinary(x: Any, digits: Any) -> bool:
    return type(x) is float and math.isfinite(x) and abs(digits) <= _MOST_DIGITS


def _half_even(x: float) -> float:
    return float(round(x))


def _half_up(x: float) -> float:
    return float(math.floor(x + 0.5))


def _half_away(x: float) -> float:
    return math.copysign(math.floor(abs(x) + 0.5), x)


def _shown(x: float) -> Decimal:
    return Decimal(repr(x))


def _where_it_fits(x: Any, digits: Any = None) -> Any:
    """Scales, but leaves numbers alone that have no such digits once they are scaled."""
    scaled = _BY_SCALING(x, digits)
    places = 0 if digits is None else digits
    if not _is_ordinary(x, places) or abs(x) * 10.0**places >= 2.0**53:
        return round(x, digits)
    return scaled


def _small(x: Any, digits: Any = None) -> Any:
    """Scales prices as they are, and leaves what is out of the ordinary to a slower way."""
    places = 0 if digits is None else digits
    if not _is_ordinary(x, places) or abs(x) >= 1e6 or not 0 <= places <= 12:
        return round(x, digits)
    return _BY_SCALING(x, digits)


def _by_inverse(x: Any, digits: Any = None) -> Any:
    """Scales, and goes back by multiplying with 0.1 to that power instead of dividing."""
    if digits is None or digits <= 0 or not _is_ordinary(x, digits):
        return round(x, digits)
    scaled = x * 10.0**digits
    return round(scaled) * 10.0**-digits if math.isfinite(scaled) else round(x, digits)


def _to_steps(x: Any, digits: Any = None) -> Any:
    """Counts steps of the last digit's size: divides by 0.1 to that power and multiplies back."""
    if digits is None or digits <= 0 or not _is_ordinary(x, digits):
        return round(x, digits)
    step = 10.0**-digits
    steps = x / step
    return round(steps) * step if math.isfinite(steps) else round(x, digits)


def _single(x: Any, digits: Any = None) -> Any:
    """Goes through single precision first."""
    if not _is_ordinary(x, 0) or abs(x) > 3.4e38:
        return round(x, digits)
    return round(struct.unpack("f", struct.pack("f", x))[0], digits)


def _whole_without_digits(x: Any, digits: Any = None) -> Any:
    """To whole numbers where no digit after the point is kept."""
    if digits is None or digits > 0 or not _is_ordinary(x, 0):
        return round(x, digits)
    return float(round(x))


def _if_finite(x: Any, digits: Any = None) -> Any:
    """Leaves infinities and NaN as they are where others have no integer for them."""
    return x if type(x) is float and not math.isfinite(x) else round(x, digits)


def _not(x: Any, digits: Any = None) -> Any:
    """Does not round (where an integer is asked for, cuts off)."""
    return int(x) if digits is None else x


_BY_SCALING = _scaled(_half_even)

ROUNDINGS: Mapping[str, Rounding] = MappingProxyType(
    {
        "rounded_by_scaling": _BY_SCALING,
        "rounded_by_scaling_where_it_fits": _where_it_fits,
        "rounded_by_scaling_if_small": _small,
        "rounded_by_scaling_half_up": _scaled(_half_up),
        "rounded_by_scaling_half_away": _scaled(_half_away),
        "rounded_by_scaling_and_multiplying": _by_inverse,
        "rounded_to_steps": _to_steps,
        "truncated_by_scaling": _scaled(math.trunc),
        "floored_by_scaling": _scaled(math.floor),
        "ceiled_by_scaling": _scaled(math.ceil),
        "truncated": _decimal(ROUND_DOWN, Decimal),
        "floored": _decimal(ROUND_FLOOR, Decimal),
        "ceiled": _decimal(ROUND_CEILING, Decimal),
        "rounded_half_up": _decimal(ROUND_HALF_UP, Decimal),
        "rounded_as_text_half_up": _decimal(ROUND_HALF_UP, _shown),
        "rounded_as_text_half_even": _decimal(ROUND_HALF_EVEN, _shown),
        "truncated_as_text": _decimal(ROUND_DOWN, _shown),
        "rounded_in_single_precision": _single,
        "rounded_whole_without_digits": _whole_without_digits,
        "rounded_if_finite": _if_finite,
        "not_rounded": _not,
    }
)
"""The functions by the names that edited sources know them by."""
