"""`doge-replay nightly`: the corpus, every stored divergence again, then fuzzing; the report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click
from click.core import ParameterSource

from replay.cli.cause_listing import Listing
from replay.cli.causes_command import listing_of, record
from replay.cli.cluster_options import cluster_options
from replay.cli.common import (
    Duration,
    core_options,
    corpus_option,
    explanations_option,
    reading,
    strict_option,
)
from replay.cli.console import mention, note, progress
from replay.cli.extras import need
from replay.cli.fuzz_command import check_same, new_seed, rest_of
from replay.cli.power_command import EDITS
from replay.cli.run_report import announce, faulty_parts, finish
from replay.differential.model import Verdict
from replay.errors import ReplayError
from replay.explaining.causes.inquiry import GENERATED
from replay.findings.store.store import RunKind
from replay.fuzzing.campaign_units import Mix
from replay.reports.details import FindingDetail
from replay.reports.faulty_parts import FaultyParts
from replay.reports.files import write_reports
from replay.reports.run_details import details_of
from replay.runs.campaign import Budget, OpenCrew
from replay.runs.campaign_rest import RESUMES
from replay.runs.nightly import Night, run_night
from replay.runs.power_share import LEAST_SECONDS, TRANSITIONS, PowerShare
from replay.runs.report import Report
from replay.runs.run import running
from replay.safe_text import clean, json_safe
from replay.settings import Settings

DEFAULT_POWER = 5.0
"""Percent of a night in which its power is measured."""

MOST_EDITS = 1000
"""Edits drawn in a night at most: the bound hardly gets better by more."""

OF_THE_NIGHT = 0.2
"""Which share of the night is given to the search for causes, after it."""

LEAST_FOR_CAUSES = 45.0
"""Seconds that are given to it at least: what two loose readers differ in is seldom told apart in
less."""

LEAST_STEPS = 15_000
"""The same where the night is to be the same each time, in steps."""

STEPS_A_SECOND = 3_000
"""What stands for a second in a night that is to be the same each time: steps that a core with
causes in force answers."""


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
    type=Duration(min=0),
    metavar="S",
    help="How much processor time to look for causes in the end, where a divergence has no "
    "explanation; default a fifth of the minutes (or transitions), at least 45 s; 0 for not at "
    "all.",
)
@click.option(
    "--power",
    "power_percent",
    type=click.FloatRange(0, 50),
    metavar="PERCENT",
    help="The share of the time in which `doge-replay power` is measured, 0 for none: default 5, "
    "where that is ten seconds or more, and 0 with --max-transitions. Where it is given with that, "
    "40 edits are drawn, however long they take.",
)
@click.option("--profile", type=click.Choice([mix.value for mix in Mix]))
@click.option("--seed", type=click.IntRange(min=0), help="Default: a new one, printed.")
@click.option(
    "--resume",
    type=click.IntRange(min=1),
    metavar="RUN",
    help="Go on with a night that was cut short or killed, by its number, for what is left of the "
    "minutes; same cores and corpus.",
)
@explanations_option
@strict_option
@corpus_option
@core_options
@cluster_options
def nightly(
    minutes: float,
    max_transitions: int | None,
    report_dir: Path | None,
    imports: tuple[str, ...],
    causes_seconds: float | None,
    power_percent: float | None,
    profile: str | None,
    seed: int | None,
    resume: int | None,
    crew: OpenCrew,
    workers: Mapping[str, object],
    settings: Settings,
    as_json: bool,
) -> int:
    """Hunt for divergences for M minutes and write a report.

    Replays the corpus, runs every stored divergence again, then generates streams for the rest of
    the time. Streams that reach something new join the corpus. What was cut short goes on with
    --resume: the same command, with the number of its run. The last twentieth of the time says
    what such a night would find (`doge-replay power`). The report directory gets
    report.md, report.html, junit.xml, report.json and report.sarif.

    Where a divergence has no explanation, the night ends with the list of causes (`doge-replay
    causes`): one row for each, then what is not accounted for.
    """
    need("nightly", "fuzz")
    since = time.monotonic()
    mix, resumed = Mix(profile or settings.profile), None
    logs = (*map(Path, imports), *settings.logs)
    if resume is not None:
        resumed = rest_of(settings, resume, RunKind.NIGHTLY)
        check_same(resumed, seed, profile, max_transitions)
        mix, seed, max_transitions = resumed.mix, resumed.seed, resumed.transitions
        # It has taken them in, and with others its units would be others.
        since, logs = since - resumed.spent, ()
        minutes = minutes if is_given("minutes") else resumed.minutes or minutes
    power = _power_share(minutes, max_transitions, power_percent)
    power_seconds = 0.0 if power is None else power.seconds or 0.0
    deadline = since + minutes * 60.0 - power_seconds
    chosen_seed = new_seed() if seed is None else seed
    details = {"minutes": minutes, "max_transitions": max_transitions, **workers, RESUMES: resume}
    budget = Budget(mix, chosen_seed, crew, deadline, max_transitions, resumed=resumed, since=since)
    night = Night(logs, budget, power)
    with running(
        RunKind.NIGHTLY, settings, details, announce, seed=chosen_seed, profile=mix.value
    ) as under_way:
        run_night(under_way, night, partial(progress, quiet=as_json))
    report, directory = under_way.report, report_dir or settings.report_dir
    faulty = faulty_parts(report)
    cases: list[FindingDetail] = []
    try:
        with reading(settings) as store:
            cases = details_of(store, report, faulty)
    except Exception as error:
        faulty.note("the cases of findings", error)
    # Before causes are looked for: whatever becomes of that, there are reports.
    _write(report, directory, cases, faulty)
    listing = None
    if causes_seconds != 0 and looks_for_causes(report):
        budget_of_search = budget_for_causes(causes_seconds, minutes, max_transitions)
        listing = listing_of_night(settings, *budget_of_search, faulty)
    lines: tuple[str, ...] = ()
    if listing is not None:
        try:
            lines, report.account = tuple(listing.lines()), listing.account
            record(settings, listing)
        except Exception as error:
            faulty.note("the list of causes", error)
    if report.account is not None or report.untold:
        _write(report, directory, cases, faulty)
    mention(f"report: {clean(directory / 'report.md', 1000)}")
    code = finish(report, as_json, lines, faulty)
    return code if listing is None or listing.signalled is None else listing.signalled


def is_given(name: str) -> bool:
    """Whether an option was given, and is not its default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not ParameterSource.DEFAULT


def _write(
    report: Report, directory: Path, cases: list[FindingDetail], faulty: FaultyParts
) -> None:
    """Writes the reports; where that is not possible there still is what is printed."""
    try:
        write_reports(report, directory, json_safe, cases, faulty)
    except ReplayError as error:
        faulty.note("reports", error)


def _power_share(
    minutes: float, transitions: int | None, percent: float | None
) -> PowerShare | None:
    """How power is measured; None where it is not."""
    if transitions is not None:
        return PowerShare(None, EDITS, min(transitions, TRANSITIONS)) if percent else None
    seconds = minutes * 60.0 * (DEFAULT_POWER if percent is None else percent) / 100.0
    return PowerShare(seconds, MOST_EDITS) if seconds >= LEAST_SECONDS else None


def listing_of_night(
    settings: Settings, seconds: float, steps: int | None, faulty: FaultyParts
) -> Listing | None:
    """The causes of all that is stored; None where the cores cannot be asked, which does not spoil
    what the night has found, or where we fail, which is noted."""
    try:
        with reading(settings) as store:
            return listing_of(
                settings, store, seconds, GENERATED, steps=steps, quiet=True, isolated=True
            )
    except ReplayError as raised:
        note(f"causes were not looked for: {clean(raised.message, 1000)}")
    except Exception as raised:
        faulty.note("the list of causes", raised)
    return None


def looks_for_causes(report: Report) -> bool:
    """Whether there is anything to look for: not in a green night, nor in one that was ended, nor
    where the authority fails, which is run with edits in this very process, nor where answers are
    not the same each time."""
    if report.storm is not None or report.interrupted is not None or report.control.ok is False:
        return False
    if report.tally.verdicts[Verdict.AUTHORITY_FAILED]:
        return False
    steady = [line for line in report.unexplained if not line.is_flaky]
    return bool(steady or report.failures)


def budget_for_causes(
    seconds: float | None, minutes: float, transitions: int | None
) -> tuple[float, int | None]:
    """The seconds for the search, and its steps where it is to be the same each time."""
    if transitions is None:
        return seconds or max(LEAST_FOR_CAUSES, OF_THE_NIGHT * minutes * 60.0), None
    if seconds:
        steps = round(seconds * STEPS_A_SECOND)
    else:
        steps = max(LEAST_STEPS, round(OF_THE_NIGHT * transitions))
    return max(seconds or LEAST_FOR_CAUSES, minutes * 60.0), steps
