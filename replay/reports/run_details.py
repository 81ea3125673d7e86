"""What the HTML report shows of single findings."""

from __future__ import annotations

from itertools import islice

from replay.findings.report import Group, Report
from replay.findings.reports.detailing import detail_of
from replay.findings.reports.details import FindingDetail
from replay.findings.store import Store

MAX_DETAILS = 400
"""Findings that are read in full: more than a page has room for."""


def details_of(store: Store, report: Report) -> list[FindingDetail]:
    """What the store has of a run's findings, the worst of each group first."""
    lines = (line for group in Group for line in report.group(group))
    return [detail_of(store.finding(line.id)) for line in islice(lines, MAX_DETAILS)]
