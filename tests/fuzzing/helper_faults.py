"""Faults planted in the helpers around the reducer, each in a module that is our core otherwise."""

from __future__ import annotations

from pathlib import Path

HELPER_FAULTS: dict[str, str] = {
    "bootstrap_orders": """
def bootstrap_orders(state, cfg, size, allow_long_only=True, allow_short_only=True):
    after, actions, orders = core.bootstrap_orders(state, cfg, size, True, allow_short_only)
    return after, actions, orders
""",
    "add_entry_order": """
def add_entry_order(state, cfg, side, trade_id, cycle, size, reason="manual"):
    other = replace(state, cooldown_until_a=state.cooldown_until_b)
    if trade_id == "A" and state.now < other.cooldown_until_a:
        return state, None
    return core.add_entry_order(state, cfg, side, trade_id, cycle, size, reason)
""",
    "apply_order_txid": """
def apply_order_txid(state, local_id, txid):
    return core.apply_order_txid(state, local_id, txid.strip())
""",
    "apply_recovery_txid": """
def apply_recovery_txid(state, recovery_id, txid):
    return state if not txid else core.apply_recovery_txid(state, recovery_id, txid)
""",
    "remove_order": """
def remove_order(state, local_id):
    orders = list(state.orders)
    for place, order in enumerate(orders):
        if order.local_id == local_id:
            del orders[place]
            break
    return replace(state, orders=tuple(orders))
""",
    "remove_recovery": """
def remove_recovery(state, recovery_id):
    after = core.remove_recovery(state, recovery_id)
    return after if after.recovery_orders else state
""",
    "find_order": """
def find_order(state, local_id):
    return core.find_order(replace(state, orders=state.orders[::-1]), local_id)
""",
    "compute_order_volume": """
def compute_order_volume(price, cfg, size):
    volume = core.compute_order_volume(price, cfg, size)
    return volume if volume is None or volume > cfg.min_volume else None
""",
    "derive_phase": """
def derive_phase(state):
    phase = core.derive_phase(state)
    return "S1a" if phase == "S2" and state.s2_entered_at is None else phase
""",
    "to_dict": """
def to_dict(state):
    return {name: value for name, value in core.to_dict(state).items() if value is not None}
""",
}
"""By the helper: what replaces it. Each is wrong in some cases only."""


def faulty_core(directory: Path, helper: str) -> Path:
    """A module in which that helper has its fault."""
    file = directory / f"faulty_{helper}.py"
    file.write_text(
        '"""Our core, but for one helper."""\n'
        "from dataclasses import replace\n"
        "import replay.core as core\n"
        f"from replay.core import *\n{HELPER_FAULTS[helper]}"
    )
    return file
