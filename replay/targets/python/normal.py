"""The one form in which a Python core's values are compared: what JSON would make of them.

A bot's module may hold enumerations for sides, numbers of some library, Decimals or records where
the contract has plain values. Its shadow only ever sees the serialised form of these, so this form
is what is compared, stored and sent. Nothing here judges a value: an odd one stays as odd as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from numbers import Integral, Number
from types import NoneType
from typing import Any

from replay.targets.base import MISSING
from replay.targets.python.raised import RAISED, kept_text

PLAIN = frozenset((float, int, str, bool, NoneType))
"""The types that are what they seem to be."""


def normal(value: Any) -> Any:
    """A value as JSON has it: a bool, int, float, text, None, a list or a dict of such.

    An enumeration is its value, a text or number of a class of its own the plain one, a Decimal or
    any other number the nearest double (an int where it is integral), an array or set a list, a
    record a dict of its fields. What has no form in JSON at all is a text that shows it. Raises
    RecursionError for what holds itself.
    """
    if type(value) in PLAIN or value is MISSING:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__pos__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    if isinstance(value, Enum):
        return normal(value.value)
    if isinstance(value, Mapping):
        return {_key(name): normal(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [normal(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(normal, value), key=repr)
    return _foreign(value)


def normal_values(values: Sequence[Any]) -> Sequence[Any]:
    """The values of a record in their normal form: the very same where they are plain."""
    return values if PLAIN.issuperset(map(type, values)) else tuple(map(normal, values))


def normal_texts(violations: Iterable[Any]) -> list[Any]:
    """What check_invariants answered, as a list. Raises TypeError where it is none."""
    if type(violations) is not list and isinstance(violations, (str, Mapping)):
        raise TypeError(f"violations are a {type(violations).__name__}")
    return [*map(normal, violations)]


def alike(one: Any, other: Any) -> bool:
    """Whether a core's values say themselves that they are equal. What cannot say it is not."""
    try:
        return bool(one == other)
    except RAISED:  # an array, or a class of the module's own
        return False


def _key(name: Any) -> str:
    """A key of an object, as the json module writes it."""
    name = normal(name)
    if isinstance(name, str):
        return name
    if name is None or isinstance(name, bool):
        return {None: "null", True: "true", False: "false"}[name]
    return repr(name)


def _foreign(value: Any) -> Any:
    """A value of a class that JSON knows nothing of."""
    if isinstance(value, type):
        return _shown(value)
    try:
        if isinstance(value, Number):
            return int(value) if isinstance(value, Integral) else float(value)  # type: ignore[arg-type]
        if callable(getattr(value, "tolist", None)):  # arrays, and what numbers they are made of
            listed = value.tolist()
            return float(listed) if type(listed) is type(value) else normal(listed)
        if dataclasses.is_dataclass(value):
            return {f.name: normal(getattr(value, f.name)) for f in dataclasses.fields(value)}
    except RecursionError:
        raise
    except RAISED:  # the module's own code, or a number beyond all doubles
        pass
    return _shown(value)


def _shown(value: Any) -> str:
    """A text for what has no other form: the same each time."""
    try:
        text = repr(value)
    except RAISED:
        text = "(cannot be shown)"
    return kept_text(f"{type(value).__name__} {text}")
