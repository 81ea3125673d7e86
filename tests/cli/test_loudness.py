"""How much is told on standard error: errors alone, the usual, or where settings came from, too."""

from __future__ import annotations

import shutil
from pathlib import Path

from cli_support import TESTS, doge

EXAMPLES = TESTS.parent / "examples"


def test_quiet_tells_errors_and_nothing_else(tmp_path: Path) -> None:
    lines = (EXAMPLES / "journal.jsonl").read_text().splitlines(keepends=True)[:40]
    (tmp_path / "journal.jsonl").write_text("".join(lines))
    shutil.copy(EXAMPLES / "forgets_fees.py", tmp_path)
    words = ("run", "journal.jsonl", "--shadow", "forgets_fees.py")
    usual, quiet = doge(tmp_path, *words), doge(tmp_path, "-q", *words)
    assert (usual.code, quiet.code) == (1, 1)
    assert usual.err.startswith("new divergence d-")
    assert quiet.err == ""
    assert "run: 1 divergence" in quiet.out
    assert doge(tmp_path, "-q", "run", "nowhere").line.startswith("doge-replay: nowhere ")


def test_verbose_says_what_is_worked_on_and_what_said_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.doge-replay]\ntimeout = 7\n")
    told = doge(tmp_path, "-v", "list", "--db", "mine.db", env={"DOGE_CORE_EXE": "python"}).err
    assert "authority     python (the default, or " in told
    assert "pyproject.toml)\n" in told
    assert "shadow        python (a variable)\n" in told
    assert "db            mine.db (--db)\n" in told
    assert "timeout       7 s\n" in told


def test_both_at_once_are_refused(tmp_path: Path) -> None:
    assert "exclude each other" in doge(tmp_path, "-q", "-v", "list").line
