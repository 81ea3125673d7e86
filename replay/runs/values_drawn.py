"""Which values inputs took in a run, as far as a bound has to know: none but one, or its default.

A bound speaks of what was drawn. A setting that had one value all along, or a field that was never
left to its default, could be wrong for any other and no step would have shown it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import NamedTuple
from zlib import crc32

from replay.core import CycleRecord, EngineConfig, OrderState, PairState, RecoveryOrder
from replay.streams.model import STATE_FIELDS, Document, Start

DEFAULT = -1
"""Stands for a field that a document left out."""

ENOUGH = 3
"""Values that are kept of each field: the default and two others say that it is no constant."""

Values = dict[str, tuple[int, ...]]
"""By field (`config.entry_pct`, `state.orders[].txid`): some of the values that it took, as numbers
that stand for them."""

_CONFIG = tuple(field.name for field in fields(EngineConfig))
_RECORDS = {
    "orders": OrderState,
    "recovery_orders": RecoveryOrder,
    "completed_cycles": CycleRecord,
}


class Alone(NamedTuple):
    """Inputs that bounds say little of: those that never had another value, and those that were
    never left to their default."""

    one_value: tuple[str, ...]
    never_default: tuple[str, ...]


def seen_in_start(start: Start) -> Iterator[tuple[str, int]]:
    """The values of a stream's first documents."""
    yield from seen_in_config(start.config)
    yield "order_size_usd", _number(start.order_size_usd)
    yield "order_sizes", DEFAULT if start.order_sizes is None else _number(start.order_sizes)
    state = start.state
    if not isinstance(state, Mapping):
        return
    for name in STATE_FIELDS:
        if name not in _RECORDS:
            yield f"state.{name}", _number(state[name]) if name in state else DEFAULT
            continue
        records = state.get(name, ())
        first = records[0] if isinstance(records, list | tuple) and records else None
        if isinstance(first, Mapping):
            for field in fields(_RECORDS[name]):
                value = _number(first[field.name]) if field.name in first else DEFAULT
                yield f"state.{name}[].{field.name}", value


def seen_in_config(config: Document) -> Iterator[tuple[str, int]]:
    """The values of settings."""
    if isinstance(config, Mapping):
        for name in _CONFIG:
            yield f"config.{name}", _number(config[name]) if name in config else DEFAULT


def note(values: Values, seen: Iterable[tuple[str, int]]) -> None:
    """Notes values."""
    for name, value in seen:
        former = values.get(name, ())
        if value not in former:
            values[name] = _kept({*former, value})


def add(values: Values, others: Values) -> None:
    """Adds values seen elsewhere; in which order things are added makes no difference."""
    for name, some in others.items():
        former = values.get(name, ())
        if some != former:
            values[name] = _kept({*former, *some})


def alone(values: Values) -> Alone:
    """What follows for the bounds."""
    return Alone(
        tuple(sorted(name for name, some in values.items() if len({*some} - {DEFAULT}) < 2
                     and not _is_flag(name, some))),
        tuple(sorted(name for name, some in values.items()
                     if DEFAULT not in some and name in _HAVING_DEFAULTS)),
    )  # fmt: skip


def _kept(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(values)[:ENOUGH])


def _number(value: Document) -> int:
    return crc32(repr(value).encode("utf-8", "backslashreplace"))


def _is_flag(name: str, values: Sequence[int]) -> bool:
    """Whether a field of two values was left to its default and had the other one."""
    return len(values) > 1 and name in _FLAGS


_DEFAULTED = {
    **{f"config.{field.name}": field for field in fields(EngineConfig)},
    **{f"state.{field.name}": field for field in fields(PairState)},
    **{f"state.{top}[].{field.name}": field for top, kind in _RECORDS.items()
       for field in fields(kind)},
}  # fmt: skip
_HAVING_DEFAULTS = {
    "order_sizes",
    *("state.market_price", "state.now"),
    *(name for name, field in _DEFAULTED.items() if field.default is not MISSING),
}
_FLAGS = {name for name, field in _DEFAULTED.items() if isinstance(field.default, bool)}
