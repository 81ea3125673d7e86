"""Functions that edited sources can call by name, without importing them."""

from __future__ import annotations

import dataclasses
import math
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType, MappingProxyType
from typing import Any, Final, TypeVar

from replay.explaining.search.roundings import ROUNDINGS, Rounding
from replay.targets.base import RefusalKind
from replay.targets.python.raised import Refused

T = TypeVar("T")


def all_but_first(is_it: Callable[[T], object], items: Iterable[T]) -> Iterator[T]:
    """The items without the first one that is it: what a core does that leaves out only one."""
    is_found = False
    for item in items:
        if is_found or not is_it(item):
            yield item
        else:
            is_found = True


def first_changed(
    is_it: Callable[[T], object], change: Callable[[T], T], items: Iterable[T]
) -> Iterator[T]:
    """The items with only the first one changed that is it."""
    is_found = False
    for item in items:
        if is_found or not is_it(item):
            yield item
        else:
            is_found = True
            yield change(item)


def in_single_precision(number: Any) -> Any:
    """A double as a 32-bit float holds it."""
    if type(number) is not float or not math.isfinite(number):
        return number
    try:
        single: float = struct.unpack("f", struct.pack("f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
    return single


def without_fraction(number: Any) -> Any:
    """A double cut to a whole number, as one that went through an integer."""
    if type(number) is not float or not math.isfinite(number):
        return number
    return float(math.trunc(number))


def whole_below(number: Any) -> Any:
    """The largest whole number that is not above a double."""
    if type(number) is not float or not math.isfinite(number):
        return number
    return float(math.floor(number))


def divided(number: Any, by: Any) -> Any:
    """A quotient as most languages have it: nothing divided by zero is an error, but an infinity
    or no number."""
    try:
        return number / by
    except ZeroDivisionError:
        if not number or number != number:
            return math.nan
        return math.copysign(math.inf, number) * math.copysign(1.0, by)


def wrapped_to_64_bits(number: Any) -> Any:
    """An int that goes round where 64 bits with sign end."""
    return wrapped_to_bits(number, 64)


def wrapped_to_bits(number: Any, bits: int, *, signed: bool = True) -> Any:
    """An int that goes round where so many bits end."""
    if not isinstance(number, int):
        return number
    half = 2 ** (bits - 1) if signed else 0
    return (number + half) % 2**bits - half


def whichever_deviates(one: Rounding, other: Rounding) -> Rounding:
    """Rounds in one way where that is not as `round` does it, else in another: what two deviations
    at one call come to."""

    def rounded(x: Any, digits: Any = None) -> Any:
        deviates = _outcome(one, x, digits) != _outcome(round, x, digits)
        return (one if deviates else other)(x, digits)

    return rounded


def _outcome(rounding: Rounding, x: Any, digits: Any) -> str:
    try:
        return repr(rounding(x, digits))
    except (ArithmeticError, ValueError, TypeError) as error:
        return type(error).__name__


BY_CAUSE: Final = "by a condition"
"""What stands in a refusal that a cause made."""

REFUSES: Final = "refuse_here"
"""The name of what refuses a step."""


def refuse_here() -> None:
    """Refuses the step that is under way, as a condition on its documents does."""
    raise Refused(RefusalKind.ERROR, BY_CAUSE)


CALLER: Final = "called_by()"
"""What asks, in an edited source, which function has called the one that runs."""


def called_by() -> str:
    """The name of the function that has called the one that asks."""
    return caller_of(sys._getframe(1))


def caller_of(frame: FrameType) -> str:
    """The name of the function that has called the one of a frame; of lambdas and comprehensions
    those count that they stand in. "" where there is none."""
    names = _functions_from(frame)
    next(names, None)
    return next(names, "")


def _functions_from(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if not frame.f_code.co_name.startswith("<"):
            yield frame.f_code.co_name
        frame = frame.f_back


RECORD_WITH: Final = "record_with"
"""The name of what makes another record of one that cannot be changed."""


def record_with(record: Any, **values: Any) -> Any:
    """A record with other values in some fields, the way that its class has."""
    if hasattr(record, "_replace"):
        return record._replace(**values)
    return dataclasses.replace(record, **values)


HELPERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **ROUNDINGS,
        "all_but_first": all_but_first,
        "first_changed": first_changed,
        "divided": divided,
        REFUSES: refuse_here,
        RECORD_WITH: record_with,
        CALLER.removesuffix("()"): called_by,
        "in_single_precision": in_single_precision,
        "without_fraction": without_fraction,
        "whole_below": whole_below,
        "wrapped_to_64_bits": wrapped_to_64_bits,
        "wrapped_to_bits": wrapped_to_bits,
        "whichever_deviates": whichever_deviates,
    }
)
"""The functions by the names that edited sources know them by."""
