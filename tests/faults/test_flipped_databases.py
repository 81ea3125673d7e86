"""A flipped bit in a database is told, or makes no difference; it is never a fault of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flipped_databases import BAD, database, run_here, try_flips

from replay.errors import DamagedError
from replay.findings.store.database import translated
from replay.findings.store.store import Store

FLIPS = 60


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return database(tmp_path_factory.mktemp("filled"))


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("seed", [1, 2])
def test_no_flipped_bit_is_a_traceback_a_fault_of_ours_or_a_divergence(
    filled: Path, tmp_path: Path, seed: int
) -> None:
    counts, wrong = try_flips(filled, tmp_path, FLIPS, seed)
    assert wrong == []
    assert counts["flips"] == FLIPS
    assert counts["told by doctor"] > 0


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE cases SET verdict = 'daverge'", "daverge"),
        ("UPDATE runs SET settings = '{'", "Expecting property name"),
        ("UPDATE cores SET methods = '['", "Expecting value"),
        ("UPDATE runs SET started = 5, transitions = 'many'", "transitions is str"),
        ("UPDATE streams SET steps = x'00'", "steps is bytes"),
        ("UPDATE cases SET authority = x'00'", "case of d-"),
        ("UPDATE divergences SET rule = CAST(x'ff41' AS TEXT)", "UTF-8"),
        ("UPDATE tallies SET occurrences = 'x'", "occurrences is float"),
        ("ALTER TABLE divergences RENAME COLUMN rule TO rula", "rule"),
        ("DROP TABLE tallies", "no such table: tallies"),
    ],
)
def test_what_has_not_its_form_is_damage_to_doctor_and_to_whoever_reads_it(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, said: str
) -> None:
    path = tmp_path / "d.db"
    path.write_bytes(filled.read_bytes())
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    try:
        with Store.open(path, readonly=True) as store:
            problems = store.check().problems
    except DamagedError as error:
        problems = (error.message,)
    assert any(said in problem for problem in problems), problems
    monkeypatch.chdir(tmp_path)
    for command in (["list"], ["list", "--json"], ["show", "d-b96bf98f", "--all"]):
        code, text = run_here(*command, "--db", "d.db")
        assert code in (0, 2), text
        assert not any(word in text for word in BAD), text


@pytest.mark.parametrize("damaged", [True, False])
def test_a_rule_that_is_broken_in_a_damaged_database_is_damage_and_else_a_fault_of_ours(
    filled: Path, tmp_path: Path, damaged: bool
) -> None:
    path = tmp_path / "d.db"
    content = filled.read_bytes()
    if damaged:
        connection = sqlite3.connect(filled)
        root, size = connection.execute(
            "SELECT rootpage, (SELECT page_size FROM pragma_page_size()) FROM sqlite_master"
            " WHERE name = 'sqlite_autoindex_divergences_1'"
        ).fetchone()
        connection.close()
        begin, end = (root - 1) * size, root * size
        index = content[begin:end].replace(b"d-b96bf98f", b"d-b96bf98g")
        assert index != content[begin:end]
        content = content[:begin] + index + content[end:]
    path.write_bytes(content)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = ON")
    with (
        closing(connection),
        pytest.raises(DamagedError if damaged else sqlite3.IntegrityError) as raised,
        translated(path),
    ):
        connection.execute("UPDATE tallies SET divergence = 'd-nowhere' || divergence")
    if damaged:
        assert str(path) in str(raised.value)
        assert "sqlite_autoindex_divergences_1" in str(raised.value)
