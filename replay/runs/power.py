"""Power: how many single edits of the authority's own source a night would find.

Edits are drawn at random from all that the source offers, evenly over functions and kinds. Each
stands in as the shadow and is hunted as a night hunts: first with the streams of the corpus, then
with generated ones, up to so many transitions. One that is not found is looked at more closely
(unseen_edits.py): what can be told from the authority is missed, and what cannot is taken for
equivalent and named. Functions that no stream runs through are never compared; no edit is drawn
from them, and they are named, since no bound holds for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding, Verdict
from replay.errors import DamagedError, ProvesNothing, TargetError, UsageError
from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.edits.catalogue import edits_of
from replay.fuzzing.campaign_units import Unit, units
from replay.fuzzing.generate import run_source
from replay.fuzzing.mix import Mix
from replay.runs.rate import upper_bound
from replay.runs.unseen_edits import Unseen
from replay.streams.corpus import Corpus
from replay.streams.model import Segment, Stream
from replay.targets.base import Target
from replay.targets.core_kind import CoreKind, kind_of
from replay.targets.open import open_target
from replay.targets.python.unheard import unheard

WARMING_UNITS = 40
"""Generated streams that are looked at, besides the corpus, to see what is run at all."""


class Fate(StrEnum):
    """What became of an edit."""

    FOUND = "found"
    MISSED = "missed"
    EQUIVALENT = "equivalent"
    """Nothing tells it from the authority, as far as was looked."""


class EditKey(NamedTuple):
    """An edit as it can be written down: where it is and what it makes of the source."""

    function: str
    kind: str
    says: str


def key_of(edit: Edit) -> EditKey:
    """How an edit is known from one night to the next, as long as the source is the same."""
    return EditKey(edit.function or "(when loaded)", str(edit.kind), edit.says)


@dataclass(frozen=True, slots=True)
class Hunted:
    """An edit and what became of it. `by` is the corpus stream that showed it, "" for a generated
    one; `case` shows it, where anything does; `transitions` is how many it took, or were tried."""

    edit: EditKey
    fate: Fate
    transitions: int
    by: str = ""
    case: Stream | None = field(default=None, repr=False)

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            **self.edit._asdict(),
            "fate": str(self.fate),
            "transitions": self.transitions,
            "by": self.by,
        }


@dataclass(frozen=True, slots=True)
class Power:
    """What a power run came to. `again` are those that an earlier one had missed: they are in no
    figure. `unloadable` edits were drawn and made no core; `never_run` are the functions that no
    stream runs through, `offered` is how many edits there were to draw from."""

    seed: int
    max_transitions: int
    offered: int
    hunted: tuple[Hunted, ...]
    again: tuple[Hunted, ...]
    unloadable: int
    never_run: tuple[str, ...]

    def of(self, fate: Fate) -> list[Hunted]:
        """The drawn edits of which that became."""
        return [one for one in self.hunted if one.fate is fate]

    @property
    def proves_nothing(self) -> bool:
        """Whether no edit could be told from the authority at all."""
        return not self.of(Fate.FOUND) and not self.of(Fate.MISSED)

    @property
    def at_least(self) -> float:
        """The share of single edits that are found at least, with 95 % (Clopper and Pearson)."""
        missed, found = len(self.of(Fate.MISSED)), len(self.of(Fate.FOUND))
        return 1.0 - upper_bound(missed, missed + found)

    @property
    def at_least_for_sure(self) -> float:
        """The same, were all that was taken for equivalent missed."""
        drawn, found = len(self.hunted), len(self.of(Fate.FOUND))
        return 1.0 - upper_bound(drawn - found, drawn)

    def headline(self) -> str:
        """What the night would have found, in one sentence."""
        drawn, found = len(self.hunted), len(self.of(Fate.FOUND))
        equal = len(self.of(Fate.EQUIVALENT))
        if self.proves_nothing:
            return (
                f"of {drawn} edits drawn none could be told from the authority: no power is known"
            )
        return (
            f"of {drawn} edits drawn, {found} found, {equal} equivalent; with 95 % the night finds "
            f"at least {int(self.at_least * 100)} % of single edits"
        )

    def by_function(self) -> dict[str, dict[str, int]]:
        """How many of each fate, by function."""
        table: dict[str, dict[str, int]] = {}
        for one in sorted(self.hunted, key=lambda one: one.edit):
            row = table.setdefault(one.edit.function, {str(fate): 0 for fate in Fate})
            row[str(one.fate)] += 1
        return table

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "headline": self.headline(),
            "seed": self.seed,
            "max_transitions": self.max_transitions,
            "offered": self.offered,
            "drawn": len(self.hunted),
            **{str(fate): len(self.of(fate)) for fate in Fate},
            "at_least": None if self.proves_nothing else self.at_least,
            "at_least_for_sure": self.at_least_for_sure,
            "unloadable": self.unloadable,
            "never_run": list(self.never_run),
            "by_function": self.by_function(),
            "edits": [one.document() for one in self.hunted],
            "hunted_again": [one.document() for one in self.again],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What to draw, and how long to hunt each. `again` are edits that were missed before, with how
    many transitions each gets now."""

    authority: str
    corpus: tuple[Path, ...]
    mix: Mix
    seed: int
    edits: int
    max_transitions: int
    again: Mapping[EditKey, int] = field(default_factory=dict)
    is_over: Callable[[], bool] = lambda: False

    def check(self) -> None:
        """Raises UsageError where the authority has no Python source."""
        if kind_of(self.authority) not in (CoreKind.OURS, CoreKind.MODULE):
            raise UsageError(
                "power edits the authority's source, which has to be a Python core, not "
                f"{self.authority!r}"
            )

    def hunting_again(self, survivors: Mapping[EditKey, int]) -> Plan:
        """The plan with edits that were not found before, as many as there are to be drawn."""
        return replace(self, again=dict(islice(sorted(survivors.items()), self.edits)))


@unheard()
def measure_power(
    plan: Plan, on_progress: Callable[[int, int], None] = lambda done, of: None
) -> Power:
    """Draws and hunts. Raises UsageError where the authority has no Python source."""
    plan.check()
    core = EditableCore.open(plan.authority)
    authority = open_target(plan.authority, role="authority", isolated=False)
    try:
        return _Hunt(plan, core, authority).run(on_progress)
    finally:
        authority.close()


def drawn(edits: Sequence[Edit], seed: int) -> Iterator[Edit]:
    """All edits in an order whose every beginning is a random draw, even over functions and kinds:
    from a row sorted by these, in random order within each, at places that lie evenly."""
    random = Random(seed)
    row = sorted(((edit.function, str(edit.kind), random.random(), number)
                  for number, edit in enumerate(edits)))  # fmt: skip
    offset, golden = random.random(), (5**0.5 - 1) / 2
    taken: set[int] = set()
    number = 0
    while len(taken) < len(row):
        place = int((offset + number * golden) % 1.0 * len(row))
        number += 1
        # Where the even places meet one that was taken, the next one that is free.
        while place in taken:
            place = (place + 1) % len(row)
        taken.add(place)
        yield edits[row[place][3]]


class _Hunt:
    def __init__(self, plan: Plan, core: EditableCore, authority: Target) -> None:
        self._plan = plan
        self._core = core
        self._authority = authority
        self._corpora = [Corpus(directory) for directory in plan.corpus if directory.is_dir()]
        self._where = {stream: corpus for corpus in self._corpora for stream in corpus.streams()}
        self._streams = dict(self._readable())
        self._unseen = Unseen(core, [*self._streams.values(), *self._generated()], plan.seed)

    def run(self, on_progress: Callable[[int, int], None]) -> Power:
        plan = self._plan
        edits = list(edits_of(self._core))
        run = self._core.functions_run(self._unseen.streams)
        never_run = tuple(sorted({edit.function for edit in edits if edit.function} - run))
        offered = [
            edit
            for edit in edits
            if edit.kind is not EditKind.DEVIATION and (not edit.function or edit.function in run)
        ]
        again = [
            hunted
            for edit in offered
            if key_of(edit) in plan.again
            and not plan.is_over()
            and (hunted := self._hunt(edit, plan.again[key_of(edit)], plan.is_over)) is not None
        ]
        fates: list[Hunted] = []
        unloadable = 0
        for edit in drawn(offered, plan.seed):
            if len(fates) >= plan.edits or plan.is_over():
                break
            hunted = self._hunt(edit, plan.max_transitions)
            if hunted is None:
                unloadable += 1
            else:
                fates.append(hunted)
                on_progress(len(fates), plan.edits)
        return Power(
            plan.seed, plan.max_transitions, len(offered), tuple(fates), tuple(again), unloadable,
            never_run,
        )  # fmt: skip

    def _readable(self) -> Iterator[tuple[str, Stream]]:
        for name, corpus in sorted(self._where.items()):
            try:
                yield name, corpus.read(name)
            except DamagedError:
                continue  # `corpus verify` and every run tell of it

    def _units(self) -> Iterator[Unit]:
        read = self._streams.__getitem__
        return units(self._plan.mix, self._plan.seed, list(self._streams), read)

    def _generated(self) -> Iterator[Stream]:
        """Some generated streams as they are, with the authority in both roles. Raises
        ProvesNothing where it differs from itself: every edit would seem to be found."""
        found: list[Finding] = []
        with self._core.edited(None) as same:
            lockstep = Lockstep(self._authority, same)
            for _, some in self._on_corpus(lockstep):
                found += some
            for unit in self._units():
                if unit.number >= WARMING_UNITS:
                    break
                start, source = unit.open()
                ran = run_source(lockstep, unit.number, start, source, unit.origin)
                found += _of_the_shadow(ran.found)
                yield ran.stream
            found += _of_the_shadow(lockstep.finish())
        if found:
            raise ProvesNothing(
                f"the authority differs from itself ({found[0].id}), so no edit of it can be told"
            )

    def _hunt(
        self, edit: Edit, transitions: int, is_over: Callable[[], bool] = lambda: False
    ) -> Hunted | None:
        """None where the edited source cannot be loaded. What was drawn is always hunted to its
        end: leaving out what takes long would leave out what is not found."""
        try:
            with self._core.edited(edit) as shadow:
                lockstep = Lockstep(self._authority, shadow)
                by, found = self._first(lockstep, transitions, is_over)
        except TargetError:
            return None
        key, done = key_of(edit), lockstep.tally.transitions
        if found is not None:
            return Hunted(key, Fate.FOUND, done, by, found.case)
        case = self._unseen.told_apart(edit)
        fate = Fate.EQUIVALENT if case is None else Fate.MISSED
        return Hunted(key, fate, done, "", case)

    def _first(
        self, lockstep: Lockstep, transitions: int, is_over: Callable[[], bool]
    ) -> tuple[str, Finding | None]:
        """What is found first, and the corpus stream by which."""
        for name, found in self._on_corpus(lockstep):
            if found:
                return name, found[0]
        before = lockstep.tally.transitions
        for unit in self._units():
            if lockstep.tally.transitions - before >= transitions or is_over():
                break
            start, source = unit.open()
            ran = run_source(lockstep, unit.number, start, source, unit.origin)
            if found := _of_the_shadow(ran.found):
                return "", found[0]
        found = _of_the_shadow(lockstep.finish())
        return "", found[0] if found else None

    def _on_corpus(self, lockstep: Lockstep) -> Iterator[tuple[str, list[Finding]]]:
        for number, (name, stream) in enumerate(self._streams.items()):
            segment = Segment(-1 - number, stream.start, stream.steps, True, stream.origin)
            yield name, _of_the_shadow(run_stream(lockstep, [segment]))


def _of_the_shadow(found: Iterable[Finding]) -> list[Finding]:
    """Without those in which the authority itself failed: they show no edit."""
    return [one for one in found if one.verdict is not Verdict.AUTHORITY_FAILED]
