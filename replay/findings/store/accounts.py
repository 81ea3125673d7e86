"""Accounts of causes in the store: written whole, read whole, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from replay.findings.account import CauseAccount, CauseCase, StoredCause
from replay.findings.lifecycle import HistoryEntry, Status
from replay.findings.severity import Severity
from replay.findings.store import encoding
from replay.findings.store.database import Connection
from replay.findings.store.encoding import clean
from replay.findings.store.forms import form_checked
from replay.findings.store.identities import identity_meant
from replay.findings.store.rows import Rows, bounded_entry, now
from replay.findings.store.stored import CorePair
from replay.targets.base import CoreIdentity

TABLES = (
    """
    CREATE TABLE accounts (
        id              INTEGER PRIMARY KEY,
        at              TEXT NOT NULL, -- RFC 3339, UTC
        kept            INTEGER NOT NULL,
        kept_right      INTEGER NOT NULL,
        generated       INTEGER NOT NULL,
        generated_right INTEGER NOT NULL,
        complete        INTEGER NOT NULL
    )""",
    """
    CREATE TABLE causes (
        account   INTEGER NOT NULL REFERENCES accounts (id),
        place     INTEGER NOT NULL, -- the worst first
        id        TEXT NOT NULL,
        kind      TEXT NOT NULL,
        says      TEXT NOT NULL,
        canonical TEXT NOT NULL,
        rule      TEXT NOT NULL,
        verified  INTEGER NOT NULL,
        needed_at INTEGER NOT NULL,
        doubtful  INTEGER NOT NULL,
        PRIMARY KEY (account, place)
    ) WITHOUT ROWID""",
    """
    CREATE TABLE cause_findings (
        account    INTEGER NOT NULL,
        place      INTEGER NOT NULL,
        divergence TEXT NOT NULL REFERENCES divergences (id),
        PRIMARY KEY (account, place, divergence),
        FOREIGN KEY (account, place) REFERENCES causes (account, place)
    ) WITHOUT ROWID""",
    """
    CREATE TABLE not_accounted_for (
        account INTEGER NOT NULL REFERENCES accounts (id),
        bucket  TEXT NOT NULL, -- "generated": met in none of those that are stored
        steps   INTEGER NOT NULL,
        PRIMARY KEY (account, bucket)
    ) WITHOUT ROWID""",
)
"""What migration 0003 makes."""

LIFE = (
    # Which cores were asked: on these its cases are known to differ.
    "ALTER TABLE accounts ADD COLUMN authority INTEGER REFERENCES cores (id)",
    "ALTER TABLE accounts ADD COLUMN shadow INTEGER REFERENCES cores (id)",
    "ALTER TABLE causes ADD COLUMN block TEXT NOT NULL DEFAULT ''",  # for explanations.toml
    # Steps that need a cause, each by itself: what is asked again to tell whether it is mended.
    """
    CREATE TABLE cause_cases (
        account INTEGER NOT NULL,
        place   INTEGER NOT NULL,
        number  INTEGER NOT NULL, -- the smallest first
        stream  TEXT NOT NULL REFERENCES streams (sha256),
        origin  TEXT NOT NULL,
        refusal INTEGER NOT NULL, -- whether one core gave an answer and the other none
        PRIMARY KEY (account, place, number),
        FOREIGN KEY (account, place) REFERENCES causes (account, place)
    ) WITHOUT ROWID""",
    # What became of a cause, whichever accounts it is in; as the history of divergences.
    """
    CREATE TABLE cause_history (
        id       INTEGER PRIMARY KEY,
        cause    TEXT NOT NULL,
        at       TEXT NOT NULL, -- RFC 3339, UTC
        who      TEXT NOT NULL,
        status   TEXT,          -- null: a remark that changes none
        why      TEXT NOT NULL,
        evidence TEXT NOT NULL, -- JSON object
        run      INTEGER REFERENCES runs (id),
        severity TEXT,          -- this and the next two: as set by hand, null where not set
        owner    TEXT,
        note     TEXT
    )""",
    "CREATE INDEX cause_history_by_cause ON cause_history (cause, id)",
    """
    CREATE TRIGGER cause_history_stays_as_it_is BEFORE UPDATE ON cause_history
    BEGIN SELECT RAISE(ABORT, 'the history only grows'); END""",
    """
    CREATE TRIGGER cause_history_is_not_deleted BEFORE DELETE ON cause_history
    BEGIN SELECT RAISE(ABORT, 'the history only grows'); END""",
    """
    CREATE TRIGGER cause_history_is_not_replaced BEFORE INSERT ON cause_history
    WHEN EXISTS (SELECT 1 FROM cause_history WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the history only grows'); END""",
)
"""What migration 0004 makes."""


_BROKEN_OFF, _ENDED, _NOTHING_LEFT = range(3)
"""What `complete` is in the table of accounts. Former versions wrote no more than the first two."""


def _how_far(account: CauseAccount) -> int:
    if account.was_interrupted:
        return _BROKEN_OFF
    return _NOTHING_LEFT if account.is_complete else _ENDED


def insert_account(connection: Connection, rows: Rows, account: CauseAccount) -> int:
    """Writes an account, inside a transaction; gives its number."""
    number = rows.insert(
        """INSERT INTO accounts (at, kept, kept_right, generated, generated_right, complete,
        authority, shadow) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        now(),
        account.kept,
        account.kept_right,
        account.generated,
        account.generated_right,
        _how_far(account),
        *((None, None) if account.cores is None else map(rows.core_id, account.cores)),
    )
    for place, cause in enumerate(account.causes):
        connection.execute(
            """INSERT INTO causes (account, place, id, kind, says, canonical, rule, verified,
            needed_at, doubtful, block) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            number,
            place,
            *map(clean, (cause.id, cause.kind, cause.says, cause.canonical, cause.rule)),
            int(cause.is_verified),
            cause.needed_at,
            cause.doubtful,
            clean(cause.block),
        )
        for at, case in enumerate(cause.cases):
            stream = encoding.pack_stream(case.stream)
            rows.write_stream(stream)
            connection.execute(
                """INSERT INTO cause_cases (account, place, number, stream, origin, refusal)
                VALUES (?, ?, ?, ?, ?, ?)""",
                *(
                    number,
                    place,
                    at,
                    stream.sha256,
                    clean(case.stream.origin),
                    int(case.is_refusal),
                ),
            )
        for finding in cause.findings:
            rows.require_finding(finding)
            connection.execute(
                "INSERT INTO cause_findings (account, place, divergence) VALUES (?, ?, ?)",
                number,
                place,
                finding,
            )
    for bucket, steps in account.left.items():
        connection.execute(
            "INSERT INTO not_accounted_for (account, bucket, steps) VALUES (?, ?, ?)",
            number,
            clean(bucket),
            steps,
        )
    return number


def insert_cause_history(rows: Rows, cause: str, entry: HistoryEntry) -> None:
    """Writes what became of a cause. Raises UsageError where a text is too long."""
    rows.insert(
        """INSERT INTO cause_history (cause, at, who, status, why, evidence, run, severity, owner,
        note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        cause,
        *bounded_entry(entry),
    )


def history_entry(row: Mapping[str, Any]) -> HistoryEntry:
    """A row of a history as a value. Raises ValueError for one that cannot be read."""
    return HistoryEntry(
        at=row["at"],
        who=row["who"],
        status=None if row["status"] is None else Status(row["status"]),
        why=row["why"],
        evidence=json.loads(row["evidence"]),
        run=row["run"],
        severity=None if row["severity"] is None else Severity(row["severity"]),
        owner=row["owner"],
        note=row["note"],
    )


class AccountReader:
    """The part of the store that reads accounts and causes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @form_checked
    def account(self) -> CauseAccount | None:
        """The account of the last search that was not broken off, else of the last one; None where
        there was none."""
        row = self._connection.row(
            "SELECT * FROM accounts ORDER BY complete > 0 DESC, id DESC LIMIT 1"
        )
        return None if row is None else self._account(row)

    @form_checked
    def causes(self) -> tuple[StoredCause, ...]:
        """All causes that were ever found, each as the newest account that has it says: those of
        the newest account first."""
        rows = self._connection.rows(
            """SELECT * FROM causes AS c WHERE account = (
                SELECT account FROM causes JOIN accounts a ON a.id = account WHERE causes.id = c.id
                ORDER BY a.complete > 0 DESC, a.id DESC LIMIT 1
            ) ORDER BY account DESC, place"""
        )
        return tuple(map(self._cause, rows))

    @form_checked
    def cause(self, wanted: str) -> StoredCause:
        """The cause with this ID, or the only one whose ID begins so. Raises UsageError where there
        is none, or more than one."""
        known = {cause.id: cause for cause in self.causes()}
        return known[identity_meant(clean(wanted), sorted(known), "cause")]

    @form_checked
    def cores_of_cause(self, cause: str) -> tuple[CorePair, ...]:
        """Each pair of cores that a cause was found on, the newest last. Accounts of old databases
        do not say it."""
        rows = self._connection.rows(
            """SELECT authority, shadow, max(a.id) AS newest FROM causes c
            JOIN accounts a ON a.id = c.account
            WHERE c.id = ? AND authority IS NOT NULL AND shadow IS NOT NULL
            GROUP BY authority, shadow ORDER BY newest""",
            cause,
        )
        return tuple(
            CorePair(self._core(row["authority"]), self._core(row["shadow"])) for row in rows
        )

    def _core(self, number: int) -> CoreIdentity:
        row = self._connection.row("SELECT * FROM cores WHERE id = ?", number)
        if row is None:
            raise ValueError(f"there is no core {number}")
        return encoding.core_identity(row)

    def _account(self, row: Mapping[str, Any]) -> CauseAccount:
        number = row["id"]
        causes = self._connection.rows(
            "SELECT * FROM causes WHERE account = ? ORDER BY place", number
        )
        left = self._connection.rows(
            "SELECT bucket, steps FROM not_accounted_for WHERE account = ? ORDER BY bucket", number
        )
        return CauseAccount(
            tuple(map(self._cause, causes)),
            {_text(one["bucket"]): int(one["steps"]) for one in left},
            kept=int(row["kept"]),
            kept_right=int(row["kept_right"]),
            generated=int(row["generated"]),
            generated_right=int(row["generated_right"]),
            is_complete=row["complete"] == _NOTHING_LEFT,
            was_interrupted=row["complete"] == _BROKEN_OFF,
            at=_text(row["at"]),
        )

    def _cause(self, row: Mapping[str, Any]) -> StoredCause:
        where = row["account"], row["place"]
        findings = self._connection.rows(
            """SELECT divergence FROM cause_findings WHERE account = ? AND place = ?
            ORDER BY divergence""",
            *where,
        )
        history = self._connection.rows(
            "SELECT * FROM cause_history WHERE cause = ? ORDER BY id", row["id"]
        )
        return StoredCause(
            id=_text(row["id"]),
            kind=_text(row["kind"]),
            says=_text(row["says"]),
            canonical=_text(row["canonical"]),
            rule=_text(row["rule"]),
            is_verified=bool(row["verified"]),
            needed_at=int(row["needed_at"]),
            doubtful=int(row["doubtful"]),
            findings=tuple(_text(one["divergence"]) for one in findings),
            block=_text(row["block"]),
            cases=self._cases(*where),
            history=tuple(map(history_entry, history)),
        )

    def _cases(self, account: int, place: int) -> tuple[CauseCase, ...]:
        rows = self._connection.rows(
            """SELECT c.stream, c.origin, c.refusal, s.blob FROM cause_cases c
            JOIN streams s ON s.sha256 = c.stream WHERE account = ? AND place = ?
            ORDER BY number""",
            *(account, place),
        )
        return tuple(
            CauseCase(
                encoding.unpack_stream(row["blob"], row["stream"], row["origin"]),
                bool(row["refusal"]),
            )
            for row in rows
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is a {type(value).__name__}")
    return value
