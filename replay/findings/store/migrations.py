"""The schema of the store, as a list of named steps that only ever grows.

A database records which steps it has been through; `user_version` is their number. Each step runs
in one transaction with its record, so one that is interrupted leaves the version before it, and
of two processes that open an old database at once, one migrates and the other waits for it. Before
the first step the database is copied (way_back.py).

To change the schema, append a migration; one that was released is never edited. Timestamps
belong to runs and to the history alone: everything else depends only on what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from replay import __version__
from replay.errors import DamagedError, ForeignDatabaseError
from replay.findings.severity import is_hot, severity_of, worst
from replay.findings.store import accounts, encoding, views
from replay.findings.store.database import APPLICATION_ID, Connection, judge
from replay.streams.model import call_name


class Migration(NamedTuple):
    """One step: a name that is never reused, and what it does to the database."""

    name: str
    apply: Callable[[Connection], None]


Migrations: TypeAlias = Sequence[Migration]


def migrate(
    connection: Connection,
    migrations: Migrations,
    keep: Callable[[Path, int], object] | None = None,
) -> None:
    """Brings a database to the newest version; does nothing where it is there already.

    `keep` is called once before an old database is changed, with its path and version, while
    nobody can write to it.
    """
    version = judge(connection, len(migrations))
    _check_history(connection, migrations[:version])
    if version == len(migrations):
        return
    # Rebuilding a table breaks references for a moment; they are checked before the commit.
    # The switch has no effect inside a transaction.
    connection.execute("PRAGMA foreign_keys=OFF")
    try:
        while _one_step(connection, migrations, keep):
            keep = None
    finally:
        connection.execute("PRAGMA foreign_keys=ON")


def _one_step(
    connection: Connection, migrations: Migrations, keep: Callable[[Path, int], object] | None
) -> bool:
    """Applies the first migration that is due; false where none is."""
    with connection.writing():
        # Another process may have come first while this one waited for the lock.
        version = judge(connection, len(migrations))
        if version == len(migrations):
            return False
        if version and keep is not None:
            keep(connection.path, version)
        if version == 0:
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(_HISTORY)
        # A new one is made in one go: nobody is to see half of it, and take it for an old one.
        last = version + 1 if version else len(migrations)
        for number, migration in enumerate(migrations[version:last], version + 1):
            migration.apply(connection)
            connection.execute(
                "INSERT INTO migrations (number, name, tool_version) VALUES (?, ?, ?)",
                number,
                migration.name,
                __version__,
            )
        broken = connection.rows("PRAGMA foreign_key_check")
        if broken:
            raise DamagedError(
                f"the database {connection.path} cannot be brought up to date: "
                f"{len(broken)} rows of {broken[0]['table']} refer to nothing"
            )
        connection.execute(f"PRAGMA user_version={last}")
    return True


def _check_history(connection: Connection, migrations: Migrations) -> None:
    """Refuses a database that came to its version by another road than these migrations."""
    if not migrations:
        return
    if not connection.value("SELECT count(*) FROM sqlite_master WHERE name = 'migrations'"):
        raise DamagedError(f"the database {connection.path} is damaged: it lacks its own history")
    # Those beyond are from a process that migrated it between the look at its version and this.
    rows = connection.rows(
        "SELECT name FROM migrations WHERE number <= ? ORDER BY number", len(migrations)
    )
    names = [row["name"] for row in rows]
    if [migration.name for migration in migrations] != names:
        raise ForeignDatabaseError(
            f"the database {connection.path} has a schema of another doge-replay "
            f"({', '.join(names)}); it is left untouched",
            path=str(connection.path),
        )


_HISTORY = """
CREATE TABLE migrations (
    number       INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    tool_version TEXT NOT NULL
)"""

_FIRST = (
    # Which core exactly: unique by all that is known about it.
    """
    CREATE TABLE cores (
        id       INTEGER PRIMARY KEY,
        kind     TEXT NOT NULL,
        path     TEXT NOT NULL,
        sha256   TEXT NOT NULL,
        version  TEXT NOT NULL,
        revision TEXT NOT NULL,
        methods  TEXT NOT NULL, -- JSON list
        UNIQUE (sha256, path, kind, version, revision, methods)
    )""",
    # A run that has no `ended` is still going on, or was killed.
    """
    CREATE TABLE runs (
        id           INTEGER PRIMARY KEY,
        kind         TEXT NOT NULL,
        authority    INTEGER NOT NULL REFERENCES cores (id),
        shadow       INTEGER NOT NULL REFERENCES cores (id),
        seed         TEXT, -- as text: a seed may have more than 64 bits
        profile      TEXT,
        settings     TEXT NOT NULL, -- JSON
        tool_version TEXT NOT NULL,
        started      TEXT NOT NULL, -- RFC 3339, UTC
        ended        TEXT,
        streams      INTEGER NOT NULL DEFAULT 0,
        transitions  INTEGER NOT NULL DEFAULT 0,
        seconds      REAL NOT NULL DEFAULT 0,
        rejected     INTEGER NOT NULL DEFAULT 0,
        exit         INTEGER,
        canary       TEXT, -- JSON
        control      TEXT  -- JSON
    )""",
    # Named after the SHA-256 of the packed content, so the same stream is stored once.
    """
    CREATE TABLE streams (
        sha256 TEXT PRIMARY KEY,
        steps  INTEGER NOT NULL,
        size   INTEGER NOT NULL, -- of the packed content
        blob   BLOB NOT NULL     -- zstd
    )""",
    # One row for each signature; the id is made from it. `failure`: a core gave no answer.
    """
    CREATE TABLE divergences (
        id        TEXT PRIMARY KEY,
        event     TEXT NOT NULL,
        rule      TEXT NOT NULL,
        field     TEXT NOT NULL,
        kind      TEXT NOT NULL,
        failure   INTEGER NOT NULL,
        first_run INTEGER NOT NULL REFERENCES runs (id)
    )""",
    # What it takes to see a divergence again, and what was seen. The unshrunk case is written
    # with the divergence and never replaced; the minimised one joins it.
    """
    CREATE TABLE cases (
        divergence  TEXT NOT NULL REFERENCES divergences (id),
        form        TEXT NOT NULL CHECK (form IN ('unshrunk', 'minimised')),
        run         INTEGER NOT NULL REFERENCES runs (id),
        stream      TEXT NOT NULL REFERENCES streams (sha256),
        verdict     TEXT NOT NULL,
        origin      TEXT NOT NULL,
        line        INTEGER NOT NULL,
        differences BLOB NOT NULL, -- this and the next two: MessagePack in zstd
        authority   BLOB NOT NULL,
        shadow      BLOB NOT NULL,
        attempts    INTEGER, -- of the minimiser
        seconds     REAL,
        PRIMARY KEY (divergence, form)
    )""",
    # How often each run saw each divergence: every occurrence is counted here.
    """
    CREATE TABLE tallies (
        run         INTEGER NOT NULL REFERENCES runs (id),
        divergence  TEXT NOT NULL REFERENCES divergences (id),
        occurrences INTEGER NOT NULL,
        PRIMARY KEY (run, divergence)
    ) WITHOUT ROWID""",
    "CREATE INDEX tallies_by_divergence ON tallies (divergence)",
    # The places of the first few occurrences of each run; some have their stream.
    """
    CREATE TABLE occurrences (
        id         INTEGER PRIMARY KEY,
        divergence TEXT NOT NULL REFERENCES divergences (id),
        run        INTEGER NOT NULL REFERENCES runs (id),
        origin     TEXT NOT NULL,
        line       INTEGER NOT NULL,
        step       INTEGER NOT NULL,
        count      INTEGER NOT NULL,
        stream     TEXT REFERENCES streams (sha256),
        UNIQUE (divergence, run, origin, line, step)
    )""",
    "CREATE INDEX kept_streams ON occurrences (divergence) WHERE stream IS NOT NULL",
    # How often a core failed in each run, by class, with the words of the first time.
    """
    CREATE TABLE failures (
        run       INTEGER NOT NULL REFERENCES runs (id),
        role      TEXT NOT NULL CHECK (role IN ('authority', 'shadow')),
        class     TEXT NOT NULL,
        steps     INTEGER NOT NULL, -- that got no answer
        incidents INTEGER NOT NULL, -- after which asking again gave the answer
        detail    TEXT NOT NULL,
        PRIMARY KEY (run, role, class)
    ) WITHOUT ROWID""",
)


def _first_tables(connection: Connection) -> None:
    for statement in _FIRST:
        connection.execute(statement)


_TRIAGE = (
    # The name of a part that was split off by hand (signatures have it), and how bad it is: the
    # worst of all cases that came in, never lowered.
    "ALTER TABLE divergences ADD COLUMN part TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE divergences ADD COLUMN severity TEXT NOT NULL DEFAULT 'texts'",
    "ALTER TABLE divergences ADD COLUMN hot INTEGER NOT NULL DEFAULT 0",
    # What became of a divergence, who said so, and why. Its status is that of the newest row that
    # has one; owner, note and severity by hand likewise.
    """
    CREATE TABLE history (
        id         INTEGER PRIMARY KEY,
        divergence TEXT NOT NULL REFERENCES divergences (id),
        at         TEXT NOT NULL, -- RFC 3339, UTC
        who        TEXT NOT NULL,
        status     TEXT,          -- null: a remark that changes none
        why        TEXT NOT NULL,
        evidence   TEXT NOT NULL, -- JSON object
        run        INTEGER REFERENCES runs (id),
        severity   TEXT,          -- this and the next two: as set by hand, null where not set
        owner      TEXT,
        note       TEXT
    )""",
    "CREATE INDEX history_by_divergence ON history (divergence, id)",
    # It only grows. REPLACE deletes without asking the trigger for that, so it has its own.
    """
    CREATE TRIGGER history_stays_as_it_is BEFORE UPDATE ON history
    BEGIN SELECT RAISE(ABORT, 'the history only grows'); END""",
    """
    CREATE TRIGGER history_is_not_deleted BEFORE DELETE ON history
    BEGIN SELECT RAISE(ABORT, 'the history only grows'); END""",
    """
    CREATE TRIGGER history_is_not_replaced BEFORE INSERT ON history
    WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the history only grows'); END""",
    # The splits and merges in force. One that is taken back is in the history.
    """
    CREATE TABLE splits (
        id         INTEGER PRIMARY KEY, -- parts of one bucket are tried in this order
        divergence TEXT NOT NULL REFERENCES divergences (id),
        name       TEXT NOT NULL,
        condition  TEXT NOT NULL,
        part       TEXT NOT NULL UNIQUE REFERENCES divergences (id),
        UNIQUE (divergence, name)
    )""",
    """
    CREATE TABLE merges (
        source TEXT PRIMARY KEY REFERENCES divergences (id),
        target TEXT NOT NULL REFERENCES divergences (id),
        CHECK (source <> target)
    ) WITHOUT ROWID""",
)


def _triage(connection: Connection) -> None:
    for statement in _TRIAGE:
        connection.execute(statement)
    for row in connection.rows("SELECT id, event FROM divergences"):
        _severity_of_stored(connection, row["id"], row["event"])


def _severity_of_stored(connection: Connection, identity: str, event: str) -> None:
    """Sets severity and hot path from the cases that are stored; what is damaged is passed over,
    and told by the check."""
    severities, hot = [], is_hot(event)
    for row in connection.rows(
        """SELECT c.differences, c.stream, s.blob FROM cases c
        LEFT JOIN streams s ON s.sha256 = c.stream WHERE c.divergence = ?""",
        identity,
    ):
        try:
            differences = encoding.unpack_differences(row["differences"])
            last = encoding.unpack_stream(row["blob"], row["stream"]).steps[-1]
        except (ValueError, TypeError, IndexError):
            continue
        name = call_name(last.call)
        severities.append(severity_of(name, differences))
        hot = hot or is_hot(name)
    connection.execute(
        "UPDATE divergences SET severity = ?, hot = ? WHERE id = ?",
        str(worst(severities) if severities else severity_of(event, ())),
        int(hot),
        identity,
    )


def _accounts(connection: Connection) -> None:
    for statement in accounts.TABLES:
        connection.execute(statement)


def _life_of_causes(connection: Connection) -> None:
    for statement in accounts.LIFE:
        connection.execute(statement)


MIGRATIONS: Migrations = (
    Migration("0001 runs, cores and divergences", _first_tables),
    Migration("0002 history, severity, splits and merges", _triage),
    Migration("0003 accounts of causes", _accounts),
    Migration("0004 history and cases of causes", _life_of_causes),
    Migration("0005 views", views.create_views),
    Migration("0006 a failing core is called that in views, too", views.renew_views),
)
"""All migrations, oldest first."""
