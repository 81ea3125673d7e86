"""Differences that a step starts with: of values that the authority holds as no document has them.

A bot's module may keep what an event brought as it came. The step at which it came in differs, and
is told. From then on the shadow, which only ever gets documents, starts each step from what the
authority's own reader would make of that value, and both leave it as it is: the same difference
is there after every step, and is none of what they compute. So it counts for the bucket of the
step that brought it in, and makes no row of its own; where more differs, the bucket is told by the
rest alone. What came in at a step that agreed is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from replay.differential.buckets import Known
from replay.differential.compare import compare
from replay.differential.model import Difference, whatever_record
from replay.differential.read_back import ReadBack
from replay.targets.base import Failure, FailureKind
from replay.targets.compact import Plain, delta_between, state_document
from replay.targets.readers import OURS, Readers


class Held(NamedTuple):
    """A difference between what is held and what is read of it: where, whatever the record, and
    both values as text. All are empty where the authority's own reader refuses what it holds."""

    row: str = ""
    held: str = ""
    read: str = ""

    @classmethod
    def of(cls, difference: Difference) -> Held:
        """That of one difference of a step."""
        return cls(
            whatever_record(difference.path), repr(difference.authority), repr(difference.shadow)
        )


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
        self._types = ReadBack(readers)
        self._origins: dict[int, Mapping[Held, Origin]] = {}

    def held(self, state: Plain | None) -> frozenset[Held]:
        """The differences that a step which starts here starts with; of our own core none."""
        if state is None or self._types.is_usual(state):
            return NOTHING
        read = self._readers.state(state_document(state))
        if read is None:
            return REFUSED
        found = compare([[], [], []], [delta_between(state, read, ()), [], []], state)
        return frozenset(map(Held.of, found))

    def of_refusal(self, key: int, held: frozenset[Held], theirs: Failure) -> Origin | None:
        """The step that brought in what the shadow refuses, as the authority's own reader would."""
        is_refused = theirs.kind is FailureKind.REFUSED and held == REFUSED
        return self._origins.get(key, {}).get(Held()) if is_refused else None

    def of_differences(
        self, key: int, held: frozenset[Held], differences: Iterable[Difference]
    ) -> tuple[Origin | None, tuple[Difference, ...]]:
        """The step that brought in the first of some differences of a step of a stream, None where
        none was brought in, and those that were not."""
        known = self._origins.get(key, {})
        came = [(one, known.get(at) if (at := Held.of(one)) in held else None)
                for one in differences]  # fmt: skip
        origins = (origin for _, origin in came if origin is not None)
        return next(origins, None), tuple(one for one, origin in came if origin is None)

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
