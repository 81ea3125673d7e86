"""Runs one stream on a Python core: state by state, with outcomes in compact form.

This is the hot path of the whole project: everything here is paid for each step on top of the
core's own transition. A state is compared with the one before by the identity of its fields first,
which costs a microsecond, and only what changed is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import compress
from operator import is_, is_not
from typing import Any

from replay.core import UnreadableError
from replay.streams.model import (
    CYCLES,
    EVENT_FIELDS,
    SETTING_HELPERS,
    STATE_FIELDS,
    CallCode,
    Document,
    Start,
    Step,
)
from replay.targets.base import Outcome, RefusalKind, is_refusal
from replay.targets.compact import (
    INDEX_OF,
    Plain,
    apply_delta,
    blank,
    record_document,
    state_document,
)
from replay.targets.python.bindings import Bindings
from replay.targets.python.helper_calls import answers_value, asked
from replay.targets.python.normal import PLAIN, alike, normal, normal_texts
from replay.targets.python.objects import (
    LAST_UPDATE,
    LISTS,
    compact_actions,
    compact_list,
    hot_of,
    is_as_it_was,
    plain_of,
    rest_of,
    values_of,
)
from replay.targets.python.own_records import evolved
from replay.targets.python.raised import RAISED, Refused, refusal

_INDICES = range(len(STATE_FIELDS))
_TICK, _TIMER = int(CallCode.PRICE_TICK), int(CallCode.TIMER_TICK)
_REGIME, _CHECK = int(CallCode.APPLY_REGIME), int(CallCode.CHECK_INVARIANTS)


def _needs_settings(call: Any) -> bool:
    """Whether a call needs settings and sizes: each event does, and some of the helpers."""
    return type(call) is not tuple or call[0] < _REGIME or call[0] in SETTING_HELPERS


class PythonSession:
    """Where one stream stands on a Python core (docs/replay-method.md, "Request body").

    An input that could not be read is kept as its refusal until it is replaced. `due` has the
    fields that were set from outside and not yet shown in a delta.
    """

    __slots__ = (
        *("_before", "_bindings", "_config", "_due", "_size", "_sizes", "_state", "_values"),
        *("_aside", "_refused", "_told_history", "notable"),
    )

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._aside: Plain | None = None
        """The authority's state, while this core cannot read it."""
        self._refused: dict[str, Refused] = {}
        """What could not be read of what was set last."""
        self._state: Any = Refused(RefusalKind.UNREADABLE, "state")
        self._values: tuple[Any, ...] = ()
        self._config: Any = None
        self._size: Any = None
        self._sizes: Any = None
        self._due: set[int] = set()
        self._before: tuple[Any, tuple[Any, ...], set[int]] | None = None
        self.notable: list[int] | None = None
        self._told_history: list[tuple[Sequence[Any], list[Any]]] = []
        """The last history that was told as a whole, with what was told: copies of a session that
        make the same step again and again have it in common."""

    @property
    def state(self) -> Any:
        """The core's own state object, or None where none could be read."""
        return None if isinstance(self._state, Refused) else self._state

    @property
    def handed(self) -> tuple[Any, Any, Any, Any]:
        """What a call is handed: state, config, order size and sizes, a refusal where one could not
        be read."""
        return self._state, self._config, self._size, self._sizes

    def begin(self, start: Start) -> None:
        """Sets everything from outside. What cannot be read refuses the steps that need it."""
        bindings = self._bindings
        self._state = self._read(bindings.read_state, start.state)
        self._config = self._read(bindings.read_config, start.config)
        self._size = self._read(bindings.read_size, start.order_size_usd)
        self._sizes = self._read(bindings.read_sizes, start.order_sizes)
        if not isinstance(self._state, Refused):
            self._values = values_of(self._state)
            self._due = set(_INDICES)

    def expect(self, due: Collection[int]) -> None:
        """The fields that the next delta names in any case are these, and not all of them: those of
        a stream that began long before."""
        self._due = set(due) if self.state is not None else set()

    def hand(self, config: Any, size: Any, sizes: Any) -> None:
        """Sets the settings as `setting_of` has read them."""
        self._config, self._size, self._sizes = config, size, sizes

    @classmethod
    def setting_of(cls, bindings: Bindings, name: str, document: Document) -> Any:
        """A setting as a core reads it; the refusal where it cannot."""
        readers = {
            "config": bindings.read_config,
            "order_size_usd": bindings.read_size,
            "order_sizes": bindings.read_sizes,
        }
        return cls._read(readers[name], document)

    def patch(self, patch: Document) -> bool:
        """Sets fields of the state from outside; whether this core can read them."""
        try:
            self._patch(patch)
        except RAISED:  # a bot's module may raise anything
            return False
        return True

    def go_on_from(self, delta: Sequence[Any]) -> bool:
        """Sets the fields of the state that a delta names; whether this core can read them."""
        try:
            self._go_on_from(delta, moved=False)
        except RAISED:  # a bot's module may not take what the authority made
            return False
        return True

    @staticmethod
    def _read(reader: Callable[[Any], Any], document: Any) -> Any:
        try:
            return reader(document)
        except RAISED as error:  # a bot's module may raise anything
            return refusal(error, reading=True)

    def run(self, steps: Sequence[Step], guide: Sequence[Outcome] | None) -> list[Outcome]:
        """Answers each step; with a guide, each starts where the authority's last one ended."""
        self.notable = None
        if guide is None:
            self.notable = []
            return self._run_alone(steps, self.notable)
        return [self._guided(step, wanted) for step, wanted in zip(steps, guide, strict=True)]

    def _run_alone(self, steps: Sequence[Step], notable: list[int]) -> list[Outcome]:
        """Answers steps one after the other, and notes the places of the notable ones.

        The loop handles ticks between which nothing was set from outside, nearly all steps of any
        stream, and does for them just what `_answer` does for all. It keeps everything in local
        variables and calls nothing but the core: each microsecond here is a tenth of the whole.
        """
        bindings = self._bindings
        transition, check_invariants = bindings.transition, bindings.check_invariants
        price_tick, timer_tick = bindings.price_tick, bindings.timer_tick
        state = self._state
        config, size, sizes = self._config, self._size, self._sizes
        is_plain = self._is_plain
        rest = rest_of(state) if is_plain else ()
        outcomes: list[Outcome] = []
        for step in steps:
            call: Any
            call, changes, _ = step
            event = None
            if is_plain and changes is None and type(call) is tuple:
                code = call[0]
                if code == _TIMER:
                    if len(call) == 2 and type(call[1]) is float:
                        event = timer_tick(call[1])
                elif code == _TICK and len(call) == 3 and type(call[1]) is type(call[2]) is float:
                    event = price_tick(call[1], call[2])
            if event is None:
                notable.append(len(outcomes))
                self._stand_at(state)
                outcomes.append(self._answer(step))
                state = self._state
                config, size, sizes = self._config, self._size, self._sizes
                is_plain = self._is_plain
                rest = rest_of(state) if is_plain else ()
                continue
            try:
                next_state, actions = transition(state, event, config, size, sizes)
                violations = check_invariants(next_state)
            except RAISED as error:  # a bot's module may raise anything
                notable.append(len(outcomes))
                outcomes.append(refusal(error).outcome)
                continue
            try:
                next_rest = rest_of(next_state)
                compact = compact_actions(actions) if actions else []
                if type(violations) is not list or violations:
                    violations = normal_texts(violations)
                if next_rest == rest:
                    # All but price and time is as it was: what nearly every tick comes to.
                    delta: list[Any] = []
                    price, now, seen = hot_of(state)
                    next_price, next_now, next_seen = hot_of(next_state)
                    if next_price != price:
                        delta += (
                            0,
                            next_price if type(next_price) is float else normal(next_price),
                        )
                    if next_now != now:
                        delta += (1, next_now if type(next_now) is float else normal(next_now))
                    if next_seen != seen:
                        delta += (
                            LAST_UPDATE,
                            next_seen if type(next_seen) is float else normal(next_seen),
                        )
                else:
                    self._stand_at(state)
                    delta = self._delta(values_of(next_state))
                    rest = next_rest
            except RAISED:  # what a module holds need not even say what it is equal to
                notable.append(len(outcomes))
                self._stand_at(state)
                outcome = self._told(next_state, actions, violations)
                if not is_refusal(outcome):
                    state, rest = next_state, rest_of(next_state)
                outcomes.append(outcome)
                continue
            if compact or rest is next_rest:
                notable.append(len(outcomes))
            state = next_state
            outcomes.append([delta, compact, violations])
        self._stand_at(state)
        return outcomes

    def _stand_at(self, state: Any) -> None:
        """Notes the state that the loop has come to, with its values."""
        if state is not self._state:
            self._state, self._values = state, values_of(state)

    @property
    def _is_plain(self) -> bool:
        """Whether all inputs that a transition needs could be read, and nothing is due."""
        inputs = (self._state, self._config, self._size, self._sizes)
        return not self._due and not any(isinstance(one, Refused) for one in inputs)

    def _answer(self, step: Step) -> Outcome:
        """Takes in what was set from outside, makes the call, and goes on from its answer."""
        call: Any = step.call
        changes = step.changes
        refused: Mapping[str, Refused] = {} if changes is None else self._take_in(changes)
        state = self._state
        try:
            if "state" in refused:
                raise refused["state"]
            if type(state) is Refused:
                raise state
            if "patch" in refused:
                raise refused["patch"]
            actions: Sequence[Any] = ()
            texts: list[str] | None = None
            code = call[0] if type(call) is tuple else -1
            if code == _CHECK:
                next_state = state
            elif code == _REGIME:
                local_id = self._bindings.read_local_id(call[1])
                next_state = self._bindings.apply_regime(state, local_id, call[2])
            elif code > _CHECK:
                ask = asked(self._bindings, call)
                if code in SETTING_HELPERS:
                    self._check_settings(refused, ("config", "order_size_usd"))
                next_state, actions, texts = ask(state, self._config, self._size)
            else:
                event = self._event(call, code)
                self._check_settings(refused, ("config", "order_size_usd", "order_sizes"))
                next_state, actions = self._bindings.transition(
                    state, event, self._config, self._size, self._sizes
                )
            violations = self._bindings.check_invariants(next_state) if texts is None else texts
        except RAISED as error:  # a bot's module may raise anything
            return refusal(error).outcome
        outcome = self._told(next_state, actions, violations)
        if not is_refusal(outcome):
            self._state, self._values = next_state, values_of(next_state)
        return outcome

    def _check_settings(self, refused: Mapping[str, Refused], names: Sequence[str]) -> None:
        """Raises the refusal of the first of these that could not be read."""
        in_force = {
            "config": self._config,
            "order_size_usd": self._size,
            "order_sizes": self._sizes,
        }
        for name in names:
            # This step's own error before the one that has stood since earlier.
            if name in refused:
                raise refused[name]
            if type(in_force[name]) is Refused:
                raise in_force[name]

    def _told(self, state: Any, actions: Any, violations: Any) -> Outcome:
        """What a core answered from where the session stands, in its normal form; a refusal where
        that is no state, no actions or no violations at all."""
        try:
            delta = self._delta(values_of(state))
            return [delta, compact_actions(actions), normal_texts(violations)]
        except RAISED as error:  # a bot's module may answer anything
            return refusal(error, reading=True).outcome

    def _guided(self, step: Step, wanted: Outcome) -> Outcome:
        """Answers a step, then goes on from what the authority answered."""
        outcome = self._answer(step)
        moved = not is_refusal(outcome)
        if is_refusal(wanted):
            # After a refusal of the authority's, only a shadow that answered has moved on.
            if moved:
                self._undo()
            return outcome
        if step.changes is not None and _needs_settings(step.call):
            self._insist()
        if alike(outcome, wanted) or (moved and self._has_come_to(wanted[0])):
            return outcome
        try:
            self._go_on_from(wanted[0], moved=moved)
            if moved and not answers_value(step.call):
                violations = self._bindings.check_invariants(self._state)
                outcome = [*outcome[:2], normal_texts(violations)]
        except RAISED as error:  # a bot's module may not take what the authority made
            return refusal(error, reading=True).outcome
        return outcome

    def _insist(self) -> None:
        """Settings that the authority took and this core could not read: it has none to go on with,
        and must not go on with former ones that are not in force any more.

        Only a call that needs the settings shows that the authority took them."""
        self._config = self._refused.get("config", self._config)
        self._size = self._refused.get("order_size_usd", self._size)
        self._sizes = self._refused.get("order_sizes", self._sizes)

    def _event(self, call: Any, code: int) -> Any:
        """The event object of a call. Ticks of the right types, which nearly all are, go straight
        to the class; all else is read as a document."""
        if code == _TICK and len(call) == 3 and type(call[1]) is type(call[2]) is float:
            return self._bindings.price_tick(call[1], call[2])
        if code == _TIMER and len(call) == 2 and type(call[1]) is float:
            return self._bindings.timer_tick(call[1])
        if code < 0:
            return self._bindings.read_event(call)
        fields = EVENT_FIELDS[CallCode(code)]
        return self._bindings.read_event(dict(zip(fields, call[1:], strict=True)))

    def _take_in(self, changes: Mapping[str, Document]) -> dict[str, Refused]:
        """Sets what can be read; gives the refusal of each input that cannot be."""
        refused: dict[str, Refused] = {}
        bindings = self._bindings
        if "state" in changes:
            read = self._read(bindings.read_state, changes["state"])
            if isinstance(read, Refused):
                refused["state"] = read
            else:
                self._set_state(read, set(_INDICES))
        if "patch" in changes and not isinstance(self._state, Refused):
            try:
                self._patch(changes["patch"])
            except RAISED as error:  # a bot's module may raise anything
                refused["patch"] = refusal(error, reading=True)
        if "config" in changes:
            read = self._read(bindings.read_config, changes["config"])
            self._config = self._kept(self._config, read, refused, "config")
        if "order_size_usd" in changes:
            read = self._read(bindings.read_size, changes["order_size_usd"])
            self._size = self._kept(self._size, read, refused, "order_size_usd")
        if "order_sizes" in changes:
            read = self._read(bindings.read_sizes, changes["order_sizes"])
            self._sizes = self._kept(self._sizes, read, refused, "order_sizes")
        self._refused = refused
        return refused

    @staticmethod
    def _kept(former: Any, read: Any, refused: dict[str, Refused], name: str) -> Any:
        """What is in force after an input was read: an unreadable one changes nothing."""
        if isinstance(read, Refused):
            refused[name] = read
            return former
        return read

    def _patch(self, patch: Document) -> None:
        """Replaces top-level fields, read by the core's own reader, without touching the rest:
        the history of a long-lived slot must not be read again for each exchange id."""
        if not isinstance(patch, Mapping):
            raise UnreadableError("state", "a patch must be an object")
        named = {name: value for name, value in patch.items() if name in INDEX_OF}
        state = evolved(self._state, self._read_fields(named))
        self._set_state(state, self._due | {INDEX_OF[name] for name in named})

    def _read_fields(self, named: Mapping[str, Document]) -> dict[str, Any]:
        """Top-level fields of a state as the core's own reader has them."""
        read_state = self._bindings.read_state
        try:
            read = read_state(named)
        except RAISED:
            if self._bindings.is_ours:
                raise
            # A module's reader may need fields that are not named.
            read = read_state({**state_document(plain_of(self._state)), **named})
        return {name: getattr(read, name) for name in named}

    def _set_state(self, state: Any, due: set[int]) -> None:
        self._state, self._values, self._due = state, values_of(state), due
        self._before = self._aside = None

    def _delta(self, values: tuple[Any, ...]) -> list[Any]:
        """What differs between `values` and where the session stands, and what is due."""
        former = self._values
        changed: Any = compress(_INDICES, map(is_not, former, values))
        due = self._due
        self._before = (self._state, former, due)
        if due:
            changed = sorted(due.union(changed))
        delta: list[Any] = []
        is_ours = self._bindings.is_ours
        for index in changed:
            value, old = values[index], former[index]
            if index not in due and alike(value, old):
                continue
            if index == CYCLES and index in due:
                value = self._whole_history(value)
            elif index in LISTS:
                value = compact_list(index, () if index in due else old, value)
            elif type(value) not in PLAIN:
                value = normal(value)
            if not is_ours and index not in due and is_as_it_was(index, old, value):
                continue
            delta.append(index)
            delta.append(value)
        if due:
            self._due = set()
        return delta

    def _whole_history(self, records: Any) -> list[Any]:
        if not isinstance(records, list | tuple):
            return compact_list(CYCLES, (), records)
        for known, told in self._told_history:
            if len(known) == len(records) and all(map(is_, known, records)):
                return told
        told = compact_list(CYCLES, (), records)
        self._told_history[:] = [(tuple(records), told)]
        return told

    def _undo(self) -> None:
        """Back to where the session stood before its last answer."""
        if self._before is not None:
            self._state, self._values, self._due = self._before

    def _has_come_to(self, delta: Sequence[Any]) -> bool:
        """Whether the last answer's state is the authority's, though its delta may name more of it:
        what was told once more, for one. Then nothing has to be read, which a core need not be able
        to: a module may hold values that its own reader refuses."""
        if self._before is None:
            return False
        wanted = dict(zip(delta[::2], delta[1::2], strict=True))
        for index, (old, value) in enumerate(zip(self._before[1], self._values, strict=True)):
            if value is old and index not in wanted:
                continue
            own = compact_list(index, old, value) if index in LISTS else normal(value)
            if index not in wanted:
                if not is_as_it_was(index, old, own):
                    return False
            elif repr(own) != repr(wanted[index]):
                return False
        return True

    def _go_on_from(self, delta: Sequence[Any], *, moved: bool) -> None:
        """Sets the state to the authority's answer: its delta on the state before this step, read
        by this core's own reader. While that refuses it, so are all steps."""
        if moved:
            self._undo()
        try:
            if isinstance(self._state, Refused):
                # The authority could read a state that this core refused; its first delta is whole.
                self._aside = blank() if self._aside is None else self._aside
                apply_delta(self._aside, delta)
                state = self._bindings.read_state(state_document(self._aside))
            else:
                state = evolved(self._state, self._fields_of(delta))
        except RAISED as error:
            if self._aside is None:
                self._aside = plain_of(self._state)
                apply_delta(self._aside, delta)
            self._state, self._due, self._before = refusal(error, reading=True), set(), None
            raise self._state from error
        self._set_state(state, set())

    def _fields_of(self, delta: Sequence[Any]) -> dict[str, Any]:
        """The fields that a delta names, as this core's own reader has them."""
        named: dict[str, Any] = {}
        for index, value in zip(delta[::2], delta[1::2], strict=True):
            if index in LISTS:
                records = value[1] if index == CYCLES else value
                value = [record_document(index, record) for record in records]
            named[STATE_FIELDS[index]] = value
        fields = self._read_fields(named)
        for index, value in zip(delta[::2], delta[1::2], strict=True):
            if index == CYCLES and value[0]:
                name = STATE_FIELDS[CYCLES]
                fields[name] = (*self._values[CYCLES][: value[0]], *fields[name])
        return fields
