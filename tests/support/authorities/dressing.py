"""Our Python core in other clothes: the same reducer, with records and values of somebody else's.

A stand-in authority computes with our core's own records, but what it takes and gives are records
of its own, made here from ours, with values of its own making.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from replay import core

RECORDS = ("OrderState", "RecoveryOrder", "CycleRecord")
EVENTS = ("PriceTick", "TimerTick", "FillEvent", "RecoveryFillEvent", "RecoveryCancelEvent")
ACTIONS = ("PlaceOrderAction", "CancelOrderAction", "OrphanOrderAction", "BookCycleAction")
LISTS = {
    "orders": "OrderState",
    "recovery_orders": "RecoveryOrder",
    "completed_cycles": "CycleRecord",
}


def fields_of(name: str) -> list[dataclasses.Field[Any]]:
    """The fields of one of our records."""
    return list(dataclasses.fields(getattr(core, name)))


def dressed(
    record: Callable[[str], type],
    worn: Callable[[str, Any], Any] = lambda name, value: value,
    bare: Callable[[Any], Any] = lambda value: value,
    listed: Callable[[Any], Any] = tuple,
) -> Mapping[str, Any]:
    """All names of a core's module. `record` makes the class of a name; `worn` turns a plain value
    of a field into what the module holds, and `bare` back again; `listed` makes its lists."""
    names = ("PairState", *RECORDS, "EngineConfig", *EVENTS, *ACTIONS)
    classes = {name: record(name) for name in names}

    def dress(ours: Any) -> Any:
        name = type(ours).__name__
        values = {}
        for field in fields_of(name):
            value = getattr(ours, field.name)
            if field.name in LISTS:
                values[field.name] = listed(dress(one) for one in value)
            else:
                values[field.name] = worn(field.name, value)
        return classes[name](**values)

    def undress(theirs: Any, name: str) -> Any:
        values = {}
        for field in fields_of(name):
            value = getattr(theirs, field.name)
            if field.name in LISTS:
                values[field.name] = tuple(undress(one, LISTS[field.name]) for one in value)
            else:
                values[field.name] = bare(value)
        return getattr(core, name)(**values)

    def transition(state: Any, event: Any, config: Any, size: Any, sizes: Any = None) -> Any:
        name = next(n for n in EVENTS if isinstance(event, classes[n]))
        after, actions = core.transition(
            undress(state, "PairState"),
            undress(event, name),
            undress(config, "EngineConfig"),
            size,
            sizes,
        )
        return dress(after), listed(dress(action) for action in actions)

    def check_invariants(state: Any) -> Any:
        return listed(
            worn("violation", one) for one in core.check_invariants(undress(state, "PairState"))
        )

    def apply_order_regime_at_entry(state: Any, local_id: Any, regime: Any) -> Any:
        own = undress(state, "PairState")
        return dress(core.apply_order_regime_at_entry(own, local_id, regime))

    return {
        **classes,
        "transition": transition,
        "check_invariants": check_invariants,
        "apply_order_regime_at_entry": apply_order_regime_at_entry,
        "from_dict": lambda document: dress(core.from_dict(document)),
    }
