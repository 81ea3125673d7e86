"""Finds conditions: when the shadow gives no answer, as generally as both cores confirm."""

from __future__ import annotations

from collections import defaultdict

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.leaves import Field, distinct
from replay.explaining.causes.patterns import patterns_of
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Reading, plainness, readings_of
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.trials import Trials
from replay.explaining.causes.value_sorts import PARTS, Sort
from replay.explaining.search.contest import Clock
from replay.targets.base import Failure, FailureKind, StepResult, is_refusal

ROUNDS = 4
"""How often the best condition is put to the test."""

BLAMED = 24
"""Conditions of which it is asked whether the core ends without what they speak of as well."""


def end_of(shadow: StepResult) -> Taking | None:
    """How the shadow gave no answer, None where it gave one."""
    if isinstance(shadow, Failure):
        return Taking.HANG if shadow.kind is FailureKind.TIMEOUT else Taking.CRASH
    return Taking.REFUSED if is_refusal(shadow) else None


class ConditionSearch:
    """Looks for what the shadow does not answer."""

    def __init__(self, pool: Pool, trials: Trials, clock: Clock) -> None:
        self._pool = pool
        self._trials = trials
        self._clock = clock
        self._answered: dict[Sort, set[Field]] = defaultdict(set)
        self._looked_through = 0

    def find(self, step: Answered, ended: Taking) -> Reading | None:
        """When the shadow gives no answer: the statement that covers most of what it did not
        answer, and nothing that it did."""
        candidates = [one for leaf in distinct(step.leaves) for one in readings_of(leaf, ended)]
        candidates = [one for one in dict.fromkeys(candidates) if not self._pool.is_refuted(one)]
        tested: set[Reading] = set()
        for _ in range(ROUNDS):
            best = self._to_blame(candidates, step)
            if best is None or best in tested:
                return best
            if self._clock.beyond(1.0):
                return None
            tested.add(best)
            if not self._trials.of_condition(best, step):
                return None  # what was not asked is no evidence
        best = self._to_blame(candidates, step)
        return best if best in tested else None

    def _to_blame(self, candidates: list[Reading], step: Answered) -> Reading | None:
        """The best of the conditions that hold, without those of values that the core ends without
        as well: what else stood in the step says nothing."""
        for _ in range(BLAMED):
            best = self._widest(candidates, step)
            if best is None or not self._trials.ends_without(best, step):
                return best
            cleared = {leaf.path for leaf in step.leaves_met(best)}
            candidates[:] = [
                one
                for one in candidates
                if not cleared.issuperset(leaf.path for leaf in step.leaves_met(one))
            ]
        return None

    def _widest(self, candidates: list[Reading], step: Answered) -> Reading | None:
        """The best of the conditions that hold."""
        counts = self._standing(candidates)
        if not counts:
            return None
        best = min(counts, key=lambda one: (-counts[one], *plainness(one)))
        if self._says_two_things(best, step):
            candidates[:] = [one for one in candidates if one.sort is not best.sort]
            return self._widest(candidates, step)
        return best

    def _says_two_things(self, best: Reading, step: Answered) -> bool:
        """Whether a part of its sort is refused in more fields than the whole is: then there are
        two causes."""
        leaf = next(one for one in step.leaves if best.meets(one))
        for part in PARTS.get(best.sort, ()):
            own = Reading(best.pattern, part, best.taking)
            wider = [Reading(pattern, part, best.taking) for pattern in patterns_of(leaf.field)]
            counts = self._standing(wider)
            if max(counts.values(), default=0) > counts.get(own, 0):
                return True
        return False

    def _standing(self, candidates: list[Reading]) -> dict[Reading, int]:
        """The conditions that hold at no step that was answered, with how many each accounts
        for."""
        for one in self._pool.steps[self._looked_through :]:
            for sort, fields in () if one.has_ended else one.by_sort.items():
                self._answered[sort].update(fields)
        self._looked_through = len(self._pool.steps)
        left = [one for one in candidates if not any(one.pattern.among(self._answered[one.sort]))]
        candidates[:] = left
        ended = [
            (end, one.by_sort)
            for one in self._pool.unexplained
            if one.has_ended and (end := end_of(one.shadow)) is not None
        ]
        return {
            one: sum(
                any(one.pattern.among(by_sort.get(one.sort, {})))
                for end, by_sort in ended
                if end is one.taking
            )
            for one in left
        }
