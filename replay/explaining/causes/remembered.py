"""What the corrected authority answered, kept while nothing that it ran through changes.

With thirty causes in force and ten thousand steps, one cause more or less matters to few of them:
an edit to those that call its function, a reading to those that hold such a value. All others need
not be run again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from types import CodeType
from typing import NamedTuple

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.statement import Edited, Reading, Statement, Writing
from replay.explaining.editing.editable import Edit
from replay.targets.base import StepResult

_KEPT = 64
"""Answers of one step that are kept."""


class Known(NamedTuple):
    """One answer and where it is not the shadow's. `functions` are those that ran, None where that
    is not known; `own` are the edits that mattered, by number, `met` the readings."""

    answer: StepResult
    left: frozenset[str]
    functions: frozenset[str] | None
    own: frozenset[int]
    met: tuple[Reading, ...]


class _Causes(NamedTuple):
    """Causes by what they are, the edits as their numbers."""

    numbers: tuple[int, ...]
    readings: tuple[Reading, ...]
    writings: tuple[Writing, ...]


class Remembered:
    """Asks the corrected authority, each thing once."""

    def __init__(self, corrected: CorrectedCore) -> None:
        self._corrected = corrected
        self._numbers: dict[Edit, int] = {}
        self._functions: list[frozenset[str] | None] = []
        self._mattering: dict[tuple[tuple[int, ...], frozenset[str] | None], frozenset[int]] = {}

    def known(self, causes: Sequence[Statement], steps: Sequence[Answered]) -> list[Known]:
        """What the core answers to each step with the causes in force."""
        sorted_out = self._sorted_out(causes)
        found = [self._look_up(sorted_out, step) for step in steps]
        missing = [step for step, one in zip(steps, found, strict=True) if one is None]
        made = self._made(causes, sorted_out, missing)
        return [one or next(made) for one in found]

    def left(self, causes: Sequence[Statement], steps: Sequence[Answered]) -> list[frozenset[str]]:
        """Where the answers to each step are not the shadow's."""
        return [one.left for one in self.known(causes, steps)]

    def may_matter(self, edit: Edit, known: Known) -> bool:
        """Whether one edit more can change what a step came to."""
        touched = self._functions[self._number(edit)]
        return touched is None or known.functions is None or bool(touched & known.functions)

    # --- Looking up ---------------------------------------------------------------------------

    def _sorted_out(self, causes: Sequence[Statement]) -> _Causes:
        numbers = tuple(self._number(one.edit) for one in causes if isinstance(one, Edited))
        readings = tuple(one for one in causes if isinstance(one, Reading))
        return _Causes(numbers, readings, tuple(one for one in causes if isinstance(one, Writing)))

    def _met(self, causes: _Causes, step: Answered) -> tuple[Reading, ...]:
        return tuple(one for one in causes.readings if self._corrected.speaks_of(one, step))

    def _look_up(self, causes: _Causes, step: Answered) -> Known | None:
        kept: list[Known] = step.known.get((self._met(causes, step), causes.writings), [])
        for known in kept:
            if known.own == self._that_matter(causes, known.functions):
                return known
        return None

    def _that_matter(self, causes: _Causes, functions: frozenset[str] | None) -> frozenset[int]:
        """The numbers of the edits that are in functions that ran."""
        # Of these there are few, however many steps are looked up.
        key = causes.numbers, functions
        found = self._mattering.get(key)
        if found is None:
            found = self._mattering[key] = frozenset(
                number
                for number in causes.numbers
                if functions is None
                or (touched := self._functions[number]) is None
                or touched & functions
            )
        return found

    # --- Making -------------------------------------------------------------------------------

    def _made(
        self, causes: Sequence[Statement], sorted_out: _Causes, steps: Sequence[Answered]
    ) -> Iterator[Known]:
        ran: list[Collection[CodeType] | None] = []
        answers = self._corrected.answers(causes, steps, ran.append)
        for step, answer, codes in zip(steps, answers, ran, strict=True):
            functions = None if codes is None else self._named(codes)
            own = self._that_matter(sorted_out, functions)
            # Edits that are in force gave the shadow's values elsewhere: they may raise as well.
            left = step.left(answer, refusals_agree=True)
            known = Known(answer, left, functions, own, self._met(sorted_out, step))
            if sum(map(len, step.known.values())) >= _KEPT:
                step.known.clear()
            step.known.setdefault((known.met, sorted_out.writings), []).append(known)
            yield known

    def _named(self, codes: Collection[CodeType]) -> frozenset[str]:
        """The functions that ran, and those that check states, which would have."""
        core = self._corrected.core
        ran = (name for code in codes if (name := core.function_of(code)))
        return self._corrected.checkers.union(ran)

    def _number(self, edit: Edit) -> int:
        number = self._numbers.get(edit)
        if number is None:
            number = self._numbers[edit] = len(self._functions)
            core = self._corrected.core
            # What is read once is kept, so that readers may have run without being seen.
            everywhere = not core.is_quick(edit) or self._corrected.may_read(edit)
            self._functions.append(None if everywhere else core.functions_of(edit))
        return number
