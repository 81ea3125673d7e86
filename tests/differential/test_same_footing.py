"""After a refusal both cores go on from the same state, whichever of them took what was set."""

from __future__ import annotations

from pathlib import Path

import pytest
from differential_makers import CONFIG, NOW, copy_of_core, ours

from replay.differential.last_step import run_last_step
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding, Verdict
from replay.streams.model import Document, Start, Step, Stream, segments_of
from replay.targets.base import Target
from replay.targets.open import open_target
from replay.targets.python.module import open_python_target

LOOSE = str(Path(__file__).parents[1] / "support" / "authorities" / "reads_loosely.py")
ORDER: dict[str, Document] = {
    "local_id": 1, "side": "buy", "role": "entry", "price": 0.2, "volume": 25.0,
    "trade_id": "B", "cycle": 1,
}  # fmt: skip
STATE: dict[str, Document] = {
    "market_price": 0.2,
    "now": NOW,
    "orders": [ORDER],
    "next_order_id": 2,
}
OTHER: dict[str, Document] = {**STATE, "cycle_a": 7, "orders": [{**ORDER, "volume": 30.0}]}
START = Start(STATE, CONFIG, 5.0, None)
BAD_EVENT: dict[str, Document] = {"price": [], "timestamp": NOW}
TICKS = tuple(Step((0, 0.2, NOW + at)) for at in range(1, 9))
SHADOWS = ("python", "part 1", "part 2")


def shadow(kind: str, core_exe: str) -> Target:
    return ours() if kind == "python" else open_target(core_exe, part1_only=kind == "part 1")


def run(authority: Target, other: Target, *steps: Step, size: int = 256) -> Lockstep:
    lockstep = Lockstep(authority, other)
    try:
        lockstep.found = run_stream(  # type: ignore[attr-defined]
            lockstep, segments_of(Stream(START, steps), 0, size)
        )
    finally:
        other.close()
    return lockstep


def found(lockstep: Lockstep) -> list[Finding]:
    return lockstep.found  # type: ignore[attr-defined,no-any-return]


# What is set at a step that the authority refuses: what it takes of it, the shadow does not or the
# other way round, must not show at any later step.
SET: dict[str, dict[str, Document]] = {
    "a state that both read": {"state": OTHER},
    "a state that only the authority reads": {"state": {**OTHER, "cycle_a": "7"}},
    "a patch that only the authority reads": {"patch": {"cycle_b": "9"}},
    "a patch that both read": {"patch": {"cycle_b": 9}},
    "a size": {"order_size_usd": 50.0, "order_sizes": {"B": 60.0}},
}


@pytest.mark.parametrize("kind", SHADOWS)
@pytest.mark.parametrize("size", [1, 256])
@pytest.mark.parametrize("what", SET)
def test_what_was_set_at_a_refused_step_makes_no_later_step_differ(
    core_exe: str, kind: str, what: str, size: int
) -> None:
    moved = Step((0, 0.35, NOW + 20.0))
    steps = (TICKS[0], Step(BAD_EVENT, SET[what]), *TICKS[1:], moved)
    lockstep = run(open_target(LOOSE), shadow(kind, core_exe), *steps, size=size)
    assert +lockstep.tally.verdicts == {Verdict.AGREE: len(steps) - 1, Verdict.BOTH_REFUSE: 1}


@pytest.mark.parametrize("kind", SHADOWS)
def test_a_state_that_only_the_authority_reads_is_one_row(core_exe: str, kind: str) -> None:
    steps = (TICKS[0], Step(TICKS[1].call, {"state": {**OTHER, "cycle_a": "7"}}), *TICKS[2:])
    lockstep = run(open_target(LOOSE), shadow(kind, core_exe), *steps)
    assert +lockstep.tally.verdicts == {Verdict.AGREE: len(steps) - 1, Verdict.SHADOW_FAILED: 1}
    assert len({finding.id for finding in found(lockstep)}) == 1


@pytest.mark.parametrize("kind", ["python", "part 2"])
def test_a_state_that_only_the_shadow_reads_is_one_row(
    tmp_path: Path, core_exe: str, kind: str
) -> None:
    fault = ("codec.py", "return value\n    if isinstance(value, bool) or", "return value\n    if")
    loose = open_python_target(copy_of_core(tmp_path, *fault))  # takes true for a number
    steps = (TICKS[0], Step(TICKS[1].call, {"patch": {"total_fees": True}}), *TICKS[2:])
    authority = ours() if kind == "python" else open_target(core_exe)
    lockstep = run(authority, loose, *steps)
    authority.close()
    assert +lockstep.tally.verdicts == {Verdict.AGREE: len(steps) - 1, Verdict.DIVERGE: 1}
    assert [str(one.differences[0].path) for one in found(lockstep)] == ["refusal"]


@pytest.mark.parametrize("kind", SHADOWS)
def test_settings_that_only_the_authority_takes_are_one_row_until_others_come(
    core_exe: str, kind: str
) -> None:
    """The shadow has no settings then; it must not go on with those that were there before."""
    odd = {**CONFIG, "max_consecutive_refreshes": 2.5, "refresh_pct": 90.0}
    moves = [Step((0, 0.2 + at / 50, NOW + 10.0 + at)) for at in range(6)]
    steps = (TICKS[0], Step(moves[0].call, {"config": odd}), *moves[1:],
             Step((1, NOW + 30.0), {"config": CONFIG}), Step((1, NOW + 31.0)))  # fmt: skip
    for size in (1, 4, 256):
        lockstep = run(open_target(LOOSE), shadow(kind, core_exe), *steps, size=size)
        assert +lockstep.tally.verdicts == {Verdict.SHADOW_FAILED: 6, Verdict.AGREE: 3}
        assert len({finding.id for finding in found(lockstep)}) == 1


@pytest.mark.parametrize("kind", SHADOWS)
def test_what_was_set_at_refused_steps_is_in_force_at_the_steps_refused_after_them(
    core_exe: str, kind: str
) -> None:
    """The authority takes settings that the shadow cannot read: while it refuses step after step,
    the shadow must not answer any of them with the settings from before."""
    odd: Document = {**CONFIG, "refresh_pct": "wide"}
    far = [Step((0, 0.5, NOW + at)) for at in (20.0, 30.0)]
    steps = (TICKS[0], Step(BAD_EVENT, {"config": odd}), *far)
    lockstep = run(open_target(LOOSE), shadow(kind, core_exe), *steps)
    assert +lockstep.tally.verdicts == {Verdict.AGREE: 1, Verdict.BOTH_REFUSE: 3}


@pytest.mark.parametrize("kind", SHADOWS)
def test_a_state_that_the_shadow_can_never_read_is_one_row(core_exe: str, kind: str) -> None:
    held: dict[str, Document] = {**STATE, "s2_entered_at": "noon"}
    steps = (Step((6,), {"state": held}), *(Step((6,)) for _ in range(20)),
             Step((6,), {"state": STATE}), *TICKS)  # fmt: skip
    lockstep = run(open_target(LOOSE), shadow(kind, core_exe), *steps)
    assert +lockstep.tally.verdicts == {Verdict.SHADOW_FAILED: 21, Verdict.AGREE: 9}
    assert len({finding.id for finding in found(lockstep)}) == 1


def test_the_last_step_of_a_case_starts_from_the_authoritys_state(core_exe: str) -> None:
    steps = (Step(BAD_EVENT, {"state": {**OTHER, "cycle_a": "7"}}), TICKS[0])
    for kind in SHADOWS:
        other = shadow(kind, core_exe)
        last = run_last_step(Stream(START, steps), open_target(LOOSE), other)
        other.close()
        assert last.finding is None


@pytest.mark.parametrize("call", [(5, 1, 2), (6,)], ids=["a regime is set", "a check"])
@pytest.mark.parametrize("kind", SHADOWS)
def test_settings_that_no_core_reads_at_a_call_without_need_of_them_are_in_force_nowhere(
    core_exe: str, kind: str, call: tuple[int, ...]
) -> None:
    """The authority answers such a call, which does not show that it took the settings."""
    steps = (
        Step(call, {"config": {"refresh_pct": None}}),
        TICKS[0],
        Step(TICKS[1].call, {"order_size_usd": None}),
        TICKS[2],
    )
    lockstep = run(ours(), shadow(kind, core_exe), *steps)
    assert +lockstep.tally.verdicts == {Verdict.AGREE: 3, Verdict.BOTH_REFUSE: 1}


@pytest.mark.parametrize("kind", ["python", "isolated"])
def test_what_a_loose_core_holds_need_not_be_readable_to_itself(kind: str) -> None:
    """After a refusal the shadow is told all of the state once more, and names all of it; the
    authority then holds a time that its own reader would refuse."""
    steps = (
        TICKS[0],
        Step(TICKS[1].call, {"state": {"completed_cycles": [{"exit_fee": []}]}}),
        Step((0, 0.2, {"A": 0.0})),
        TICKS[2],
    )
    other = open_target(LOOSE) if kind == "isolated" else open_python_target(LOOSE)
    lockstep = run(open_python_target(LOOSE), other, *steps)
    assert +lockstep.tally.verdicts == {Verdict.AGREE: 3, Verdict.BOTH_REFUSE: 1}
