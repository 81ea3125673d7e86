"""One worker of a campaign: a process with its own pair of cores and its share of the units.

It sends what it finds to the parent at once, the unshrunk case before it begins to minimise, and
its counts after each unit. It never touches the database, so a worker that dies loses nothing that
was stored.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import NamedTuple

from replay.differential.lockstep import Lockstep, Tally
from replay.differential.minimising.minimiser import MAX_SECONDS, Minimised, minimise, shows_afresh
from replay.differential.model import Finding, Repeat
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.errors import (
    ENDING_SIGNALS,
    DamagedError,
    FailureStorm,
    ReplayError,
    fault_words,
    internal_fault,
)
from replay.fuzzing.campaign_units import Mix, Unit, units
from replay.fuzzing.generate import run_source
from replay.fuzzing.step_source import StepSource
from replay.garbage import collect_rarely
from replay.runs.coverage import Exercised
from replay.runs.coverage_counter import Exercising
from replay.runs.report import SetAside
from replay.streams.corpus import Corpus
from replay.streams.model import Start, Stream
from replay.targets.base import Target
from replay.targets.open import CoreKind, kind_of
from replay.targets.pair import PairSpec
from replay.targets.python.guard import ProcessGuard, switch_shadow_off
from replay.targets.python.module import PythonTarget

MAX_CANDIDATES = 400
"""Streams that one worker offers to the corpus; what reaches something new gets rare quickly."""

CASES_SENT = 5
"""The first occurrences of one bucket that one worker sends with their cases."""

MAX_SAMPLED = 1000
"""Later ones, of all buckets together. Of a flood lockstep tells few in full anyway."""

MAX_MINIMISED = 100
"""Buckets that one worker minimises; a core that is wrong everywhere must not take all night."""

MIN_SECONDS = 2.0

UNITS_EXERCISED = 16
"""Units after which a worker sends what they exercised: most of it is the same from unit to unit,
and adding it up costs as much for one as for all of them."""

UNITS_UNDER_WAY = 100
"""Units whose numbers are remembered: what a unit shows is known a few units later at the most."""

WORKER_SIGNALS = tuple(one for one in ENDING_SIGNALS if one is not signal.SIGXCPU)
"""Signals that may reach the whole process group; what to do then is the parent's business. Its own
processor time is each one's own."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is to do: every `of`-th unit from `number` on, until a deadline
    (time.monotonic of this machine) or the first unit past the planned transitions. `routing` is
    what was split and merged by hand.

    Units before `first` are done; with `only`, nothing but that unit is run. `suspects` are units
    at which a worker died, and how: there each core gets a process of its own."""

    cores: PairSpec
    mix: Mix
    seed: int
    number: int
    of: int
    deadline: float | None
    transitions: int | None
    corpus: tuple[Path, ...] = ()
    known_features: frozenset[str] = frozenset()
    routing: Routing = NO_ROUTING
    first: int = 0
    only: int | None = None
    suspects: Mapping[int, str] = field(default_factory=dict)


class Candidate(NamedTuple):
    """A stream that reached what its worker had not seen before."""

    unit: int
    stream: Stream
    features: frozenset[str]


class Progress(NamedTuple):
    """What happened since the last message: counts, and repeated occurrences by finding.
    `exercised` comes with every few of them."""

    tally: Tally
    repeated: dict[str, Repeat]
    features: frozenset[str]
    exercised: Exercised | None


class Found(NamedTuple):
    """One of the first occurrences of a bucket in this worker."""

    finding: Finding


class Sampled(NamedTuple):
    """A later occurrence of a bucket, with its case: one of a few, spread over all of them."""

    finding: Finding


class Shrunk(NamedTuple):
    """A minimised case of a bucket that was sent before, and the unit that it was met in."""

    minimised: Minimised
    unit: int


class Ended(NamedTuple):
    """The worker is done; `error` where it could not go on."""

    error: ReplayError | None = None


Message = Candidate | Progress | Found | Sampled | Shrunk | SetAside | Ended


class Watch:
    """What a worker tells the parent without a word, in memory that both see: where it is, should
    it die or hang before it can say so."""

    UNIT, OLDEST, ASKED, ANSWERING = range(4)

    def __init__(self, context: BaseContext) -> None:
        self._cells = context.RawArray("q", [-1, -1, 0, 0])

    def begin(self, unit: int, oldest: int) -> None:
        """A unit begins; `oldest` is the first that is not compared to its end."""
        self._cells[self.OLDEST], self._cells[self.UNIT] = oldest, unit

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
        """The unit under way, -1 before the first."""
        return int(self._cells[self.UNIT])

    @property
    def oldest(self) -> int:
        """The first unit that is not compared to its end."""
        return int(self._cells[self.OLDEST])

    @property
    def question(self) -> int | None:
        """Which question a Python core is answering, None while none is."""
        return int(self._cells[self.ASKED]) if self._cells[self.ANSWERING] else None


def work(job: Job, parent: Connection, watch: Watch) -> None:
    """The worker's main function, in a process of its own."""
    for number in WORKER_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WORKER_SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    collect_rarely()
    # Modules print: to standard error. What asks the shadow here would ask what it is held against.
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    switch_shadow_off(os.environ)
    try:
        parent.send(Ended(_run(job, parent, watch)))
    except OSError:
        os._exit(0)  # there is nobody to tell


def _end_with_parent() -> None:
    """Ends this process when its parent has died, whatever it is doing; the executables that it
    started die with it (supervisor.py)."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


def _run(job: Job, parent: Connection, watch: Watch) -> ReplayError | None:
    try:
        _Worker(job, parent, watch).run()
    except ReplayError as error:
        return error
    except BrokenPipeError:
        os._exit(0)
    except Exception as error:
        return internal_fault(error)
    return None


@dataclass(slots=True)
class _Worker:
    job: Job
    parent: Connection
    watch: Watch
    _seen: Counter[str] = field(default_factory=Counter)
    _features: set[str] = field(default_factory=set)
    _offered: int = 0
    _sampled: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)
    _repeated: dict[str, Repeat] = field(default_factory=dict)
    _reports: int = 0
    _draws: dict[int, str | None] = field(default_factory=dict)
    _exercising: Exercising = field(init=False)
    _minimisers: tuple[Target, Target] | None = None
    _guard: ProcessGuard = field(init=False)
    _targets: tuple[Target, Target] = field(init=False)
    _lockstep: Lockstep = field(init=False)

    def __post_init__(self) -> None:
        # What is shown of a stream is known a few units later, so its draw is kept until then.
        self._exercising = Exercising(lambda segment: self._draws.pop(segment.key, None))

    def run(self) -> None:
        self._features = set(self.job.known_features)
        self._guard = ProcessGuard()
        self._open()
        try:
            for unit in self._units():
                try:
                    self._run_unit(unit)
                except (ReplayError, OSError):
                    raise
                except Exception as error:
                    self._set_aside(unit, fault_words(error))
            try:
                self._handle(self._lockstep.finish())
            except (ReplayError, OSError):
                raise
            except Exception as error:
                self._set_aside(None, fault_words(error))
            self._report(self._lockstep, frozenset(), last=True)
        except FailureStorm:
            self._report(self._lockstep, frozenset(), last=True)
            raise
        finally:
            self._close()
            for target in self._minimisers or ():
                target.close()

    def _open(self) -> None:
        """A pair of cores, and the lockstep over them. This process may end with a Python core, so
        none gets another; but the parent sees where it was."""
        spec = replace(self.job.cores, isolated=False)
        authority = self._open_one(spec.authority, spec.open_authority)
        try:
            self._targets = authority, self._open_one(spec.shadow, spec.open_shadow)
        except BaseException:
            authority.close()
            raise
        self._lockstep = self._in_lockstep(*self._targets)

    def _open_one(self, spec: str, open_core: Callable[..., Target]) -> Target:
        if kind_of(spec) is not CoreKind.MODULE:
            return open_core()
        with self._guard.loading(spec):
            target = open_core()
        assert isinstance(target, PythonTarget)
        target.watched = partial(self._watched, spec)
        return target

    def _in_lockstep(self, authority: Target, shadow: Target) -> Lockstep:
        lockstep = Lockstep(authority, shadow, self.job.routing)
        lockstep.on_settled = self._exercising.take
        return lockstep

    @contextmanager
    def _watched(self, spec: str) -> Iterator[None]:
        with self.watch.answering(), self._guard.answering(spec):
            yield

    def _close(self) -> None:
        for target in self._targets:
            target.close()

    def _set_aside(self, unit: Unit | None, why: str) -> None:
        """Sets aside a unit in which we failed, with what was under way beside it, and goes on with
        cores that have seen nothing."""
        under_way = self._lockstep.under_way
        self._report(self._lockstep, frozenset())
        if unit is not None:
            self.parent.send(SetAside(unit.number, unit.origin, why))
        for origin, number in self._numbers.items():
            if number in under_way and (unit is None or number != unit.number):
                beside = why if unit is None else f"under way when unit {unit.number} failed: {why}"
                self.parent.send(SetAside(number, origin, beside))
        self._close()
        self._open()

    def _units(self) -> Iterator[Unit]:
        """This worker's share, within the budget. Which units there are does not depend on how
        long they take, only how many of them are reached by the deadline."""
        job = self.job
        corpora = [Corpus(directory) for directory in job.corpus]
        where = {stream: corpus for corpus in corpora for stream in corpus.streams()}
        planned = 0
        for unit in units(job.mix, job.seed, sorted(where), lambda s: where[s].read(s)):
            if job.transitions is not None and planned >= job.transitions:
                return
            planned += unit.planned
            if job.only is not None and unit.number > job.only:
                return
            if unit.number < job.first or job.only not in (None, unit.number):
                continue
            if unit.number % job.of != job.number and job.only is None:
                continue
            if job.deadline is not None and time.monotonic() >= job.deadline:
                return
            yield unit

    def _run_unit(self, unit: Unit) -> None:
        self.watch.begin(unit.number, min(self._lockstep.under_way, default=unit.number))
        try:
            start, source = unit.open()
        except DamagedError:
            return  # a corpus stream that the replay of the corpus has already reported
        self._draws[unit.number] = unit.draw
        self._numbers[unit.origin] = unit.number
        if len(self._numbers) > UNITS_UNDER_WAY:
            del self._numbers[next(iter(self._numbers))]
        if unit.number in self.job.suspects:
            self._run_suspect(unit, start, source)
            return
        stream, found, reached = run_source(self._lockstep, unit.number, start, source, unit.origin)
        self._handle(found)
        new = reached - self._features
        self._features |= new
        if new and self._offered < MAX_CANDIDATES:
            self._offered += 1
            self.parent.send(Candidate(unit.number, stream, new))
        self._report(self._lockstep, new)

    def _run_suspect(self, unit: Unit, start: Start, source: StepSource) -> None:
        """A unit at which a worker died: with a process for each core the step is found at which
        one ends or hangs. Where none does, it was not the core."""
        targets = self.job.cores.open()
        try:
            lockstep = self._in_lockstep(*targets)
            found = run_source(lockstep, unit.number, start, source, unit.origin).found
            self._handle(found + lockstep.finish())
            failed = lockstep.tally.failures.total()
            self._report(lockstep, frozenset())
        finally:
            for target in targets:
                target.close()
        if not failed:
            how = self.job.suspects[unit.number]
            why = f"a worker {how} here; with the cores in processes of their own none failed"
            self.parent.send(SetAside(unit.number, unit.origin, why))

    def _handle(self, found: list[Finding]) -> None:
        """Sends each bucket's first occurrences, minimises the very first, and sends some of the
        others; the rest is counted."""
        for finding in found:
            self._seen[finding.id] += 1
            times = self._seen[finding.id]
            if times <= CASES_SENT:
                self.parent.send(Found(finding))
            elif self._sampled < MAX_SAMPLED:
                self._sampled += 1
                self.parent.send(Sampled(finding))
            else:
                former = self._repeated.get(finding.id)
                self._repeated[finding.id] = finding.place.after(former)
            if times == 1 and len(self._seen) <= MAX_MINIMISED:
                self._minimise(finding)

    def _minimise(self, finding: Finding) -> None:
        if self._minimisers is None:
            self._minimisers = self.job.cores.open(minimising=True)
        try:
            smaller = minimise(
                finding,
                *self._minimisers,
                max_seconds=self._patience(),
                routing=self.job.routing,
            )
        except FailureStorm:
            return  # the unshrunk case is stored, and that must do
        if smaller is None:
            return
        open_pair = partial(self.job.cores.open, minimising=True)
        if shows_afresh(smaller.finding, open_pair, routing=self.job.routing):
            self.parent.send(Shrunk(smaller, self._numbers[finding.case.origin]))

    def _patience(self) -> float:
        """Seconds for minimising one bucket: what is found at the last moment is still shrunk."""
        if self.job.deadline is None:
            return MAX_SECONDS
        return min(MAX_SECONDS, max(MIN_SECONDS, (self.job.deadline - time.monotonic()) / 4))

    def _report(self, lockstep: Lockstep, features: frozenset[str], *, last: bool = False) -> None:
        tally, lockstep.tally = lockstep.tally, Tally()
        for identity, repeat in lockstep.repeats.items():
            self._repeated[identity] = repeat.after(self._repeated.get(identity))
        lockstep.repeats.clear()
        self._reports += 1
        due = last or self._reports % UNITS_EXERCISED == 0
        exercised = self._exercising.hand_over() if due else None
        self.parent.send(Progress(tally, self._repeated, features, exercised))
        self._repeated = {}
