"""Steps of a flood told by their bytes: two answers with holes where the figures are.

Outcomes are written in one canonical encoding (docs/replay-method.md, "Answer body"), so two ticks
that show the same bug have the same bytes but for their doubles, eight bytes each and always in
the same places. Where a step has been seen to be one of many (recurring.py), the next one is held
against the bytes of that one: what is outside the holes must be the same, and the same doubles must
be equal and differ in the same way. That is all that a key says, and it is seen without decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from replay.differential.compare import classifier, equal
from replay.differential.model import DifferenceKind
from replay.differential.recurring import Known
from replay.streams.model import RECORD_FIELDS, STATE_FIELDS, Call
from replay.targets.base import Outcome, is_refusal
from replay.targets.compact import Plain

_DOUBLE = 0xCB
"""The byte before the eight of a double."""

_SHORT = 16
"""An array has a head of one byte as long as it is shorter than that; then of three."""


class Stencil:
    """The encoding of an answer whose delta has nothing but doubles, with holes for these."""

    __slots__ = ("_fixed", "_size", "_unpack", "names")

    def __init__(self, names: Sequence[int], fixed: Sequence[bytes]) -> None:
        """`fixed` is what stands before, between and behind the doubles."""
        self.names = names
        self._fixed = tuple(fixed)
        form = Struct(">" + "d".join(f"{len(part)}s" for part in fixed))
        self._size, self._unpack = form.size, form.unpack

    @classmethod
    def of(cls, outcome: Outcome, encoded: bytes) -> Stencil | None:
        """The stencil that an answer fits; None where it is none of those that have one."""
        if is_refusal(outcome) or not outcome[0] or {*map(type, outcome[0][1::2])} != {float}:
            return None
        names, fixed = outcome[0][::2], []
        begin, end = 0, (1 + 1 if len(outcome[0]) < _SHORT else 1 + 3) + 2
        for name in names:
            fixed.append(encoded[begin:end])
            if fixed[-1][-2:] != bytes((name, _DOUBLE)):
                return None  # not written in the shortest way
            begin, end = end + 8, end + 8 + 2
        return cls(names, [*fixed, encoded[begin:]])

    def figures(self, encoded: bytes) -> tuple[float, ...] | None:
        """The doubles of an answer, as they stand in its delta. None for one that does not fit."""
        if len(encoded) != self._size:
            return None
        parts = self._unpack(encoded)
        return parts[1::2] if parts[::2] == self._fixed else None


class _Odd(NamedTuple):
    """A field that differs, or that only one of the deltas names. The places are those of its
    figures, None where a delta does not name it; `kind` is None where nothing differs."""

    field: int
    place: int | None
    their_place: int | None
    kind: DifferenceKind | None


class Mould:
    """What the steps look like that all have one key, by the bytes of both answers."""

    __slots__ = ("_asked", "_odd", "_ours", "_same", "_their_same", "_theirs", "known")

    def __init__(
        self, call: Call, stencils: tuple[Stencil, Stencil], odd: Sequence[_Odd], known: Known
    ) -> None:
        self._asked = tuple(map(type, call))
        self._ours, self._theirs = stencils
        self._odd = odd
        self.known = known
        names, their_names = self._ours.names, self._theirs.names
        same = {*names, *their_names} - {one.field for one in odd}
        self._same = _getter([names.index(index) for index in same])
        self._their_same = _getter([their_names.index(index) for index in same])

    @classmethod
    def of(
        cls,
        call: Call,
        outcomes: tuple[Outcome, Outcome],
        encoded: tuple[bytes, bytes],
        before: Plain | None,
        decimals: int,
        known: Known,
    ) -> Mould | None:
        """The mould that a step fits, the results of which differ; None where it has none."""
        ours, theirs = map(Stencil.of, outcomes, encoded)
        if ours is None or theirs is None or before is None:
            return None
        (delta, *_), (their_delta, *_) = outcomes
        odd: list[_Odd] = []
        for index in sorted({*ours.names, *theirs.names}):
            if index in RECORD_FIELDS:
                return None
            place = ours.names.index(index) if index in ours.names else None
            their_place = theirs.names.index(index) if index in theirs.names else None
            one = before[index] if place is None else delta[2 * place + 1]
            other = before[index] if their_place is None else their_delta[2 * their_place + 1]
            kind = None
            if not equal(one, other):
                kind = classifier(decimals)(STATE_FIELDS[index], one, other)
            if kind is not None or place is None or their_place is None:
                odd.append(_Odd(index, place, their_place, kind))
        return cls(call, (ours, theirs), odd, known)

    def fits(
        self, call: Call, ours: bytes, theirs: bytes, before: Plain | None, decimals: int
    ) -> bool:
        """Whether a step has the same key, from a state of the same outline."""
        figures, their_figures = self._ours.figures(ours), self._theirs.figures(theirs)
        if figures is None or their_figures is None or before is None:
            return False
        if (*map(type, call),) != self._asked:
            return False
        if self._same(figures) != self._their_same(their_figures):
            return False
        for index, place, their_place, kind in self._odd:
            one = before[index] if place is None else figures[place]
            other = before[index] if their_place is None else their_figures[their_place]
            if equal(one, other):
                if kind is not None:
                    return False
            elif classifier(decimals)(STATE_FIELDS[index], one, other) is not kind:
                return False
        return True


def _getter(places: Sequence[int]) -> Callable[[Sequence[float]], Any]:
    return itemgetter(*places) if places else lambda figures: None
