"""Weighs the statements that may account for one step against each other, as steps are asked.

There are hundreds, and after each trial the best of them is another one. So what each does at a
step is looked at once, the widest first, and a narrower one only where it may account for as much.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.pool import Pool, Score
from replay.explaining.causes.statement import Rule, plainness
from replay.explaining.search.contest import Clock

MOST_OPEN = 300
MOST_RIGHT = 200
"""Steps that are not accounted for, and that are, by which many statements are weighed up: the
newest, which were asked for just this. What is the best of them is held against all."""


@dataclass
class _Known:
    """What is known of one statement: up to which step of the pool, and of those that refute."""

    seen: int = 0
    passed: int = 0
    checked: int = 0
    score: Score = field(default_factory=Score)
    right: list[int] = field(default_factory=list)


class Weighing:
    """The statements about one step, while the causes in force are the same."""

    def __init__(self, pool: Pool, clock: Clock, step: Answered) -> None:
        self._pool = pool
        self._clock = clock
        self._step = step
        self._known: dict[Rule, _Known] = {}

    def best(self, candidates: list[Rule]) -> Rule | None:
        """The best of some candidates; those that are refuted are taken out."""
        unexplained = self._pool.open_places
        best: tuple[int, tuple[object, ...], Rule] | None = None
        refuted: set[Rule] = set()
        for one in sorted(candidates, key=plainness):
            if self._clock.beyond(1.0):
                break
            known = self._known.setdefault(one, _Known())
            if self._is_refuted(one, known):
                refuted.add(one)
                continue
            new = [place for place in self._pool.places_met(one) if place >= known.seen]
            left = [place for place in new if place in unexplained]
            bar = -known.score.worth - len(left), plainness(one)
            if best is not None and bar >= best[:2]:
                continue
            known.right += [place for place in new if place not in unexplained]
            self._weigh(one, known, left)
            rank = -known.score.worth, plainness(one)
            if not known.score.explained:
                refuted.add(one)
            elif best is None or rank < best[:2]:
                right = list(islice(self._pool.met(one, known.right), MOST_RIGHT))
                known.right = []
                if self._pool.score(one, right).spoiled:
                    refuted.add(one)
                else:
                    best = (*rank, one)
        candidates[:] = [one for one in candidates if one not in refuted]
        return None if best is None else best[2]

    def is_spoiling(self, rule: Rule) -> bool:
        """Whether a statement spoils any step at all; which is tried first from then on."""
        known = self._known.setdefault(rule, _Known())
        places = [one for one in self._pool.places_met(rule) if one >= known.checked]
        known.checked = len(self._pool.steps)
        return self._pool.score(rule, list(self._pool.met(rule, places))).spoiled > 0

    def _is_refuted(self, one: Rule, known: _Known) -> bool:
        pool = self._pool
        if pool.is_refuted(one) or (not known.seen and pool.with_one_more(one, [self._step])[0]):
            return True
        refuting = pool.refuting(one, known.passed)
        known.passed = pool.refuted_by
        return pool.score(one, refuting).spoiled > 0

    def _weigh(self, one: Rule, known: _Known, places: list[int]) -> None:
        """Adds what a statement does at the steps that are new."""
        met = (step for step in self._pool.met(one, places) if step is not self._step)
        steps = list(islice(met, MOST_OPEN))
        if not known.seen:
            steps = [self._step, *steps]
        known.score += self._pool.score(one, steps)
        known.seen = len(self._pool.steps)
