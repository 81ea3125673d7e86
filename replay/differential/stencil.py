"""Steps of a flood told by their bytes: two answers with holes where the figures are.

Outcomes are written in one canonical encoding (docs/replay-method.md, "Answer body"), so two ticks
that show the same bug have the same bytes but for their doubles, eight bytes each and always in
the same places. Where a step has been seen to be one of many (outlines.py), the next one is held
against the bytes of that one: what is outside the holes must be the same, and the same doubles must
be equal and differ in the same way. That is all that a key says, and it is seen without decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from replay.differential.buckets import Known
from replay.differential.compare import classifier, equal
from replay.differential.model import DifferenceKind
from replay.streams.model import RECORD_FIELDS, STATE_FIELDS, Call
from replay.targets.base import Outcome, is_refusal
from replay.targets.compact import Plain

_DOUBLE = 0xCB
"""The byte before the eight of a double."""

_ANSWER = 0x93
"""The first byte of an answer, the head of an array of three."""

_SHORT = 16
"""An array has a head of one byte as long as it is shorter than that; then of three."""


class Stencil:
    """The encoding of an answer whose delta has nothing but doubles (or nothing at all), with holes
    for these.

    `parts` takes an encoding of the right length apart: what is fixed and the doubles in turn. It
    fits where the first, the third and so on are `fixed`. `place_of` says which part a field is.
    """

    __slots__ = ("fixed", "parts", "place_of")

    def __init__(self, names: Sequence[int], fixed: Sequence[bytes]) -> None:
        """`fixed` is what stands before, between and after the doubles of the fields."""
        self.fixed = tuple(fixed)
        self.parts = Struct(">" + "d".join(f"{len(part)}s" for part in fixed)).unpack
        self.place_of = {name: 2 * number + 1 for number, name in enumerate(names)}

    @classmethod
    def of(cls, outcome: Outcome, encoded: bytes) -> Stencil | None:
        """The stencil that an answer fits; None where it is none of those that have one."""
        if is_refusal(outcome) or not {*map(type, outcome[0][1::2])} <= {float}:
            return None
        names, fixed = outcome[0][::2], []
        begin, end = 0, (1 + 1 if len(outcome[0]) < _SHORT else 1 + 3) + 2
        for name in names:
            fixed.append(encoded[begin:end])
            if fixed[-1][-2:] != bytes((name, _DOUBLE)):
                return None  # not written in the shortest way
            begin, end = end + 8, end + 8 + 2
        return cls(names, [*fixed, encoded[begin:]])


class _Odd(NamedTuple):
    """A field that differs, or that only one of the deltas names. The places are those of its
    values, None where a delta does not name it; `kind` is None where nothing differs."""

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
        places, their_places = (stencil.place_of for stencil in stencils)
        same = places.keys() - {one.field for one in odd}
        self._same = _getter([places[field] for field in same])
        self._their_same = _getter([their_places[field] for field in same])

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
        named = {**ours.place_of, **theirs.place_of}.keys()
        if not named.isdisjoint(RECORD_FIELDS):
            return None
        odd: list[_Odd] = []
        for field in named:
            # A delta has its values where their parts are.
            place, their_place = ours.place_of.get(field), theirs.place_of.get(field)
            one = before[field] if place is None else outcomes[0][0][place]
            other = before[field] if their_place is None else outcomes[1][0][their_place]
            kind = None
            if not equal(one, other):
                kind = classifier(decimals)(STATE_FIELDS[field], one, other)
            if kind is not None or place is None or their_place is None:
                odd.append(_Odd(field, place, their_place, kind))
        return cls(call, (ours, theirs), odd, known)

    def fits(
        self, call: Call, ours: bytes, theirs: bytes, before: Plain | None, decimals: int
    ) -> bool:
        """Whether a step whose answers have the same lengths has the same key. It starts from a
        state of the same outline."""
        parts, their_parts = self._ours.parts(ours), self._theirs.parts(theirs)
        if parts[::2] != self._ours.fixed or their_parts[::2] != self._theirs.fixed:
            return False
        if self._same(parts) != self._their_same(their_parts) or before is None:
            return False
        if (*map(type, call),) != self._asked:
            return False
        for field, place, their_place, kind in self._odd:
            one = before[field] if place is None else parts[place]
            other = before[field] if their_place is None else their_parts[their_place]
            if equal(one, other):
                if kind is not None:
                    return False
            elif classifier(decimals)(STATE_FIELDS[field], one, other) is not kind:
                return False
        return True


class Verbatim:
    """The same for steps that the shadow refuses, each time in the same words."""

    __slots__ = ("_asked", "_theirs", "known")

    def __init__(self, call: Call, theirs: bytes, known: Known) -> None:
        self._asked = tuple(map(type, call))
        self._theirs = theirs
        self.known = known

    def fits(
        self, call: Call, ours: bytes, theirs: bytes, before: Plain | None, decimals: int
    ) -> bool:
        """As Mould.fits."""
        answered = ours[0] == _ANSWER
        return answered and theirs == self._theirs and (*map(type, call),) == self._asked


def mould_of(
    call: Call,
    outcomes: tuple[Outcome, Outcome],
    encoded: tuple[bytes, bytes],
    before: Plain | None,
    decimals: int,
    known: Known,
) -> Mould | Verbatim | None:
    """What other steps with the same key look like; None where that cannot be told by bytes."""
    if is_refusal(outcomes[1]) and not is_refusal(outcomes[0]):
        return Verbatim(call, encoded[1], known) if encoded[0][0] == _ANSWER else None
    return Mould.of(call, outcomes, encoded, before, decimals, known)


def _getter(places: Sequence[int]) -> Callable[[Sequence[Any]], Any]:
    return itemgetter(*places) if places else lambda parts: None
