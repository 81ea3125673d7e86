"""`doge-replay fuzz`: generated streams through both cores until the budget is spent."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

import click

from replay.cli.cluster_options import cluster_options
from replay.cli.common import (
    Duration,
    core_options,
    corpus_option,
    explanations_option,
    reading,
    strict_option,
)
from replay.cli.console import mention, progress
from replay.cli.extras import need
from replay.cli.run_report import announce, finish
from replay.errors import UsageError
from replay.findings.store.store import RunKind
from replay.fuzzing.campaign_units import Mix
from replay.runs.campaign import Budget, OpenCrew, hunt
from replay.runs.campaign_rest import RESUMES, CampaignRest
from replay.runs.run import running
from replay.settings import Settings

DEFAULT_SECONDS = 60.0


@click.command(
    epilog="""\b
Examples:
  doge-replay fuzz --seconds 30
  doge-replay fuzz --max-transitions 100000 --profile edge --seed 7 --jobs 2"""
)
@click.option(
    "--seconds",
    type=Duration(min=0.1),
    help=f"How long to generate; default {DEFAULT_SECONDS:.0f} unless --max-transitions is given.",
)
@click.option(
    "--max-transitions",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after the streams planned for N transitions; gives the same streams each time.",
)
@click.option(
    "--profile",
    type=click.Choice([mix.value for mix in Mix]),
    help="live, edge, hostile, or all of them and mutated corpus streams (the default).",
)
@click.option("--seed", type=click.IntRange(min=0), help="Default: a new one, printed.")
@click.option(
    "--unit",
    type=click.IntRange(min=0),
    metavar="N",
    help="Run nothing but this unit of the campaign, as a report names it; needs --seed.",
)
@click.option(
    "--resume",
    type=click.IntRange(min=1),
    metavar="RUN",
    help="Go on with a run of fuzz that was cut short, by its number; same cores and corpus.",
)
@explanations_option
@strict_option
@corpus_option
@core_options
@cluster_options
def fuzz(
    seconds: float | None,
    max_transitions: int | None,
    profile: str | None,
    seed: int | None,
    unit: int | None,
    resume: int | None,
    crew: OpenCrew,
    workers: Mapping[str, object],
    settings: Settings,
    as_json: bool,
) -> int:
    """Generate event streams, replay them through both cores, store where they differ."""
    need("fuzz", "fuzz")
    if unit is not None and seed is None:
        raise UsageError("--unit is one of a campaign: give its --seed, too")
    mix, resumed = Mix(profile or settings.profile), None
    if resume is not None:
        resumed = rest_of(settings, resume, RunKind.FUZZ)
        check_same(resumed, seed, profile, max_transitions, unit)
        mix, seed, max_transitions = resumed.mix, resumed.seed, resumed.transitions
    if seconds is None and max_transitions is None and unit is None:
        seconds = DEFAULT_SECONDS
    chosen_seed = new_seed() if seed is None else seed
    deadline = None if seconds is None else time.monotonic() + seconds
    budget = Budget(mix, chosen_seed, crew, deadline, max_transitions, unit, resumed=resumed)
    details = {"seconds": seconds, "max_transitions": max_transitions, **workers, "unit": unit,
               RESUMES: resume}  # fmt: skip
    with running(
        RunKind.FUZZ, settings, details, announce, seed=chosen_seed, profile=mix.value
    ) as under_way:
        with progress("fuzz", quiet=as_json) as show:
            hunt(under_way, budget, show)
        under_way.check()
    return finish(under_way.report, as_json)


def rest_of(settings: Settings, number: int, kind: RunKind) -> CampaignRest:
    """What is left of a run. Raises UsageError where it cannot be gone on with."""
    with reading(settings) as store:
        rest = CampaignRest.of(store.run(number), store.runs(), kind)
    left = "" if rest.transitions is None else f" of {rest.transitions:,}"
    mention(f"goes on with run {number}, after {rest.begin.planned:,}{left} planned transitions")
    return rest


def check_same(
    rest: CampaignRest,
    seed: int | None,
    profile: str | None,
    transitions: int | None,
    unit: int | None = None,
) -> None:
    """Raises UsageError where a run is to be gone on with as another one than it was: the same
    command is taken, and one without these options."""
    given = (seed, profile, transitions, unit)
    was = (rest.seed, str(rest.mix.value), rest.transitions, None)
    if any(one is not None and one != former for one, former in zip(given, was, strict=True)):
        raise UsageError("--resume takes --seed, --profile, --unit and --max-transitions from "
                         "the run that it goes on with")  # fmt: skip


def new_seed() -> int:
    """A seed that nobody has used: short enough to type."""
    return secrets.randbelow(2**32)
