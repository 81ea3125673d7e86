"""An authority that reads states as bots do: with int(), float(), str() and bool(), some fields as
they come, and events and settings not at all. Whatever it takes has to be compared; it is not
wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

from replay.core import *  # noqa: F403
from replay.core import CycleRecord, OrderState, PairState, RecoveryOrder
from replay.core.codec import normalise_regime

_AS_THEY_COME = ("s2_entered_at", "last_price_update_at", "last_refresh_direction_a",
                 "last_refresh_direction_b")  # fmt: skip
_NO_TEXT = {"side": "buy", "role": "entry", "trade_id": "A", "reason": "stale"}
_LISTS = {"orders": OrderState, "recovery_orders": RecoveryOrder, "completed_cycles": CycleRecord}


def _value(field: Any, document: Any) -> Any:
    name, kind = field.name, str(field.type)
    default = 0 if field.default is dataclasses.MISSING else field.default
    if name == "regime_at_entry":
        return normalise_regime(document.get(name))
    if name in _AS_THEY_COME:
        return document.get(name)
    for word, read in (("float", float), ("bool", bool), ("int", int)):
        if word in kind:
            return read(document.get(name, default))
    return str(document.get(name) or _NO_TEXT.get(name, ""))


def _record(its_class: Any, document: Any) -> Any:
    return its_class(**{f.name: _value(f, document) for f in dataclasses.fields(its_class)})


def from_dict(data: Any) -> Any:  # type: ignore[no-redef]
    """A state, of nearly anything."""
    mode = str(data.get("mode_source") or "none").strip().lower()
    values: dict[str, Any] = {
        field.name: _value(field, data)
        for field in dataclasses.fields(PairState)
        if field.name not in (*_LISTS, "mode_source")
    }
    for name, its_class in _LISTS.items():
        entries = [one for one in data.get(name, ()) if isinstance(one, dict)]
        values[name] = tuple(_record(its_class, one) for one in entries)
    values.setdefault("total_settled_usd", values["total_profit"])
    return PairState(mode_source=mode if mode in ("balance", "regime") else "none", **values)
