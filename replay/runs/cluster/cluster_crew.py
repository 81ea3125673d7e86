"""Workers of a Dask cluster as a crew.

The crew hands each task to one worker by name, as many at a time as that has threads, so it always
knows who has what. A worker that is gone, or as good as gone, costs time and nothing else: its
tasks are done again by another. Whoever is first is heard.
"""

from __future__ import annotations

import pickle
import queue
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from distributed import Client, Future

from replay.errors import EnvironmentFailure, FailureStorm
from replay.runs.cluster.cluster_worker import dismiss, do
from replay.runs.cluster.muster import Muster
from replay.runs.crew import Done
from replay.runs.report import Hand
from replay.runs.work import Ended, Lot, Shrinking, Shrunk, Task

LOOK_SECONDS = 1.0
"""How often it is asked which workers there are."""

GONE_SECONDS = 30.0
"""How long the scheduler may be out of reach."""

ALONE_SECONDS = 300.0
"""How long there may be no worker at all."""

PATIENCE_SECONDS = 5.0
PATIENCE = 4.0
"""A task that takes so much longer than others is given to a second worker, where one is idle."""

FIRST_PATIENCE = 60.0
"""The same, as long as nothing has come back."""

LOSSES_ALONE = 2
"""So many workers that were lost over a unit which they had alone: then it is to blame."""

MAX_LOSSES = 10
"""Workers that may be lost over one task."""

READY_TICK = 0.05


class SchedulerGone(EnvironmentFailure):
    """The cluster cannot be reached any more. What was found until then is stored."""


@dataclass(slots=True)
class _Errand:
    """A task under way. `futures` are by worker. Where workers were lost over a lot, its units are
    tried alone first: `probing` has those left, `lost_alone` how many workers each has cost."""

    number: int
    task: Task
    given: float = 0.0
    futures: dict[str, Future[Any]] = field(default_factory=dict)
    losses: int = 0
    probing: list[int] = field(default_factory=list)
    lost_alone: dict[int, int] = field(default_factory=dict)

    @property
    def sent(self) -> Task:
        """What a worker is given now."""
        if not self.probing:
            return self.task
        assert isinstance(self.task, Lot)
        unit = self.probing[0]
        plan = self.task.plans[unit - self.task.first]
        return replace(self.task, first=unit, plans=[plan])


class ClusterCrew:
    """The workers of a scheduler."""

    def __init__(self, client: Client, muster: Muster, close: Callable[[], None]) -> None:
        """`muster` makes workers ready; `close` ends what was started for this crew."""
        self._client = client
        self._muster = muster
        self._close = close
        self._name = uuid.uuid4().hex
        self._errands: dict[int, _Errand] = {}
        self._homeless: deque[_Errand] = deque()
        """Errands that no worker has."""
        self._finished: queue.SimpleQueue[tuple[int, str, Future[Any]]] = queue.SimpleQueue()
        self._done: list[Done] = []
        self._took: dict[type[Task], tuple[int, float]] = {}
        self._looked = 0.0
        self._reachable = time.monotonic()
        self._accompanied = time.monotonic()
        self._wait_for_workers()

    @property
    def size(self) -> int:
        """How many tasks it can have under way."""
        return max(1, sum(self._muster.threads.values()))

    @property
    def free(self) -> int:
        """How many tasks it takes now."""
        if self._client.status != "running":
            return 0
        return max(0, sum(self._room().values()) - len(self._homeless))

    def hands(self) -> Sequence[Hand]:
        """The workers there were."""
        return self._muster.hands()

    def give(self, number: int, task: Task) -> None:
        """Hands a task to a worker that has room."""
        errand = self._errands[number] = _Errand(number, task)
        self._send(errand)

    def take(self, seconds: float) -> list[Done]:
        """What is done, after waiting for at most that long for anything. Raises SchedulerGone
        where nobody is there any more."""
        self._wait(seconds)
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
        if self._client.status == "running":
            self._send_homeless()
            self._help_out()
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Ends what is under way, and leaves the workers as they were."""
        try:
            if self._client.status == "running":
                for errand in self._errands.values():
                    self._client.cancel(list(errand.futures.values()), force=True)
                self._client.run(dismiss, self._name, on_error="ignore")
        except (OSError, TimeoutError):
            pass  # it is gone, and so is what we had there
        finally:
            self._errands.clear()
            self._close()

    # Handing out

    def _room(self) -> dict[str, int]:
        """How many more tasks each worker takes."""
        room = dict(self._muster.threads)
        for errand in self._errands.values():
            for address in errand.futures:
                if address in room:
                    room[address] -= 1
        return {address: left for address, left in room.items() if left > 0}

    def _send(self, errand: _Errand) -> bool:
        """Sends an errand to the worker with the most room that does not have it yet."""
        room = {one: left for one, left in self._room().items() if one not in errand.futures}
        if not room:
            if not errand.futures:
                self._homeless.append(errand)
            return False
        address = min(room, key=lambda one: (-room[one], one))
        packed = pickle.dumps(errand.sent, protocol=pickle.HIGHEST_PROTOCOL)
        future = self._client.submit(
            do,
            self._name,
            packed,
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        if not errand.futures:
            errand.given = time.monotonic()
        errand.futures[address] = future
        future.add_done_callback(lambda one: self._finished.put((errand.number, address, one)))
        return True

    def _send_homeless(self) -> None:
        for _ in range(len(self._homeless)):
            errand = self._homeless.popleft()
            if errand.number in self._errands and not errand.futures:
                self._send(errand)

    def _help_out(self) -> None:
        """Gives what takes far too long to an idle worker, too: the one that has it may be stopped,
        or cut off, and nobody would be told."""
        now = time.monotonic()
        for errand in self._errands.values():
            if not self._room():
                return
            if len(errand.futures) == 1 and now - errand.given > self._patience(errand.task):
                self._send(errand)

    def _patience(self, task: Task) -> float:
        count, total = self._took.get(type(task), (0, 0.0))
        return PATIENCE_SECONDS + PATIENCE * total / count if count else FIRST_PATIENCE

    # Taking in

    def _wait(self, seconds: float) -> None:
        """Waits for a task to end, and takes all that have."""
        ended: dict[tuple[int, str], Future[Any]] = {}
        try:
            number, address, future = self._finished.get(timeout=seconds)
            while True:
                ended[number, address] = future
                number, address, future = self._finished.get_nowait()
        except queue.Empty:
            pass
        if not ended:
            return
        good = {key: one for key, one in ended.items() if one.status == "finished"}
        answers: dict[tuple[int, str], bytes | None] = {}
        with suppress(OSError, TimeoutError):
            answers = self._client.gather(good, errors="skip")
        for (number, address), future in ended.items():
            errand = self._errands.get(number)
            if errand is not None and errand.futures.get(address) is future:
                del errand.futures[address]
                self._take(errand, address, answers.get((number, address)))

    def _take(self, errand: _Errand, address: str, answer: bytes | None) -> None:
        if answer is None:
            # Its result was lost with the worker, or the worker was started anew meanwhile.
            self._muster.forget(address)
            self._count_loss(errand)
            return
        count, total = self._took.get(type(errand.task), (0, 0.0))
        self._took[type(errand.task)] = count + 1, total + time.monotonic() - errand.given
        outcome = pickle.loads(answer)
        if errand.probing and not isinstance(outcome, Ended):
            errand.probing.pop(0)
            self._forget_others(errand)
            self._send(errand)
            return
        self._settle(errand, outcome)

    def _settle(self, errand: _Errand, outcome: Any) -> None:
        self._forget_others(errand)
        del self._errands[errand.number]
        self._done.append(Done(errand.number, outcome))

    def _forget_others(self, errand: _Errand) -> None:
        for future in errand.futures.values():
            future.release()
        errand.futures.clear()

    def _wait_for_workers(self) -> None:
        """Until the first is ready."""
        self._look()
        while not self._muster.threads:
            time.sleep(READY_TICK)
            self._look()

    # Losses

    def _look(self) -> None:
        """Looks which workers there are: new ones are made ready, and what those had that are gone
        is done by others."""
        self._looked = now = time.monotonic()
        if self._client.status != "running":
            self._wait_for_scheduler(now)
            return
        self._reachable = now
        gone = self._muster.look(self._name)
        for address in gone:
            for errand in list(self._errands.values()):
                future = errand.futures.pop(address, None)
                if future is not None:
                    future.cancel(force=True)
                    self._lose(errand)
        if self._muster.threads:
            self._accompanied = now
        elif now - self._accompanied > ALONE_SECONDS:
            raise SchedulerGone(f"no worker has been there for {ALONE_SECONDS:.0f} s")

    def _wait_for_scheduler(self, now: float) -> None:
        """The client tries to connect again by itself, having given up all that was under way."""
        if self._client.status == "closed" or now - self._reachable > GONE_SECONDS:
            raise SchedulerGone(f"the scheduler at {self._muster.address} is gone")
        for errand in self._errands.values():
            errand.futures.clear()
            if errand not in self._homeless:
                self._homeless.append(errand)

    def _count_loss(self, errand: _Errand) -> None:
        """An errand came to nothing, and is done again, elsewhere."""
        errand.losses += 1
        if errand.losses > MAX_LOSSES:
            storm = FailureStorm(f"{errand.losses} workers were lost over one task")
            minimising = isinstance(errand.task, Shrinking)
            self._settle(errand, Shrunk(None) if minimising else Ended(storm))
        elif not errand.futures and errand not in self._homeless:
            self._homeless.append(errand)

    def _lose(self, errand: _Errand) -> None:
        """A worker is gone that had this errand."""
        if isinstance(errand.task, Lot) and not errand.futures:
            self._suspect(errand, errand.task)
        self._count_loss(errand)

    def _suspect(self, errand: _Errand, lot: Lot) -> None:
        """Finds the unit that is to blame, if one is: each has a worker for itself."""
        if not errand.probing:
            errand.probing = [unit for unit in lot.units if unit not in lot.given_up]
            return
        unit = errand.probing[0]
        errand.lost_alone[unit] = errand.lost_alone.get(unit, 0) + 1
        if errand.lost_alone[unit] >= LOSSES_ALONE:
            why = f"{LOSSES_ALONE} workers were lost that had nothing else to do"
            errand.task = replace(lot, given_up={**lot.given_up, unit: why})
            errand.probing.pop(0)
