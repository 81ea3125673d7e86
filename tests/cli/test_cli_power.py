"""`power` and `corpus minimise` as they are called."""

from __future__ import annotations

from pathlib import Path

from cli_support import doge

CORPUS = Path(__file__).parents[2] / "corpus"
LITTLE = ("--edits", 3, "--max-transitions", 300, "--seed", 11, "--corpus", CORPUS)


def test_power_says_what_a_night_would_find_and_the_corpus_gets_shorter(tmp_path: Path) -> None:
    ran = doge(tmp_path, "power", *LITTLE, "--corpus", "own", "--json")
    assert ran.code == 0
    assert ran.json["drawn"] == 3
    assert ran.json["found"] + ran.json["missed"] + ran.json["equivalent"] == 3
    assert (tmp_path / "divergences.db.power.json").is_file()
    before = sorted(path.name for path in CORPUS.iterdir())
    made = doge(tmp_path, "corpus", "minimise", "-o", "small", "--corpus", CORPUS, "--json")
    assert made.code == 0
    assert 0 < made.json["streams"] <= made.json["of_streams"] == len(list(CORPUS.glob("*.stream")))
    assert made.json["steps"] < made.json["of_steps"]
    assert sorted(path.name for path in CORPUS.iterdir()) == before
    again = doge(tmp_path, "corpus", "minimise", "-o", "small", "--corpus", CORPUS)
    assert (again.code, "not empty" in again.err) == (2, True)


def test_an_authority_without_python_source_is_bad_input(tmp_path: Path) -> None:
    ran = doge(tmp_path, "power", *LITTLE, "--authority", "/bin/true")
    assert ran.code == 2
    assert "has to be a Python core" in ran.err
