"""Where reducer.md says what a finding is about: from the names that a signature has to its words.

A signature names the rule at work in few words ("entry fill", "book a cycle"). Whoever looks at a
divergence next wants to read what both cores should have done, so here is the section of the
contract for each of these names, and the step of it where the field that differs tells as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from replay.differential.model import Signature
from replay.streams.model import CALL_NAMES, CallCode

CONTRACT: Final = "reducer.md"

_SECTIONS: Final[Mapping[str, str]] = {
    "refresh": "PriceTick",
    "S1 time-out": "TimerTick, S1a or S1b",
    "S2 time-out": "TimerTick, S2",
    "no exits": "TimerTick",
    "entry fill": "FillEvent, An entry",
    "exit fill": "FillEvent, An exit",
    "unknown order": "FillEvent",
    "recovery fill": "RecoveryFillEvent",
    "unknown recovery": "RecoveryFillEvent",
    "recovery cancel": "RecoveryCancelEvent",
    "orphaning": "Orphaning",
    "book a cycle": "Book a cycle",
    "count the loss": "Count the loss",
    "clear the S2 mark": "Clear the S2 mark",
    "exit of a filled entry": "Exit price",
    "order volume": "Order volume",
    "new entry": "New entry",
    "follow-up entry": "Follow-up entry",
    "invariants": "Invariants",
    "reading a state": "Reading a state",
    "unreadable state": "Reading a state",
}
"""By the rule of a signature: its heading in reducer.md, and the part below that."""

_METHODS: Final[Mapping[str, str]] = {
    CALL_NAMES[CallCode.CHECK_INVARIANTS]: "Invariants",
    CALL_NAMES[CallCode.APPLY_REGIME]: "Reading a state",
}
"""By the method, for calls that are no events and meet no rule."""

_REFRESH_STEPS: Final[Mapping[str, str]] = {
    "whether it acts": "step 1",
    "state.last_refresh_direction_*": "step 3",
    "state.consecutive_refreshes_*": "steps 2 and 4",
    "state.refresh_cooldown_until_*": "steps 2 and 5",
}
"""The steps of PriceTick that set a field; whatever is about orders and actions is step 6."""


def place_in_contract(signature: Signature) -> str:
    """Where the contract has the rule of a finding: `reducer.md, "FillEvent", An entry`.

    Just the file where the signature names nothing that it knows of (one of a newer version).
    """
    rule, event = signature.rule, signature.event
    if rule == "unknown recovery" and event == CALL_NAMES[CallCode.RECOVERY_CANCEL]:
        rule = "recovery cancel"
    section = _SECTIONS.get(rule) or _METHODS.get(event)
    if section is None:
        return CONTRACT
    heading, _, part = section.partition(", ")
    if rule == "refresh" and not signature.failure:
        replaced = signature.field.startswith(("state.orders", "state.next_order_id", "actions"))
        part = "step 6" if replaced else _REFRESH_STEPS.get(signature.field, "")
    return f'{CONTRACT}, "{heading}"' + (f", {part}" if part else "")
