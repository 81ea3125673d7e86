"""An authority that holds enumerations for sides, roles and trades, and Decimals for totals."""

from __future__ import annotations

from dataclasses import make_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from dressing import dressed, fields_of


class Word(Enum):
    BUY = "buy"
    SELL = "sell"
    ENTRY = "entry"
    EXIT = "exit"
    A = "A"
    B = "B"


_WORDS = {word.value: word for word in Word}
_TOTALS = ("total_profit", "total_settled_usd", "total_fees", "today_realized_loss")


def _record(name: str) -> Any:
    fields = [(f.name, Any, f) for f in fields_of(name)]
    copies = [(n, kind, _default(field)) for n, kind, field in fields]
    return make_dataclass(name, copies, frozen=True)


def _default(field: Any) -> Any:
    import dataclasses

    return dataclasses.field(default=field.default)


def _worn(name: str, value: Any) -> Any:
    if name in ("side", "role", "trade_id") and value in _WORDS:
        return _WORDS[value]
    if name in _TOTALS and type(value) is float:
        return Decimal(repr(value))
    return value


def _bare(value: Any) -> Any:
    if isinstance(value, Word):
        return value.value
    return float(value) if isinstance(value, Decimal) else value


globals().update(dressed(_record, _worn, _bare))
