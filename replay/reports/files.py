"""Reports as files: Markdown and HTML for people, JUnit for CI, JSON for scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from replay.errors import EnvironmentFailure
from replay.reports.details import FindingDetail
from replay.reports.html_page import html_page
from replay.reports.junit import junit
from replay.reports.markdown import markdown
from replay.reports.sarif import sarif
from replay.runs.report import Report


def write_reports(
    report: Report,
    directory: Path,
    json_safe: Callable[[Any], Any],
    details: Iterable[FindingDetail] = (),
) -> Path:
    """Writes report.md, report.html, junit.xml, report.json and report.sarif, each whole or not at
    all; gives the Markdown's path. Raises EnvironmentFailure where that is not possible."""
    document = json.dumps(json_safe(report.document()), indent=2, allow_nan=False) + "\n"
    files = {
        "report.json": document,
        "junit.xml": junit(report),
        "report.html": html_page(report, details),
        "report.md": markdown(report),
        "report.sarif": sarif(report),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            temporary = directory / f".{name}.{os.getpid()}"
            try:
                temporary.write_text(text, "utf-8")
                temporary.replace(directory / name)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot write the report to {directory}: {error.strerror}", path=str(directory)
        ) from error
    return directory / "report.md"
