"""What the HTML report shows of single findings."""

from __future__ import annotations

from itertools import islice

from replay.findings.store.store import Store
from replay.reports.details import FindingDetail
from replay.reports.finding_details import detail_of
from replay.runs.report import Group, Report

MAX_DETAILS = 400
"""Findings that are read in full: more than a page has room for."""


def details_of(store: Store, report: Report) -> list[FindingDetail]:
    """What the store has of a run's findings, the worst of each group first."""
    lines = (line for group in Group for line in report.group(group))
    return [detail_of(store.finding(line.id)) for line in islice(lines, MAX_DETAILS)]
