"""The buckets of a report in the order in which it shows them: each cause with its buckets, the
worst first, then what no cause has part in, by where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from replay.counting import counted
from replay.findings.account import CauseAccount, StoredCause, grouped_by_cause
from replay.reports.cause_texts import cause_words, needed_words
from replay.reports.wording import REMARKS, TITLES
from replay.runs.report import FindingLine, Group, Report


@dataclass(frozen=True, slots=True)
class ReportSection:
    """Buckets under one heading: those of a cause, or of a group that no cause has part in."""

    title: str
    remark: str
    cause: StoredCause | None
    group: Group | None
    lines: tuple[tuple[FindingLine, Group], ...]

    @property
    def is_settled(self) -> bool:
        """Whether nothing in it makes a run red."""
        return all(group is Group.EXPLAINED for _, group in self.lines)


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A line with the group that it is in, by the ID of its bucket."""

    id: str
    line: FindingLine
    group: Group


def sections_of(report: Report) -> list[ReportSection]:
    """All sections of a report."""
    buckets = [_Bucket(line.id, line, group) for group in Group for line in report.group(group)]
    sections: list[ReportSection] = []
    causes = () if report.account is None else report.account.causes
    for grouped in grouped_by_cause(causes, buckets):
        members = [(one.line, one.group) for one in grouped.buckets]
        if grouped.cause is not None:
            sections.append(_of_cause(grouped.cause, members))
            continue
        for group in Group:
            lines = tuple(one for one in members if one[1] is group)
            if lines:
                title = TITLES[group]
                title += ", of no known cause" if report.account is not None else ""
                sections.append(ReportSection(title, REMARKS[group], None, group, lines))
    return sections


def _of_cause(cause: StoredCause, lines: list[tuple[FindingLine, Group]]) -> ReportSection:
    seen = sum(line.occurrences for line, _ in lines)
    rule = f"; {cause.rule}" if cause.rule else ""
    remark = (
        f"{cause.kind}, {cause.status}; {needed_words(cause.needed_at)}, its buckets "
        f"were seen {counted(seen, 'time')}{rule}"
    )
    return ReportSection(cause_words(cause), remark, cause, None, tuple(lines))


def causes_without_buckets(report: Report) -> list[StoredCause]:
    """Causes of which this run has no bucket: met while steps were generated, or in none that it
    saw."""
    account = report.account or CauseAccount(())
    shown = {section.cause.id for section in sections_of(report) if section.cause is not None}
    return [cause for cause in account.causes if cause.id not in shown]
