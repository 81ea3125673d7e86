"""Where a stream stands, as far as its phase and the records that its events name are concerned.

Told from the authority's answers alone, at the cost of a look at what changed: a whole state is
only read where a refusal leaves open what of it could be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from replay.differential.conditions.facts import phase_of
from replay.differential.signature.signature import rule_at_work
from replay.streams.model import EVENT_FIELDS, ORDERS, RECOVERIES, Call, CallCode, Document
from replay.targets.base import REFUSED, Outcome, RefusalKind
from replay.targets.compact import INDEX_OF, apply_changes, read_state

UNKNOWN_PHASE = "?"
"""The phase where no state could be read."""

_LAST_TICK = int(CallCode.TIMER_TICK)
_FILL = int(CallCode.FILL)
_NAMING = {
    int(code): EVENT_FIELDS[code][0]
    for code in (CallCode.FILL, CallCode.RECOVERY_FILL, CallCode.RECOVERY_CANCEL)
}
"""The events that name an order or a recovery, and the field that does."""

_LISTS = ((ORDERS, "orders"), (RECOVERIES, "recovery_orders"))
_READ_LATER = frozenset(("event", "local_id", "config", "order_size_usd", "order_sizes"))
"""What is read after a state, as the paths of refusals name it."""

_EXITS = {"S0": (), "S1a": ("buy",), "S1b": ("sell",), "S2": ("buy", "sell")}


@dataclass(slots=True)
class Slot:
    """A stream's place.

    `start` is its first state until the first step has shown whether it can be read. `before` has
    orders and recoveries where a compact state has them; it is None where no state could be read.
    `due` is set while the next delta names what came from outside.
    """

    start: Document
    is_open: bool = False
    before: list[Any] | None = None
    phase: str = UNKNOWN_PHASE
    due: bool = True

    def set_from_outside(
        self, changes: Mapping[str, Document] | None, code: int, outcome: Outcome
    ) -> None:
        """Takes in where the stream starts and what a step sets, given the authority's outcome.

        A tick without actions leaves orders and recoveries alone, so the answer shows what was set.
        Any other answer shows at least that it could be read.
        """
        given = [name for name in ("state", "patch") if changes and name in changes]
        if not self.is_open:
            self.is_open = True
            given.insert(0, "start")
        if not given:
            return
        self.due = True
        refused = len(outcome) == REFUSED
        if not refused and code <= _LAST_TICK and not outcome[1]:
            self.go_on(outcome[0])
            return
        exactly = refused and not _refused_later(outcome)
        if exactly and len(given) == 1 and outcome[0] == RefusalKind.UNREADABLE:
            return  # it is what could not be read
        documents = {"start": self.start, **(changes or {})}
        self.start = None
        for name in given:
            if name == "patch":
                self._patch(documents[name], exactly=exactly)
            else:
                read = _positions(documents[name], exactly=exactly)
                self.before = self.before if read is None else read
        self.phase = _phase(self.before)

    def go_on(self, delta: Sequence[Any]) -> None:
        """Takes over the orders and recoveries of an answer."""
        for place in range(0, len(delta), 2):
            index = delta[place]
            if index > RECOVERIES:
                break
            if index >= ORDERS:
                if self.before is None:
                    self.before = [None, None, (), ()]
                self.before[index] = delta[place + 1]
                if index == ORDERS:
                    self.phase = _phase(self.before)

    def named(self, call: Call, code: int) -> str | None:
        """The role of the record that an event names ("" for a recovery, "no role" for what is no
        text); None where none of that id is there, or the event names none."""
        before = self.before
        if before is None or code not in _NAMING:
            return None
        wanted = call[_NAMING[code]] if isinstance(call, Mapping) else call[1]
        try:
            if code == _FILL:
                role = next((order[2] for order in before[ORDERS] if order[0] == wanted), None)
                return role if role is None or isinstance(role, str) else "no role"
            return "" if any(recovery[0] == wanted for recovery in before[RECOVERIES]) else None
        except (TypeError, IndexError, KeyError):  # from a core whose answer was odd
            return None

    def _patch(self, patch: Document, *, exactly: bool) -> None:
        """Takes over the orders and recoveries of a patch."""
        before = self.before
        if before is None or not isinstance(patch, Mapping):
            return
        named = [(index, name) for index, name in _LISTS if name in patch]
        if not named:
            return
        try:
            read = {} if exactly else {index: _ids(patch[name], index) for index, name in named}
        except (TypeError, KeyError):
            exactly = True
        if exactly:
            # What cannot be read leaves the state as it was (docs/replay-method.md).
            plain = [*before, *[None] * (len(INDEX_OF) - len(before))]
            patched, _ = apply_changes(plain, {"patch": patch})
            read = {index: (patched or plain)[index] for index, _ in named}
        for index, records in read.items():
            before[index] = records


@lru_cache(256)
def rule_of(code: int, phase: str, named: str | None) -> str:
    """The rule at work (signature.py) at a call of this code in a phase, where the record that it
    names is in this role (Slot.named); empty where the code is none."""
    if code not in tuple(CallCode):
        return ""
    if phase == UNKNOWN_PHASE:
        return rule_at_work((code, 0, 0), None)
    exits = [(1, side, "exit") for side in _EXITS[phase]]
    there = [] if named is None else [(0, "", named)]
    return rule_at_work((code, 0, 0), [None, None, [*exits, *there], there])


def _phase(before: list[Any] | None) -> str:
    try:
        return phase_of(before) or UNKNOWN_PHASE
    except (TypeError, IndexError, KeyError):  # from a core whose answer was odd
        return UNKNOWN_PHASE


def _refused_later(refusal: Outcome) -> bool:
    """Whether a refusal says that the state and what was set of it could be read: what is refused
    is the first in the order of docs/replay-method.md that cannot be read, and states come first.
    """
    kind, path = refusal
    if kind == RefusalKind.UNREADABLE:
        return str(path).partition(".")[0] in _READ_LATER
    return kind in (RefusalKind.UNKNOWN_EVENT, RefusalKind.ARITHMETIC)


def _positions(document: Document, *, exactly: bool) -> list[Any] | None:
    """The orders and recoveries of a state's document; None where it cannot be read."""
    if not exactly and isinstance(document, Mapping):
        try:
            return [None, None, *(_ids(document.get(name, ()), index) for index, name in _LISTS)]
        except (TypeError, KeyError):
            pass
    plain = read_state(document)
    return None if plain is None else plain[: RECOVERIES + 1]


def _ids(records: Any, index: int) -> list[Any]:
    """What tells one record from another, where compact records have it."""
    if index == RECOVERIES:
        return [(record["recovery_id"],) for record in records]
    return [(record["local_id"], record["side"], record["role"]) for record in records]
