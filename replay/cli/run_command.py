"""`doge-replay run`: replays files, directories, corpus streams, or the whole corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from replay.cli.common import core_options, corpus_option, explanations_option, strict_option
from replay.cli.console import MAX_COMMAND, note, progress
from replay.cli.run_report import announce, finish
from replay.errors import ExitCode, InputError
from replay.findings.store.store import RunKind
from replay.runs.commands import commands_of
from replay.runs.replay import Expectations, FirstTimes, replay_all
from replay.runs.run import running
from replay.safe_text import clean, quoted
from replay.settings import Settings
from replay.shipped import Shipped, shipped
from replay.streams.corpus import Corpus, segments_of
from replay.streams.inputs import Hooks, read_files
from replay.streams.log_files import Wanted, find_files
from replay.streams.model import RecordedCores, Rejected, Segment, Unread
from replay.streams.opening import path_of
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
    or a directory of these; `-` is standard input. Without any, the whole corpus is replayed.
    """
    expectations, drawn = Expectations(), FirstTimes()
    recorded: Counter[RecordedCores] = Counter()
    items, unread = stream_items(settings, inputs, expectations, drawn, recorded)
    with running(RunKind.RUN, settings, {"inputs": list(inputs)}, announce) as under_way:
        report = under_way.report
        report.misses = expectations.misses
        report.unread = unread
        report.recorded_cores = recorded
        with progress("run", quiet=as_json) as on_progress:
            replay_all(
                items,
                under_way.authority,
                under_way.shadow,
                under_way.collector,
                under_way.open_minimisers,
                report,
                expectations,
                on_progress,
                on_idle=report.reject,
                drawn=drawn,
                reasons=under_way.reasons(),
            )
        if report.tally.transitions:
            under_way.check()
    code = finish(report, as_json)
    if not inputs and not report.tally.streams and report.exit_code is ExitCode.PROVES_NOTHING:
        note(_no_corpus(settings))
    return code


def stream_items(
    settings: Settings,
    inputs: tuple[str, ...],
    expectations: Expectations,
    drawn: FirstTimes,
    recorded: Counter[RecordedCores],
) -> tuple[Iterator[Segment | Rejected], tuple[Unread, ...]]:
    """The segments of all inputs, or of the whole corpus, and what of the inputs is not read.
    Raises InputError for an input that is neither a path nor the ID of a corpus stream, before
    anything is run."""
    if not inputs:
        drawn.leave_all_out()
        return segments_of(settings.corpus), ()
    paths = [path_of(given) for given in inputs]
    found = find_files(
        [
            path if path.exists() else _corpus_file(settings, given)
            for path, given in zip(paths, inputs, strict=True)
        ],
        Wanted.REPLAYED,
    )
    if any(file.suffix == SUFFIX for file in found.files):
        drawn.leave_all_out()

    def on_case(key: int, case: ParityCase) -> None:
        expectations.add(key, case)
        drawn.leave_out(key)

    def on_cores(cores: RecordedCores, line: int, ts: float | None) -> None:
        recorded[cores] += 1

    hooks = Hooks(on_case=on_case, on_stream=drawn.leave_out, on_cores=on_cores)
    return read_files(found.files, hooks=hooks), found.unread


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


def _no_corpus(settings: Settings) -> str:
    """What to do where nothing was named and there is no corpus."""
    commands = commands_of(settings)
    ways = [
        (commands("run", "FILE"), "replays a journal"),
        (commands("corpus", "import", "LOGS"), "makes a corpus of logs"),
        (commands("fuzz"), "needs neither"),
    ]
    if shipped(Shipped.CORPUS).is_dir():
        corpus = quoted(str(shipped(Shipped.CORPUS)))
        ways.insert(0, (commands("run", "--corpus", corpus), "replays the one that ships"))
    told = ", ".join(f"`{command}` {what}" for command, what in ways)
    return f"doge-replay: there is no corpus to replay; {clean(told, 3 * MAX_COMMAND)}"
