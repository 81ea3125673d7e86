"""Sorts of values, told apart by looking at a value: "a text", "an infinity". A closed set.

It knows neither a field nor a core; what depends on the field is in `field_sorts.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from replay.explaining.causes.leaves import ABSENT

FLAGS_SAID: Final = {"true": True, "false": False}
"""Texts that say a flag."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

HEXADECIMAL: Final = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")
"""A whole number as C reads it from a text, and Python does not."""


def is_number(value: Any) -> bool:
    """Whether a value is an int or a double; a flag is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_double(value: Any) -> bool:
    return isinstance(value, float)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


class Sort(StrEnum):
    """Sorts of values, each named as it stands in a sentence."""

    ANY = "any value"
    UNREADABLE = "a value that the contract refuses"
    OTHER_TYPE = "a value of another type than the field's"
    NO_SUCH_TEXT = "a text that the field does not have"
    OUT_OF_RANGE = "no int of 64 bits"
    NO_DOUBLE = "what is no number that a double can hold"
    MISSING = "a missing value"
    NEEDED = "a missing value without a default"
    NULL = "null"
    FLAG = "a flag"
    TEXT = "a text"
    NO_NUMBER_TEXT = "a text that says no number"
    EMPTY_TEXT = "an empty text"
    NUMERIC_TEXT = "a text that is a number"
    BEGUN_NUMBER_TEXT = "a text that begins with a number"
    HEXADECIMAL_TEXT = "a hexadecimal number in a text"
    UNDERSCORED_TEXT = "a number in a text with underscores"
    SIGNED_TEXT = "a number in a text with a plus sign"
    POINTED_TEXT = "a number in a text that begins or ends with its point"
    EXPONENT_TEXT = "a number in a text with an exponent"
    FLAG_TEXT = "a text that is true or false"
    SPACED_TEXT = "a text with space around it"
    OTHER_SPACED_TEXT = "a text with space beyond ASCII around it"
    CASED_TEXT = "a text in another case"
    ODD_TEXT = "a text beyond ASCII"
    DIGITS_TEXT = "a text that int() reads"
    INT = "an int"
    DOUBLE = "a double"
    NUMBER = "a number"
    WHOLE_DOUBLE = "a whole double"
    FRACTION = "a fraction"
    SAID_INFINITY = "an infinity, also one said by a text,"
    INFINITY = "an infinity"
    PLUS_INFINITY = "+infinity"
    MINUS_INFINITY = "-infinity"
    SAID_NAN = "NaN, also said by a text,"
    NAN = "NaN"
    NOT_FINITE = "an infinity or NaN"
    BEYOND_32 = "an int beyond 32 bits"
    BEYOND_53 = "an int beyond 2^53"
    FROM_32_TO_64 = "an int of 64 bits beyond 32 bits"
    FROM_53_TO_64 = "an int of 64 bits beyond 2^53"
    DOUBLE_BEYOND_53 = "a double beyond 2^53"
    BEYOND_64 = "an int beyond 64 bits"
    BEYOND_DOUBLES = "an int beyond the doubles"
    SAID_NEGATIVE = "a negative number, also one said by a text,"
    NEGATIVE = "a negative number"
    ZERO = "zero"
    NEGATIVE_ZERO = "-0.0"
    SUBNORMAL = "a subnormal double"
    HUGE = "a double beyond 1e300"
    LONG_DOUBLE = "a double of more than 15 digits"
    OBJECT = "an object"
    LIST = "a list"
    NOT_AN_OBJECT = "what is no object"


PARTS: Final[Mapping[Sort, tuple[Sort, ...]]] = {
    Sort.NO_DOUBLE: (
        Sort.BEYOND_DOUBLES,
        Sort.TEXT,
        Sort.FLAG,
        Sort.NULL,
        Sort.OBJECT,
        Sort.LIST,
    ),
    Sort.NOT_FINITE: (Sort.NAN, Sort.INFINITY),
    Sort.NUMBER: (Sort.DOUBLE, Sort.INT),
    Sort.INFINITY: (Sort.PLUS_INFINITY, Sort.MINUS_INFINITY),
    Sort.SAID_INFINITY: (Sort.INFINITY,),
    Sort.SAID_NAN: (Sort.NAN,),
    Sort.SAID_NEGATIVE: (Sort.NEGATIVE,),
}
"""Sorts that another one is made of: a statement need not speak of what another one says."""


def is_int(value: Any) -> bool:
    """Whether a value is an int; a flag is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _has_bits(value: int, bits: int) -> bool:
    half = 1 << (bits - 1)
    return -half <= value < half


def is_beyond_doubles(value: Any) -> bool:
    """Whether an int is too large for a double."""
    if not is_int(value):
        return False
    try:
        float(value)
    except OverflowError:
        return True
    return False


def _reads_as(number: type[int] | type[float], value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        number(value)
    except ValueError:
        return False
    return True


def _is_said(value: Any, form: str) -> bool:
    """Whether a value is a text that float() reads, and of a form."""
    return _reads_as(float, value) and re.search(form, value) is not None


def number_begun(text: str) -> str:
    """The number that a text begins with, after white space, if it does."""
    found = _NUMBER.match(text.strip())
    return found[0] if found else ""


_IS: Final[Mapping[Sort, Callable[[Any], bool]]] = {
    Sort.ANY: lambda v: v is not ABSENT,
    Sort.MISSING: lambda v: v is ABSENT,
    Sort.NULL: lambda v: v is None,
    Sort.FLAG: lambda v: isinstance(v, bool),
    Sort.TEXT: _is_text,
    Sort.EMPTY_TEXT: lambda v: v == "",
    Sort.NUMERIC_TEXT: lambda v: _is_text(v) and _NUMBER.fullmatch(v.strip()) is not None,
    Sort.FLAG_TEXT: lambda v: _is_text(v) and v.strip().lower() in FLAGS_SAID,
    Sort.SPACED_TEXT: lambda v: _is_text(v) and v != v.strip(),
    Sort.OTHER_SPACED_TEXT: lambda v: _is_text(v) and v.strip() != v.strip(" \t\r\n"),
    Sort.CASED_TEXT: lambda v: _is_text(v) and v != v.lower(),
    Sort.ODD_TEXT: lambda v: _is_text(v) and not v.isascii(),
    Sort.DIGITS_TEXT: lambda v: _reads_as(int, v),
    Sort.NO_NUMBER_TEXT: lambda v: _is_text(v) and not _reads_as(float, v),
    Sort.BEGUN_NUMBER_TEXT: lambda v: (
        _is_text(v) and not _reads_as(float, v) and bool(number_begun(v))
    ),
    Sort.HEXADECIMAL_TEXT: lambda v: _is_text(v) and HEXADECIMAL.fullmatch(v.strip()) is not None,
    Sort.UNDERSCORED_TEXT: lambda v: _is_said(v, "_"),
    Sort.SIGNED_TEXT: lambda v: _is_said(v, r"^\s*\+"),
    Sort.POINTED_TEXT: lambda v: _is_said(v, r"^\D*\.|\.\D*$"),
    Sort.EXPONENT_TEXT: lambda v: _is_said(v, r"\d\.?[eE]"),
    Sort.INT: is_int,
    Sort.DOUBLE: _is_double,
    Sort.NUMBER: is_number,
    Sort.WHOLE_DOUBLE: lambda v: _is_double(v) and v.is_integer(),
    Sort.FRACTION: lambda v: _is_double(v) and math.isfinite(v) and not v.is_integer(),
    Sort.INFINITY: lambda v: _is_double(v) and math.isinf(v),
    Sort.PLUS_INFINITY: lambda v: _is_double(v) and v == math.inf,
    Sort.MINUS_INFINITY: lambda v: _is_double(v) and v == -math.inf,
    Sort.NAN: lambda v: _is_double(v) and v != v,
    Sort.NOT_FINITE: lambda v: _is_double(v) and not math.isfinite(v),
    Sort.BEYOND_32: lambda v: is_int(v) and not _has_bits(v, 32),
    Sort.BEYOND_53: lambda v: isinstance(v, int) and abs(v) > 2**53,
    Sort.FROM_32_TO_64: lambda v: is_int(v) and not _has_bits(v, 32) and _has_bits(v, 64),
    Sort.FROM_53_TO_64: lambda v: is_int(v) and abs(v) > 2**53 and _has_bits(v, 64),
    Sort.DOUBLE_BEYOND_53: lambda v: _is_double(v) and 2.0**53 < abs(v) < math.inf,
    Sort.BEYOND_64: lambda v: isinstance(v, int) and not _has_bits(v, 64),
    Sort.BEYOND_DOUBLES: is_beyond_doubles,
    Sort.NEGATIVE: lambda v: is_number(v) and v < 0,
    Sort.ZERO: lambda v: is_number(v) and v == 0,
    Sort.NEGATIVE_ZERO: lambda v: _is_double(v) and v == 0 and math.copysign(1, v) < 0,
    Sort.SUBNORMAL: lambda v: _is_double(v) and 0 < abs(v) < 2.2250738585072014e-308,
    Sort.HUGE: lambda v: _is_double(v) and 1e300 < abs(v) < math.inf,
    Sort.LONG_DOUBLE: lambda v: _is_double(v) and math.isfinite(v) and float(f"{v:.15g}") != v,
    Sort.OBJECT: lambda v: isinstance(v, Mapping),
    Sort.LIST: lambda v: isinstance(v, list | tuple),
    Sort.NOT_AN_OBJECT: lambda v: not isinstance(v, Mapping),
    Sort.NO_DOUBLE: lambda v: not is_number(v) or is_beyond_doubles(v),
}


def is_sort(sort: Sort, value: Any) -> bool:
    """Whether a value (or ABSENT) is of a sort, whatever field it stands in. A missing value is of
    no other sort."""
    is_it = _IS.get(sort)
    return is_it is not None and is_it(value) and (value is not ABSENT or sort is Sort.MISSING)


_SORTS: dict[tuple[type, str], tuple[Sort, ...]] = {}
_MOST = 20_000


def sorts_of(value: Any) -> tuple[Sort, ...]:
    """All sorts that a value is of, the widest first."""
    key = (type(value), "" if isinstance(value, Mapping | list | tuple) else repr(value))
    known = _SORTS.get(key)
    if known is None:
        if len(_SORTS) > _MOST:
            _SORTS.clear()
        known = _SORTS[key] = tuple(sort for sort in Sort if is_sort(sort, value))
    return known
