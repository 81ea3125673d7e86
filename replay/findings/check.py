"""Whether a database is sound: what SQLite can tell of the file, and what only we can.

Reads everything once. Streams are read one by one, each by itself, so that a large database takes
neither memory nor the lock for long, and writers can go on.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.errors import DamagedError
from replay.findings import encoding
from replay.findings.database import Connection

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
"""


def soundness(connection: Connection) -> Soundness:
    """Checks the whole database. Raises DamagedError only where it cannot be read at all."""
    problems: list[str] = []
    for check in (_file, _references, _missing, _streams):
        try:
            found = check(connection)
        except DamagedError as error:
            found = [error.message]
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


def _file(connection: Connection) -> list[str]:
    rows = connection.rows("PRAGMA integrity_check")
    lines = [line for row in rows for line in str(row["integrity_check"]).splitlines()]
    return [] if lines == ["ok"] else [f"SQLite: {line}" for line in lines]


def _references(connection: Connection) -> list[str]:
    rows = connection.rows("PRAGMA foreign_key_check")
    return [f"a row of {row['table']} refers to none of {row['parent']}" for row in rows]


def _missing(connection: Connection) -> list[str]:
    return [row["problem"] for row in connection.rows(_MISSING)]


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
