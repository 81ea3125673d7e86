"""Cases for an evidence package, each run again now on both cores, with a log of what they said.

A divergence's case comes from the replay of the journal, as its bucket has it. Of a failure only
the line of the journal is known; its case is made by running the journal once more beside a shadow
that fails at just these lines. What both cores answer to it now is in the log: a failure that does
not happen again is the more usual thing.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from replay.differential.lockstep import Lockstep
from replay.differential.model import Finding
from replay.differential.probing import probe_case
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.errors import FailureStorm
from replay.findings.bundle import Reports, bundle_bytes
from replay.findings.store.store import RunKind, Store
from replay.findings.store.stored import StoredFinding
from replay.gate.journals import Mark
from replay.runs.collector import Collector
from replay.streams.inputs import InputReader
from replay.streams.model import Rejected
from replay.targets.base import CoreIdentity, Failure, FailureKind, Reply, StepResult, Target, Work
from replay.targets.pair import PairSpec

TIMES = 2
"""So often is each case run, each time on cores that have seen nothing else."""

MAX_FAILING_LINES = 20
"""Failing lines of the journal whose cases are made."""


class Texts(NamedTuple):
    """How a finding reads: as lines of a log, and as the two reports in a bundle."""

    log: Callable[[Finding], Sequence[str]]
    reports: Callable[[StoredFinding], Reports]


class Case(NamedTuple):
    """One case: its ID, the bundle, the log of running it now, and how often it showed then what it
    is a case of; who owns it, the newest note, and its history, an entry a line. `lines` are the
    places in the journal that it stands for, where it is a failure's."""

    id: str
    bundle: bytes
    log: str
    shown: int
    owner: str
    note: str
    history: tuple[str, ...]
    lines: tuple[str, ...] = ()


def cases_of(
    store: Store, run: int, ids: Iterable[str], cores: PairSpec, texts: Texts, routing: Routing
) -> list[Case]:
    """The cases of some findings in a store. What `run` itself has said of them is left out of
    their history: it is not part of what is known."""
    return [_case(store.finding(one), run, cores, texts, routing) for one in ids]


def _case(stored: StoredFinding, run: int, cores: PairSpec, texts: Texts, routing: Routing) -> Case:
    known = replace(stored)
    # Of such a copy nothing has been read yet, so it takes what is put there.
    vars(known)["history"] = tuple(entry for entry in stored.history if entry.run != run)
    shown, log = _reproduced(stored, cores, texts, routing)
    history = tuple(
        " ".join(filter(None, (entry.at, entry.who, str(entry.status or "remark"), entry.why)))
        for entry in known.history
    )
    bundle = bundle_bytes(known, texts.reports(known))
    return Case(stored.id, bundle, log, shown, stored.owner, stored.note, history)


def _reproduced(
    stored: StoredFinding, cores: PairSpec, texts: Texts, routing: Routing
) -> tuple[int, str]:
    shown = 0
    lines: list[str] = []
    for number in range(1, TIMES + 1):
        authority, shadow = cores.open()
        try:
            who = [
                _core_line("authority", authority.identity),
                _core_line("shadow", shadow.identity),
            ]
            probed = probe_case(authority, shadow, stored.case, routing=routing)
        except FailureStorm as storm:
            lines += ["", f"run {number}: {storm.message}"]
            continue
        finally:
            authority.close()
            shadow.close()
        found, uncompared = probed.found, probed.uncompared
        same = [one for one in found if one.signature == stored.signature]
        shown += bool(same)
        if not found:
            nothing = f"nothing was compared at the last step: {uncompared}"
            lines += ["", f"run {number}: {nothing if uncompared else 'the cores agree'}"]
        for one in same or found[:1]:
            told = "the case shows it" if same else f"the case shows {one.id} instead"
            lines += [
                "",
                f"run {number}: {told}",
                *(f"  {line}".rstrip() for line in texts.log(one)),
            ]
    head = [f"{stored.id}: shown {shown} of {TIMES} times, each on fresh cores", *who]
    return shown, "\n".join([*head, *lines]) + "\n"


def _core_line(role: str, core: CoreIdentity) -> str:
    return f"{role:10} {core.kind} {core.path} (version {core.version}, SHA-256 {core.sha256})"


# --- Failures ---------------------------------------------------------------------------------


def failure_cases(
    marks: Sequence[Mark], files: Sequence[str], cores: PairSpec, texts: Texts
) -> list[Case]:
    """The cases of lines that the live shadow failed on, a bucket for each kind of failure. `files`
    are all journals, in their order.

    Raises InputError where a journal is not there any more.
    """
    wanted: dict[str, dict[int, str]] = {}
    for mark in [mark for mark in marks if mark.error][:MAX_FAILING_LINES]:
        wanted.setdefault(mark.file, {})[mark.line] = mark.error
    if not wanted:
        return []
    with (
        tempfile.TemporaryDirectory(prefix="doge-replay-gate-") as folder,
        Store.open(Path(folder) / "failures.db") as store,
    ):
        authority, shadow = cores.open()
        failing = _FailsAt(shadow)
        try:
            run = store.begin_run(RunKind.RUN, authority.identity, shadow.identity, {})
            collector = Collector(store, run, str)
            lockstep = Lockstep(authority, failing)
            reader = InputReader()
            # Those without such a line, too: a rotated journal goes on from file to file.
            for file in files:
                failing.lines = wanted.get(file, {})
                for item in reader.read(Path(file)):
                    if not isinstance(item, Rejected):
                        _take(collector, lockstep.feed(item))
                _take(collector, lockstep.finish())
                lockstep.repeats.clear()
        finally:
            authority.close()
            shadow.close()
        store.flush()
        cases = cases_of(store, run, sorted(collector.samples), cores, texts, NO_ROUTING)
        return [
            one._replace(
                id=f"live-{one.id}",
                lines=tuple(sorted({f"{found.case.origin} line {found.line}"
                                    for found in collector.samples[one.id]})),
            )
            for one in cases
        ]  # fmt: skip


def _take(collector: Collector, found: Iterable[Finding]) -> None:
    for finding in found:
        if isinstance(finding.shadow, Failure):
            collector.take(finding)


class _FailsAt:
    """A shadow that gives no answer to the steps of some lines of a file."""

    def __init__(self, inner: Target) -> None:
        self.lines: Mapping[int, str] = {}
        self._inner = inner
        self._asked: deque[list[int]] = deque()

    @property
    def identity(self) -> CoreIdentity:
        """The real core's."""
        return self._inner.identity

    @property
    def depth(self) -> int:
        """The real core's."""
        return self._inner.depth

    def submit(self, work: Work) -> None:
        """Hands the work to the real core."""
        self._asked.append([step.line for step in work.steps])
        self._inner.submit(work)

    def collect(self) -> Reply:
        """The real core's reply, without the answers to those lines."""
        reply, lines = self._inner.collect(), self._asked.popleft()
        if not any(line in self.lines for line in lines):
            return reply
        results: list[StepResult] = [
            _failure(self.lines[line]) if line in self.lines else result
            for line, result in zip(lines, reply.results, strict=True)
        ]
        return Reply(None, results, incidents=reply.incidents)

    def close(self) -> None:
        """Ends the real core."""
        self._inner.close()


def _failure(error: str) -> Failure:
    """The failure that a mark tells of, as its words begin."""
    first = error.split(":")[0].strip()
    kinds = {str(kind): kind for kind in FailureKind}
    return Failure(kinds.get(first, FailureKind.GARBAGE), " ".join(error.split())[:200])
