"""Makes the case of a finding: the segment up to its step, as a stream of its own.

A case begins with a whole state. That of a slot that has been trading for long has thousands of
cycles, which only grow from one case of a stream to the next, so their documents are made once.
"""

from __future__ import annotations

from operator import is_
from typing import Any

from replay.streams.model import CYCLES, STATE_FIELDS, Document, Segment, Start, Stream
from replay.targets.compact import History, Plain, record_document, state_document

_HISTORY = STATE_FIELDS[CYCLES]


class CaseMaker:
    """Makes cases, and remembers the documents of the cycles in the last one."""

    def __init__(self) -> None:
        self._cycles: list[Any] = []
        self._documents: list[Any] = []

    def case(self, start: Start, plain: Plain | None, segment: Segment, place: int) -> Stream:
        """The segment up to a step. `plain` is the state where it begins; where it is not known,
        that is the one of `start`."""
        if plain is not None:
            start = start._replace(state=self._state(plain))
        return Stream(start, tuple(segment.steps[: place + 1]), segment.origin)

    def _state(self, plain: Plain) -> Document:
        """As compact.state_document, with the cycles that are known already."""
        history = plain[CYCLES]
        if not isinstance(history, History):
            return state_document(plain)
        cycles = history[:]
        if not all(map(is_, self._cycles, cycles)):
            self._cycles, self._documents = [], []
        new = cycles[len(self._documents) :]
        if new:
            self._cycles = cycles
            self._documents += [record_document(CYCLES, record) for record in new]
        rest = list(plain)
        rest[CYCLES] = History()
        return {**state_document(rest), _HISTORY: self._documents[: len(cycles)]}
