"""Whether a state that a core holds is what the core itself makes of it once it is written down.

A bot's module may keep what an event brought as it came, an int where its reader makes a double of
everything, and then goes on from something that no document can hand to it. The shadow only ever
gets the document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replay.differential.compare import equal
from replay.streams.model import RECORD_FIELDS
from replay.targets.compact import (
    RECORD_KINDS,
    STATE_KINDS,
    History,
    Plain,
    state_document,
)
from replay.targets.readers import OURS, Readers

_OF_KIND: dict[str, tuple[type, ...]] = {
    "d": (float,), "i": (int,), "b": (bool,), "t": (str,),
    "D": (float, type(None)), "I": (int, type(None)), "T": (str, type(None)),
}  # fmt: skip


def is_read_back(state: Plain | None, readers: Readers) -> bool:
    """Whether a core's readers make of a state, as it is written, what it is. Our own do."""
    if state is None or readers is OURS:
        return True
    read = readers.state(state_document(state))
    return read is not None and all(
        equal(_listed(one), _listed(other)) for one, other in zip(state, read, strict=True)
    )


def _listed(value: Any) -> Any:
    return value[:] if isinstance(value, History) else value


class ReadBack:
    """The same for many states of one stream, one after the other: only such are read of which a
    value is of another type than the contract has there. All others are taken to be read as they
    are."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._seen: list[tuple[Any, bool]] = [((), True)] * len(STATE_KINDS)

    def __call__(self, state: Plain | None) -> bool:
        """Whether a state is read back as it is."""
        return self.is_usual(state) or is_read_back(state, self._readers)

    def is_usual(self, state: Plain | None) -> bool:
        """Whether all values have the types of the contract: then nothing needs to be read."""
        if state is None or self._readers is OURS:
            return True
        for index, value in enumerate(state):
            former, was_usual = self._seen[index]
            if value is not former:
                self._seen[index] = value, self._has_type(index, value, former, was_usual)
        return all(usual for _, usual in self._seen)

    @staticmethod
    def _has_type(index: int, value: Any, former: Any, was_usual: bool) -> bool:
        """Whether a field has the types of the contract. Of a history that has grown, what is new
        is looked at."""
        if index not in RECORD_FIELDS:
            return type(value) in _OF_KIND[STATE_KINDS[index]]
        if isinstance(value, History):
            if not isinstance(former, History) or not value.goes_on_from(former):
                former, was_usual = (), True
            return was_usual and _are_usual(index, value.tail(len(value) - len(former)))
        return isinstance(value, list | tuple) and _are_usual(index, value)


def _are_usual(index: int, records: Sequence[Any]) -> bool:
    kinds = [_OF_KIND[kind] for kind in RECORD_KINDS[index]]
    return all(
        isinstance(record, list | tuple)
        and len(record) == len(kinds)
        and all(type(one) in types for one, types in zip(record, kinds, strict=True))
        for record in records
    )
