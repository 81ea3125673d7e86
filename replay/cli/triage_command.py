"""`doge-replay triage`: what a person says of a finding, for all to see."""

from __future__ import annotations

import click

from replay.cli.change import name_of, opened, who_option
from replay.cli.common import core_options
from replay.cli.console import say, say_json
from replay.cli.list_command import finding_document
from replay.findings.severity import Severity
from replay.safe_text import clean
from replay.settings import Settings


@click.command(
    epilog="""\b
Examples:
  doge-replay triage d-3f9a2c1b --owner anna --note 'rounds half up, see the exit price'
  doge-replay triage d-3f9a2c1b --severity texts --who 'Anna Berg'"""
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
    """Give a finding an owner, a severity or a note, and note who did so, and when.

    What is new, regressed or a failure becomes triaged; an explained, fixed or flaky one stays so.
    """
    with opened(settings, writing=True) as store:
        identity = store.finding(id).id
        store.triage(
            identity,
            who=name_of(who),
            severity=None if severity is None else Severity(severity),
            owner=None if owner is None else owner.strip(),
            note=None if note is None else note.strip(),
        )
        finding = store.finding(identity)
        if as_json:
            say_json(finding_document(finding))
            return 0
        say(f"{finding.id}: {finding.status}, severity {finding.severity}, "
            f"owner {clean(finding.owner) or 'nobody'}")  # fmt: skip
        if finding.note:
            say(f"note       {clean(finding.note)}")
    return 0
