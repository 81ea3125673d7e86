"""What a reader may take a value for, where the contract has it otherwise: refuses it, takes it for
missing, reads the number in a text. A closed set, which knows no core.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from replay.explaining.causes.leaves import ABSENT, Field, default_of
from replay.explaining.causes.value_sorts import (
    FLAGS_SAID,
    Sort,
    is_beyond_doubles,
    is_int,
    is_number,
    is_sort,
    number_begun,
)
from replay.explaining.editing.unreadable import unreadable


class Taking(StrEnum):
    """What is made of a value, each named as it stands in a sentence after "is"."""

    REFUSED = "refused"
    REFUSED_WHERE_READ = "refused where it is read"
    REFUSED_UNLESS_NOTHING = "refused where it is read, unless it counts as nothing"
    CRASH = "what the core ends on"
    HANG = "what the core hangs on"
    MISSING = "taken for missing"
    DEFAULT = "taken for the field's default"
    NULL = "taken for null"
    NAN = "taken for NaN"
    ZERO = "taken for nothing (0, false, an empty text)"
    EMPTY_TEXT = "taken for an empty text"
    NUMBER = "taken for the number that it says"
    NUMBER_BEGUN = "taken for the number that it begins with"
    HEXADECIMAL = "taken for the hexadecimal number that it says"
    FLAG = "taken for true or false"
    FLAG_SAID = "taken for the flag that it says"
    INFINITE = "taken for an infinity"
    UNSIGNED = "taken without its sign"
    WRAPPED_64 = "wrapped to 64 bits"
    WRAPPED_32 = "wrapped to 32 bits"
    SPELT = "taken whatever its case"
    TRIMMED = "trimmed"
    CUT = "cut to an int"
    ROUNDED = "rounded to an int"
    THROUGH_DOUBLE = "taken through a double"
    SINGLE = "taken as a 32-bit float"
    FIFTEEN = "written with 15 digits"
    SEVENTEEN = "written with 6 digits"
    TEXT = "taken as a text"
    JSON_TEXT = "put as a text (NaN, Infinity)"
    C_TEXT = "put as a text (nan, inf)"
    SMALL_LETTERS = "put in small letters"
    CAPITALS = "put in capitals"
    QUESTION_MARKS = "put with ? for what is beyond ASCII"
    NO_HALVES = "put with U+FFFD for half a character"
    DIGITS = "read as int() does"
    DROPPED = "dropped"
    NO_RECORDS = "taken for an empty list"
    LARGEST = "taken for the largest number of its kind"
    KEPT = "taken for the nearest that is not"
    FIELD = "taken for what another field says"
    VALUE = "taken for one value"


ENDS: Final = (Taking.REFUSED, Taking.CRASH, Taking.HANG)
"""What is no value: the core gives no answer."""

WHERE_READ: Final = (Taking.REFUSED_WHERE_READ, Taking.REFUSED_UNLESS_NOTHING)
"""What is refused when the core gets there. Of the second a core may ask before whether it counts
as anything, as `value or default` does."""

CONDITIONS: Final = (*ENDS, *WHERE_READ)
"""What a condition says."""


class Inapplicable(Exception):
    """A taking that says nothing of a value."""


def taken(taking: Taking, value: Any, field: Field) -> Any:
    """What a reader of a field makes of a value; ABSENT where it is as if it were not there. What
    is kept to a limit is nothing without it. Raises Inapplicable."""
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


def _unreadable(value: Any, _kind: str) -> Any:
    _needs(value is not ABSENT)
    return unreadable(value)


def _unreadable_unless_nothing(value: Any, _kind: str) -> Any:
    _needs(value is not ABSENT)
    return unreadable(value, counts=True)


def _zero(_value: Any, kind: str) -> Any:
    return {"d": 0.0, "D": 0.0, "i": 0, "b": False, "t": "", "T": "", "r": 0}[kind]


def _number(value: Any, kind: str) -> Any:
    if isinstance(value, bool):
        return int(value) if kind in "ir" else float(value)
    _needs(isinstance(value, str))
    return int(value) if kind in "ir" else float(value)


def _number_begun(value: Any, kind: str) -> Any:
    begun = number_begun(value)
    return float(begun) if kind in "dD" else int(re.match(r"[+-]?\d*", begun)[0])  # type: ignore[index]


def _hexadecimal(value: Any, kind: str) -> Any:
    _needs(is_sort(Sort.HEXADECIMAL_TEXT, value))
    number = int(value, 16)
    return number if kind in "ir" else float(number)


def _flag(value: Any, kind: str) -> Any:
    _needs(kind == "b" and value is not ABSENT)
    return bool(value)


def _infinite(value: Any, kind: str) -> Any:
    _needs(kind in "dD" and (is_beyond_doubles(value) or is_sort(Sort.HUGE, value)))
    return math.inf if value > 0 else -math.inf


def _unsigned(value: Any, _kind: str) -> Any:
    _needs(is_number(value))
    return abs(value)


def _wrapped(bits: int) -> Callable[[Any, str], Any]:
    def low(value: Any, kind: str) -> Any:
        _needs(is_int(value) and kind in "ir")
        half = 1 << (bits - 1)
        return (value + half) % (1 << bits) - half

    return low


def _json_text(value: Any, _kind: str) -> Any:
    _needs(is_number(value) or isinstance(value, bool))
    return json.dumps(value)


def _c_text(value: Any, _kind: str) -> Any:
    _needs(isinstance(value, float))
    return str(value)


def _no_halves(value: Any, _kind: str) -> Any:
    return "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in value)


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
    Taking.NUMBER_BEGUN: _number_begun,
    Taking.HEXADECIMAL: _hexadecimal,
    Taking.FLAG: _flag,
    Taking.FLAG_SAID: lambda v, _: FLAGS_SAID[v.strip().lower()],
    Taking.INFINITE: _infinite,
    Taking.UNSIGNED: _unsigned,
    Taking.WRAPPED_64: _wrapped(64),
    Taking.WRAPPED_32: _wrapped(32),
    Taking.SPELT: _spelt,
    Taking.TRIMMED: lambda v, _: v.strip(),
    Taking.CUT: _cut,
    Taking.ROUNDED: _rounded,
    Taking.THROUGH_DOUBLE: _through_double,
    Taking.SINGLE: _single,
    Taking.FIFTEEN: _digits(15),
    Taking.SEVENTEEN: _digits(6),
    Taking.TEXT: _as_text,
    Taking.JSON_TEXT: _json_text,
    Taking.C_TEXT: _c_text,
    Taking.SMALL_LETTERS: lambda v, _: v.lower(),
    Taking.CAPITALS: lambda v, _: v.upper(),
    Taking.QUESTION_MARKS: lambda v, _: v.encode("ascii", "replace").decode(),
    Taking.NO_HALVES: _no_halves,
    Taking.DIGITS: _int_of,
    Taking.DROPPED: _dropped,
    Taking.NO_RECORDS: _no_records,
    Taking.LARGEST: _largest,
    Taking.REFUSED_WHERE_READ: _unreadable,
    Taking.REFUSED_UNLESS_NOTHING: _unreadable_unless_nothing,
}

VALUES: Final = (
    Taking.MISSING,
    Taking.DEFAULT,
    *(one for one in _TAKES if one not in (Taking.MISSING, *WHERE_READ)),
)
"""The takings that make another value."""
