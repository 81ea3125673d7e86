"""Findings by cause, as `list` shows them: a row for each cause, then what is not accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from replay.cli.console import MAX_COMMAND, say, say_table
from replay.counting import counted
from replay.findings.account import CauseAccount, StoredCause, severity_words_of
from replay.findings.selection import buckets_words
from replay.findings.store.store import StoredFinding
from replay.reports.cause_texts import when_words
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
    everything: Sequence[StoredFinding],
    commands: Commands,
    say_buckets: Callable[[Sequence[StoredFinding]], None],
) -> None:
    """Lists findings, the worst first, by their causes; those that no verified cause accounts for
    come after these, each in a row of its own. `everything` is all that is stored:
    where that is what is listed, causes that only generated steps need are, too."""
    is_all = len(findings) == len(everything)
    told = [one for one in findings if account.is_accounted_for(one.id)]
    open_ = [one for one in findings if not account.is_accounted_for(one.id)]
    rows = [(cause, _of(cause, findings)) for cause in account.causes]
    rows = [(cause, of_it) for cause, of_it in rows if of_it or is_all]
    if rows:
        say_table(
            CAUSE_COLUMNS, [_row(cause, of_it, _of(cause, everything)) for cause, of_it in rows]
        )
        say()
    if open_:
        count = counted(len(open_), "bucket")
        say(f"not accounted for by verified causes alone: {count}")
        say_buckets(open_)
        say()
    # On the cores that they were last seen on: others would find other causes.
    again = clean(commands.of_finding(findings[0])("causes"), MAX_COMMAND)
    count = buckets_words(findings) if is_all else counted(len(findings), "bucket")
    say(
        f"{len(told):,} of {count} accounted for by the verified causes of "
        f"{when_words(account)}; --buckets lists all; to look again:"
    )
    say(f"  {again}")


def _of(cause: StoredCause, findings: Sequence[StoredFinding]) -> list[StoredFinding]:
    return [one for one in findings if one.id in cause.findings]


def _row(
    cause: StoredCause, findings: Sequence[StoredFinding], of_all: Sequence[StoredFinding]
) -> tuple[object, ...]:
    return (
        cause.id,
        f"{cause.status}, {cause.owner}" if cause.owner else cause.status,
        cause.kind if cause.is_verified else f"{cause.kind}, not verified",
        severity_words_of(cause.severity, of_all),
        f"{sum(one.occurrences for one in findings):,}",
        len(findings),
        cause.says,
    )
