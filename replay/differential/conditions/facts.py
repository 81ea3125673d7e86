"""What a condition can ask about an occurrence: the facts, by the names that a person uses.

Made only where a split or an explanation asks, and then no more of it than is asked for: a state
with thousands of cycles is not turned into documents to compare one number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, overload

from replay.core import CoreError, EngineConfig, config_from_dict
from replay.differential.model import ABSENT, Difference
from replay.differential.signature.signature import erased, root_of, rule_at_work
from replay.streams.model import (
    EVENT_FIELDS,
    HELPER_FIELDS,
    ORDERS,
    RECORD_FIELDS,
    STATE_FIELDS,
    Call,
    CallCode,
    Document,
    Step,
    call_name,
)
from replay.targets.base import MISSING, Failure, StepResult, is_refusal
from replay.targets.compact import INDEX_OF, Plain
from replay.targets.cursor import settings_after

CONFIG_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(EngineConfig))
_NAMES: Mapping[CallCode, tuple[str, ...]] = {
    **EVENT_FIELDS,
    CallCode.APPLY_REGIME: ("local_id", "regime_at_entry"),
    **HELPER_FIELDS,
}
CALL_FIELDS: tuple[str, ...] = tuple(
    dict.fromkeys(name for names in _NAMES.values() for name in names)
)
DIFFERENCE_FIELDS = ("path", "field", "kind", "authority", "shadow")

FACT_NAMES: tuple[str, ...] = (
    *("event", "rule", "phase", "price", "market_price", "fields", "kinds", "differences"),
    *("authority", "shadow", "state", "config", "call"),
)
"""All names that a condition knows."""

_SIDE, _ROLE = 1, 2


class Fields(Mapping[str, Any]):
    """A record by its field names, whose values are only made when somebody asks.

    `title` is how messages call it; `get` gives a field's value.
    """

    __slots__ = ("_get", "_names", "title")

    def __init__(self, title: str, names: Sequence[str], get: Callable[[str], Any]) -> None:
        self.title = title
        self._names = names
        self._get = get

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Records(Sequence[Any]):
    """A list of records by their field names, each only made when somebody asks."""

    __slots__ = ("_names", "_records", "_title")

    def __init__(self, title: str, names: Sequence[str], records: Sequence[Any]) -> None:
        self._title = title
        self._names = names
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> Records: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return Records(self._title, self._names, self._records[place])
        return _record(f"{self._title}[{place}]", self._names, self._records[place])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | tuple | Records):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # as a list


def facts_of(
    call: Call,
    before: Plain | None,
    differences: Sequence[Difference],
    authority: StepResult,
    shadow: StepResult,
    config: Document = None,
) -> Mapping[str, Any]:
    """The facts of one occurrence, by FACT_NAMES (condition.py says what each of them is).

    `before` is the plain state that the call started from, None where none could be read, and
    `config` the document in force. `authority` and `shadow` are the two answers; where nothing
    differs (a core failed) the facts of those names are None.
    """
    root = root_of(differences) if differences else None
    return {
        "event": call_name(call),
        "rule": rule_at_work(call, before),
        "phase": phase_of(before),
        "price": _call_field(call, "price"),
        "market_price": None if before is None else before[INDEX_OF["market_price"]],
        "fields": [erased(difference.path) for difference in differences],
        "kinds": [str(difference.kind) for difference in differences],
        "differences": [_difference(difference) for difference in differences],
        "authority": None if root is None else _value(root.authority),
        "shadow": None if root is None else _value(root.shadow),
        "state": None if before is None else _state(before),
        "config": _config(config),
        "call": _call(call),
    }


def config_at(
    config: Document, steps: Sequence[Step], outcomes: Sequence[StepResult], place: int
) -> Document:
    """The config in force at the call of a step, given that before the first step and the
    authority's outcomes."""
    settings: dict[str, Document] = {"config": config}
    for step, outcome in zip(steps[: place + 1], outcomes[: place + 1], strict=True):
        if step.changes is not None and "config" in step.changes:
            answered = not isinstance(outcome, Failure) and not is_refusal(outcome)
            settings = settings_after(settings, step, answered=answered)
    return settings["config"]


def phase_of(before: Plain | None) -> str:
    """The phase of a plain state (reducer.md, "Phase"); empty where it is not known."""
    if before is None:
        return ""
    exits = {order[_SIDE] for order in before[ORDERS] if order[_ROLE] == "exit"}
    if "buy" in exits:
        return "S2" if "sell" in exits else "S1a"
    return "S1b" if "sell" in exits else "S0"


def _value(value: Any) -> Any:
    """A value of a difference; what is not there is None, and the kind tells that it is not."""
    return None if value is ABSENT or value is MISSING else value


def _difference(difference: Difference) -> Mapping[str, Any]:
    return {
        "path": difference.path,
        "field": erased(difference.path),
        "kind": str(difference.kind),
        "authority": _value(difference.authority),
        "shadow": _value(difference.shadow),
    }


def _state(before: Plain) -> Fields:
    def get(name: str) -> Any:
        index = INDEX_OF[name]
        value = _value(before[index])
        if index not in RECORD_FIELDS or not isinstance(value, Sequence):
            return value
        return Records(f"state.{name}", RECORD_FIELDS[index], value)

    return Fields("state", STATE_FIELDS, get)


def _record(title: str, names: Sequence[str], record: Any) -> Any:
    if not isinstance(record, Sequence) or len(record) != len(names):
        return record
    return Fields(title, names, lambda name: _value(record[names.index(name)]))


def _config(config: Document) -> Fields | None:
    """The settings in force with the defaults of what they leave out, as both cores read them;
    None where they cannot be read."""
    try:
        read = config_from_dict(config)
    except CoreError:
        return None
    return Fields("config", CONFIG_FIELDS, lambda name: getattr(read, name))


def _names_of(call: Call) -> tuple[str, ...]:
    if isinstance(call, Mapping):
        return tuple(name for name in CALL_FIELDS if name in call)
    return _NAMES.get(CallCode(call[0]), ())


def _call_field(call: Call, name: str) -> Any:
    if isinstance(call, Mapping):
        return call.get(name)
    names = _names_of(call)
    return call[1 + names.index(name)] if name in names else None


def _call(call: Call) -> Fields:
    title = f"call (a {call_name(call)})"
    return Fields(title, _names_of(call), lambda name: _call_field(call, name))
