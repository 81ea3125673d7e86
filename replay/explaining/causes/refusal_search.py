"""Finds where in the core, and when, the shadow refuses: conditions on what is in scope there.

A port often refuses in the middle of its work what it does not expect: an empty list, a trade
without a size. That is no condition on one value of a document. So a step that the shadow refuses
and the core answers is followed through the core: at the beginning of each function and block it
is looked for what holds where the shadow refuses, and nowhere that it answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Final

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.forced_values import ForcedValues
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited
from replay.explaining.editing.editable import Edit
from replay.explaining.formulas.conditions import WantedFlag, both_conditions, conditions
from replay.explaining.formulas.value_places import ValuePlace, refusal_places
from replay.explaining.search.contest import Clock
from replay.targets.base import Failure, is_refusal

ALIKE: Final = 12
"""Steps that are refused in the same words at which a condition has to hold."""

FEWEST_ALIKE: Final = 2
ANSWERED: Final = 48
"""Steps that the shadow answers, at which it must not hold."""

MOST_RUNS: Final = 4
"""How often a place of a loop is looked at in one step."""

MOST_PLACES: Final = 40
MOST_OF_A_PLACE: Final = 6
MOST_EDITS: Final = 40

ALWAYS: Final = "True"
"""The condition of what is refused whenever the core gets there."""

ROUNDS: Final = 4
"""How often what the edits spoil is taken in, where none of them could be used."""

SPOILING: Final = 2
"""Edits of a place of which it is seen what they spoil."""

SPOILED: Final = 3
LOOKED_AT: Final = 60
"""Steps that an edit spoils that are taken in, of so many that it may matter to."""


@dataclass
class _Looked:
    """A place with examples of what has to hold there, and the edits that were made of these."""

    place: ValuePlace
    flags: list[WantedFlag]
    edits: Sequence[Edit] = ()


class RefusalSearch:
    """Looks for what the shadow refuses on its way."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._core = pool.corrected.core
        self._clock = clock
        self._values = ForcedValues(pool)

    def edits(
        self, target: Answered, near: Sequence[Answered], share: float
    ) -> Iterator[list[Edit]]:
        """Edits that refuse a step, each where something holds, until none of them spoils what
        others did not; `near` are steps like it, which are asked for already."""
        alike = [target, *(step for step in self._pool.unexplained if _is_like(step, target))]
        alike = list(dict.fromkeys(alike))[:ALIKE]
        answered = [step for step in (*near, *self._pool.right()) if _is_answered(step)]
        answered = list(dict.fromkeys(answered))[:ANSWERED]
        places = list(islice(self._places(target, alike), MOST_PLACES))
        for _ in range(ROUNDS):
            if self._clock.beyond(share):
                return
            for one in places:
                one.flags += self._flags(one.place, answered, most=MOST_RUNS, wanted=False)
                one.edits = [self._edit(one.place, text) for text in _texts(one.flags)]
            yield [edit for one in places for edit in one.edits][:MOST_EDITS]
            # Whoever asks for more could use none of them: what they spoil is taken in.
            edits = [edit for one in places for edit in one.edits[:SPOILING]]
            answered = list(dict.fromkeys(chain.from_iterable(map(self._spoiled, edits))))
            places = [one for one in places if one.edits]
            if not answered:
                return

    def _places(self, target: Answered, alike: Sequence[Answered]) -> Iterator[_Looked]:
        """The places that a step runs through as others do that are refused alike."""
        for place in refusal_places(self._core, self._core.executed([target.stream])):
            # What readers refuse are values of documents.
            if self._core.is_quick(place.probed) and not self._is_of_reader(place):
                flags = self._flags(place, alike, most=1, wanted=True)
                if len(flags) >= FEWEST_ALIKE:
                    yield _Looked(place, flags)

    def _spoiled(self, edit: Edit) -> list[Answered]:
        """Steps that are right, and would be refused."""
        cause = Edited(edit, "")
        met = self._pool.concerned(cause, self._pool.right(), LOOKED_AT)
        return self._pool.wrong_with_one_more(cause, met)[:SPOILED]

    def _flags(
        self, place: ValuePlace, steps: Sequence[Answered], *, most: int, wanted: bool
    ) -> list[WantedFlag]:
        return [
            WantedFlag(hit.terms, native=False, wanted=wanted)
            for step in steps
            for hit in self._values.hits(place, step, with_parts=False)[:most]
        ]

    def _edit(self, place: ValuePlace, text: str) -> Edit:
        edit = place.with_text(self._core, text)
        (where,) = edit.places
        file = self._core.files[where.module]
        when = "" if text == ALWAYS else f" where {text}"
        return replace(edit, says=f"{file} line {where.line} refused{when}")

    def _is_of_reader(self, place: ValuePlace) -> bool:
        return self._pool.corrected.is_of_reader(place.probed)


def _texts(flags: Sequence[WantedFlag]) -> list[str]:
    """Conditions that hold at a place where the shadow refuses, and nowhere else. They hold at the
    same steps: the plainest says most. Where it answers at none that runs there, none is needed."""
    if all(flag.wanted for flag in flags):
        return [ALWAYS]
    found = conditions(flags, str(False)) or both_conditions(flags)
    return sorted(found, key=_plainness)[:MOST_OF_A_PLACE]


def _plainness(condition: str) -> tuple[bool, int, int, str]:
    """What is not just one text first, then fewer names, then fewer letters."""
    is_one_text = " == '" in condition
    return is_one_text, len(_NAME.findall(condition)), len(condition), condition


_NAME: Final = re.compile(r"(?<![\w.'])[a-z_]\w*(?:\.\w+)*(?!\w*\()")


def is_refused_alone(step: Answered) -> bool:
    """Whether the shadow refuses a step in so many words, and the authority answers it."""
    theirs = step.shadow
    if isinstance(theirs, Failure) or not is_refusal(theirs):
        return False
    return not is_refusal(step.authority)


def _is_like(step: Answered, target: Answered) -> bool:
    return is_refused_alone(step) and step.shadow == target.shadow


def _is_answered(step: Answered) -> bool:
    return not step.has_ended and not is_refusal(step.authority)
