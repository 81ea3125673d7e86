"""A step as a core has read it, to be asked many times: reading takes longer than answering.

Whoever answers must not change what it was handed. The core itself may, and an edit of it soon does
(it leaves out a copy, say); then all that is asked later would start from another state. So what a
core was handed is marked, and read anew once that mark is another.
"""

from __future__ import annotations

import copy
import dataclasses
import io
import pickle
from collections.abc import Callable, Sequence
from enum import Enum, auto
from operator import attrgetter, is_
from typing import Any, NamedTuple

from replay.streams.model import CYCLES, STATE_FIELDS, Step
from replay.targets.base import Outcome, is_refusal
from replay.targets.python.bindings import Bindings
from replay.targets.python.helper_calls import answers_value
from replay.targets.python.normal import alike, normal_texts
from replay.targets.python.raised import RAISED, refusal
from replay.targets.python.session import PythonSession

_PLAIN = frozenset((str, int, float, bool, bytes))

_HISTORY = STATE_FIELDS[CYCLES]


class Looks(Enum):
    """How much is done once more for each answer."""

    ANEW = auto()
    """The authority's next state is taken in and looked at."""
    ONCE_MORE = auto()
    """It is looked at: an edit in force is in what checks states, none is in what reads them."""
    AS_BEFORE = auto()
    """Neither: no edit in force is in either. Both together take longer than the step."""


class Begun:
    """A session that has read a step's documents, and the call of the step."""

    def __init__(
        self, session: PythonSession, bindings: Bindings, call: Any, *, is_kept: bool = True
    ) -> None:
        """What is not kept is asked once, and needs no mark. `bindings` are the session's own."""
        self._session = session
        self._bindings = bindings
        self._call = call
        self._inputs = Inputs(session.handed) if is_kept else None
        self._last: Outcome | None = None
        """An answer that goes on from the authority's next state; a refusal where that cannot be
        read."""
        self._next: _Following | None = None
        """The authority's next state, once it was taken in."""

    def answer(self, authority: Outcome, *, looks: Looks) -> Outcome:
        """The answer to the step, with the violations of the authority's next state, as a shadow
        gives it."""
        if looks is Looks.ANEW or is_refusal(authority) or answers_value(self._call):
            return self._guided(copy.copy(self._session), authority)
        (outcome,) = copy.copy(self._session).run([Step(self._call)], None)
        if is_refusal(outcome) or alike(outcome, authority):
            return outcome
        if looks is Looks.AS_BEFORE and self._last is not None:
            return self._last if is_refusal(self._last) else [*outcome[:2], self._last[2]]
        if self._next is None:
            outcome = self._taken_in(authority)
        else:
            outcome = self._next.checked(outcome)
            if not self._next.is_as_it_was():
                self._next = None
        if looks is Looks.AS_BEFORE:
            self._last = outcome
        return outcome

    def _taken_in(self, authority: Outcome) -> Outcome:
        session = copy.copy(self._session)
        outcome = self._guided(session, authority)
        if not is_refusal(outcome):
            self._next = _Following(session.state, self._bindings)
        return outcome

    def _guided(self, session: PythonSession, authority: Outcome) -> Outcome:
        return session.run([Step(self._call)], [authority])[0]

    def is_as_it_was(self) -> bool:
        """Whether nobody has changed what was read. False as well where that cannot be told."""
        return self._inputs is not None and self._inputs.are_as_they_were()


class _Following:
    """The authority's next state as the core has it, to be looked at for violations."""

    def __init__(self, state: Any, bindings: Bindings) -> None:
        self._state = state
        self._bindings = bindings
        self._inputs = Inputs([state])

    def checked(self, outcome: Outcome) -> Outcome:
        """An answer with the violations of this state in place of its own."""
        try:
            return [*outcome[:2], normal_texts(self._bindings.check_invariants(self._state))]
        except RAISED as error:  # as where the state is taken in anew
            return refusal(error, reading=True).outcome

    def is_as_it_was(self) -> bool:
        """Whether nobody has changed it. False as well where that cannot be told."""
        return self._inputs.are_as_they_were()


class Inputs:
    """What a core was handed, marked so that it shows when somebody has changed it."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._frozen: list[_Fields] = []
        self._open = [value for value in values if not _noted(value, self._frozen)]
        self._mark = _mark(self._open)

    def are_as_they_were(self) -> bool:
        """Whether nobody has changed them. False as well where that cannot be told."""
        return (
            all(one.are_as_they_were() for one in self._frozen)
            and self._mark is not None
            and (not self._open or self._mark == _mark(self._open))
        )


class _Fields(NamedTuple):
    """The fields of a record that nobody can change, unless by force."""

    record: Any
    read: Callable[[Any], Sequence[Any]]
    values: Sequence[Any]

    def are_as_they_were(self) -> bool:
        """Whether each is still the same object."""
        return all(map(is_, self.read(self.record), self.values))


def _noted(value: Any, noted: list[_Fields]) -> bool:
    """Notes the records in a value, where nobody can change it: that is looked at faster than it
    is written down. False where somebody can."""
    kind = type(value)
    if value is None or kind in _PLAIN:
        return True
    if kind is tuple or kind is frozenset:
        return all(_noted(one, noted) for one in value)
    how = getattr(kind, "__dataclass_params__", None)
    if how is None or not how.frozen:
        return False
    names = [one.name for one in dataclasses.fields(value)]
    if len(names) < 2:
        return False
    read = attrgetter(*names)
    values = read(value)
    noted.append(_Fields(value, read, values))
    # Records of what is over are many, and seldom touched.
    return all(
        type(one) is tuple if name == _HISTORY else _noted(one, noted)
        for name, one in zip(names, values, strict=True)
    )


def _mark(handed: Sequence[Any]) -> bytes | None:
    """The same for the same inputs, None where they cannot be written down. Of the history only
    its length counts: it is long, and records of what is over are seldom touched."""
    written = io.BytesIO()
    try:
        _Pickler(written, pickle.HIGHEST_PROTOCOL).dump([_fields(one) for one in handed])
    except Exception:  # a bot's objects may refuse anything
        return None
    return written.getvalue()


def _fields(value: Any) -> Any:
    """The fields of a record, a history as its length; all else as it is."""
    fields = getattr(value, "__dict__", None)
    if not isinstance(fields, dict):
        return value
    history = fields.get(_HISTORY)
    if not isinstance(history, list | tuple):
        return fields
    return {**fields, _HISTORY: len(history)}


class _Pickler(pickle.Pickler):
    """Writes objects of a bot's own classes by what they hold: modules that are loaded from a file
    cannot be imported by name."""

    def reducer_override(self, value: Any) -> Any:
        """What an object is written as."""
        if getattr(value, "__module__", "") == "builtins":
            return NotImplemented
        if isinstance(value, type) or callable(value):
            return str, (getattr(value, "__qualname__", ""),)
        return dict, ([(type(value).__qualname__, value.__getstate__())],)
