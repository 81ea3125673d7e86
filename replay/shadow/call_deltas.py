"""Calls of a state machine as what the shadow process needs to know of them.

Runs beside the bot, so it writes down only what changed: a state is compared with the slot's former
one by the identity of its fields first. Here is also where calls are told apart by slot: by the
number that the caller gave, else by the chain of states, since the state that a call is made with
is mostly the very one that the slot's last call gave back.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from inspect import Signature, signature
from itertools import compress
from operator import attrgetter, is_not
from typing import Any, NamedTuple

from replay.core import EngineConfig
from replay.shadow.arguments import CHECK, REGIME, TRANSITION, in_order
from replay.shadow.wire import CallMessage, pack
from replay.streams.continuation import key_of, orders_of, overlap
from replay.streams.events import compact_call
from replay.streams.model import (
    CYCLES,
    EVENT_FIELDS,
    EVENT_NAMES,
    STATE_FIELDS,
    Call,
    CallCode,
)
from replay.targets.base import Outcome
from replay.targets.compact import ACTION_FIELDS, ACTION_NAMES
from replay.targets.python.objects import LISTS, compact_list, plain_of, values_of
from replay.targets.python.raised import RAISED, refusal_by

_CODES = {name: code for code, name in EVENT_NAMES.items()}
_FIELDS: Mapping[str, Callable[[Any], tuple[Any, ...]]] = {
    EVENT_NAMES[code]: attrgetter(*names) for code, names in EVENT_FIELDS.items() if len(names) > 1
}
_PLAIN_TYPES = frozenset((bool, int, float, str, type(None)))


MAX_UNNAMED = 64
"""Slots that are told apart by their states alone."""


class Offer(NamedTuple):
    """One call as the bot's thread hands it over. `kind` is TRANSITION, CHECK or REGIME. `slot` is
    None where the caller named none; `refusal` is the outcome where the authority raised, and
    `result` then nothing. `given` are the arguments where they did not come as the contract has
    them."""

    kind: int
    slot: int | None
    ts: float
    result: Any
    refusal: Outcome | None
    state: Any
    second: Any = None
    third: Any = None
    size: Any = None
    sizes: Any = None
    given: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None


class Unwritable(Exception):
    """A call that cannot be written down, and why."""


class _Slot:
    """Where a slot stands. `known` is whether the shadow process has the state, and the settings
    as they are here."""

    __slots__ = ("config", "has_gap", "known", "number", "seq", "size", "sizes", "state", "values")

    def __init__(self, number: int) -> None:
        self.number = number
        self.seq = 0
        self.state: Any = None
        self.values: tuple[Any, ...] = ()
        self.config: Any = None
        self.size: Any = None
        self.sizes: Any = None
        self.known = False
        self.has_gap = False


class Compactor:
    """Makes the messages of one bot's calls, in order."""

    def __init__(self, module: Any) -> None:
        """`module` is the state machine that was wrapped."""
        self._module = module
        self._check: Callable[[Any], Sequence[str]] = module.check_invariants
        self._actions = {
            name: (code, attrgetter(*fields))
            for code, (name, fields) in enumerate(zip(ACTION_NAMES, ACTION_FIELDS, strict=True))
        }
        self._slots: dict[int, _Slot] = {}
        self._by_state: dict[int, _Slot] = {}
        self._unnamed: dict[int, _Slot] = {}
        """Slots that nobody named, the one that was silent for longest first."""
        self._signatures: dict[int, Signature] = {}

    def forget(self) -> None:
        """The shadow process is a new one and knows nothing."""
        for slot in self._slots.values():
            slot.known = False

    def skip(self) -> None:
        """Calls were lost, nobody knows whose: `seq` shows it at every slot."""
        for slot in self._slots.values():
            slot.seq += 1
            slot.has_gap = True

    def take(self, offer: Offer, *, again: bool = False) -> bytes:
        """The packed message of a call. `again` makes its result anew with the module's own
        functions (where something else answered the bot).

        Raises Unwritable where the call has something that cannot be written down; the slot's next
        message then has the whole state.
        """
        if offer.given is not None:
            offer = self._bound(offer)
        slot = self._slot_of(offer)
        slot.seq += 1
        try:
            return pack(self._message(slot, self._again(offer) if again else offer))
        except Unwritable:
            slot.known = False
            raise
        except RAISED as error:  # a bot's objects may raise anything when looked at
            slot.known = False
            text = f"{type(error).__name__}: {error}"
            raise Unwritable(f"a call cannot be written down: {text[:200]}") from error

    def _message(self, slot: _Slot, offer: Offer) -> CallMessage:
        state = offer.state
        values = slot.values if state is slot.state else values_of(state)
        whole, patch = None, []
        if not slot.known:
            whole = _sendable(plain_of(state))
        elif values is not slot.values:
            patch = _patch(slot.values, values)
        settings = self._settings(slot, offer)
        call = call_of(offer)
        next_state, after, outcome = self._outcome(offer, values)
        self._stand_at(slot, next_state, after)
        slot.known = True
        return CallMessage(slot.number, slot.seq, offer.ts, call, whole, patch, settings, outcome)

    # --- Slots --------------------------------------------------------------------------------

    def _slot_of(self, offer: Offer) -> _Slot:
        if offer.slot is not None:
            slot = self._slots.get(offer.slot)
            if slot is None or offer.slot in self._unnamed:
                self._unnamed.pop(offer.slot, None)
                slot = self._slots.setdefault(offer.slot, _Slot(offer.slot))
            return slot
        slot = self._by_state.get(id(offer.state)) or self._gone_on(offer.state)
        if slot is None:
            slot = self._new_slot()
        if slot.number in self._unnamed:
            self._unnamed[slot.number] = self._unnamed.pop(slot.number)
        return slot

    def _gone_on(self, state: Any) -> _Slot | None:
        """The slot whose state the bot has changed to this one: the most like of those that it may
        have come of."""
        try:
            key, seen = key_of(state), orders_of(state)
            best, likest = None, (False, -1)
            for slot in self._slots.values():
                if slot.state is None:
                    continue
                shared = overlap(orders_of(slot.state), seen)
                likeness = key_of(slot.state) == key, shared
                # After lost calls no key is equal; the same orders then tell.
                if shared >= (0 if likeness[0] else 1) and likeness > likest:
                    best, likest = slot, likeness
        except RAISED:  # no state at all; the call will be found unwritable
            return self._slots.get(0)
        if best is not None:
            return best
        # Where calls were lost, nothing need be equal any more.
        waiting = [slot for slot in self._slots.values() if slot.has_gap]
        return max(waiting, key=lambda slot: _likeness(slot.state, state), default=None)

    def _new_slot(self) -> _Slot:
        """A slot for a state that is like none; where there are many, the one that was silent for
        longest has ended and gives its number."""
        if len(self._unnamed) >= MAX_UNNAMED:
            slot = next(iter(self._unnamed.values()))
            slot.known = False
            return slot
        number = 0
        while number in self._slots:
            number += 1
        slot = self._slots[number] = self._unnamed[number] = _Slot(number)
        return slot

    def _stand_at(self, slot: _Slot, state: Any, values: tuple[Any, ...]) -> None:
        if state is not slot.state:
            if self._by_state.get(id(slot.state)) is slot:
                del self._by_state[id(slot.state)]
            self._by_state[id(state)] = slot
        # The slot holds the state, so that no other object can get its identity.
        slot.state, slot.values, slot.has_gap = state, values, False

    # --- What was given -----------------------------------------------------------------------

    def _bound(self, offer: Offer) -> Offer:
        """The arguments by their places in the contract, however they were passed."""
        assert offer.given is not None
        args, kwargs = offer.given
        own = (self._module.transition, self._module.check_invariants,
               self._module.apply_order_regime_at_entry)[offer.kind]  # fmt: skip
        known = self._signatures.get(offer.kind)
        if known is None:
            known = self._signatures[offer.kind] = signature(own)
        try:
            given = in_order(offer.kind, known, args, kwargs)
        except TypeError as error:
            raise Unwritable(f"a call does not fit: {error}") from error
        state, second, third, size, sizes = (*given, None, None, None, None)[:5]
        return offer._replace(
            state=state, second=second, third=third, size=size, sizes=sizes, given=None
        )

    def _again(self, offer: Offer) -> Offer:
        """The call with what the module itself answers."""
        module, state = self._module, offer.state
        try:
            if offer.kind == TRANSITION:
                result = module.transition(
                    state, offer.second, offer.third, offer.size, offer.sizes
                )
            elif offer.kind == CHECK:
                result = module.check_invariants(state)
            else:
                result = module.apply_order_regime_at_entry(state, offer.second, offer.third)
        except RAISED as error:
            return offer._replace(result=None, refusal=refusal_by(error))
        return offer._replace(result=result, refusal=None)

    def _settings(self, slot: _Slot, offer: Offer) -> dict[str, Any] | None:
        """The config and sizes that are not what they were, as documents."""
        everything = not slot.known
        if offer.kind == TRANSITION:
            config, size, sizes = offer.third, offer.size, offer.sizes
        elif everything and slot.config is None:
            # The slot's first call does not say; the first that does changes them.
            config, size, sizes = EngineConfig(), EngineConfig().order_size_usd, None
        elif everything:
            config, size, sizes = slot.config, slot.size, slot.sizes
        else:
            return None
        settings: dict[str, Any] = {}
        if everything or (config is not slot.config and config != slot.config):
            settings["config"] = fields_of(config)
        if everything or not _same_value(size, slot.size):
            settings["order_size_usd"] = plain(size)
        if everything or sizes != slot.sizes:
            settings["order_sizes"] = plain(sizes)
        slot.config, slot.size, slot.sizes = config, size, sizes
        return settings or None

    # --- What was answered --------------------------------------------------------------------

    def _outcome(
        self, offer: Offer, values: tuple[Any, ...]
    ) -> tuple[Any, tuple[Any, ...], Outcome]:
        """The state after the call, its values, and the outcome."""
        state = offer.state
        if offer.refusal is not None:
            return state, values, offer.refusal
        actions: Sequence[Any] = ()
        if offer.kind == CHECK:
            return state, values, [[], [], list(offer.result)]
        if offer.kind == TRANSITION:
            next_state, actions = offer.result
        else:
            next_state = offer.result
        after = values if next_state is state else values_of(next_state)
        try:
            violations = list(self._check(next_state))
        except RAISED as error:  # what a replay of this call would take for a refusal
            return state, values, refusal_by(error)
        compact = [self._action(action) for action in actions] if actions else []
        return next_state, after, [_delta(values, after), compact, violations]

    def _action(self, action: Any) -> list[Any]:
        known = self._actions.get(type(action).__name__)
        if known is None:
            raise Unwritable(f"an action is a {type(action).__name__}")
        code, fields = known
        return [code, *fields(action)]


def call_of(offer: Offer) -> Call:
    """The call as the wire has it. Raises Unwritable for what has no form there."""
    if offer.kind == CHECK:
        return (int(CallCode.CHECK_INVARIANTS),)
    if offer.kind == REGIME:
        return (int(CallCode.APPLY_REGIME), plain(offer.second), plain(offer.third))
    event = offer.second
    name = type(event).__name__
    code = _CODES.get(name)
    if code is None:
        return fields_of(event)
    fields = EVENT_FIELDS[code]
    values = _FIELDS[name](event) if name in _FIELDS else (event.timestamp,)
    if code <= CallCode.TIMER_TICK and all(type(value) is float for value in values):
        return (int(code), *values)
    document = {field: plain(value) for field, value in zip(fields, values, strict=True)}
    return compact_call(code, document) or document


def fields_of(record: Any) -> dict[str, Any]:
    """A record's fields as a document, whatever they hold."""
    if isinstance(record, Mapping):
        return {str(name): plain(value) for name, value in record.items()}
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        raise Unwritable(f"a {type(record).__name__} is no record")
    return {field.name: plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def plain(value: Any) -> Any:
    """A value as JSON has it. Raises Unwritable for what it does not have."""
    if type(value) in _PLAIN_TYPES:
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    for kind in (str, int, float):
        if isinstance(value, kind):  # an enumeration, or a number of some library
            return kind(value)
    raise Unwritable(f"a {type(value).__name__} has no JSON")


def _sendable(state: list[Any]) -> list[Any]:
    """A plain state as it is sent."""
    state[CYCLES] = list(state[CYCLES])
    return state


def _patch(former: tuple[Any, ...], values: tuple[Any, ...]) -> list[Any]:
    """What was set from outside, as a delta: to the very bit, as far as single values go."""
    patch: list[Any] = []
    for index in compress(range(len(STATE_FIELDS)), map(is_not, former, values)):
        value, old = values[index], former[index]
        if _same_value(value, old):
            continue
        patch.append(index)
        patch.append(compact_list(index, old, value) if index in LISTS else value)
    return patch


def _delta(former: tuple[Any, ...], values: tuple[Any, ...]) -> list[Any]:
    """What a call changed (docs/replay-method.md, "Answer body"), without what is due."""
    delta: list[Any] = []
    if former is values:
        return delta
    for index in compress(range(len(STATE_FIELDS)), map(is_not, former, values)):
        value, old = values[index], former[index]
        if value == old:
            continue
        delta.append(index)
        delta.append(compact_list(index, old, value) if index in LISTS else value)
    return delta


def _same_value(one: Any, other: Any) -> bool:
    """Equal, and of one type and sign: 0.0 is not -0.0 here, and 1 not 1.0."""
    if one is other:
        return True
    if type(one) is not type(other) or one != other:
        return False
    return (
        not isinstance(one, float) or one != 0.0 or math.copysign(1, one) == math.copysign(1, other)
    )


def _likeness(former: Any, state: Any) -> int:
    """How much of a state is the very same as in another."""
    fields = (getattr(former, name, None) is getattr(state, name, 0) for name in STATE_FIELDS)
    return sum(fields)
