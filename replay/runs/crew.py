"""Who does the tasks of a campaign: the seam between what is to be done and the workers.

A crew takes tasks and gives back what came of them, in any order. Here is the one of this machine:
a process for each worker. One that dies, or hangs in a Python core, is replaced, and its task is
done again; the next one finds out whether the core was to blame. Another crew is in `cluster/`.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pickle import UnpicklingError
from typing import NamedTuple, Protocol

from replay.errors import FailureStorm
from replay.runs.held_signals import signals_held_back
from replay.runs.report import Hand
from replay.runs.work import Compared, Ended, Job, Lot, Outcome, Shrinking, Shrunk, Task
from replay.runs.worker import WORKER_SIGNALS, Watch, work

PATIENCE = 3.0
"""How many times the deadline of an answer a handful of steps may take in a worker before that is
ended. One that was only slow costs a replacement, and is then asked step by step."""

MAX_DEATHS = 20
"""Processes that may die over one task. More of them die of something that goes on."""


MAX_SHRINKING_DEATHS = 3
"""Processes that may die over minimising one case."""


class Done(NamedTuple):
    """What came of the task of a number."""

    number: int
    outcome: Outcome


class Crew(Protocol):
    """Workers. `give` is for as many tasks as there are `free` workers."""

    @property
    def free(self) -> int:
        """How many tasks it takes now."""
        ...

    @property
    def size(self) -> int:
        """How many tasks it can have under way."""
        ...

    def give(self, number: int, task: Task) -> None:
        """Hands out a task, under a number of the caller's."""
        ...

    def take(self, seconds: float) -> list[Done]:
        """What is done, after waiting for at most that long for anything."""
        ...

    def hands(self) -> Sequence[Hand]:
        """The workers there were, as a report names them; none where all are this machine's."""
        ...

    def close(self) -> None:
        """Ends all workers, whatever they are doing."""
        ...


@dataclass(slots=True)
class _Process:
    """A worker as the parent sees it. `asked` is the question that a Python core was seen to be
    answering, and `since` when that was first seen. `deaths` is how many died over its task."""

    process: BaseProcess
    watch: Watch
    number: int = -1
    task: Task | None = None
    deaths: int = 0
    asked: int | None = None
    since: float = 0.0

    def hangs(self, patience: float) -> bool:
        """Whether a core has been at one handful of steps for too long."""
        asked, now = self.watch.question, time.monotonic()
        if asked is None or asked != self.asked:
            self.asked, self.since = asked, now
            return False
        return now - self.since > patience


class LocalCrew:
    """Processes of this machine."""

    def __init__(self, job: Job, jobs: int) -> None:
        self._job = job
        self._size = jobs
        self._workers: dict[Connection, _Process] = {}
        self._done: deque[Done] = deque()

    @property
    def size(self) -> int:
        """How many tasks it can have under way."""
        return self._size

    @property
    def free(self) -> int:
        """How many tasks it takes now."""
        return self._size - sum(1 for one in self._workers.values() if one.task is not None)

    def hands(self) -> Sequence[Hand]:
        """None: the report is about this machine."""
        return ()

    def give(self, number: int, task: Task) -> None:
        """Hands a task to a worker that has none; one is started where there is no such."""
        idle = [one for one in self._workers.items() if one[1].task is None]
        connection, worker = idle[0] if idle else self._start()
        worker.number, worker.task, worker.deaths = number, task, 0
        self._send(connection, worker)

    def take(self, seconds: float) -> list[Done]:
        """What is done, after waiting for at most that long for anything."""
        ready: Sequence[object] = wait(list(self._workers), 0 if self._done else seconds)
        for connection in ready:
            assert isinstance(connection, Connection)
            try:
                self._settle(connection, connection.recv())
            except (EOFError, ConnectionError, UnpicklingError):
                self._replace(connection, "")
        for connection, worker in list(self._workers.items()):
            if worker.hangs(PATIENCE * self._job.cores.timeout):
                worker.process.kill()
                self._replace(connection, "did not come back from a Python core")
        done = list(self._done)
        self._done.clear()
        return done

    def close(self) -> None:
        """Kills all workers."""
        for worker in self._workers.values():
            worker.process.kill()
        for connection, worker in self._workers.items():
            worker.process.join()
            connection.close()
        self._workers.clear()

    def _start(self) -> tuple[Connection, _Process]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        watch = Watch(context)
        process = context.Process(target=work, args=(self._job, theirs, watch), daemon=True)
        # A worker is either not started or known. It is born with its signals blocked, so that none
        # can end it with a traceback before it has come to say what it does with them (worker.py).
        with signals_held_back(WORKER_SIGNALS):
            # This helper lets all signals through once it is started, so it comes first.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, WORKER_SIGNALS)
            process.start()
            self._workers[ours] = worker = _Process(process, watch)
        theirs.close()
        return ours, worker

    def _send(self, connection: Connection, worker: _Process) -> None:
        try:
            connection.send(worker.task)
        except OSError:
            self._replace(connection, "")

    def _settle(self, connection: Connection, outcome: Outcome) -> None:
        worker = self._workers[connection]
        if isinstance(outcome, Compared):
            outcome.deaths = worker.deaths
        self._done.append(Done(worker.number, outcome))
        worker.task = None
        if isinstance(outcome, Ended):
            self._end(connection)

    def _end(self, connection: Connection) -> str:
        """Ends a worker; gives how it did."""
        worker = self._workers.pop(connection)
        connection.close()
        worker.process.kill()
        worker.process.join()
        return _exit_words(worker.process.exitcode)

    def _replace(self, connection: Connection, how: str) -> None:
        """Has another worker do the task of one that died, knowing of where it did."""
        worker = self._workers[connection]
        # It may still be on its way out, and is to be asked how it went.
        worker.process.join(0 if how else None)
        how = how or f"died ({_exit_words(worker.process.exitcode)})"
        self._end(connection)
        if worker.task is None:
            return
        deaths = worker.deaths + 1
        task = _after_death(worker.task, worker.watch.unit, how, deaths)
        if task is None:
            self._done.append(Done(worker.number, Shrunk(None)))
        elif worker.watch.is_loading or deaths > MAX_DEATHS:
            storm = FailureStorm(f"{deaths} workers died, the last one {how}")
            self._done.append(Done(worker.number, Ended(storm)))
        else:
            connection, other = self._start()
            other.number, other.task, other.deaths = worker.number, task, deaths
            self._send(connection, other)


def _after_death(task: Task, unit: int, how: str, deaths: int) -> Task | None:
    """A task over which a process died, as the next one gets it; None where it is left."""
    match task:
        case Shrinking() if deaths > MAX_SHRINKING_DEATHS:
            return None  # the unshrunk case is stored, and that must do
        case Lot() if unit in task.suspects:
            # Twice, and the second time with the cores elsewhere: the fault is ours.
            given_up = {**task.given_up, unit: f"a worker {how} here, twice"}
            return replace(task, given_up=given_up)
        case Lot() if unit >= 0:
            return replace(task, suspects={**task.suspects, unit: how})
    return task


def _exit_words(code: int | None) -> str:
    """How a process ended."""
    if code is None or code >= 0:
        return f"exit {code}"
    return f"signal {-code}"
