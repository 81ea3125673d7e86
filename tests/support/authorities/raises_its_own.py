"""An authority that checks nothing when it reads, and raises errors of its own with odd texts."""

from __future__ import annotations

import dataclasses
from typing import Any

from replay.core import *  # noqa: F403
from replay.core import (
    CycleRecord,
    OrderState,
    PairState,
    RecoveryOrder,
)
from replay.core import check_invariants as _check_invariants
from replay.core import transition as _transition


class BotError(Exception):
    """Says what happened in a text that no terminal and no database would like."""

    def __init__(self, about: object) -> None:
        super().__init__(about)
        self.about = about

    def __str__(self) -> str:
        return f"\x1b[31m{type(self.about).__name__}\ud800\0\r\n at {object()!r} {self.about!r}"


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("has no words")


def _record(its_class: Any, document: Any) -> Any:
    known = {field.name for field in dataclasses.fields(its_class)}
    return its_class(**{name: value for name, value in document.items() if name in known})


def from_dict(data: Any) -> Any:  # type: ignore[no-redef]
    """A state of whatever values are there."""
    try:
        lists = {
            name: tuple(_record(its_class, one) for one in data.pop(name, ()))
            for name, its_class in (
                ("orders", OrderState),
                ("recovery_orders", RecoveryOrder),
                ("completed_cycles", CycleRecord),
            )
        }
        defaults = {"market_price": 0.0, "now": 0.0}
        return _record(PairState, {**defaults, **data, **lists})
    except Exception as error:
        raise BotError(error) from error


def transition(  # type: ignore[no-redef]
    state: Any, event: Any, config: Any, size: Any, sizes: Any = None
) -> Any:
    try:
        return _transition(state, event, config, size, sizes)
    except Exception as error:
        raise BotError(error) from error


def check_invariants(state: Any) -> Any:  # type: ignore[no-redef]
    try:
        return _check_invariants(state)
    except Exception as error:
        raise MuteError from error
