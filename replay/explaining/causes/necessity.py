"""What each cause is needed for, on top of all others: which can go, or say less.

A cause that no step needs explains nothing, one of which a part is another's says too much, and one
that a later one makes needless was a guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Final

from replay.explaining.causes.answered import REFUSAL, Answered, row_of, smallest
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.probes import with_changes
from replay.explaining.causes.statement import Edited, Reading, Statement
from replay.explaining.causes.takings import ENDS
from replay.explaining.causes.value_sorts import PARTS
from replay.explaining.search.contest import Clock

NEARER = 8
"""Steps that a reading brings nearer without accounting for them, of which it is asked whether it
would have to make another value of what it is about."""

OTHER_VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "d": (0.0, 1.0, -1.0, 1e9, math.inf), "D": (None, 0.0, 1.0, -1.0, 1e9),
    "i": (0, 1, -1, 2**53 + 2), "b": (False, True),
    "t": ("", "another"), "T": (None, "", "another"),
    "r": (None, 0, 1, 2, 0.5, 1.5, 1.9, -1, 3, "1", "BULLISH"), "m": ("none", "base", "sticky"),
}  # fmt: skip
"""Values for fields of some kinds that rules tell apart."""

MOST_DOUBTED = 300
"""Steps that are not accounted for by which it is seen what speaks against a cause, spread over all
of them: that anything does is what counts."""

SOME = 60
"""Steps by which it is seen what a cause is needed for, where there are more."""


class Necessity:
    """Weighs the causes in force against each other."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def needed_by(self, cause: Statement) -> tuple[list[Statement], list[Answered]]:
        """The other causes, and the steps that are wrong with these alone."""
        pool = self._pool
        others = pool.without(cause)
        right = [s for s in pool.steps if not pool.left[s] and pool.matters(cause, s)]
        return others, pool.wrong(others, right)

    def contradicted(self, cause: Statement, others: Sequence[Statement]) -> int:
        """At how many steps that are not accounted for a cause changes the answer without bringing
        it nearer to the shadow's. Where it does, the rest may be another cause's; not where all of
        it is accounted for once the value that is read otherwise is another one."""
        pool = self._pool
        met = [s for s in pool.unexplained if not (s.has_ended and s.authority_left)]
        met = spread([s for s in met if pool.matters(cause, s)], MOST_DOUBTED)
        nearer: list[Answered] = []
        doubtful: list[tuple[Answered, frozenset[str]]] = []
        changed: set[Answered] = set()
        for step, before in zip(met, pool.left_with(others, met), strict=True):
            if pool.is_felt(others, step):
                changed.add(step)
                if _is_nearer(pool.left[step], before):
                    nearer.append(step)
                else:
                    doubtful.append((step, before))
        count = len(doubtful) - self._of_others(doubtful, changed, others)
        if isinstance(cause, Reading) and cause.taking not in ENDS:
            # What is left without such a value as well is another cause's.
            elsewhere = {pool.left[s] for s in pool.unexplained if not pool.matters(cause, s)}
            some = [step for step in smallest(nearer) if pool.left[step] not in elsewhere]
            count += sum(self._is_another_value(cause, others, step) for step in some[:NEARER])
        return count

    def _of_others(
        self,
        doubtful: Sequence[tuple[Answered, frozenset[str]]],
        changed: Set[Answered],
        others: Sequence[Statement],
    ) -> int:
        """At how many of some steps another cause is at work: something differs there that the
        cause in question does not touch, or less differs with it, and what does is what differs at
        steps as well that it does not change."""
        if not doubtful:
            return 0
        left = self._pool.left
        elsewhere = {row_of(left[step]) for step in self._pool.unexplained if step not in changed}
        return sum(
            (len(left[step]) < len(before) and row_of(left[step]) in elsewhere)
            or (left[step] <= before and self._is_more_than_touched(step, others))
            for step, before in doubtful
        )

    def _is_more_than_touched(self, step: Answered, others: Sequence[Statement]) -> bool:
        """Whether anything differs at a step that is the same with just the other causes."""
        pool = self._pool
        now = step.told_otherwise(pool.answer(step))
        without = step.told_otherwise(pool.answer_with(others, step))
        return any(without.get(path) == value for path, value in now.items())

    def _is_another_value(
        self, cause: Reading, others: Sequence[Statement], step: Answered
    ) -> bool:
        """Whether a step is accounted for with some other value for one that a reading is about:
        then what the reading makes of it is not what the shadow does."""
        corrected = self._pool.corrected
        (before,) = corrected.left(others, [step])
        for leaf in step.leaves_met(cause):
            alone = replace(cause, pattern=Pattern(*leaf.field))
            if corrected.left([*others, alone], [step])[0] == before:
                continue
            for value in OTHER_VALUES.get(leaf.field.kind, ()):
                other = with_changes(step, {leaf.path: value})
                with_it = Answered(
                    other, step.authority, step.shadow, step.before, step.decimals, step.finding
                )
                if not corrected.left(others, [with_it])[0]:
                    return True
        return False

    # --- What can go ----------------------------------------------------------------------------

    def drop_doubted(self) -> list[tuple[Statement, int, int]]:
        """Takes out causes that have more steps against them than for them, the worst first, each
        with how many these are: they would only group findings that have nothing in common."""
        dropped: list[tuple[Statement, int, int]] = []
        while True:
            doubted = []
            for place, cause in enumerate(self._pool.causes):
                others, needs = self.needed_by(cause)
                against = self.contradicted(cause, others)
                if len(needs) < against:
                    doubted.append((len(needs) - against, place, len(needs), against))
            if not doubted:
                return dropped
            _, place, needed, against = min(doubted)
            cause = self._pool.causes[place]
            dropped.append((cause, needed, against))
            self._pool.use(self._pool.without(cause))

    def drop_superseded(self, newest: Statement) -> None:
        """Takes out readings that speak of the same values as a new one, where with that alone
        everything is explained just as well: they were guesses from fewer steps."""
        if not isinstance(newest, Reading):
            return
        for cause in list(self._pool.causes):
            if cause is not newest and isinstance(cause, Reading) and _overlap(cause, newest):
                rest = self._pool.without(cause)
                if self._is_as_good(rest, cause):
                    self._pool.use(rest)

    def drop_doubled(self) -> None:
        """Takes out causes that no step needs, one after the other, whatever time is left: of two
        that say the same one stays, which is then needed. Edits go first: a statement about values
        says more."""
        for cause in sorted(self._pool.causes, key=lambda one: not isinstance(one, Edited)):
            others, needs = self.needed_by(cause)
            if not needs:
                self._pool.use(others)

    def drop_unneeded(self) -> None:
        """Takes out causes without which everything is explained just as well: what a better one
        made needless, with those that only undo what it does."""
        for cause in list(self._pool.causes):
            if self._clock.beyond(1.0):
                return
            if cause in self._pool.causes and (fewer := self._without(cause)) is not None:
                self._pool.use(fewer)

    def narrow(self) -> None:
        """Lets readings say less where another cause says the rest: "an infinity or NaN" is "NaN"
        beside "an infinity anywhere"."""
        for cause in list(self._pool.causes):
            for less in _narrower(cause):
                if self._clock.beyond(1.0):
                    return
                rest = [less if one is cause else one for one in self._pool.causes]
                if self._is_as_good(rest, cause):
                    self._pool.use(rest)
                    break

    def _is_as_good(self, causes: Sequence[Statement], changed: Statement) -> bool:
        """Whether with other causes in force for one nothing that is explained would not be."""
        pool = self._pool
        concerned = (s for s in pool.steps if not pool.left[s] and pool.matters(changed, s))
        return not pool.wrong(causes, list(concerned))

    def _without(self, cause: Statement) -> list[Statement] | None:
        """The causes without one, and without those that nothing needs then; None where something
        that is explained would not be."""
        pool = self._pool
        explained = [one for one in pool.steps if not pool.left[one]]
        rest = pool.without(cause)
        concerned = [one for one in explained if pool.matters(cause, one)]
        wrong = pool.wrong(rest, concerned)
        while wrong:
            if self._clock.beyond(1.0):
                return None
            # One that only undoes what the cause does is not needed where the cause is.
            some = wrong[:SOME]
            fewer = [[one for one in rest if one is not other] for other in rest]
            tried = [(len(pool.wrong(one, some)), place) for place, one in enumerate(fewer)]
            count, place = min(tried, default=(len(some), 0))
            if count == len(some):
                return None
            rest = fewer[place]
            wrong = pool.wrong(rest, wrong)
        return None if pool.wrong(rest, explained) else rest


def spread(steps: Sequence[Answered], most: int) -> list[Answered]:
    """So many of some steps at most, at even distances."""
    if len(steps) <= most:
        return list(steps)
    return [steps[number * len(steps) // most] for number in range(most)]


def _is_nearer(after: Iterable[str], before: Iterable[str]) -> bool:
    """Whether less differs, or an answer is there at all where none was."""
    after, before = frozenset(after), frozenset(before)
    return after < before or (before == REFUSAL and after != REFUSAL)


def _overlap(one: Reading, other: Reading) -> bool:
    return _share(one.pattern, other.pattern) and bool(
        {one.sort, *PARTS.get(one.sort, ())} & {other.sort, *PARTS.get(other.sort, ())}
    )


def _share(one: Pattern, other: Pattern) -> bool:
    """Whether there may be fields that both patterns have."""
    return all("*" in (a, b) or a == b for a, b in zip(one[:3], other[:3], strict=True))


def _narrower(cause: Statement) -> Iterator[Reading]:
    if isinstance(cause, Reading) and cause.bound is None:
        for part in PARTS.get(cause.sort, ()):
            yield Reading(cause.pattern, part, cause.taking)
