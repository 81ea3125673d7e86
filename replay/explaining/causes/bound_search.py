"""Finds limits: numbers of one field beyond which the shadow gives no answer.

Where one value of a step is to blame, both cores are asked other numbers in its place, small and
large, then what lies between those that are answered and those that are not, until the limit is
known: "refuses decimals above 15" is no sort of value that a catalogue has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.leaves import Leaf, distinct
from replay.explaining.causes.number_bounds import Bound
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.probes import ordinary, text_of, with_changes
from replay.explaining.causes.refusal_search import is_refused_alone
from replay.explaining.causes.statement import Reading
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort, is_number
from replay.explaining.formulas.plain_numbers import Number, simplest_between
from replay.explaining.search.contest import Clock
from replay.streams.model import Stream

MOST_BLAMED: Final = 48
"""Numbers of one step of which it is asked whether the shadow answers without them."""

HALVINGS: Final = 24
"""How often what lies between is asked."""

LADDER: Final[tuple[Number, ...]] = (
    -(2**62), -(2**53), -(2**31), -(10**6), -1000, -100, -20, -10, -5, -3, -2, -1, 0, 1, 2, 3, 4, 5,
    6, 7, 8, 9, 10, 12, 14, 15, 16, 17, 18, 20, 24, 32, 50, 64, 100, 128, 256, 400, 1000, 10**6,
    2**31, 2**53, 2**62,
)  # fmt: skip
"""Whole numbers that are asked first, in order."""

FRACTIONS: Final[tuple[Number, ...]] = (
    -1e300, -1e15, -1e9, -1e6, -1000.0, -100.0, -10.0, -1.0, -0.1, -1e-6, 0.0, 1e-12, 1e-6, 0.001,
    0.01, 0.1, 0.5, 0.99, 1.0, 1.5, 2.0, 5.0, 10.0, 50.0, 100.0, 101.0, 1000.0, 1e6, 1e9, 1e12,
    1e15, 1e18, 1e300,
)  # fmt: skip
"""The same for other numbers."""


_ROOTS: Final = {"config": 0, "state": 2}
"""Which documents are looked at first, and last."""


class _Asked(NamedTuple):
    """A number in the place of another, and whether the shadow ended at it."""

    value: Number
    has_ended: bool


class BoundSearch:
    """Looks for numbers beyond which the shadow does not answer."""

    def __init__(self, pool: Pool, asking: Asking, clock: Clock) -> None:
        self._pool = pool
        self._asking = asking
        self._clock = clock

    def find(self, step: Answered, ended: Taking) -> Reading | None:
        """The limit that the shadow does not answer a step beyond; None where there is none."""
        if ended is not Taking.REFUSED:
            return None  # each question would cost a process
        for leaf in self._blamed(step):
            if self._clock.beyond(1.0):
                return None
            bound = self._bound(step, leaf)
            if bound is None:
                continue
            sort = Sort.INT if isinstance(leaf.value, int) else Sort.NUMBER
            found = Reading(Pattern(*leaf.field), sort, ended, bound)
            if not self._pool.is_refuted(found) and self._holds(found, step):
                return found
        return None

    def kept(self, step: Answered) -> list[Reading]:
        """Limits to which a setting of a step may be kept, so that it comes to the shadow's
        answer."""
        found: list[Reading] = []
        for leaf in distinct(step.leaves):
            # What is counted and what has digits has limits; few keep a time or a price to one.
            if leaf.field.root != "config" or leaf.field.kind != "i" or not _is_number(leaf):
                continue
            for limit in LADDER:
                bound = Bound(limit, None) if leaf.value < limit else Bound(None, limit)
                rule = Reading(Pattern(*leaf.field), Sort.INT, Taking.KEPT, bound)
                if self._clock.beyond(1.0):
                    return found
                if rule.meets(leaf) and not self._pool.with_one_more(rule, [step])[0]:
                    found.append(rule)
        return found

    def _holds(self, found: Reading, step: Answered) -> bool:
        """Whether a statement accounts for a step and spoils none of all that were asked."""
        if self._pool.with_one_more(found, [step])[0]:
            return False
        return not self._pool.score_met(found).spoiled

    def _blamed(self, step: Answered) -> Iterator[Leaf]:
        """The numbers without which the shadow answers a step."""
        numbers = [one for one in distinct(step.leaves) if _is_number(one)]
        # Of settings there are few, of a history's records many; what is large is asked first.
        numbers.sort(
            key=lambda one: (_ROOTS.get(one.field.root, 1), one.field.records, -abs(one.value))
        )
        asked = numbers[:MOST_BLAMED]
        streams = [with_changes(step, {one.path: ordinary(one.field)}) for one in asked]
        for leaf, other in zip(asked, self._ask(streams), strict=True):
            if other is not None and not other.has_ended:
                yield leaf

    def _bound(self, step: Answered, leaf: Leaf) -> Bound | None:
        """The numbers that are answered in the place of one that is not, where these are all from
        one to another."""
        is_whole = isinstance(leaf.value, int)
        ladder = LADDER if is_whole else FRACTIONS
        asked = self._at(step, leaf, sorted({*ladder, leaf.value}))
        answered = [one.value for one in asked if not one.has_ended]
        if not answered:
            return None
        low, high = min(answered), max(answered)
        if any(one.has_ended and low < one.value < high for one in asked):
            return None
        below = [one.value for one in asked if one.has_ended and one.value < low]
        above = [one.value for one in asked if one.has_ended and one.value > high]
        return Bound(
            self._end(step, leaf, low, max(below)) if below else None,
            self._end(step, leaf, high, min(above)) if above else None,
        )

    def _end(self, step: Answered, leaf: Leaf, inside: Number, outside: Number) -> Number:
        """The last number that is answered, between one that is and one that is not."""
        for _ in range(HALVINGS):
            middle = _between(inside, outside)
            if middle is None or self._clock.beyond(1.0):
                break
            found = self._at(step, leaf, [middle])
            if not found:
                break
            if found[0].has_ended:
                outside = middle
            else:
                inside = middle
        if isinstance(inside, int):
            return inside
        if outside > inside:
            return simplest_between(inside, outside)
        return -simplest_between(-inside, -outside)

    def _at(self, step: Answered, leaf: Leaf, values: Sequence[Number]) -> list[_Asked]:
        """What becomes of a step with other numbers in the place of one."""
        streams = [with_changes(step, {leaf.path: value}) for value in values]
        found: list[_Asked] = []
        for value, one in zip(values, self._ask(streams), strict=True):
            # What the authority gives no answer to either says nothing. What a known condition
            # speaks of may be a part of this one: below zero is refused, and so is above fifteen.
            if one is None or (one.has_ended and not is_refused_alone(one)):
                continue
            found.append(_Asked(value, one.has_ended))
        return found

    def _ask(self, streams: Sequence[Stream]) -> list[Answered | None]:
        """The steps with their answers, None for those that have none."""
        asked = self._asking.ask(streams)
        self._pool.add(asked)
        answers = {text_of(one.stream): one for one in asked}
        return [answers.get(text_of(one)) for one in streams]


def _between(inside: Number, outside: Number) -> Number | None:
    """A number between two, None where there is none that matters."""
    if isinstance(inside, int) and isinstance(outside, int):
        middle = (inside + outside) // 2
        return None if middle in (inside, outside) else middle
    if abs(outside - inside) <= 1e-9 * max(abs(inside), abs(outside)):
        return None
    return inside + (outside - inside) / 2


def _is_number(leaf: Leaf) -> bool:
    value = leaf.value
    if not is_number(value):
        return False
    # An int may be too large for a double.
    is_finite = isinstance(value, int) or math.isfinite(value)
    return is_finite and value != ordinary(leaf.field)


__all__ = ["BoundSearch"]
