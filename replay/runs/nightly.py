"""The nightly: what happens in a night, in this order.

Logs are taken into the corpus; the corpus is replayed; every stored divergence is run again; the
canary and the control are made; streams are generated for the rest of the time; those that
reached something new join the corpus; and in its share of the time the power of all this is
measured. A storm of failures ends it early, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from replay.differential.tally import Tally
from replay.runs.campaign import Budget, hunt
from replay.runs.power_share import PowerShare, power_apart
from replay.runs.replay import replay_all, rerun
from replay.runs.run import Running
from replay.runs.work import Candidate
from replay.streams.corpus import Corpus, segments_of

MAX_NEW_STREAMS = 50
"""Streams that may join the corpus in one night, so that it does not outgrow the nights."""

Follow = Callable[[str], AbstractContextManager[Callable[[Tally], None]]]
"""Follows a phase, given its name: what it gives is told how much has been compared."""


@dataclass(frozen=True, slots=True)
class Night:
    """What one night is to do: the logs that it takes in first, what it may generate, and how its
    power is measured, if it is."""

    logs: tuple[Path, ...]
    budget: Budget
    power: PowerShare | None = None


def run_night(under_way: Running, night: Night, follow: Follow) -> None:
    """Goes through the phases of a night. All that comes of them is in the report."""
    report = under_way.report
    take_in_logs(under_way, night.logs)
    with follow("corpus") as on_progress:
        known = replay_corpus(under_way, on_progress)
    if report.storm is None:
        rerun_stored(under_way)
    under_way.check()
    if report.storm is None:
        with follow("fuzz") as on_progress:
            budget = replace(night.budget, streams=MAX_NEW_STREAMS)
            candidates = hunt(under_way, budget, on_progress, known)
        report.new_streams = join(under_way.settings.corpus[-1], candidates, known)
    if report.storm is None and night.power is not None:
        budget = night.budget
        report.power = power_apart(under_way.settings, budget.mix, budget.seed, night.power)


def take_in_logs(under_way: Running, logs: Sequence[Path]) -> None:
    """Takes live logs into the corpus; what cannot be used is in the report."""
    if logs:
        corpus = Corpus(under_way.settings.corpus[-1])
        imported = corpus.import_inputs(logs, on_rejected=under_way.report.reject)
        under_way.report.unread = imported.unread


def replay_corpus(under_way: Running, on_progress: Callable[[Tally], None]) -> frozenset[str]:
    """Replays the corpus; gives the features that it reaches."""
    return replay_all(
        segments_of(under_way.settings.corpus),
        under_way.authority,
        under_way.shadow,
        under_way.collector,
        under_way.open_minimisers,
        under_way.report,
        on_progress=on_progress,
        with_features=True,
        reasons=under_way.reasons(),
    )


def rerun_stored(under_way: Running) -> None:
    """Runs every stored finding again, and the cases of causes: only then can an explanation fail
    for want of a case."""
    under_way.asks_all = True
    rerun(
        under_way.store.findings(),
        under_way.authority,
        under_way.shadow,
        under_way.collector,
        under_way.report,
    )
    under_way.ask_causes()


def join(directory: Path, candidates: Sequence[Candidate], known: frozenset[str]) -> int:
    """Keeps the streams that reach what neither the corpus nor one before them does; gives how many
    they are."""
    corpus = Corpus(directory)
    reached = set(known)
    joined = 0
    for candidate in candidates:
        if candidate.features <= reached or joined >= MAX_NEW_STREAMS:
            continue
        reached |= candidate.features
        corpus.add(candidate.stream)
        joined += 1
    return joined
