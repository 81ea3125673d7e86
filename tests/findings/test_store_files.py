"""Opening a database: whose file it is, which version, and that a refused one is untouched."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_support import HASKELL, PYTHON, as_nobody, child, everything, finding, finish

from replay.errors import DamagedError, EnvironmentFailure, ForeignDatabaseError, InputError
from replay.findings.store import database, way_back
from replay.findings.store.database import APPLICATION_ID, Connection
from replay.findings.store.migrations import MIGRATIONS, Migration
from replay.findings.store.store import RunTotals, Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "divergences.db"


def filled(path: Path, findings: int = 3) -> None:
    with Store.open(path) as store:
        run = store.begin_run("run", PYTHON, HASKELL, {})
        for n in range(findings):
            store.record(run, finding(n))
        store.end_run(run, RunTotals(exit=1))


def add_notes(connection: Connection) -> None:
    connection.execute("CREATE TABLE notes (text TEXT)")
    connection.execute("INSERT INTO notes VALUES ('migrated')")


LATER = (*MIGRATIONS, Migration("0002 notes", add_notes))
COPY = f"divergences.db.schema-{len(MIGRATIONS)}"
"""Beside a database that was migrated."""


def test_a_new_database_is_marked_as_ours_and_leaves_one_file(path: Path) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    names = [row[0] for row in connection.execute("SELECT name FROM migrations ORDER BY number")]
    assert names == [migration.name for migration in MIGRATIONS]
    connection.close()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_an_open_store_syncs_everything_and_checks_references(path: Path) -> None:
    with Store.open(path) as store:
        assert store._connection.value("PRAGMA synchronous") == 3, "EXTRA: FULL and the directory"
        assert store._connection.value("PRAGMA foreign_keys") == 1
        assert store._connection.value("PRAGMA busy_timeout") == 30_000


@pytest.mark.parametrize("content", [b"", None], ids=["empty", "missing"])
def test_an_empty_or_missing_file_becomes_a_database(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    filled(path)
    with Store.open(path, create=False) as store:
        assert len(store.findings()) == 3


def test_without_create_a_missing_file_is_not_made(path: Path) -> None:
    with pytest.raises(InputError, match="there is no database"):
        Store.open(path, create=False)
    assert everything(path.parent) == {}


def test_reading_never_makes_a_file(path: Path) -> None:
    with pytest.raises(InputError, match="there is no database"):
        Store.open(path, readonly=True)
    path.touch()
    with pytest.raises(InputError, match="is empty: no run"):
        Store.open(path, readonly=True)
    assert everything(path.parent) == {path.name: b""}


def test_reading_changes_no_byte_and_writing_is_refused(path: Path) -> None:
    filled(path)
    before = everything(path.parent)
    with Store.open(path, readonly=True) as store:
        assert len(store.finding(finding(1).id).case.steps) == 3
        assert store.check().sound
        assert len(store.runs()) == 1
        with pytest.raises(EnvironmentFailure, match="for reading only"):
            store.record(1, finding("x"))
        with pytest.raises(EnvironmentFailure, match="is read-only"):
            store._connection.execute("DELETE FROM runs")
    assert everything(path.parent) == before


def foreign_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE shopping (item)")
    connection.close()


def foreign_mark(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id=4711")
    connection.close()


def foreign_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=3")
    connection.close()


def foreign_in_its_log(path: Path) -> None:
    """A database whose only content is in the log beside it, as if its owner had been killed."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "source")
        connection = sqlite3.connect(source)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE shopping (item)")
        connection.commit()
        shutil.copy(source, path)
        shutil.copy(f"{source}-wal", f"{path}-wal")
        connection.close()


def text_file(path: Path) -> None:
    path.write_text("[tool.doge-replay]\n" * 1000)


def short_file(path: Path) -> None:
    path.write_bytes(b"SQLite")


def one_byte(path: Path) -> None:
    path.write_bytes(b"x")


def newer(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    connection.close()


def other_history(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE migrations SET name = '0001 something else' WHERE number = 1")
    connection.close()


@pytest.mark.parametrize("readonly", [False, True], ids=["writing", "reading"])
@pytest.mark.parametrize(
    "make",
    [
        foreign_tables,
        foreign_mark,
        foreign_version,
        foreign_in_its_log,
        text_file,
        short_file,
        one_byte,
        newer,
        other_history,
    ],
)
def test_a_foreign_or_newer_file_is_refused_and_not_a_byte_is_changed(
    path: Path, make: object, readonly: bool
) -> None:
    make(path)  # type: ignore[operator]
    before = everything(path.parent)
    with pytest.raises(ForeignDatabaseError, match="left untouched"):
        Store.open(path, readonly=readonly)
    assert everything(path.parent) == before


def test_a_newer_database_says_so(path: Path) -> None:
    newer(path)
    with pytest.raises(ForeignDatabaseError, match="written by a newer doge-replay"):
        Store.open(path)


@pytest.mark.parametrize("readonly", [False, True], ids=["writing", "reading"])
def test_a_directory_or_device_is_no_database(tmp_path: Path, readonly: bool) -> None:
    for place in (tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="is no file"):
            Store.open(place, readonly=readonly)


def test_a_database_in_a_missing_directory_is_a_clear_failure(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"the directory .* does not exist"):
        Store.open(tmp_path / "no" / "such.db")
    assert everything(tmp_path) == {}


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Path]:
    """A directory that others may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="doge-replay-") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory, "divergences.db")


def test_without_the_right_to_write_it_says_read_only_and_can_still_be_read(public: Path) -> None:
    filled(public)
    public.chmod(0o444)

    def write() -> str:
        with Store.open(public) as store:
            return str(store.begin_run("run", PYTHON, HASKELL, {}))

    def read() -> str:
        with Store.open(public, readonly=True) as store:
            return str(len(store.findings()))

    before = everything(public.parent)
    assert "EnvironmentFailure: cannot use the database" in as_nobody(write)
    assert as_nobody(read) == "3"
    assert everything(public.parent) == before


def test_without_the_right_to_make_files_it_is_a_clear_failure(public: Path) -> None:
    def make() -> str:
        Store.open(public).close()
        return "made"

    assert as_nobody(make).startswith("EnvironmentFailure: cannot use the database")
    # Writing needs a journal beside the file too.
    filled(public)
    public.chmod(0o666)
    assert as_nobody(lambda: _began(public)).startswith("EnvironmentFailure: cannot use")
    public.chmod(0o000)
    assert as_nobody(make).startswith("EnvironmentFailure: cannot use the database")


def _began(path: Path) -> str:
    with Store.open(path) as store:
        return str(store.begin_run("run", PYTHON, HASKELL, {}))


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_database_that_was_cut_off_is_damaged(path: Path, kept: float) -> None:
    filled(path, 50)
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(DamagedError, match="is damaged"):
        Store.open(path)
    with pytest.raises(DamagedError, match="is damaged"):
        Store.open(path, readonly=True)


def test_a_damaged_page_is_found_by_the_check_or_at_opening(path: Path) -> None:
    filled(path, 50)
    whole = path.read_bytes()
    for page in range(1, len(whole) // 4096):
        path.write_bytes(whole[: page * 4096] + b"\xa5" * 4096 + whole[(page + 1) * 4096 :])
        try:
            with Store.open(path, readonly=True) as store:
                assert not store.check().sound
        except DamagedError:
            pass


def test_a_database_of_ours_without_its_tables_is_damaged(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE migrations")
    connection.close()
    with pytest.raises(DamagedError, match="lacks its own history"):
        Store.open(path)


def test_an_old_database_is_migrated_and_keeps_its_findings(path: Path) -> None:
    filled(path)
    with Store.open(path, migrations=LATER) as store:
        assert store._connection.value("SELECT text FROM notes") == "migrated"
        assert store.check().schema == len(LATER)
        assert len(store.findings()) == 3
    with pytest.raises(ForeignDatabaseError, match="newer"):
        Store.open(path)
    with Store.open(path, migrations=LATER) as store:
        assert store._connection.value("SELECT count(*) FROM notes") == 1


def test_a_copy_of_before_the_migration_lies_beside_it(path: Path) -> None:
    filled(path)
    path.chmod(0o640)
    before = dict(rows_of(path))
    with Store.open(path, migrations=LATER):
        pass
    copy = path.with_name(COPY)
    assert rows_of(copy) == before
    assert copy.stat().st_mode == path.stat().st_mode
    with pytest.raises(ForeignDatabaseError, match=f"newer.* a copy from before is .*{COPY}"):
        Store.open(path)
    copy.replace(path)
    with Store.open(path) as store:
        assert store.check().sound
        assert len(store.findings()) == 3


def rows_of(path: Path) -> dict[str, list[object]]:
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    found = {
        name: connection.execute(f"SELECT * FROM {name}").fetchall()
        for name in tables
        if connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        == ("table",)
    }
    connection.close()
    return found


def test_a_copy_never_takes_the_place_of_another_one(path: Path) -> None:
    """Somebody went back, found more, and comes again."""
    filled(path)
    path.with_name(COPY).write_text("precious")
    with Store.open(path, migrations=LATER):
        pass
    assert path.with_name(COPY).read_text() == "precious"
    second = path.with_name(f"{COPY}-2")
    shutil.copy(second, path)
    with Store.open(path, migrations=LATER):
        pass
    assert not path.with_name(f"{COPY}-3").exists(), "a copy of the same is kept once"
    shutil.copy(second, path)
    with Store.open(path) as store:
        store.begin_run("run", PYTHON, HASKELL, {})
    with Store.open(path, migrations=LATER):
        pass
    assert len(rows_of(second)["runs"]) == 1
    assert len(rows_of(path.with_name(f"{COPY}-3"))["runs"]) == 2


def test_without_a_copy_nothing_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    filled(path)
    before = everything(path.parent)
    monkeypatch.setattr(way_back, "_copy", full)
    with pytest.raises(EnvironmentFailure, match=r"copy of the database .* No space left"):
        Store.open(path, migrations=LATER)
    assert everything(path.parent) == before


def test_an_old_database_with_another_history_is_not_migrated(path: Path) -> None:
    other_history(path)
    before = everything(path.parent)
    with pytest.raises(ForeignDatabaseError, match="another doge-replay"):
        Store.open(path, migrations=LATER)
    with pytest.raises(ForeignDatabaseError, match="another doge-replay"):
        Store.open(path, readonly=True, migrations=LATER)
    assert everything(path.parent) == before


def test_an_old_database_is_read_without_migrating_it(path: Path) -> None:
    filled(path)
    before = everything(path.parent)
    with Store.open(path, readonly=True, migrations=LATER) as store:
        assert store._connection.value("SELECT text FROM notes") == "migrated"
        assert len(store.finding(finding(2).id).case.steps) == 3
        with pytest.raises(EnvironmentFailure, match="for reading only"):
            store.flush()
    assert everything(path.parent) == before


def test_a_migration_that_fails_leaves_the_version_before_it(path: Path) -> None:
    def breaks(connection: Connection) -> None:
        connection.execute("DROP TABLE failures")
        connection.execute("CREATE TABLE half (done)")
        raise RuntimeError("the power is gone")

    filled(path)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="power"):
        Store.open(path, migrations=(*MIGRATIONS, Migration("0002 breaks", breaks)))
    assert path.read_bytes() == before
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, COPY}
    with Store.open(path, migrations=LATER) as store:
        assert store.check().schema == len(LATER)
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, COPY}


def test_of_two_migrations_the_first_stays_when_the_second_fails(path: Path) -> None:
    def breaks(connection: Connection) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        Store.open(path, migrations=(*LATER, Migration("0003 breaks", breaks)))
    with Store.open(path, migrations=LATER) as store:
        assert store.check().schema == len(LATER)


def test_a_migration_that_breaks_references_is_undone(path: Path) -> None:
    def forget(connection: Connection) -> None:
        connection.execute("DELETE FROM runs")

    filled(path)
    with pytest.raises(DamagedError, match="refer to nothing"):
        Store.open(path, migrations=(*MIGRATIONS, Migration("0002 forget", forget)))
    with Store.open(path) as store:
        assert len(store.runs()) == 1


MIGRATE_AND_DIE = """
import os, signal
from replay.findings.store.migrations import MIGRATIONS, Migration
def dies(connection):
    connection.execute("PRAGMA cache_size=1")
    connection.execute("DROP TABLE failures")
    connection.execute("CREATE TABLE ballast (x)")
    for n in range(200):
        connection.execute("INSERT INTO ballast VALUES (randomblob(4000))")
    os.kill(os.getpid(), signal.SIGKILL)
Store.open(sys.argv[1], migrations=(*MIGRATIONS, Migration("0002 dies", dies)))
"""


@pytest.mark.parametrize("readonly", [False, True], ids=["writing", "reading"])
def test_a_migration_killed_midway_is_rolled_back_by_whoever_opens_next(
    path: Path, readonly: bool
) -> None:
    filled(path)
    before = path.read_bytes()
    child(MIGRATE_AND_DIE, path).communicate(timeout=60)
    assert path.with_name(f"{path.name}-journal").exists(), "it was killed in the middle"
    assert path.read_bytes() != before
    with Store.open(path, readonly=readonly) as store:
        assert store.check().sound
        assert len(store.findings()) == 3
    assert path.read_bytes() == before
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, COPY}


OPEN_AT_ONCE = """
from replay.findings.store.migrations import MIGRATIONS, Migration
import time
def slow(connection):
    connection.execute("CREATE TABLE slow (x)")
    time.sleep(0.2)
migrations = (*MIGRATIONS, Migration("0002 slow", slow)) if sys.argv[2] == "old" else MIGRATIONS
while time.time() < float(sys.argv[3]):
    pass
with Store.open(sys.argv[1], migrations=migrations) as store:
    print(store.begin_run("run", PYTHON, HASKELL, {}))
"""


@pytest.mark.parametrize("kind", ["new", "old"])
def test_several_processes_can_open_a_new_or_old_database_at_once(path: Path, kind: str) -> None:
    if kind == "old":
        filled(path)
    start = time.time() + 1.0
    children = [child(OPEN_AT_ONCE, path, kind, start) for _ in range(4)]
    runs = sorted(int(finish(process)) for process in children)
    assert runs == ([2, 3, 4, 5] if kind == "old" else [1, 2, 3, 4])
    beside = {COPY} if kind == "old" else set()
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, *beside}


@pytest.mark.parametrize("holding", ["idle", "reading", "writing"])
@pytest.mark.parametrize("mode", ["wal", "persist", "truncate", "memory", "off"])
def test_whatever_the_journal_mode_who_opens_it_waits_for_the_others(
    path: Path, mode: str, holding: str
) -> None:
    """The other one lets go only after the run was seen to wait."""
    filled(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute(f"PRAGMA journal_mode={mode}")
    if holding != "idle":
        other.execute("BEGIN" if holding == "reading" else "BEGIN IMMEDIATE")
    other.execute("SELECT count(*) FROM runs").fetchone()
    waits = holding != "idle" or mode == "wal"
    letting_go = threading.Timer(1.5, other.close) if waits else None
    if letting_go is not None:
        letting_go.start()
    try:
        assert _began(path) == "2"
    finally:
        if letting_go is not None:
            letting_go.join()
        other.close()


def test_who_keeps_it_in_use_too_long_is_told_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
    filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("SELECT count(*) FROM runs").fetchone()
    before = time.monotonic()
    with pytest.raises(EnvironmentFailure, match="another process has kept it locked"):
        Store.open(path)
    assert time.monotonic() - before >= 0.3
    other.close()


def test_a_write_ahead_log_that_someone_switched_on_is_switched_off(path: Path) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
    connection.close()
    with Store.open(path, readonly=True) as store:
        assert len(store.findings()) == 3
    with Store.open(path) as store:
        assert store._connection.value("PRAGMA journal_mode") == "delete"
        assert len(store.findings()) == 3
