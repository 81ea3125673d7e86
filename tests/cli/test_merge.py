"""`merge`: what it would do, what it does, where the merged IDs lead, and taking it back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli_support import doge

EXAMPLES = Path(__file__).parents[2] / "examples"
JOURNAL, FORGETS = EXAMPLES / "journal.jsonl", EXAMPLES / "forgets_fees.py"
ONE, OTHER = "d-b96bf98f", "d-6e01b049"
"""One fault in two buckets: where an entry fills, and where a cycle is booked."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the forgetful core and the real executable differ in."""
    folder = tmp_path_factory.mktemp("found")
    assert doge(folder, "run", JOURNAL, "--authority", FORGETS).code == 1
    return folder


@pytest.fixture
def folder(found: Path, tmp_path: Path) -> Path:
    shutil.copy(found / "divergences.db", tmp_path)
    return tmp_path


def test_a_merge_is_shown_made_kept_and_taken_back(folder: Path) -> None:
    one, other = ONE, OTHER
    before = {found["id"]: found for found in doge(folder, "list", "--json").json}
    content = (folder / "divergences.db").read_bytes()
    preview = doge(folder, "merge", one, "--into", other)
    assert preview.code == 0
    assert f"merges   {one}: " in preview.out
    assert f"{before[one]['occurrences']} occurrences in 1 run" in preview.out
    assert "nothing is changed yet: --yes does it" in preview.out
    assert (folder / "divergences.db").read_bytes() == content

    done = doge(folder, "merge", one, "--into", other, "--yes", "--why", "one fee", "--json")
    assert (done.code, done.json["into"], done.json["done"]) == (0, other, True)
    assert [source["id"] for source in done.json["merged"]] == [one]
    after = {found["id"]: found for found in doge(folder, "list", "--json").json}
    assert after.keys() == before.keys() - {one}
    both = before[one]["occurrences"] + before[other]["occurrences"]
    assert after[other]["occurrences"] == both
    shown = doge(folder, "show", one)
    assert shown.out.startswith(f"{one} was merged into {other}\n{other}: ")
    assert f"merged     {one}" in shown.out
    assert f"{one} was merged into it: one fee" in shown.out

    again = doge(folder, "run", JOURNAL, "--authority", FORGETS, "--json")
    counts = {found["id"]: found["occurrences"] for found in again.json["divergences"]}
    assert one not in counts
    assert counts[other] == both
    ran = doge(folder, "repro", one, "--authority", FORGETS, "--json")
    assert (ran.code, ran.json["id"]) == (1, other)

    undone = doge(folder, "merge", one, "--undo", "--yes")
    assert undone.code == 0
    assert f"{one} is a finding of its own again" in undone.out
    back = {found["id"]: found for found in doge(folder, "list", "--json").json}
    assert back[one]["occurrences"] == before[one]["occurrences"]
    assert back[other]["occurrences"] == before[other]["occurrences"] + both


def test_a_merge_that_makes_no_sense_is_one_line_and_2(folder: Path) -> None:
    one, other = ONE, OTHER
    for arguments, word in (
        ((one, "--into", one), "cannot be merged into itself"),
        ((one, "--into", "d-00000000"), "there is no finding"),
        ((one,), "give either --into ID or --undo"),
        ((one, "--into", other, "--undo"), "give either --into ID or --undo"),
        ((one, "--undo"), "was not merged into another"),
    ):
        for more in ((), ("--yes",)):
            ran = doge(folder, "merge", *arguments, *more)
            assert ran.code == 2
            assert word in ran.line
    assert doge(folder, "show", one, "--json").json["history"] == []
