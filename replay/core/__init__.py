"""The Python core: the state machine of docs/contract/reducer.md, pure, standard library only.

Its names are those of the live bot's own module, so that either can be plugged in; reading
documents (`event_from_dict` and its kin), `patch_state` and the errors are ours. No I/O, no clock,
nothing of the other core. Begin with `reducer.py`.
"""

from .codec import (
    action_to_dict,
    config_from_dict,
    config_to_dict,
    event_from_dict,
    event_to_dict,
    from_dict,
    order_size_from,
    order_sizes_from,
    patch_state,
    to_dict,
)
from .helpers import (
    add_entry_order,
    apply_order_regime_at_entry,
    apply_order_txid,
    apply_recovery_txid,
    bootstrap_orders,
    remove_order,
    remove_recovery,
)
from .invariants import check_invariants
from .numbers import compute_order_volume
from .phase import derive_phase
from .records import (
    Action,
    BookCycleAction,
    CancelOrderAction,
    CycleRecord,
    EngineConfig,
    Event,
    FillEvent,
    OrderState,
    OrphanOrderAction,
    PairState,
    Phase,
    PlaceOrderAction,
    PriceTick,
    RecoveryCancelEvent,
    RecoveryFillEvent,
    RecoveryOrder,
    Role,
    Side,
    TimerTick,
    TradeId,
)
from .reducer import find_order, transition
from .refusals import CoreError, UnknownEventError, UnreadableError

CORE_VERSION = "0.1.0"

__all__ = [
    "CORE_VERSION",
    "Action",
    "BookCycleAction",
    "CancelOrderAction",
    "CoreError",
    "CycleRecord",
    "EngineConfig",
    "Event",
    "FillEvent",
    "OrderState",
    "OrphanOrderAction",
    "PairState",
    "Phase",
    "PlaceOrderAction",
    "PriceTick",
    "RecoveryCancelEvent",
    "RecoveryFillEvent",
    "RecoveryOrder",
    "Role",
    "Side",
    "TimerTick",
    "TradeId",
    "UnknownEventError",
    "UnreadableError",
    "action_to_dict",
    "add_entry_order",
    "apply_order_regime_at_entry",
    "apply_order_txid",
    "apply_recovery_txid",
    "bootstrap_orders",
    "check_invariants",
    "compute_order_volume",
    "config_from_dict",
    "config_to_dict",
    "derive_phase",
    "event_from_dict",
    "event_to_dict",
    "find_order",
    "from_dict",
    "order_size_from",
    "order_sizes_from",
    "patch_state",
    "remove_order",
    "remove_recovery",
    "to_dict",
    "transition",
]
