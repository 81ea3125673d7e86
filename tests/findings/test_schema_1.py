"""A database that the first release made, with its runs, divergences and a failure, comes along."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pytest
from store_support import HASKELL, PYTHON, child, everything, finding

from replay.findings.lifecycle import Status
from replay.findings.severity import Severity
from replay.findings.store.migrations import MIGRATIONS
from replay.findings.store.store import Store

FILE = Path(__file__).with_name("schema_1.db.gz")
"""Made by the program of schema 1: two runs of examples/journal.jsonl with the shadow that forgets
fees, one with a shadow that exits on a price tick."""

FEES, CYCLE, EXITS = "d-b96bf98f", "d-6e01b049", "f-fd6986ca"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "divergences.db"
    file.write_bytes(gzip.decompress(FILE.read_bytes()))
    return file


def change(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def test_it_is_of_schema_1(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    names = [row[0] for row in connection.execute("SELECT name FROM migrations")]
    assert names == [MIGRATIONS[0].name]
    connection.close()


def test_all_of_it_comes_along_with_severity_from_its_cases(path: Path) -> None:
    with Store.open(path) as store:
        found = {one.id: one for one in store.findings()}
        assert list(found) == [FEES, CYCLE, EXITS]
        assert {one.id: (one.severity, one.hot) for one in found.values()} == {
            FEES: (Severity.MONEY, True),
            # "any event" by its signature; the events of its cases are fills.
            CYCLE: (Severity.MONEY, True),
            EXITS: (Severity.ORDERS, True),
        }
        assert [one.status for one in found.values()] == [
            *(Status.NEW, Status.NEW, Status.CORE_FAILURE)
        ]
        assert [one.occurrences for one in found.values()] == [8, 4, 1]
        assert [len(one.case.steps) for one in found.values()] == [1, 1, 1]
        assert found[FEES].signature.part == ""
        assert found[FEES].differences[0].path == "state.total_fees"
        report = store.check()
        assert report.sound, report.problems
        assert report.schema == len(MIGRATIONS)
        assert len(store.runs()) == 3


def test_it_can_be_worked_with(path: Path) -> None:
    with Store.open(path) as store:
        store.triage(FEES, who="anna", owner="ben")
        run = store.begin_run("run", PYTHON, HASKELL, {})
        assert store.record(run, finding()).is_new
        store.merge([CYCLE], FEES, who="anna")
        assert store.finding(CYCLE).occurrences == 12
    with Store.open(path) as store:
        assert store.finding(FEES).owner == "ben"
        assert store.check().sound


def test_reading_it_does_not_change_it(path: Path) -> None:
    before = everything(path.parent)
    with Store.open(path, readonly=True) as store:
        assert store.finding(FEES).severity is Severity.MONEY
        assert store.routing().route(store.finding(FEES).signature, dict).id == FEES
    assert everything(path.parent) == before


@pytest.mark.parametrize(
    "damage", ["UPDATE streams SET blob = x'00'", "UPDATE cases SET differences = x'00'"]
)
def test_damaged_cases_do_not_keep_it_from_coming_along(path: Path, damage: str) -> None:
    """What cannot be told counts as the worst, so that somebody looks at it."""
    change(path, damage)
    with Store.open(path) as store:
        assert store.check().schema == len(MIGRATIONS)
        assert {one.severity for one in store.findings()} == {Severity.ORDERS}


def test_killed_midway_it_is_as_it_was(path: Path) -> None:
    before = path.read_bytes()
    code = """
import os, signal
from replay.findings.store import migrations
def killed(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
migrations._severity_of_stored = killed
Store.open(sys.argv[1])
"""
    child(code, path).communicate(timeout=60)
    with Store.open(path, readonly=True) as store:
        assert store.finding(FEES).severity is Severity.MONEY
    assert path.read_bytes() == before
