"""What of a package is made of its verdict and cases: pages, notes, charts, figures.

`evidence` writes these members, and `evidence verify` makes them again from what is in the package
and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from replay.gate.package.notes import case_file, log_file, notes_markdown, notes_of
from replay.gate.package.package import json_bytes
from replay.gate.package.page import causes_page, charts_of, course_picture, evidence_page
from replay.gate.package.record import record_document
from replay.gate.package.rerun import Case
from replay.gate.telemetry.counts import SUMMARISED, counts_document, counts_of
from replay.gate.verdict import GateVerdict
from replay.gate.verdict_text import markdown

CASES = "cases.json"
"""What the notes say of each case, besides what its bundle and log have."""

CHART = "charts/course.svg"
CAUSES, CAUSES_PAGE = "causes.json", "causes.html"
"""What is known of the causes; in a package only where they were looked for."""


def members_of(
    verdict: GateVerdict, cases: Sequence[Case], manifest: Mapping[str, Any]
) -> dict[str, bytes]:
    """All members but the telemetry, the explanations and the manifest."""
    timeline, notes = verdict.timeline, notes_of(verdict, cases)
    counts = counts_of(timeline)
    summary = {name: counts[name].all for name in SUMMARISED}
    drawn = charts_of(timeline)
    page = evidence_page(verdict, counts, notes, manifest, drawn)
    members = {
        "index.html": page.encode("utf-8", "backslashreplace"),
        "counts.json": json_bytes(counts_document(timeline)),
        "verdict.json": json_bytes(verdict.document()),
        "verdict.md": markdown(verdict).encode("utf-8", "backslashreplace"),
        "triage.md": notes_markdown(notes, summary).encode("utf-8", "backslashreplace"),
        CHART: course_picture(drawn).encode("utf-8", "backslashreplace"),
        CASES: json_bytes([_said_of(case) for case in cases]),
    }
    if verdict.replayed is not None:
        members["replay.json"] = json_bytes(record_document(verdict.replayed), indent=None)
        known = verdict.replayed.known_causes
        if known.causes:
            members[CAUSES] = json_bytes(known.document())
            members[CAUSES_PAGE] = causes_page(known, verdict.replayed.buckets).encode(
                "utf-8", "backslashreplace"
            )
    for case in cases:
        members[case_file(case.id)] = case.bundle
        members[log_file(case.id)] = case.log.encode("utf-8", "backslashreplace")
    return members


def _said_of(case: Case) -> dict[str, Any]:
    said = case._asdict()
    del said["bundle"], said["log"]
    return said


def cases_in(document: Any, read: Callable[[str], bytes]) -> list[Case]:
    """The cases that a package has, by what CASES says; `read` gives a member. Raises ValueError
    where it has another form."""
    cases: list[Case] = []
    for said in document:
        texts = ("id", "owner", "note")
        lists = ("history", "lines")
        if (
            not isinstance(said, dict)
            or said.keys() != {*texts, *lists, "shown"}
            or not all(isinstance(said[name], str) for name in texts)
            or not all(isinstance(said[name], list) for name in lists)
            or not all(isinstance(line, str) for name in lists for line in said[name])
            or type(said["shown"]) is not int
            or any(said["id"] == case.id for case in cases)
        ):
            raise ValueError(f"{CASES} has another form")
        bundle, log = read(case_file(said["id"])), read(log_file(said["id"])).decode()
        owner, note, history = said["owner"], said["note"], tuple(said["history"])
        shown, lines = said["shown"], tuple(said["lines"])
        cases.append(Case(said["id"], bundle, log, shown, owner, note, history, lines))
    return cases
