"""A step in question, by the names of the contract: what it was given, what each core made of it.

The signature looks at a step field by field. Here are the views for that: one core's answer,
whatever it is like, and both answers with what they started from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from replay.differential.compare import action_code, equal
from replay.differential.settings_in_force import Settings
from replay.streams.model import (
    EVENT_FIELDS,
    HELPER_NAMES,
    ORDERS,
    RECOVERIES,
    Call,
    CallCode,
    code_of_document,
)
from replay.targets.base import Outcome, is_refusal
from replay.targets.compact import ACTION_FIELDS, INDEX_OF, Plain

PLACE, CANCEL, ORPHAN, BOOK = range(4)
"""The codes of actions."""


class Order(NamedTuple):
    """An order of a compact state, by the names of its fields (reducer.md, OrderState)."""

    local_id: int
    side: str
    role: str
    price: float
    volume: float
    trade_id: str
    cycle: int
    txid: str
    placed_at: float
    entry_price: float
    entry_fee: float
    entry_filled_at: float
    regime_at_entry: int | None


class Recovery(NamedTuple):
    """A recovery of a compact state, by the names of its fields (reducer.md, RecoveryOrder)."""

    recovery_id: int
    side: str
    price: float
    volume: float
    trade_id: str
    cycle: int
    entry_price: float
    orphaned_at: float
    entry_fee: float
    entry_filled_at: float
    txid: str
    reason: str
    regime_at_entry: int | None


class Answer:
    """One core's answer to a step; fields that its delta does not name are as they were. A refusal
    counts as an answer that changes nothing."""

    __slots__ = ("_before", "_delta", "actions", "refused")

    def __init__(self, outcome: Outcome, before: Plain) -> None:
        self._before = before
        self.refused = is_refusal(outcome)
        delta, actions, _ = ((), (), ()) if self.refused else outcome
        self._delta = dict(zip(delta[::2], delta[1::2], strict=True))
        self.actions: list[Any] = [action for action in actions if _is_action(action)]

    def __getitem__(self, name: str) -> Any:
        """A field of the state after the step; not for the history."""
        index = INDEX_OF[name]
        return self._delta.get(index, self._before[index])

    def changed(self, name: str) -> bool:
        """Whether a field has another value than before: a delta also names what was set from
        outside."""
        index = INDEX_OF[name]
        return index in self._delta and not equal(self._delta[index], self._before[index])

    @property
    def orders(self) -> list[Order]:
        """The orders after the step, as far as they are orders."""
        return _records(Order, self["orders"])

    @property
    def recoveries(self) -> list[Recovery]:
        """The recoveries after the step, as far as they are recoveries."""
        return _records(Recovery, self["recovery_orders"])

    def emitted(self, code: int) -> list[Any]:
        """The actions of a kind, in order."""
        return [action for action in self.actions if action[0] == code]


def _is_action(action: Any) -> bool:
    code = action_code(action)
    return code is not None and len(action) == len(ACTION_FIELDS[code]) + 1


def _records(kind: Any, values: Any) -> list[Any]:
    if not isinstance(values, list | tuple):
        return []
    fields = len(kind._fields)
    return [kind(*v) for v in values if isinstance(v, list | tuple) and len(v) == fields]


class Moment:
    """A step that differs: its call, the state before it, the settings in force and the answers of
    both cores, of which at most one is a refusal."""

    def __init__(
        self,
        call: Call,
        before: Plain,
        settings: Settings,
        authority: Outcome,
        shadow: Outcome,
    ) -> None:
        self.code, self.values = code_and_values(call)
        self.before = before
        self.settings = settings
        self.authority = Answer(authority, before)
        self.shadow = Answer(shadow, before)
        self.sides = (self.authority, self.shadow)

    @cached_property
    def orders(self) -> list[Order]:
        """The orders before the step."""
        return _records(Order, self.before[ORDERS])

    @cached_property
    def recoveries(self) -> list[Recovery]:
        """The recoveries before the step."""
        return _records(Recovery, self.before[RECOVERIES])

    def was(self, name: str) -> Any:
        """A field of the state before the step."""
        return self.before[INDEX_OF[name]]

    @property
    def now(self) -> float:
        """The time of the event, which every event has last; a helper goes by the state's."""
        if self.code in HELPER_NAMES:
            return self.was("now")  # type: ignore[no-any-return]
        time: float = self.values[-1]
        return time

    @property
    def market(self) -> float:
        """The market price that the step goes by."""
        own = self.code is CallCode.PRICE_TICK
        price: float = self.values[0] if own else self.was("market_price")
        return price

    def losses(self, trade: str) -> int:
        """A trade's losses in a row after the step. Asked only about what comes after they are
        counted, and where both cores agree on them."""
        losses: int = self.authority[f"consecutive_losses_{trade.lower()}"]
        return losses

    def is_new(self, order: Order) -> bool:
        """Whether an order was made in this step. Ids of damaged states may be taken already."""
        if all(order.local_id != former.local_id for former in self.orders):
            return True
        placed = [action[1] for side in self.sides for action in side.emitted(PLACE)]
        return order.local_id in placed and order not in self.orders


def code_and_values(call: Call) -> tuple[CallCode | None, Sequence[Any]]:
    """The code of a call and its values in order; None for an event of no known kind."""
    if isinstance(call, Mapping):
        code = code_of_document(call)
        return code, () if code is None else [call[name] for name in EVENT_FIELDS[code]]
    return CallCode(call[0]), call[1:]
