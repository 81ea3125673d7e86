"""`doge-replay gate`: whether 48 hours of the live shadow pass the runbook's gate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from replay.cli.common import core_options, explanations_option
from replay.cli.console import Progress, say, say_json, say_marked
from replay.errors import InputError
from replay.explaining.claims.explanations import NO_EXPLANATIONS, Explanations, read_explanations
from replay.gate.journals import Replayed, replay_journals
from replay.gate.model import Outcome
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.verdict import judge
from replay.gate.verdict_text import headline, markdown, text_lines
from replay.runs.cores import pair_of
from replay.safe_text import clean
from replay.settings import Settings

MAX_LINE = 1_500


journal_option = click.option(
    "--journal",
    "journals",
    metavar="PATH",
    multiple=True,
    help="The bot's journal of the same time (a file or a directory); may be given several times. "
    "Without it a divergence that was counted cannot be told more of, and nothing passes with one.",
)
rehearsal_option = click.option(
    "--rehearsal",
    is_flag=True,
    help="Judge a host whose clock runs faster than real time, by that clock. Without this such a "
    "host never passes; with it the verdict says so.",
)


@click.command(
    epilog="""\b
Examples:
  doge-replay gate logs/state_machine_shadow_20261122T100000Z.jsonl
  doge-replay gate logs/state_machine_shadow_*.jsonl --journal logs/events_20261122.jsonl.gz \\
      --db divergences.db --explanations explanations.toml
  doge-replay gate logs/ --rehearsal     # after `doge-replay paper --speed 600`

Exit codes: 0 PASS, 1 FAIL, 4 INCONCLUSIVE, 2 bad input, 3 a core or the environment failed."""
)
@click.argument("telemetry", nargs=-1, required=True, metavar="TELEMETRY...")
@journal_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Markdown on standard output.")
@rehearsal_option
@explanations_option
@core_options
def gate(
    telemetry: tuple[str, ...],
    journals: tuple[str, ...],
    as_markdown: bool,
    rehearsal: bool,
    settings: Settings,
    as_json: bool,
) -> int:
    """Judge the TELEMETRY of a live shadow by the runbook's gate: PASS, FAIL or INCONCLUSIVE.

    Each criterion is told with its figures and the times of the samples behind it. With --journal
    every divergence that was counted is tied to a line of the journal, replayed on both cores now,
    and looked up in the database and the explanations. The database is read, not written.
    """
    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown do not go together")
    read = read_telemetry(telemetry, rehearsal=rehearsal)
    verdict = judge(read, _replayed(settings, journals, as_json) if journals else None)
    if as_json:
        say_json(verdict.document())
    elif as_markdown:
        say(markdown(verdict).rstrip("\n"))
    else:
        say_marked(clean(headline(verdict)), verdict.verdict is not Outcome.PASS)
        for line in text_lines(verdict):
            say(clean(line, MAX_LINE))
    return int(verdict.exit_code)


def _replayed(settings: Settings, journals: tuple[str, ...], quiet: bool) -> Replayed:
    progress = Progress("gate", quiet)
    replayed = replay_journals(
        journals,
        pair_of(settings),
        explanations_of(settings),
        existing_database(settings),
        today=datetime.now(UTC).date(),
        on_steps=lambda steps: progress.update(steps, "lines of the journal"),
    )
    progress.end()
    return replayed


def explanations_of(settings: Settings) -> Explanations:
    """What is explained; nothing where there is no file of it."""
    if settings.explanations is None:
        return NO_EXPLANATIONS
    return read_explanations(settings.explanations)


def existing_database(settings: Settings) -> Path | None:
    """The database, None where the usual one is not there; one that is named must be."""
    if settings.db.exists():
        return settings.db
    if "db" in settings.explicit:
        raise InputError(f"there is no database {settings.db}", path=str(settings.db))
    return None
