"""Mutation: corpus streams with a few things changed, so that what was reached before is left again
by a step to the side.

Works on recorded and generated streams alike and looks at nothing but the stream: the same stream,
seed and partner give the same mutant. A mutant may be nonsense as a story (fills of orders that are
gone); it is always a stream that a core can be asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from replay.fuzzing.choices import Seeded
from replay.fuzzing.configs import DEFAULTS, edge_setting, setting
from replay.fuzzing.value_pool import EDGE_DOUBLES, EDGE_INTS, around, down, up
from replay.streams.model import CallCode, Step, Stream

MAX_STEPS = 2000
"""A longer mutant is cut off: mutants of mutants would only ever grow."""

_LONGEST_PIECE = 40

_TIME_PLACE = {0: 2, 1: 1, 2: 7, 3: 7, 4: 3}
"""Where an array call has its timestamp."""


def mutate(stream: Stream, other: Stream | None, seed: int) -> Stream:
    """A mutant of `stream`, with pieces of `other` where one is given."""
    mutant = _Mutant(stream, Random(seed), other)
    for _ in range(mutant.choices.pick((1, 1, 2, 3, 5))):
        mutant.choices.pick(_CHANGES)(mutant)
    origin = f"{stream.origin.removesuffix(' mutated')} mutated"
    return Stream(mutant.start, tuple(mutant.steps[:MAX_STEPS]), origin)


class _Mutant:
    """A stream while it is being changed."""

    def __init__(self, stream: Stream, random: Random, other: Stream | None) -> None:
        self.start = stream.start
        self.steps = list(stream.steps)
        self.other = other
        self.choices = Seeded(random)

    # --- Whole steps ----------------------------------------------------------------------------

    def drop(self) -> None:
        """One step, or a piece, is lost."""
        begin, end = self._piece(self.steps)
        if end - begin < len(self.steps):
            del self.steps[begin:end]

    def double(self) -> None:
        """One step, or a piece, comes twice: at once or later."""
        begin, end = self._piece(self.steps)
        later = end if self.choices.chance(60) else self.choices.integer(end, len(self.steps))
        self.steps[later:later] = self.steps[begin:end]

    def reorder(self) -> None:
        """Two steps change places, or a piece comes in reverse."""
        if len(self.steps) < 2:
            return
        if self.choices.chance(70):
            place = self.choices.integer(0, len(self.steps) - 2)
            self.steps[place : place + 2] = reversed(self.steps[place : place + 2])
        else:
            begin, end = self._piece(self.steps)
            self.steps[begin:end] = reversed(self.steps[begin:end])

    def splice(self) -> None:
        """A piece of the other stream, with what was set from outside along it."""
        other = self.other
        if other is None or not other.steps:
            return self.double()
        begin, end = self._piece(other.steps)
        piece = list(other.steps[begin:end])
        if self.choices.chance(40):
            # As it began there: its whole start is set from outside before it.
            piece = list(other.steps[: end - begin])
            changes = {**other.start._asdict(), **(piece[0].changes or {})}
            piece[0] = piece[0]._replace(changes=changes)
        place = self.choices.integer(0, len(self.steps))
        self.steps[place:place] = piece
        return None

    def drop_changes(self) -> None:
        """A patch (or whatever was set from outside) is lost, its step stays."""
        places = [place for place, step in enumerate(self.steps) if step.changes]
        if places:
            place = self.choices.pick(places)
            self.steps[place] = self.steps[place]._replace(changes=None)

    # --- Values ---------------------------------------------------------------------------------

    def nudge(self) -> None:
        """One number of one event moves to a neighbour or to a boundary."""
        place = self._place()
        if place is None:
            return
        step = self.steps[place]
        if isinstance(step.call, Mapping):
            event = dict(step.call)
            if event:
                name = self.choices.pick(tuple(event))
                event[name] = self._moved(event[name])
            self.steps[place] = step._replace(call=event)
            return
        call = list(step.call)
        if len(call) > 1:
            field = self.choices.integer(1, len(call) - 1)
            call[field] = self._moved(call[field])
            self.steps[place] = step._replace(call=tuple(call))

    def nudge_changes(self) -> None:
        """One number in what was set from outside moves; of the start, where nothing was."""
        places = [place for place, step in enumerate(self.steps) if step.changes]
        if not places or self.choices.chance(30):
            name = self.choices.pick(("state", "state", "order_size_usd", "order_sizes"))
            self.start = self.start._replace(**{name: self._within(getattr(self.start, name))})
            return
        place = self.choices.pick(places)
        step = self.steps[place]
        changes = dict(step.changes or {})
        name = self.choices.pick(tuple(changes))
        changes[name] = self._within(changes[name])
        self.steps[place] = step._replace(changes=changes)

    def move_setting(self) -> None:
        """One setting moves, from the start on or from some step on."""
        config = self.start.config
        if not isinstance(config, Mapping):
            return
        name = self.choices.pick(tuple(DEFAULTS))
        moved = dict(config)
        if self.choices.chance(50) and isinstance(moved.get(name), int | float):
            moved[name] = self._moved(moved[name])
        else:
            moved[name] = edge_setting(self.choices, name)
        place = self._place()
        if place is None or self.choices.chance(50):
            self.start = self.start._replace(config=moved)
            return
        step = self.steps[place]
        self.steps[place] = step._replace(changes={**(step.changes or {}), "config": moved})

    def retime(self) -> None:
        """One event comes at a boundary, or all from one on come later or earlier."""
        place = self._place()
        if place is None:
            return
        call = self.steps[place].call
        if isinstance(call, Mapping) or call[0] not in _TIME_PLACE:
            return
        now = call[_TIME_PLACE[call[0]]]
        if not _is_finite(now):
            return
        if self.choices.chance(50):
            self._set_time(place, self._boundary_time(place, now))
            return
        shift = self.choices.pick((-1.0, 0.5, 15.0, 300.0, 1350.0, 1800.0, -3600.0, 86400.0))
        for later in range(place, len(self.steps)):
            later_call = self.steps[later].call
            if not isinstance(later_call, Mapping) and later_call[0] in _TIME_PLACE:
                when = later_call[_TIME_PLACE[later_call[0]]]
                if _is_finite(when):
                    self._set_time(later, when + shift)

    def to_boundary(self) -> None:
        """A price tick goes exactly to the price of an order seen before, or to its refresh."""
        ticks = [
            place
            for place, step in enumerate(self.steps)
            if not isinstance(step.call, Mapping) and step.call[0] == CallCode.PRICE_TICK
        ]
        if not ticks:
            return
        place = self.choices.pick(ticks)
        prices = self._prices(place)
        if not prices:
            return
        price = self.choices.pick(prices)
        refresh = self._setting("refresh_pct")
        if self.choices.chance(50) and math.isfinite(refresh) and abs(refresh) != 100.0:
            side = self.choices.pick((1.0, -1.0))
            price = price / (1.0 + side * refresh / 100.0)
        step = self.steps[place]
        timestamp = tuple(step.call)[2]
        self.steps[place] = step._replace(call=(0, around(price, self.choices), timestamp))

    # --- Help -----------------------------------------------------------------------------------

    def _piece(self, steps: Sequence[Step]) -> tuple[int, int]:
        """Where a piece begins and ends; one step in half of the cases."""
        if not steps:
            return 0, 0
        begin = self.choices.integer(0, len(steps) - 1)
        length = 1 if self.choices.chance(50) else self.choices.integer(2, _LONGEST_PIECE)
        return begin, min(len(steps), begin + length)

    def _place(self) -> int | None:
        """A step; one that is no plain tick in half of the cases, though most are."""
        if not self.steps:
            return None
        if self.choices.chance(50):
            rare = [
                place
                for place, step in enumerate(self.steps)
                if isinstance(step.call, Mapping) or step.call[0] > CallCode.TIMER_TICK
            ]
            if rare:
                return self.choices.pick(rare)
        return self.choices.integer(0, len(self.steps) - 1)

    def _moved(self, value: Any) -> Any:
        """A number next to `value` or at a boundary; anything else as it is."""
        choices = self.choices
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return choices.pick((value + 1, value - 1, 0, choices.pick(EDGE_INTS)))
        if not isinstance(value, float):
            return value
        kind = choices.integer(0, 6)
        if kind == 0:
            return up(value)
        if kind == 1:
            return down(value)
        if kind < 4 and _is_finite(value):
            # The last decimal that the exchange has, one up or down; or half of it.
            unit = 10.0 ** -choices.pick((5, 6, 0, 7))
            return value + unit * choices.pick((1.0, -1.0, 0.5, -0.5))
        if kind == 4:
            return 0.0
        if kind == 5:
            return -value
        return choices.pick(EDGE_DOUBLES)

    def _within(self, document: Any, depth: int = 0) -> Any:
        """A copy of a document with one number in it moved."""
        if depth < 5:
            if isinstance(document, Mapping) and document:
                copy = dict(document)
                name = self.choices.pick(tuple(copy))
                copy[name] = self._within(copy[name], depth + 1)
                return copy
            if isinstance(document, list | tuple) and document:
                items = list(document)
                place = self.choices.integer(0, len(items) - 1)
                items[place] = self._within(items[place], depth + 1)
                return items
        return self._moved(document)

    def _set_time(self, place: int, when: float) -> None:
        step = self.steps[place]
        call = list(step.call)
        call[_TIME_PLACE[call[0]]] = when
        self.steps[place] = step._replace(call=tuple(call))

    def _boundary_time(self, place: int, now: float) -> float:
        """When something that began before runs out, or the very time of another step."""
        choices = self.choices
        begun = now
        for _ in range(8):
            earlier = self.steps[choices.integer(0, place)].call
            if not isinstance(earlier, Mapping) and earlier[0] in _TIME_PLACE:
                when = earlier[_TIME_PLACE[earlier[0]]]
                if _is_finite(when):
                    begun = when
                    if earlier[0] == CallCode.FILL:
                        break
        after = self._setting(choices.pick(_DURATIONS))
        return around(begun + after if math.isfinite(after) else begun, choices)

    def _setting(self, name: str) -> float:
        config = self.start.config
        return setting(config if isinstance(config, Mapping) else {}, name)

    def _prices(self, before: int) -> list[float]:
        """Prices of orders that the stream shows up to a step."""
        found: list[Any] = []
        documents: list[Any] = [self.start.state]
        for step in self.steps[max(0, before - 60) : before]:
            if step.changes:
                documents += (step.changes.get("state"), step.changes.get("patch"))
            if not isinstance(step.call, Mapping) and step.call[0] in (2, 3):
                found.append(step.call[4])
        for document in documents:
            if isinstance(document, Mapping):
                for name in ("orders", "recovery_orders"):
                    records = document.get(name)
                    if isinstance(records, list | tuple):
                        found.extend(
                            record.get("price") for record in records if isinstance(record, Mapping)
                        )
        return [price for price in found if _is_finite(price)]


_DURATIONS = (
    "s1_orphan_after_sec", "s2_orphan_after_sec", "refresh_cooldown_sec", "loss_cooldown_sec",
    "reentry_base_cooldown_sec",
)  # fmt: skip

_CHANGES: tuple[Callable[[_Mutant], None], ...] = (
    _Mutant.drop, _Mutant.double, _Mutant.reorder, _Mutant.splice, _Mutant.drop_changes,
    _Mutant.nudge, _Mutant.nudge, _Mutant.nudge_changes, _Mutant.move_setting,
    _Mutant.move_setting, _Mutant.retime, _Mutant.retime, _Mutant.to_boundary,
)  # fmt: skip


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)
