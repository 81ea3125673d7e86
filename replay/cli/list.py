"""`doge-replay list`: what the database holds."""

from __future__ import annotations

from typing import Any

import click

from replay.cli.common import core_options, reading
from replay.cli.console import say, say_json, say_table
from replay.cli.settings import Settings
from replay.findings.store import StoredFinding


@click.command(
    "list",
    epilog="""\b
Example:
  doge-replay list --json | jq -r '.[].id'""",
)
@core_options
def list_command(settings: Settings, as_json: bool) -> int:
    """List the stored divergences and failures."""
    with reading(settings) as store:
        findings = store.findings()
        if as_json:
            say_json([finding_document(finding) for finding in findings])
        elif not findings:
            say("nothing is stored: no divergence and no failure so far")
        else:
            say_table(
                ("id", "event", "rule", "field", "kind", "times", "steps", "first run", "last run"),
                (
                    (
                        one.id,
                        one.signature.event,
                        one.signature.rule,
                        one.signature.field,
                        one.signature.kind,
                        f"{one.occurrences:,}",
                        one.steps,
                        one.first_run,
                        one.last_run,
                    )
                    for one in findings
                ),
            )
    return 0


def finding_document(finding: StoredFinding) -> dict[str, Any]:
    """A stored finding as `--json` has it."""
    return {
        "id": finding.id,
        "failure": finding.signature.failure,
        "event": finding.signature.event,
        "rule": finding.signature.rule,
        "field": finding.signature.field,
        "kind": finding.signature.kind,
        "verdict": str(finding.verdict),
        "occurrences": finding.occurrences,
        "steps": finding.steps,
        "minimised": finding.minimised,
        "first_run": finding.first_run,
        "last_run": finding.last_run,
    }
