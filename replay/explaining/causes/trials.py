"""Asks both cores steps made to refute statements about values, or to confirm them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.confirmed_fields import Sought
from replay.explaining.causes.leaves import Leaf, Path
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.probes import alone, probes, where_nobody_reads, within
from replay.explaining.causes.statement import Reading
from replay.streams.model import Stream

PROBES = 40
"""Steps asked with a value in other places, beside those with others in its own."""

WITHIN = 60
"""Steps by which a statement is put to the test."""


class Trials:
    """What is asked gets into the pool; the order of what was asked is the same each time."""

    def __init__(self, pool: Pool, asking: Asking) -> None:
        self._pool = pool
        self._asking = asking
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

    def of_condition(self, rule: Reading, step: Answered) -> None:
        """The same for a refusal, with what tells who refuses."""
        leaf = next(one for one in step.leaves if rule.meets(one))
        self._ask(alone(leaf), WITHIN)
        self.of(rule, step)
        self._ask(where_nobody_reads(step, leaf, rule.pattern, rule.sort), WITHIN)
        self.around(step, leaf)

    def around(self, step: Answered, leaf: Leaf) -> None:
        """Asks the value of a leaf elsewhere, and others in its place, once."""
        if (step, leaf.path) not in self._probed:
            self._probed.add((step, leaf.path))
            asked = probes(step, leaf, self._next_seed(), PROBES)
            self._ask(asked, len(asked))

    def _ask(self, streams: Iterable[Stream], count: int) -> None:
        self._pool.add(self._asking.ask(list(islice(streams, count))))

    def _next_seed(self) -> int:
        self._seed += 1
        return self._seed
