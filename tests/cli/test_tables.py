"""Lists: a row is a line where nobody looks at it, and readable on a narrow terminal."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import doge, environment
from hostile_support import here

from replay.cli.console import Progress, columns_that_fit, table_lines

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("id", "status", "severity", "event", "rule", "field", "kind", "times", "steps", "runs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    shutil.copy(ROOT / "examples" / "forgets_fees.py", folder)
    shutil.copy(ROOT / "examples" / "journal.jsonl", folder)
    assert here(folder, "run", "journal.jsonl", "--shadow", "forgets_fees.py").code == 1
    return folder


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_id_and_no_heading_is_broken_on_a_terminal(folder: Path, width: int) -> None:
    # A width that the shell of the tests was told of would go before that of the terminal.
    shell = {name: value for name, value in environment(TERM="xterm", NO_COLOR="1").items()
             if name not in ("COLUMNS", "LINES")}  # fmt: skip
    done = subprocess.run(
        ["script", "-qec", f"stty cols {width}; {sys.executable} -m replay list", "/dev/null"],
        cwd=folder, env=shell, capture_output=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    lines = re.sub(r"\x1b\[[0-9;]*m|\r", "", done.stdout.decode()).splitlines()
    assert all(len(line) <= width for line in lines)
    heading = lines[0].split()
    assert heading == [name for name in COLUMNS if name in heading]
    assert heading[:2] == ["id", "status"]
    assert {"event", "rule"} <= set(heading)
    for one in here(folder, "list", "--json").json:
        assert any(line.startswith(one["id"]) for line in lines)
    left_out = [name for name in COLUMNS if name not in heading]
    assert (width >= 120) == (left_out == [])
    assert all(name in lines[-1] for name in left_out)


def test_what_is_piped_is_one_line_for_each_row(folder: Path) -> None:
    rows = [["d-1", "x" * 500, "一二"], ["d-22", "", "b"]]
    assert table_lines(("id", "what", "how"), rows) == [
        f"id    what{' ' * 496}  how",
        f"d-1   {'x' * 500}  一二",
        f"d-22  {' ' * 500}  b",
    ]
    listed = here(folder, "list").out.splitlines()
    assert len(listed) == 1 + len(here(folder, "list", "--json").json)
    assert listed[0].split() == list(COLUMNS)


def test_what_matters_least_is_left_out_first() -> None:
    columns, rows = ("id", "rule", "field", "runs"), [["d-12345678", "r" * 30, "f" * 30, "1-2"]]
    fits = [columns_that_fit(columns, rows, ("runs", "field"), width) for width in (80, 35, 25, 5)]
    assert fits == [[0, 1, 2, 3], [0, 1, 2], [0, 1], [0, 1]]


def test_a_script_reads_values_with_tabs_between_them(folder: Path) -> None:
    found = here(folder, "list", "--json").json
    names, *rows = [line.split("\t") for line in doge(folder, "list", "--tsv").out.splitlines()]
    assert names[:4] == ["id", "status", "severity", "hot"]
    assert [row[0] for row in rows] == [one["id"] for one in found]
    assert all(len(row) == len(names) for row in rows)
    assert [int(row[names.index("times")]) for row in rows] == [one["occurrences"] for one in found]
    chosen = doge(folder, "list", "--tsv", "--columns", "status,id").out
    assert chosen == "status\tid\n" + "".join(f"new\t{one['id']}\n" for one in found)
    table = here(folder, "list", "--columns", "id,owner").out.splitlines()
    assert table == ["id          owner", *(one["id"] for one in found)]
    assert doge(folder, "list", "--tsv", "--status", "fixed").out.count("\n") == 1


def test_a_column_that_there_is_not_is_2(folder: Path) -> None:
    assert "there is no column 'colour'" in here(folder, "list", "--columns", "id,colour").line
    assert here(folder, "list", "--json", "--tsv").code == 2


def test_progress_without_a_terminal_is_a_line_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr("replay.cli.console.time.monotonic", lambda: now[0])
    progress, quiet = Progress("gate"), Progress("gate", quiet=True)
    for second in range(1, 150):
        now[0] = 1000.0 + second
        progress.update(second * 1_000, "steps")
        quiet.update(second * 1_000, "steps")
    progress.end()
    assert capsys.readouterr().err.splitlines() == [
        "gate: 60,000 steps, 1,000/s, 1 min",
        "gate: 120,000 steps, 1,000/s, 2 min",
    ]
    now[0] += 60.0
    progress.tell("1 cause")
    assert capsys.readouterr().err == "gate: 1 cause, 3 min\n"
