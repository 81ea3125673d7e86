"""Runs streams that were recorded once against executables with faults in them.

The authority's answers are made once for all executables: what is left for each is its own work
and the comparison. What a run finds is kept on disk, so that each is made once, whichever test asks
for it in whichever process.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import cache
from pathlib import Path
from typing import Any

from planted_faults import ROOT, Builds, Fault, key_of

from replay.differential.last_step import run_last_step
from replay.differential.lockstep import Lockstep
from replay.differential.model import Finding
from replay.explaining.evidence.kept import cases_of, stored_answers
from replay.explaining.search.search import Subject
from replay.findings.store.store import RunKind, Store
from replay.fuzzing.campaign_units import Mix, units
from replay.fuzzing.generate import run_source
from replay.runs.collector import Collector
from replay.runs.report import FindingLine
from replay.streams.corpus import Corpus
from replay.streams.model import Document, Segment, Start, Step, Stream, segments_of
from replay.targets.base import Reply, Target, Work
from replay.targets.executable.handshake import open_executable
from replay.targets.known_helpers import HELPERS
from replay.targets.pair import PairSpec
from replay.targets.python.module import open_python_target

TRANSITIONS = 16_000
CASES = 5
SEED = 1


class Recording:
    """Takes the place of a lockstep while streams are made, and keeps what it is handed."""

    def __init__(self) -> None:
        self.authority = open_python_target("python")
        self.lacking = dict.fromkeys(HELPERS, "only the reducer is asked")
        self.segments: list[tuple[Segment, Reply]] = []

    def pass_on(self, segment: Segment, reply: Reply) -> list[Finding]:
        self.segments.append((segment, reply))
        return []

    def settle(self, limit: int | None = None) -> list[Finding]:
        return []

    def refused_alone(self, key: int) -> int:
        return 0

    def add(self, stream: Stream, key: int) -> None:
        """Runs a stream that is there already."""
        for segment in segments_of(stream, key):
            answered = _answered(self.authority, segment)
            self.segments.append((segment, answered))


def _answered(authority: Target, segment: Segment) -> Reply:
    key, start, steps, last, _ = segment
    authority.submit(Work(key, start, steps, last))
    return authority.collect()


@cache
def record(transitions: int = TRANSITIONS, seed: int = SEED) -> Recording:
    """The first units of a campaign of all profiles, and a few streams for what they seldom do."""
    recording: Any = Recording()
    corpus = Corpus(ROOT / "corpus")
    planned = 0
    for unit in units(Mix.ALL, seed, sorted(corpus.streams()), corpus.read):
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
    entries: list[Document] = [
        {
            "local_id": n, "side": side, "role": "entry", "price": 0.2, "volume": 25.0,
            "trade_id": trade, "cycle": 1,
        }
        for n, side, trade in ((1, "sell", "A"), (2, "buy", "B"))
    ]  # fmt: skip
    recoveries: list[Document] = [
        {
            "recovery_id": n, "side": "buy", "price": 0.2, "volume": 25.0, "trade_id": "A",
            "cycle": 1, "entry_price": 0.2, "orphaned_at": 1.0,
        }
        for n in range(3)
    ]  # fmt: skip
    state: dict[str, Document] = {
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
    """What a run against an executable found: its buckets, what was told of each in full, and the
    database that has them."""

    exe: str
    lines: list[FindingLine]
    told: dict[str, list[Finding]]
    database: Path

    @property
    def divergences(self) -> list[FindingLine]:
        """The buckets, the largest first. A core that refuses what the authority takes has failed,
        which is no divergence (protocol.md, part 1)."""
        found = [line for line in self.lines if not line.failure]
        return sorted(found, key=lambda line: -line.occurrences)

    @property
    def subject(self) -> Subject:
        """The largest bucket, for `explain`; each of its cases is run on several fresh cores, so
        there are only some."""
        with Store.open(self.database, readonly=True) as store:
            finding = store.finding(self.divergences[0].id)
            cases = cases_of(finding, store)[:CASES]
            return Subject(finding.id, finding.signature, cases, stored_answers(finding))


def run(recording: Recording, exe: str, database: Path) -> Ran:
    """Runs all that was recorded against an executable; what is found goes into a database and is
    minimised."""
    pair = PairSpec("python", exe)
    with closing(open_executable(exe)) as shadow, Store.open(database) as store:
        run_id = store.begin_run(RunKind.FUZZ, recording.authority.identity, shadow.identity, {})
        collector = Collector(store, run_id, lambda identity: identity)
        lockstep = Lockstep(recording.authority, shadow)
        told: dict[str, list[Finding]] = {}
        new: list[Finding] = []

        def take(found: Iterable[Finding]) -> None:
            for finding in found:
                told.setdefault(finding.id, []).append(finding)
                if collector.take(finding):
                    new.append(finding)

        for segment, reply in recording.segments:
            take(lockstep.pass_on(segment, reply))
            take(lockstep.settle())
        take(lockstep.finish())
        collector.count_all(lockstep.repeats)
        collector.minimise_all(new, lambda: pair.open(minimising=True))
        return Ran(exe, collector.lines(), told, database)


class Runs:
    """What is found with some faults planted: `runs(fault)`, or `runs(one, other)` for both in one
    executable."""

    def __init__(self, directory: Path, builds: Builds) -> None:
        self._directory = directory
        self._builds = builds

    def __call__(self, *faults: Fault) -> Ran:
        """Runs what has not been run yet."""
        self._directory.mkdir(parents=True, exist_ok=True)
        exe = self._builds(*faults)
        key = key_of(faults)
        file = self._directory / f"{key}.pickle"
        with (self._directory / f"{key}.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not file.exists():
                database = self._directory / f"{key}.db"
                database.unlink(missing_ok=True)
                file.write_bytes(pickle.dumps(run(record(), exe, database)))
        return pickle.loads(file.read_bytes())  # type: ignore[no-any-return]


class Witnesses:
    """Executables side by side: which of them answer a case otherwise than the Python core."""

    def __init__(self, *exes: str) -> None:
        self._authority = open_python_target("python")
        self._shadows = [open_executable(exe) for exe in exes]

    def differ(self, case: Stream) -> tuple[bool, ...]:
        """For each executable whether it differs at the last step."""
        return tuple(
            run_last_step(case, self._authority, shadow).finding is not None
            for shadow in self._shadows
        )

    def close(self) -> None:
        """Ends them."""
        for target in (self._authority, *self._shadows):
            target.close()


def spread(findings: list[Finding], most: int) -> list[Finding]:
    """At most so many of some findings, from all of them."""
    return findings[:: -(-len(findings) // most)] if findings else []
