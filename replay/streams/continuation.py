"""Whether a state is one that a slot went on to: how slots are told apart where nobody names them.

Between two transitions a bot patches some fields of a state (ids, flags, removed orders), and never
the others. So a state goes on from an earlier one where those others are equal, and its orders do
not speak against it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from replay.streams.model import STATE_FIELDS

_PATCHED_BY_THE_BOT = frozenset(
    ("orders", "recovery_orders", "completed_cycles", "next_order_id", "long_only", "short_only",
     "mode_source", "profit_pct_runtime")
)  # fmt: skip
"""Ids from the exchange, removed and added orders, mode flags, the profit. The history is left
out for its size only; its length counts."""

KEY_FIELDS = tuple(name for name in STATE_FIELDS if name not in _PATCHED_BY_THE_BOT)

Key: TypeAlias = tuple[Any, ...]
Orders: TypeAlias = dict[tuple[int, str, float], str]


def key_of(state: Any) -> Key:
    """What the bot does not patch: equal in a predicted state and the one that came of it."""
    return (*(getattr(state, name) for name in KEY_FIELDS), len(state.completed_cycles))


def orders_of(state: Any) -> Orders:
    """The exchange id of each order and recovery, by what stays the same in its life."""
    orders: Orders = {
        (order.local_id, order.side, order.price): order.txid for order in state.orders
    }
    for recovery in state.recovery_orders:
        orders[(-recovery.recovery_id, recovery.side, recovery.price)] = recovery.txid
    return orders


def overlap(predicted: Orders, seen: Orders) -> int:
    """How much speaks for `seen` being `predicted` after a patch; below zero: another slot's.

    An order with the same id, side and price speaks for it, the same exchange id more so, and
    another exchange id, which never changes, against it.
    """
    if not predicted or not seen:
        return 0
    common = predicted.keys() & seen.keys()
    score = 0 if common else -1
    for order in common:
        score += 1
        if predicted[order] and seen[order]:
            score += 2 if predicted[order] == seen[order] else -4
    return score
