"""`doge-replay list`: what the database holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import click

from replay.cli.cause_table import say_by_cause
from replay.cli.common import core_options, reading
from replay.cli.console import say, say_json, say_table
from replay.errors import UsageError
from replay.findings.account import CauseAccount
from replay.findings.lifecycle import ONLY_LIVE, Status
from replay.findings.selection import EVENTS, event_of, is_of, worst_first
from replay.findings.severity import Severity
from replay.findings.store.store import StoredFinding
from replay.reports.wording import NOT_MINIMISED
from replay.runs.commands import commands_of
from replay.safe_text import clean
from replay.settings import Settings

COLUMNS = (
    *("id", "status", "severity", "event", "rule", "field", "kind", "times", "steps", "runs"),
)

DISPENSABLE = ("runs", "steps", "kind", "times", "severity", "field")
"""Of these, what is left out first where a terminal is narrow."""

VALUES: Mapping[str, str] = {
    **{name: name for name in ("id", "status", "severity", "hot", "event", "rule", "part")},
    "field": "field",
    "kind": "kind",
    "times": "occurrences",
    "steps": "steps",
    **{name: name for name in ("first_run", "last_run", "owner", "note", "verdict")},
}
"""What --columns takes, and which value of a finding's document that is."""

TSV_COLUMNS = tuple(name for name in VALUES if name not in ("note", "verdict"))
MAX_VALUE = 100_000
"""Characters of a value for a script."""


class _StatusChoice(click.Choice[str]):
    """The statuses; what one of them was called before is still taken."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        with suppress(ValueError):
            value = Status(value).value
        return super().convert(value, param, ctx)


@click.command(
    "list",
    epilog="""\b
Examples:
  doge-replay list --status new --status regressed --severity orders
  doge-replay list --owner anna --hot
  doge-replay list --tsv --columns id,status,owner
  doge-replay list --json | jq -r '.[].id'""",
)
@click.option(
    "--status",
    "statuses",
    type=_StatusChoice([status.value for status in Status]),
    multiple=True,
    help="Only those with this status; may be given several times.",
)
@click.option(
    "--severity",
    "severities",
    type=click.Choice([severity.value for severity in Severity]),
    multiple=True,
    help="Only those that would touch this; may be given several times.",
)
@click.option("--owner", metavar="NAME", help='Only those of an owner; `""` for those of nobody.')
@click.option(
    "--event", type=click.Choice(EVENTS), metavar="EVENT", help="Only those that it leads to."
)
@click.option("--hot", is_flag=True, help="Only those on the hot path: fills and ticks.")
@click.option("--buckets", is_flag=True, help="By bucket alone, also where causes are known.")
@click.option(
    "--tsv", is_flag=True, help="By bucket, as values with tabs between them and a line of names."
)
@click.option(
    "--columns",
    "wanted",
    metavar="NAME,...",
    help="By bucket, with these columns: " + ", ".join(VALUES) + ".",
)
@core_options
def list_command(
    statuses: tuple[str, ...],
    severities: tuple[str, ...],
    owner: str | None,
    event: str | None,
    hot: bool,
    buckets: bool,
    tsv: bool,
    wanted: str | None,
    settings: Settings,
    as_json: bool,
) -> int:
    """List the stored divergences and failures, the worst first.

    What comes first would touch orders, then money in the state, invariants, counters and texts;
    and of these what happens on fills and ticks. Failures of a core come last. Once
    `doge-replay causes` has run, each cause is one row, and what is not accounted for follows.
    """
    columns = _chosen(wanted)
    if as_json and (tsv or wanted is not None):
        raise UsageError("--json has all values: it goes with neither --tsv nor --columns")
    with reading(settings) as store:
        stored = store.findings()
        findings = [
            finding
            for finding in sorted(stored, key=worst_first)
            if (not statuses or finding.status in statuses)
            and (not severities or finding.severity in severities)
            and (owner is None or finding.owner == owner)
            and (not hot or finding.hot)
            and (event is None or is_of(event, finding))
        ]
        account = store.account()
        if as_json:
            say_json([_with_causes(finding, account) for finding in findings])
        elif tsv:
            say("\t".join(columns))
            for finding in findings:
                say("\t".join(_values(finding, columns)))
        elif not stored:
            say("nothing is stored: no divergence and no failure so far")
        elif not findings:
            say(f"none of the {len(stored):,} stored findings is like that")
        elif wanted is not None:
            say_table(columns, [_values(finding, columns) for finding in findings])
        elif account is None or buckets:
            _say_buckets(findings)
        else:
            say_by_cause(account, findings, stored, commands_of(settings), _say_buckets)
    return 0


def _say_buckets(findings: Sequence[StoredFinding]) -> None:
    say_table(COLUMNS, map(_row, findings), dispensable=DISPENSABLE)


def _chosen(wanted: str | None) -> tuple[str, ...]:
    """The columns of --columns, or those of --tsv. Raises UsageError for one that there is not."""
    if wanted is None:
        return TSV_COLUMNS
    names = tuple(name.strip() for name in wanted.split(","))
    for name in names:
        if name not in VALUES:
            raise UsageError(f"there is no column {name!r} (there are {', '.join(VALUES)})")
    return names


def _values(finding: StoredFinding, columns: Sequence[str]) -> list[str]:
    """Values of a finding as scripts read them, each on one line."""
    document = finding_document(finding)
    texts = []
    for name in columns:
        value = document[VALUES[name]]
        texts.append(str(int(value)) if isinstance(value, bool) else clean(value, MAX_VALUE))
    return texts


def _with_causes(finding: StoredFinding, account: CauseAccount | None) -> dict[str, Any]:
    causes = () if account is None else account.causes_of(finding.id)
    return {**finding_document(finding), "causes": [cause.id for cause in causes]}


def _row(finding: StoredFinding) -> tuple[object, ...]:
    signature = finding.signature
    return (
        finding.id,
        _standing(finding),
        f"{finding.severity}, hot path" if finding.hot else finding.severity,
        event_of(finding),
        f"{signature.rule} [{signature.part}]" if signature.part else signature.rule,
        signature.field,
        signature.kind,
        f"{finding.occurrences:,}",
        finding.steps if finding.minimised else f"{finding.steps:,}, {NOT_MINIMISED}",
        f"{finding.first_run}-{finding.last_run}",
    )


def _standing(finding: StoredFinding) -> str:
    words = [str(finding.status), ONLY_LIVE if finding.is_only_live else "", finding.owner]
    return ", ".join(word for word in words if word)


def finding_document(finding: StoredFinding) -> dict[str, Any]:
    """A stored finding as `--json` has it."""
    return {
        "id": finding.id,
        "failure": finding.signature.failure,
        "event": finding.signature.event,
        "rule": finding.signature.rule,
        "field": finding.signature.field,
        "kind": finding.signature.kind,
        "part": finding.signature.part,
        "status": str(finding.status),
        "severity": str(finding.severity),
        "hot": finding.hot,
        "owner": finding.owner,
        "note": finding.note,
        "verdict": str(finding.verdict),
        "occurrences": finding.occurrences,
        "steps": finding.steps,
        "minimised": finding.minimised,
        "first_run": finding.first_run,
        "last_run": finding.last_run,
    }
