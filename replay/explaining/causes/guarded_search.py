"""Finds the condition with which an edit holds: of edits that account for steps, and spoil others.

There are so many conditions that one may fit by chance. So an edit behind one has to account for
more steps than one that holds everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited, canonical_edit
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.edits.guarded_edits import guarded
from replay.explaining.search.contest import Clock

NEARLY = 4
"""Edits that spoil something, of which it is asked whether they hold behind a condition."""

SPOILED = 6
"""Steps that such an edit spoils, which a condition has to leave alone."""

WEIGHED = 60
"""Steps that differ, and that agree, by which it is seen which of them are worth a look."""

MOST_CONDITIONS = 12
"""Conditions of one edit that are held against all steps."""

GUARDED_SUPPORT = 6
"""Steps that an edit behind a condition has to account for: there are many conditions."""

MOST_STEPS = 1500
"""Steps that one of them is held against."""


class GuardedSearch:
    """Looks for edits that hold where a condition does."""

    def __init__(
        self,
        pool: Pool,
        core: EditableCore,
        clock: Clock,
        neighbours: Callable[[Answered], Sequence[Answered]],
        rank: Callable[[Edit], tuple[object, ...]],
    ) -> None:
        """`neighbours` gives steps beside one, asked; `rank` puts the likelier edit first."""
        self._pool = pool
        self._core = core
        self._clock = clock
        self._neighbours = neighbours
        self._rank = rank

    def find(self, target: Answered, nearly: Sequence[Edit]) -> Edited | None:
        """An edit that accounts for a target behind a condition, of those that spoil steps without
        one: the one that accounts for most without it is tried first."""
        pool = self._pool
        agreed = list(islice(pool.right(), WEIGHED))
        beside = [step for step in self._neighbours(target) if pool.left[step]][:WEIGHED]
        steps = [step for step in (*beside, *agreed) if not step.has_ended]
        effects: list[tuple[int, Edit, list[Answered]]] = []
        for edit in nearly:
            cause = Edited(edit, "")
            met = [step for step in steps if pool.matters(cause, step)]
            after = pool.with_one_more(cause, met)
            pairs = list(zip(met, after, strict=True))
            right = sum(bool(pool.left[step]) and not left for step, left in pairs)
            spoiled = [step for step, left in pairs if left and not pool.left[step]]
            if right >= GUARDED_SUPPORT:
                effects.append((right, edit, spoiled))
        effects.sort(key=lambda one: (-one[0], self._rank(one[1])))
        for _, edit, spoiled in effects[:NEARLY]:
            best = self._best_condition(edit, [*spoiled[:SPOILED], target])
            if best is not None:
                return Edited(best, canonical_edit(best, self._core))
        return None

    def _best_condition(self, edit: Edit, firstly: Sequence[Answered]) -> Edit | None:
        """An edit behind the condition with which it accounts for most and spoils nothing; what it
        must make right, or leave alone, at any rate is asked first."""
        pool = self._pool
        best: tuple[int, Edit] | None = None
        weighed = 0
        for one in guarded(self._core, edit):
            if self._clock.beyond(1.0):
                break
            cause = Edited(one, "")
            if pool.is_refuted(cause) or any(pool.with_one_more(cause, firstly)):
                continue
            weighed += 1
            if weighed > MOST_CONDITIONS:
                break
            met = [step for step in pool.steps if pool.matters(cause, step)]
            score = pool.score(cause, met[::-1][:MOST_STEPS])
            is_better = best is None or score.worth > best[0]
            if not score.spoiled and score.explained >= GUARDED_SUPPORT and is_better:
                best = score.worth, one
        return None if best is None else best[1]
