"""An authority that is kind to whatever it reads: numbers out of texts, enumerations that are
texts as well, whole numbers for what is whole, None for what it cannot make out."""

from __future__ import annotations

import dataclasses
import math
from enum import IntEnum, StrEnum
from typing import Any

from replay.core import *  # noqa: F403
from replay.core import CycleRecord, OrderState, PairState, RecoveryOrder
from replay.core import transition as _transition


class OrderSide(StrEnum):
    BUY = "buy"
    SELL = "sell"


class Regime(IntEnum):
    BEARISH = 0
    RANGING = 1
    BULLISH = 2


_LISTS = {"orders": OrderState, "recovery_orders": RecoveryOrder, "completed_cycles": CycleRecord}


def _number(value: Any, default: Any, is_whole: bool) -> Any:
    """A number; None where it is neither one nor nothing."""
    if value is None or value == "":
        return default
    try:
        read = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(read) if is_whole and math.isfinite(read) else read


def _value(field: Any, document: Any) -> Any:
    value = document.get(field.name)
    default = 0 if field.default is dataclasses.MISSING else field.default
    if field.name == "side":
        return OrderSide.SELL if str(value).strip().lower() == "sell" else OrderSide.BUY
    if field.name == "regime_at_entry":
        known = {regime.name.lower(): regime for regime in Regime}
        return known.get(str(value).strip().lower())
    kind = str(field.type)
    if "bool" in kind:
        return value not in (None, 0, "", "false", "0")
    if "float" in kind or "int" in kind:
        return _number(value, default, "int" in kind)
    return str(value) if value is not None else ("" if default == 0 else default)


def _record(its_class: Any, document: Any) -> Any:
    return its_class(**{f.name: _value(f, document) for f in dataclasses.fields(its_class)})


def from_dict(data: Any) -> Any:  # type: ignore[no-redef]
    """A state, of anything that is a mapping."""
    lists: dict[str, Any] = {}
    for name, its_class in _LISTS.items():
        given = data.get(name)
        entries = given if isinstance(given, list) else []
        lists[name] = tuple(_record(its_class, one) for one in entries if isinstance(one, dict))
    plain = {
        field.name: _value(field, data)
        for field in dataclasses.fields(PairState)
        if field.name not in _LISTS
    }
    return PairState(**plain, **lists)


def transition(  # type: ignore[no-redef]
    state: Any, event: Any, config: Any, size: Any, sizes: Any = None
) -> Any:
    """A step; an event that cannot be computed changes nothing."""
    try:
        return _transition(state, event, config, size, sizes)
    except (TypeError, AttributeError):
        return state, ()
