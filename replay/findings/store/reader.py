"""The reading half of the store: the queries, and the rows turned into values (stored.py).

Everything read is checked against its SHA-256 or its form on the way; what does not fit is
reported as damage to the database, with the id of the finding it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from replay.differential.model import Verdict
from replay.differential.routing_table import Routing
from replay.errors import DamagedError, UsageError
from replay.findings.lifecycle import HistoryEntry, Status, first_status
from replay.findings.severity import Severity
from replay.findings.store import encoding
from replay.findings.store.accounts import AccountReader, history_entry
from replay.findings.store.forms import FINDING_TYPES, RUN_TYPES, check_types, form_checked
from replay.findings.store.identities import identity_meant
from replay.findings.store.queries import FINDINGS, MEMBERS, RUNS, severity_at
from replay.findings.store.routes import read_routing, signature_of
from replay.findings.store.stored import (
    CorePair,
    FailureCount,
    KeptStream,
    Occurrence,
    RunTotals,
    Sightings,
    StoredCase,
    StoredFinding,
    StoredRun,
)
from replay.streams.model import Document, Stream


class Reader(AccountReader):
    """The reading half of the store. All methods see what was committed when they are called."""

    @form_checked
    def findings(
        self,
        *,
        run: int | None = None,
        event: str | None = None,
        rule: str | None = None,
        field: str | None = None,
        kind: str | None = None,
        failure: bool | None = None,
    ) -> list[StoredFinding]:
        """All findings that fit every filter given, oldest first; `run` is one that saw them.
        What was merged into another is not among them: it is part of that one."""
        wanted = {"event": event, "rule": rule, "field": field, "kind": kind, "failure": failure}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        where = ["d.id NOT IN (SELECT source FROM merges)"]
        where += [f"d.{name} = ?" for name in wanted]
        values: list[object] = list(wanted.values())
        if run is not None:
            where.append(
                """d.id IN (SELECT bucket FROM lead JOIN tallies ON divergence = member
                WHERE run = ? AND occurrences > 0)"""
            )
            values.append(run)
        sql = f"{FINDINGS} WHERE {' AND '.join(where)} ORDER BY d.rowid"
        return [self._finding(row) for row in self._connection.rows(sql, *values)]

    @form_checked
    def finding(self, wanted: str) -> StoredFinding:
        """The finding with this id, or the only one whose id begins so (`3f9` will do); where it
        was merged into another, that one.

        Raises UsageError where there is none, naming near ones, or more than one.
        """
        identity = self.resolve(wanted)
        row = self._connection.row(
            f"""{FINDINGS} WHERE d.id NOT IN (SELECT source FROM merges)
            AND d.id IN (SELECT bucket FROM lead WHERE member = ?)""",
            identity,
        )
        if row is None:
            raise DamagedError(
                f"the database {self._connection.path} is damaged: {identity} was merged in a "
                "circle",
                id=identity,
            )
        return self._finding(row)

    @form_checked
    def resolve(self, wanted: str) -> str:
        """The whole id that is meant, of a finding of its own or one that was merged into another.
        Raises as `finding`."""
        rows = self._connection.rows("SELECT id FROM divergences ORDER BY id")
        return identity_meant(encoding.clean(wanted), [row["id"] for row in rows])

    @form_checked
    def runs(self) -> list[StoredRun]:
        """All runs, oldest first."""
        with self._connection.snapshot():
            rows = self._connection.rows(f"{RUNS} ORDER BY id")
            return [self._run(row) for row in rows]

    @form_checked
    def run(self, run_id: int) -> StoredRun:
        """One run. Raises UsageError where there is none with this id."""
        row = self._connection.row(f"{RUNS} WHERE id = ?", run_id)
        if row is None:
            raise UsageError(f"there is no run {run_id} in {self._connection.path}", run=run_id)
        return self._run(row)

    @form_checked
    def stream(self, sha256: str) -> Stream:
        """A stored stream by its full SHA-256, like that of an occurrence."""
        row = self._connection.row("SELECT blob FROM streams WHERE sha256 = ?", sha256)
        if row is None:
            raise UsageError(f"there is no stream {encoding.clean(sha256)}", stream=sha256)
        return self._unpack_stream(row["blob"], sha256, "", 0)

    @form_checked
    def stored_case(self, identity: str, form: str) -> StoredCase:
        """One of the two cases of a finding. Raises DamagedError where it cannot be read."""
        row = self._connection.row(
            """SELECT c.*, s.blob, s.size FROM cases c
            LEFT JOIN streams s ON s.sha256 = c.stream WHERE c.divergence = ? AND c.form = ?""",
            identity,
            form,
        )
        if row is None or row["blob"] is None:
            raise DamagedError(
                f"the database {self._connection.path} is damaged: the {form} case of {identity} "
                "is missing",
                id=identity,
            )
        stream = self._unpack_stream(row["blob"], row["stream"], row["origin"], row["line"])
        try:
            return StoredCase(
                stream=stream,
                sha256=row["stream"],
                size=row["size"],
                verdict=Verdict(row["verdict"]),
                line=row["line"],
                differences=encoding.unpack_differences(row["differences"]),
                authority=encoding.unpack_result(row["authority"]),
                shadow=encoding.unpack_result(row["shadow"]),
                run=row["run"],
                cores=self._cores_of_run(row["run"]),
                attempts=row["attempts"],
                seconds=row["seconds"],
            )
        except (ValueError, TypeError) as error:
            raise DamagedError(
                f"the database {self._connection.path} is damaged: the {form} case of {identity}: "
                f"{error}",
                id=identity,
            ) from error

    @form_checked
    def cores_of(self, identity: str) -> tuple[CorePair, ...]:
        """The pairs of cores on which a finding was seen, those of the first run first."""
        rows = self._connection.rows(
            f"""SELECT min(r.id) AS run FROM tallies t JOIN runs r ON r.id = t.run
            WHERE t.divergence IN {MEMBERS} AND t.occurrences > 0
            GROUP BY r.authority, r.shadow ORDER BY run""",
            identity,
        )
        return tuple(self._cores_of_run(row["run"]) for row in rows)

    @form_checked
    def sightings_of(self, identity: str) -> tuple[Sightings, ...]:
        """How often each run saw a finding, oldest run first."""
        sql = f"""SELECT run, sum(occurrences) AS occurrences FROM tallies
            WHERE divergence IN {MEMBERS} AND occurrences > 0 GROUP BY run ORDER BY run"""
        return tuple(Sightings(**row) for row in self._connection.rows(sql, identity))

    @form_checked
    def places_of(self, identity: str) -> tuple[Occurrence, ...]:
        """The occurrences of a finding of which the place was kept, oldest first."""
        sql = f"""SELECT run, origin, line, step, count AS times, stream FROM occurrences
            WHERE divergence IN {MEMBERS} ORDER BY id"""
        return tuple(Occurrence(**row) for row in self._connection.rows(sql, identity))

    @form_checked
    def kept_streams(self, identity: str) -> tuple[KeptStream, ...]:
        """The streams that were kept with a finding, those of occurrences first."""
        rows = self._connection.rows(
            f"""SELECT * FROM (
                SELECT id, run, count, stream, origin, line, '' AS form FROM occurrences
                WHERE divergence IN {MEMBERS} AND stream IS NOT NULL
                UNION ALL SELECT NULL, run, 0, stream, origin, line, form FROM cases
                WHERE divergence = ?
            ) ORDER BY id IS NULL, id, form""",
            identity,
            identity,
        )
        by_stream: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_stream.setdefault(row["stream"], []).append(row)
        return tuple(_kept(stream, rows) for stream, rows in by_stream.items())

    @form_checked
    def history_of(self, identity: str) -> tuple[HistoryEntry, ...]:
        """The history of a finding, oldest entry first."""
        rows = self._connection.rows(
            """SELECT at, who, status, why, evidence, run, severity, owner, note FROM history
            WHERE divergence = ? ORDER BY id""",
            identity,
        )
        try:
            return tuple(map(history_entry, rows))
        except ValueError as error:
            raise DamagedError(
                f"the database {self._connection.path} is damaged: the history of {identity}: "
                f"{error}",
                id=identity,
            ) from error

    @form_checked
    def merged_into(self, identity: str) -> tuple[str, ...]:
        """The ids of all that was merged into a finding."""
        sql = f"SELECT id FROM divergences WHERE id IN {MEMBERS} AND id <> ? ORDER BY id"
        return tuple(row["id"] for row in self._connection.rows(sql, identity, identity))

    @form_checked
    def routing(self) -> Routing:
        """The splits and merges in force, for lockstep. Raises DamagedError where one of them
        cannot be read."""
        return read_routing(self._connection)

    def _finding(self, row: Mapping[str, Any]) -> StoredFinding:
        signature = signature_of(row)
        if row["form"] is None or row["steps"] is None or row["occurrences"] is None:
            raise DamagedError(
                f"the database {self._connection.path} is damaged: {row['id']} has no case",
                id=row["id"],
            )
        check_types(row, FINDING_TYPES)
        return StoredFinding(
            id=row["id"],
            signature=signature,
            verdict=Verdict(row["verdict"]),
            occurrences=row["occurrences"],
            steps=row["steps"],
            minimised=row["form"] == "minimised",
            first_run=row["first_run"],
            last_run=row["last_run"],
            **self._triage(row),
            _details=self,
        )

    def _triage(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a finding that a person or a run has said."""
        try:
            computed = severity_at(row["computed_severity"])
            by_hand, status = row["severity"], row["status"]
            return {
                "status": first_status(failure=bool(row["failure"])) if status is None
                else Status(status),
                "severity": computed if by_hand is None else Severity(by_hand),
                "computed_severity": computed,
                "hot": bool(row["hot"]),
                "owner": row["owner"] or "",
                "note": row["note"] or "",
            }  # fmt: skip
        except ValueError as error:
            raise DamagedError(
                f"the database {self._connection.path} is damaged: {row['id']}: {error}",
                id=row["id"],
            ) from error

    def _run(self, row: Mapping[str, Any]) -> StoredRun:
        check_types(row, RUN_TYPES)
        cores = self._cores_of_run(row["id"])
        failures = self._connection.rows(
            """SELECT class AS kind, steps, detail, incidents, role FROM failures
            WHERE run = ? ORDER BY role, class""",
            row["id"],
        )
        totals = RunTotals(
            streams=row["streams"],
            transitions=row["transitions"],
            seconds=row["seconds"],
            rejected=row["rejected"],
            exit=row["exit"],
            canary=_document(row["canary"]),
            control=_document(row["control"]),
        )
        return StoredRun(
            id=row["id"],
            kind=row["kind"],
            authority=cores.authority,
            shadow=cores.shadow,
            seed=row["seed"],
            profile=row["profile"],
            settings=json.loads(row["settings"]),
            tool_version=row["tool_version"],
            started=row["started"],
            ended=row["ended"],
            totals=totals,
            findings=row["findings"],
            occurrences=row["occurrences"],
            failures=tuple(FailureCount(**failure) for failure in failures),
        )

    def _cores_of_run(self, run_id: int) -> CorePair:
        sql = "SELECT c.* FROM cores c JOIN runs r ON c.id = r.{} WHERE r.id = ?"
        authority = self._connection.row(sql.format("authority"), run_id)
        shadow = self._connection.row(sql.format("shadow"), run_id)
        if authority is None or shadow is None:
            raise DamagedError(
                f"the database {self._connection.path} is damaged: run {run_id} lacks its cores"
            )
        return CorePair(encoding.core_identity(authority), encoding.core_identity(shadow))

    def _unpack_stream(self, blob: bytes, sha256: str, origin: str, line: int) -> Stream:
        try:
            return encoding.unpack_stream(blob, sha256, origin, line)
        except (ValueError, TypeError) as error:
            raise DamagedError(
                f"the database {self._connection.path} is damaged: stream {sha256}: {error}",
                stream=sha256,
            ) from error


def _kept(stream: str, rows: Sequence[Mapping[str, Any]]) -> KeptStream:
    seen = [row for row in rows if row["id"] is not None]
    return KeptStream(
        sha256=stream,
        rows=tuple(row["id"] for row in seen),
        times=sum(row["count"] for row in seen),
        runs=frozenset(row["run"] for row in seen),
        forms=tuple(row["form"] for row in rows if row["form"]),
        origin=rows[0]["origin"],
        line=rows[0]["line"],
    )


def _document(text: str | None) -> Document:
    document: Document = None if text is None else json.loads(text)
    return document
