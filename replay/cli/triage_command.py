"""`doge-replay triage`: what a person says of a finding, for all to see."""

from __future__ import annotations

from typing import TypedDict

import click

from replay.cli.change import name_of, opened, who_option
from replay.cli.common import core_options
from replay.cli.console import say, say_json
from replay.cli.list_command import finding_document
from replay.findings.account import StoredCause
from replay.findings.severity import Severity
from replay.findings.store.identities import names_cause
from replay.findings.store.store import StoredFinding
from replay.safe_text import clean
from replay.settings import Settings


class _Said(TypedDict):
    who: str
    severity: Severity | None
    owner: str | None
    note: str | None


@click.command(
    epilog="""\b
Examples:
  doge-replay triage d-3f9a2c1b --owner anna --note 'rounds half up, see the exit price'
  doge-replay triage d-3f9a2c1b --severity texts --who 'Anna Berg'
  doge-replay triage c-5be0117a --owner ben"""
)
@click.argument("id", metavar="ID")
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    help="What it would touch, where you know better than its differences tell.",
)
@click.option("--owner", metavar="NAME", help="Who looks after it; an empty one takes it away.")
@click.option("--note", metavar="TEXT", help="What is known of it; an empty one takes it away.")
@who_option
@core_options
def triage(
    id: str,
    severity: str | None,
    owner: str | None,
    note: str | None,
    who: str | None,
    settings: Settings,
    as_json: bool,
) -> int:
    """Give a finding or a cause an owner, a severity or a note, and note who did so, and when.

    What is new, regressed or a failure becomes triaged; an explained, fixed or flaky one stays so.
    """
    said: _Said = {
        "who": name_of(who),
        "severity": None if severity is None else Severity(severity),
        "owner": None if owner is None else owner.strip(),
        "note": None if note is None else note.strip(),
    }
    found: StoredCause | StoredFinding
    with opened(settings, writing=True) as store:
        if names_cause(id):
            identity = store.cause(id).id
            store.triage_cause(identity, **said)
            found = store.cause(identity)
            document = found.document()
        else:
            identity = store.finding(id).id
            store.triage(identity, **said)
            found = store.finding(identity)
            document = finding_document(found)
    if as_json:
        say_json(document)
        return 0
    severe = "that of its buckets" if found.severity is None else found.severity
    say(f"{found.id}: {found.status}, severity {severe}, owner {clean(found.owner) or 'nobody'}")
    if found.note:
        say(f"note       {clean(found.note)}")
    return 0
