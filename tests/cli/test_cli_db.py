"""`db merge` as it is called: what it prints, and its exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path

from cli_support import doge

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_two_databases_become_one_and_what_is_no_database_is_refused(tmp_path: Path) -> None:
    journal, forgets = EXAMPLES / "journal.jsonl", EXAMPLES / "forgets_fees.py"
    assert doge(tmp_path, "run", journal, "--authority", "python", "--shadow", forgets).code == 1
    shutil.copy(tmp_path / "divergences.db", tmp_path / "other.db")
    made = doge(tmp_path, "db", "merge", "divergences.db", "other.db", "-o", "all.db", "--json")
    assert (made.code, made.json["runs"], made.json["shared_runs"]) == (0, 1, 1)
    assert (
        doge(tmp_path, "list", "--tsv", "--db", "all.db").out == doge(tmp_path, "list", "--tsv").out
    )
    again = doge(tmp_path, "db", "merge", "divergences.db", "-o", "all.db")
    assert again.code == 2
    assert "all.db is there already" in again.err
    (tmp_path / "notes.db").write_text("a note " * 200)
    refused = doge(tmp_path, "db", "merge", "divergences.db", "notes.db", "-o", "new.db")
    assert refused.code == 2
    assert "notes.db is no SQLite database" in refused.err
    assert not (tmp_path / "new.db").exists()
    lacking = doge(tmp_path, "db", "merge", "divergences.db", "-o", "nowhere/new.db")
    assert lacking.code == 3
    assert "Traceback" not in lacking.err
