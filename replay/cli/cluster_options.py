"""--cluster and what belongs to it: where the workers of a campaign are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any

import click

from replay.cli.console import note
from replay.cli.extras import need
from replay.runs.campaign import OpenCrew, local
from replay.runs.cluster.cluster_address import Address, parse_cluster, require_private
from replay.safe_text import clean, quoted
from replay.settings import Settings


def cluster_options(command: Callable[..., int]) -> Callable[..., int]:
    """--jobs, --cluster, --insecure and --cores-on-workers. The command gets `crew`, which gets
    the workers, and `workers`, what its run says of them."""

    @wraps(command)
    def with_crew(
        *,
        settings: Settings,
        jobs: int | None,
        cluster: str | None,
        insecure: bool,
        cores_on_workers: bool,
        **others: Any,
    ) -> int:
        given = tuple(_as_given(jobs, cluster, insecure, cores_on_workers))
        jobs = jobs or settings.jobs
        where = cluster or settings.cluster
        crew = local(jobs)
        if where is not None:
            crew = _crew_of(where, insecure=insecure, cores_on_workers=cores_on_workers)
        workers = {"jobs": jobs} if where is None else {"cluster": where}
        settings = replace(settings, workers_given=given)
        return command(settings=settings, crew=crew, workers=workers, **others)

    wrapped: Callable[..., int] = with_crew
    for option in reversed(
        (
            click.option(
                "--jobs", type=click.IntRange(1, 256), help="Workers; default one for each CPU."
            ),
            click.option(
                "--cluster",
                metavar="ADDRESS",
                help="Workers of a Dask cluster instead: tcp://HOST:PORT or tls://HOST:PORT, or "
                "local:N for one on this machine (docs/cluster.md).",
            ),
            click.option(
                "--insecure",
                is_flag=True,
                help="Take a plain connection that others can reach; they can run anything there, "
                "and here.",
            ),
            click.option(
                "--cores-on-workers",
                is_flag=True,
                help="Send no cores to the workers: they have them at the same paths, which are "
                "compared by SHA-256.",
            ),
        )
    ):
        wrapped = option(wrapped)
    return wrapped


def _as_given(
    jobs: int | None, cluster: str | None, insecure: bool, cores_on_workers: bool
) -> Iterator[str]:
    """These options as a shell takes them, where they were given."""
    if jobs is not None:
        yield f"--jobs {jobs}"
    if cluster is not None:
        yield f"--cluster {quoted(cluster)}"
    if insecure:
        yield "--insecure"
    if cores_on_workers:
        yield "--cores-on-workers"


def _crew_of(text: str, *, insecure: bool, cores_on_workers: bool) -> OpenCrew:
    """Workers of a cluster. Raises UsageError for an address that is none."""
    where = parse_cluster(text)
    if isinstance(where, Address) and not insecure:
        require_private(where.url, "the scheduler")
    need("--cluster", "cluster")
    # Only here: Dask takes its time to load.
    from replay.runs.cluster.cluster_connection import Cluster

    cluster = Cluster(where, lambda line: note(clean(line, 1000)), insecure, cores_on_workers)
    return cluster.open
