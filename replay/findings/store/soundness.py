"""Whether a database is sound: what SQLite can tell of the file, and what only we can.

Reads everything once. Streams are read one by one, each by itself, so that a large database takes
neither memory nor the lock for long, and writers can go on.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.differential.routing_table import part_of
from replay.errors import DamagedError
from replay.findings.lifecycle import broken_step
from replay.findings.severity import Severity
from replay.findings.store import encoding
from replay.findings.store.database import Connection
from replay.findings.store.forms import FORM_FAULTS, damaged
from replay.findings.store.reader import Reader
from replay.findings.store.routes import read_routing, signature_of

_MOST = 20
"""Problems of one sort that are named; a file full of them needs no longer list."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was looked at, and one line for each thing that is wrong."""

    runs: int
    unfinished_runs: int
    findings: int
    streams: int
    size: int
    schema: int
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


_MISSING = """
SELECT 'finding ' || id || ' has no unshrunk case' AS problem FROM divergences
    WHERE id NOT IN (SELECT divergence FROM cases WHERE form = 'unshrunk')
UNION ALL
SELECT 'finding ' || id || ' was seen by no run' FROM divergences
    WHERE id NOT IN (SELECT divergence FROM tallies)
UNION ALL
SELECT 'the ' || form || ' case of ' || divergence || ' lacks its stream ' || stream FROM cases
    WHERE stream NOT IN (SELECT sha256 FROM streams)
UNION ALL
SELECT 'an occurrence of ' || divergence || ' lacks its stream ' || stream FROM occurrences
    WHERE stream IS NOT NULL AND stream NOT IN (SELECT sha256 FROM streams)
UNION ALL
SELECT 'run ' || run || ' saw ' || divergence || ' ' || occurrences || ' times' FROM tallies
    WHERE occurrences < 0
UNION ALL
SELECT source || ' was merged in a circle' FROM merges WHERE source IN (
    WITH RECURSIVE way(start, here) AS (
        SELECT source, target FROM merges
        UNION SELECT way.start, merges.target FROM way JOIN merges ON merges.source = way.here
    ) SELECT start FROM way WHERE here = start)
"""

_TRIGGERS = tuple(
    f"{table}_{what}"
    for table in ("history", "cause_history")
    for what in ("is_not_deleted", "is_not_replaced", "stays_as_it_is")
)


def soundness(connection: Connection) -> Soundness:
    """Checks the whole database. Raises DamagedError only where it cannot be read at all."""
    problems: list[str] = []
    for check in _CHECKS:
        try:
            found = check(connection)
        except DamagedError as error:
            found = [error.message]
        except FORM_FAULTS as error:
            found = [damaged(connection, error).message]
        problems += found[:_MOST]
        if len(found) > _MOST:
            problems.append(f"... and {len(found) - _MOST} more like these")
    return Soundness(
        runs=connection.value("SELECT count(*) FROM runs"),
        unfinished_runs=connection.value("SELECT count(*) FROM runs WHERE ended IS NULL"),
        findings=connection.value("SELECT count(*) FROM divergences"),
        streams=connection.value("SELECT count(*) FROM streams"),
        size=connection.path.stat().st_size,
        schema=connection.value("PRAGMA user_version"),
        problems=tuple(dict.fromkeys(problems)),
    )


def _rows(connection: Connection) -> list[str]:
    """Whether every run, finding, case, place and core can be read as commands read them."""
    reader = Reader(connection)
    problems: list[str] = []
    for read in (reader.runs, reader.findings, reader.account, reader.causes):
        try:
            read()
        except DamagedError as error:
            problems.append(error.message)
    for row in connection.rows("SELECT divergence, form FROM cases ORDER BY divergence, form"):
        try:
            reader.stored_case(row["divergence"], row["form"])
        except DamagedError as error:
            problems.append(error.message)
    for row in connection.rows("SELECT id FROM divergences ORDER BY id"):
        for look in (reader.cores_of, reader.sightings_of, reader.places_of, reader.kept_streams):
            try:
                look(row["id"])
            except DamagedError as error:
                problems.append(error.message)
    return problems


def _file(connection: Connection) -> list[str]:
    rows = connection.rows("PRAGMA integrity_check")
    lines = [line for row in rows for line in str(row["integrity_check"]).splitlines()]
    return [] if lines == ["ok"] else [f"SQLite: {line}" for line in lines]


def _references(connection: Connection) -> list[str]:
    rows = connection.rows("PRAGMA foreign_key_check")
    return [f"a row of {row['table']} refers to none of {row['parent']}" for row in rows]


def _missing(connection: Connection) -> list[str]:
    return [row["problem"] for row in connection.rows(_MISSING)]


def _identities(connection: Connection) -> list[str]:
    """An id is made from the signature, and a severity is one of a few."""
    problems = []
    for row in connection.rows("SELECT * FROM divergences ORDER BY id"):
        if signature_of(row).id != row["id"]:
            problems.append(f"finding {row['id']} does not have the signature of its id")
        if row["severity"] not in set(Severity):
            problems.append(f"finding {row['id']} has an unknown severity")
    return problems


def _histories(connection: Connection) -> list[str]:
    """Whether entries can be read, and follow on each other as they may."""
    there = {row["name"] for row in connection.rows("SELECT name FROM sqlite_master")}
    problems = [
        f"nothing keeps the history from being changed: the trigger {name} is missing"
        for name in _TRIGGERS
        if name not in there
    ]
    reader = Reader(connection)
    for row in connection.rows(
        "SELECT DISTINCT divergence FROM history WHERE divergence IN (SELECT id FROM divergences)"
    ):
        identity = row["divergence"]
        try:
            statuses = [entry.status for entry in reader.history_of(identity)]
        except DamagedError as error:
            problems.append(error.message)
            continue
        broken = broken_step(statuses, failure=identity.startswith("f-"))
        if broken is not None:
            problems.append(f"the history of {identity} goes from {broken[0]} to {broken[1]}")
    return problems


def _routing(connection: Connection) -> list[str]:
    """Whether every split and merge can take effect, and parts are what they are parts of."""
    rows = connection.rows(
        """SELECT s.name, s.part AS split_part, d.* FROM splits s
        JOIN divergences d ON d.id = s.divergence"""
    )
    problems = [
        f"{row['split_part']} is not the part {row['name']!r} of {row['id']}"
        for row in rows
        if part_of(signature_of(row), row["name"]).id != row["split_part"]
    ]
    try:
        read_routing(connection)
    except DamagedError as error:
        problems.append(error.message)
    return problems


def _streams(connection: Connection) -> list[str]:
    problems = []
    for row in connection.rows("SELECT sha256 FROM streams ORDER BY sha256"):
        name = row["sha256"]
        try:
            blob = connection.value("SELECT blob FROM streams WHERE sha256 = ?", name)
            encoding.unpack_stream(blob, name)
        except (ValueError, TypeError) as error:
            problems.append(f"stream {name}: {error}")
        except DamagedError as error:
            problems.append(f"stream {name}: {error.message}")
    return problems


_CHECKS = (_file, _references, _missing, _identities, _histories, _routing, _rows, _streams)
