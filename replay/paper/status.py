"""What the bot tells about itself: the document of `/api/status`, and a summary at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from replay.paper.paper_slot import Slot

MODE = "paper"
PAIR = "XDG/USD"

EVENTS = ("PriceTick", "TimerTick", "FillEvent", "RecoveryFillEvent", "RecoveryCancelEvent")
ACTIONS = ("PlaceOrderAction", "CancelOrderAction", "OrphanOrderAction", "BookCycleAction")
PHASES = ("S0", "S1a", "S1b", "S2")


def status_document(
    slots: Sequence[Slot], core: Any, metrics: Mapping[str, Any] | None, now: float, speed: float
) -> dict[str, Any]:
    """The status of a bot. `top_phase` is the first slot's; a slot before its first tick is left
    out. `metrics` is None while the shadow path starts."""
    shown = [slot_document(slot, core) for slot in slots if slot.state is not None]
    return {
        "mode": MODE,
        "pair": PAIR,
        "top_phase": shown[0]["phase"] if shown else "S0",
        "state_machine_shadow": metrics,
        "slots": shown,
        "clock": {"now": now, "speed": speed},
    }


def slot_document(slot: Slot, core: Any) -> dict[str, Any]:
    """One slot for people."""
    state = slot.state
    flags = [name for name in ("long_only", "short_only") if getattr(state, name)]
    if flags:
        flags.append(state.mode_source)
    return {
        "slot": slot.number,
        "phase": core.derive_phase(state),
        "price": state.market_price,
        "orders": [
            {
                "id": order.local_id,
                "side": order.side,
                "role": order.role,
                "trade": order.trade_id,
                "price": order.price,
                "volume": order.volume,
                "txid": order.txid,
            }
            for order in state.orders
        ],
        "recoveries": len(state.recovery_orders),
        "cycles": state.total_round_trips,
        "profit": state.total_profit,
        "fees": state.total_fees,
        "mode_flags": flags,
    }


def happened(slots: Iterable[Slot]) -> dict[str, dict[str, int]]:
    """What all slots together met: events, actions, phases, and the rest by name."""
    total: Counter[str] = Counter()
    for slot in slots:
        total.update(slot.counts)
    groups = {"events": EVENTS, "actions": ACTIONS, "phases": PHASES}
    named = {name for names in groups.values() for name in names}
    return {
        **{group: {name: total[name] for name in names} for group, names in groups.items()},
        "besides": {name: total[name] for name in sorted(total) if name not in named},
    }
