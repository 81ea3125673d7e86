"""The functions that a bot calls: the authority's answer first, and then a note of the call.

The note is all that the shadow adds to a call on the bot's thread. A bot that makes fifty calls a
second finds every object that it needs cold in the processor's caches, so the function that nearly
all calls go through (*lean*) touches as few as it can: it takes its arguments by name as the
module has them, has its settings in cells, looks at no clock (the feeder does, hundredths of a
second later), and leaves everything else to a *detour*. That is taken before the first call, while
the shadow is off, where slots are named or the clock is the caller's own, while the feeder does not
keep up, by a call that is timed, and by a module that takes its parameters in another way.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

from replay.shadow.arguments import CHECK, NAMES, REGIME, TRANSITION
from replay.shadow.call_deltas import Offer
from replay.targets.python.raised import refusal_by

Function: TypeAlias = Callable[..., Any]


class Mode(Enum):
    """What becomes of a call. NEW is before the first, whose caller makes the adapter begin; OFF
    is the authority alone."""

    NEW = auto()
    OFF = auto()
    LEAN = auto()
    DETAILED = auto()


@dataclass(slots=True)
class Notes:
    """Where calls are noted.

    `queue` takes them while it has fewer than `limit`; else `drop` is called. `lost` is called for
    one that cannot be noted, `timed` with the times of some (see metrics.Latency). `slot` gives the
    slot that was named for this call, `clock` its time. `begin` is called at the first call,
    `crowded` where the queue is long; `room`, where there is one, waits until a full queue has
    room.
    """

    queue: deque[tuple[Any, ...]]
    slot: Callable[[], int | None]
    drop: Callable[[], int]
    lost: Callable[[], int]
    timed: Callable[[tuple[float, float, float, float]], None]
    begin: Callable[[], None]
    crowded: Callable[[], None]
    clock: Callable[[], float] = time.time
    limit: int = 0
    room: Callable[[], None] | None = None


class Shadowed(NamedTuple):
    """The function in place of a module's own; how its mode and who answers are set; and what makes
    its next call one that is timed, where it is lean."""

    function: Function
    bind: Callable[[Mode, Function], None]
    time_next: Callable[[], None]


def shadowed(own: Function, kind: int, notes: Notes) -> Shadowed:
    """The function in place of a module's `own` one. It has no mode until `bind` is called."""
    names = NAMES[kind]
    defaults = _defaults(own, names)
    made = _any(own, kind, notes) if defaults is None else _MAKERS[kind](own, notes)
    if defaults is not None:
        _take_parameters(made.function, own, len(names))
        made.function.__defaults__ = defaults or None
    functools.update_wrapper(made.function, own)
    return made


def offer_of(noted: tuple[Any, ...], ts: float) -> Offer:
    """What was noted of a call, by name; `ts` is the time where none was noted."""
    match noted:
        case (result, state, event, config, size, sizes):
            return Offer(TRANSITION, None, ts, result, None, state, event, config, size, sizes)
        case (result, state):
            return Offer(CHECK, None, ts, result, None, state)
        case (result, state, local_id, regime):
            return Offer(REGIME, None, ts, result, None, state, local_id, regime)
        case _:
            return Offer._make(noted)


def _defaults(own: Function, names: tuple[str, ...]) -> tuple[Any, ...] | None:
    """The defaults of a function with so many parameters, whatever their names are; None where it
    has others, or takes them in another way."""
    try:
        parameters = inspect.signature(own).parameters
    except (TypeError, ValueError):
        return None
    plain = all(one.kind is one.POSITIONAL_OR_KEYWORD for one in parameters.values())
    if len(parameters) != len(names) or not plain:
        return None
    return tuple(one.default for one in parameters.values() if one.default is not one.empty)


def _take_parameters(function: Function, own: Function, count: int) -> None:
    """Gives a function the names that another one has for its parameters."""
    code = function.__code__
    names = tuple(inspect.signature(own).parameters)
    function.__code__ = code.replace(co_varnames=names + code.co_varnames[count:])


# --- The three functions ----------------------------------------------------------------------


class _Rare:
    """What a lean function does only now and then. Each name that a function takes from around it
    costs it something at every call, needed or not; so all this is behind one."""

    __slots__ = ("_kind", "_notes")

    def __init__(self, kind: int, notes: Notes) -> None:
        self._kind = kind
        self._notes = notes

    def listed(self, result: Any, given: tuple[Any, ...], sizes: Any) -> None:
        """Notes a transition whose actions are no tuple, so that the bot may change them."""
        kept = result[0], tuple(result[1])
        self._notes.queue.append((kept, *given, None if sizes is None else {**sizes}))

    def timed(self, entered: float, began: float, ended: float, left: float) -> None:
        """Notes how long a call took."""
        notes = self._notes
        notes.timed((entered, began, ended, left))
        if len(notes.queue) >= notes.limit:
            notes.crowded()

    def raised(self, error: Exception, given: tuple[Any, ...]) -> None:
        """Notes a call at which the authority raised."""
        _note_raised(self._kind, error, self._notes, given)

    def lost(self) -> None:
        """Counts a call that cannot be noted."""
        self._notes.lost()


def _transition(own: Function, notes: Notes) -> Shadowed:
    detailed, answer_by = _detailed(own, TRANSITION, notes)
    begin = _beginner(lambda: transition, notes)
    regular: Function | None = begin
    rare, append = _Rare(TRANSITION, notes), notes.queue.append
    detour, answer, sequence = regular, own, tuple

    def bind(mode: Mode, answering: Function) -> None:
        nonlocal regular, detour, answer
        answer_by(answering)
        regular = _detour(mode, begin, answering, detailed)
        answer, detour = answering, regular

    def time_next() -> None:
        nonlocal detour
        if regular is None:
            detour = timed

    def transition(
        state: Any, event: Any, config: Any, order_size_usd: Any, order_sizes: Any = None
    ) -> Any:
        if detour is not None:
            return detour(state, event, config, order_size_usd, order_sizes)
        try:
            result = answer(state, event, config, order_size_usd, order_sizes)
        except Exception as error:
            rare.raised(error, (state, event, config, order_size_usd, order_sizes))
            raise
        try:
            # The bot may go on with its sizes, and with actions that are no tuple.
            if result[1].__class__ is sequence:
                append((result, state, event, config, order_size_usd,
                        None if order_sizes is None else {**order_sizes}))  # fmt: skip
            else:
                rare.listed(result, (state, event, config, order_size_usd), order_sizes)
        except Exception:
            rare.lost()
        return result

    def timed(state: Any, event: Any, config: Any, order_size_usd: Any, order_sizes: Any) -> Any:
        """The same, timed."""
        nonlocal detour
        entered = perf_counter()
        detour = regular
        began = perf_counter()
        try:
            result = answer(state, event, config, order_size_usd, order_sizes)
        except Exception as error:
            rare.raised(error, (state, event, config, order_size_usd, order_sizes))
            raise
        ended = perf_counter()
        try:
            if result[1].__class__ is sequence:
                append((result, state, event, config, order_size_usd,
                        None if order_sizes is None else {**order_sizes}))  # fmt: skip
            else:
                rare.listed(result, (state, event, config, order_size_usd), order_sizes)
            rare.timed(entered, began, ended, perf_counter())
        except Exception:
            rare.lost()
        return result

    return Shadowed(transition, bind, time_next)


def _check_invariants(own: Function, notes: Notes) -> Shadowed:
    detailed, answer_by = _detailed(own, CHECK, notes)
    begin = _beginner(lambda: check_invariants, notes)
    detour: Function | None = begin
    rare, append = _Rare(CHECK, notes), notes.queue.append
    answer = own

    def bind(mode: Mode, answering: Function) -> None:
        nonlocal detour, answer
        answer_by(answering)
        answer, detour = answering, _detour(mode, begin, answering, detailed)

    def check_invariants(state: Any) -> Any:
        if detour is not None:
            return detour(state)
        try:
            result = answer(state)
        except Exception as error:
            rare.raised(error, (state, None, None, None, None))
            raise
        try:
            append(((*result,), state))
        except Exception:
            rare.lost()
        return result

    return Shadowed(check_invariants, bind, _nothing)


def _regime(own: Function, notes: Notes) -> Shadowed:
    detailed, answer_by = _detailed(own, REGIME, notes)
    begin = _beginner(lambda: apply_order_regime_at_entry, notes)
    detour: Function | None = begin
    rare, append = _Rare(REGIME, notes), notes.queue.append
    answer = own

    def bind(mode: Mode, answering: Function) -> None:
        nonlocal detour, answer
        answer_by(answering)
        answer, detour = answering, _detour(mode, begin, answering, detailed)

    def apply_order_regime_at_entry(state: Any, local_id: Any, regime: Any) -> Any:
        if detour is not None:
            return detour(state, local_id, regime)
        try:
            result = answer(state, local_id, regime)
        except Exception as error:
            rare.raised(error, (state, local_id, regime, None, None))
            raise
        try:
            append((result, state, local_id, regime))
        except Exception:
            rare.lost()
        return result

    return Shadowed(apply_order_regime_at_entry, bind, _nothing)


def _nothing() -> None:
    """Only transitions are timed."""


def _any(own: Function, kind: int, notes: Notes) -> Shadowed:
    """For any parameters. Which is which is told apart later."""
    detour: Function = own
    answer = own

    def bind(mode: Mode, answering: Function) -> None:
        nonlocal detour, answer
        answer, detour = answering, _detour(mode, begin, answering, detailed) or detailed

    def call(*args: Any, **kwargs: Any) -> Any:
        return detour(*args, **kwargs)

    def detailed(*args: Any, **kwargs: Any) -> Any:
        entered = perf_counter()
        ts = notes.clock()
        given = tuple(map(_kept, args)), {name: _kept(value) for name, value in kwargs.items()}
        nothing = (None, None, None, None, None)
        began = perf_counter()
        try:
            result = answer(*args, **kwargs)
        except Exception as error:
            _note_raised(kind, error, notes, nothing, given)
            raise
        ended = perf_counter()
        _note(notes, (kind, notes.slot(), ts, _kept(result), None, *nothing, given))
        notes.timed((entered, began, ended, perf_counter()))
        return result

    begin = _beginner(lambda: call, notes)
    detour = begin
    return Shadowed(call, bind, _nothing)


# --- Detours ----------------------------------------------------------------------------------


def _detour(mode: Mode, begin: Function, own: Function, detailed: Function) -> Function | None:
    modes: Mapping[Mode, Function | None] = {
        Mode.NEW: begin,
        Mode.OFF: own,
        Mode.LEAN: None,
        Mode.DETAILED: detailed,
    }
    return modes[mode]


def _beginner(function: Callable[[], Function], notes: Notes) -> Function:
    """What the first call does: makes the adapter begin, which sets another mode."""

    def begin(*args: Any, **kwargs: Any) -> Any:
        notes.begin()
        return function()(*args, **kwargs)

    return begin


def _detailed(
    own: Function, kind: int, notes: Notes
) -> tuple[Function, Callable[[Function], None]]:
    """A function that notes all there is to say of a call, and how it is set who answers."""
    queue, named, timed, clock = notes.queue, notes.slot, notes.timed, notes.clock
    limit, answer, now = notes.limit, own, perf_counter

    def answer_by(answering: Function) -> None:
        nonlocal answer, clock, limit
        answer, clock, limit = answering, notes.clock, notes.limit

    def detailed(state: Any, second: Any = None, third: Any = None, *sizes: Any) -> Any:
        entered = now()
        ts = clock()
        began = now()
        try:
            if kind == TRANSITION:
                result = answer(state, second, third, *sizes)
            elif kind == CHECK:
                result = answer(state)
            else:
                result = answer(state, second, third)
        except Exception as error:
            given = (state, second, third, *(sizes or (None, None)))
            _note_raised(kind, error, notes, given)
            raise
        ended = now()
        try:
            if len(queue) >= limit and notes.room is not None:
                notes.room()
            if len(queue) < limit:
                slot = named()
                if kind == TRANSITION:
                    size, both = sizes
                    queue.append((
                        kind, slot, ts, result if type(result[1]) is tuple else _kept(result),
                        None, state, second, third, size,
                        None if both is None else {**both}, None,
                    ))  # fmt: skip
                else:
                    queue.append((kind, slot, ts, _kept(result), None, state, second, third,
                                  None, None, None))  # fmt: skip
            else:
                notes.drop()
        except Exception:
            notes.lost()
        timed((entered, began, ended, now()))
        return result

    return detailed, answer_by


def _note_raised(
    kind: int, error: Exception, notes: Notes, given: tuple[Any, ...], odd: Any = None
) -> None:
    """Notes a call at which the authority raised."""
    try:
        ts, refusal = notes.clock(), refusal_by(error)
        _note(notes, (kind, notes.slot(), ts, None, refusal, *map(_kept, given), odd))
    except Exception:
        notes.lost()


def _note(notes: Notes, noted: tuple[Any, ...]) -> None:
    if len(notes.queue) >= notes.limit and notes.room is not None:
        notes.room()
    if len(notes.queue) < notes.limit:
        notes.queue.append(noted)
    else:
        notes.drop()


def _kept(value: Any) -> Any:
    """A value as it is now, as far as it can change."""
    if type(value) is list:
        return tuple(value)
    if type(value) is tuple and len(value) == 2 and type(value[1]) is list:
        return value[0], tuple(value[1])
    return value.copy() if type(value) is dict else value


_MAKERS: Mapping[int, Callable[[Function, Notes], Shadowed]] = {
    TRANSITION: _transition,
    CHECK: _check_invariants,
    REGIME: _regime,
}
