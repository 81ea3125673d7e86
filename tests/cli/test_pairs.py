"""scripts/pairs: a short choice of what it runs, and that it sees what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(1800)

PAIRS = Path(__file__).parents[2] / "scripts" / "pairs.py"
SHORT = ("--seeds", "1", "--transitions", "100", "--minutes", "0.02", "--findings", "1",
         "--explain", "0.5")  # fmt: skip


def pairs(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PAIRS), *SHORT, *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_a_loose_authority_goes_through_every_command_with_itself_and_an_executable() -> None:
    words = ("--profiles", "hostile", "--styles", "infinity-text,shouts")
    ran = pairs("--only", "reads_loosely", "--commands", "run", "nightly", *words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith("pairs: 2 pairs, 0 troubles\n")


def test_a_core_that_differs_from_itself_is_told_with_the_command_that_shows_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "grows.py"
    file.write_text(
        "from replay.core import *\n"
        "from replay.core import transition as _transition\n"
        "import dataclasses, time\n"
        "def transition(state, event, config, size, sizes=None):\n"
        "    state, actions = _transition(state, event, config, size, sizes)\n"
        "    return dataclasses.replace(state, total_fees=time.perf_counter()), actions\n",
        "utf-8",
    )
    ran = pairs("--only", str(file), "--commands", "run", "--styles")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "differs from itself: grows and itself" in ran.stdout
    assert f"--authority {file} --shadow {file}" in ran.stdout


def test_an_authority_that_is_not_there_is_a_mistake_in_use() -> None:
    ran = pairs("--only", "nobody")
    assert ran.returncode == 2
    assert ran.stderr.startswith("pairs: there is no authority nobody; known are ")
