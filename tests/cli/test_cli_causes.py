"""`doge-replay causes`, as a person or a script runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli_support import Ran, doge
from support.ports.making import executable

ALL_IT_NEEDS = ("--seconds", 200, "--generate", 0)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with what a shadow does that cuts fractions where ints are asked for."""
    return _met(tmp_path_factory.mktemp("causes"))


def _met(folder: Path) -> Path:
    """A run that finds it, with nothing known of its causes yet."""
    request = {
        "method": "transition",
        "state": {"market_price": 0.1, "now": 0.0, "cycle_a": 2.5},
        "event": {"timestamp": 5.0},
        "config": {},
        "order_size_usd": 2.0,
        "order_sizes": None,
    }
    (folder / "requests.jsonl").write_text(json.dumps(request) + "\n", "utf-8")
    ran = _causes(folder, "run", folder / "requests.jsonl")
    assert ran.code == 1
    return folder


@pytest.fixture(scope="module")
def accounted(found: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after its causes were looked for."""
    folder = tmp_path_factory.mktemp("accounted") / "f"
    shutil.copytree(found, folder)
    assert _causes(folder, "causes", *ALL_IT_NEEDS).code == 0
    return folder


def _causes(folder: Path, *arguments: object) -> Ran:
    shadow = executable(folder / "shadow", ("fractions-are-cut",))
    return doge(folder, *arguments, "--shadow", shadow)


def test_the_list_names_each_cause_and_ends_with_the_account(found: Path) -> None:
    ran = _causes(found, "causes", *ALL_IT_NEEDS)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("c-")
    assert "reading: the shadow answers as if" in lines[0]
    assert lines[0].endswith("were cut to an int")
    assert any(line.startswith("  case       doge-replay repro d-") for line in lines)
    assert lines[-1].startswith("with 1 cause the Python core gave the shadow's answer at ")


def test_as_json_and_with_nothing_stored(found: Path, tmp_path: Path) -> None:
    ran = _causes(found, "causes", "--json", *ALL_IT_NEEDS)
    (cause,) = ran.json["causes"]
    assert (cause["kind"], cause["verified"], ran.json["left"]) == ("reading", True, {})
    assert ran.json["kept_right"] == ran.json["kept"] > 0
    ran = _causes(tmp_path, "causes", "--json", *ALL_IT_NEEDS)
    assert ran.code == 2  # there is no database
    nothing = ("--seconds", 0.001, "--generate", 0, "--write", "new.toml")
    (tmp_path / "f").mkdir()
    ran = _causes(_met(tmp_path / "f"), "causes", *nothing)
    assert "no cause can be written as an explanation: not written: new.toml" in ran.err
    assert not (tmp_path / "f" / "new.toml").exists()


def test_what_was_not_seen_again_is_told_and_is_no_green(
    found: Path, tmp_path: Path, core_exe: str
) -> None:
    shutil.copytree(found, tmp_path / "f")
    mended = ("--shadow", core_exe, "--trust")
    ran = doge(tmp_path / "f", "causes", *ALL_IT_NEEDS, *mended)
    assert ran.code == 1
    assert "not seen: 1 bucket agreed at each kept occurrence, asked as one step" in ran.out


def test_lists_and_show_go_by_cause_once_causes_are_known(found: Path, accounted: Path) -> None:
    before = doge(found, "list", "--buckets").out
    (finding,) = doge(accounted, "list", "--json").json
    (one,) = finding["causes"]
    cause = doge(accounted, "show", one, "--json").json
    lines = doge(accounted, "list").out.splitlines()
    assert lines[1].startswith(one)
    told = f"{len(cause['findings'])} of {len(cause['findings'])} stored bucket"
    (line,) = [line for line in lines if line.startswith(told)]
    assert " accounted for by the verified causes of " in line
    assert doge(accounted, "list", "--buckets").out == before
    shown = doge(accounted, "show", finding["id"]).out
    assert f"cause      {one}: as if {cause['says'][:20]}" in shown


def test_a_cause_is_triaged_fixed_and_comes_back(accounted: Path, tmp_path: Path) -> None:
    here = tmp_path / "f"
    shutil.copytree(accounted, here)
    (finding,) = doge(here, "list", "--json").json
    (one,) = finding["causes"]
    ran = doge(here, "triage", one, "--owner", "ben", "--note", "as agreed", "--who", "Anna")
    assert ran.out.splitlines() == [
        f"{one}: triaged, severity that of its buckets, owner ben", "note       as agreed"
    ]  # fmt: skip
    ran = _causes(here, "recheck", one, "--json")
    assert (ran.code, ran.json["fixed"], len(ran.json["divergences"])) == (1, [], 1)
    good = ("--shadow", executable(here / "good", ()))
    assert doge(here, "recheck", one, *good, "--json").json["fixed"] == [one]
    assert "triaged" not in doge(here, "list").out.splitlines()[1]
    shown = doge(here, "show", one).out
    assert "status     fixed" in shown
    assert "owner      ben" in shown
    ran = _causes(here, "recheck")
    assert ran.code == 1
    assert f"  back       {one}" in ran.out.splitlines()
    assert doge(here, "show", one, "--json").json["status"] == "regressed"
    assert doge(here, "show", "c-0000").code == 2
    assert doge(here, "doctor").code == 0


def test_a_night_with_causes_has_them_in_every_report(found: Path, tmp_path: Path) -> None:
    shutil.copytree(found, tmp_path / "f")
    ran = _causes(tmp_path / "f", "nightly", "--minutes", 30, "--max-transitions", 300, "--profile",
                  "live", "--jobs", 1, "--report-dir", "reports")  # fmt: skip
    report = json.loads((tmp_path / "f" / "reports" / "report.json").read_text("utf-8"))
    causes = report["account"]["causes"]
    assert causes
    assert ran.code == report["exit"] == 1, ran.err
    assert any(line.startswith("  case       ") for line in ran.out.splitlines())
    assert all(f"\n{cause['id']}  {cause['kind']}: " in ran.out for cause in causes)
    assert doge(tmp_path / "f", "list", "--json").json[0]["causes"] == [causes[0]["id"]]
    for name in ("report.md", "report.html", "report.json", "junit.xml"):
        text = (tmp_path / "f" / "reports" / name).read_text("utf-8")
        assert all(cause["id"] in text for cause in causes)


def test_a_green_night_and_one_without_causes_spend_nothing_on_them(
    found: Path, tmp_path: Path
) -> None:
    shutil.copytree(found, tmp_path / "f")
    night = ("nightly", "--minutes", 30, "--max-transitions", 300, "--profile", "live", "--jobs", 1)
    assert _causes(tmp_path / "f", *night, "--causes", 0, "--json").json["account"] is None
    good = ("--shadow", executable(tmp_path / "good", ()))
    assert doge(tmp_path / "f", *night, *good, "--json").json["account"] is None


def test_an_old_file_is_not_written_over(found: Path) -> None:
    (found / "known.toml").write_text("mine", "utf-8")
    ran = _causes(found, "causes", "--write", found / "known.toml")
    assert ran.code == 2
    assert (found / "known.toml").read_text("utf-8") == "mine"
