"""The objects of a Python core as compact values, and which of them a tick changes."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from replay.streams.model import (
    CYCLE_FIELDS,
    CYCLES,
    ORDER_FIELDS,
    ORDERS,
    RECOVERIES,
    RECOVERY_FIELDS,
    STATE_FIELDS,
)
from replay.targets.compact import History, Plain

values_of = attrgetter(*STATE_FIELDS)
HOT = ("market_price", "now", "last_price_update_at")
hot_of = attrgetter(*HOT)
rest_of = attrgetter(*(name for name in STATE_FIELDS if name not in HOT))
LAST_UPDATE = STATE_FIELDS.index("last_price_update_at")
_order_values = attrgetter(*ORDER_FIELDS)
_recovery_values = attrgetter(*RECOVERY_FIELDS)
_cycle_values = attrgetter(*CYCLE_FIELDS)
LISTS = (ORDERS, RECOVERIES, CYCLES)


def compact_list(index: int, former: tuple[Any, ...], records: tuple[Any, ...]) -> list[Any]:
    """A list of records as a delta has it; of the history what follows its common start."""
    if index == ORDERS:
        return [_order_values(order) for order in records]
    if index == RECOVERIES:
        return [_recovery_values(recovery) for recovery in records]
    keep = _common_start(former, records)
    return [keep, [_cycle_values(record) for record in records[keep:]]]


def plain_of(state: Any) -> Plain:
    """The plain form of a core's own state object (compact.py)."""
    plain: Plain = list(values_of(state))
    for index, of_record in ((ORDERS, _order_values), (RECOVERIES, _recovery_values)):
        plain[index] = [of_record(record) for record in plain[index]]
    plain[CYCLES] = History(_cycle_values(record) for record in plain[CYCLES])
    return plain


def _common_start(old: tuple[Any, ...], new: tuple[Any, ...]) -> int:
    """How many records at the start of the history are still what they were."""
    if new[: len(old)] == old:
        return len(old)
    count = 0
    for former, record in zip(old, new, strict=False):
        if former != record:
            break
        count += 1
    return count
