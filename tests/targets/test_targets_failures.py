"""Every way in which an executable can fail: the right class, at the right step, and every other
step with its true answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from fake_core import BAD_PRICE
from misbehaving import BAD_STEP, Ran, limits_for, refused, run_fake, ticks

from replay.errors import FailureStorm, TargetError
from replay.streams.model import Step
from replay.targets.base import Failure
from replay.targets.base import FailureKind as Kind
from replay.targets.executable.handshake import open_executable

COMMON = [
    ("exit", Kind.EXITED, "exited with code 3; standard error: something \\x1b[31mbad"),
    ("signal", Kind.EXITED, "exited with signal 11 (SIGSEGV)"),
    ("hang", Kind.TIMEOUT, "no answer within 5 s"),
    ("ignore_term", Kind.TIMEOUT, "no answer within 5 s"),
    ("late", Kind.TIMEOUT, "no answer within 5 s"),
    ("nothing", Kind.TIMEOUT, "no answer within 5 s"),
    ("flood", Kind.STDERR_FLOOD, "to standard error without an answer"),
    ("garbage", Kind.GARBAGE, "answered hello \\x1b[31m world"),
    ("no_object", Kind.GARBAGE, "answered [1, 2]"),
    ("half_exit", Kind.TRUNCATED, "exited with code 0 in the middle of an answer"),
    ("half_hang", Kind.TRUNCATED, "did not end it within 5 s"),
    ("gigabyte", Kind.OVERSIZE, "answered more than 4194304 bytes at once"),
    ("close_output", Kind.EXITED, "closed its standard output but lives on"),
    ("grandchild", Kind.EXITED, "exited with code 4"),
]
PART_1 = [
    *COMMON,
    ("twice", Kind.TOO_MUCH, "asked for"),
    ("missing_key", Kind.MISSING_KEY, "left out 'actions'"),
]
PART_2 = [
    *COMMON,
    ("wrong_id", Kind.OUT_OF_ORDER, "instead of"),
    ("old_id", Kind.TOO_MUCH, "instead of"),
    ("count_less", Kind.TRUNCATED, "answered 0 outcomes to one step"),
    ("count_more", Kind.TOO_MUCH, "answered 2 outcomes to one step"),
    ("length_more", Kind.TRUNCATED, "did not end it within 5 s"),
    ("length_less", None, ""),
    ("odd_outcome", Kind.GARBAGE, "no outcome: [[99, 1], [], []]"),
]


def _fails_at_the_bad_step(ran: Ran, kind: Kind | None, detail: str) -> None:
    failures = ran.failures()
    assert list(failures) == [BAD_STEP]
    if kind is not None:
        assert failures[BAD_STEP].kind is kind
    assert detail in failures[BAD_STEP].detail
    assert len(failures[BAD_STEP].detail) <= 300
    assert failures[BAD_STEP].detail.isprintable()
    assert ran.others_are_true(BAD_STEP)
    assert ran.incidents == []


@pytest.mark.parametrize(("mode", "kind", "detail"), PART_1)
def test_a_failure_in_part_1_is_that_steps_alone(
    tmp_path: Path, mode: str, kind: Kind, detail: str
) -> None:
    ran = run_fake(tmp_path, mode, part2=False)
    _fails_at_the_bad_step(ran, kind, detail)


@pytest.mark.parametrize(("mode", "kind", "detail"), PART_2)
def test_a_failure_in_part_2_is_that_steps_alone(
    tmp_path: Path, mode: str, kind: Kind | None, detail: str
) -> None:
    ran = run_fake(tmp_path, mode, part2=True)
    _fails_at_the_bad_step(ran, kind, detail)


def test_in_part_2_an_answer_given_twice_is_noticed_at_the_next_work(tmp_path: Path) -> None:
    ran = run_fake(tmp_path, "twice", part2=True)
    assert ran.failures() == {}
    assert ran.others_are_true()
    assert [(i, f.kind) for i, f in ran.incidents] == [(16, Kind.TOO_MUCH)]


@pytest.mark.parametrize("part2", [False, True])
@pytest.mark.parametrize(("mode", "kind"), [("exit", Kind.EXITED), ("garbage", Kind.GARBAGE)])
def test_without_a_guide_a_failed_step_leaves_the_state_as_it_was(
    tmp_path: Path, mode: str, kind: Kind, part2: bool
) -> None:
    ran = run_fake(tmp_path, mode, part2=part2, guided=False, steps=ticks(14, 13))
    assert {i: f.kind for i, f in ran.failures().items()} == {13: kind}
    assert ran.others_are_true(13)


@pytest.mark.parametrize("part2", [False, True])
def test_an_error_is_a_refusal_with_its_text(tmp_path: Path, part2: bool) -> None:
    ran = run_fake(tmp_path, "error", part2=part2)
    assert refused(ran) == [BAD_STEP]
    assert ran.results[BAD_STEP] == ["error", "will not"]
    assert ran.others_are_true(BAD_STEP)
    assert ran.incidents == []


@pytest.mark.parametrize("part2", [False, True])
@pytest.mark.parametrize("mode", ["chatty", "slow_start"])
def test_an_executable_that_talks_or_starts_slowly_but_answers_is_fine(
    tmp_path: Path, mode: str, part2: bool
) -> None:
    ran = run_fake(tmp_path, mode, part2=part2)
    assert ran.failures() == {}
    assert ran.incidents == []
    assert ran.others_are_true()


@pytest.mark.parametrize("part2", [False, True])
@pytest.mark.parametrize(
    ("mode", "kind"),
    [("exit", Kind.EXITED), ("garbage", Kind.GARBAGE), ("half_exit", Kind.TRUNCATED)],
)
def test_what_happens_only_once_is_an_incident_beside_the_true_answer(
    tmp_path: Path, mode: str, kind: Kind, part2: bool
) -> None:
    ran = run_fake(tmp_path, mode, "once", part2=part2)
    assert ran.failures() == {}
    assert ran.others_are_true()
    assert [failure.kind for _, failure in ran.incidents] == [kind]
    # Part 2 answers many steps at once: it is not known which of them it was.
    assert ran.incidents[0][0] == (8 if part2 else BAD_STEP)


def test_a_core_that_exits_at_every_third_tick_loses_no_step(tmp_path: Path) -> None:
    ran = run_fake(tmp_path, "exit", "third", part2=False)
    assert ran.failures() == {}
    assert ran.others_are_true()
    assert {failure.kind for _, failure in ran.incidents} == {Kind.EXITED}


def test_answers_in_another_order_are_never_taken_for_another_steps(tmp_path: Path) -> None:
    ran = run_fake(tmp_path, "swap", part2=False)
    assert ran.failures() == {}
    assert ran.others_are_true()
    assert [(i, f.kind) for i, f in ran.incidents] == [(BAD_STEP, Kind.OUT_OF_ORDER)]


@pytest.mark.parametrize(("mode", "kind"), [("twice", Kind.TOO_MUCH), ("nothing", Kind.TIMEOUT)])
def test_a_line_too_many_or_too_few_shifts_no_answer_to_another_step(
    tmp_path: Path, mode: str, kind: Kind
) -> None:
    ran = run_fake(tmp_path, mode, "once", part2=False)
    assert ran.failures() == {}
    assert ran.others_are_true()
    assert [(i, f.kind) for i, f in ran.incidents] == [(BAD_STEP, kind)]


def test_an_answer_that_is_different_the_second_time_is_unsteady(tmp_path: Path) -> None:
    ran = run_fake(tmp_path, "wrong", "once", part2=False)
    assert ran.others_are_true()
    assert [(i, f.kind) for i, f in ran.incidents] == [(BAD_STEP, Kind.UNSTEADY)]


@pytest.mark.parametrize("guided", [False, True])
def test_a_core_that_cannot_be_fenced_in_is_asked_step_by_step(
    tmp_path: Path, guided: bool
) -> None:
    ran = run_fake(tmp_path, "no_fence", part2=False, guided=guided)
    assert ran.failures() == {}
    assert ran.incidents == []
    assert ran.others_are_true()


@pytest.mark.parametrize("part2", [False, True])
def test_what_was_set_at_a_step_that_failed_is_still_due_after_the_restart(
    tmp_path: Path, part2: bool
) -> None:
    steps = ticks(20)
    # The authority refuses the step at which the executable exits, but takes its patch.
    steps[BAD_STEP] = Step((0, BAD_PRICE, "late"), {"patch": {"total_fees": 7}})
    ran = run_fake(tmp_path, "exit", part2=part2, steps=steps)
    assert list(ran.failures()) == [BAD_STEP]
    assert ran.others_are_true(BAD_STEP)
    after: Any = ran.results[BAD_STEP + 1]
    assert after[0][after[0].index(11) + 1] == 7.0


def test_a_steady_wrong_answer_is_believed(tmp_path: Path) -> None:
    ran = run_fake(tmp_path, "always_wrong", part2=False)
    assert ran.failures() == {}
    assert ran.incidents == []
    assert ran.others_are_true(BAD_STEP)
    assert ran.results[BAD_STEP] != ran.guide[BAD_STEP]


@pytest.mark.parametrize("part2", [False, True])
def test_failing_again_and_again_is_a_storm(tmp_path: Path, part2: bool) -> None:
    with pytest.raises(
        FailureStorm, match=r"core-exit-always failed 8 times in a row, last: exited with code 3"
    ):
        run_fake(tmp_path, "exit", "always", part2=part2, steps=ticks(40, None) * 1)


@pytest.mark.parametrize("part2", [False, True])
def test_an_executable_that_exits_at_once_cannot_be_opened(tmp_path: Path, part2: bool) -> None:
    with pytest.raises(TargetError, match=r"cannot run: .* exited with code 3"):
        run_fake(tmp_path, "exit", "start", part2=part2)
    assert len(list(tmp_path.glob("pid-*"))) == 2, "once may be an accident"


def test_failures_that_add_up_to_more_than_the_answers_are_a_storm(tmp_path: Path) -> None:
    bad = [step for index in range(6) for step in ticks(1, 0 if index != 3 else None)]
    with pytest.raises(FailureStorm, match="failed 3 times in this run"):
        run_fake(tmp_path, "exit", part2=False, steps=bad, limits=limits_for("exit", storm_total=3))


@pytest.mark.parametrize("part2", [False, True])
def test_ending_on_one_sort_of_input_again_and_again_is_no_storm(
    tmp_path: Path, part2: bool
) -> None:
    fine = ticks(12, None)
    steps = [*fine, *(step for _ in range(10) for step in ticks(1, 0)), *fine]
    ran = run_fake(tmp_path, "exit", part2=part2, steps=steps)
    failed = [index for index, one in enumerate(ran.results) if isinstance(one, Failure)]
    assert failed == list(range(12, 22))
    assert ran.others_are_true(*failed)


def test_what_is_no_program_cannot_be_opened(tmp_path: Path) -> None:
    plain_file = tmp_path / "plain"
    plain_file.write_text("hello\n")
    with pytest.raises(TargetError, match="is not executable"):
        open_executable(str(plain_file))
    plain_file.chmod(0o755)
    with pytest.raises(TargetError, match="cannot be started: Exec format error"):
        open_executable(str(plain_file))
    with pytest.raises(TargetError, match="there is no executable"):
        open_executable(str(tmp_path / "missing"))
    with pytest.raises(TargetError, match="is a folder"):
        open_executable(str(tmp_path))
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(TargetError, match="cannot be started: No such file"):
        open_executable(str(script))
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF" + bytes(200))
    broken.chmod(0o755)
    with pytest.raises(TargetError, match="cannot be started: Exec format error"):
        open_executable(str(broken))


@pytest.mark.parametrize("kept", [0.0004, 0.002, 0.04, 0.5])
def test_an_executable_that_was_cut_off_cannot_be_opened(
    tmp_path: Path, core_exe: str, kept: float
) -> None:
    whole = Path(core_exe).read_bytes()
    path = tmp_path / "cut-off"
    path.write_bytes(whole[: int(len(whole) * kept)])
    path.chmod(0o755)
    with pytest.raises(
        TargetError, match=r"cannot run: .* exited with signal .* is the file whole"
    ):
        open_executable(str(path))


def test_an_executable_that_lacks_what_it_is_loaded_with_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "lacking"
    path.write_text("#!/bin/sh\nexit 127\n")
    path.chmod(0o755)
    with pytest.raises(
        TargetError, match="before it read what it was asked it exited with code 127"
    ):
        open_executable(str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            f"#!{sys.executable}\nimport sys\nfor line in sys.stdin:\n    print(",
            "exited with code 1",
        ),
        ("#!/bin/sh\nwhile read line; do\n  case $line in", "exited with code 2"),
        ("#!/bin/sh\nexec /no/such/core", "exited with code 127"),
        ("#!/bin/sh\n", "exited with code 0"),
    ],
)
def test_a_script_that_was_cut_off_is_told_after_two_starts(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "script"
    path.write_text(content)
    path.chmod(0o755)
    with pytest.raises(TargetError, match=f"cannot run: .* {said}"):
        open_executable(str(path))


def test_one_that_ends_over_a_question_that_it_does_not_know_can_be_opened(tmp_path: Path) -> None:
    """Not for ever: it is then asked by part 1, which it may know."""
    path = tmp_path / "older"
    path.write_text("#!/bin/sh\nread line\nexit 1\n")
    path.chmod(0o755)
    open_executable(str(path)).close()
