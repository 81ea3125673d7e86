"""Where something is computed otherwise, for what no edit accounts for.

At each of some steps one change or another of the same line gives the shadow's whole answer. That
says where to look and groups what is left; it is nothing that could be verified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.edit_search import EditSearch
from replay.explaining.causes.joined_edits import Line, line_of
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited, Placed
from replay.explaining.search.contest import Clock

LINES = 8
"""Lines that are looked at, those first at which an edit gave most of the steps."""

STEPS = 40
"""Steps that are held against them."""

MIN_SUPPORT = 2
"""Steps that a place has to give."""

LATEST = 1.05
"""The share of the budget after which no more is looked for."""


class Place(NamedTuple):
    """A line with the steps at which something there gives the shadow's answer."""

    statement: Placed
    steps: tuple[Answered, ...]


class PlaceSearch:
    """Looks for lines among those at which an edit gave the answer to a single step."""

    def __init__(self, pool: Pool, edits: EditSearch, clock: Clock) -> None:
        self._pool = pool
        self._edits = edits
        self._clock = clock

    def find(self, left: Sequence[Answered]) -> list[Place]:
        """The places, each for steps that the ones before it do not give, the one with most steps
        first."""
        open_steps = [step for step in left if not step.has_ended and step.authority_left][:STEPS]
        given = {line: self._given(line, open_steps) for line in self._lines(open_steps)}
        found: list[Place] = []
        while given:
            line = max(given, key=lambda one: (len(given[one]), one))
            steps = given.pop(line)
            if len(steps) < MIN_SUPPORT:
                break
            found.append(Place(self._edits.place_at(line), tuple(steps)))
            given = {
                other: [step for step in own if step not in steps] for other, own in given.items()
            }
        return found

    def _lines(self, steps: Sequence[Answered]) -> list[Line]:
        """The lines at which an edit gave a step when it was looked at."""
        counts: Counter[Line] = Counter()
        for step in steps:
            counts.update({line_of(edit) for edit in self._edits.fitted.get(step, ())})
        return [line for line, _ in counts.most_common(LINES)]

    def _given(self, line: Line, steps: Sequence[Answered]) -> list[Answered]:
        """The steps that one of the edits at a line gives."""
        waiting = list(steps)
        given: list[Answered] = []
        for edit in self._edits.at_line(line):
            if not waiting or self._clock.beyond(LATEST):
                break
            after = self._pool.with_one_more(Edited(edit, ""), waiting)
            given += [step for step, one in zip(waiting, after, strict=True) if not one]
            waiting = [step for step, one in zip(waiting, after, strict=True) if one]
        return given
