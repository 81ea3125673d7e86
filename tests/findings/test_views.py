"""The views of the database, for tools that are not ours: they say what the commands say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from store_support import HASKELL, PYTHON, finding

from replay.findings.account import CauseAccount, StoredCause
from replay.findings.store.store import RunKind, Store

COLUMNS = {
    "view_findings": "id event rule field kind failure hot status severity owner note occurrences "
    "first_run last_run first_seen last_seen",
    "view_causes": "id place kind says rule verified needed_at doubtful finding accounted_at",
    "view_occurrences": "finding run seen_at origin line step count",
    "view_runs": "id kind started ended seconds exit streams transitions rejected seed profile "
    "tool_version authority authority_sha256 shadow shadow_sha256 findings occurrences",
}
"""All that was published; a view may get more, at its end."""


def rows(path: Path, query: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query).fetchall()


def test_each_view_has_the_columns_that_were_published(tmp_path: Path) -> None:
    with Store.open(tmp_path / "divergences.db"):
        pass
    for name, published in COLUMNS.items():
        found = rows(tmp_path / "divergences.db", f"PRAGMA table_info({name})")
        assert [row["name"] for row in found][: len(published.split())] == published.split()


def test_the_views_say_what_the_commands_say(tmp_path: Path) -> None:
    path = tmp_path / "divergences.db"
    with Store.open(path) as store:
        run = store.begin_run(RunKind.FUZZ, PYTHON, HASKELL, {}, seed=7, profile="live")
        one = store.record(run, finding()).id
        failed = store.record(run, finding(failed=True)).id
        store.record(run, finding(line=2))
        store.triage(one, owner="Ada", severity=None, note="looks like fees", who="Ada")
        cause = StoredCause("c-1", "edit", "forgets fees", "x", "entry fill", True, 3, 0, (one,))
        store.record_account(CauseAccount((cause,)))
        listed = {row.id: row for row in store.findings()}
        listed_run = store.runs()[0]
    for row in rows(path, "SELECT * FROM view_findings"):
        like = listed[row["id"]]
        assert (row["event"], row["rule"], row["field"], row["kind"]) == (
            like.signature.event, like.signature.rule, like.signature.field, like.signature.kind
        )  # fmt: skip
        assert (row["status"], row["severity"], row["occurrences"], bool(row["hot"])) == (
            str(like.status), str(like.severity), like.occurrences, like.hot
        )  # fmt: skip
        assert (row["owner"] or "", row["note"] or "") == (like.owner, like.note)
        assert row["first_seen"] == row["last_seen"] == listed_run.started
    assert set(listed) == {one, failed}
    (told,) = rows(path, "SELECT * FROM view_causes")
    assert (told["id"], told["says"], told["finding"]) == ("c-1", "forgets fees", one)
    places = rows(path, f"SELECT * FROM view_occurrences WHERE finding = '{one}'")
    assert {row["run"] for row in places} == {run}
    assert sum(row["count"] for row in places) == listed[one].occurrences
    (ran,) = rows(path, "SELECT * FROM view_runs")
    assert (ran["authority"], ran["shadow"]) == (PYTHON.path, HASKELL.path)
    assert (ran["findings"], ran["occurrences"], ran["seed"]) == (2, 3, "7")
