"""Reports as files: all four, each whole or not at all."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from report_makers import detail, evil_details, evil_report, full_report

from replay.errors import EnvironmentFailure
from replay.reports.files import write_reports
from replay.safe_text import json_safe

FILES = ["junit.xml", "report.html", "report.json", "report.md", "report.sarif"]


def test_all_four_are_written_and_say_the_same(tmp_path: Path) -> None:
    report = full_report()
    where = tmp_path / "a" / "reports"
    written = write_reports(report, where, json_safe, [detail(one.id) for one in report.findings])
    assert written == where / "report.md"
    assert sorted(path.name for path in where.iterdir()) == FILES
    assert json.loads((where / "report.json").read_text()) == json_safe(report.document())
    assert ET.parse(where / "junit.xml").getroot().get("failures") == "7"
    for name in ("report.md", "report.html"):
        assert "1 explanation that does not hold, 4 divergences" in (where / name).read_text()
    assert "and 54 values that are alike" in (where / "report.html").read_text()


def test_former_reports_are_replaced(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_text("x" * 1_000_000)
    write_reports(full_report(), tmp_path, json_safe)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    assert all("xxxx" not in (tmp_path / name).read_text() for name in FILES)


def test_a_directory_that_cannot_be_written_to_is_a_failure_of_the_environment(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailure, match=r"cannot write the report to .*file/below"):
        write_reports(full_report(), tmp_path / "file" / "below", json_safe)


def test_evil_texts_can_be_written(tmp_path: Path) -> None:
    report = evil_report()
    write_reports(report, tmp_path, json_safe, evil_details(report))
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
