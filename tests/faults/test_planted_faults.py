"""Each fault planted in the real executable is found, minimised, named and reproduced.

Failures of the executable are met through the command line, as a user would meet them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fault_runs import Runs, Witnesses
from planted_faults import ROOT, SUITE, Builds, Fault

DIVERGENCES = [fault for fault in SUITE if fault.failure is None]
FAILURES = [fault for fault in SUITE if fault.failure is not None]
MOST_BUCKETS = 2
BUDGET = ("--seconds", "600", "--max-transitions", "2500")
TIMEOUT_SEC = "0.3"
"""The deadline of a request: a planted hang costs this much each time it is met."""


def test_there_are_enough_faults_from_all_parts_of_the_reducer() -> None:
    assert len(DIVERGENCES) >= 20
    modules = {name.partition(".")[0] for fault in DIVERGENCES for name in fault.function}
    parts = {"reducer", "entries", "booking", "numbers", "orphaning"}
    assert modules >= parts | {"invariants", "codec", "helpers"}


@pytest.mark.parametrize("fault", DIVERGENCES, ids=lambda fault: fault.name)
def test_a_planted_fault_has_one_bucket_or_two_and_its_case_shows_it(
    fault: Fault, runs: Runs, core_exe: str
) -> None:
    """Most of it has one ID: a fault that now and then shows as another choice, and not only as
    another figure, may give a second one."""
    ran = runs(fault)
    found = ran.divergences
    assert found, "not found"
    assert len(found) <= MOST_BUCKETS
    assert found[0].occurrences > sum(line.occurrences for line in found) / 2
    assert found[0].steps <= 2
    with closing(Witnesses(ran.exe, core_exe)) as witnesses:
        assert witnesses.differ(ran.subject.cases[0]) == (True, False)


@pytest.mark.parametrize("fault", FAILURES, ids=lambda fault: fault.name)
def test_a_planted_failure_is_found_minimised_and_reproduced(
    fault: Fault, tmp_path: Path, core_exe: str, builds: Builds
) -> None:
    exe = builds(fault)
    fixed = ("--jobs", "1", "--seed", "13", "--corpus", str(ROOT / "corpus"))
    code, report = replay(tmp_path, "fuzz", *BUDGET, *fixed, "--shadow", exe)
    assert code == 3
    assert not report["divergences"]
    found = report["failed_steps"]
    main = max(found, key=lambda line: line["occurrences"])
    assert len(found) <= MOST_BUCKETS
    assert main["kind"] == fault.failure
    assert main["steps"] <= 2

    code, shown = replay(tmp_path, "repro", main["id"], "--shadow", exe)
    assert (code, shown["id"]) == (3, main["id"])
    code, mended = replay(tmp_path, "repro", main["id"], "--shadow", core_exe)
    assert (code, mended["result"]) == (0, "agree")


def replay(directory: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOGE_")}
    done = subprocess.run(
        [sys.executable, "-m", "replay", *arguments, "--json"],
        cwd=directory,
        env={**environment, "DOGE_CORE_TIMEOUT_SEC": TIMEOUT_SEC},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)
