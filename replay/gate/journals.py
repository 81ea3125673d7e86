"""A bot's journals, replayed now through both cores: which lines differ, and what is known of that.

As `doge-replay run` does it, but in a copy of the database: a gate looks, and changes nothing. Each
line that the live shadow marked, or that differs now, is kept with its place and time, for matching
with the counters.
"""

from __future__ import annotations

import datetime
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from replay.differential.lockstep import Lockstep, Settled
from replay.differential.minimising.minimiser import shows_afresh
from replay.differential.model import Finding
from replay.errors import EnvironmentFailure
from replay.explaining.claims.claim import Claim
from replay.explaining.claims.explanations import Explanations
from replay.explaining.claims.run_recheck import Seen, recheck_run
from replay.findings.lifecycle import Status
from replay.findings.severity import Severity
from replay.findings.store.store import RunKind, Store
from replay.findings.store.stored import StoredFinding
from replay.gate.known_causes import NO_CAUSES, KnownCauses, causes_of
from replay.runs.canary import check_canary
from replay.runs.collector import Collector
from replay.runs.conclusion import Conclusion
from replay.runs.report import Report
from replay.streams.inputs import Hooks, InputReader, ShadowMark
from replay.streams.left_out import with_lost
from replay.streams.log_files import Found, Wanted, find_files
from replay.streams.model import (
    CALL_NAMES,
    CallCode,
    RecordedCores,
    Rejected,
    Segment,
    Unread,
    call_name,
)
from replay.targets.base import CoreIdentity, Target
from replay.targets.pair import PairSpec

MAX_REJECTED = 1_000
_CHECK = CALL_NAMES[CallCode.CHECK_INVARIANTS]


class Mark(NamedTuple):
    """What the live shadow said of one line: `agreed`, or how it failed (`error`)."""

    file: str
    line: int
    at: float | None
    agreed: bool
    error: str


class Differing(NamedTuple):
    """A line on which the cores differ now. `event` is the event's class name or the method, `kind`
    as the counters have it (transition or invariant); `bucket` its ID."""

    file: str
    line: int
    event: str
    kind: str
    bucket: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is known of a bucket: from the database (`stored` where it was in there before), from
    the explanations, and from running its case again on fresh cores (`reproduced`).

    `is_triaged` where a person has looked at it, or signed an explanation that covers it.
    """

    id: str
    event: str
    rule: str
    status: str
    severity: Severity
    hot: bool
    explained_by: str
    weaker: bool
    rate: str
    reproduced: bool
    is_triaged: bool
    stored: bool
    occurrences: int

    @property
    def is_explained(self) -> bool:
        """By something that runs or by a note."""
        return bool(self.explained_by)


class Recorded(NamedTuple):
    """A pair of cores that full lines of a journal name: the SHA-256 of each, "" where none is
    told; how many lines do, the first of them, and the times of the earliest and the latest."""

    authority: str
    shadow: str
    lines: int
    place: str
    begin: float | None
    end: float | None

    def after(self, former: Recorded | None) -> Recorded:
        """With the lines that named them before."""
        if former is None:
            return self
        times = [one for one in (*self[-2:], *former[-2:]) if one is not None]
        begin, end = min(times, default=None), max(times, default=None)
        lines = self.lines + former.lines
        return Recorded(self.authority, self.shadow, lines, former.place, begin, end)


@dataclass(slots=True)
class Replayed:
    """What came of replaying journals. `steps` and `differed` count replayed lines by event,
    `unmarked` those of them without a mark; `failed` steps on which a core gave no answer. Marks of
    agreement are not kept. `doubled` are lines that stand in two files, `rejected` those set aside,
    `unread` what lay beside the files. `uncompared` are steps that both cores refused so that
    nothing was compared: they are in none of the counts, and stand among the rejected. `detects` is
    false where the replay missed a fault that was planted in it. `known_causes` are what the last
    search in the database came to; no criterion looks at them. `recorded` are the cores that the
    journals name."""

    files: tuple[str, ...] = ()
    authority: CoreIdentity | None = None
    shadow: CoreIdentity | None = None
    steps: Counter[str] = field(default_factory=Counter)
    differed: Counter[str] = field(default_factory=Counter)
    unmarked: int = 0
    marked: int = 0
    failed: int = 0
    marks: list[Mark] = field(default_factory=list)
    differing: list[Differing] = field(default_factory=list)
    agreed_before: set[tuple[str, int]] = field(default_factory=set)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    doubled: int = 0
    uncompared: int = 0
    detects: bool = True
    unread: tuple[Unread, ...] = ()
    known_causes: KnownCauses = NO_CAUSES
    recorded: tuple[Recorded, ...] = ()

    def reject(self, rejected: Rejected) -> None:
        """Notes a line that could not be replayed."""
        self.rejected_count += 1
        self.unread = with_lost(self.unread, rejected)
        if len(self.rejected) < MAX_REJECTED:
            self.rejected.append(rejected)


def replay_journals(
    paths: Iterable[str | Path],
    cores: PairSpec,
    explanations: Explanations,
    db: Path | None,
    *,
    today: datetime.date,
    on_done: Callable[[Store, int, Replayed], None] = lambda store, run, replayed: None,
    on_steps: Callable[[int], None] = lambda steps: None,
) -> Replayed:
    """Replays journals. `db` is read, never written; None where there is none. `on_done` is told at
    the end, while the copy of the database is there, with the number of this run in it; `on_steps`
    meanwhile, how many steps were run.

    Raises InputError for a path that is not there, TargetError where a core cannot run.
    """
    found = find_files(paths, Wanted.JOURNALS)
    with tempfile.TemporaryDirectory(prefix="doge-replay-gate-") as folder:
        scratch = Path(folder) / "gate.db"
        if db is not None:
            _copy(db, scratch)
        with Store.open(scratch) as store:
            return _Replaying(store, cores, explanations, on_done, on_steps).replay(found, today)


def _copy(db: Path, scratch: Path) -> None:
    """A copy of a database. One that is no database of ours is refused as everywhere."""
    Store.open(db, readonly=True).close()
    try:
        source = sqlite3.connect(f"{db.resolve().as_uri()}?mode=ro", uri=True)
        target = sqlite3.connect(scratch)
        try:
            source.backup(target)
        finally:
            target.close()
            source.close()
    except sqlite3.Error as error:
        raise EnvironmentFailure(f"cannot copy the database {db}: {error}", path=str(db)) from error


class _Replaying:
    def __init__(
        self,
        store: Store,
        cores: PairSpec,
        explanations: Explanations,
        on_done: Callable[[Store, int, Replayed], None],
        on_steps: Callable[[int], None],
    ) -> None:
        self._store = store
        self._on_steps = on_steps
        self._on_done = on_done
        self._cores = cores
        self._explanations = explanations
        self._result = Replayed()
        self._file = ""
        self._marks: dict[int, ShadowMark] = {}
        self._lines: set[tuple[object, object, object]] = set()
        self._doubled: set[int] = set()
        self._recorded: dict[RecordedCores, Recorded] = {}

    def replay(self, found: Found, today: datetime.date) -> Replayed:
        """Everything: replays, concludes, and gathers what is known of each bucket."""
        result = self._result
        result.files, result.unread = tuple(map(str, found.files)), found.unread
        known = {one.id for one in self._store.findings()}
        authority, shadow = self._cores.open()
        try:
            result.authority, result.shadow = authority.identity, shadow.identity
            report = Report("gate", authority.identity, shadow.identity)
            run = self._store.begin_run(
                RunKind.RUN, report.authority, report.shadow, {"inputs": list(result.files)}
            )
            collector = Collector(
                self._store,
                run,
                lambda one: f"doge-replay repro {one}",
                routing=self._store.routing(),
            )
            lockstep = Lockstep(authority, shadow, collector.routing)
            lockstep.on_settled = self._settled
            reader = InputReader(hooks=Hooks(on_shadow=self._mark, on_cores=self._note_cores))
            for file in found.files:
                self._file = str(file)
                self._marks, self._doubled = {}, set()
                self._feed(reader.read(file), lockstep, collector)
            self._feed(reader.end(), lockstep, collector)
            result.recorded = tuple(one for _, one in sorted(self._recorded.items()))
            tally = lockstep.tally
            result.failed = tally.failures.total() - tally.incidents.total()
        finally:
            authority.close()
            shadow.close()
        report.findings = collector.lines()
        invariants = {line.id for line in report.findings if line.rule.startswith("invariants")}
        result.differing = [
            one._replace(kind="invariant" if one.event == _CHECK or one.bucket in invariants
                         else "transition")
            for one in result.differing
        ]  # fmt: skip
        self._conclude(collector, report, today)
        result.buckets = {
            line.id: self._bucket(line.id, report, collector, known) for line in report.findings
        }
        result.known_causes = causes_of(self._store.account())
        if result.steps:
            canary = check_canary(self._cores.open_authority, self._cores.open_shadow)
            result.detects = canary.ok is True
        self._on_done(self._store, run, result)
        return result

    def _feed(
        self, items: Iterable[Segment | Rejected], lockstep: Lockstep, collector: Collector
    ) -> None:
        """Runs what is in one file, to its end: what is told of a line is told of this file."""
        for item in items:
            if isinstance(item, Rejected):
                self._result.reject(item)
                continue
            for finding in lockstep.feed(item):
                collector.take(finding)
            self._on_steps(lockstep.tally.transitions)
            collector.count_all(lockstep.repeats)
        for finding in lockstep.finish():
            collector.take(finding)
        collector.count_all(lockstep.repeats)

    def _note_cores(self, cores: RecordedCores, line: int, ts: float | None) -> None:
        """Takes the cores that a full line names."""
        one = Recorded(*cores, 1, f"{self._file}:{line}", ts, ts)
        self._recorded[cores] = one.after(self._recorded.get(cores))

    def _mark(self, mark: ShadowMark) -> None:
        """Takes the mark of a line, which comes before its step is run."""
        result = self._result
        who = (mark.slot, mark.seq, mark.ts)
        if mark.seq is not None and mark.ts is not None:
            if who in self._lines:
                result.doubled += 1
                self._doubled.add(mark.line)
                return
            self._lines.add(who)
        self._marks[mark.line] = mark
        result.marked += 1
        if mark.agreed is True and mark.error is None:
            return
        at = mark.ts if type(mark.ts) in (int, float) else None
        error = "" if mark.error is None else str(mark.error)
        if mark.agreed is not False and not error:
            return
        result.marks.append(
            Mark(mark.file, mark.line, None if at is None else float(str(at)), False, error)
        )

    def _settled(self, settled: Settled) -> None:
        result = self._result
        for place, step in enumerate(settled.segment.steps):
            if step.line in self._doubled:
                continue
            if (why := settled.uncompared.get(place)) is not None:
                result.uncompared += 1
                result.reject(Rejected(self._file, step.line, f"was refused by both cores: {why}"))
                continue
            result.steps[call_name(step.call)] += 1
            if step.line not in self._marks:
                result.unmarked += 1
        seen: set[int] = set()
        for place, bucket in settled.different:
            step = settled.segment.steps[place]
            event = call_name(step.call)
            if bucket.startswith("f-") or place in seen or step.line in self._doubled:
                continue
            seen.add(place)
            result.differed[event] += 1
            mark = self._marks.get(step.line)
            if mark is not None and mark.agreed is True and mark.error is None:
                result.agreed_before.add((self._file, step.line))
            result.differing.append(Differing(self._file, step.line, event, "", bucket))

    def _conclude(self, collector: Collector, report: Report, today: datetime.date) -> None:
        """What the run means for each bucket, exactly as after `run`."""
        routing = collector.routing
        conclusion = Conclusion(
            self._store, collector.run_id, report, self._minimisers, routing, "doge-replay gate"
        )
        conclusion.ask()
        recheck = recheck_run(
            self._explanations,
            Seen(collector.samples, {line.id: line.occurrences for line in report.findings}),
            self._store,
            self._cores,
            (),
            today=today,
            everything=False,
            routing=routing,
        )
        self._result.claims = recheck.claims
        signed = {entry.name: entry.date for entry in self._explanations.entries}
        conclusion.conclude(recheck.buckets, signed)

    def _minimisers(self) -> tuple[Target, Target]:
        return self._cores.open(minimising=True)

    def _bucket(
        self, identity: str, report: Report, collector: Collector, known: set[str]
    ) -> Bucket:
        line = next(line for line in report.findings if line.id == identity)
        stored = self._store.finding(identity)
        cases = collector.samples[identity][:1]
        reproduced = not line.failure and all(map(self._shows, cases, [collector] * len(cases)))
        return Bucket(
            id=identity,
            event=line.event,
            rule=line.rule,
            status=line.status,
            severity=stored.severity,
            hot=line.hot,
            explained_by=line.explained_by,
            weaker=line.weaker,
            rate=line.rate,
            reproduced=reproduced,
            is_triaged=_was_triaged(stored) or bool(line.explained_by),
            stored=identity in known,
            occurrences=sum(one.bucket == identity for one in self._result.differing),
        )

    def _shows(self, case: Finding, collector: Collector) -> bool:
        return shows_afresh(case, self._minimisers, routing=collector.routing)


def _was_triaged(finding: StoredFinding) -> bool:
    return any(entry.status is Status.TRIAGED for entry in finding.history)
