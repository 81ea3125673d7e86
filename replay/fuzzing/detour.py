"""The way round what a shadow refuses while the authority goes on.

A shadow that refuses one value of one setting refuses every step for as long as that is in force:
in the edge profile a third of a campaign, in which nothing else is seen. So where it alone refuses
step after step, the inputs in force are made tamer, one sort of value after the other, until it
answers again; sorts that it was never seen to take are left out of the rest of the stream. Each
stream finds that out by itself, so a stream is a function of its plan and of what both cores
answered, whatever ran before it, and each sort goes on being asked for a few steps of each stream.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from replay.fuzzing.configs import DEFAULTS
from replay.streams.model import CallCode, Document, Start, Step

PATIENCE = 3
"""Transitions in a row that the shadow alone refuses before a way round is looked for."""

_SIZES = ("order_size_usd", "order_sizes")
_HUGE, _TINY = 1e15, 1e-9


class Sort(Enum):
    """What sort of value a setting has, as far as cores make a difference."""

    ORDINARY = "ordinary"
    INFINITE = "infinite"
    NAN = "nan"
    HUGE = "huge"
    TINY = "tiny"
    ZERO = "zero"
    NEGATIVE = "negative"
    YES = "yes"
    NO = "no"
    NULL = "null"
    OTHER = "other"


class Trait(NamedTuple):
    """A setting with a sort of value, or with a value (as text)."""

    setting: str
    value: Sort | str


class Way(IntEnum):
    """The ways round, the smallest first."""

    NONE = 0
    FINITE = 1
    """Without the infinities and NaN that were never taken."""
    USUAL = 2
    """Without any sort of value that was never taken."""
    KNOWN = 3
    """Without any value that was never taken."""
    AFRESH = 4
    """From an empty state."""


def sort_of(value: Document) -> Sort:
    """The sort of a setting's value."""
    if isinstance(value, bool):
        return Sort.YES if value else Sort.NO
    if value is None:
        return Sort.NULL
    if not isinstance(value, int | float):
        return Sort.OTHER
    if isinstance(value, float) and not math.isfinite(value):
        return Sort.NAN if value != value else Sort.INFINITE
    size = abs(value)
    if size >= _HUGE:
        return Sort.HUGE
    if value < 0:
        return Sort.NEGATIVE
    if not value:
        return Sort.ZERO
    return Sort.TINY if size < _TINY else Sort.ORDINARY


_ORDINARY: Mapping[str, Document] = {**DEFAULTS, "order_size_usd": 5.0, "order_sizes": None}
"""What stands for a value that is left out. The size is an argument, and a setting of the same
name; what is refused of one is left out of both."""


def _traits_of(values: Mapping[str, Document]) -> frozenset[Trait]:
    return frozenset(
        trait
        for name, value in values.items()
        for trait in (Trait(name, sort_of(value)), Trait(name, repr(value)))
    )


class Detour:
    """The ways round of one stream. Everything that is sent goes through `sent`."""

    def __init__(self, start: Start) -> None:
        self._config: Document = start.config
        self._sizes: dict[str, Document] = {name: getattr(start, name) for name in _SIZES}
        self._taken = set(_traits_of(_ORDINARY))
        self._shunned: set[Trait] = set()
        self._way = Way.NONE
        self.is_taken = False
        """Whether this stream had to go round anything."""
        self.is_given_up = False
        """Whether every way was tried: it refuses whatever it is asked."""

    @property
    def config(self) -> dict[str, Any]:
        """The settings in force."""
        return dict(self._config) if isinstance(self._config, Mapping) else {}

    def sent(self, steps: Sequence[Step]) -> list[Step]:
        """The steps as they are to be sent, without what is shunned."""
        return [step if step.changes is None else self._tamed(step) for step in steps]

    def answered(self) -> None:
        """The shadow computes under what is in force."""
        self._way, self.is_given_up = Way.NONE, False
        self._taken |= self._in_force()

    def way_round(self) -> Step | None:
        """A step that sets what the shadow may take; None where every way was tried."""
        while self._way < Way.AFRESH:
            self._way = Way(self._way + 1)
            never = {one for one in self._in_force() - self._taken if self._is_left_out(one)}
            if never or self._way is Way.AFRESH:
                self._shunned |= never
                self.is_taken = True
                return self._tamed(Step(_LOOK, self._set_anew()))
        self.is_given_up = True
        return None

    def _is_left_out(self, trait: Trait) -> bool:
        """Whether this way is one without it."""
        if self._way is Way.FINITE:
            return trait.value in (Sort.INFINITE, Sort.NAN)
        return isinstance(trait.value, Sort) or self._way > Way.USUAL

    def _set_anew(self) -> dict[str, Document]:
        changes = {"config": self._config, **self._sizes}
        return changes if self._way < Way.AFRESH else {"state": _EMPTY, **changes}

    def _tamed(self, step: Step) -> Step:
        changes = dict(step.changes or {})
        if "config" in changes:
            config = changes["config"]
            if isinstance(config, Mapping) and (left_out := self._shunned_of(config)):
                changes["config"] = {**config, **left_out}
            self._config = changes["config"]
        sizes = {name: changes[name] for name in _SIZES if name in changes}
        sizes |= self._shunned_of(sizes)
        self._sizes |= sizes
        return step._replace(changes={**changes, **sizes})

    def _shunned_of(self, values: Mapping[str, Document]) -> dict[str, Document]:
        """What stands for those of the values that are shunned."""
        if not self._shunned:
            return {}
        return {
            name: _ORDINARY[name]
            for name, value in values.items()
            if name in _ORDINARY
            and not self._shunned.isdisjoint(
                (Trait(name, sort_of(value)), Trait(name, repr(value)))
            )
        }

    def _in_force(self) -> frozenset[Trait]:
        return _traits_of(self.config) | _traits_of(self._sizes)


_LOOK = (int(CallCode.CHECK_INVARIANTS),)

_EMPTY: Mapping[str, Document] = {"market_price": 0.15, "now": 0.0}
