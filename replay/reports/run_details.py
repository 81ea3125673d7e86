"""What the HTML report shows of single findings."""

from __future__ import annotations

from itertools import islice

from replay.findings.store.store import Store
from replay.reports.details import FindingDetail
from replay.reports.faulty_parts import FaultyParts
from replay.reports.finding_details import detail_of
from replay.runs.report import Group, Report

MAX_DETAILS = 400
"""Findings that are read in full: more than a page has room for."""


def details_of(
    store: Store, report: Report, faulty: FaultyParts | None = None
) -> list[FindingDetail]:
    """What the store has of a run's findings, the worst of each group first. One that cannot be
    told is left out, and noted in the report."""
    faulty = faulty or FaultyParts(report)
    details: list[FindingDetail] = []
    lines = (line for group in Group for line in report.group(group))
    for line in islice(lines, MAX_DETAILS):
        try:
            details.append(detail_of(store.finding(line.id)))
        except Exception as error:
            faulty.note(f"the case of {line.id}", error)
    return details
