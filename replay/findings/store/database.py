"""The SQLite file under the store: opening it safely, transactions, and its errors in our words.

What SQLite leaves to its users is decided here, once:

- A file that is not ours is recognised before SQLite opens it for good. Even reading a foreign
  database could change it: a journal would be rolled back, a write-ahead log merged.
- The rollback journal, never WAL: SQLite before 3.51.3 can corrupt a WAL database, and one
  journal mode everywhere means that the one which runs is the one which is tested.
- `synchronous=EXTRA`, which is FULL and also syncs the directory after the journal is deleted;
  with FULL alone a power cut could bring the journal back and undo what was reported as stored.
- Each write begins with BEGIN IMMEDIATE: of two that begin deferred the second fails at once
  instead of waiting.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from replay.errors import (
    DamagedError,
    EnvironmentFailure,
    ForeignDatabaseError,
    InputError,
    ReplayError,
)
from replay.findings.store.way_back import newest_copy

APPLICATION_ID = 0x44475250
"""What marks a database as ours ("DGRP")."""

BUSY_SECONDS = 30.0
"""How long a transaction waits for another process before it gives up."""

_NAP_SECONDS = 0.05

HURRIED_SECONDS = 3.0
"""How long somebody waits who only looks, and can look again."""

_ENVIRONMENT = {
    sqlite3.SQLITE_FULL: "there is no space left for it",
    sqlite3.SQLITE_IOERR: "the disk reports an error, or is full",
    sqlite3.SQLITE_BUSY: "another process has kept it locked for too long",
    sqlite3.SQLITE_LOCKED: "another connection has kept it locked for too long",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "its permissions do not allow it",
    sqlite3.SQLITE_CANTOPEN: "it, or its journal beside it, cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "the file system's locks do not work",
    sqlite3.SQLITE_NOLFS: "the file system does not take files this large",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
}
_IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)


def _code(error: sqlite3.Error) -> int:
    """The primary result code; extended ones have it in their lowest byte."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into ours; one that is left is a bug of ours and goes through."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translation(path, error) or error from error
    except UnicodeDecodeError as error:
        # In the names of the schema, which Python's sqlite3 reads without a word of its own.
        raise DamagedError(f"the database {path} is damaged ({error})", path=str(path)) from error


def _translation(path: Path, error: sqlite3.Error) -> ReplayError | None:
    code = _code(error)
    extended = getattr(error, "sqlite_errorcode", 0)
    if extended == sqlite3.SQLITE_READONLY_ROLLBACK:
        return EnvironmentFailure(
            f"the database {path} was left in the middle of a change by a process that was killed; "
            "any command that may write to it, like `list`, puts it right",
            path=str(path),
        )
    data = {"path": str(path), "sqlite": str(error)}
    if code in _ENVIRONMENT:
        text = f"cannot use the database {path}: {_ENVIRONMENT[code]} ({error})"
        return EnvironmentFailure(text, **data)
    if code in _DAMAGED or _is_not_our_schema(code, error):
        return DamagedError(f"the database {path} is damaged ({error})", **data)
    if code == sqlite3.SQLITE_CONSTRAINT and (problem := _problem(path)):
        # What we write keeps every rule; where an index or a rule is damaged it seems not to.
        return DamagedError(f"the database {path} is damaged ({problem}; {error})", **data)
    if code == sqlite3.SQLITE_TOOBIG or isinstance(error, sqlite3.DataError):
        return InputError(f"a value is too long for the database {path} ({error})", **data)
    return None


def _problem(path: Path) -> str:
    """What SQLite finds wrong in a file, on one line; empty where it finds nothing."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as look:
            found = look.execute("PRAGMA integrity_check(1)").fetchone()[0]
            broken = look.execute("PRAGMA foreign_key_check").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return " ".join(str(error).split())
    if found != "ok":
        return " ".join(str(found).split())
    return f"a row of {broken[0]} names one that is not there" if broken else ""


def _is_not_our_schema(code: int, error: sqlite3.Error) -> bool:
    """Whether a statement of ours, which are all fixed, does not fit the tables that are there, or
    a text in them is no UTF-8."""
    if not isinstance(error, sqlite3.OperationalError):
        return False
    return "UTF-8" in str(error) or (
        code == sqlite3.SQLITE_ERROR and "transaction" not in str(error)
    )


class Connection:
    """A connection to a database of ours.

    Not shared between threads, and not carried through a fork.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """All rows of a query. Never lazily: an unfinished query keeps writers waiting."""
        # Closed also where a page is damaged: no query may leave a transaction open.
        with translated(self.path), closing(self._connection.execute(sql, parameters)) as cursor:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def row(self, sql: str, *parameters: object) -> dict[str, Any] | None:
        """The first row of a query, if it has one."""
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    def value(self, sql: str, *parameters: object) -> Any:
        """The first value of a query's first row; None where it has no row."""
        found = self.row(sql, *parameters)
        return None if found is None else next(iter(found.values()))

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        """Runs one statement; one that writes belongs in a `writing` block."""
        with translated(self.path):
            return self._connection.execute(sql, parameters)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that has the write lock from its beginning.

        It is durable once the block is left without an exception; with one, nothing of it is.
        """
        with translated(self.path):
            yield from self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several queries that see one and the same state. Keep it short: writers wait."""
        with translated(self.path):
            yield from self._transaction("BEGIN")

    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # Some errors have rolled back already; one from the rollback itself would only hide
            # the first, and SQLite undoes the transaction from the journal at the next opening.
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._connection.close()


def connect(path: Path, newest: int) -> Connection:
    """Opens a database for writing, making the file where it is missing.

    `newest` is the highest schema version that can be used. Raises as `inspect` does.
    """
    if not path.parent.is_dir():
        raise EnvironmentFailure(
            f"cannot make the database {path}: the directory {path.parent} does not exist",
            path=str(path),
        )
    inspect(path, newest)
    with translated(path):
        connection = _connection(path, "rwc")
        try:
            _usual_journal(connection)
            connection.execute("PRAGMA synchronous=EXTRA")
        except BaseException:
            connection.close()
            raise
        return Connection(path, connection)


def remove_empty(path: Path) -> None:
    """Removes a file that we made and to which nothing could be written, as on a full disk, unless
    another process is at it. Of one that is about to, SQLite sees that the file has gone, and
    refuses."""
    with suppress(OSError, sqlite3.Error), closing(_connection(path, "rw", 0.0)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            # Even that takes room. Whoever writes has a journal by then.
            journal = path.with_name(f"{path.name}-journal")
            if _code(error) in _IN_USE or journal.exists():
                return
        if path.stat().st_size == 0:
            path.unlink()


def _usual_journal(connection: sqlite3.Connection) -> None:
    """Deletes a WAL that someone switched on; changes nothing in a file of the usual kind.

    SQLite does not wait here: it takes nobody else having the file open, be it idle.
    """
    until = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
            return
        except sqlite3.OperationalError as error:
            if _code(error) not in _IN_USE or monotonic() >= until:
                raise
        sleep(_NAP_SECONDS)


def connect_readonly(path: Path, newest: int) -> Connection:
    """Opens a database that must be there, for reading alone.

    The file is opened for writing where permissions allow, so that the journal which a killed
    writer left can be rolled back; SQLite then keeps every statement from writing.
    """
    if not path.exists():
        raise InputError(f"there is no database {path}", path=str(path))
    inspect(path, newest)
    with translated(path):
        connection = _connection(path, "rw")
        try:
            connection.execute("PRAGMA query_only=ON")
        except BaseException:
            connection.close()
            raise
        return Connection(path, connection)


def connect_untouched(path: Path, newest: int) -> Connection:
    """Opens a database that must be there so that nothing on the disk changes, whatever happens:
    not even the journal that a killed writer left is rolled back (EnvironmentFailure then). For
    who only looks now and then: it waits for another process for HURRIED_SECONDS at most.
    """
    if not path.exists():
        raise InputError(f"there is no database {path}", path=str(path))
    inspect(path, newest)
    with translated(path):
        connection = _connection(path, "ro", HURRIED_SECONDS)
        return Connection(path, connection)


def in_memory_copy(source: Connection) -> Connection:
    """A writable copy that nobody else sees, to bring an old database up to date for reading."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    with translated(source.path):
        source._connection.backup(copy)
        copy.execute("PRAGMA foreign_keys=ON")
    return Connection(source.path, copy)


def _connection(path: Path, mode: str, patience: float | None = None) -> sqlite3.Connection:
    patience = BUSY_SECONDS if patience is None else patience
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def inspect(path: Path, newest: int) -> None:
    """Looks at a file without changing it, or anything beside it, in any way.

    Raises ForeignDatabaseError for what is not ours or newer, InputError for what is no file.
    A missing or empty file is fine.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise EnvironmentFailure(f"cannot read the database {path}: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is no file, so it cannot be the database", path=str(path))
    if status.st_size == 0:
        return
    if status.st_size == 1:
        # SQLite takes it for an empty one, and would overwrite it.
        raise _no_database(path)
    # `immutable` makes SQLite read the file as it is, with no lock, journal or log. Not read by
    # hand: closing the file would drop the locks of every other connection of this process.
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with translated(path), closing(sqlite3.connect(uri, uri=True)) as connection:
            judge(Connection(path, connection), newest)
            log = path.with_name(f"{path.name}-wal")
            if connection.execute("PRAGMA application_id").fetchone()[0] == 0 and log.exists():
                # Another program's database whose content is still in its log.
                raise _foreign(path)
    except DamagedError as error:
        if "not a database" in str(error.data.get("sqlite")):
            raise _no_database(path) from error
        # Ours or not, without locks a file that is just being written can look like this too.


def judge(connection: Connection, newest: int) -> int:
    """The schema version of a database of ours, 0 where it is still empty.

    Raises ForeignDatabaseError for one that is not ours or has a version above `newest`.
    """
    path = connection.path
    owner = connection.value("PRAGMA application_id")
    version = connection.value("PRAGMA user_version")
    if owner != APPLICATION_ID:
        if not (owner or version or connection.value("SELECT count(*) FROM sqlite_master")):
            return 0
        # Another process may have made it just between these questions: then it is ours by now.
        if connection.value("PRAGMA application_id") != APPLICATION_ID:
            raise _foreign(path)
        version = connection.value("PRAGMA user_version")
    if version > newest:
        copy = newest_copy(path, newest)
        beside = "" if copy is None else f"; a copy from before is {copy}"
        raise ForeignDatabaseError(
            f"the database {path} was written by a newer doge-replay (schema {version}, this one "
            f"knows up to {newest}); it is left untouched{beside}",
            path=str(path),
            version=version,
        )
    return int(version)


def _no_database(path: Path) -> ForeignDatabaseError:
    return ForeignDatabaseError(
        f"{path} is no SQLite database; it is left untouched", path=str(path)
    )


def _foreign(path: Path) -> ForeignDatabaseError:
    return ForeignDatabaseError(
        f"the database {path} belongs to another program; it is left untouched", path=str(path)
    )
