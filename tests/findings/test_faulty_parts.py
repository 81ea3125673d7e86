"""A fault of ours in one part of a report leaves that part out, and loses nothing else."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from report_makers import detail, full_report

from replay.errors import EnvironmentFailure
from replay.findings.account import CauseAccount
from replay.reports import html_page, junit, markdown, sarif
from replay.reports.faulty_parts import FaultyParts
from replay.reports.files import write_reports
from replay.reports.wording import difference_words, status_words
from replay.runs.report import FindingLine, Report
from replay.safe_text import json_safe

FORMS = {"junit.xml": junit, "report.html": html_page, "report.md": markdown, "report.sarif": sarif}
FILES = [*FORMS, "report.json"]


def fails(*arguments: Any) -> Any:
    raise TypeError("planted")


def written(report: Report, where: Path) -> list[str]:
    write_reports(report, where, json_safe, [detail(one.id) for one in report.findings])
    return sorted(path.name for path in where.iterdir())


@pytest.mark.parametrize("form", FILES)
def test_one_form_that_fails_is_no_loss_to_the_others(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "report.json":
        monkeypatch.setattr(Report, "document", fails)
    else:
        inner = {"junit.xml": "_add_properties", "report.html": "_lists", "report.md": "_facts",
                 "report.sarif": "_invocation"}  # fmt: skip
        monkeypatch.setattr(FORMS[form], inner[form], fails)
    report = full_report()
    assert written(report, tmp_path) == sorted(set(FILES) - {form})
    assert any(words.startswith(f"{form}: internal fault of doge-replay: TypeError: planted")
               for words in report.untold)  # fmt: skip
    assert report.exit_code == 3
    if form != "report.json":
        assert json.loads((tmp_path / "report.json").read_text())["untold"] == report.untold
    if form != "report.md":
        assert "not all of it is told" in (tmp_path / "report.md").read_text()


def test_a_finding_that_cannot_be_told_is_left_out_of_all_forms_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = full_report()
    bad, good = report.unexplained[0].id, report.unexplained[1].id

    def planted(inner: Any) -> Any:
        return lambda line, *rest: fails() if line.id == bad else inner(line, *rest)

    monkeypatch.setattr(FindingLine, "document", planted(FindingLine.document))
    monkeypatch.setattr(junit, "difference_words", planted(difference_words))
    monkeypatch.setattr(markdown, "status_words", planted(status_words))
    assert written(report, tmp_path) == sorted(FILES)
    for name in ("report.json", "junit.xml", "report.md"):
        assert any(words.startswith(f"{name}, {bad}: ") for words in report.untold)
        assert good in (tmp_path / name).read_text()
    assert json.loads((tmp_path / "report.json").read_text())["exit"] == 3
    assert f"{bad} " not in {
        case.get("name", "")[: len(bad) + 1]
        for case in ET.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    }
    assert bad in (tmp_path / "report.html").read_text()


def test_causes_that_cannot_be_told_lose_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = full_report()
    report.account = CauseAccount(())
    monkeypatch.setattr(CauseAccount, "document", fails)
    assert written(report, tmp_path) == sorted(FILES)
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["account"] is None
    assert len(document["divergences"]) == len(report.divergences)
    assert document["exit"] == 3


def test_each_fault_is_told_once() -> None:
    heard: list[str] = []
    report = full_report()
    faulty = FaultyParts(report, heard.append)
    for _ in range(3):
        assert faulty.told("the list", fails) is None
    assert heard == report.untold
    assert len(heard) == 1 + len(report.findings)
    assert all("\n" not in words and "test_faulty_parts.py" in words for words in heard)


def test_files_that_cannot_be_written_are_no_loss_to_the_others(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").mkdir()
    with pytest.raises(EnvironmentFailure, match="cannot write the report"):
        write_reports(full_report(), tmp_path, json_safe)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(
        set(FILES) - {"junit.xml"}
    )
