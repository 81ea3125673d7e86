"""Where reducer.md says what a finding is about: from the names that a signature has to its words.

A signature names the rule at work in few words ("entry fill", "book a cycle"), and often the
condition or the part of a figure after its field ("whether it acts: drift"). Whoever looks at a
divergence next wants to read what both cores should have done, so here is the place in the contract
for each of these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from replay.differential.model import Signature
from replay.streams.model import CALL_NAMES, EVENT_NAMES, HELPER_NAMES, CallCode

CONTRACT: Final = "reducer.md"

_SECTIONS: Final[Mapping[str, str]] = {
    "refresh": "PriceTick",
    "S1 time-out": "TimerTick, S1a or S1b",
    "S2 time-out": "TimerTick, S2",
    "no exits": "TimerTick",
    "entry fill": "FillEvent, An entry",
    "exit fill": "FillEvent, An exit",
    "unknown order": "FillEvent",
    "other fill": "FillEvent",
    "orders of one id": "FillEvent",
    "recovery fill": "RecoveryFillEvent",
    "recovery cancel": "RecoveryCancelEvent",
    "orphaning": "Orphaning",
    "book a cycle": "Book a cycle",
    "count the loss": "Count the loss",
    "clear the S2 mark": "Clear the S2 mark",
    "exit of a filled entry": "Exit price",
    "order volume": "Order volume",
    "new entry": "New entry",
    "invariants": "Invariants",
    "reading a state": "Reading a state",
    "unreadable state": "Reading a state",
    "arithmetic": "Building blocks",
}
"""By the rule of a signature: its heading in reducer.md, and the part below that."""

_OF_THE_EVENT: Final = frozenset({"price and time", "unknown recovery"})
"""Rules whose heading is the event's own."""

_METHODS: Final[Mapping[str, str]] = {
    CALL_NAMES[CallCode.CHECK_INVARIANTS]: "Invariants",
    CALL_NAMES[CallCode.APPLY_REGIME]: "Reading a state",
    **dict.fromkeys(HELPER_NAMES.values(), "Helpers around the reducer"),
}
"""By the method, for calls that are no events and meet no rule."""

_BLOCKS: Final[Mapping[tuple[str, str], str]] = {
    ("new entry", "rounding"): "Decimal rounding",
    ("new entry", "distance"): "Entry distance",
    ("new entry", "backoff"): "Backoff multiplier",
    ("new entry", "backoff at its limit"): "Backoff multiplier",
    ("new entry", "mode"): "Follow-up entry",
    ("new entry", "cool-down"): "Follow-up entry",
    ("new entry", "nothing to order"): "Order volume",
    ("new entry", "minimum volume"): "Order volume",
    ("new entry", "minimum cost"): "Order volume",
    ("new entry", "minimum cost of the size"): "Order volume",
    ("order volume", "size"): "Effective size",
    ("exit of a filled entry", "rounding"): "Decimal rounding",
}
"""By rule and part: the building block that the part is said in, beside the rule's own heading."""

_REFRESH_STEPS: Final[Mapping[str, str]] = {
    "whether it acts": "step 1",
    "whether it pauses": "step 5",
    "state.last_refresh_direction_*": "step 3",
    "state.consecutive_refreshes_*": "steps 2 and 4",
    "state.refresh_cooldown_until_*": "steps 2 and 5",
}
"""The steps of PriceTick that decide or set something; orders and actions are step 6."""

_REPLACED: Final = ("state.orders", "state.next_order_id", "actions")


def place_in_contract(signature: Signature) -> str:
    """Where the contract has the rule of a finding: `reducer.md, "FillEvent", An entry`.

    Just the file where the signature names nothing that it knows of (one of a newer version).
    """
    rule, event = signature.rule, signature.event
    section = _SECTIONS.get(rule) or _METHODS.get(event)
    if rule in _OF_THE_EVENT and event in EVENT_NAMES.values():
        section = event
    if section is None:
        return CONTRACT
    heading, _, below = section.partition(", ")
    field, _, part = signature.field.partition(": ")
    if rule == "refresh" and not signature.failure:
        below = "step 6" if field.startswith(_REPLACED) else _REFRESH_STEPS.get(field, "")
    place = f'{CONTRACT}, "{heading}"' + (f", {below}" if below else "")
    block = _BLOCKS.get((rule, part))
    return place if block is None else f'{place} and "{block}"'
