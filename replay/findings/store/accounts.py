"""Accounts of causes in the store: written whole, read whole, never changed."""

from __future__ import annotations

from replay.findings.account import CauseAccount, StoredCause
from replay.findings.store.database import Connection
from replay.findings.store.encoding import clean
from replay.findings.store.rows import Rows, now

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


def insert_account(connection: Connection, rows: Rows, account: CauseAccount) -> int:
    """Writes an account, inside a transaction; gives its number."""
    number = rows.insert(
        """INSERT INTO accounts (at, kept, kept_right, generated, generated_right, complete)
        VALUES (?, ?, ?, ?, ?, ?)""",
        now(),
        account.kept,
        account.kept_right,
        account.generated,
        account.generated_right,
        int(account.is_complete),
    )
    for place, cause in enumerate(account.causes):
        connection.execute(
            """INSERT INTO causes (account, place, id, kind, says, canonical, rule, verified,
            needed_at, doubtful) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            number,
            place,
            *map(clean, (cause.id, cause.kind, cause.says, cause.canonical, cause.rule)),
            int(cause.is_verified),
            cause.needed_at,
            cause.doubtful,
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


def newest_account(connection: Connection) -> CauseAccount | None:
    """The account of the last search that was not broken off, else of the last one; None where
    there was none. Raises what comes of values of a wrong form (forms.py)."""
    row = connection.row("SELECT * FROM accounts ORDER BY complete DESC, id DESC LIMIT 1")
    if row is None:
        return None
    number = row["id"]
    findings: dict[int, list[str]] = {}
    for one in connection.rows(
        "SELECT place, divergence FROM cause_findings WHERE account = ? ORDER BY place, divergence",
        number,
    ):
        findings.setdefault(one["place"], []).append(one["divergence"])
    causes = tuple(
        StoredCause(
            id=_text(one["id"]),
            kind=_text(one["kind"]),
            says=_text(one["says"]),
            canonical=_text(one["canonical"]),
            rule=_text(one["rule"]),
            is_verified=bool(one["verified"]),
            needed_at=int(one["needed_at"]),
            doubtful=int(one["doubtful"]),
            findings=tuple(findings.get(one["place"], ())),
        )
        for one in connection.rows("SELECT * FROM causes WHERE account = ? ORDER BY place", number)
    )
    left = {
        _text(one["bucket"]): int(one["steps"])
        for one in connection.rows(
            "SELECT bucket, steps FROM not_accounted_for WHERE account = ? ORDER BY bucket", number
        )
    }
    return CauseAccount(
        causes,
        left,
        kept=int(row["kept"]),
        kept_right=int(row["kept_right"]),
        generated=int(row["generated"]),
        generated_right=int(row["generated_right"]),
        is_complete=bool(row["complete"]),
        at=_text(row["at"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is a {type(value).__name__}")
    return value
