"""`triage`, what `show` then says, and the filters of `list`."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli_support import Faulty, doge

HOSTILE = "\x1b[31m[bold]<script>alert(1)</script>\u202e|`x`\n../../etc/passwd"


@pytest.fixture
def folder(faulty: Faulty, tmp_path: Path) -> Path:
    """A place of its own with the database of a run with a faulty shadow."""
    return faulty.copy(tmp_path)


def listed(folder: Path, *arguments: object) -> list[dict[str, Any]]:
    ran = doge(folder, "list", "--json", *arguments)
    assert ran.code == 0
    return list(ran.json)


def test_triage_is_shown_with_who_and_when(faulty: Faulty, folder: Path) -> None:
    one = faulty.ids[0]
    said = ("--owner", "ben", "--severity", "texts", "--note", "rounds half up")
    ran = doge(folder, "triage", one[:6], *said, "--who", "Anna Berg")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"{one}: triaged, severity texts, owner ben", "note       rounds half up"
    ]  # fmt: skip
    again = doge(folder, "triage", one, "--owner", "carla", "--who", "Dan", "--json")
    assert (again.json["status"], again.json["owner"]) == ("triaged", "carla")
    shown = doge(folder, "show", one).out
    assert "status     triaged" in shown
    assert "severity   texts, set by hand (its cases say money), on the hot path" in shown
    assert "owner      carla" in shown
    assert "note       rounds half up" in shown
    assert shown.index("Anna Berg: severity texts, owner ben") < shown.index("Dan: owner carla")
    document = doge(folder, "show", one, "--json").json
    assert [entry["who"] for entry in document["history"]] == ["Anna Berg", "Dan"]
    assert [entry["status"] for entry in document["history"]] == ["triaged", "triaged"]
    assert document["history"][0]["note"] == document["note"] == "rounds half up"
    assert (document["severity"], document["computed_severity"]) == ("texts", "money")


def test_who_is_asked_of_git_and_then_of_the_system(faulty: Faulty, folder: Path) -> None:
    one = faulty.ids[0]
    alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", "init", "-q", folder], check=True)
    doge(folder, "triage", one, "--owner", "a", env=alone)
    subprocess.run(["git", "-C", folder, "config", "user.name", "Gitta"], check=True)
    doge(folder, "triage", one, "--owner", "b", env=alone)
    doge(folder, "triage", one, "--owner", "c", env={**alone, "PATH": "", "LOGNAME": "lena"})
    history = doge(folder, "show", one, "--json").json["history"]
    assert [entry["who"] for entry in history] == [getpass.getuser(), "Gitta", "lena"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "nothing to note"),
        (["--note", "x" * 4001], "the note has 4,001 characters; 4,000 are the most"),
        (["--owner", "x" * 201], "the owner has 201 characters"),
        (["--owner", "x", "--who", "x" * 201], "who has 201 characters"),
        (["--severity", "bad"], "'bad'"),
    ],
    ids=["nothing", "note", "owner", "who", "severity"],
)
def test_what_cannot_be_noted_is_2_and_changes_nothing(
    faulty: Faulty, folder: Path, arguments: list[str], word: str
) -> None:
    before = (folder / "divergences.db").read_bytes()
    ran = doge(folder, "triage", faulty.ids[0], *arguments)
    assert ran.code == 2
    assert word in ran.line
    assert (folder / "divergences.db").read_bytes() == before


def test_without_a_database_none_is_made(tmp_path: Path) -> None:
    ran = doge(tmp_path, "triage", "d-1", "--note", "x")
    assert ran.code == 2
    assert "there is no database" in ran.line
    assert list(tmp_path.iterdir()) == []


def test_hostile_texts_are_kept_and_printed_harmlessly(faulty: Faulty, folder: Path) -> None:
    """`doge` itself looks for escapes in all that is printed."""
    one = faulty.ids[0]
    ran = doge(folder, "triage", one, "--note", HOSTILE, "--owner", HOSTILE, "--who", HOSTILE)
    assert ran.code == 0
    document = doge(folder, "show", one, "--json").json
    assert document["note"] == document["owner"] == document["history"][0]["who"] == HOSTILE
    for command in (["show", one], ["list"]):
        shown = doge(folder, *command)
        assert shown.code == 0
        assert "\\x1b[31m" in shown.out
        assert "[bold]" in shown.out
    long = "y" * 3990
    doge(folder, "triage", one, "--note", long)
    assert "(3990 characters)" in doge(folder, "show", one).out
    assert doge(folder, "show", one, "--json").json["note"] == long


def test_list_has_the_worst_first_and_filters(faulty: Faulty, folder: Path) -> None:
    one, *_ = faulty.ids
    before = listed(folder)
    assert {found["status"] for found in before} == {"new"}
    assert {found["severity"] for found in before} == {"money"}
    assert doge(folder, "triage", one, "--severity", "orders", "--owner", "ben").code == 0
    after = listed(folder)
    assert after[0]["id"] == one
    assert len(after) == len(before)
    others = {found["id"] for found in after} - {one}
    for arguments, wanted in (
        (("--status", "triaged"), {one}),
        (("--status", "new"), others),
        (("--status", "new", "--status", "triaged"), {one, *others}),
        (("--severity", "orders"), {one}),
        (("--owner", "ben"), {one}),
        (("--owner", ""), others),
        (("--hot",), {one, *others}),
        (("--event", "FillEvent"), {one, *others}),
        (("--event", "check_invariants"), set()),
        (("--status", "flaky", "--hot"), set()),
    ):
        assert {found["id"] for found in listed(folder, *arguments)} == wanted, arguments
    table = doge(folder, "list").out
    assert table.splitlines()[1].startswith(one)
    assert "triaged, ben" in table
    assert "orders, hot" in table
    none = doge(folder, "list", "--status", "flaky")
    assert (none.code, none.out) == (0, f"none of the {len(after)} stored findings is like that\n")
    wrong = doge(folder, "list", "--event", "Fill")
    assert wrong.code == 2
    assert "FillEvent" in wrong.line
