"""One explanation on its way to a verdict: what meets its condition, what came of running it, and
every reason for which it does not hold.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from replay.differential.conditions.condition import ConditionError
from replay.errors import ReplayError, TargetError
from replay.explaining.claims.claim import Claim
from replay.explaining.claims.explanations import Explanation
from replay.explaining.claims.occurrences import Occurrence
from replay.explaining.claims.reproduction import contradiction, misses
from replay.explaining.claims.scope import meets
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.evidence.passages import Passage

MAX_NAMED = 3
"""Buckets that one sentence tells of."""

Key = tuple[str, int]
"""An occurrence: the ID of its bucket, and its place in there."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket with the occurrences whose cases are known. `count` is how often the run met it,
    0 where it is only known from before; `flaky` where its answers are not the same each time."""

    id: str
    occurrences: tuple[Occurrence, ...]
    count: int = 0
    flaky: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """One occurrence in its bucket."""

    bucket: Bucket
    place: int

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.bucket.id, self.place

    @property
    def occurrence(self) -> Occurrence:
        """The occurrence itself."""
        return self.bucket.occurrences[self.place]


@dataclass(slots=True)
class Trial:
    """One explanation, what it meets and what came of it.

    `met` are the occurrences that meet its condition; `missed` what its edit does not answer as
    the shadow did, in words; `helped` with whom it reproduces what it misses alone.
    """

    entry: Explanation
    met: dict[Key, Spot] = field(default_factory=dict)
    edit: Edit | None = None
    missed: dict[Key, str] = field(default_factory=dict)
    helped: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    checked: int = 0

    def match(self, buckets: Sequence[Bucket], today: datetime.date) -> None:
        """Finds what meets the condition."""
        if self.entry.has_expired(today):
            self.reasons.append(f"expired on {self.entry.expires}")
        for bucket in buckets:
            for place, occurrence in enumerate(bucket.occurrences):
                try:
                    if meets(self.entry, occurrence, flaky=bucket.flaky):
                        spot = Spot(bucket, place)
                        self.met[spot.key] = spot
                except ConditionError as error:
                    self.reasons.append(
                        f"its condition cannot be evaluated on {bucket.id}: {error.message}"
                    )
                    return

    @property
    def claimed(self) -> list[Spot]:
        """What meets the condition and is in a bucket that it speaks of."""
        ids = self.entry.buckets
        return [spot for spot in self.met.values() if not ids or spot.bucket.id in ids]

    @property
    def is_to_run(self) -> bool:
        """Whether there is anything to run."""
        return self.entry.deviation is not None and not self.reasons and bool(self.met)

    def make_edit(self, core: EditableCore) -> None:
        """Finds the places of the deviation in the core."""
        assert self.entry.deviation is not None
        try:
            self.edit = self.entry.deviation.edit(core)
        except ReplayError as error:
            self.reasons.append(f"the deviation cannot be applied: {error.message}")

    def run(self, core: EditableCore) -> None:
        """Runs the edit on all that meets the condition."""
        assert self.edit is not None
        try:
            told = misses(core, self.edit, [spot.occurrence for spot in self.met.values()])
        except TargetError as error:
            self.reasons.append(f"the deviation cannot be applied: {error.message}")
            return
        self.checked = len(self.met)
        self.missed = {key: miss for key, miss in zip(self.met, told, strict=True) if miss}

    @property
    def reproduces(self) -> bool:
        """Whether it gives the shadow's answer wherever its condition is met."""
        return self.edit is not None and self.ok and not set(self.missed) - set(self.helped)

    def look_elsewhere(self, core: EditableCore, sample: Sequence[Passage]) -> None:
        """Looks for steps on which the shadow agrees and that the edit changes."""
        assert self.edit is not None
        try:
            found = contradiction(core, self.edit, self.entry, sample)
        except ConditionError as error:
            self.reasons.append(f"its condition cannot be evaluated elsewhere: {error.message}")
            return
        if found is not None:
            self.reasons.append(
                f"matches more than it claims: the deviation also changes {_steps(found.steps)} on "
                f"which the shadow agrees with the authority (first: {found.first})"
            )

    def weigh(self, *, complete: bool) -> None:
        """Adds all reasons that the occurrences give."""
        self._weigh_reach()
        self._weigh_answers()
        most = self.entry.at_most
        if most is not None and self._seen > most:
            self.reasons.append(f"at most {most:,} were claimed, {self._seen:,} were seen")
        if complete and not self.met and not self.reasons:
            self.reasons.append(
                "matches nothing: nothing in this run, nor any stored case, meets its condition"
            )

    def _weigh_reach(self) -> None:
        claimed = {spot.key for spot in self.claimed}
        beyond = by_bucket(spot for key, spot in self.met.items() if key not in claimed)
        if beyond:
            told = [f"{spots[0].bucket.id} ({times(spots)})" for spots in beyond]
            self.reasons.append(f"matches more than it claims: {listed(told)}")
        if self.entry.deviation is not None:
            flaky = sorted({spot.bucket.id for spot in self.claimed if spot.bucket.flaky})
            if flaky:
                self.reasons.append(f"{listed(flaky)} is flaky, which a deviation cannot explain")

    def _weigh_answers(self) -> None:
        """What it does not reproduce. Where it reproduces other buckets as a whole and nothing of
        this one, the condition is too wide; else it is the deviation that is wrong."""
        claimed = by_bucket(self.claimed)
        lost = {spots[0].bucket.id: self._lost(spots) for spots in claimed}
        reproduces = any(not keys for keys in lost.values())
        wide: list[str] = []
        wrong: list[str] = []
        for spots in claimed:
            identity = spots[0].bucket.id
            keys = lost[identity]
            if not keys:
                continue
            told = f"{identity} ({len(keys)} of {times(spots)}; first: {self.missed[keys[0]]})"
            all_lost = len(keys) == len(spots)
            (wide if reproduces and all_lost and not self.entry.buckets else wrong).append(told)
        if wide:
            self.reasons.append(
                f"matches more than it claims: it does not reproduce {listed(wide)}"
            )
        if wrong:
            self.reasons.append(f"does not reproduce {listed(wrong)}")

    def _lost(self, spots: Iterable[Spot]) -> list[Key]:
        return [s.key for s in spots if s.key in self.missed and s.key not in self.helped]

    @property
    def _seen(self) -> int:
        """How many occurrences of this run it stands for. Of those whose cases were not kept nobody
        can tell that they are others, so they count along with what was kept of their bucket."""
        seen = 0
        for spots in by_bucket(self.claimed):
            bucket = spots[0].bucket
            not_kept = max(0, bucket.count - len(bucket.occurrences))
            seen += min(bucket.count, len(spots) + not_kept)
        return seen

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return not self.reasons

    def claim(self) -> Claim:
        """The verdict."""
        ids = tuple(spots[0].bucket.id for spots in by_bucket(self.met.values()))
        return Claim(
            name=self.entry.name,
            ok=self.ok,
            why="; ".join(self.reasons) if self.reasons else self._holds(ids),
            ids=ids,
            checked=self.checked or len(self.met),
            weaker=self.entry.is_note,
        )

    def _holds(self, ids: Sequence[str]) -> str:
        if not self.met:
            return "holds: nothing in this run meets its condition"
        spots = list(self.met.values())
        if self.entry.is_note:
            return f"holds: stands for {listed(ids)} ({times(spots)}), nothing was run"
        others = sorted({name for names in self.helped.values() for name in names})
        beside = f", some together with {listed(others)}" if others else ""
        return f"holds: reproduces {listed(ids)} ({times(spots)}){beside}"


# --- Words ------------------------------------------------------------------------------------


def by_bucket(spots: Iterable[Spot]) -> list[list[Spot]]:
    """Occurrences, those of one bucket together."""
    grouped: dict[str, list[Spot]] = {}
    for spot in spots:
        grouped.setdefault(spot.bucket.id, []).append(spot)
    return list(grouped.values())


def times(spots: Sequence[Spot]) -> str:
    """`1 occurrence`, `2 occurrences`."""
    return f"{len(spots):,} occurrence{'s' * (len(spots) != 1)}"


def _steps(number: int) -> str:
    return f"{number:,} step{'s' * (number != 1)}"


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    rest = len(names) - MAX_NAMED
    shown = ", ".join(names[:MAX_NAMED])
    return f"{shown} and {rest} more" if rest > 0 else shown
