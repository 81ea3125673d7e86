"""Cuts the row of units into lots, and knows which of them can be handed out.

A lot needs the plans of its units, which are drawn as tasks of their own, and what was learnt from
all lots before its border. Borders are places in the row, so it does not matter how fast anything
comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from replay.differential.model import Signature
from replay.fuzzing.campaign_units import Row, planned_steps
from replay.fuzzing.plan import Plan
from replay.fuzzing.plan_batches import Batch
from replay.runs.work import Drawing, Lot

UNITS = 32
"""Units of a lot: about a second of work, so that handing it out costs little beside it, and so
little that it is no loss to do it again."""

FREE_LOTS = 8
"""The first lots know of no others."""

STRIDE = 256
"""Units between two looks for batches that are missing: each is for hundreds of them, but for the
head of the first, which is where the row begins."""

TURNS = 4
"""Units in a row of which each may need a batch of its own."""

MAX_BATCHES = 64
"""Batches after which those that nobody needs any more are forgotten."""


class Position(NamedTuple):
    """A place in the row of units between two lots: the next unit, and the transitions planned for
    all before it. `ahead` are the first units of later lots that are done already."""

    unit: int
    planned: int
    ahead: tuple[int, ...] = ()


BEGINNING = Position(0, 0)


def border(lot: int) -> int:
    """The lots below this number are what a lot knows of: never fewer than a quarter of those
    before it, and never so many that all workers would have to wait for one."""
    return 0 if lot < FREE_LOTS else 1 << lot.bit_length() - 2


class LotSupply:
    """The lots of a campaign. `taken` is how many of them have come back, in their order."""

    def __init__(
        self, row: Row, transitions: int | None, only: int | None, begin: Position = BEGINNING
    ) -> None:
        """Lots for so many planned transitions, or `only` one unit, or without an end; from where
        an earlier run was."""
        self.taken = 0
        self._row = row
        self._only = only
        self._transitions = transitions
        self._begin = begin
        self._ends = [begin]
        """Where the last lot that was taken in ends, and those after it that are handed out."""
        self._first = begin.unit if only is None else only
        """The first unit of the next lot."""
        self._looked_until = 0
        """Of all units before this one the batches are there, or are being drawn."""
        self._planned = begin.planned
        self._given = 0
        self._batches: dict[Batch, Sequence[Plan] | None] = {}
        """None for a batch that is being drawn."""
        self._known: dict[int, tuple[Mapping[Signature, int], int]] = {0: ({}, 0)}
        """What was learnt by borders that lots will still ask for."""

    @property
    def is_spent(self) -> bool:
        """Whether there are no more lots."""
        if self._only is not None:
            return self._given == 1
        return self._transitions is not None and self._planned >= self._transitions

    @property
    def has_begun(self) -> bool:
        """Whether a lot was handed out."""
        return self._given > 0

    def position(self, ahead: Sequence[int] = ()) -> Position:
        """Where a later run would go on: all before it has been taken in, and of what follows the
        lots of these numbers."""
        here = self._ends[0]
        passed = (unit for unit in self._begin.ahead if unit >= here.unit)
        lots = (self._ends[lot - self.taken].unit for lot in ahead)
        return here._replace(ahead=(*passed, *lots))

    def next(self, window: int, seconds: float | None) -> Lot | Drawing | None:
        """The next lot, or a batch to be drawn for it or one soon after; None where there is none,
        or it has to wait: for plans, for its border, or since `window` lots wait to be taken in."""
        while not self.is_spent:
            if (missing := self._missing(window)) is not None:
                return missing
            if not self._is_drawn():
                return None
            if self._first not in self._begin.ahead:
                return self._cut(window, seconds)
            self._first += len(self._plans())
        return None

    def take_plans(self, batch: Batch, plans: Sequence[Plan]) -> None:
        """Takes a batch that was drawn."""
        self._batches[batch] = plans

    def go_on(self, met: Mapping[Signature, int], sampled: int) -> None:
        """One more lot was taken in; what has been learnt since the beginning is this."""
        self.taken += 1
        del self._ends[0]
        if self.taken >= FREE_LOTS // 2 and self.taken.bit_count() == 1:
            self._known[self.taken] = (dict(met), sampled)
        if len(self._batches) > MAX_BATCHES:
            self._forget()

    def plan(self, unit: int) -> Plan | None:
        """The plan of a unit that was handed out."""
        return self._row.plan(unit, self._drawn)

    def _drawn(self, batch: Batch) -> Sequence[Plan]:
        plans = self._batches[batch]
        assert plans is not None
        return plans

    def _ahead(self, lots: int) -> range:
        """The units of so many next lots."""
        return range(self._first, self._first + (1 if self._only is not None else lots * UNITS))

    def _missing(self, lots: int) -> Drawing | None:
        """A batch that so many next lots need and nobody draws yet."""
        ahead = self._ahead(lots)
        # With hundreds of workers that is a long way: only what is new of it is looked at.
        ahead = range(max(ahead.start, self._looked_until), ahead.stop)
        begins = (*range(0, len(ahead), STRIDE), len(ahead) - TURNS)
        places = (unit for at in begins for unit in ahead[max(at, 0) : max(at + TURNS, 0)])
        for batch in map(self._row.batch, places):
            if batch is not None and batch not in self._batches:
                self._batches[batch] = None
                return Drawing(batch)
        self._looked_until = max(self._looked_until, ahead.stop)
        return None

    def _is_drawn(self) -> bool:
        """Whether the plans of the next lot are there; they may go over the end of a batch."""
        units = self._ahead(1)
        # A batch is for more units than a lot has, so those at its ends need all.
        needed = {self._row.batch(unit) for unit in (*units[:TURNS], *units[-TURNS:])} - {None}
        return all(self._batches.get(batch) is not None for batch in needed if batch is not None)

    def _cut(self, window: int, seconds: float | None) -> Lot | None:
        known = border(self._given)
        if known > self.taken or self._given >= self.taken + window:
            return None
        lot = Lot(self._given, self._first, self._plans(), *self._known[known], seconds)
        self._given += 1
        self._first += len(lot.plans)
        self._ends.append(Position(self._first, self._planned))
        return lot

    def _plans(self) -> list[Plan | None]:
        """The plans of the next lot, which ends where what is to be generated does."""
        plans: list[Plan | None] = []
        for unit in self._ahead(1):
            if self._transitions is not None and self._planned >= self._transitions:
                break
            plans.append(self.plan(unit))
            self._planned += planned_steps(plans[-1])
        return plans

    def _forget(self) -> None:
        """Drops the batches of units that were all taken in."""
        here = self._ends[0].unit
        oldest = [self._row.batch(unit) for unit in range(here, here + TURNS)]
        first = min((batch.number for batch in oldest if batch is not None), default=0)
        # A lot that was just taken in may still be asked for the plan of one of its units.
        for batch in [batch for batch in self._batches if batch.number < first - 1]:
            del self._batches[batch]
