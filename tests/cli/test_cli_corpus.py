"""`corpus` and `doctor`."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from cli_support import Faulty, doge, script
from stream_makers import write

SHIPPED = Path(__file__).parents[2] / "corpus"


@pytest.fixture
def imported(tmp_path: Path, lines: list[dict[str, Any]]) -> Path:
    write(tmp_path / "j.jsonl", [*lines[:100], b"{broken"])
    ran = doge(tmp_path, "corpus", "import", "j.jsonl", "--json")
    assert ran.code == 0
    assert ran.json["added"] == 2
    assert ran.json["steps"] == 100
    assert [(one["file"], one["line"]) for one in ran.json["rejected"]] == [("j.jsonl", 101)]
    return tmp_path / "corpus"


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)


def test_importing_twice_adds_nothing(imported: Path) -> None:
    before = {path: path.read_bytes() for path in imported.iterdir()}
    again = doge(imported.parent, "corpus", "import", "j.jsonl", "--json").json
    assert (again["added"], again["known"]) == (0, 2)
    assert {path: path.read_bytes() for path in imported.iterdir()} == before
    listed = doge(imported.parent, "corpus", "list", "--json").json
    assert sorted(one["stream"] for one in listed) == sorted(path.stem for path in before)
    assert sum(one["steps"] for one in listed) == 100
    shown = doge(imported.parent, "corpus", "list").out
    assert all(one["stream"][:12] in shown for one in listed)


def test_an_import_of_nothing_usable_is_2(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{}\n")
    ran = doge(tmp_path, "corpus", "import", "bad.jsonl")
    assert ran.code == 2
    assert "bad.jsonl:1" in ran.out
    assert doge(tmp_path, "corpus", "import", "nowhere").line


def test_a_flipped_byte_is_found_and_is_2(imported: Path) -> None:
    where = imported.parent
    assert doge(where, "corpus", "verify").code == 0
    file = sorted(imported.iterdir())[0]
    flip(file)
    ran = doge(where, "corpus", "verify", "--json")
    assert ran.code == 2
    assert [Path(fault["file"]).name for fault in ran.json[0]["faults"]] == [file.name]
    shown = doge(where, "corpus", "verify")
    assert (shown.code, file.name in shown.out) == (2, True)
    assert doge(where, "doctor").code == 2
    # Reported and skipped where it is run, neither fatal nor silent.
    run = doge(where, "run", "--json")
    assert run.code == 0
    assert run.json["streams"] == 1
    assert [Path(one["file"]).name for one in run.json["rejected"]] == [file.name]


def test_a_sound_installation_is_0(faulty: Faulty, tmp_path: Path) -> None:
    faulty.copy(tmp_path)
    ran = doge(tmp_path, "doctor", "--corpus", SHIPPED, "--json")
    assert ran.code == ran.json["exit"] == 0
    assert ran.json["database"]["sound"] is True
    assert ran.json["corpus"]["damaged"] == 0
    assert "replay" in ran.json["shadow"]["methods"]
    shown = doge(tmp_path, "doctor", "--corpus", SHIPPED)
    assert (shown.code, shown.out.splitlines()[-1]) == (0, "all in order")


def test_a_damaged_or_foreign_database_is_2_everywhere(faulty: Faulty, tmp_path: Path) -> None:
    good = (faulty.copy(tmp_path) / "divergences.db").read_bytes()
    middle = len(good) // 2
    (tmp_path / "text.db").write_text("no database at all\n" * 100)
    (tmp_path / "cut.db").write_bytes(good[: middle // 4096 * 4096])
    with sqlite3.connect(tmp_path / "foreign.db") as foreign:
        foreign.execute("CREATE TABLE bookmarks (url TEXT)")
    foreign.close()
    for name in ("text.db", "cut.db", "foreign.db"):
        before = (tmp_path / name).read_bytes()
        ran = doge(tmp_path, "doctor", "--db", name, "--corpus", "none", "--json")
        assert ran.code == 2
        if name != "cut.db":
            assert doge(tmp_path, "list", "--db", name).code == 2
            ran = doge(tmp_path, "fuzz", "--max-transitions", 10, "--db", name)
            assert ran.code == 2
            assert name in ran.line
        assert (tmp_path / name).read_bytes() == before


def test_doctor_tells_of_a_broken_shadow(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for shadow in ("./text", "./nowhere"):
        ran = doge(tmp_path, "doctor", "--shadow", shadow, "--corpus", SHIPPED, "--json")
        assert ran.code == ran.json["exit"] == 3
        assert ran.json["shadow"]["error"]
        assert ran.json["authority"]["version"]
    exits = script(tmp_path / "exits", "exit 1")
    assert doge(tmp_path, "doctor", "--shadow", exits, "--corpus", SHIPPED).code == 3


def test_one_that_is_only_readable(imported: Path) -> None:
    shutil.copytree(imported, imported.parent / "other")
    ran = doge(imported.parent, "run", "--corpus", "other", "--corpus", "corpus", "--json")
    assert ran.json["streams"] == 2
