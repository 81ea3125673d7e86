"""A campaign: workers that generate and compare, and the one process that stores what they find.

The parent alone writes to the database and decides when it is over: the deadline, the planned
transitions, a storm of failures, a signal. Workers are killed without ceremony; all that they have
sent is kept.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from replay.differential.lockstep import Tally
from replay.errors import EnvironmentFailure, FailureStorm, ReplayError
from replay.findings.collector import Collector
from replay.fuzzing.worker import (
    Candidate,
    Ended,
    Found,
    Job,
    Message,
    Progress,
    Shrunk,
    work,
)

GRACE_SECONDS = 30.0
"""How long after the deadline a worker may still be minimising before it is ended."""

TICK_SECONDS = 0.25


@dataclass(slots=True)
class CampaignResult:
    """What a campaign did. `candidates` are streams that reached something new, in the order of
    their units, so that what joins the corpus does not depend on timing."""

    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    features: frozenset[str] = frozenset()
    candidates: list[Candidate] = field(default_factory=list)
    storm: str | None = None


def run_campaign(
    job: Job,
    jobs: int,
    collector: Collector,
    on_progress: Callable[[Tally], None] = lambda tally: None,
) -> CampaignResult:
    """Runs `job` on `jobs` workers until its budget is spent.

    Raises what a worker raised, but for a storm of failures, which ends the campaign and is told
    in the result. Whatever happens, no worker is left behind.
    """
    campaign = _Campaign(collector, on_progress)
    context = multiprocessing.get_context("spawn")
    try:
        for number in range(jobs):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=work, args=(replace(job, number=number, of=jobs), theirs), daemon=True
            )
            process.start()
            theirs.close()
            campaign.workers[ours] = process
        campaign.listen(job.deadline)
    finally:
        campaign.kill()
    return campaign.result()


@dataclass(slots=True)
class _Campaign:
    collector: Collector
    on_progress: Callable[[Tally], None]
    workers: dict[Connection, BaseProcess] = field(default_factory=dict)
    _tally: Tally = field(default_factory=Tally)
    _features: set[str] = field(default_factory=set)
    _candidates: list[Candidate] = field(default_factory=list)
    _storm: str | None = None
    _began: float = field(default_factory=time.monotonic)

    def listen(self, deadline: float | None) -> None:
        """Takes in messages until all workers have ended."""
        while self.workers and self._storm is None:
            if deadline is not None and time.monotonic() > deadline + GRACE_SECONDS:
                return
            ready: Sequence[object] = wait(list(self.workers), TICK_SECONDS)
            for connection in ready:
                assert isinstance(connection, Connection)
                try:
                    self._take(connection, connection.recv())
                except EOFError:
                    process = self.workers.pop(connection)
                    process.join()
                    raise EnvironmentFailure(
                        f"a worker died (exit {process.exitcode}); what it had sent is stored"
                    ) from None
            self.on_progress(self._tally)

    def _take(self, connection: Connection, message: Message) -> None:
        match message:
            case Found(finding):
                self.collector.take(finding)
            case Shrunk(minimised):
                self.collector.take_minimised(minimised)
            case Progress(tally, repeated, features):
                self._tally.add(tally)
                self._features |= features
                for finding, times in repeated:
                    self.collector.count(finding, times)
            case Candidate():
                self._candidates.append(message)
            case Ended(error):
                del self.workers[connection]
                self._end(error)

    def _end(self, error: ReplayError | None) -> None:
        if isinstance(error, FailureStorm):
            self._storm = error.message
        elif error is not None:
            raise error

    def kill(self) -> None:
        """Ends every worker that is left."""
        for process in self.workers.values():
            process.kill()
        for connection, process in self.workers.items():
            process.join()
            connection.close()

    def result(self) -> CampaignResult:
        """What has been done so far."""
        return CampaignResult(
            self._tally,
            time.monotonic() - self._began,
            frozenset(self._features),
            sorted(self._candidates, key=lambda candidate: candidate.unit),
            self._storm,
        )
