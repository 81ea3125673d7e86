"""The core that the bot trades on: ours, or a bot's own module, with all the names a host needs."""

from __future__ import annotations

from typing import Any

from replay.errors import TargetError
from replay.shadow.state_machine import load_core

NEEDED = (
    *("EngineConfig", "PairState"),
    *("PriceTick", "TimerTick", "FillEvent", "RecoveryFillEvent", "RecoveryCancelEvent"),
    *("PlaceOrderAction", "CancelOrderAction", "OrphanOrderAction", "BookCycleAction"),
    *("transition", "check_invariants", "derive_phase", "compute_order_volume", "find_order"),
    *("bootstrap_orders", "add_entry_order", "remove_order", "apply_order_txid"),
    *("apply_recovery_txid", "apply_order_regime_at_entry", "to_dict", "from_dict"),
)
"""Names of the bot's own module that the host uses (reducer.md, "Helpers around the reducer")."""


def load_whole_core(spec: str) -> Any:
    """The module that `spec` names: `python` is our core, else a `.py` file or a dotted name.

    Raises UsageError where there is none, and TargetError where it cannot be loaded or lacks one
    of the names.
    """
    module = load_core(spec)
    missing = [needed for needed in NEEDED if not hasattr(module, needed)]
    if missing:
        raise TargetError(f"{spec} has no {', '.join(missing)}", spec=spec, missing=missing)
    return module
