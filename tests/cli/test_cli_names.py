"""Names of files that are no UTF-8, and settings that nobody wrote by hand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cli_support import doge

ROOT = Path(__file__).resolve().parents[2]
ODD = os.fsdecode(b"\xff\xfe")


def test_files_and_folders_may_have_names_that_are_no_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / f"d{ODD}"
    folder.mkdir()
    shadow, journal = folder / f"s{ODD}.py", folder / f"j{ODD}.jsonl"
    shutil.copy(ROOT / "examples" / "forgets_fees.py", shadow)
    shutil.copy(ROOT / "examples" / "journal.jsonl", journal)
    pair = ("--shadow", shadow, "--db", folder / f"x{ODD}.db")
    assert doge(tmp_path, "run", journal, *pair).code == 1
    assert doge(tmp_path, "repro", "d-b96bf98f", *pair, "--json").code == 1
    taken = doge(tmp_path, "corpus", "import", folder, "--corpus", f"c{ODD}", "--json")
    assert taken.json["added"] > 0
    assert doge(tmp_path, "corpus", "verify", "--corpus", f"c{ODD}").code == 0
    assert doge(tmp_path, "run", "--corpus", f"c{ODD}", *pair).code == 1


def test_settings_that_are_nested_a_thousand_deep_are_bad_input(tmp_path: Path) -> None:
    nested = "[" * 1000 + "]" * 1000
    (tmp_path / "pyproject.toml").write_text(f"[tool.doge-replay]\ncorpus = {nested}\n")
    ran = doge(tmp_path, "list")
    assert ran.code == 2
    assert "pyproject.toml: its tables are nested too deep" in ran.line
