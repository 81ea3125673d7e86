"""Which value at a place of the source gives the shadow's whole answer to a step.

A flag has only one other value. A number is often in the answer as it is; else it is found as the
root of what the answer differs by, from two values beside it (angelic debugging, ICSE 2011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final, NamedTuple

from replay.differential.model import Difference
from replay.explaining.causes.answered import Answered
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited
from replay.explaining.editing.place_probe import Hit
from replay.explaining.formulas.terms import compiled_parts, is_number, terms_at
from replay.explaining.formulas.value_places import ValuePlace
from replay.targets.base import StepResult

MOST_HITS: Final = 3
"""How many runs of one place in one step are looked at."""

NUDGES: Final = (2.0**-10, 2.0**-5, 0.25)
"""How far beside a number it is seen what becomes of the answer, as a share of it: what the answer
rounds away shows only further off."""

SHIFTS: Final = (1e-7, 1e-5, 1e-3)
"""Shares by which a number is shifted to see how far off the answer rounds it away."""

EXACT: Final = 1e-9
"""How exactly a root is known, as a share of the numbers that it was worked out from."""


class Forced(NamedTuple):
    """A value that does at a place, in one step: the terms in scope, what the place comes to by
    itself, and what it has to come to, within a tolerance (0 for a flag)."""

    terms: Mapping[str, Any]
    native: Any
    value: Any
    tolerance: float = 0.0


class ForcedValues:
    """Forces values on top of the causes that are in force."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._corrected = pool.corrected
        self._probe = pool.corrected.core.probe

    def hits(self, place: ValuePlace, step: Answered, *, with_parts: bool = True) -> Sequence[Hit]:
        """What a place came to in a step, each time that it ran; `with_parts` the terms have what
        else its function computes."""
        parts = compiled_parts(place.parts) if with_parts else ()
        with self._probe.looking(partial(terms_at, parts=parts)) as hits:
            self.answer(place, step)
        return list(hits)

    def find(self, place: ValuePlace, step: Answered) -> Forced | None:
        """The value that does, None where no one does, or none that is a number or a flag."""
        for number, hit in enumerate(self.hits(place, step)[:MOST_HITS]):
            found = self._at(place, step, number, hit)
            if found is not None:
                return found
        return None

    def _at(self, place: ValuePlace, step: Answered, number: int, hit: Hit) -> Forced | None:
        native = hit.value
        if isinstance(native, bool):
            does = self._is_right(place, step, {number: not native})
            return Forced(hit.terms, native, not native) if does else None
        if not is_number(native):
            return None
        differs = step.differences(self._pool.answer(step))
        if not differs or not all(is_number(one.shadow) for one in differs):
            return None
        for one in differs:
            if one.authority == native and self._is_right(place, step, {number: one.shadow}):
                exact = EXACT * abs(one.shadow)
                slack = self._slack(place, step, number, one.shadow, exact)
                return Forced(hit.terms, native, one.shadow, slack)
        if isinstance(native, int):
            return self._whole(place, step, number, hit, differs)
        return self._root(place, step, number, hit, differs)

    def _whole(
        self,
        place: ValuePlace,
        step: Answered,
        number: int,
        hit: Hit,
        differs: Sequence[Difference],
    ) -> Forced | None:
        """A whole number beside the native one, or one that is off by what the answer is."""
        native = hit.value
        offs = [one.shadow - one.authority for one in differs if is_number(one.authority)]
        wholes = [int(off) for off in offs if off == int(off) and abs(off) < 2**53]
        for off in dict.fromkeys((*wholes, 1, -1)):
            if off and self._is_right(place, step, {number: native + off}):
                return Forced(hit.terms, native, native + off)
        return None

    def _root(
        self,
        place: ValuePlace,
        step: Answered,
        number: int,
        hit: Hit,
        differs: Sequence[Difference],
    ) -> Forced | None:
        native = hit.value
        lead = next((one for one in differs if is_number(one.authority)), None)
        if lead is None:
            return None
        wanted, at = lead.shadow, lead.authority
        for nudge in NUDGES:
            beside = native * (1 + nudge) if native else nudge
            there = self._figure(place, step, {number: beside}, lead, differs)
            if there is None:
                return None
            if there != at:
                break
        else:
            return None
        slope = (there - at) / (beside - native)
        value = native + (wanted - at) / slope
        there = self._figure(place, step, {number: value}, lead, differs)
        if there is not None and there != at:
            slope = (there - at) / (value - native) if value != native else slope
            value = native + (wanted - at) / slope
        exact = EXACT * max(abs(value), abs(native), abs(wanted / slope))
        if not self._is_right(place, step, {number: value}):
            near = step.differences(self._forced(place, step, {number: value}))
            if not near or not all(_is_near(one, wanted) for one in near):
                return None
            return Forced(hit.terms, native, value, exact)
        slack = self._slack(place, step, number, value, exact)
        return Forced(hit.terms, native, value, slack)

    def _slack(
        self, place: ValuePlace, step: Answered, number: int, value: float, exact: float
    ) -> float:
        """How far off a value may be: where the answer rounds it, it is not known better."""
        if isinstance(value, int):
            return exact
        size = abs(value) or 1.0
        for shift, wider in pairwise(SHIFTS):
            around = (value - shift * size, value + shift * size)
            if not any(self._is_right(place, step, {number: one}) for one in around):
                break
            exact = wider * size
        return exact

    def _figure(
        self,
        place: ValuePlace,
        step: Answered,
        forced: Mapping[int, Any],
        lead: Difference,
        differs: Sequence[Difference],
    ) -> float | None:
        """What stands in the answer at a path with values forced; None where the answer differs
        elsewhere than it did: then no value there does."""
        found = step.differences(self._forced(place, step, forced))
        paths = {one.path for one in differs}
        if any(one.path not in paths for one in found):
            return None
        here = next((one.authority for one in found if one.path == lead.path), lead.shadow)
        return here if is_number(here) else None

    def kept(self, place: ValuePlace, step: Answered) -> Forced | None:
        """What a place comes to in a step that is right, where another value would spoil it."""
        for hit in self.hits(place, step)[:1]:
            native = hit.value
            if isinstance(native, bool):
                if not self._is_right(place, step, {0: not native}):
                    return Forced(hit.terms, native, native)
            elif is_number(native):
                other = native + 1 if isinstance(native, int) else native * (1 + NUDGES[-1]) or 1.0
                if not self._is_right(place, step, {0: other}):
                    return Forced(hit.terms, native, native, SHIFTS[0] * abs(native))
        return None

    def _is_right(self, place: ValuePlace, step: Answered, forced: Mapping[int, Any]) -> bool:
        return not step.left(self._forced(place, step, forced), refusals_agree=False)

    def _forced(self, place: ValuePlace, step: Answered, forced: Mapping[int, Any]) -> StepResult:
        with self._probe.forcing(forced):
            return self.answer(place, step)

    def answer(self, place: ValuePlace, step: Answered) -> StepResult:
        """What the corrected authority answers with the probe at a place."""
        causes = [*self._pool.causes, Edited(place.probed, "")]
        return self._corrected.answers(causes, [step], gives_up=True)[0]


def _is_near(one: Difference, wanted: float) -> bool:
    numbers = is_number(one.authority) and is_number(one.shadow)
    return numbers and abs(one.authority - one.shadow) <= EXACT * max(abs(wanted), abs(one.shadow))


__all__ = ["Forced", "ForcedValues"]
