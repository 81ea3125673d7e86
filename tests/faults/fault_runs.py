"""Runs streams that were recorded once against executables with faults in them.

The authority's answers are made once for all executables: what is left for each is its own work
and the comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planted_faults import ROOT

from replay.differential.last_step import run_last_step
from replay.differential.lockstep import Lockstep
from replay.differential.model import Finding
from replay.findings.collector import Collector
from replay.findings.report import FindingLine
from replay.findings.store import RunKind, Store
from replay.fuzzing.generate import run_source
from replay.fuzzing.units import Mix, units
from replay.streams.corpus import Corpus
from replay.streams.model import Segment, Start, Step, Stream, segments_of
from replay.targets.base import Reply, Target
from replay.targets.executable import open_executable
from replay.targets.pair import PairSpec
from replay.targets.python_module import open_python_target

SEED = 6


class Recording:
    """Takes the place of a lockstep while streams are made, and keeps what it is handed."""

    def __init__(self) -> None:
        self.authority = open_python_target("python")
        self.segments: list[tuple[Segment, Reply]] = []

    def pass_on(self, segment: Segment, reply: Reply) -> list[Finding]:
        self.segments.append((segment, reply))
        return []

    def settle(self) -> list[Finding]:
        return []

    def add(self, stream: Stream, key: int) -> None:
        """Runs a stream that is there already."""
        for segment in segments_of(stream, key):
            answered = _answered(self.authority, segment)
            self.segments.append((segment, answered))


def _answered(authority: Target, segment: Segment) -> Reply:
    from replay.targets.base import Work

    key, start, steps, last, _ = segment
    authority.submit(Work(key, start, steps, last))
    return authority.collect()


def record(transitions: int) -> Recording:
    """The first units of a campaign of all profiles, and a few streams for what they seldom do."""
    recording: Any = Recording()
    corpus = Corpus(ROOT / "corpus")
    planned = 0
    for unit in units(Mix.ALL, SEED, sorted(corpus.streams()), corpus.read):
        if planned >= transitions:
            break
        planned += unit.planned
        start, source = unit.open()
        run_source(recording, unit.number, start, source, unit.origin)
    for place in range(6):
        recording.add(marked(place), -1 - place)
    return recording  # type: ignore[no-any-return]


def marked(place: int) -> Stream:
    """Recoveries are cancelled while the S2 mark stands outside S2, as after a restart from an old
    snapshot."""
    now = 1_000.0 + place
    entries = [
        {
            "local_id": n, "side": side, "role": "entry", "price": 0.2, "volume": 25.0,
            "trade_id": trade, "cycle": 1,
        }
        for n, side, trade in ((1, "sell", "A"), (2, "buy", "B"))
    ]  # fmt: skip
    recoveries = [
        {
            "recovery_id": n, "side": "buy", "price": 0.2, "volume": 25.0, "trade_id": "A",
            "cycle": 1, "entry_price": 0.2, "orphaned_at": 1.0,
        }
        for n in range(3)
    ]  # fmt: skip
    state = {
        "market_price": 0.2, "now": now, "orders": entries, "recovery_orders": recoveries,
        "s2_entered_at": 900.0,
    }  # fmt: skip
    steps = (
        Step((0, 0.2, now + 1.0)),
        Step((4, place % 4, "R", now + 2.0)),
        Step((1, now + 3.0)),
    )
    return Stream(Start(state, {}, 5.0, None), steps, f"a mark outside S2, {place}")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run against an executable found: its buckets, and the database that has them."""

    lines: list[FindingLine]
    database: Path

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database, for reading."""
        with Store.open(self.database, readonly=True) as store:
            yield store


def run(recording: Recording, exe: str, database: Path) -> Ran:
    """Runs all that was recorded against an executable; what is found goes into a database and is
    minimised."""
    pair = PairSpec("python", exe)
    shadow = open_executable(exe)
    try:
        with Store.open(database) as store:
            run_id = store.begin_run(
                RunKind.FUZZ, recording.authority.identity, shadow.identity, {}
            )
            collector = Collector(store, run_id, lambda identity: identity)
            lockstep = Lockstep(recording.authority, shadow)
            new: list[Finding] = []
            for segment, reply in recording.segments:
                found = lockstep.pass_on(segment, reply) + lockstep.settle()
                new += [finding for finding in found if collector.take(finding)]
            new += [finding for finding in lockstep.finish() if collector.take(finding)]
            collector.count_all(lockstep.repeats)
            collector.minimise_all(new, lambda: pair.open(minimising=True))
            return Ran(collector.lines(), database)
    finally:
        shadow.close()


def differs(case: Stream, exe: str) -> bool:
    """Whether an executable answers the last step of a case otherwise than the Python core."""
    authority, shadow = PairSpec("python", exe).open()
    try:
        return run_last_step(case, authority, shadow).finding is not None
    finally:
        authority.close()
        shadow.close()
