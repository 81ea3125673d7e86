"""Which entries a slot should have, and how it goes to one side and back: pure, on states alone.

A slot without the means for one of its two trades goes on with the other (reducer.md, "Invariants",
point 2): long_only where it only buys first, short_only where it only sells first.
"""

from __future__ import annotations

import dataclasses
from typing import Any


def missing_entries(core: Any, state: Any) -> list[tuple[str, str, int]]:
    """The entries that the phase wants but the state has not: (side, trade, cycle).

    Both in S0, the one on the exit's side in S1, none in S2; none for a trade in its cooldown or
    on a side that the slot's mode leaves out.
    """
    phase = core.derive_phase(state)
    if phase == "S2":
        return []
    there = {order.side for order in state.orders if order.role == "entry"}
    missing = []
    is_open_b = not state.short_only and state.now >= state.cooldown_until_b
    if phase != "S1b" and "buy" not in there and is_open_b:
        missing.append(("buy", "B", state.cycle_b))
    is_open_a = not state.long_only and state.now >= state.cooldown_until_a
    if phase != "S1a" and "sell" not in there and is_open_a:
        missing.append(("sell", "A", state.cycle_a))
    return missing


def one_sided(core: Any, state: Any, gone: str, source: str) -> tuple[Any, list[Any]]:
    """The state without entries on the side `gone`, and those entries, to be cancelled.

    `source` is why: `balance` or `regime`.
    """
    left = [order for order in state.orders if order.role == "entry" and order.side == gone]
    for order in left:
        state = core.remove_order(state, order.local_id)
    state = dataclasses.replace(
        state, long_only=gone == "sell", short_only=gone == "buy", mode_source=source
    )
    return state, left


def two_sided(state: Any) -> Any:
    """The state with both sides again; the missing entry is put back like any other."""
    return dataclasses.replace(state, long_only=False, short_only=False, mode_source="none")


def gone_side(state: Any) -> str:
    """The side on which a one-sided slot places no entries."""
    return "sell" if state.long_only else "buy"
