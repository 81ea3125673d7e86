"""`explain` on each fault planted in the real executable: the right function, verified, first.

As a user would run it: the corpus finds the fault (a little fuzzing where it does not), and then
`explain` is given the ID of what was seen most often.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from planted_faults import FAULTS, ROOT, Fault, build

DIVERGENCES = [fault for fault in FAULTS if fault.failure is None]
LEAST_EXPLAINED = 16
EXPLAINED = DIVERGENCES[::2]
"""Every second one, from all parts of the reducer: looking for a cause takes its time."""
SECONDS = "100"
"""Several times what it takes, so that nothing depends on how busy the machine is."""


def doge(directory: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOGE_")}
    done = subprocess.run(
        [sys.executable, "-m", "replay", *arguments, "--json", "--corpus", str(ROOT / "corpus")],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def main_finding(directory: Path, fault: Fault, exe: str) -> str:
    """The ID of what the fault shows most often."""
    _, report = doge(directory, "run", "--shadow", exe)
    if not report["divergences"]:
        budget = ("--seconds", "30", "--max-transitions", str(fault.transitions))
        _, report = doge(directory, "fuzz", *budget, "--seed", "11", "--shadow", exe)
    main = max(report["divergences"], key=lambda line: line["occurrences"])
    return str(main["id"])


def test_enough_of_the_faults_can_be_explained() -> None:
    assert len(DIVERGENCES) >= 20
    assert sum(fault.explainable for fault in DIVERGENCES) >= LEAST_EXPLAINED


@pytest.mark.parametrize("fault", EXPLAINED, ids=lambda fault: fault.name)
def test_a_planted_fault_is_explained_by_an_edit_of_the_right_function(
    fault: Fault, tmp_path: Path
) -> None:
    exe = build(fault, tmp_path)
    finding = main_finding(tmp_path, fault, exe)
    code, found = doge(tmp_path, "explain", finding, "--shadow", exe, "--seconds", SECONDS)
    assert found["complete"], found["notes"]
    if not fault.explainable:
        # What cannot be said in one edit must not be given a wrong cause.
        assert (code, found["result"]) == (1, "none fits")
        return
    assert (code, found["result"]) == (0, "verified"), found["nearest"]
    assert found["causes"][0]["function"] in fault.function
    assert found["support"]["kept"] > 0
    assert found["support"]["elsewhere"] > 1000


def test_an_authority_that_is_no_python_core_and_answers_otherwise_cannot_be_edited(
    tmp_path: Path,
) -> None:
    """With the faulty executable as the authority, our core does not give its answers."""
    fault = next(one for one in DIVERGENCES if one.name.startswith("a swapped fee"))
    exe = build(fault, tmp_path)
    cores = ("--authority", exe, "--shadow", "python")
    _, report = doge(tmp_path, "run", *cores)
    finding = max(report["divergences"], key=lambda line: line["occurrences"])["id"]
    code, found = doge(tmp_path, "explain", finding, *cores)
    assert (code, found["result"]) == (1, "no source")
