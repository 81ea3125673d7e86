"""`list`, `show`, `repro` and `export` of what a run with a faulty shadow has stored."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import Faulty, doge, environment


def test_the_run_was_1(faulty: Faulty) -> None:
    assert faulty.ran.code == 1
    assert len(faulty.ids) >= 1


def test_list_and_show(faulty: Faulty) -> None:
    listed = doge(faulty.folder, "list")
    assert listed.code == 0
    for one in doge(faulty.folder, "list", "--json").json:
        assert one["id"] in listed.out
        assert one.keys() >= {"event", "rule", "field", "kind", "occurrences", "steps", "verdict"}
        shown = doge(faulty.folder, "show", one["id"])
        assert shown.code == 0
        assert "state.total_fees" in shown.out
        assert f"doge-replay repro {one['id']}" in shown.out
        assert "j.jsonl slot " in shown.out
        short = doge(faulty.folder, "show", one["id"][:6], "--json").json
        assert short["id"] == one["id"]
        assert short["differences"]
        assert short["places"]
        assert short["case"]["steps"]


@pytest.mark.parametrize("command", ["show", "repro", "export"])
@pytest.mark.parametrize("given", ["d-00000000", "d-", "x\x1b[31m", "../../etc/passwd"])
def test_an_id_that_is_not_there_is_2(faulty: Faulty, command: str, given: str) -> None:
    ran = doge(faulty.folder, command, given)
    assert ran.code == (2 if given != "d-" or len(faulty.ids) != 1 else ran.code)
    if ran.code == 2:
        assert ran.line


@pytest.mark.parametrize("command", [["list"], ["show", "d-1"], ["export", "d-1"], ["repro", "d"]])
def test_without_a_database_it_is_2_and_none_is_made(tmp_path: Path, command: list[str]) -> None:
    ran = doge(tmp_path, *command, "--json")
    assert ran.code == 2
    assert "divergences.db" in ran.line
    assert list(tmp_path.iterdir()) == []


def test_repro_needs_only_the_database(faulty: Faulty, tmp_path: Path) -> None:
    faulty.copy(tmp_path)
    for one in faulty.ids:
        ran = doge(tmp_path, "repro", one, "--shadow", faulty.shadow)
        assert (ran.code, ran.err) == (1, "")
        assert "!=" in ran.out
        assert "the cores diverge" in ran.out
        found = doge(tmp_path, "repro", one[:5], "--shadow", faulty.shadow, "--json")
        assert (found.code, found.json["exit"], found.json["id"]) == (1, 1, one)
        assert found.json["differences"]
        fixed = doge(tmp_path, "repro", one)
        assert fixed.code == 0
        assert "the cores agree" in fixed.out
        assert doge(tmp_path, "repro", one, "--json").json["exit"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["divergences.db"]


def test_an_exported_case_is_enough(faulty: Faulty, tmp_path: Path) -> None:
    one = faulty.ids[0]
    to_file = doge(faulty.folder, "export", one, "--anyway", "-o", tmp_path / "case.json")
    assert (to_file.code, to_file.out) == (0, "")
    document = json.loads((tmp_path / "case.json").read_text())
    assert document == doge(faulty.folder, "export", one, "--anyway", "--json").json
    assert document["name"] == one
    assert document["expected"]["phase"]
    ran = doge(tmp_path, "repro", "case.json", "--shadow", faulty.shadow)
    assert ran.code == 1
    assert "!=" in ran.out
    assert doge(tmp_path, "repro", "case.json").code == 0
    again = doge(tmp_path, "run", "case.json", "--shadow", faulty.shadow, "--json")
    assert [found["id"] for found in again.json["divergences"]] == [one]
    refused = doge(faulty.folder, "export", one, "--anyway", "-o", tmp_path / "case.json")
    assert refused.code == 3
    assert "case.json" in refused.line


def test_the_printed_command_works_as_it_is(faulty: Faulty) -> None:
    for one in faulty.ran.json["divergences"]:
        program, *rest = shlex.split(one["command"])
        assert program == "doge-replay"
        command = one["command"].replace(program, str(Path(sys.executable).with_name(program)), 1)
        done = subprocess.run(
            ["sh", "-c", command], cwd=faulty.folder, env=environment(), capture_output=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr == b""
        assert one["id"] in rest


def test_a_core_that_cannot_run_is_3(faulty: Faulty, tmp_path: Path) -> None:
    one = faulty.ids[0]
    text = tmp_path / "text"
    text.write_text("no program")
    for shadow in (text, tmp_path):
        ran = doge(faulty.folder, "repro", one, "--shadow", shadow)
        assert ran.code == 3
        assert ran.line
    assert doge(faulty.folder, "repro", one, "--shadow", "./nowhere").code == 2


def test_repro_takes_one_stream(faulty: Faulty, tmp_path: Path) -> None:
    ran = doge(tmp_path, "repro", faulty.folder / "j.jsonl")
    assert ran.code == 2
    assert "2 streams" in ran.line
    (tmp_path / "broken.json").write_text("{")
    assert "broken.json" in doge(tmp_path, "repro", "broken.json").line
