"""What runs on a cluster's worker: it stands where the parent of local workers stands.

A Dask worker never loads a core itself. It keeps a crew of one process for each task that it has
under way, which is watched and replaced as on one machine; a core that ends its process ends
nothing else. All functions here are called by name through Dask.
"""

from __future__ import annotations

import multiprocessing
import pickle
import platform
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from replay import __version__
from replay.errors import ReplayError, unforeseen
from replay.runs.cluster.luggage import File, Luggage, own_digest, unpack, verify
from replay.runs.crew import LocalCrew
from replay.runs.work import Ended, Job, Outcome, Task
from replay.targets.base import CoreIdentity

IDLE_SECONDS = 60.0
"""So long after its last task a crew is sent home: the coordinator may be gone."""

TICK_SECONDS = 1.0


class Facts(NamedTuple):
    """What a worker is: what has to be the same everywhere, and what a report names."""

    digest: str
    drawing: str
    versions: dict[str, str]


class Ready(NamedTuple):
    """What a worker makes of the luggage: which cores it opened, or why it could not."""

    cores: tuple[CoreIdentity, CoreIdentity] | None
    problem: str = ""


@dataclass(slots=True)
class _Campaign:
    """A campaign on this worker, with the crews that have nothing to do."""

    job: Job
    folder: Path
    places: dict[str, str]
    idle: list[LocalCrew] = field(default_factory=list)
    timer: threading.Timer | None = None


_campaigns: dict[str, _Campaign] = {}
_lock = threading.Lock()


def facts() -> Facts:
    """What this worker is."""
    versions = {
        "doge-replay": __version__,
        "python": platform.python_version(),
        "distributed": version("distributed"),
        "hypothesis": version("hypothesis"),
        "machine": platform.machine(),
    }
    return Facts(own_digest(), versions["hypothesis"], versions)


def lacks(sha256: str, places: Mapping[str, str], dask_worker: Any = None) -> list[str]:
    """The places of a luggage whose files are not here."""
    folder = _folder(sha256, dask_worker)
    lacking = []
    for place, digest in places.items():
        try:
            verify({place: digest}, folder)
        except ReplayError:
            lacking.append(place)
    return lacking


def receive(sha256: str, files: Sequence[File], dask_worker: Any = None) -> str:
    """Takes files of a luggage; gives what is wrong with them, if anything."""
    try:
        unpack(files, _folder(sha256, dask_worker))
    except (ReplayError, OSError) as error:
        return str(error)
    return ""


def get_ready(campaign: str, luggage: Luggage, sha256: str) -> Ready:
    """Opens the cores of a campaign once, to see whether this machine can run them."""
    from distributed import get_worker

    folder = _folder(sha256, get_worker())
    job = luggage.job_in(folder)
    places = luggage.places
    try:
        verify(places, folder)
        authority, shadow = job.cores.open()
        authority.close()
        shadow.close()
    except ReplayError as error:
        return Ready(None, error.message)
    except Exception as error:
        return Ready(None, unforeseen(error).message)
    with _lock:
        _campaigns[campaign] = _Campaign(job, folder, places)
    return Ready((authority.identity, shadow.identity))


def do(campaign: str, task: bytes) -> bytes | None:
    """Does a task, in a process that is watched; None where this worker was not made ready."""
    with _lock:
        here = _campaigns.get(campaign)
    if here is None:
        return None
    crew = None
    try:
        verify(here.places, here.folder)
        crew = _taken(here)
        outcome: Outcome = _done(crew, pickle.loads(task))
    except ReplayError as error:
        outcome = Ended(error)
    except Exception as error:
        outcome = Ended(unforeseen(error))
    if crew is not None:
        _put_back(here, crew, kept=not isinstance(outcome, Ended))
    return pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)


def dismiss(campaign: str) -> None:
    """Ends what a campaign has here."""
    with _lock:
        here = _campaigns.pop(campaign, None)
    if here is not None:
        _send_home(here)


def _folder(sha256: str, worker: Any) -> Path:
    """Where a luggage lies: in this worker's own directory, which goes with it."""
    return Path(worker.local_directory, "doge-replay", sha256[:32])


def _done(crew: LocalCrew, task: Task) -> Outcome:
    with _having_children():
        crew.give(0, task)
        while not (done := crew.take(TICK_SECONDS)):
            pass
    return done[0].outcome


def _taken(here: _Campaign) -> LocalCrew:
    with _lock:
        if here.timer is not None:
            here.timer.cancel()
            here.timer = None
        return here.idle.pop() if here.idle else LocalCrew(here.job, 1)


def _put_back(here: _Campaign, crew: LocalCrew, *, kept: bool) -> None:
    with _lock:
        kept = kept and here in _campaigns.values()
        if kept:
            here.idle.append(crew)
            if here.timer is not None:
                here.timer.cancel()
            here.timer = threading.Timer(IDLE_SECONDS, _send_home, [here])
            here.timer.daemon = True
            here.timer.start()
    if not kept:
        crew.close()


def _send_home(here: _Campaign) -> None:
    """Ends the crews that have nothing to do; the next task gets a new one."""
    with _lock:
        crews, here.idle = here.idle, []
        if here.timer is not None:
            here.timer.cancel()
            here.timer = None
    for crew in crews:
        crew.close()


@contextmanager
def _having_children() -> Iterator[None]:
    """Lets this process have children, which a Dask worker below a nanny may not: it is daemonic,
    and multiprocessing forbids it. Ours end with it all the same (worker.py)."""
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    former = config.get("daemon")
    config["daemon"] = False
    try:
        yield
    finally:
        config["daemon"] = former
