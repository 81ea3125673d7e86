"""What a reader may take a value for: sorts of values, and what is made of them.

Two closed sets. A *sort* tells values apart by looking at them ("a text", "an infinity"); a
*taking* is what another core makes of a value where the contract has it otherwise: refuses it,
takes it for missing, reads the number in a text. Neither knows a field or a core.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from replay.explaining.causes.leaves import ABSENT, Field, default_of

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def _is_number(value: Any) -> bool:
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
    MISSING = "a missing value"
    NEEDED = "a missing value without a default"
    NULL = "null"
    FLAG = "a flag"
    TEXT = "a text"
    EMPTY_TEXT = "an empty text"
    NUMERIC_TEXT = "a text that is a number"
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
    INFINITY = "an infinity"
    PLUS_INFINITY = "+infinity"
    MINUS_INFINITY = "-infinity"
    NAN = "NaN"
    NOT_FINITE = "an infinity or NaN"
    BEYOND_53 = "an int beyond 2^53"
    DOUBLE_BEYOND_53 = "a double beyond 2^53"
    BEYOND_64 = "an int beyond 64 bits"
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
    Sort.NOT_FINITE: (Sort.NAN, Sort.INFINITY),
    Sort.NUMBER: (Sort.DOUBLE, Sort.INT),
    Sort.INFINITY: (Sort.PLUS_INFINITY, Sort.MINUS_INFINITY),
}
"""Sorts that another one is made of: a statement need not speak of what another one says."""


def _reads_as_int(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        int(value)
    except ValueError:
        return False
    return True


_IS: Final[Mapping[Sort, Callable[[Any], bool]]] = {
    Sort.ANY: lambda v: v is not ABSENT,
    Sort.MISSING: lambda v: v is ABSENT,
    Sort.NULL: lambda v: v is None,
    Sort.FLAG: lambda v: isinstance(v, bool),
    Sort.TEXT: _is_text,
    Sort.EMPTY_TEXT: lambda v: v == "",
    Sort.NUMERIC_TEXT: lambda v: _is_text(v) and _NUMBER.fullmatch(v.strip()) is not None,
    Sort.SPACED_TEXT: lambda v: _is_text(v) and v != v.strip(),
    Sort.OTHER_SPACED_TEXT: lambda v: _is_text(v) and v.strip() != v.strip(" \t\r\n"),
    Sort.CASED_TEXT: lambda v: _is_text(v) and v != v.lower(),
    Sort.ODD_TEXT: lambda v: _is_text(v) and not v.isascii(),
    Sort.DIGITS_TEXT: _reads_as_int,
    Sort.INT: lambda v: isinstance(v, int) and not isinstance(v, bool),
    Sort.DOUBLE: _is_double,
    Sort.NUMBER: _is_number,
    Sort.WHOLE_DOUBLE: lambda v: _is_double(v) and v.is_integer(),
    Sort.FRACTION: lambda v: _is_double(v) and math.isfinite(v) and not v.is_integer(),
    Sort.INFINITY: lambda v: _is_double(v) and math.isinf(v),
    Sort.PLUS_INFINITY: lambda v: _is_double(v) and v == math.inf,
    Sort.MINUS_INFINITY: lambda v: _is_double(v) and v == -math.inf,
    Sort.NAN: lambda v: _is_double(v) and v != v,
    Sort.NOT_FINITE: lambda v: _is_double(v) and not math.isfinite(v),
    Sort.BEYOND_53: lambda v: isinstance(v, int) and abs(v) > 2**53,
    Sort.DOUBLE_BEYOND_53: lambda v: _is_double(v) and 2.0**53 < abs(v) < math.inf,
    Sort.BEYOND_64: lambda v: isinstance(v, int) and not -(2**63) <= v < 2**63,
    Sort.NEGATIVE: lambda v: _is_number(v) and v < 0,
    Sort.ZERO: lambda v: _is_number(v) and v == 0,
    Sort.NEGATIVE_ZERO: lambda v: _is_double(v) and v == 0 and math.copysign(1, v) < 0,
    Sort.SUBNORMAL: lambda v: _is_double(v) and 0 < abs(v) < 2.2250738585072014e-308,
    Sort.HUGE: lambda v: _is_double(v) and 1e300 < abs(v) < math.inf,
    Sort.LONG_DOUBLE: lambda v: _is_double(v) and math.isfinite(v) and float(f"{v:.15g}") != v,
    Sort.OBJECT: lambda v: isinstance(v, Mapping),
    Sort.LIST: lambda v: isinstance(v, list | tuple),
    Sort.NOT_AN_OBJECT: lambda v: not isinstance(v, Mapping),
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


class Taking(StrEnum):
    """What is made of a value, each named as it stands in a sentence after "is"."""

    REFUSED = "refused"
    CRASH = "what the core ends on"
    HANG = "what the core hangs on"
    MISSING = "taken for missing"
    DEFAULT = "taken for the field's default"
    NULL = "taken for null"
    NAN = "taken for NaN"
    ZERO = "taken for nothing (0, false, an empty text)"
    EMPTY_TEXT = "taken for an empty text"
    NUMBER = "taken for the number that it says"
    FLAG = "taken for true or false"
    SPELT = "taken whatever its case"
    TRIMMED = "trimmed"
    CUT = "cut to an int"
    ROUNDED = "rounded to an int"
    THROUGH_DOUBLE = "taken through a double"
    SINGLE = "taken as a 32-bit float"
    FIFTEEN = "written with 15 digits"
    SEVENTEEN = "written with 6 digits"
    TEXT = "taken as a text"
    DIGITS = "read as int() does"
    DROPPED = "dropped"
    NO_RECORDS = "taken for an empty list"
    LARGEST = "taken for the largest number of its kind"


ENDS: Final = (Taking.REFUSED, Taking.CRASH, Taking.HANG)
"""What is no value: the core gives no answer."""


class Inapplicable(Exception):
    """A taking that says nothing of a value."""


def taken(taking: Taking, value: Any, field: Field) -> Any:
    """What a reader of a field makes of a value; ABSENT where it is as if it were not there. Raises
    Inapplicable."""
    if taking is Taking.MISSING and field.root == "event":
        raise Inapplicable  # it would be another kind of event
    try:
        if taking is Taking.DEFAULT:
            other = default_of(field)
            _needs(other is not ABSENT and value is not ABSENT)
        else:
            other = _TAKES[taking](value, field.kind)
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError) as error:
        raise Inapplicable from error
    if type(other) is type(value) and repr(other) == repr(value):
        raise Inapplicable
    return other


def _needs(is_it: bool) -> None:
    if not is_it:
        raise ValueError


def _missing(value: Any, _kind: str) -> Any:
    _needs(value is not ABSENT)
    return ABSENT


def _zero(_value: Any, kind: str) -> Any:
    return {"d": 0.0, "D": 0.0, "i": 0, "b": False, "t": "", "T": "", "r": 0}[kind]


def _number(value: Any, kind: str) -> Any:
    if isinstance(value, bool):
        return int(value) if kind in "ir" else float(value)
    _needs(isinstance(value, str))
    return int(value) if kind in "ir" else float(value)


def _flag(value: Any, kind: str) -> Any:
    _needs(kind == "b" and value is not ABSENT)
    return bool(value)


def _spelt(value: Any, _kind: str) -> Any:
    texts = {"BUY": "buy", "SELL": "sell", "ENTRY": "entry", "EXIT": "exit", "A": "A", "B": "B",
             "UP": "up", "DOWN": "down"}  # fmt: skip
    return texts[value.upper()]


def _cut(value: Any, _kind: str) -> Any:
    _needs(isinstance(value, float))
    return math.trunc(value)


def _rounded(value: Any, _kind: str) -> Any:
    _needs(isinstance(value, float))
    return round(value)


def _through_double(value: Any, kind: str) -> Any:
    """A loose core keeps an int where the field is a double; in an int there is room for less."""
    _needs(isinstance(value, int) and not isinstance(value, bool))
    double = float(value)
    return double if kind in "dD" else max(-(2**63), min(2**63 - 1, int(double)))


def _single(value: Any, _kind: str) -> Any:
    _needs(isinstance(value, float))
    return struct.unpack("f", struct.pack("f", value))[0]


def _digits(count: int) -> Callable[[Any, str], Any]:
    def shorter(value: Any, _kind: str) -> Any:
        _needs(isinstance(value, float) and math.isfinite(value))
        return float(f"{value:.{count}g}")

    return shorter


def _as_text(value: Any, kind: str) -> Any:
    _needs(value is not ABSENT and kind in "tTem" and not isinstance(value, str))
    return str(value)


def _int_of(value: Any, kind: str) -> Any:
    _needs(isinstance(value, str) and kind in "ir")
    return int(value)


def _dropped(value: Any, kind: str) -> Any:
    _needs(kind == "o")
    return ABSENT


def _no_records(_value: Any, kind: str) -> Any:
    _needs(kind == "l")
    return []


def _largest(value: Any, _kind: str) -> Any:
    if isinstance(value, float):
        _needs(math.isinf(value))
        return math.copysign(1.7976931348623157e308, value)
    return max(-(2**63), min(2**63 - 1, value))


_TAKES: Final[Mapping[Taking, Callable[[Any, str], Any]]] = {
    Taking.MISSING: _missing,
    Taking.NULL: lambda v, _: None,
    Taking.NAN: lambda v, _: math.nan,
    Taking.ZERO: _zero,
    Taking.EMPTY_TEXT: lambda v, _: "",
    Taking.NUMBER: _number,
    Taking.FLAG: _flag,
    Taking.SPELT: _spelt,
    Taking.TRIMMED: lambda v, _: v.strip(),
    Taking.CUT: _cut,
    Taking.ROUNDED: _rounded,
    Taking.THROUGH_DOUBLE: _through_double,
    Taking.SINGLE: _single,
    Taking.FIFTEEN: _digits(15),
    Taking.SEVENTEEN: _digits(6),
    Taking.TEXT: _as_text,
    Taking.DIGITS: _int_of,
    Taking.DROPPED: _dropped,
    Taking.NO_RECORDS: _no_records,
    Taking.LARGEST: _largest,
}

VALUES: Final = (
    Taking.MISSING,
    Taking.DEFAULT,
    *(one for one in _TAKES if one is not Taking.MISSING),
)
"""The takings that make another value."""
