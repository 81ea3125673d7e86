"""Differences that a step starts with: of values that the authority holds as no document has them.

A bot's module may keep what an event brought as it came. The step at which it came in differs, and
is told. From then on the shadow, which only ever gets documents, starts each step from what the
authority's own reader would make of that value, and both leave it as it is: the same difference
is there after every step, and is none of what they compute. So it counts for the bucket of the
step that brought it in, and makes no row of its own. What came in at a step that agreed is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from replay.differential.buckets import Known
from replay.differential.compare import compare
from replay.differential.model import Difference
from replay.differential.read_back import ReadBack
from replay.targets.base import Failure, FailureKind, StepResult
from replay.targets.compact import Plain, delta_between, state_document
from replay.targets.readers import OURS, Readers

_WHICH: Final = re.compile(r"\[.*?\]")


class Held(NamedTuple):
    """A difference between what is held and what is read of it: where, whatever the record, and
    both values as text. All are empty where the authority's own reader refuses what it holds."""

    row: str = ""
    held: str = ""
    read: str = ""

    @classmethod
    def of(cls, difference: Difference) -> Held:
        """That of one difference of a step."""
        row = _WHICH.sub("", difference.path)
        return cls(row, repr(difference.authority), repr(difference.shadow))


REFUSED: Final = frozenset({Held()})
NOTHING: Final[frozenset[Held]] = frozenset()


class Origin(NamedTuple):
    """What a step that differs came to, and whether that was explained."""

    known: Known
    explained: bool


class Inherited:
    """Follows what the authority holds, stream by stream, from one step that differs to the
    next."""

    def __init__(self, readers: Readers = OURS) -> None:
        self._readers = readers
        self._is_told = ReadBack(readers)
        self._origins: dict[int, Mapping[Held, Origin]] = {}

    @property
    def is_possible(self) -> bool:
        """Whether a core of this kind can hold what no document has: our own cannot."""
        return self._readers is not OURS

    def held(self, state: Plain | None) -> frozenset[Held]:
        """The differences that a step which starts here starts with."""
        if state is None or self._is_told(state):
            return NOTHING
        read = self._readers.state(state_document(state))
        if read is None:
            return REFUSED
        found = compare([[], [], []], [delta_between(state, read, ()), [], []], state)
        return frozenset(map(Held.of, found))

    def origin(
        self,
        key: int,
        held: frozenset[Held],
        theirs: StepResult,
        differences: Iterable[Difference],
    ) -> Origin | None:
        """The step that all that differs at a step of a stream came in with, None where there is
        more to it. `theirs` is what the shadow's result counts as."""
        known = self._origins.get(key)
        if not known or not held:
            return None
        if isinstance(theirs, Failure):
            is_refused = theirs.kind is FailureKind.REFUSED and held == REFUSED
            return known.get(Held()) if is_refused else None
        here = [Held.of(one) for one in differences]
        if not here or not held.issuperset(here):
            return None
        origins = [known.get(one) for one in here]
        return None if None in origins else origins[0]

    def note(
        self, key: int, before: frozenset[Held], after: frozenset[Held], origin: Origin
    ) -> None:
        """Takes in a step that differs, with what was held before and after it: what is new came
        in with it."""
        if not before and not after:
            return
        origins = self._origins.pop(key, {})
        kept = {one: origins[one] for one in after & before if one in origins}
        kept |= dict.fromkeys(after - before, origin)
        if kept:
            self._origins[key] = kept

    def end(self, key: int) -> None:
        """A stream has ended."""
        self._origins.pop(key, None)
