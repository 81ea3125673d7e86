"""`doge-replay nightly`: the corpus, every stored divergence again, then fuzzing; the report."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import click

from replay.cli.causes_command import listing_of, record
from replay.cli.common import (
    Duration,
    core_options,
    corpus_option,
    explanations_option,
    reading,
    strict_option,
)
from replay.cli.console import Progress, note, say
from replay.cli.fuzz_command import campaign, new_seed
from replay.cli.run_command import corpus_items
from replay.cli.run_report import announce, finish
from replay.explaining.causes.inquiry import GENERATED
from replay.findings.store.store import RunKind
from replay.fuzzing.campaign_units import Mix
from replay.reports.files import write_reports
from replay.reports.run_details import details_of
from replay.runs.replay import replay_all, rerun
from replay.runs.run import Running, running
from replay.runs.worker import Candidate
from replay.safe_text import clean, json_safe
from replay.settings import Settings
from replay.streams.corpus import Corpus

MAX_NEW_STREAMS = 50
"""Streams that may join the corpus in one night, so that it does not outgrow the nights."""


@click.command(
    epilog="""\b
Examples:
  doge-replay nightly --minutes 60 --report-dir reports
  doge-replay nightly --minutes 10 --import logs/
  doge-replay nightly --max-transitions 1000000 --seed 7"""
)
@click.option("--minutes", type=Duration(min=0.01), default=10.0, show_default=True, metavar="M")
@click.option(
    "--max-transitions",
    type=click.IntRange(min=1),
    metavar="N",
    help="Generate the streams planned for N transitions, where the minutes suffice; what is "
    "found is the same each time then.",
)
@click.option("--report-dir", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="PATH",
    help="Logs to take into the corpus first; may be given several times.",
)
@click.option(
    "--causes",
    "causes_seconds",
    type=Duration(min=0.1),
    metavar="S",
    help="End with the list of causes (`doge-replay causes`), with S seconds of processor time.",
)
@click.option("--profile", type=click.Choice([mix.value for mix in Mix]))
@click.option("--seed", type=click.IntRange(min=0), help="Default: a new one, printed.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Workers; default one for each CPU.")
@explanations_option
@strict_option
@corpus_option
@core_options
def nightly(
    minutes: float,
    max_transitions: int | None,
    report_dir: Path | None,
    imports: tuple[str, ...],
    causes_seconds: float | None,
    profile: str | None,
    seed: int | None,
    jobs: int | None,
    settings: Settings,
    as_json: bool,
) -> int:
    """Hunt for divergences for M minutes and write a report.

    Replays the corpus, runs every stored divergence again, then generates streams for the rest of
    the time. Streams that reach something new join the corpus. The report directory gets
    report.md, report.html, junit.xml and report.json.
    """
    deadline = time.monotonic() + minutes * 60.0
    mix = Mix(profile or settings.profile)
    chosen_seed = new_seed() if seed is None else seed
    jobs = jobs or settings.jobs
    details = {"minutes": minutes, "max_transitions": max_transitions, "jobs": jobs}
    with running(
        RunKind.NIGHTLY, settings, details, announce, seed=chosen_seed, profile=mix.value
    ) as under_way:
        report = under_way.report
        _import_logs(under_way, (*map(Path, imports), *settings.logs))
        known = _corpus(under_way, quiet=as_json)
        _stored(under_way)
        if report.storm is None:
            under_way.check()
        if report.storm is None:
            candidates = campaign(
                under_way, mix, chosen_seed, jobs, deadline, max_transitions, known, quiet=as_json
            )
            report.new_streams = _join(settings, candidates, known)
    listing = None
    with reading(settings) as store:
        cases = details_of(store, report)
        if causes_seconds is not None and report.storm is None and store.findings():
            listing = listing_of(settings, store, causes_seconds, GENERATED, quiet=True)
            report.account = listing.account
    written = write_reports(report, report_dir or settings.report_dir, json_safe, cases)
    if listing is not None:
        record(settings, listing)
    note(f"report: {clean(written, 1000)}")
    code = finish(report, as_json)
    if listing is not None and not as_json:
        for line in listing.lines():
            say(line)
    return code


def _import_logs(under_way: Running, logs: tuple[Path, ...]) -> None:
    """Takes live logs into the corpus; what cannot be used is in the report."""
    if not logs:
        return
    report = under_way.report
    corpus = Corpus(under_way.settings.corpus[-1])
    report.unread = corpus.import_inputs(logs, on_rejected=report.reject).unread


def _corpus(under_way: Running, *, quiet: bool) -> frozenset[str]:
    """Replays the corpus; gives the features that it reaches."""
    progress = Progress("corpus", quiet=quiet)
    reached = replay_all(
        corpus_items(under_way.settings.corpus, itertools.count()),
        under_way.authority,
        under_way.shadow,
        under_way.collector,
        under_way.open_minimisers,
        under_way.report,
        on_progress=lambda tally: progress.update(tally.transitions),
        with_features=True,
    )
    progress.end()
    return reached


def _stored(under_way: Running) -> None:
    """Runs every stored finding again."""
    under_way.asks_all = True
    if under_way.report.storm is None:
        rerun(
            under_way.store.findings(),
            under_way.authority,
            under_way.shadow,
            under_way.collector,
            under_way.report,
        )


def _join(settings: Settings, candidates: list[Candidate], known: frozenset[str]) -> int:
    """Keeps the streams that reach what neither the corpus nor one before them does."""
    corpus = Corpus(settings.corpus[-1])
    reached = set(known)
    joined = 0
    for candidate in candidates:
        if candidate.features <= reached or joined >= MAX_NEW_STREAMS:
            continue
        reached |= candidate.features
        corpus.add(candidate.stream)
        joined += 1
    return joined
