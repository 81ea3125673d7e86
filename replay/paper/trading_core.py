"""The core that the bot trades on: ours, or a bot's own module, with all the names a host needs."""

from __future__ import annotations

from typing import Any

import replay.core
from replay.errors import TargetError, UsageError
from replay.targets.python.module import locate_core
from replay.targets.python.private_import import Checkout
from replay.targets.python.raised import RAISED, told

NEEDED = (
    *("EngineConfig", "PairState"),
    *("PriceTick", "TimerTick", "FillEvent", "RecoveryFillEvent", "RecoveryCancelEvent"),
    *("PlaceOrderAction", "CancelOrderAction", "OrphanOrderAction", "BookCycleAction"),
    *("transition", "check_invariants", "derive_phase", "compute_order_volume", "find_order"),
    *("bootstrap_orders", "add_entry_order", "remove_order", "apply_order_txid"),
    *("apply_recovery_txid", "apply_order_regime_at_entry", "to_dict", "from_dict"),
)
"""Names of the bot's own module that the host uses (reducer.md, "Helpers around the reducer")."""


def load_core(spec: str) -> Any:
    """Our core for `python`, else the module at a `.py` file or of a dotted name.

    Raises UsageError where there is none, and TargetError where it cannot be loaded.
    """
    if spec == "python":
        return replay.core
    root, name = locate_core(spec)
    try:
        return Checkout(root).load(name)
    except (UsageError, TargetError):
        raise
    except RAISED as error:  # a bot's module may raise anything when imported
        raise TargetError(f"cannot load {spec}: {told(error)}", spec=spec) from error


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
