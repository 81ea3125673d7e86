"""Looks again at causes in force: what steps that came later say against them, or beyond them.

A cause is taken out where it makes a step wrong at which the cores agree: no other cause can be
what is at work there. One that leaves steps open of which it speaks may be part of a better one, or
may hold only where a condition does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from replay.explaining.causes.answered import Answered, smallest
from replay.explaining.causes.edit_search import EditSearch
from replay.explaining.causes.necessity import Necessity
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.reading_search import ReadingSearch
from replay.explaining.causes.statement import Edited, Reading, Statement, canonical_edit
from replay.explaining.search.contest import Clock

SHARPENED_BY = 3
"""Steps that a cause leaves open by which others of its place are tried."""


SHARPENED_OF = 60
"""Steps that are not accounted for, and that it may matter to, of which it is seen whether they are
such."""


class SecondLook:
    """Takes out, or replaces, causes in force."""

    def __init__(
        self,
        pool: Pool,
        readings: ReadingSearch,
        edits: EditSearch,
        necessity: Necessity,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._readings = readings
        self._edits = edits
        self._necessity = necessity
        self._clock = clock
        self._looked_at_again: set[Statement] = set()
        self._sharpened: set[tuple[Statement, Answered]] = set()

    def refuted(self, share: float) -> bool:
        """Takes out a cause that makes a step wrong at which the cores agree, if there is one and
        less than that share of the budget is spent."""
        pool = self._pool
        for step in pool.unexplained:
            if step.authority_left:
                continue
            if self._clock.beyond(share):
                return False
            rests = [
                (len(pool.wrong(rest, pool.steps)), place, rest)
                for place, cause in enumerate(pool.causes)
                if pool.matters(cause, step) and not pool.wrong(rest := pool.without(cause), [step])
            ]
            if rests:
                _, place, rest = min(rests)
                cause = pool.causes[place]
                needs = self._necessity.needed_by(cause)[1] if isinstance(cause, Edited) else []
                pool.refute(cause, step)
                pool.use(rest)
                # What holds nearly everywhere may hold behind a condition.
                if isinstance(cause, Edited):
                    self._accept_guarded(cause, needs)
                return True
        return False

    def sharpened(self, share: float) -> bool:
        """Puts another edit of the same place in force for one that leaves a step open of which it
        speaks, where that one accounts for the step as well: half up and half away from zero are
        the same as long as nothing is negative."""
        pool = self._pool
        for cause in [one for one in pool.causes if isinstance(one, Edited)]:
            others = pool.without(cause)
            for step in islice(self._left_open_by(cause, others), SHARPENED_BY):
                if self._clock.beyond(share):
                    return False
                if self._is_put_better(cause, others, step):
                    return True
        return False

    def _left_open_by(self, cause: Edited, others: Sequence[Statement]) -> Iterator[Answered]:
        """The steps that a cause changes and leaves open, each once, the smallest first."""
        pool = self._pool
        left = [
            step
            for step in smallest(pool.unexplained)
            if not step.has_ended and step.authority_left and (cause, step) not in self._sharpened
        ]
        for step in pool.concerned(cause, left, SHARPENED_OF):
            self._sharpened.add((cause, step))
            if pool.is_felt(others, step):
                yield step

    def _is_put_better(self, cause: Edited, others: Sequence[Statement], step: Answered) -> bool:
        pool = self._pool
        for edit in self._edits.beside(cause.edit):
            other = Edited(edit, "")
            if pool.is_refuted(other) or pool.wrong([*others, other], [step]):
                continue
            right = (s for s in pool.right() if pool.matters(cause, s) or pool.matters(other, s))
            if not pool.wrong([*others, other], list(right)):
                canonical = canonical_edit(edit, pool.corrected.core)
                pool.use([*others, Edited(edit, canonical)])
                return True
        return False

    def revised(self) -> bool:
        """Puts another statement in the place of one that leaves steps open of which it speaks:
        with what has been asked since, there may be one that says more."""
        return self._readings_revised() or self._edits_revised()

    def _readings_revised(self) -> bool:
        pool = self._pool
        for cause in list(pool.causes):
            left = [step for step in pool.unexplained if self._speaks_of(cause, step)]
            if not left or cause in self._looked_at_again:
                continue
            self._looked_at_again.add(cause)
            former, known, count = list(pool.causes), list(pool.steps), len(pool.unexplained)
            pool.use(pool.without(cause))
            found = self._readings.find(smallest(left)[0])
            if found is not None and found not in former:
                pool.accept(found)
                if sum(bool(pool.left[step]) for step in known) < count:
                    return True
            pool.use(former)
        return False

    def _edits_revised(self) -> bool:
        """Edits that leave steps as wrong as they were may hold where a condition does."""
        pool = self._pool
        for cause in [one for one in pool.causes if isinstance(one, Edited)]:
            if cause in self._looked_at_again:
                continue
            self._looked_at_again.add(cause)
            others, needs = self._necessity.needed_by(cause)
            if not self._necessity.contradicted(cause, others):
                continue
            former, count = list(pool.causes), len(pool.unexplained)
            pool.use(others)
            if self._accept_guarded(cause, needs) and len(pool.unexplained) < count:
                return True
            pool.use(former)
        return False

    def _accept_guarded(self, edit: Edited, needs: Sequence[Answered]) -> bool:
        """Puts an edit in force behind a condition, where there is one that does."""
        guarded = self._edits.behind_a_condition(edit, needs)
        if guarded is not None:
            self._edits.accept(guarded)
        return guarded is not None

    @staticmethod
    def _speaks_of(cause: Statement, step: Answered) -> bool:
        return isinstance(cause, Reading) and step.meets(cause)
