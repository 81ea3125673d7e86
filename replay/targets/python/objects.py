"""The objects of a Python core as compact values, and which of them a tick changes.

What a module holds may be anything: each value is brought into its normal form (normal.py), and a
record may be an object with the fields or a mapping that has them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from replay.streams.model import CYCLES, ORDERS, RECORD_FIELDS, RECOVERIES, STATE_FIELDS
from replay.targets.compact import (
    ACTION_FIELDS,
    ACTION_NAMES,
    History,
    Plain,
    compact_action,
    compact_record,
)
from replay.targets.python.normal import alike, normal, normal_values

values_of = attrgetter(*STATE_FIELDS)
HOT = ("market_price", "now", "last_price_update_at")
hot_of = attrgetter(*HOT)
rest_of = attrgetter(*(name for name in STATE_FIELDS if name not in HOT))
LAST_UPDATE = STATE_FIELDS.index("last_price_update_at")
LISTS = (ORDERS, RECOVERIES, CYCLES)
_of_object: Mapping[int, Callable[[Any], tuple[Any, ...]]] = {
    index: attrgetter(*names) for index, names in RECORD_FIELDS.items()
}
_ACTIONS: Mapping[str, tuple[int, Callable[[Any], tuple[Any, ...]]]] = {
    name: (code, attrgetter(*fields))
    for code, (name, fields) in enumerate(zip(ACTION_NAMES, ACTION_FIELDS, strict=True))
}


def compact_list(index: int, former: Any, records: Any) -> list[Any]:
    """A list of records as a delta has it; of the history what follows its common start.

    Raises what the module's objects raise where they are no records.
    """
    if index != CYCLES:
        return _records(index, records)
    keep = _common_start(former, records)
    return [keep, _records(CYCLES, records[keep:] if keep else records)]


def is_as_it_was(index: int, former: Any, written: Any) -> bool:
    """Whether a delta would say of a field just what was there: for values and records of a module
    that cannot say themselves that they are equal."""
    if index == CYCLES:
        return bool(written == [len(former), []])
    before = _records(index, former) if index in LISTS else normal(former)
    return bool(before == written)


def compact_actions(actions: Sequence[Any]) -> list[Any]:
    """A core's actions. One that is no record of the contract's names, or of a class made from
    one, is told apart by its fields where it is a mapping; anything else is no action. Raises
    KeyError or what the module's objects raise.
    """
    compact: list[Any] = []
    for action in actions:
        known = _ACTIONS.get(type(action).__name__)
        if known is None:
            compact.append(_odd_action(action))
        else:
            code, values = known
            compact.append([code, *normal_values(values(action))])
    return compact


def plain_of(state: Any) -> Plain:
    """The plain form of a core's own state object (compact.py). Raises what its objects raise."""
    plain: Plain = list(values_of(state))
    for index, value in enumerate(plain):
        if index in LISTS:
            records = _records(index, value)
            plain[index] = History(records) if index == CYCLES else records
        else:
            plain[index] = normal(value)
    return plain


def _records(index: int, records: Any) -> list[Any]:
    if type(records) is not tuple and isinstance(records, (str, Mapping)):
        raise TypeError(f"{STATE_FIELDS[index]} is a {type(records).__name__}")
    of_object = _of_object[index]
    try:
        return [normal_values(of_object(record)) for record in records]
    except AttributeError:
        return [_record(index, record) for record in records]


def _record(index: int, record: Any) -> Any:
    if isinstance(record, Mapping):
        return compact_record(index, normal(record))
    return normal_values(_of_object[index](record))


def _odd_action(action: Any) -> Any:
    if isinstance(action, Mapping):
        compact = compact_action(normal(action))
        if isinstance(compact, list):
            return compact
    for base in type(action).__mro__:
        if base.__name__ in _ACTIONS:
            code, values = _ACTIONS[base.__name__]
            return [code, *normal_values(values(action))]
    raise KeyError(type(action).__name__)


def _common_start(old: Any, new: Any) -> int:
    """How many records at the start of the history are still what they were."""
    if alike(new[: len(old)], old):
        return len(old)
    count = 0
    for former, record in zip(old, new, strict=False):
        if not alike(former, record) and not alike(*_records(CYCLES, (former, record))):
            break
        count += 1
    return count
