"""`doge-replay explanations`, and where all commands take the file from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_support import Faulty, Ran, doge, script

from replay.settings import load_settings

EXAMPLES = Path(__file__).parents[2] / "examples"
BOOKED = 'rule = "book a cycle"'
RIGHT = 'in = ["_book"]\nreplace = "state.total_fees + fee"\nwith = "state.total_fees + fee + 1.0"'


def write(folder: Path, condition: str, deviation: str = "", name: str = "known") -> Path:
    """A file with one explanation."""
    file = folder / "explanations.toml"
    text = (
        f'[[explanation]]\nname = "{name}"\nreason = "may stay"\nsigned = "Ada"\n'
        f"date = 2020-01-01\n{condition}\n"
    )
    file.write_text(text + (f"[explanation.deviation]\n{deviation}\n" if deviation else ""))
    return file


@pytest.fixture
def here(faulty: Faulty, tmp_path: Path) -> Path:
    """A copy of a database in which one fault was found."""
    return faulty.copy(tmp_path)


def check(here: Path, faulty: Faulty, *more: object) -> Ran:
    return doge(here, "explanations", "--shadow", faulty.shadow, *more)


def test_a_file_that_holds_is_0(here: Path, faulty: Faulty) -> None:
    write(here, BOOKED, RIGHT)
    ran = check(here, faulty)
    assert (ran.code, ran.err) == (0, "")
    assert "1 explanation, all hold" in ran.out
    assert "ok    known" in ran.out
    assert "holds: reproduces d-" in ran.out
    found = check(here, faulty, "--json").json
    assert found["exit"] == 0
    (claim,) = found["explanations"]
    assert (claim["name"], claim["ok"], claim["weaker"]) == ("known", True, False)
    assert (claim["signed"], claim["date"], claim["expires"]) == ("Ada", "2020-01-01", None)
    assert claim["ids"] == faulty.ids
    assert claim["checked"] > 1
    assert found["buckets"] == [
        {
            "id": faulty.ids[0],
            "explained_by": ["known"],
            "weaker": False,
            "missing": "",
            "set_aside": "",
        }
    ]


def test_a_note_is_shown_as_the_weaker_kind(here: Path, faulty: Faulty) -> None:
    write(here, f'buckets = ["{faulty.ids[0]}"]')
    ran = check(here, faulty)
    assert ran.code == 0
    assert "known (a note)" in ran.out
    assert "by a note" in ran.out


@pytest.mark.parametrize(
    ("condition", "deviation", "why"),
    [
        (BOOKED, RIGHT.replace("1.0", "2.0"), "does not reproduce d-"),
        ('event = "PriceTick"', RIGHT, "matches nothing: "),
        (f'{BOOKED}\nexpires = 2099-12-31\ndate_ = ""', "", ""),
        (f"{BOOKED}\nexpires = 2020-01-02", RIGHT, "expired on 2020-01-02"),
        (BOOKED, RIGHT.replace("_book", "_look"), "the deviation cannot be applied: "),
    ],
    ids=["wrong", "nothing", "bad", "expired", "no function"],
)
def test_one_that_does_not_hold_is_1_and_a_bad_file_2(
    here: Path, faulty: Faulty, condition: str, deviation: str, why: str
) -> None:
    file = write(here, condition, deviation)
    ran = check(here, faulty)
    if not why:
        assert ran.code == 2
        assert ran.line.startswith(f"doge-replay: {file}:8: [[explanation]] number 1 ")
        return
    assert ran.code == 1
    assert "1 explanation, 1 of them do not hold" in ran.out
    assert "FAIL  known" in ran.out
    assert why in ran.out
    assert check(here, faulty, "--json").json["explanations"][0]["why"].startswith(why)


def test_the_cases_are_run_on_the_cores_that_are_there_now(here: Path, core_exe: str) -> None:
    """Not those on which they were found: this shadow is right."""
    write(here, BOOKED, RIGHT)
    ran = doge(here, "explanations", "--shadow", core_exe)
    assert ran.code == 1
    assert "matches nothing: " in ran.out


def test_the_example_that_ships_holds(tmp_path: Path) -> None:
    shadow = ("--shadow", EXAMPLES / "forgets_fees.py")
    assert doge(tmp_path, "run", EXAMPLES / "journal.jsonl", *shadow).code == 1
    shutil.copy(EXAMPLES / "explanations.toml", tmp_path)
    ran = doge(tmp_path, "explanations", *shadow)
    assert ran.code == 0, ran.out


def test_a_core_that_fails_is_3_and_closes_nothing(here: Path, faulty: Faulty) -> None:
    write(here, BOOKED, RIGHT)
    broken = script(here / "broken", "read -r asked; exit 7")
    ran = doge(here, "explanations", "--shadow", broken)
    assert ran.code == 3
    assert "1 explanation, not all could be checked" in ran.out
    assert "matches nothing" not in ran.out
    assert doge(here, "explanations", "--shadow", here / "none").code == 2


def test_nothing_to_read_or_to_run_on_is_2(here: Path, faulty: Faulty, tmp_path: Path) -> None:
    ran = check(here, faulty)
    assert ran.code == 2
    assert "docs/explanations.md" in ran.line
    missing = here / "other.toml"
    for arguments in (["explanations"], ["run"], ["fuzz", "--seconds", "1"], ["nightly"]):
        ran = doge(here, *arguments, "--explanations", missing)
        assert ran.code == 2
        assert str(missing) in ran.line
    write(here, BOOKED, RIGHT)
    (here / "divergences.db").unlink()
    ran = check(here, faulty)
    assert ran.code == 2
    assert "divergences.db" in ran.line


def test_a_bad_file_is_told_of_before_anything_is_run(tmp_path: Path) -> None:
    write(tmp_path, "at_most = 0")
    for arguments in (["run"], ["fuzz", "--max-transitions", "1"], ["nightly", "--minutes", "1"]):
        ran = doge(tmp_path, *arguments)
        assert ran.code == 2
        assert "explanations.toml:6: " in ran.line
    assert not (tmp_path / "divergences.db").exists()


def test_hostile_texts_stay_texts(here: Path, faulty: Faulty) -> None:
    """What a file says is data: `doge` looks for escapes in what is printed."""
    write(here, BOOKED, RIGHT, name="[red]<b>|../../x</b>[/red] $(id) `x`")
    file = here / "explanations.toml"
    reason = '"\\u001b[31mred\\u202e\\u0007"'
    file.write_text(file.read_text().replace('"may stay"', reason))
    ran = check(here, faulty)
    assert ran.code == 0
    assert "[red]<b>|../../x</b>[/red] $(id) `x`" in ran.out
    found = check(here, faulty, "--json").json
    assert found["explanations"][0]["reason"] == "\x1b[31mred\u202e\x07"
    for where in ('"\\u001b[2J" == rule', "'" + "x" * 2000 + "' == rule"):
        write(here, f"where = '''{where}'''", RIGHT)
        assert check(here, faulty).code in (1, 2)


# --- Where the file is ------------------------------------------------------------------------


def test_the_first_place_that_names_a_file_wins(tmp_path: Path) -> None:
    def found(**given: Any) -> Path | None:
        return load_settings(**given, environment={}, directory=tmp_path / "below").explanations

    below = tmp_path / "below"
    below.mkdir()
    assert found() is None
    (below / "explanations.toml").touch()
    assert found() == below / "explanations.toml"
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text("[tool.doge-replay]\n")
    assert found() == below / "explanations.toml"
    (tmp_path / "explanations.toml").touch()
    assert found() == tmp_path / "explanations.toml"
    pyproject.write_text('[tool.doge-replay]\nexplanations = "known.toml"\n')
    assert found() == tmp_path / "known.toml"
    assert found(explanations="mine.toml") == below / "mine.toml"
