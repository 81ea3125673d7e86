"""Opens a cluster: connects to a scheduler, or starts workers of its own on this machine."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, assert_never

import dask
from distributed import Client
from distributed import LocalCluster as DaskCluster
from distributed.security import Security

from replay.errors import EnvironmentFailure
from replay.runs.cluster.cluster_address import Address, LocalCluster, Where, require_private
from replay.runs.cluster.cluster_crew import ClusterCrew
from replay.runs.cluster.luggage import pack
from replay.runs.cluster.muster import Muster
from replay.runs.work import Job

CONNECT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that was asked for. `insecure` says that one knows; with `cores_on_workers` the
    cores do not travel. `on_note` is told in a line of each worker that cannot be used."""

    where: Where
    on_note: Callable[[str], None]
    insecure: bool = False
    cores_on_workers: bool = False

    def open(self, job: Job) -> ClusterCrew:
        """Its workers, when one is ready. Raises EnvironmentFailure where it cannot be reached, or
        no worker can be used, and UsageError where it must not be."""
        luggage = pack(job, cores_travel=not self.cores_on_workers)
        _be_quiet()
        started: DaskCluster | None = None
        match self.where:
            case LocalCluster(workers):
                started = _start(workers or os.cpu_count() or 1)
                url = str(started.scheduler_address)
            case Address(url):
                pass
            case where:
                assert_never(where)
        client: Client | None = None
        try:
            client = _connect(url)
            if not self.insecure:
                require_private(client.scheduler_info()["address"], "the scheduler")
            muster = Muster(
                client, url, luggage, self.on_note, insecure=self.insecure
            )  # fmt: skip
            return ClusterCrew(client, muster, lambda: _close(client, started))
        except BaseException:
            _close(client, started)
            raise


def _connect(url: str) -> Client:
    if url.startswith("tls://") and "ssl_context" not in _connection_arguments():
        # Asked before a client is made: half of one takes a minute to go away.
        raise EnvironmentFailure(
            f"{url} needs certificates, and none are set for a client: see "
            '"Who may talk to it" in docs/cluster.md',
            address=url,
        )
    try:
        with _no_warnings():
            return Client(url, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise EnvironmentFailure(
            f"no scheduler can be reached at {url}: {_first_line(error)}", address=url
        ) from error


def _connection_arguments() -> dict[str, Any]:
    """What Dask's configuration has for a client to connect with."""
    try:
        arguments: dict[str, Any] = Security().get_connection_args("client")
    except OSError as error:
        raise EnvironmentFailure(f"the certificates for TLS cannot be read: {error}") from error
    return {name: value for name, value in arguments.items() if value is not None}


def _start(workers: int) -> DaskCluster:
    with _no_warnings():
        return DaskCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )


def _close(client: Client | None, started: Any) -> None:
    for one in (client, started):
        if one is not None:
            with _no_warnings():
                one.close(timeout=CONNECT_SECONDS)


def _be_quiet() -> None:
    """Dask's logs are not for the person at the command: what matters is told in our words."""
    dask.config.set({"logging": {"distributed": "critical", "tornado": "critical"}})
    for name in ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
