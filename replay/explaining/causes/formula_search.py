"""From place to formula: edits that no catalogue has, made of what is in scope where a value does.

At each place that a step runs through it is asked which value there gives the shadow's whole
answer, at several steps that differ alike. The smallest formulas and conditions that come to all of
these values are edits like any other: they have to account for steps, and spoil none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.forced_values import Forced, ForcedValues
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited
from replay.explaining.editing.editable import Edit
from replay.explaining.edits.moves import moved_statements
from replay.explaining.formulas.conditions import WantedFlag, conditions
from replay.explaining.formulas.expressions import Wanted, formulas
from replay.explaining.formulas.value_places import ValuePlace, statement_places, value_places
from replay.explaining.search.contest import Clock

EXAMPLES: Final = 16
"""Steps whose values a formula has to come to."""

FEWEST_EXAMPLES: Final = 2
"""Steps at which a value has to do: one number comes out of many formulas."""

SIBLINGS: Final = 40
"""Steps that differ alike of which examples are taken."""

AGREEING: Final = 12
"""Steps that are right, at which a formula must come to what stands there now."""

LOOKED_AT: Final = 150
"""Steps that are right, of which such ones are taken."""

MOST_PLACES: Final = 12
"""Places at which a value does, of one step, that formulas are looked for at."""

MOST_EDITS: Final = 120

REFINED: Final = 2
"""How often what the edits spoil is taken in, where none of them could be used."""

REFINED_BY: Final = 3
"""Edits of one place of which it is seen what they spoil."""

SPOILED: Final = 4
"""Steps that one edit spoils that are taken in."""

SOME: Final = 40
"""Steps of which it is seen at once which an edit spoils."""

MOST_GUARDED: Final = 3
MOST_CONDITIONS: Final = 8
"""Formulas of one place that are put behind conditions, and conditions that are tried."""


@dataclass
class _Worked:
    """A place with examples of what it has to come to, and of what it comes to where the cores
    agree; the edits that were made of these."""

    place: ValuePlace
    examples: Sequence[Forced]
    kept: list[Forced]
    edits: Sequence[Edit] = ()


class FormulaSearch:
    """Looks for what is computed at a place, where no known change fits."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._core = pool.corrected.core
        self._clock = clock
        self._forced = ForcedValues(pool)

    def edits(
        self, target: Answered, alike: Sequence[Answered], share: float
    ) -> Iterator[list[Edit]]:
        """Edits that give a step's answer, made of what is in scope: first those of values, then
        those of whole statements; `alike` are steps that may differ for the same reason."""
        left = self._pool.left[target]
        siblings = [step for step in alike if step is not target and self._pool.left[step] == left]
        siblings = _diverse(target, siblings)
        lines = self._core.executed([target.stream])
        for places in (value_places(self._core, lines), statement_places(self._core, lines)):
            worked = self._worked_out(places, target, siblings, share)
            yield self._edits_of(worked)
            for _ in range(REFINED):
                # Whoever asks for more could use none of them: what they spoil is taken in.
                self._refine(worked, share)
                yield self._edits_of(worked)

    def moves(self, target: Answered) -> list[Edit]:
        """Edits that give a step's answer by doing a statement earlier or later."""
        pool = self._pool
        found: list[Edit] = []
        for edit in moved_statements(self._core, self._core.executed([target.stream])):
            if self._clock.beyond(1.0) or len(found) >= MOST_EDITS:
                break
            cause = Edited(edit, "")
            if not self._core.is_quick(edit) or pool.is_refuted(cause):
                continue
            if not pool.with_one_more(cause, [target])[0]:
                found.append(edit)
        return found

    def _worked_out(
        self,
        places: Iterable[ValuePlace],
        target: Answered,
        siblings: Sequence[Answered],
        share: float,
    ) -> list[_Worked]:
        """The places at which a value does, with examples of what they come to."""
        found: list[_Worked] = []
        for place in places:
            if self._clock.beyond(share) or len(found) >= MOST_PLACES:
                break
            if not self._core.is_quick(place.probed):
                continue
            forced = self._forced.find(place, target)
            if forced is None:
                continue
            examples = [forced, *self._examples(place, siblings)]
            if len(examples) >= FEWEST_EXAMPLES:
                kept = list(islice(self._as_it_is(place), AGREEING))
                found.append(_Worked(place, examples, kept))
        return found

    def _edits_of(self, worked: Sequence[_Worked]) -> list[Edit]:
        found: list[Edit] = []
        for one in worked:
            one.edits = [one.place.with_text(self._core, text) for text in self._texts(one)]
            found += one.edits
        return found[:MOST_EDITS]

    def _refine(self, worked: list[_Worked], share: float) -> None:
        """Takes the steps that edits spoil for examples of what a place must not come to; leaves
        out places of which no more is learnt."""
        for one in list(worked):
            spoiled = dict.fromkeys(
                step
                for edit in one.edits[:REFINED_BY]
                if not self._clock.beyond(share)
                for step in islice(self._spoiled(Edited(edit, "")), SPOILED)
            )
            kept = (self._forced.kept(one.place, step) for step in spoiled)
            more = [forced for forced in kept if forced is not None]
            if more:
                one.kept += more
            else:
                worked.remove(one)

    def _spoiled(self, cause: Edited) -> Iterator[Answered]:
        """Steps that are right, and would not be with one more cause."""
        concerned = (step for step in self._right() if self._pool.matters(cause, step))
        while some := list(islice(concerned, SOME)):
            yield from self._pool.wrong_with_one_more(cause, some)

    def _examples(self, place: ValuePlace, steps: Sequence[Answered]) -> Iterator[Forced]:
        count = 0
        for step in steps:
            if count >= EXAMPLES - 1 or self._clock.beyond(1.0):
                return
            forced = self._forced.find(place, step)
            if forced is not None:
                count += 1
                yield forced

    def _texts(self, worked: _Worked) -> list[str]:
        place, examples, kept = worked.place, worked.examples, worked.kept
        if isinstance(examples[0].native, bool):
            flags = [WantedFlag(one.terms, one.native, one.value) for one in (*examples, *kept)]
            return conditions(flags, place.native)
        whole = self._formulas(place, [*examples, *kept])
        if whole or not kept:
            return whole
        return self._behind_conditions(place, examples, kept)

    def _behind_conditions(
        self, place: ValuePlace, examples: Sequence[Forced], kept: Sequence[Forced]
    ) -> list[str]:
        """Formulas that hold where a condition does; those without one come last."""
        texts = self._formulas(place, examples)
        flags = [
            *(WantedFlag(one.terms, native=False, wanted=True) for one in examples),
            *(WantedFlag(one.terms, native=False, wanted=False) for one in kept),
        ]
        found = conditions(flags, str(False)) if texts else []
        return [
            *(
                f"({text} if {condition} else {place.native})"
                for text in texts[:MOST_GUARDED]
                for condition in found[:MOST_CONDITIONS]
            ),
            *texts,
        ]

    @staticmethod
    def _formulas(place: ValuePlace, examples: Sequence[Forced]) -> list[str]:
        own: dict[str, Sequence[Any]] = {place.native: [one.native for one in examples]}
        wanted = [Wanted(one.terms, one.value, one.tolerance) for one in examples]
        return [one.text for one in formulas(wanted, own)]

    def _as_it_is(self, place: ValuePlace) -> Iterator[Forced]:
        """What a place comes to at steps that are right, where something else would spoil them."""
        for step in islice(self._right(), LOOKED_AT):
            if self._clock.beyond(1.0):
                return
            kept = self._forced.kept(place, step)
            if kept is not None:
                yield kept

    def _right(self) -> Iterator[Answered]:
        """Steps that are right, and that the shadow answered."""
        return (step for step in self._pool.right() if not step.has_ended)


def _diverse(target: Answered, steps: Sequence[Answered]) -> list[Answered]:
    """SIBLINGS of some steps, each with as many fractions as can be that none before it has: of
    steps made from one another nearly any formula gives the same."""
    seen = set(target.fractions)
    waiting = sorted(steps, key=lambda step: (-len(step.fractions), step.size))
    found: list[Answered] = []
    while waiting and len(found) < SIBLINGS:
        best = max(waiting, key=lambda step: len(step.fractions - seen))
        waiting.remove(best)
        found.append(best)
        seen |= best.fractions
    return found
