"""`doge-replay causes`: the list of causes, and what is not accounted for."""

from __future__ import annotations

from pathlib import Path

import click

from replay.cli.cause_inquiry import inquired
from replay.cli.cause_listing import Listing
from replay.cli.common import Duration, core_options, reading
from replay.cli.console import Progress, mention, say, say_json
from replay.explaining.causes.inquiry import GENERATED
from replay.explaining.evidence.kept import cases_of
from replay.findings.store.store import Store, StoredFinding
from replay.runs.commands import commands_of
from replay.safe_text import clean
from replay.settings import Settings
from replay.streams.model import Stream

SECONDS = 60.0
CASES = 4
"""Kept occurrences of each bucket that are asked."""


@click.command(
    name="causes",
    epilog="""\b
Examples:
  doge-replay causes
  doge-replay causes --seconds 180 --write explanations.toml""",
)
@click.option(
    "--seconds",
    type=Duration(min=0, min_open=True),
    default=SECONDS,
    show_default=True,
    help="How much processor time to look for them, ours and the cores'; twenty times as long "
    "passes at most.",
)
@click.option(
    "--generate",
    type=click.IntRange(min=0),
    default=GENERATED,
    show_default=True,
    metavar="N",
    help="How many steps to generate afterwards that nobody has seen.",
)
@click.option(
    "--write",
    "written_to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write them to a new file as explanations.toml has them, to be signed.",
)
@core_options
def causes_command(
    seconds: float, generate: int, written_to: Path | None, settings: Settings, as_json: bool
) -> int:
    """Account for all stored divergences at once: one row for each cause.

    A cause is a statement under which the Python core gives the shadow's answers: an edit of its
    source, another way to read or write a value, or a condition under which the shadow gives no
    answer. Several are in force together, so one does not hide another. Each was run: it gave the
    shadow's answer where it is needed, and contradicted nothing that was asked. Then steps are
    generated that nobody has seen, and what is not accounted for is looked into next. Where no
    cause is found, a line is named at which one change or another gives the shadow's answers: a
    place to look at, and no explanation.

    What it came to is kept in the database, where `list` and `show` find it.

    Interrupted, it tells and keeps what it has found until then.

    Exits 0 where all is accounted for, 1 where something is not or could not be seen again, 3
    where the cores could not be asked.
    """
    if written_to is not None and written_to.exists():
        raise click.UsageError(f"{written_to} is there already; name a new file.")
    with reading(settings) as store:
        listing = listing_of(settings, store, seconds, generate, quiet=as_json)
        text = listing.explanations()
        if written_to is not None and text:
            written_to.write_text(text, "utf-8")
        if as_json:
            say_json(listing.document())
        else:
            for line in listing.lines():
                say(line)
    record(settings, listing)
    if written_to is not None:
        told = "written" if text else "no cause can be written as an explanation: not written"
        mention(f"{told}: {clean(written_to)}")
    return listing.exit_code


def record(settings: Settings, listing: Listing) -> None:
    """Keeps an account in the database, for lists and reports. One whose cores could not be asked
    says nothing."""
    account = listing.account
    if account.kept or account.causes:
        with Store.open(settings.db, create=False) as store:
            store.record_account(account)


def listing_of(
    settings: Settings,
    store: Store,
    seconds: float,
    generate: int,
    *,
    steps: int | None = None,
    quiet: bool,
    isolated: bool = False,
) -> Listing:
    """Searches for the causes of all that a database holds, with progress. `isolated` for a caller
    that may not end with a core."""
    findings = {finding.id: finding for finding in store.findings()}
    former = store.account()
    found = inquired(
        settings,
        {one.id: _cases(one, store) for one in findings.values()},
        seconds,
        Progress("causes", quiet=quiet),
        generate=generate,
        steps=steps,
        seen={one.id: one.occurrences for one in findings.values()},
        former=() if former is None else former.causes,
        isolated=isolated,
    )
    by_hand = {cause.id: cause.severity for cause in store.causes()}
    commands = commands_of(settings)
    return Listing(found.account, findings, found.core, commands, found.cores, by_hand)


def _cases(finding: StoredFinding, store: Store) -> list[Stream]:
    return cases_of(finding, store)[:CASES]


__all__ = ["causes_command", "listing_of", "record"]
