"""`split` with the real cores: preview, what moves, later runs, and taking it back."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli_support import FEE, doge, faulty_core, script
from stream_makers import write

NAME = "large fills"


@dataclass(frozen=True)
class Found:
    """A database that runs with a faulty authority have left, the bucket of filled entries there,
    and a condition that some of its occurrences meet."""

    folder: Path
    authority: Path
    id: str
    where: str

    def copy(self, folder: Path) -> Path:
        for name in ("divergences.db", "j.jsonl"):
            shutil.copy(self.folder / name, folder)
        return folder

    def split(self, folder: Path, *more: object, where: str | None = None) -> Any:
        condition = self.where if where is None else where
        return doge(folder, "split", self.id, "--where", condition, "--name", NAME,
                    "--authority", self.authority, *more)  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]]) -> Found:
    """The shadow is the real executable."""
    folder = tmp_path_factory.mktemp("found")
    authority = faulty_core(folder, FEE)
    write(folder / "j.jsonl", lines)
    ran = doge(folder, "run", "j.jsonl", "--authority", authority, "--json")
    assert ran.code == 1
    (bucket, *_) = sorted(ran.json["divergences"], key=lambda one: -one["occurrences"])
    fees = sorted(
        line["event"]["payload"]["fee"]
        for line in lines
        if "fee" in line.get("event", {}).get("payload", {})
    )
    middle = (fees[len(fees) // 2 - 1] + fees[len(fees) // 2]) / 2
    return Found(folder, authority, bucket["id"], f"call.fee > {middle!r}")


def stored(folder: Path) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in doge(folder, "list", "--json").json}


def test_the_preview_says_what_would_move_and_changes_nothing(found: Found, tmp_path: Path) -> None:
    folder = found.copy(tmp_path)
    before = (folder / "divergences.db").read_bytes()
    ran = found.split(folder)
    assert (ran.code, ran.err) == (0, "")
    assert "nothing is changed yet: --yes does it" in ran.out
    document = found.split(folder, "--json").json
    assert (document["id"], document["name"], document["done"]) == (found.id, NAME, False)
    moves, stays = document["moves"], document["stays"]
    assert moves["cases"] >= 1
    assert stays["cases"] >= 1
    assert document["undecided"] == []
    total = moves["occurrences"] + stays["occurrences"] + document["counted_only"]
    assert total == stored(folder)[found.id]["occurrences"]
    assert f"to {document['part']}, {NAME}" in ran.out
    assert (folder / "divergences.db").read_bytes() == before


def test_a_split_is_kept_through_later_runs_and_can_be_taken_back(
    found: Found, tmp_path: Path
) -> None:
    folder = found.copy(tmp_path)
    whole = stored(folder)[found.id]["occurrences"]
    done = found.split(folder, "--yes", "--why", "two bugs", "--who", "anna", "--json").json
    part = done["part"]
    assert done["done"]
    after = stored(folder)
    assert after[part]["occurrences"] == done["moves"]["occurrences"]
    assert after[part]["occurrences"] + after[found.id]["occurrences"] == whole
    assert after[part]["part"] == NAME
    assert after[part]["minimised"]
    assert after[found.id]["minimised"]
    for one in (part, found.id):
        shown = doge(folder, "show", one, "--json").json
        assert shown["history"][-1]["who"] == "anna"
        assert shown["history"][-1]["why"].endswith("two bugs")
        ran = doge(folder, "repro", one, "--authority", found.authority, "--json")
        assert (ran.code, ran.json["id"]) == (1, one)
    again = doge(folder, "run", "j.jsonl", "--authority", found.authority, "--json").json
    counts = {one["id"]: one["occurrences"] for one in again["divergences"]}
    assert counts[part] + counts[found.id] == whole
    assert min(counts[part], counts[found.id]) > 0
    assert {one["rule"] for one in again["divergences"] if one["id"] == part} == {
        f"{after[part]['rule']} [{NAME}]"
    }
    total = sum(one["occurrences"] for one in stored(folder).values())
    preview = doge(folder, "split", part, "--undo")
    assert (preview.code, stored(folder).keys()) == (0, after.keys())
    assert "nothing is changed yet" in preview.out
    assert doge(folder, "split", part, "--undo", "--yes").code == 0
    back = stored(folder)
    assert part not in back
    assert back[found.id]["occurrences"] == 2 * whole
    assert sum(one["occurrences"] for one in back.values()) == total
    led = doge(folder, "show", part)
    assert led.out.startswith(f"{part} was merged into {found.id}\n{found.id}: ")
    assert doge(folder, "doctor", "--corpus", "c").out.count("sound") == 1


def test_fuzz_and_nightly_go_by_it(found: Found, tmp_path: Path) -> None:
    folder = found.copy(tmp_path)
    part = found.split(folder, "--yes", "--json").json["part"]
    cores = ("--authority", found.authority, "--corpus", "c", "--json")
    fuzzed = doge(folder, "fuzz", "--max-transitions", 4000, "--profile", "live", "--seed", 5,
                  "--jobs", 2, *cores).json  # fmt: skip
    ids = {one["id"] for one in fuzzed["divergences"]}
    assert {part, found.id} & ids
    nightly = doge(folder, "nightly", "--causes", 0, "--minutes", 0.01, *cores).json
    assert {part, found.id} <= {one["id"] for one in nightly["divergences"]}


@pytest.mark.parametrize(
    ("where", "word"),
    [("call.fee < 0", "would move nothing"), ("call.fee >= 0", "would move everything")],
    ids=["nothing", "everything"],
)
def test_a_split_of_nothing_or_everything_is_refused(
    found: Found, tmp_path: Path, where: str, word: str
) -> None:
    folder = found.copy(tmp_path)
    for more in ((), ("--yes",)):
        ran = found.split(folder, *more, where=where)
        assert ran.code == 2
        assert word in ran.line
        assert "kept cases" in ran.line
    assert len(doge(folder, "show", found.id, "--json").json["history"]) == 0


def test_where_the_cores_agree_nothing_can_be_told_and_it_says_so(
    found: Found, tmp_path: Path
) -> None:
    folder = found.copy(tmp_path)
    ran = doge(folder, "split", found.id, "--where", found.where, "--name", NAME, "--yes")
    assert ran.code == 2
    assert "no longer diverges" in ran.line
    crash = script(tmp_path / "crash", "exit 3")
    ran = found.split(folder, "--shadow", crash)
    assert ran.code == 3
    assert "crash" in ran.line
    assert found.split(folder, "--shadow", "./nowhere").code == 2


def test_what_cannot_be_told_of_some_stays_and_is_named(found: Found, tmp_path: Path) -> None:
    folder = found.copy(tmp_path)
    fees = found.where.partition("> ")[2]
    where = f"call.fee > {fees} if call.fee > {fees} else state.orders[99].price > 0"
    ran = found.split(folder, where=where)
    assert ran.code == 2
    assert "cannot be told: list index out of range" in ran.line.replace("\\'", "'")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--where", "call.fe > 1", "--name", "x"], "call has no 'fe'; did you mean fee"),
        (["--where", "price", "--name", "x"], "no yes or no"),
        (["--where", "price > 1", "--name", "a/b"], "the name of a part"),
        (["--where", "price > 1", "--name", "\x1b[31m"], "the name of a part"),
        (["--where", "price > 1" + " " * 10 + "x" * 1000, "--name", "x"], "1,000 are the most"),
        (["--where", "open('/etc/passwd')", "--name", "x"], "there is no function 'open'"),
        (["--where", "price > 1"], "needs --where CONDITION and --name NAME"),
        (["--undo", "--name", "x"], "--undo takes neither"),
        (["--undo", "--yes"], "is no part that was split off"),
    ],
    ids=["field", "number", "slash", "escape", "long", "function", "no name", "both", "no part"],
)
def test_a_split_that_is_wrong_is_one_line_and_2(
    found: Found, tmp_path: Path, arguments: list[str], word: str
) -> None:
    folder = found.copy(tmp_path)
    ran = doge(folder, "split", found.id, *arguments)
    assert ran.code == 2
    assert word in ran.line
