"""The writing half of the store: what each call of `Store` changes, row by row.

Each method here belongs inside a transaction that has the write lock (`Connection.writing`), so
what it reads before it writes is still true when it writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from replay.differential.model import Finding
from replay.errors import UsageError
from replay.findings.lifecycle import HistoryEntry, Status, status_of
from replay.findings.severity import Severity, is_hot, severity_of, worst
from replay.findings.store import encoding
from replay.findings.store.database import Connection
from replay.findings.store.encoding import PackedStream, clean
from replay.targets.base import CoreIdentity

KEPT_PLACES = 20
"""Occurrences of one finding in one run whose place is kept; the rest are only counted."""

KEPT_STREAMS = 50
"""Streams of occurrences of one finding that are kept besides its two cases, over all runs."""

MAX_WHO = 200
MAX_OWNER = 200
MAX_NOTE = 4000
MAX_WHY = 4000
"""Characters of the texts of a history."""


class Place(NamedTuple):
    """Where an occurrence was: the name of its stream, the line there, and the step."""

    origin: str
    line: int
    step: int


def as_json(value: object) -> str:
    """The same text for equal values; what JSON does not have is kept as its text."""
    return json.dumps(value, sort_keys=True, default=str)


def now() -> str:
    """The time as runs record it: RFC 3339, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def bounded(what: str, text: str, limit: int) -> str:
    """A text as the database can hold it. Raises UsageError where it is too long."""
    if len(text) > limit:
        raise UsageError(f"{what} has {len(text):,} characters; {limit:,} are the most")
    return clean(text)


def bounded_entry(entry: HistoryEntry) -> tuple[object, ...]:
    """An entry of a history as its columns hold it. Raises UsageError where a text is too long."""
    return (
        entry.at,
        bounded("who", entry.who, MAX_WHO),
        None if entry.status is None else str(entry.status),
        bounded("why", entry.why, MAX_WHY),
        as_json(entry.evidence),
        entry.run,
        None if entry.severity is None else str(entry.severity),
        None if entry.owner is None else bounded("the owner", entry.owner, MAX_OWNER),
        None if entry.note is None else bounded("the note", entry.note, MAX_NOTE),
    )


class Rows:
    """Writes rows through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, sql: str, *values: object) -> int:
        """Runs an INSERT and gives the number of the new row."""
        number = self._connection.execute(sql, *values).lastrowid
        assert number is not None
        return number

    def require_run(self, run_id: int) -> None:
        """Raises UsageError where there is no such run."""
        if self._connection.value("SELECT 1 FROM runs WHERE id = ?", run_id) is None:
            raise UsageError(f"there is no run {run_id} in {self._connection.path}", run=run_id)

    def require_finding(self, finding_id: str) -> None:
        """Raises UsageError where there is no such finding."""
        if self._connection.value("SELECT 1 FROM divergences WHERE id = ?", finding_id) is None:
            raise UsageError(
                f"there is no finding {finding_id!r} in {self._connection.path}", id=finding_id
            )

    def core_id(self, core: CoreIdentity) -> int:
        """The number of a core, a new one where it differs in anything from those known."""
        texts = (core.kind, core.path, core.sha256, core.version, core.revision)
        values = (*map(clean, texts), as_json(list(core.methods)))
        columns = "kind, path, sha256, version, revision, methods"
        self._connection.execute(
            f"INSERT OR IGNORE INTO cores ({columns}) VALUES (?, ?, ?, ?, ?, ?)", *values
        )
        number = self._connection.value(
            f"SELECT id FROM cores WHERE ({columns}) = (?, ?, ?, ?, ?, ?)", *values
        )
        return int(number)

    def insert_divergence(self, run_id: int, finding: Finding) -> bool:
        """True where the database did not have it; else its severity may be raised."""
        signature = finding.signature
        severity, hot = severity_of(finding.event, finding.differences), is_hot(finding.event)
        inserted = self._connection.execute(
            """INSERT OR IGNORE INTO divergences (id, event, rule, field, kind, failure, part,
            severity, hot, first_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            finding.id,
            *map(clean, (signature.event, signature.rule, signature.field, str(signature.kind))),
            int(signature.failure),
            clean(signature.part),
            str(severity),
            int(hot),
            run_id,
        )
        if inserted.rowcount == 0:
            self.raise_severity(finding.id, severity, hot)
        return inserted.rowcount == 1

    def raise_severity(self, finding_id: str, severity: Severity, hot: bool) -> None:
        """Makes a finding as bad as one of its cases; it never gets better."""
        row = self._connection.row("SELECT severity, hot FROM divergences WHERE id = ?", finding_id)
        assert row is not None
        former = Severity(row["severity"]), bool(row["hot"])
        raised = worst((former[0], severity)), former[1] or hot
        if raised != former:
            self._connection.execute(
                "UPDATE divergences SET severity = ?, hot = ? WHERE id = ?",
                str(raised[0]),
                int(raised[1]),
                finding_id,
            )

    def status(self, finding_id: str) -> Status:
        """The status of a finding that is there."""
        failure = self._connection.value("SELECT failure FROM divergences WHERE id = ?", finding_id)
        newest = self._connection.value(
            """SELECT status FROM history WHERE divergence = ? AND status IS NOT NULL
            ORDER BY id DESC LIMIT 1""",
            finding_id,
        )
        return status_of(() if newest is None else (Status(newest),), failure=bool(failure))

    def add_history(self, finding_id: str, entry: HistoryEntry) -> None:
        """Writes one entry. Raises UsageError where a text is too long."""
        self.insert(
            """INSERT INTO history (divergence, at, who, status, why, evidence, run, severity,
            owner, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            finding_id,
            *bounded_entry(entry),
        )

    def remark(
        self,
        finding_id: str,
        who: str,
        why: str,
        evidence: Mapping[str, Any],
        run: int | None = None,
    ) -> None:
        """Writes an entry that changes no status."""
        self.add_history(finding_id, HistoryEntry(now(), who, None, why, evidence, run))

    def tally(self, run_id: int, finding_id: str, n: int) -> bool:
        """Adds to the count of a finding in a run; true where the run had not seen it."""
        inserted = self._connection.execute(
            "INSERT OR IGNORE INTO tallies (run, divergence, occurrences) VALUES (?, ?, 0)",
            run_id,
            finding_id,
        )
        self._connection.execute(
            "UPDATE tallies SET occurrences = occurrences + ? WHERE run = ? AND divergence = ?",
            n,
            run_id,
            finding_id,
        )
        return inserted.rowcount == 1

    def write_place(
        self, run_id: int, finding_id: str, place: Place, n: int, stream: PackedStream | None
    ) -> None:
        """Keeps where an occurrence was, and its stream, as long as there are few of them."""
        again = self._connection.execute(
            """UPDATE occurrences SET count = count + ? WHERE divergence = ? AND run = ?
            AND origin = ? AND line = ? AND step = ?""",
            n,
            finding_id,
            run_id,
            *place,
        )
        if again.rowcount:
            return
        places = self._connection.value(
            "SELECT count(*) FROM occurrences WHERE divergence = ? AND run = ?", finding_id, run_id
        )
        if places >= KEPT_PLACES:
            return
        if stream is not None:
            streams = self._connection.value(
                """SELECT count(DISTINCT stream) FROM occurrences
                WHERE divergence = ? AND stream IS NOT NULL AND stream <> ?""",
                finding_id,
                stream.sha256,
            )
            if streams < KEPT_STREAMS:
                self.write_stream(stream)
            else:
                stream = None
        self._connection.execute(
            """INSERT INTO occurrences (divergence, run, origin, line, step, count, stream)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            finding_id,
            run_id,
            *place,
            n,
            None if stream is None else stream.sha256,
        )

    def write_stream(self, stream: PackedStream) -> None:
        """Keeps a stream; one that is there already is the same."""
        self._connection.execute(
            "INSERT OR IGNORE INTO streams (sha256, steps, size, blob) VALUES (?, ?, ?, ?)", *stream
        )

    def write_case(
        self,
        run_id: int,
        finding_id: str,
        form: str,
        finding: Finding,
        stream: PackedStream,
        attempts: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Writes one of the two cases of a finding, in place of one of the same form."""
        self.write_stream(stream)
        self._connection.execute(
            """INSERT OR REPLACE INTO cases (divergence, form, run, stream, verdict, origin, line,
            differences, authority, shadow, attempts, seconds)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            finding_id,
            form,
            run_id,
            stream.sha256,
            str(finding.verdict),
            clean(finding.case.origin),
            finding.line,
            encoding.pack_differences(finding.differences),
            encoding.pack_result(finding.authority),
            encoding.pack_result(finding.shadow),
            attempts,
            seconds,
        )

    def is_smaller(self, finding_id: str, stream: PackedStream) -> bool:
        """Whether a minimised case is better than the one stored, or no worse than the unshrunk
        one where none is."""
        row = self._connection.row(
            """SELECT c.form, s.steps, s.size FROM cases c JOIN streams s ON s.sha256 = c.stream
            WHERE c.divergence = ? ORDER BY c.form LIMIT 1""",
            finding_id,
        )
        assert row is not None, "the unshrunk case is stored with the finding"
        stored = (row["steps"], row["size"])
        if row["form"] == "unshrunk":
            return (stream.steps, stream.size) <= stored
        return (stream.steps, stream.size) < stored
