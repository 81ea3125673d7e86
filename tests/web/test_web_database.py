"""Databases that are missing, not ours, in use or left behind: told on the page, never touched."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from store_support import child, finding, finish, stream
from web_support import Site, many_findings, touched

from replay.findings.store import database as store_database
from replay.findings.store.migrations import MIGRATIONS
from replay.findings.store.store import Store
from replay.web.database_view import Findings

Serve = Callable[..., Site]


def make(path: Path, kind: str) -> None:
    """A file in place of the database that the pages cannot use."""
    match kind:
        case "empty":
            path.touch()
        case "text":
            path.write_text("not a database at all\n" * 100)
        case "foreign":
            with sqlite3.connect(path) as other:
                other.execute("CREATE TABLE t (a)")
            other.close()
        case "newer":
            many_findings(path, 1)
            newer = sqlite3.connect(path)
            newer.execute("PRAGMA user_version=99")
            newer.close()
        case "damaged":
            many_findings(path, 30)
            data = bytearray(path.read_bytes())
            data[8192:] = b"\xaa" * (len(data) - 8192)
            path.write_bytes(data)
        case "directory":
            path.mkdir()
        case "emptied":
            with Store.open(path):
                pass


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "there is no database"),
        ("empty", "there is no database"),
        ("text", "is no SQLite database; it is left untouched"),
        ("foreign", "belongs to another program; it is left untouched"),
        ("newer", "was written by a newer doge-replay (schema 99"),
        ("damaged", "is damaged"),
        ("directory", "is no file"),
        ("emptied", "Nothing is stored: no divergence and no failure so far."),
    ],
)
def test_a_database_that_cannot_be_used_is_told_and_left_alone(
    serve: Serve, tmp_path: Path, kind: str, words: str
) -> None:
    path = tmp_path / "d.db"
    make(path, kind)
    before = touched(tmp_path)
    site = serve(None, path, None)
    for address in ("/", "/divergences", "/divergences?event=FillEvent"):
        answer = site.ask(address)
        assert answer.code == 200
        assert words in answer.text
        assert "Traceback" not in answer.text
    one = site.ask("/divergences/d-00000000")
    assert one.code == (404 if kind == "emptied" else 503)
    assert touched(tmp_path) == before


def test_without_a_database_there_is_none(serve: Serve) -> None:
    site = serve()
    assert "no database was given" in site.ask("/divergences").text
    assert site.ask("/divergences/d-00000000").code == 503


def test_an_older_database_is_read_and_not_brought_along(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    from store_support import HASKELL, PYTHON

    older = MIGRATIONS[:1]
    connection = store_database.connect(path, 1)
    from replay.findings.store.migrations import migrate

    migrate(connection, older)
    connection.close()
    assert HASKELL != PYTHON
    before = touched(tmp_path)
    assert "Nothing is stored" in serve(None, path, None).ask("/divergences").text
    assert touched(tmp_path) == before


def test_a_database_that_comes_changes_or_goes_is_seen_at_the_next_look(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "d.db"
    site = serve(None, path, None)
    assert "there is no database" in site.ask("/divergences").text
    many_findings(path, 3)
    assert "All 3 findings" in site.ask("/divergences").text
    with Store.open(path) as store:
        run = store.runs()[0].id
        for number in range(5):
            store.record(run, finding(f"later {number}", case=stream(1)))
            assert f"All {4 + number} findings" in site.ask("/divergences").text
    (tmp_path / "other.db").write_bytes(path.read_bytes())
    path.unlink()
    assert "there is no database" in site.ask("/divergences").text
    shutil.move(tmp_path / "other.db", path)
    assert "All 8 findings" in site.ask("/divergences").text


WRITER = """
path, rounds = sys.argv[1], int(sys.argv[2])
with Store.open(path) as store:
    run = store.begin_run("fuzz", PYTHON, HASKELL, {})
    for n in range(rounds):
        store.record(run, finding(n % 40, case=stream(3, price=float(n))))
print("done")
"""


def test_pages_and_a_writing_process_do_not_disturb_each_other(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "d.db"
    known = many_findings(path, 200)
    site = serve(None, path, None)
    writer = child(WRITER, path, 60)
    looks = 0
    while writer.poll() is None or looks < 5:
        for address in ("/divergences", f"/divergences/{known[looks % 200]}", "/"):
            answer = site.ask(address)
            assert answer.code == 200, answer.text
            assert 'class="card bad" id="trouble"' not in answer.text
        looks += 1
    assert finish(writer) == "done\n"
    assert "All 240 findings" in site.ask("/divergences").text
    with Store.open(path, readonly=True) as store:
        assert store.check().sound


def test_a_database_that_is_kept_locked_is_told_and_read_again(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replay.findings.store.database.HURRIED_SECONDS", 0.2)
    path = tmp_path / "d.db"
    identity = many_findings(path, 3)[0]
    site = serve(None, path, None)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    listed, one = site.ask("/divergences"), site.ask(f"/divergences/{identity}")
    other.execute("ROLLBACK")
    other.close()
    assert "another process has kept it locked" in listed.text
    assert one.code == 503
    assert "another process has kept it locked" in one.text
    assert "All 3 findings" in site.ask("/divergences").text
    assert site.ask(f"/divergences/{identity}").code == 200


def test_what_a_killed_writer_left_is_not_rolled_back_by_looking(
    serve: Serve, tmp_path: Path
) -> None:
    whole, left = tmp_path / "whole", tmp_path / "left"
    whole.mkdir()
    left.mkdir()
    many_findings(whole / "d.db", 200)
    # A transaction that has begun to write pages, as it stands on the disk at that moment.
    writer = sqlite3.connect(whole / "d.db", isolation_level=None)
    writer.execute("PRAGMA cache_size=1")
    writer.execute("BEGIN")
    writer.execute("UPDATE divergences SET rule = hex(randomblob(2000))")
    for file in whole.iterdir():
        shutil.copy(file, left)
    writer.execute("ROLLBACK")
    writer.close()
    assert (left / "d.db-journal").stat().st_size > 0
    before = touched(left)
    site = serve(None, left / "d.db", None)
    for address in ("/", "/divergences"):
        assert "left in the middle of a change" in site.ask(address).text
    assert touched(left) == before
    # What it says to do helps.
    with Store.open(left / "d.db", readonly=True) as store:
        assert len(store.findings()) == 200
    assert "All 200 findings" in site.ask("/divergences").text


def test_the_list_is_read_once_while_nothing_changes(tmp_path: Path) -> None:
    import os

    path = tmp_path / "d.db"
    many_findings(path, 20)
    long_ago = path.stat().st_mtime - 60
    os.utime(path, (long_ago, long_ago))
    findings = Findings(path)
    first = findings.listing()
    assert len(first.lines) == 20
    assert findings.listing() is first
    with Store.open(path) as store:
        store.record(store.runs()[0].id, finding("one more", case=stream(1)))
    second = findings.listing()
    assert len(second.lines) == 21
    # It has just changed, and may change again within one tick of the file system's clock.
    assert findings.listing() is not second


def test_a_rule_of_several_events_is_found_by_the_event_of_its_case(
    serve: Serve, real: Path
) -> None:
    """`book a cycle` is any event's; the fills of the example lead to it."""
    site = serve(None, real / "divergences.db", None)
    assert "2 of 2 findings" in site.ask("/divergences?event=FillEvent").text
    assert "None of the 2" in site.ask("/divergences?event=TimerTick").text
