"""A Python core as functions: what a session calls, whatever a module calls its classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from types import ModuleType
from typing import Any

import replay.core
from replay.core import UnreadableError
from replay.streams.model import HELPER_NAMES, CallCode, Document
from replay.targets.python.own_records import config_maker, event_maker, own_copy, positional

CONFIG_FIELDS = tuple(field.name for field in fields(replay.core.EngineConfig))


@dataclass(frozen=True, slots=True)
class Bindings:
    """What a core offers as functions.

    Our own core reads everything, and strictly: its readers raise UnreadableError or
    UnknownEventError. A bot's module (`is_ours` false) reads states by its own reader, and gets all
    else unread, as the live bot would hand it over; its functions raise what it raises, and Unmade
    where a document cannot be made into its records.
    """

    is_ours: bool
    transition: Callable[..., tuple[Any, Sequence[Any]]]
    check_invariants: Callable[[Any], Sequence[str]]
    apply_regime: Callable[[Any, Any, Any], Any]
    read_state: Callable[[Document], Any]
    read_event: Callable[[Document], Any]
    read_config: Callable[[Document], Any]
    read_size: Callable[[Document], Any]
    read_sizes: Callable[[Document], Any]
    read_local_id: Callable[[Document], Any]
    price_tick: Callable[[float, float], Any]
    timer_tick: Callable[[float], Any]
    helpers: Mapping[CallCode, Callable[..., Any]]
    """What a bot calls itself around the reducer, as far as the core has it."""


def bind(module: ModuleType, *, ours: bool) -> Bindings:
    """A module as functions. `ours` where it is our core or a copy of it, whose own readers are
    used for everything; a bot's module gets its own records (own_records.py)."""
    readers: dict[str, Callable[[Document], Any]]
    if ours:
        readers = {
            "read_state": module.from_dict,
            "read_event": module.event_from_dict,
            "read_config": module.config_from_dict,
            "read_size": module.order_size_from,
            "read_sizes": module.order_sizes_from,
            "read_local_id": partial(read_int, "local_id"),
        }
    else:
        from_dict = module.from_dict
        readers = {
            "read_state": lambda document: from_dict(own_copy(document)),
            "read_event": event_maker(module),
            "read_config": config_maker(module, CONFIG_FIELDS),
            "read_size": _as_it_comes,
            "read_sizes": _as_it_comes,
            "read_local_id": _as_it_comes,
        }
    return Bindings(
        is_ours=ours,
        transition=module.transition,
        check_invariants=module.check_invariants,
        apply_regime=module.apply_order_regime_at_entry,
        price_tick=positional(module.PriceTick, ("price", "timestamp")),
        timer_tick=positional(module.TimerTick, ("timestamp",)),
        helpers={
            code: getattr(module, name)
            for code, name in HELPER_NAMES.items()
            if callable(getattr(module, name, None))
        },
        **readers,
    )


def _as_it_comes(document: Document) -> Any:
    """What a module is given unread: a copy of its own where it could be changed."""
    return dict(document) if isinstance(document, Mapping) else document


def read_int(name: str, value: Any) -> int:
    """An int in a call of a helper, by the rules for an int in a state. Raises UnreadableError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise UnreadableError(name, "expected an int")
    return value
