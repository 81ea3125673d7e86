"""Executables of part 1 whose answers are now and then not the ones to what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from misbehaving import BAD_STEP, make_fake, run, ticks
from support.executables import untrue

from replay.targets.base import FailureKind
from replay.targets.executable.handshake import open_executable


@pytest.mark.parametrize(
    ("late", "wrong", "kind"),
    [(67, 0.0, FailureKind.OUT_OF_ORDER), (0, 0.03, FailureKind.UNSTEADY)],
)
def test_an_answer_that_is_not_given_again_is_never_believed(
    tmp_path: Path, core_exe: str, late: int, wrong: float, kind: FailureKind
) -> None:
    target = open_executable(str(untrue.written(tmp_path, core_exe, late=late, wrong=wrong)))
    try:
        ran = run(target, ticks(120, bad=None), size=8)
    finally:
        target.close()
    assert ran.others_are_true(*ran.failures())
    # Works that are sent again after that are read in their order, so nothing else shows.
    assert {failure.kind for _, failure in ran.incidents} == {kind}


def test_a_wrong_answer_that_comes_each_time_is_believed_of_a_core_that_is_doubted(
    tmp_path: Path,
) -> None:
    target = open_executable(make_fake(tmp_path, "always_wrong", part2=False))
    target._is_doubted = True  # type: ignore[attr-defined]
    try:
        ran = run(target, ticks(20))
    finally:
        target.close()
    assert not ran.incidents
    assert not ran.failures()
    assert not ran.others_are_true()
    assert ran.others_are_true(BAD_STEP)
