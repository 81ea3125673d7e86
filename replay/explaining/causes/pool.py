"""All steps that were asked, and where the corrected authority still differs from the shadow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.corrected import CorrectedCore, values_written, written
from replay.explaining.causes.statement import Reading, Statement, Writing
from replay.explaining.causes.takings import is_sort
from replay.targets.base import Failure, StepResult, is_refusal

SOME = 40
"""Steps that are looked at between two looks at whether a statement is refuted already."""


class Score(NamedTuple):
    """What a statement does on some steps, added to the causes that are known.

    `explained` steps it makes right that were not, `spoiled` the other way round; `open` are those
    that it changes and that are wrong before and after, `better` those of them with less left.
    """

    explained: int = 0
    spoiled: int = 0
    open: int = 0
    better: int = 0

    def __add__(self, other: object) -> Score:
        """Both together."""
        assert isinstance(other, Score)
        return Score(*(one + more for one, more in zip(self, other, strict=True)))


@dataclass
class Pool:
    """Steps with both answers; `left` has where each differs from the corrected authority."""

    corrected: CorrectedCore
    causes: list[Statement] = field(default_factory=list)
    steps: list[Answered] = field(default_factory=list)
    left: dict[Answered, frozenset[str]] = field(default_factory=dict)
    answers: dict[Answered, StepResult] = field(default_factory=dict)

    def add(self, steps: Sequence[Answered]) -> None:
        """Takes in steps that were asked."""
        self.steps += steps
        self._take(steps)

    def _take(self, steps: Sequence[Answered]) -> None:
        answers = self.corrected.answers(self.causes, steps)
        self.answers.update(zip(steps, answers, strict=True))
        left = self.corrected.left_of(self.causes, steps, answers)
        self.left.update(zip(steps, left, strict=True))

    def accept(self, cause: Statement) -> None:
        """Puts one more cause in force."""
        self.use([*self.causes, cause])

    def use(self, causes: Iterable[Statement]) -> None:
        """Puts these causes in force, and no others."""
        self.causes = list(causes)
        self._take(self.steps)

    @property
    def unexplained(self) -> list[Answered]:
        """The steps that are not accounted for."""
        return [step for step in self.steps if self.left[step]]

    def with_one_more(self, cause: Statement, steps: Sequence[Answered]) -> list[frozenset[str]]:
        """Where each step differs with one more cause in force."""
        if isinstance(cause, Writing):
            return [self._left_if_written(cause, step) for step in steps]
        if not isinstance(cause, Reading):
            return self.corrected.left([*self.causes, cause], steps)
        # Statements that make the same of the same values are the same to a step.
        version = tuple(map(id, self.causes))
        known: list[frozenset[str] | None] = []
        for step in steps:
            places = step.places_of(cause)
            here = self.left.get(step) if not places else None
            known.append(here or step.cache.get((version, cause.taking, places)))
        asked = [step for step, one in zip(steps, known, strict=True) if one is None]
        answers = iter(self.corrected.left([*self.causes, cause], asked))
        for place, step in enumerate(steps):
            if known[place] is None:
                left = next(answers)
                step.cache[version, cause.taking, step.places_of(cause)] = left
                known[place] = left
        return [one for one in known if one is not None]

    def _left_if_written(self, cause: Writing, step: Answered) -> frozenset[str]:
        answer = self.answers[step]
        if isinstance(answer, Failure) or is_refusal(answer):
            return self.left[step]
        key = ("values", id(answer))
        values = step.cache.get(key)
        if values is None:
            values = step.cache[key] = tuple(values_written(answer))
        places = tuple(
            place
            for place, (one, value) in enumerate(values)
            if cause.pattern.has(one) and is_sort(cause.sort, value)
        )
        if not places:
            return self.left[step]
        seen = ("written", id(answer), cause.taking, places)
        left: frozenset[str] | None = step.cache.get(seen)
        if left is None:
            left = step.left(written(answer, [cause]), refusals_agree=True)
            step.cache[seen] = left
        return left

    def score(self, cause: Statement, steps: Sequence[Answered], *, most_spoiled: int = 0) -> Score:
        """What one more cause does on some steps; stops where it spoils more than that."""
        total = Score()
        for begin in range(0, len(steps), SOME):
            some = steps[begin : begin + SOME]
            for step, after in zip(some, self.with_one_more(cause, some), strict=True):
                before = self.left[step]
                total += Score(
                    bool(before) and not after,
                    bool(after) and not before,
                    bool(after) and bool(before) and after != before,
                    bool(after) and after < before,
                )
            if total.spoiled > most_spoiled:
                break
        return total
