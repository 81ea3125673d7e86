"""How much a run means, as tables: the bounds, the phases, the rules and the actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from replay.reports.wording import INDEPENDENT, blind_lines, percent, phase_name
from replay.runs.coverage import PHASES, call_name_of
from replay.runs.report import Report

MAX_ROWS = 150


class Table(NamedTuple):
    """A table whose first `texts` columns are texts and whose others are numbers; `note` stands
    below it."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1
    note: str = ""


def exercised_tables(report: Report) -> list[Table]:
    """All tables that have a row."""
    return [table for table in _tables(report) if table.rows]


def _tables(report: Report) -> Iterator[Table]:
    yield _bounds(report)
    yield _phases(report)
    exercised = report.exercised
    rules = [
        (call_name_of(call), rule, f"{met:,}", f"{acted:,}")
        for call, rule, met, acted in exercised.rules()
        if rule
    ]
    head: tuple[str, ...] = ("event", "rule", "met", "acted")
    yield Table("Rules of the reducer that were met", head, rules[:MAX_ROWS], texts=2)
    refusals = [
        (call_name_of(call), kind, f"{count:,}")
        for (call, kind), count in sorted(exercised.refused.items())
    ]
    head = ("event", "refused as", "times")
    yield Table("What the authority refused", head, refusals[:MAX_ROWS], texts=2)
    actions = [
        (kind, reason, f"{count:,}") for (kind, reason), count in sorted(exercised.actions.items())
    ]
    more = len(actions) - MAX_ROWS
    yield Table(
        "What the authority did",
        ("action", "why", "times"),
        actions[:MAX_ROWS],
        texts=2,
        note=f"and {more:,} kinds more" if more > 0 else "",
    )


def _bounds(report: Report) -> Table:
    rows = [
        (
            call_name_of(one.call),
            f"{one.steps:,}",
            f"{one.differed:,}",
            percent(one.per_step),
            f"{one.draws:,}",
            f"{one.differed_draws:,}",
            percent(one.per_draw),
        )
        for one in report.bounds()
    ]
    return Table(
        "How often each event could diverge without this run having seen more of it "
        "(95 % upper bounds)",
        ("event", "independent steps", "diverged", "at most", "draws", "diverged", "at most"),
        rows,
        note=" ".join((INDEPENDENT, "In none of these bounds:", "; ".join(blind_lines(report)))),
    )


def _phases(report: Report) -> Table:
    rows = [
        (call_name_of(call), f"{row.total():,}", *(f"{row[phase]:,}" for phase in PHASES))
        for call, row in report.exercised.phases().items()
    ]
    if not rows:
        calls = report.calls().items()
        rows = [(name, f"{count:,}", *("" for _ in PHASES)) for name, count in calls]
    head = ("step", "compared", *map(phase_name, PHASES))
    return Table("Steps by the phase that they started in", head, rows)
