"""Executables of part 1 that write their answers as other programs do."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.executables.part1 import written

from replay.differential.lockstep import Lockstep
from replay.differential.model import Verdict
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Stream, segments_of
from replay.targets.open import open_target
from replay.targets.python.module import open_python_target

SUPPORT = Path(__file__).parents[1] / "support"
STEPS = 40


def verdicts(shadow: Path, stream: Stream, authority: str = "python") -> set[Verdict]:
    target = open_target(str(shadow))
    try:
        lockstep = Lockstep(open_python_target(authority), target)
        for segment in segments_of(stream, 0):
            lockstep.feed(segment)
        lockstep.finish()
        return set(+lockstep.tally.verdicts)
    finally:
        target.close()


def stream_of(profile: Profile) -> Stream:
    whole = expand(plan_of_seed(profile, 1))
    return Stream(whole.start, whole.steps[:STEPS], "")


@pytest.mark.parametrize(
    "styles",
    [("sorted", "chatty"), ("exponents", "zero"), ("whole",), ("shouts",)],
    ids=" and ".join,
)
def test_another_way_of_writing_the_same_is_the_same(
    tmp_path: Path, styles: tuple[str, ...]
) -> None:
    shadow = written(tmp_path, styles)
    assert verdicts(shadow, stream_of(Profile.LIVE)) == {Verdict.AGREE}


@pytest.mark.parametrize("core", ["reads_loosely", "whole_words"])
def test_an_executable_can_answer_as_a_loose_core_does(tmp_path: Path, core: str) -> None:
    file = SUPPORT / "authorities" / f"{core}.py"
    shadow = written(tmp_path, core=file)
    assert verdicts(shadow, stream_of(Profile.LIVE), str(file)) == {Verdict.AGREE}


def test_a_field_that_is_left_out_is_not_null(tmp_path: Path) -> None:
    shadow = written(tmp_path, ("terse",))
    assert verdicts(shadow, stream_of(Profile.LIVE)) == {Verdict.DIVERGE}
