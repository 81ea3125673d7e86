"""The way of a stream up to where a case begins: for cases that cannot begin there.

A case begins with a state as it is written. An authority may hold what its own reader would make
something else of: an int of an event in a field that it reads as a double. From that state, written
and read again, it is not the same any more, and what it showed may not show. So a case then begins
earlier: at the last segment's start where what it held is what it reads, in the end where the
stream itself begins. A core that remembers may need what came before, too, though nobody can see
that from the states: so the first occurrence of a bug has all of the way that is kept (`lead`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from replay.differential.case_maker import CaseMaker
from replay.differential.read_back import is_read_back
from replay.streams.model import CYCLES as CYCLES_INDEX
from replay.streams.model import STATE_FIELDS, Segment, Start, Step, Stream
from replay.targets.compact import Plain
from replay.targets.readers import Readers

MAX_WEIGHT = 20_000
"""Steps that are kept of all streams together: a journal may be of any length."""

_CYCLES = STATE_FIELDS[CYCLES_INDEX]


class Standpoint(Protocol):
    """Where a segment begins."""

    @property
    def state(self) -> Plain | None:
        """The authority's state; None where nothing was read but the start of the stream."""
        ...

    def as_start(self) -> Start:
        """The documents in force, with the state that the stream began with."""
        ...


class _Link:
    """One segment of a stream that was run, and where it begins."""

    __slots__ = ("at", "is_true", "segment", "weight")

    def __init__(self, segment: Segment, at: Standpoint) -> None:
        self.segment = segment
        self.at = at
        self.weight = _weight(segment)
        self.is_true: bool | None = None
        """Whether the state there is what its written form is read as; None where nobody asked."""


class Leads:
    """What is kept of the streams under way. `readers` are the authority's."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._cases = CaseMaker()
        self._of: dict[int, deque[_Link]] = {}
        self._in_turn: deque[int] = deque()
        """The stream of each link that is kept, the oldest first."""
        self._weight = 0

    def add(self, segment: Segment, at: Standpoint) -> None:
        """Notes a segment that the authority has answered, and where it begins."""
        if segment.start is not None:
            self.end(segment.key)
        link = _Link(segment, at)
        self._of.setdefault(segment.key, deque()).append(link)
        self._in_turn.append(segment.key)
        self._weight += link.weight
        while self._weight > MAX_WEIGHT and len(self._in_turn) > 1:
            links = self._of.get(self._in_turn.popleft())
            # A stream that has ended since, and may have begun anew, has fewer than were noted.
            if links:
                self._weight -= links.popleft().weight

    def end(self, key: int) -> None:
        """Forgets a stream: nothing more will be asked about it."""
        self._weight -= sum(link.weight for link in self._of.pop(key, ()))

    def case(self, segment: Segment, at: Standpoint, place: int) -> tuple[Stream, bool]:
        """The case of a step of a segment, and whether it begins with what the authority held:
        false where it held something else than its reader makes of that, and no earlier state that
        is kept was another."""
        last = _Link(segment, at)
        links = self._before(segment)
        if self._is_true(last):
            return self._cut([last], place), True
        number, true = 1, None
        while links and true is None:
            number = min(number, len(links))
            true = number if self._is_true(links[-number]) else None
            if number == len(links):
                break
            number *= 2
        if true is None:
            return self._cut([last], place), False
        return self._cut([*links[-true:], last], place), True

    def lead(self, segment: Segment, place: int, shorter_than: int) -> Stream | None:
        """All that is kept of a stream up to a step; None where that is no more than so many
        steps."""
        links = self._before(segment)
        if not links or sum(len(link.segment.steps) for link in links) + place < shorter_than:
            return None
        return self._cut([*links, _Link(segment, links[0].at)], place)

    def _before(self, segment: Segment) -> Sequence[_Link]:
        """The links of a stream before one of its segments, the oldest first."""
        before: list[_Link] = []
        if segment.start is not None:
            return before
        for link in self._of.get(segment.key, ()):
            if link.segment is segment:
                break
            before.append(link)
        return before

    def _is_true(self, link: _Link) -> bool:
        if link.is_true is None:
            link.is_true = is_read_back(link.at.state, self._readers)
        return link.is_true

    def _cut(self, links: Sequence[_Link], place: int) -> Stream:
        first, last = links[0], links[-1].segment
        steps: list[Step] = [step for link in links[:-1] for step in link.segment.steps]
        whole = last._replace(steps=(*steps, *last.steps[: place + 1]))
        return self._cases.case(first.at.as_start(), first.at.state, whole, len(whole.steps) - 1)


def _weight(segment: Segment) -> int:
    """What a segment takes to keep: each step, and the cycles of whole states that were set."""
    weight = 1 + len(segment.steps)
    for step in segment.steps:
        if step[1] is not None and "state" in step[1]:
            state = step[1]["state"]
            cycles = state.get(_CYCLES) if isinstance(state, dict) else None
            weight += len(cycles) if isinstance(cycles, list) else 0
    return weight
