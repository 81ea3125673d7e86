"""Edits that a hunt did not find: told apart from the authority after all, or taken for equivalent.

A step of a stream that runs through the edited line is made a case of its own, and its neighbours
are asked of both: all single changes first, then mixtures, as `explain` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from replay.differential.trail import walk
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.evidence.neighbours import mixed_changes, single_changes
from replay.streams.model import Start, Stream
from replay.targets.compact import state_document
from replay.targets.python.session import PythonSession

CASES = 6
"""Streams of which the first step that runs through the line is looked at."""

NEIGHBOURS = 400
"""Neighbours of each that are asked: the larger part single changes, the others mixtures."""


class Unseen:
    """Looks closer at edits, beside these streams."""

    def __init__(self, core: EditableCore, streams: Iterable[Stream], seed: int) -> None:
        self._core = core
        self._seed = seed
        self.streams = [stream for stream in streams if stream.steps]
        self._lines: list[frozenset[tuple[str, int]]] | None = None

    def told_apart(self, edit: Edit) -> Stream | None:
        """A case to which the edited core gives another answer, None where there is none."""
        for case in self._cases(edit):
            singles = islice(single_changes(case), NEIGHBOURS * 3 // 4)
            mixed = islice(mixed_changes([case], self._seed, unreadable=True), NEIGHBOURS // 4)
            for neighbour in (case, *singles, *mixed):
                theirs = self._core.answer(edit, neighbour)
                if repr(theirs) != repr(self._core.answer(None, neighbour)):
                    return neighbour
        return None

    def _cases(self, edit: Edit) -> Iterator[Stream]:
        if self._lines is None:
            self._lines = [self._core.executed([stream]) for stream in self.streams]
        lines = {
            (place.module, line)
            for place in edit.places
            for line in range(place.line, place.end_line + 1)
        }
        through = (
            stream
            for stream, run in zip(self.streams, self._lines, strict=True)
            if not lines.isdisjoint(run) or lines <= self._core.loading_lines
        )
        for stream in islice(through, CASES):
            yield self._case(stream, self._first_through(stream, lines))

    def _first_through(self, stream: Stream, lines: set[tuple[str, int]]) -> int:
        """The first step that runs through one of the lines."""
        low, high = 0, len(stream.steps) - 1
        while low < high:
            middle = (low + high) // 2
            begun = Stream(stream.start, stream.steps[: middle + 1], stream.origin)
            if lines.isdisjoint(self._core.executed([begun])):
                low = middle + 1
            else:
                high = middle
        return low

    def _case(self, stream: Stream, place: int) -> Stream:
        """One step of a stream, from the state that it starts from."""
        steps = stream.steps[: place + 1]
        session = PythonSession(self._core.force(None).bindings)
        session.begin(stream.start)
        outcomes = session.run(steps, None)
        documents = stream.start._asdict()
        for step in steps:
            documents.update({name: value for name, value in (step.changes or {}).items()
                              if name in Start._fields})  # fmt: skip
        *_, (plain, _) = walk(stream.start, None, steps, outcomes)
        if plain is not None:
            documents["state"] = state_document(plain)
        return Stream(Start(**documents), (steps[-1]._replace(changes=None),), stream.origin)
