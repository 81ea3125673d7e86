"""Executables that die of their memory are asked for less, and those that grow are replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_core import KEPT_OF_A_STEP, MOST_AT_ONCE, MOST_IN_ALL
from misbehaving import Ran, run_fake, ticks

from replay.targets.base import FailureKind
from replay.targets.executable.limits import Limits
from replay.targets.executable.portions import LOOK_EVERY

STEPS = 4 * MOST_IN_ALL


def processes(folder: Path) -> int:
    return len(list(folder.glob("pid-*")))


def died_of_memory(ran: Ran) -> int:
    """How often; all else is as it should be."""
    assert ran.failures() == {}
    assert ran.others_are_true()
    for _, incident in ran.incidents:
        assert incident.kind is FailureKind.EXITED
        assert "exited with code 251 (out of memory)" in incident.detail
    return len(ran.incidents)


def test_who_dies_of_a_large_request_gets_smaller_ones(tmp_path: Path) -> None:
    size = 8 * MOST_AT_ONCE
    ran = run_fake(tmp_path, "holds_requests", part2=True, steps=ticks(STEPS, None), size=size)
    assert died_of_memory(ran) == 3, "of 64, of 32 and of 16 steps; then never again"


@pytest.mark.parametrize("part2", [False, True])
@pytest.mark.parametrize("guided", [False, True])
def test_who_dies_after_some_steps_is_started_anew_before(
    tmp_path: Path, part2: bool, guided: bool
) -> None:
    ran = run_fake(
        tmp_path, "keeps_steps", part2=part2, guided=guided, steps=ticks(STEPS, None), size=16
    )
    assert 1 <= died_of_memory(ran) <= 2
    assert processes(tmp_path) >= 4


@pytest.mark.parametrize("part2", [False, True])
def test_a_process_is_replaced_after_so_many_steps(tmp_path: Path, part2: bool) -> None:
    ran = run_fake(
        tmp_path, "well", part2=part2, steps=ticks(400, None), limits=Limits(lifetime_steps=100)
    )
    assert died_of_memory(ran) == 0
    assert processes(tmp_path) >= 4


@pytest.mark.parametrize(("mode", "replaced"), [("grows", True), ("well", False)])
def test_a_process_that_grows_is_replaced(tmp_path: Path, mode: str, replaced: bool) -> None:
    most = 3 * LOOK_EVERY * KEPT_OF_A_STEP
    ran = run_fake(
        tmp_path, mode, part2=True, steps=ticks(6 * LOOK_EVERY, None), size=500,
        limits=Limits(lifetime_bytes=most),
    )  # fmt: skip
    assert died_of_memory(ran) == 0
    assert (processes(tmp_path) > 1) == replaced
