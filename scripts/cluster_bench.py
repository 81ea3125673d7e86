"""What more workers are worth: `scripts/bench --cluster`, all in one run and as ratios.

Two workers of a cluster on this machine against two processes; two processes against one, beside
two plain Python cores, which is what the processor allows; and what a unit costs the coordinator,
from which it follows how many workers one coordinator feeds. That is shown by a run with hundreds
of workers that answer from recordings: their lots are real ones, recorded in this run, and go
through the same pickling; only nobody has to compute them again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pickle
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from replay import core
from replay.findings.store.store import RunKind, Store
from replay.fuzzing.campaign_units import Mix, Row
from replay.garbage import collect_rarely
from replay.runs.campaign import Budget, OpenCrew, local, run_campaign
from replay.runs.cluster.cluster_address import LocalCluster
from replay.runs.cluster.cluster_connection import Cluster
from replay.runs.collector import Collector
from replay.runs.crew import Done, LocalCrew
from replay.runs.lot_supply import UNITS
from replay.runs.report import Hand, Report
from replay.runs.work import Compared, Drawn, Job, Lot, Outcome, Shrunk, Task
from replay.settings import load_settings
from replay.streams.model import Start
from replay.targets.pair import PairSpec

WORKERS = 200
"""Simulated workers."""

LOTS_EACH = 4
"""Lots that each of them does."""

WANTED_FED, WANTED_CLUSTER, WANTED_JOBS = 500, 0.9, 1.8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--transitions", type=int, default=400_000, help="of each campaign")
    arguments = parser.parse_args()
    collect_rarely()  # as the program itself does
    cores = PairSpec("python", load_settings().needed_shadow)
    cluster = Cluster(LocalCluster(2), print)
    crews: dict[str, OpenCrew] = {
        "--jobs 1": local(1),
        "--jobs 2": local(2),
        "--cluster local:2": cluster.open,
    }
    rates: dict[str, list[float]] = {name: [] for name in crews}
    side_by_side: list[float] = []
    with_dask: list[float] = []
    for _ in range(arguments.rounds):
        side_by_side.append(plain_cores(2) / plain_cores(1))
        for name, crew in crews.items():
            spent = time.process_time()
            rates[name].append(campaign_rate(cores, crew, arguments.transitions))
            if name.startswith("--cluster"):
                with_dask.append((time.process_time() - spent) / arguments.transitions)
    for name, values in rates.items():
        print(f"{name:28} {statistics.median(values):>10,.0f} transitions/s")
    allowed = statistics.median(side_by_side)
    print(f"{'two plain Python cores':28} {allowed:>10.2f} times one: what the processor allows")
    say_ratio("--jobs 2", "--jobs 1", rates, min(WANTED_JOBS, WANTED_JOBS / 2 * allowed))
    say_ratio("--cluster local:2", "--jobs 2", rates, WANTED_CLUSTER)
    feeding(cores, arguments.transitions, statistics.median(with_dask))


def say_ratio(name: str, base: str, rates: dict[str, list[float]], least: float) -> None:
    # Within a round, so that what slows the whole machine down slows both.
    ratio = statistics.median(
        one / other for one, other in zip(rates[name], rates[base], strict=True)
    )
    print(f"{name:28} {ratio:>10.2f} times {base} (at least {least:.2f} wanted)")


# --- Rates --------------------------------------------------------------------------------------


def campaign_rate(cores: PairSpec, crew: OpenCrew, transitions: int) -> float:
    """Transitions for each second from the first counts on: starting processes is not what is
    measured."""
    counted: list[tuple[float, int]] = []
    run(cores, crew, transitions, lambda done: counted.append((time.monotonic(), done)))
    counted = [one for one in counted if one[1] > 0]
    first = counted[0]
    last = next(one for one in counted if one[1] == counted[-1][1])
    return (last[1] - first[1]) / max(last[0] - first[0], 1e-9)


def run(
    cores: PairSpec,
    crew: OpenCrew,
    transitions: int,
    on_count: Callable[[int], None] = lambda done: None,
) -> Report:
    """A campaign of the live profile on a database of its own."""
    with tempfile.TemporaryDirectory() as directory, Store.open(Path(directory, "b.db")) as store:
        authority, shadow = cores.open()
        with closing(authority), closing(shadow):
            identities = (authority.identity, shadow.identity)
        report = Report("fuzz", *identities)
        run_campaign(
            Job(cores, identities, Row(Mix.LIVE, 1)),
            Budget(Mix.LIVE, 1, crew, None, transitions),
            Collector(store, store.begin_run(RunKind.FUZZ, *identities, {}), str),
            report,
            lambda tally: on_count(tally.transitions),
        )
        return report


def plain_cores(count: int) -> float:
    """Transitions for each second of so many Python cores at once, each in a process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(count) as pool:
        pool.map(_ticks, [100] * count)
        return sum(pool.map(_ticks, [60_000] * count))


def _ticks(steps: int) -> float:
    start = Start({"market_price": 0.2, "now": 1.0}, {}, 2.0)
    state, config = core.from_dict(start.state), core.config_from_dict(start.config)
    began = time.perf_counter()
    for number in range(steps):
        state, _ = core.transition(state, core.TimerTick(1.0 + number), config, 2.0)
        core.check_invariants(state)
    return steps / (time.perf_counter() - began)


# --- How many workers a coordinator feeds --------------------------------------------------------


class _RecordingCrew:
    """One worker whose answers are kept, with the processor time that their units took it and its
    core."""

    def __init__(self, job: Job) -> None:
        self.crew = LocalCrew(job, 1)
        self.tasks: dict[int, Task] = {}
        self.lots: list[bytes] = []
        self.drawn: dict[object, bytes] = {}
        self.seconds, self.units, self.transitions = 0.0, 0, 0
        self._spent = 0.0

    @property
    def free(self) -> int:
        return self.crew.free

    @property
    def size(self) -> int:
        return 1

    def give(self, number: int, task: Task) -> None:
        self.tasks[number] = task
        self.crew.give(number, task)

    def take(self, seconds: float) -> list[Done]:
        done = self.crew.take(seconds)
        for number, outcome in done:
            task = self.tasks.pop(number)
            match task, outcome:
                case Lot(), Compared():
                    self.lots.append(pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL))
                    spent, self._spent = self._spent, processor_seconds_below(os.getpid())
                    if len(self.lots) > 1:  # the first one has the start of a process in it
                        self.seconds += self._spent - spent
                        self.units += len(task.units)
                        self.transitions += outcome.tally.transitions
                case _, Drawn():
                    self.drawn[outcome.batch] = pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
        return done

    def hands(self) -> Sequence[Hand]:
        return ()

    def close(self) -> None:
        self.crew.close()


class _ReplayedCrew:
    """Many workers that answer from recordings, at once and in the order in which they were asked.
    What is sent is pickled, and what comes back unpickled, as with workers elsewhere."""

    def __init__(self, recording: _RecordingCrew, job: Job, size: int) -> None:
        self._recording = recording
        self._job = job
        self._size = size
        self._under_way: deque[tuple[int, Task]] = deque()
        self.units, self.most = 0, 0

    @property
    def free(self) -> int:
        return self._size - len(self._under_way)

    @property
    def size(self) -> int:
        return self._size

    def give(self, number: int, task: Task) -> None:
        pickle.dumps(task, pickle.HIGHEST_PROTOCOL)  # as it would be sent
        self._under_way.append((number, task))
        self.most = max(self.most, len(self._under_way))

    def take(self, seconds: float) -> list[Done]:
        return [self._answer() for _ in range(len(self._under_way))]

    def _answer(self) -> Done:
        number, task = self._under_way.popleft()
        outcome: Outcome = pickle.loads(self._of(task))
        if isinstance(outcome, Compared) and isinstance(task, Lot):
            outcome.number = task.number
            self.units += len(task.units)
        return Done(number, outcome)

    def _of(self, task: Task) -> bytes:
        recording = self._recording
        if isinstance(task, Lot):
            return recording.lots[task.number % len(recording.lots)]
        batch = getattr(task, "batch", None)
        if batch is None:
            return pickle.dumps(Shrunk(None))
        if batch not in recording.drawn:
            # A batch beyond the recorded ones: the plans of another, which are as many.
            plans = pickle.loads(next(iter(recording.drawn.values()))).plans
            recording.drawn[batch] = pickle.dumps(Drawn(batch, plans), pickle.HIGHEST_PROTOCOL)
        return recording.drawn[batch]

    def hands(self) -> Sequence[Hand]:
        return ()

    def close(self) -> None:
        self._under_way.clear()


def processor_seconds_below(pid: int) -> float:
    """What the processes below one have used so far."""
    ticks: dict[int, int] = {}
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(fields[1])
            ticks[int(folder.name)] = int(fields[11]) + int(fields[12])
    below = {pid}
    while more := {one for one, parent in parents.items() if parent in below} - below:
        below |= more
    used = sum(ticks.get(one, 0) for one in below - {pid})
    return used / os.sysconf("SC_CLK_TCK")


def feeding(cores: PairSpec, transitions: int, with_dask: float) -> None:
    """Says what a unit costs the coordinator, and how many workers it feeds. `with_dask` is what a
    transition cost it in a short campaign on a cluster, with all that Dask does in its process:
    its start, and a scheduler, which is elsewhere where there are many machines."""
    recorded: list[_RecordingCrew] = []

    def recording(job: Job) -> _RecordingCrew:
        recorded.append(_RecordingCrew(job))
        return recorded[0]

    run(cores, recording, transitions)
    replayed: list[_ReplayedCrew] = []

    def replaying(job: Job) -> _ReplayedCrew:
        replayed.append(_ReplayedCrew(recorded[0], job, WORKERS))
        return replayed[0]

    a_unit = recorded[0].transitions / recorded[0].units
    began = time.process_time()
    report = run(cores, replaying, round(a_unit * UNITS * LOTS_EACH * WORKERS))
    crew = replayed[0]
    own = (time.process_time() - began) / crew.units
    a_worker = recorded[0].seconds / recorded[0].units
    print(f"{WORKERS} simulated workers: {crew.units:,} units, {report.tally.transitions:,} "
          f"transitions, {crew.most} tasks under way at once")  # fmt: skip
    print(f"{'a unit costs a worker':28} {a_worker * 1e3:>10.2f} ms of processor time")
    print(f"{'and the coordinator':28} {own * 1e6:>10.0f} us of processor time")
    print(
        f"{'with a scheduler inside':28} {with_dask * a_unit * 1e6:>10.0f} us, its start included"
    )
    print(f"{'so one coordinator feeds':28} {a_worker / own:>10,.0f} workers "
          f"(at least {WANTED_FED} wanted)")  # fmt: skip


if __name__ == "__main__":
    main()
