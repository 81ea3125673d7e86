"""What the HTML report shows of single findings: read from the store, in the words of `show`."""

from __future__ import annotations

from itertools import islice

from replay.cli.side_by_side import MAX_STEPS, answers, step_text, value_text
from replay.differential.rules import place_in_contract
from replay.findings.report import Group, Report
from replay.findings.reports.details import AnswerRow, FindingDetail, HistoryRow
from replay.findings.store import Store, StoredFinding
from replay.streams.model import Start, Stream

MAX_DETAILS = 400
"""Findings that are read in full: more than a page has room for."""


def details_of(store: Store, report: Report) -> list[FindingDetail]:
    """What the store has of a run's findings, the worst of each group first."""
    lines = (line for group in Group for line in report.group(group))
    return [_detail(store.finding(line.id)) for line in islice(lines, MAX_DETAILS)]


def _detail(finding: StoredFinding) -> FindingDetail:
    shown = finding.shown
    both = answers(shown.stream, shown.authority, shown.shadow, shown.differences)
    return FindingDetail(
        id=finding.id,
        contract=place_in_contract(finding.signature),
        case=tuple(_case(shown.stream)),
        answers=tuple(AnswerRow(*row) for row in both.rows),
        left_out=both.left_out,
        history=tuple(
            HistoryRow(entry.at, entry.who, str(entry.status or ""), entry.why)
            for entry in finding.history
        ),
    )


def _case(case: Stream) -> list[tuple[str, str]]:
    rows = [("from", case.origin or "no file")]
    rows += [
        (name, value_text(value))
        for name, value in zip(Start._fields, case.start, strict=True)
        if value is not None or name == "state"
    ]
    skipped = max(0, len(case.steps) - MAX_STEPS)
    if skipped:
        rows.append(("", f"... {skipped} steps ..."))
    rows += [
        (f"step {number}", step_text(step))
        for number, step in enumerate(case.steps[skipped:], skipped + 1)
    ]
    return rows
