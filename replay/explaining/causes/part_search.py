"""Finds one of several edits that steps need at once: the one that brings them nearer.

Where two changes of a port show at every exit, no single edit gives the shadow's answer anywhere.
Either of them makes a part of what differs right. So an edit is taken that makes less differ at a
step, and at every step at which it changes anything; with that in force the other one is found as
any edit is. A part that no step needs in the end goes as any cause does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.pool import Pool, Score
from replay.explaining.causes.statement import Edited, canonical_edit
from replay.explaining.causes.suspects import Suspects
from replay.explaining.editing.editable import Edit
from replay.explaining.search.contest import Clock

RIVALS: Final = 30
"""Edits that bring a step nearer, the nearest first, that are held against others."""

GUARDS: Final = 500
"""Steps that agree, and that differ, that each of them is held against."""

SUPPORT: Final = 6
"""Steps that it has to bring nearer: what makes a part right may do so by chance."""


class PartSearch:
    """Looks for edits that make a part of what differs right."""

    def __init__(
        self,
        pool: Pool,
        suspects: Suspects,
        clock: Clock,
        neighbours: Callable[[Answered], Sequence[Answered]],
        rank: Callable[[Edit], tuple[object, ...]],
    ) -> None:
        """`neighbours` gives steps beside one, asked; `rank` puts the likelier edit first."""
        self._pool = pool
        self._suspects = suspects
        self._clock = clock
        self._neighbours = neighbours
        self._rank = rank

    def find(self, target: Answered, edits: Iterable[Edit], share: float) -> Edited | None:
        """The edit that brings a target nearer, most others with it, and no step farther away."""
        if len(self._pool.left[target]) < 2:
            return None  # a part of one difference is all of it
        nearer: list[tuple[int, tuple[object, ...], Edit]] = []
        for edit in edits:
            if self._clock.beyond(share):
                return None
            if not self._suspects.can_bring_nearer(edit, target):
                continue
            (left,) = self._pool.with_one_more(Edited(edit, ""), [target])
            if left < self._pool.left[target]:
                nearer.append((len(left), self._rank(edit), edit))
        nearer.sort(key=lambda one: one[:2])
        best: tuple[int, tuple[object, ...], Edit] | None = None
        for _, rank, edit in nearer[:RIVALS]:
            if self._clock.beyond(share):
                break
            score = self._score(target, edit)
            gained = score.explained + score.better
            if score.spoiled or score.open > score.better or gained < SUPPORT:
                continue
            if best is None or (-gained, rank) < best[:2]:
                best = -gained, rank, edit
        if best is None:
            return None
        return Edited(best[2], canonical_edit(best[2], self._pool.corrected.core))

    def _score(self, target: Answered, edit: Edit) -> Score:
        """What an edit does at steps that agree, and then at those that differ."""
        pool, cause = self._pool, Edited(edit, "")
        score = pool.score(cause, pool.concerned(cause, pool.right(), GUARDS))
        if score.spoiled:
            return score
        beside = pool.concerned(cause, self._neighbours(target), GUARDS)
        others = (step for step in pool.unexplained[::-1] if not step.has_ended)
        open_ones = pool.concerned(cause, others, GUARDS)
        return score + pool.score(cause, list(dict.fromkeys((*beside, *open_ones))))
