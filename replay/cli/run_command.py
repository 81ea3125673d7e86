"""`doge-replay run`: replays files, directories, corpus streams, or the whole corpus."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import click

from replay.cli.common import core_options, corpus_option, explanations_option, strict_option
from replay.cli.console import Progress
from replay.cli.run_report import announce, finish
from replay.errors import InputError
from replay.findings.store.store import RunKind
from replay.runs.replay import Expectations, FirstTimes, replay_all
from replay.runs.run import running
from replay.settings import Settings
from replay.streams.corpus import Corpus
from replay.streams.inputs import open_inputs
from replay.streams.model import Rejected, Segment
from replay.streams.parity_cases import ParityCase
from replay.streams.stream_file import SUFFIX


@click.command(
    epilog="""\b
Examples:
  doge-replay run logs/events_20261122.jsonl.gz
  doge-replay run cases/ --authority ../bot/state_machine.py --shadow ./doge-core-exe
  doge-replay run                      (the whole corpus)"""
)
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@explanations_option
@strict_option
@corpus_option
@core_options
def run(
    inputs: tuple[str, ...],
    settings: Settings,
    as_json: bool,
) -> int:
    """Replay INPUTs through both cores and store where they differ.

    An INPUT is a journal, a file of requests, a parity case, a corpus stream (a file or its ID),
    or a directory of these. Without any, the whole corpus is replayed.
    """
    expectations, drawn = Expectations(), FirstTimes()
    items = stream_items(settings, inputs, expectations, drawn)
    with running(RunKind.RUN, settings, {"inputs": list(inputs)}, announce) as under_way:
        report = under_way.report
        progress = Progress("run", quiet=as_json)
        report.misses = expectations.misses
        replay_all(
            items,
            under_way.authority,
            under_way.shadow,
            under_way.collector,
            under_way.open_minimisers,
            report,
            expectations,
            lambda tally: progress.update(tally.transitions),
            on_idle=report.reject,
            drawn=drawn,
        )
        progress.end()
        if report.tally.transitions:
            under_way.check()
    return finish(report, as_json)


def stream_items(
    settings: Settings, inputs: tuple[str, ...], expectations: Expectations, drawn: FirstTimes
) -> Iterator[Segment | Rejected]:
    """The segments of all inputs, or of the whole corpus. Raises InputError for an input that
    is neither a path nor the ID of a corpus stream, before anything is run."""
    keys = itertools.count()
    if not inputs:
        drawn.leave_all_out()
        return corpus_items(settings.corpus, keys)
    files: list[str] = []
    for given in inputs:
        if Path(given).exists():
            files.append(given)
        else:
            files.append(str(_corpus_file(settings, given)))
    if any(map(_has_streams, files)):
        drawn.leave_all_out()

    def on_case(key: int, case: ParityCase) -> None:
        expectations.add(key, case)
        drawn.leave_out(key)

    # Asked for at once, so that a missing path is told before the run begins.
    return open_inputs(files, on_case=on_case)


def _has_streams(path: str) -> bool:
    """Whether streams of a corpus are among what a path names."""
    found = Path(path)
    return found.suffix == SUFFIX or (found.is_dir() and any(found.rglob(f"*{SUFFIX}")))


def corpus_items(
    directories: tuple[Path, ...], keys: Iterator[int]
) -> Iterator[Segment | Rejected]:
    """All streams of all corpora that are there; a stream in two of them once."""
    seen: set[str] = set()
    for directory in directories:
        if not directory.is_dir():
            continue
        corpus = Corpus(directory)
        for stream in corpus.streams():
            if stream not in seen:
                seen.add(stream)
                yield from corpus.segments(stream, next(keys))


def _corpus_file(settings: Settings, given: str) -> Path:
    matches = {
        stream: Corpus(directory).path_of(stream)
        for directory in settings.corpus
        if directory.is_dir()
        for stream in Corpus(directory).streams()
        if len(given) >= 6 and stream.startswith(given)
    }
    if len(matches) != 1:
        how = "is no file, directory or corpus stream" if not matches else "fits several streams"
        raise InputError(f"{given} {how}", input=given)
    return next(iter(matches.values()))
