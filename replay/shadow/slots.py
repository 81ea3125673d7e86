"""Where each slot stands in the shadow process; its calls as steps with the authority's answers.

A slot's stream goes on from call to call. It is begun anew, with its whole state, where the
executable may stand somewhere else: at first, when it was opened again, after a call that it gave
no usable answer to, and after one that was refused with something set from outside, since nobody
knows what a core made of that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from replay.shadow.recorder import RecordedCall
from replay.shadow.wire import CallMessage
from replay.streams.model import CYCLES, RECORD_FIELDS, STATE_FIELDS, Document, Start, Step
from replay.targets.base import Outcome
from replay.targets.compact import (
    ALL_FIELDS,
    Plain,
    apply_delta,
    blank,
    delta_between,
    record_document,
    state_document,
)


class Taken(NamedTuple):
    """One call, ready to be compared and recorded. `start` is set where the slot's stream begins
    (anew) here."""

    call: RecordedCall
    start: Start | None
    step: Step
    outcome: Outcome


@dataclass(slots=True)
class _Standing:
    plain: Plain = field(default_factory=blank)
    settings: dict[str, Document] = field(default_factory=dict)
    due: frozenset[int] = ALL_FIELDS
    begun: bool = False


class Standings:
    """All slots."""

    def __init__(self) -> None:
        self._slots: dict[int, _Standing] = {}

    def begin_anew(self) -> None:
        """The executable was opened again: all streams begin anew."""
        for standing in self._slots.values():
            standing.begun = False

    def begin_slot_anew(self, slot: int) -> None:
        """Nobody knows where the executable stands with this slot."""
        self._slots[slot].begun = False

    def take(self, message: CallMessage) -> Taken:
        """Takes a call in. Raises KeyError for a slot whose state was never sent."""
        standing = self._at(message)
        patch = _set(standing, message)
        before = list(standing.plain)
        changed = message.settings or {}
        if changed:
            standing.settings = {**standing.settings, **changed}
        code = message.call
        call = tuple(code) if isinstance(code, list) else code
        recorded = RecordedCall(
            message.slot,
            message.seq,
            message.ts,
            call,
            before,
            standing.settings,
            patch,
            changed.keys(),
            message.whole is not None,
        )
        start = None
        changes: dict[str, Any] = {}
        if not standing.begun:
            settings = standing.settings
            start = Start(
                state_document(before),
                settings["config"],
                settings["order_size_usd"],
                settings["order_sizes"],
            )
            standing.begun, standing.due = True, ALL_FIELDS
        else:
            changes.update(changed)
            if patch:
                changes["patch"] = patch
        outcome = _answered(standing, message.outcome, before)
        if len(outcome) != 3 and (changes or start is not None):
            standing.begun = False
        return Taken(recorded, start, Step(call, changes or None), outcome)

    def _at(self, message: CallMessage) -> _Standing:
        if message.whole is not None:
            former = self._slots.get(message.slot)
            standing = self._slots[message.slot] = _Standing()
            if former is not None:
                standing.settings = former.settings
        return self._slots[message.slot]


def _set(standing: _Standing, message: CallMessage) -> dict[str, Document] | None:
    """Puts in place what was set from outside; the fields that were, as documents."""
    if message.whole is not None:
        delta: list[Any] = []
        for index, value in enumerate(message.whole):
            delta += (index, value)
        delta[2 * CYCLES + 1] = [0, message.whole[CYCLES]]
        apply_delta(standing.plain, delta)
        return None
    if not message.patch:
        return None
    apply_delta(standing.plain, message.patch)
    named = message.patch[::2]
    standing.due |= frozenset(named)
    return {STATE_FIELDS[index]: _document(index, standing.plain[index]) for index in named}


def _document(index: int, value: Any) -> Any:
    if index in RECORD_FIELDS:
        return [record_document(index, record) for record in value]
    return value


def _answered(standing: _Standing, outcome: Outcome, before: Plain) -> Outcome:
    """The outcome with what is due in its delta; moves the slot on."""
    if len(outcome) != 3:
        return outcome
    apply_delta(standing.plain, outcome[0])
    if not standing.due:
        return outcome
    delta = delta_between(before, standing.plain, standing.due)
    standing.due = frozenset()
    return [delta, *outcome[1:]]
