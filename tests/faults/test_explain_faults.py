"""`explain` finds the cause of faults that were planted in the real executable.

Its causes are in Haskell; what is looked for are places in our Python core that would do the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from fault_runs import Runs
from planted_faults import ROOT, SUITE, Fault

from replay.explaining.search.diagnosis import Result
from replay.explaining.search.search import Means, explain
from replay.targets.pair import PairSpec

DIVERGENCES = [fault for fault in SUITE if fault.failure is None]
EXPLAINABLE = [fault for fault in DIVERGENCES if fault.explainable]
(BY_HAND,) = (fault for fault in EXPLAINABLE if fault.name.startswith("a loss counted"))
OTHERS = [fault for fault in EXPLAINABLE if fault is not BY_HAND]
EXPLAINED = OTHERS[::4]
"""From all parts of the reducer; not all of them, since looking for a cause takes its time."""
LEAST_EXPLAINED = 5
SECONDS = 100.0
"""Processor time, many times what it takes."""


def means(exe: str) -> Means:
    return Means(PairSpec("python", exe), (ROOT / "corpus",), seconds=SECONDS)


def test_enough_of_the_faults_can_be_explained() -> None:
    assert len({*EXPLAINED, BY_HAND}) > LEAST_EXPLAINED


@pytest.mark.parametrize("fault", EXPLAINED, ids=lambda fault: fault.name)
def test_a_planted_fault_is_explained_by_an_edit_of_the_right_function(
    fault: Fault, runs: Runs
) -> None:
    ran = runs(fault)
    found = explain(ran.subject, means(ran.exe))
    assert found.complete, found.notes
    assert found.result is Result.VERIFIED, found.nearest
    assert found.causes[0].edit.function in fault.function
    assert found.support.kept > 0
    assert found.support.elsewhere > 1000


def test_the_command_line_names_the_same_cause(runs: Runs) -> None:
    ran = runs(BY_HAND)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOGE_")}
    options = ("--shadow", ran.exe, "--db", str(ran.database), "--json")
    budget = ("--seconds", str(SECONDS), "--corpus", str(ROOT / "corpus"))
    done = subprocess.run(
        [sys.executable, "-m", "replay", "explain", ran.divergences[0].id, *options, *budget],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["complete"]
    assert found["causes"][0]["function"] in BY_HAND.function


def test_an_authority_that_is_no_python_core_and_answers_otherwise_cannot_be_edited(
    runs: Runs,
) -> None:
    """With the faulty executable as the authority, our core does not give its answers."""
    ran = runs(next(one for one in DIVERGENCES if one.name.startswith("a swapped fee")))
    found = explain(ran.subject, Means(PairSpec(ran.exe, "python"), seconds=SECONDS))
    assert found.result is Result.NO_SOURCE
