"""Sorts that depend on the field as well as on the value: what the contract refuses there.

The widest statements about two readers are of these: one takes whatever comes, the other refuses
what is of another type than the field's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from replay.explaining.causes.leaves import ABSENT, Field, default_of
from replay.explaining.causes.value_sorts import Sort, is_beyond_doubles, is_number

_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "side": ("buy", "sell"), "role": ("entry", "exit"), "trade_id": ("A", "B"),
}  # fmt: skip

_MORE_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "last_refresh_direction_a": ("up", "down"), "last_refresh_direction_b": ("up", "down"),
}  # fmt: skip
"""What other texts mean anything: a reader need not refuse all else."""

_INFINITIES: Final = (math.inf, -math.inf)

_FREE: Final = (("state", "", "market_price"), ("state", "", "now"))
"""Fields without a default that may be missing all the same."""


_IS_OF_TYPE: Final[Mapping[str, Callable[[Any], bool]]] = {
    "d": is_number,
    "D": lambda value: value is None or is_number(value),
    "i": is_number,
    "b": lambda value: isinstance(value, bool),
    "t": lambda value: isinstance(value, str),
    "T": lambda value: value is None or isinstance(value, str),
    "e": lambda value: isinstance(value, str),
    "l": lambda value: isinstance(value, list | tuple),
}
"""The types of fields by kind; of all others anything can be read."""


def _is_of_another_type(field: Field, value: Any) -> bool:
    is_of_type = _IS_OF_TYPE.get(field.kind)
    return value is not ABSENT and is_of_type is not None and not is_of_type(value)


def _is_no_such_text(field: Field, value: Any) -> bool:
    return field.kind == "e" and isinstance(value, str) and value not in _TEXTS.get(field.name, ())


def _means_nothing(field: Field, value: Any) -> bool:
    """A text that means nothing to the contract there, whether it is refused or not."""
    known = _MORE_TEXTS.get(field.name)
    is_foreign = known is not None and isinstance(value, str) and value not in known
    return is_foreign or _is_no_such_text(field, value)


def _is_out_of_range(field: Field, value: Any) -> bool:
    """No int of 64 bits, or none at all."""
    if field.kind != "i" or not is_number(value):
        return False
    is_whole = isinstance(value, int) or value.is_integer()
    return not is_whole or not -(2**63) <= value < 2**63


def _is_refused(field: Field, value: Any) -> bool:
    return (
        _is_of_another_type(field, value)
        or _is_no_such_text(field, value)
        or _is_out_of_range(field, value)
        or (field.kind in "dD" and is_beyond_doubles(value))
    )


def _is_needed(field: Field, value: Any) -> bool:
    """Missing, where the record has no default for it."""
    return (
        value is ABSENT
        and field.root in ("state", "config")
        and field.kind not in "ol?"
        and field[:3] not in _FREE
        and default_of(field) is ABSENT
    )


def _said(field: Field, value: Any) -> float | None:
    """The number that a loose reader has of a field for numbers: texts may say one, too."""
    if field.kind not in "dDi" or isinstance(value, bool):
        return None
    if isinstance(value, float | int):
        return value
    if not isinstance(value, str) or not value:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _is_said_infinity(field: Field, value: Any) -> bool:
    number = _said(field, value)
    return number is not None and number in _INFINITIES


def _is_said_nan(field: Field, value: Any) -> bool:
    number = _said(field, value)
    return number is not None and number != number


def _is_said_negative(field: Field, value: Any) -> bool:
    number = _said(field, value)
    return number is not None and number < 0


FIELD_SORTS: Final[Mapping[Sort, Callable[[Field, Any], bool]]] = {
    Sort.UNREADABLE: _is_refused,
    Sort.OTHER_TYPE: _is_of_another_type,
    Sort.NO_SUCH_TEXT: _means_nothing,
    Sort.OUT_OF_RANGE: _is_out_of_range,
    Sort.NEEDED: _is_needed,
    Sort.SAID_INFINITY: _is_said_infinity,
    Sort.SAID_NAN: _is_said_nan,
    Sort.SAID_NEGATIVE: _is_said_negative,
}
