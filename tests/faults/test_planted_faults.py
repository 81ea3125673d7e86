"""Each fault planted in the real executable is found, minimised, named once and reproduced.

The command line is what runs here, as a user would run it: `fuzz`, then `repro` of the ID.
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

TIMEOUT_SEC = "0.3"
"""The deadline of a request: a planted hang costs this much each time it is met."""


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


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found_minimised_and_reproduced(
    fault: Fault, tmp_path: Path, core_exe: str
) -> None:
    """What is found has one ID: a fault that now and then shows as another choice, and not only as
    another figure, may give a second one, but not for more than a quarter of the occurrences."""
    exe = build(fault, tmp_path)
    budget = ("--seconds", "30", "--max-transitions", str(fault.transitions))
    fixed = ("--jobs", "1", "--seed", "11", "--corpus", str(ROOT / "corpus"))
    code, report = replay(tmp_path, "fuzz", *budget, *fixed, "--shadow", exe)

    found = report["divergences"] if fault.failure is None else report["failed_steps"]
    assert found, f"nothing found in {report['transitions']} transitions"
    main = max(found, key=lambda line: line["occurrences"])
    total = sum(line["occurrences"] for line in found)
    assert main["occurrences"] >= 0.75 * total
    assert len(found) <= 2
    assert main["steps"] <= 2
    assert code == (1 if fault.failure is None else 3)
    if fault.failure is not None:
        assert main["kind"] == fault.failure
        assert not report["divergences"]

    code, shown = replay(tmp_path, "repro", main["id"], "--shadow", exe)
    assert (code, shown["id"]) == (1 if fault.failure is None else 3, main["id"])
    code, mended = replay(tmp_path, "repro", main["id"], "--shadow", core_exe)
    assert (code, mended["result"]) == (0, "agree")
