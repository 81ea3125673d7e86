"""Findings by cause, as `list` shows them: a row for each cause, then what is not accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from replay.cli.console import MAX_COMMAND, say, say_table
from replay.counting import counted
from replay.findings.account import CauseAccount, StoredCause
from replay.findings.store.store import StoredFinding
from replay.runs.commands import Commands
from replay.safe_text import clean

CAUSE_COLUMNS = (
    "cause",
    "status",
    "kind",
    "severity",
    "times",
    "buckets",
    "the shadow answers as if",
)


def say_by_cause(
    account: CauseAccount,
    findings: Sequence[StoredFinding],
    commands: Commands,
    say_buckets: Callable[[Sequence[StoredFinding]], None],
) -> None:
    """Lists findings, the worst first, by their causes; those that no verified cause accounts for
    come after these, each in a row of its own."""
    told = [one for one in findings if account.is_accounted_for(one.id)]
    open_ = [one for one in findings if not account.is_accounted_for(one.id)]
    rows = [(cause, _of(cause, findings)) for cause in account.causes]
    rows = [(cause, of_it) for cause, of_it in rows if of_it]
    if rows:
        say_table(CAUSE_COLUMNS, [_row(cause, of_it) for cause, of_it in rows])
        say()
    if open_:
        say(f"not accounted for: {counted(len(open_), 'bucket')}")
        say_buckets(open_)
        say()
    again = clean(commands("causes"), MAX_COMMAND)
    say(
        f"{counted(len(told), 'bucket')} of {len(findings):,} accounted for by the causes of "
        f"{account.at[:16].replace('T', ' ')} UTC; --buckets lists all, `{again}` looks again"
    )


def _of(cause: StoredCause, findings: Sequence[StoredFinding]) -> list[StoredFinding]:
    return [one for one in findings if one.id in cause.findings]


def _row(cause: StoredCause, findings: Sequence[StoredFinding]) -> tuple[object, ...]:
    worst = min(findings, key=lambda one: one.rank)
    severity = cause.severity or worst.severity
    return (
        cause.id,
        f"{cause.status}, {cause.owner}" if cause.owner else cause.status,
        cause.kind if cause.is_verified else f"{cause.kind}, not verified",
        f"{severity}, hot" if worst.hot else severity,
        f"{sum(one.occurrences for one in findings):,}",
        len(findings),
        cause.says,
    )
