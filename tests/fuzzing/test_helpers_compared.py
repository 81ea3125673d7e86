"""What a bot calls itself around the reducer is compared wherever both cores have it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from helper_faults import HELPER_FAULTS, faulty_core

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding, Verdict
from replay.fuzzing.campaign_units import RecordedSource
from replay.fuzzing.expand import open_plan
from replay.fuzzing.generate import run_source
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import HELPER_NAMES, CallCode, Segment, Start, Step, Stream
from replay.targets.base import Target
from replay.targets.open import open_target
from replay.targets.python.module import open_python_target

STREAMS = 250


def _hunted(lockstep: Lockstep, streams: int, wanted: str = "") -> list[Finding]:
    """What is found by the calls after streams that have no steps of their own."""
    found: list[Finding] = []
    for number in range(streams):
        start, _ = open_plan(plan_of_seed(Profile.LIVE, number))
        nothing = RecordedSource(Stream(start, ()))
        found += run_source(lockstep, number, start, nothing, f"stream {number}").found
        if any(one.event == wanted for one in found):
            break
    return found + lockstep.finish()


@pytest.mark.parametrize("helper", sorted(HELPER_FAULTS))
def test_a_fault_in_a_helper_is_found(helper: str, tmp_path: Path) -> None:
    """A shadow that is wrong in one helper, and only now and then, diverges at that call."""
    shadow = open_python_target(str(faulty_core(tmp_path, helper)))
    found = _hunted(Lockstep(open_python_target("python"), shadow), STREAMS, helper)
    assert {one.event for one in found} == {helper}


def test_cores_that_agree_agree_in_all_helpers(core_exe: str) -> None:
    """Ours in Haskell has those that change a state, and answers them as ours in Python does."""
    authority = open_python_target("python")
    with closing(open_target(core_exe)) as shadow:
        lockstep = Lockstep(authority, shadow)
        assert _hunted(lockstep, 100) == []
    compared = {CallCode(code) for code in lockstep.tally.calls if code in HELPER_NAMES}
    assert compared == set(HELPER_NAMES) - set(lockstep.lacking)
    assert CallCode.BOOTSTRAP in compared
    assert lockstep.lacking[CallCode.FIND_ORDER] == "the shadow has no find_order"
    assert lockstep.tally.uncompared.total() == 0


def test_a_call_that_one_side_lacks_compares_nothing(core_exe: str) -> None:
    """An executable of part 1 has no helper: the stream goes on, and what was not asked is told."""
    start = Start({"market_price": 0.1, "now": 1.0}, {}, 2.0)
    steps = (Step((int(CallCode.REMOVE_ORDER), 3)), Step((1, 2.0)))
    with closing(open_target(core_exe, part1_only=True)) as shadow:
        lockstep = Lockstep(open_python_target("python"), _known_by_part_1(shadow))
        found = run_stream(lockstep, [Segment(0, start, steps, True, "")])
    assert found == []
    assert lockstep.tally.uncompared == {"the shadow has no remove_order": 1}
    assert lockstep.tally.compared == 1


def test_a_case_that_one_side_lacks_is_never_settled(tmp_path: Path) -> None:
    """A module without the helper: a case that ends with the call says nothing about it."""
    file = tmp_path / "older.py"
    file.write_text("from replay.core import *\ndel remove_order, bootstrap_orders\n")
    lockstep = Lockstep(open_python_target("python"), open_python_target(str(file)))
    start = Start({"market_price": 0.1, "now": 1.0}, {}, 2.0)
    run_stream(lockstep, [Segment(0, start, (Step((11, 3)),), True, "")])
    assert lockstep.last_uncompared == "the shadow has no remove_order"
    assert lockstep.tally.verdicts[Verdict.AGREE] == 1
    assert lockstep.tally.compared == 0


def _known_by_part_1(target: Target) -> Target:
    """An executable as one that names the methods of part 1 alone."""
    target.identity = replace(target.identity, methods=("transition", "check_invariants"))  # type: ignore[misc]
    return target
