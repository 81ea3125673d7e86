"""One worker of a campaign: a process with a pair of cores, which does one task after another.

It never touches the database and keeps nothing from task to task but its cores, so a worker that
dies loses nothing: another does the task again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import assert_never

from replay.differential.lockstep import Lockstep
from replay.differential.minimising.minimiser import Minimised, minimise, shows_afresh
from replay.errors import ENDING_SIGNALS, FailureStorm, ReplayError, unforeseen
from replay.explaining.claims.explained_steps import ENOUGH
from replay.fuzzing.generate import run_source
from replay.garbage import collect_rarely
from replay.revision import Code, learn_revision
from replay.runs.lot_run import LotRun
from replay.runs.work import (
    Candidate,
    Compared,
    Drawing,
    Drawn,
    Ended,
    Job,
    Lot,
    Outcome,
    Remaking,
    Shrinking,
    Shrunk,
    Task,
)
from replay.streams.corpus import Corpus
from replay.streams.model import Stream
from replay.targets.base import Target
from replay.targets.core_kind import CoreKind, kind_of
from replay.targets.executable.file_traits import learn
from replay.targets.pair import fresh_pair
from replay.targets.python.guard import ProcessGuard, switch_shadow_off
from replay.targets.python.module import PythonTarget

WORKER_SIGNALS = tuple(one for one in ENDING_SIGNALS if one is not signal.SIGXCPU)
"""Signals that may reach the whole process group; what to do then is the parent's business. Its own
processor time is each one's own."""


class Watch:
    """What a worker tells the parent without a word, in memory that both see: where it is, should
    it die or hang before it can say so."""

    UNIT, ASKED, ANSWERING, LOADING = range(4)

    def __init__(self, context: BaseContext) -> None:
        self._cells = context.RawArray("q", [-1, 0, 0, 0])

    def begin(self, unit: int) -> None:
        """A unit begins; -1 between them."""
        self._cells[self.UNIT] = unit

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Around whatever a Python core is asked in the worker itself."""
        self._cells[self.ASKED] += 1
        self._cells[self.ANSWERING] = 1
        try:
            yield
        finally:
            self._cells[self.ANSWERING] = 0

    @property
    def unit(self) -> int:
        """The unit under way, -1 where none is."""
        return int(self._cells[self.UNIT])

    @property
    def is_loading(self) -> bool:
        """Whether the cores are being opened."""
        return bool(self._cells[self.LOADING])

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Around opening the cores."""
        self._cells[self.LOADING] = 1
        try:
            yield
        finally:
            self._cells[self.LOADING] = 0

    @property
    def question(self) -> int | None:
        """Which question a Python core is answering, None while none is."""
        return int(self._cells[self.ASKED]) if self._cells[self.ANSWERING] else None


def work(job: Job, parent: Connection, watch: Watch) -> None:
    """The worker's main function, in a process of its own. It ends when the parent closes the
    connection, or when it could not do a task at all."""
    for number in WORKER_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WORKER_SIGNALS)
    hindrance = _follow_parent()
    collect_rarely()
    # Modules print: to standard error. What asks the shadow here would ask what it is held against.
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    switch_shadow_off(os.environ)
    try:
        _serve(job, parent, watch, hindrance)
    except (EOFError, OSError):
        os._exit(0)  # there is nobody to tell


def _serve(job: Job, parent: Connection, watch: Watch, hindrance: ReplayError | None) -> None:
    worker = Worker(job, watch)
    try:
        while True:
            watch.begin(-1)
            task: Task = parent.recv()
            outcome = _done(worker, task) if hindrance is None else Ended(hindrance)
            watch.begin(-1)
            parent.send(outcome)
            if isinstance(outcome, Ended):
                return
    finally:
        worker.close()


def _done(worker: Worker, task: Task) -> Outcome:
    try:
        return worker.do(task)
    except ReplayError as error:
        return Ended(error)
    except Exception as error:
        return Ended(unforeseen(error))


def _follow_parent() -> ReplayError | None:
    """From now on this process ends with its parent; or what keeps it from that."""
    try:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    except RuntimeError as error:
        return unforeseen(error)
    return None


def _end_with_parent() -> None:
    """Ends this process when its parent has died, whatever it is doing; the executables that it
    started die with it (supervisor.py)."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


class Worker:
    """Does tasks on a pair of cores of its own, which are opened with the first."""

    def __init__(self, job: Job, watch: Watch) -> None:
        self._job = job
        self._watch = watch
        self._guard = ProcessGuard()
        self._targets: tuple[Target, Target] | None = None
        self._minimisers: tuple[Target, Target] | None = None
        learn(job.known)
        for core in job.identities:
            learn_revision(Code(core.path, core.sha256), core.revision)
        corpora = [Corpus(directory) for directory in job.corpus]
        self._where = {stream: corpus for corpus in corpora for stream in corpus.streams()}

    def do(self, task: Task) -> Outcome:
        """Does one task. Raises what ends the campaign."""
        match task:
            case Drawing(batch):
                from replay.fuzzing.plans import draw

                return Drawn(batch, draw(batch, self._job.row.seed))
            case Lot():
                return self._compare(task)
            case Shrinking():
                return Shrunk(self._minimise(task))
            case Remaking():
                return self._remake(task)
        assert_never(task)

    def close(self) -> None:
        """Closes all cores."""
        for target in (*(self._targets or ()), *(self._minimisers or ())):
            target.close()
        self._targets = self._minimisers = None

    def _compare(self, lot: Lot) -> Compared:
        targets = self._opened()
        # Each lot anew: what is found out must not depend on the lots that came before.
        reasons = self._job.statements.for_cores(self._job.cores, targets, ENOUGH)
        run = LotRun(self._job, lot, self._read, self._reopened, self._watch.begin, reasons)
        compared = run.run(targets)
        if compared.tally.breakdowns or compared.storm is not None:
            # Failures are counted until there are too many: the next lot begins to count anew.
            self._reopened()
        return compared

    def _read(self, stream: str) -> Stream:
        return self._where[stream].read(stream)

    def _opened(self) -> tuple[Target, Target]:
        if self._targets is None:
            with self._watch.loading():
                self._targets = self._open()
        return self._targets

    def _reopened(self) -> tuple[Target, Target]:
        """Cores that have seen nothing, in the place of those in use."""
        for target in self._targets or ():
            target.close()
        self._targets = None
        return self._opened()

    def _open(self) -> tuple[Target, Target]:
        """A pair of cores. This process may end with a Python core, so none gets another; but the
        parent sees where it was."""
        spec = replace(self._job.cores, isolated=False)
        authority = self._open_one(spec.authority, spec.open_authority)
        try:
            return authority, self._open_one(spec.shadow, spec.open_shadow)
        except BaseException:
            authority.close()
            raise

    def _open_one(self, spec: str, open_core: Callable[..., Target]) -> Target:
        if kind_of(spec) is not CoreKind.MODULE:
            return open_core()
        with self._guard.loading(spec):
            target = open_core()
        assert isinstance(target, PythonTarget)
        target.watched = partial(self._watched, spec)
        return target

    @contextmanager
    def _watched(self, spec: str) -> Iterator[None]:
        with self._watch.answering(), self._guard.answering(spec):
            yield

    def _remake(self, task: Remaking) -> Outcome:
        """The stream of a unit, made once more on the authority; the shadow sees it, too, since
        that is how a stream is made."""
        unit = self._job.row.unit(task.unit, task.plan, self._read)
        with fresh_pair(self._job.cores.open) as targets:
            lockstep = Lockstep(*targets, self._job.routing)
            start, source = unit.open()
            generated = run_source(lockstep, unit.number, start, source, unit.origin)
        return Candidate(unit.number, generated.stream, task.features)

    def _minimise(self, task: Shrinking) -> Minimised | None:
        if self._minimisers is None:
            self._minimisers = self._job.cores.open(minimising=True)
        routing = self._job.routing
        try:
            smaller = minimise(
                task.finding, *self._minimisers, max_seconds=task.seconds, routing=routing
            )
        except FailureStorm:
            return None  # the unshrunk case is stored, and that must do
        open_pair = partial(self._job.cores.open, minimising=True)
        if smaller is None or not shows_afresh(smaller.finding, open_pair, routing=routing):
            return None
        return smaller
