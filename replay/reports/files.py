"""Reports as files: Markdown and HTML for people, JUnit for CI, JSON for scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from replay.errors import EnvironmentFailure
from replay.reports.details import FindingDetail
from replay.reports.faulty_parts import FaultyParts
from replay.reports.html_page import html_page
from replay.reports.junit import junit
from replay.reports.markdown import markdown
from replay.reports.sarif import sarif
from replay.runs.report import Report


def write_reports(
    report: Report,
    directory: Path,
    json_safe: Callable[[Any], Any],
    details: Sequence[FindingDetail] = (),
    faulty: FaultyParts | None = None,
) -> Path:
    """Writes report.md, report.html, junit.xml, report.json and report.sarif, each whole or not at
    all; gives the Markdown's path. What of one of them cannot be told is left out and noted in the
    report; the others do not lose it. Raises EnvironmentFailure where files cannot be written."""

    def document(one: Report) -> str:
        return json.dumps(json_safe(one.document()), indent=2, allow_nan=False) + "\n"

    forms: dict[str, Callable[[Report], str]] = {
        "report.json": document,
        "junit.xml": junit,
        "report.html": lambda one: html_page(one, details),
        "report.md": markdown,
        "report.sarif": sarif,
    }
    faulty = faulty or FaultyParts(report)
    many = len(report.untold)
    texts = _texts(forms, faulty)
    if len(report.untold) > many:
        # Once more, so that all of them tell what is not told.
        texts = _texts(forms, faulty)
    failed = None
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(directory, error) from error
    for name, text in texts.items():
        try:
            _write(directory, name, text)
        except OSError as error:
            failed = error
    if failed is not None:
        raise _unwritten(directory, failed) from failed
    return directory / "report.md"


def _texts(forms: Mapping[str, Callable[[Report], str]], faulty: FaultyParts) -> dict[str, str]:
    told = {name: faulty.told(name, form) for name, form in forms.items()}
    return {name: text for name, text in told.items() if text is not None}


def _write(directory: Path, name: str, text: str) -> None:
    temporary = directory / f".{name}.{os.getpid()}"
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(directory / name)
    finally:
        temporary.unlink(missing_ok=True)


def _unwritten(directory: Path, error: OSError) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"cannot write the report to {directory}: {error.strerror}", path=str(directory)
    )
