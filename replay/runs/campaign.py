"""A campaign: workers that generate and compare, and the one process that stores what they find.

The parent alone writes to the database and decides when it is over: the deadline, the planned
transitions, a storm of failures, a signal. Workers are killed without ceremony; all that they have
sent is kept. A worker that dies, or hangs in a Python core, is replaced: the next one finds out
whether the core was to blame, and goes on with the share.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pickle import UnpicklingError
from types import FrameType
from typing import Any

from replay.differential.lockstep import Tally
from replay.errors import FailureStorm, ReplayError
from replay.fuzzing.campaign_units import Mix
from replay.runs.collector import Collector
from replay.runs.report import Report, SetAside
from replay.runs.run import Running
from replay.runs.worker import (
    WORKER_SIGNALS,
    Candidate,
    Ended,
    Found,
    Job,
    Message,
    Progress,
    Sampled,
    Shrunk,
    Watch,
    work,
)

GRACE_SECONDS = 30.0
"""How long after the deadline a worker may still be minimising before it is ended."""

TICK_SECONDS = 0.25

END_SECONDS = 5.0
"""How long a worker that has said that it is done may take to go."""

PATIENCE = 3.0
"""How many times the deadline of an answer a handful of steps may take in a worker before that is
ended. One that was only slow costs a replacement, and is then asked step by step."""

MAX_REPLACED = 20
"""Workers of one campaign that may die. More of them die of something that goes on."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a campaign may generate: streams of a mix and a seed on `jobs` workers, until a deadline
    (time.monotonic) or the streams planned for so many transitions; or `only` one of its units."""

    mix: Mix
    seed: int
    jobs: int
    deadline: float | None
    transitions: int | None
    only: int | None = None


def hunt(
    under_way: Running,
    budget: Budget,
    on_progress: Callable[[Tally], None],
    known_features: frozenset[str] = frozenset(),
) -> list[Candidate]:
    """Runs a campaign as a part of a run, with its cores and its corpus; gives the streams that
    reached what is not known."""
    job = Job(
        cores=under_way.cores,
        mix=budget.mix,
        seed=budget.seed,
        number=0,
        of=1,
        deadline=budget.deadline,
        transitions=budget.transitions,
        corpus=tuple(path for path in under_way.settings.corpus if path.is_dir()),
        known_features=known_features,
        routing=under_way.collector.routing,
        only=budget.only,
    )
    return run_campaign(job, budget.jobs, under_way.collector, under_way.report, on_progress)


def run_campaign(
    job: Job,
    jobs: int,
    collector: Collector,
    report: Report,
    on_progress: Callable[[Tally], None] = lambda tally: None,
) -> list[Candidate]:
    """Runs `job` on `jobs` workers until its budget is spent. Gives the streams that reached
    something new, in the order of their units, so that what joins the corpus does not depend on
    timing.

    All is counted in the report as it happens, so that nothing of it is lost where the run is
    interrupted. Raises what a worker raised, but for a storm of failures, which ends the campaign
    and is told in the report. Whatever happens, no worker is left behind.
    """
    campaign = _Campaign(collector, report, on_progress)
    began = time.monotonic()
    try:
        for number in range(jobs):
            campaign.start(replace(job, number=number, of=jobs))
        campaign.listen(job.deadline)
    finally:
        report.seconds += time.monotonic() - began
        campaign.kill()
        campaign.keep_minimised()
    return sorted(campaign.candidates, key=lambda candidate: candidate.unit)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Holds a Ctrl-C or SIGTERM back until the block is done: a worker is either not started or
    known. The worker is born with both blocked, so that neither can end it with a traceback
    before it has come to say what it does with them (worker.py).

    Blocking alone does not do. Other threads of this process may take a signal that this one
    blocks, and Python then handles it here all the same; so it is only noted, and raised again in
    the end. And multiprocessing starts a helper of its own, the resource tracker, with the first
    process, and then lets both signals through; so that one comes first.
    """
    held: list[int] = []
    former = signal.pthread_sigmask(signal.SIG_BLOCK, WORKER_SIGNALS)
    handlers = _handled_by(lambda number, frame: held.append(number))
    try:
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, WORKER_SIGNALS)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
    if held:
        signal.raise_signal(held[0])


_Handler = Callable[[int, FrameType | None], Any]


def _handled_by(handler: _Handler) -> dict[int, _Handler]:
    """Puts a handler in the place of those that the worker's signals have; gives the former ones.
    Only the main thread can, and only it is interrupted."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    former = {}
    for number in WORKER_SIGNALS:
        handled = signal.getsignal(number)
        if callable(handled):
            former[int(number)] = handled
            signal.signal(number, handler)
    return former


@dataclass(slots=True)
class _Worker:
    """A worker as the parent sees it. `asked` is the question that a Python core was seen to be
    answering, and `since` when that was first seen."""

    job: Job
    process: BaseProcess
    watch: Watch
    asked: int | None = None
    since: float = 0.0

    def hangs(self) -> bool:
        """Whether a core has been at one handful of steps for too long."""
        asked, now = self.watch.question, time.monotonic()
        if asked is None or asked != self.asked:
            self.asked, self.since = asked, now
            return False
        return now - self.since > PATIENCE * self.job.cores.timeout


@dataclass(slots=True)
class _Campaign:
    collector: Collector
    report: Report
    on_progress: Callable[[Tally], None]
    workers: dict[Connection, _Worker] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    shrunk: dict[str, Shrunk] = field(default_factory=dict)
    replaced: int = 0

    def start(self, job: Job) -> None:
        """Starts a worker."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        watch = Watch(context)
        process = context.Process(target=work, args=(job, theirs, watch), daemon=True)
        with _signals_held_back():
            process.start()
            self.workers[ours] = _Worker(job, process, watch)
        theirs.close()

    def listen(self, deadline: float | None) -> None:
        """Takes in messages until all workers have ended."""
        while self.workers and self.report.storm is None:
            if deadline is not None and time.monotonic() > deadline + GRACE_SECONDS:
                return
            ready: Sequence[object] = wait(list(self.workers), TICK_SECONDS)
            for connection in ready:
                assert isinstance(connection, Connection)
                try:
                    self._take(connection, connection.recv())
                except (EOFError, ConnectionError, UnpicklingError):
                    self._replace(connection, "")
            for connection, worker in list(self.workers.items()):
                if worker.hangs():
                    worker.process.kill()
                    self._replace(connection, "did not come back from a Python core")
            self.on_progress(self.report.tally)

    def _replace(self, connection: Connection, how: str) -> None:
        """Goes on with the share of a worker that died, from the unit at which it did."""
        worker = self.workers.pop(connection)
        connection.close()
        worker.process.join()
        how = how or f"died ({_exit_words(worker.process.exitcode)})"
        at, job = worker.watch.unit, worker.job
        self.replaced += 1
        if at < 0 or self.replaced > MAX_REPLACED:
            self.report.storm = f"{self.replaced} workers died, the last one {how}"
            return
        for number in range(max(worker.watch.oldest, 0), at):
            if number % job.of == job.number:
                origin = f"seed {job.seed} #{number}"
                why = f"under way when a worker {how} at unit {at}"
                self.report.set_aside.append(SetAside(number, origin, why))
        if at in job.suspects:
            # Twice, and the second time with the cores elsewhere: the fault is ours.
            origin = f"seed {job.seed} #{at}"
            self.report.set_aside.append(SetAside(at, origin, f"a worker {how} here, twice"))
            self.start(replace(job, first=at + 1))
            return
        self.start(replace(job, first=at, suspects={at: how}))

    def _take(self, connection: Connection, message: Message) -> None:
        match message:
            case Found(finding) | Sampled(finding):
                self.collector.take(finding)
            case Shrunk(minimised, unit):
                former = self.shrunk.get(minimised.finding.id)
                if former is None or unit < former.unit:
                    self.shrunk[minimised.finding.id] = message
            case Progress(tally, repeated, features, exercised):
                self.report.tally.add(tally)
                if exercised is not None:
                    self.report.exercised.add(exercised)
                self.report.features |= features
                self.collector.count_all(repeated)
            case Candidate():
                self.candidates.append(message)
            case SetAside():
                self.report.set_aside.append(message)
            case Ended(error):
                process = self.workers.pop(connection).process
                connection.close()
                process.join(END_SECONDS)
                process.kill()
                process.join()
                self._end(error)

    def _end(self, error: ReplayError | None) -> None:
        if isinstance(error, FailureStorm):
            self.report.storm = error.message
        elif error is not None:
            raise error

    def keep_minimised(self) -> None:
        """Stores the minimised cases. Each worker minimises the first occurrence that it meets; of
        those the one of the first unit is kept, so that it does not matter how many there are."""
        for _, shrunk in sorted(self.shrunk.items()):
            self.collector.take_minimised(shrunk.minimised)

    def kill(self) -> None:
        """Ends every worker that is left."""
        for worker in self.workers.values():
            worker.process.kill()
        for connection, worker in self.workers.items():
            worker.process.join()
            connection.close()


def _exit_words(code: int | None) -> str:
    """How a process ended."""
    if code is None or code >= 0:
        return f"exit {code}"
    return f"signal {-code}"
