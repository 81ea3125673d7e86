"""Runs one stream on a Python core: state by state, with outcomes in compact form.

This is the hot path of the whole project: everything here is paid for each step on top of the
core's own transition. A state is compared with the one before by the identity of its fields first,
which costs a microsecond, and only what changed is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from operator import is_not
from typing import Any

from replay.core import UnknownEventError, UnreadableError
from replay.streams.model import (
    CYCLES,
    EVENT_FIELDS,
    STATE_FIELDS,
    CallCode,
    Document,
    Start,
    Step,
)
from replay.targets.base import Outcome, RefusalKind, is_refusal
from replay.targets.compact import INDEX_OF
from replay.targets.python.objects import (
    LAST_UPDATE,
    LISTS,
    compact_list,
    hot_of,
    rest_of,
    values_of,
)

_INDICES = range(len(STATE_FIELDS))
_TICK, _TIMER = int(CallCode.PRICE_TICK), int(CallCode.TIMER_TICK)
_REGIME, _CHECK = int(CallCode.APPLY_REGIME), int(CallCode.CHECK_INVARIANTS)
RAISED = (Exception, SystemExit)
"""What a bot's module may raise; only what asks this very process to stop goes through."""

MAX_TEXT = 200
"""How much of a foreign exception's text is kept."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """A Python core as functions: what a module offers, whatever it calls its classes.

    The readers raise UnreadableError or UnknownEventError; `transition` and the others raise what
    the module raises.
    """

    transition: Callable[..., tuple[Any, Sequence[Any]]]
    check_invariants: Callable[[Any], Sequence[str]]
    apply_regime: Callable[[Any, int, Any], Any]
    read_state: Callable[[Document], Any]
    read_event: Callable[[Document], Any]
    read_config: Callable[[Document], Any]
    read_size: Callable[[Document], float]
    read_sizes: Callable[[Document], Any]
    read_local_id: Callable[[Document], int]
    price_tick: Callable[[float, float], Any]
    timer_tick: Callable[[float], Any]
    record_makers: Mapping[int, Callable[..., Any]]
    action_values: Mapping[str, tuple[int, Callable[[Any], tuple[Any, ...]]]]


class _Refused(Exception):
    """A step that the core does not take: carries the refusal."""

    def __init__(self, kind: RefusalKind, path: str) -> None:
        super().__init__(kind, path)
        self.outcome: Outcome = [str(kind), path]


def _refusal(error: BaseException) -> _Refused:
    """The refusal that an exception of a core stands for."""
    if isinstance(error, _Refused):
        return error
    if isinstance(error, UnreadableError):
        return _Refused(RefusalKind.UNREADABLE, error.path)
    if isinstance(error, UnknownEventError):
        return _Refused(RefusalKind.UNKNOWN_EVENT, "event")
    if isinstance(error, OverflowError | ZeroDivisionError) or type(error) is ValueError:
        return _Refused(RefusalKind.ARITHMETIC, "")
    return _Refused(RefusalKind.ERROR, told(error)[:MAX_TEXT])


def refusal_by(error: BaseException) -> Outcome:
    """The outcome of a step at which a core raised this."""
    return _refusal(error).outcome


def told(error: BaseException) -> str:
    """An exception of a core's as text: its type and what it says."""
    try:
        text = str(error)
    except RAISED:  # even this may be the module's own code
        text = "(without a text)"
    return f"{type(error).__name__}: {text}"


class PythonSession:
    """Where one stream stands on a Python core (docs/replay-method.md, "Request body").

    An input that could not be read is kept as its refusal until it is replaced. `due` has the
    fields that were set from outside and not yet shown in a delta.
    """

    __slots__ = (
        *("_before", "_bindings", "_config", "_due", "_size", "_sizes", "_state", "_values"),
        "notable",
    )

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._state: Any = _Refused(RefusalKind.UNREADABLE, "state")
        self._values: tuple[Any, ...] = ()
        self._config: Any = None
        self._size: Any = None
        self._sizes: Any = None
        self._due: set[int] = set()
        self._before: tuple[Any, tuple[Any, ...], set[int]] | None = None
        self.notable: list[int] | None = None

    @property
    def state(self) -> Any:
        """The core's own state object, or None where none could be read."""
        return None if isinstance(self._state, _Refused) else self._state

    def begin(self, start: Start) -> None:
        """Sets everything from outside. What cannot be read refuses the steps that need it."""
        bindings = self._bindings
        self._state = self._read(bindings.read_state, start.state)
        self._config = self._read(bindings.read_config, start.config)
        self._size = self._read(bindings.read_size, start.order_size_usd)
        self._sizes = self._read(bindings.read_sizes, start.order_sizes)
        if not isinstance(self._state, _Refused):
            self._values = values_of(self._state)
            self._due = set(_INDICES)

    @staticmethod
    def _read(reader: Callable[[Any], Any], document: Any) -> Any:
        try:
            return reader(document)
        except RAISED as error:  # a bot's module may raise anything
            return _refusal(error)

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
                next_rest = rest_of(next_state)
                compact = self._compact_actions(actions)
                if next_rest == rest:
                    # All but price and time is as it was: what nearly every tick comes to.
                    delta: list[Any] = []
                    price, now, seen = hot_of(state)
                    next_price, next_now, next_seen = hot_of(next_state)
                    if next_price != price:
                        delta += (0, next_price)
                    if next_now != now:
                        delta += (1, next_now)
                    if next_seen != seen:
                        delta += (LAST_UPDATE, next_seen)
                else:
                    self._stand_at(state)
                    delta = self._delta(values_of(next_state))
                    rest = next_rest
            except RAISED as error:  # a bot's module may raise anything
                notable.append(len(outcomes))
                outcomes.append(_refusal(error).outcome)
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
        return not self._due and not any(isinstance(one, _Refused) for one in inputs)

    def _answer(self, step: Step) -> Outcome:
        """Takes in what was set from outside, makes the call, and goes on from its answer."""
        call: Any = step.call
        changes = step.changes
        refused = None if changes is None else self._take_in(changes)
        state = self._state
        try:
            if refused is not None and "state" in refused:
                raise refused["state"]
            if type(state) is _Refused:
                raise state
            if refused is not None and "patch" in refused:
                raise refused["patch"]
            actions: Sequence[Any] = ()
            code = call[0] if type(call) is tuple else -1
            if code == _CHECK:
                next_state = state
            elif code == _REGIME:
                local_id = self._bindings.read_local_id(call[1])
                next_state = self._bindings.apply_regime(state, local_id, call[2])
            else:
                event = self._event(call, code)
                for name, needed in (
                    ("config", self._config),
                    ("order_size_usd", self._size),
                    ("order_sizes", self._sizes),
                ):
                    # This step's own error before the one that has stood since earlier.
                    if refused is not None and name in refused:
                        raise refused[name]
                    if type(needed) is _Refused:
                        raise needed
                next_state, actions = self._bindings.transition(
                    state, event, self._config, self._size, self._sizes
                )
            values = values_of(next_state)
            violations = self._bindings.check_invariants(next_state)
            compact = self._compact_actions(actions)
            delta = self._delta(values)
        except RAISED as error:  # a bot's module may raise anything
            return _refusal(error).outcome
        self._state, self._values = next_state, values
        return [delta, compact, violations]

    def _guided(self, step: Step, wanted: Outcome) -> Outcome:
        """Answers a step, then goes on from what the authority answered."""
        outcome = self._answer(step)
        if outcome == wanted or is_refusal(wanted):
            # After a refusal of the authority's, only a shadow that answered has moved on.
            if outcome != wanted and not is_refusal(outcome):
                self._undo()
            return outcome
        try:
            self._go_on_from(wanted[0], moved=not is_refusal(outcome))
            if not is_refusal(outcome):
                outcome = [*outcome[:2], self._bindings.check_invariants(self._state)]
        except RAISED as error:  # a bot's module may not take what the authority made
            return _refusal(error).outcome
        return outcome

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

    def _take_in(self, changes: Mapping[str, Document]) -> dict[str, _Refused] | None:
        """Sets what can be read; gives the refusal of each input that cannot be."""
        refused: dict[str, _Refused] = {}
        bindings = self._bindings
        if "state" in changes:
            read = self._read(bindings.read_state, changes["state"])
            if isinstance(read, _Refused):
                refused["state"] = read
            else:
                self._set_state(read, set(_INDICES))
        if "patch" in changes and not isinstance(self._state, _Refused):
            try:
                self._patch(changes["patch"])
            except RAISED as error:  # a bot's module may raise anything
                refused["patch"] = _refusal(error)
        if "config" in changes:
            read = self._read(bindings.read_config, changes["config"])
            self._config = self._kept(self._config, read, refused, "config")
        if "order_size_usd" in changes:
            read = self._read(bindings.read_size, changes["order_size_usd"])
            self._size = self._kept(self._size, read, refused, "order_size_usd")
        if "order_sizes" in changes:
            read = self._read(bindings.read_sizes, changes["order_sizes"])
            self._sizes = self._kept(self._sizes, read, refused, "order_sizes")
        return refused or None

    @staticmethod
    def _kept(former: Any, read: Any, refused: dict[str, _Refused], name: str) -> Any:
        """What is in force after an input was read: an unreadable one changes nothing."""
        if isinstance(read, _Refused):
            refused[name] = read
            return former
        return read

    def _patch(self, patch: Document) -> None:
        """Replaces top-level fields, read by the core's own reader, without touching the rest:
        the history of a long-lived slot must not be read again for each exchange id."""
        if not isinstance(patch, Mapping):
            raise UnreadableError("state", "a patch must be an object")
        named = {name: value for name, value in patch.items() if name in INDEX_OF}
        read = self._bindings.read_state(named)
        state = replace(self._state, **{name: getattr(read, name) for name in named})
        self._set_state(state, self._due | {INDEX_OF[name] for name in named})

    def _set_state(self, state: Any, due: set[int]) -> None:
        self._state, self._values, self._due = state, values_of(state), due
        self._before = None

    def _delta(self, values: tuple[Any, ...]) -> list[Any]:
        """What differs between `values` and where the session stands, and what is due."""
        former = self._values
        changed: Any = compress(_INDICES, map(is_not, former, values))
        due = self._due
        self._before = (self._state, former, due)
        if due:
            changed = sorted(due.union(changed))
        delta: list[Any] = []
        for index in changed:
            value, old = values[index], former[index]
            if index not in due and value == old:
                continue
            if index in LISTS:
                value = compact_list(index, () if index in due else old, value)
            delta.append(index)
            delta.append(value)
        if due:
            self._due = set()
        return delta

    def _compact_actions(self, actions: Sequence[Any]) -> list[Any]:
        if not actions:
            return []
        known = self._bindings.action_values
        compact = []
        for action in actions:
            code, values_of = known[type(action).__name__]
            compact.append([code, *values_of(action)])
        return compact

    def _undo(self) -> None:
        """Back to where the session stood before its last answer."""
        if self._before is not None:
            self._state, self._values, self._due = self._before

    def _go_on_from(self, delta: Sequence[Any], *, moved: bool) -> None:
        """Sets the state to the authority's answer: its delta on the state before this step."""
        if moved:
            self._undo()
        makers = self._bindings.record_makers
        fields: dict[str, Any] = {}
        for index, value in zip(delta[::2], delta[1::2], strict=True):
            if index == CYCLES:
                keep, records = value
                former = self._values[CYCLES][:keep] if keep else ()
                value = (*former, *(makers[CYCLES](record) for record in records))
            elif index in makers:
                value = tuple(makers[index](record) for record in value)
            fields[STATE_FIELDS[index]] = value
        if isinstance(self._state, _Refused):
            # The authority could read a state that this core refused; its first delta is whole.
            state = self._bindings.read_state({"market_price": 0.0, "now": 0.0})
        else:
            state = self._state
        self._set_state(replace(state, **fields), set())
