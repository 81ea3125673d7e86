"""A night in which doge-replay itself fails while it tells of it still tells all the rest."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_support import Faulty

from replay.cli import cause_listing, nightly_command, run_report
from replay.cli.main import run_cli
from replay.explaining.causes.found import Account
from replay.explaining.causes.inquiry import Inquiry
from replay.reports import junit, run_details
from replay.reports.finding_details import detail_of
from replay.runs.nightly import rerun_stored

FILES = ["junit.xml", "report.html", "report.json", "report.md", "report.sarif"]
FAULT = re.compile(r"doge-replay: (.*): internal fault of doge-replay: TypeError: planted \(.*\); "
                   r"please report it with what `.*` says, and with (.*fault-.*\.txt)")  # fmt: skip


def fails(*arguments: Any, **named: Any) -> Any:
    raise TypeError("planted")


class Told:
    """What a night told, and how it ended."""

    def __init__(self, code: int, out: str, err: str, reports: Path) -> None:
        self.code, self.out = code, out
        self.faults = [found for line in err.splitlines() if (found := FAULT.fullmatch(line))]
        self.reports = sorted(path.name for path in reports.iterdir())

    @property
    def parts(self) -> list[str]:
        return [found[1] for found in self.faults]


@pytest.fixture
def night(
    faulty: Faulty,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    """Runs the shortest night, which asks what is stored once more, in this very process."""
    monkeypatch.setattr(nightly_command, "run_night", lambda night, *_: rerun_stored(night))
    monkeypatch.chdir(faulty.copy(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(faulty.shadow.parent, tmp_path / "botcore")

    def run(*more: object) -> Told:
        code = run_cli([
            *("nightly", "--max-transitions", "300", "--seed", "3", "--jobs", "1"),
            *("--minutes", "30", "--shadow", "botcore/__init__.py", "--corpus", "own"),
            *("--report-dir", "reports", *map(str, more)),
        ])  # fmt: skip
        captured = capsys.readouterr()
        return Told(code, captured.out, captured.err, tmp_path / "reports")

    return run


def whole(told: Told) -> bool:
    """Whether the summary is there from its first line to its last part."""
    return told.out.startswith("nightly: ") and "\nnext\n" in told.out


def test_the_case_of_one_finding(
    night: Any, faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = faulty.ids[0]
    monkeypatch.setattr(
        run_details, "detail_of", lambda one: fails() if one.id == bad else detail_of(one)
    )
    told = night("--causes", 0)
    assert (told.code, told.reports, told.parts) == (3, FILES, [f"the case of {bad}"])
    assert whole(told)
    assert "planted" in Path(told.faults[0][2]).read_text()


def test_the_row_of_one_finding(
    night: Any, faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, row = faulty.ids[0], run_report._row
    monkeypatch.setattr(
        run_report, "_row", lambda one, group: fails() if one.id == bad else row(one, group)
    )
    told = night("--causes", 0)
    assert (told.code, told.reports, told.parts) == (3, FILES, [f"the summary, {bad}"])
    assert whole(told)
    assert all(one in told.out for one in faulty.ids)


def test_one_form(night: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "_add_checks", fails)
    told = night("--causes", 0)
    assert (told.code, told.reports) == (3, FILES[1:])
    assert told.parts[0] == "junit.xml"
    assert whole(told)


@pytest.mark.parametrize("place", ["search", "words", "store"])
def test_the_list_of_causes(night: Any, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name = {
        "search": (Inquiry, "run"),
        "words": (cause_listing.Listing, "_told"),
        "store": (nightly_command, "record"),
    }[place]
    monkeypatch.setattr(Inquiry, "run", lambda search: Account())
    monkeypatch.setattr(where, name, fails)
    told = night("--causes", 1)
    assert (told.code, told.reports, told.parts) == (3, FILES, ["the list of causes"])
    assert whole(told)


def test_a_part_of_the_summary(night: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_report, "_say_exercised", fails)
    told = night("--causes", 0)
    assert (told.code, told.reports, told.parts) == (3, FILES, ["the summary"])
    assert whole(told)
