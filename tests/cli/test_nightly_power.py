"""A nightly measures its power in its share of the time; its reports begin with what it means."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cli_support import doge

from replay.cli.nightly_command import _power_share as share_of
from replay.fuzzing.mix import Mix
from replay.runs.power_share import PowerShare, power_apart
from replay.settings import load_settings


def test_the_share_is_a_twentieth_of_a_night_that_is_long_enough() -> None:
    share = share_of(10.0, None, None)
    assert share is not None
    assert share.seconds == 30.0
    assert share_of(1.0, None, None) is None
    assert share_of(60.0, None, 0.0) is None
    assert share_of(60.0, 1000, None) is None
    assert share_of(60.0, 1000, 5.0) == PowerShare(None, 40, 1000)


def test_what_cannot_be_measured_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    executable = load_settings(authority="/bin/true", db="d.db")
    said = power_apart(executable, Mix.ALL, 1, PowerShare(1.0, 1))
    assert said == {"headline": "not measured: the authority has no Python source to edit"}
    (tmp_path / "ends.py").write_text("import os\nos._exit(9)\n")
    ending = load_settings(authority=str(tmp_path / "ends.py"), db="d.db")
    assert power_apart(ending, Mix.ALL, 1, PowerShare(1.0, 1))["headline"] == "not measured: exit 9"


def test_reports_of_a_night_begin_with_what_it_means(tmp_path: Path) -> None:
    ran = doge(
        *(tmp_path, "nightly", "--max-transitions", 600, "--seed", 3, "--power", 5, "--jobs", 1),
        *("--shadow", "python", "--corpus", "own", "--report-dir", "reports"),
    )
    assert ran.code == 0, ran.err
    assert "of 40 edits drawn" in ran.out
    assert re.search(r"so in no bound: (\w+\.[\w.]+, )*\w+\.[\w.]+$", ran.out, re.MULTILINE)
    document = json.loads((tmp_path / "reports" / "report.json").read_text())
    assert document["power"]["drawn"] == 40
    top = (tmp_path / "reports" / "report.md").read_text().splitlines()[:6]
    assert any("What this means" in line and "at least" in line for line in top)
    assert "of 40 edits drawn" in (tmp_path / "reports" / "report.html").read_text()
