"""Asks both cores steps made to refute statements about values, or to confirm them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.confirmed_fields import Sought
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.leaves import Leaf, Path
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.probes import (
    alone,
    ordinary,
    probes,
    where_nobody_reads,
    with_changes,
    within,
)
from replay.explaining.causes.statement import Reading
from replay.streams.model import Stream
from replay.targets.base import Failure, is_refusal

PROBES = 40
"""Steps asked with a value in other places, beside those with others in its own."""

WITHIN = 60
"""Steps by which a statement is put to the test."""

LOT = 10
"""Steps that are asked in one go, once it is known that the shadow may end."""


class Trials:
    """What is asked gets into the pool; the order of what was asked is the same each time."""

    def __init__(self, pool: Pool, asking: Asking, ends: KnownEnds) -> None:
        self._pool = pool
        self._asking = asking
        self._ends = ends
        self._has_failed = False
        self._ends_without: dict[tuple[Answered, tuple[Path, ...]], bool] = {}
        self._seed = 0
        self._probed: set[tuple[Answered, Path]] = set()

    def of(self, rule: Reading, step: Answered, sought: Sought | None = None) -> None:
        """Asks values that a statement speaks of, in fields that it speaks of, or in those of them
        that are sought."""
        leaf = next((one for one in step.leaves if rule.meets(one)), None)
        if leaf is not None:
            seed = self._next_seed()
            fields = [one for one in step.leaves if rule.pattern.has(one.field)]
            if sought is not None:
                fields = [one for one in fields if sought.has(one.field)]
            self._ask(within(step, leaf, fields, rule.sort, seed), WITHIN)

    def of_condition(self, rule: Reading, step: Answered) -> bool:
        """The same for a refusal, with what tells who refuses. False where the cores could not be
        asked."""
        leaf = next(one for one in step.leaves if rule.meets(one))
        self._ask(alone(leaf), WITHIN)
        self.of(rule, step)
        self._ask(where_nobody_reads(step, leaf, rule.pattern, rule.sort), WITHIN)
        self.around(step, leaf)
        return not self._asking.storm

    def ends_without(self, rule: Reading, step: Answered) -> bool:
        """Whether the shadow ends at a step in the same way where everything that a condition
        speaks of has ordinary values: then it is not what the core ends on."""
        leaves = [one for one in step.leaves if rule.meets(one) and one.field.kind not in "ol"]
        key = step, tuple(leaf.path for leaf in leaves)
        if leaves and key not in self._ends_without:
            others = {leaf.path: ordinary(leaf.field) for leaf in leaves}
            asked = self._asking.ask([with_changes(step, others)])
            self._pool.add(asked)
            self._has_failed |= isinstance(step.shadow, Failure)
            self._ends_without[key] = any(_end_alike(step, one) for one in asked)
        return self._ends_without.get(key, False)

    def around(self, step: Answered, leaf: Leaf) -> None:
        """Asks the value of a leaf elsewhere, and others in its place, once."""
        if (step, leaf.path) not in self._probed:
            self._probed.add((step, leaf.path))
            asked = probes(step, leaf, self._next_seed(), PROBES)
            self._ask(asked, len(asked))

    def _ask(self, streams: Iterable[Stream], count: int) -> None:
        """The next lot is not asked where the shadow ended at all of one: what is changed there
        does not matter, and each end costs a new process."""
        few = islice(streams, count)
        while lot := list(islice(few, LOT if self._has_failed else count)):
            asked = self._asking.ask(list(self._ends.past(lot)))
            self._pool.add(asked)
            self._has_failed |= any(isinstance(one.shadow, Failure) for one in asked)
            if len(asked) == LOT and all(isinstance(one.shadow, Failure) for one in asked):
                return

    def _next_seed(self) -> int:
        self._seed += 1
        return self._seed


def _end_alike(one: Answered, other: Answered) -> bool:
    """Whether the shadow gave no answer to two steps in the same way, and to the second one the
    authority did."""
    mine, theirs = one.shadow, other.shadow
    if isinstance(mine, Failure) or isinstance(theirs, Failure):
        both = isinstance(mine, Failure) and isinstance(theirs, Failure)
        return both and mine.kind is theirs.kind  # type: ignore[union-attr]
    return is_refusal(mine) and is_refusal(theirs) and not is_refusal(other.authority)
