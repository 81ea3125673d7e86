"""The state of an authority that is not our core, as the generator can rely on it.

A bot's module or an executable may hold anything in any field. What generates from a state does
arithmetic with it and compares it, so here, and only here, each value becomes what its field is
for: a figure, a text, a bool. What is none becomes nothing: 0, "", False, or None where the field
may be null. The authority's own values are only in the snapshot, which a bot would save.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from replay.core import CycleRecord, OrderState, PairState, RecoveryOrder
from replay.fuzzing.step_source import CycleView, OrderView, RecoveryView
from replay.streams.model import STATE_FIELDS
from replay.targets.base import MISSING
from replay.targets.python.normal import normal
from replay.targets.python.raised import RAISED

_Read = Callable[[Any], Any]


def figure(value: Any) -> float | None:
    """A value as a double; None where it is no number."""
    if isinstance(value, float):
        return value
    if not isinstance(value, int):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _double(value: Any) -> float:
    return figure(value) or 0.0


def _whole(value: Any) -> int:
    if isinstance(value, float):
        return int(value) if value.is_integer() else 0
    return int(value) if isinstance(value, int) else 0


def _whole_or_none(value: Any) -> int | None:
    return None if figure(value) is None else _whole(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _id(value: Any) -> Any:
    """An id as the authority has it, so that what names it meets its record."""
    return value if isinstance(value, int | float | str) else 0


_READERS: Mapping[Any, _Read] = {
    float: _double,
    float | None: figure,
    int: _whole,
    int | None: _whole_or_none,
    bool: lambda value: value is True,
    str | None: lambda value: value if isinstance(value, str) else None,
}
_IDS = ("local_id", "recovery_id")


def _readers(record: Any) -> dict[str, _Read]:
    return {
        field.name: _id if field.name in _IDS else _READERS.get(field.type, _text)
        for field in dataclasses.fields(record)
    }


_OF_STATE = _readers(PairState)
_LISTS: Mapping[str, tuple[Any, Mapping[str, _Read]]] = {
    "orders": (OrderView, _readers(OrderState)),
    "recovery_orders": (RecoveryView, _readers(RecoveryOrder)),
    "completed_cycles": (CycleView, _readers(CycleRecord)),
}


class ForeignState:
    """A state to generate from (a StateView): every field of STATE_FIELDS, as its kind says.

    Fields are looked at when they are asked for, so that a long history costs nothing.
    """

    def __init__(self, state: Any) -> None:
        self._state = state

    def __getattr__(self, name: str) -> Any:
        if name not in _OF_STATE or name in _LISTS:
            raise AttributeError(name)
        value = self.__dict__[name] = _OF_STATE[name](_field(self._state, name))
        return value

    @cached_property
    def orders(self) -> Sequence[Any]:
        """The orders, as OrderView."""
        return self._records("orders")

    @cached_property
    def recovery_orders(self) -> Sequence[Any]:
        """The recoveries, as RecoveryView."""
        return self._records("recovery_orders")

    @cached_property
    def completed_cycles(self) -> Sequence[Any]:
        """The history, as CycleView."""
        return self._records("completed_cycles")

    def _records(self, name: str) -> Sequence[Any]:
        view, readers = _LISTS[name]
        return tuple(
            view(*(read(_field(record, field)) for field, read in readers.items()))
            for record in _listed(self._state, name)
        )

    def document(self) -> dict[str, Any]:
        """The state as JSON has it, with the authority's own values: what a bot would save."""
        plain = _named(self._state, _OF_STATE)
        lists = {
            name: [_named(record, fields) for record in _listed(self._state, name)]
            for name, (_, fields) in _LISTS.items()
        }
        found = plain | lists
        return {name: found[name] for name in STATE_FIELDS}


def _named(record: Any, readers: Mapping[str, _Read]) -> dict[str, Any]:
    """A record's own values by name; nothing, as its kind says, for what is not there."""
    values = {name: _field(record, name) for name in readers if name not in _LISTS}
    return {
        name: readers[name](value) if value is MISSING else value for name, value in values.items()
    }


def _field(record: Any, name: str) -> Any:
    """A field in its normal form; MISSING where it is not there or cannot be looked at."""
    try:
        if isinstance(record, Mapping):
            return normal(record.get(name, MISSING))
        return normal(getattr(record, name, MISSING))
    except RAISED:  # the module's own code
        return MISSING


def _listed(state: Any, name: str) -> Sequence[Any]:
    try:
        records = getattr(state, name)
        return () if isinstance(records, str | Mapping) else tuple(records)
    except RAISED:  # no list, or the module's own code
        return ()
