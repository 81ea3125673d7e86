"""Lockstep: each step from the authority's state, every step judged, nothing given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from differential_makers import (
    FAULTS,
    answers,
    copy_of_core,
    faulty,
    findings,
    generated,
    marked,
    ours,
    stream,
    trading,
    two_entries,
)

from replay.differential.buckets import is_full
from replay.differential.lockstep import ABSENT_OUTCOME, Lockstep, run_stream
from replay.differential.minimising.minimiser import probe
from replay.differential.model import Finding, Verdict
from replay.differential.trail import walk
from replay.fuzzing.plan import Profile
from replay.streams.model import Document, Segment, Start, Step, Stream, segments_of
from replay.targets.base import Failure, FailureKind, Reply, StepResult, Target, Work, is_refusal
from replay.targets.compact import blank, state_document
from replay.targets.executable.handshake import open_executable
from replay.targets.python.module import open_python_target


class Failing:
    """A core that gives no answer to the steps of its streams that have these numbers."""

    depth = 1

    def __init__(self, inner: Target, numbers: Sequence[int]) -> None:
        self._inner = inner
        self._numbers = set(numbers)
        self._seen = 0
        self._sizes: list[int] = []
        self.identity = inner.identity

    def submit(self, work: Work) -> None:
        self._sizes.append(len(work.steps))
        self._inner.submit(work)

    def collect(self) -> Reply:
        results: list[StepResult] = list(self._inner.collect().results)
        for place in range(self._sizes.pop(0)):
            if self._seen in self._numbers:
                results[place] = Failure(FailureKind.TIMEOUT, "no answer")
            self._seen += 1
        return Reply(None, results)

    def close(self) -> None:
        self._inner.close()


class Changed(Failing):
    """A core whose answers to those steps are replaced."""

    def __init__(self, inner: Target, numbers: Sequence[int], result: StepResult) -> None:
        super().__init__(inner, numbers)
        self._result = result

    def collect(self) -> Reply:
        results = [
            self._result if isinstance(result, Failure) else result
            for result in super().collect().results
        ]
        return Reply(None, results)


def shown(found: Sequence[Finding]) -> list[tuple[Any, ...]]:
    """What does not depend on how a stream was cut into segments."""
    return [(f.id, f.line, f.verdict, f.differences, f.authority, f.shadow) for f in found]


def test_our_core_agrees_with_itself_on_everything() -> None:
    lockstep = Lockstep(ours(), ours())
    streams = [trading(), *generated(Profile.HOSTILE, range(3))]
    for key, one in enumerate(streams):
        assert run_stream(lockstep, segments_of(one, key)) == []
    tally = lockstep.tally
    assert tally.streams == len(streams)
    assert tally.transitions == sum(len(one.steps) for one in streams)
    assert tally.verdicts[Verdict.AGREE] > 0
    assert tally.verdicts[Verdict.BOTH_REFUSE] > 0
    assert tally.verdicts.total() == tally.transitions == tally.calls.total()


def test_one_divergence_does_not_cause_the_next(tmp_path: Path) -> None:
    """A forgotten regime would show at each later step if the shadow went on from its own state."""
    document = two_entries()
    document["orders"][0]["regime_at_entry"] = 1
    ticks = [(1, 1002.0 + place) for place in range(5)]
    one = stream((2, 1, "X", "sell", 0.2, 25.0, 0.01, 1001.0), *ticks, start=document)
    shadow = faulty(tmp_path, "regime")
    assert answers(ours(), one)[0] != answers(shadow, one)[0]
    (found,) = findings(ours(), shadow, one)
    assert found.line == 1
    assert [d.path for d in found.differences] == ["state.orders[1].regime_at_entry"]
    assert (found.differences[0].authority, found.differences[0].shadow) == (1, None)


def test_a_stream_goes_on_after_a_divergence(tmp_path: Path) -> None:
    """The second of two entries diverges again, at its own step and from the right state."""
    document = two_entries()
    for entry in document["orders"]:
        entry["regime_at_entry"] = 2
    one = stream(
        (2, 1, "X", "sell", 0.2, 25.0, 0.01, 1001.0),
        (1, 1002.0),
        (2, 2, "X", "buy", 0.2, 25.0, 0.01, 1003.0),
        (1, 1004.0),
        start=document,
    )
    lockstep = Lockstep(ours(), faulty(tmp_path, "regime"))
    found = run_stream(lockstep, segments_of(one, 0))
    assert [f.line for f in found] == [1, 3]
    assert {len(f.differences) for f in found} == {1}
    assert lockstep.tally.verdicts == {Verdict.AGREE: 2, Verdict.DIVERGE: 2}


@pytest.mark.parametrize("fault", ["fee", "price", "time-out", "dropped"])
def test_segments_of_any_size_give_the_same_findings(tmp_path: Path, fault: str) -> None:
    streams = [trading(), *generated(Profile.LIVE, range(3))]
    shadow = faulty(tmp_path, fault)
    whole = findings(ours(), shadow, *streams, size=100_000)
    assert whole
    for size in (1, 3, 64):
        assert shown(findings(ours(), shadow, *streams, size=size)) == shown(whole)


def test_interleaved_streams_are_told_apart(tmp_path: Path) -> None:
    streams = [trading(), *generated(Profile.LIVE, range(4))]
    shadow = faulty(tmp_path, "fee")
    apart = findings(ours(), shadow, *streams)
    lockstep = Lockstep(ours(), shadow)
    rows = [list(segments_of(one, key, 7)) for key, one in enumerate(streams)]
    found: list[Finding] = []
    for turn in range(max(map(len, rows))):
        for row in rows:
            if turn < len(row):
                found += lockstep.feed(row[turn])
    found += lockstep.finish()
    assert sorted(map(repr, shown(found))) == sorted(map(repr, shown(apart)))
    assert apart
    assert {f.case.origin for f in found} == {f.case.origin for f in apart}


def test_a_finding_names_its_origin_and_its_case_ends_with_its_step(tmp_path: Path) -> None:
    one = replace(trading(), origin="journal.jsonl slot 3")
    for found in findings(ours(), faulty(tmp_path, "fee"), one, size=10):
        assert found.case.origin == "journal.jsonl slot 3"
        assert found.case.steps[-1] == one.steps[found.line - 1]
        assert found.line > 0
        assert found.event in ("FillEvent", "RecoveryFillEvent", "TimerTick")


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_running_the_case_of_a_finding_shows_the_same_signature(tmp_path: Path, fault: str) -> None:
    shadow = faulty(tmp_path, fault)
    edge = generated(Profile.EDGE, range(12))
    streams = [trading(), marked(), *generated(Profile.LIVE, range(8)), *edge]
    found = findings(ours(), shadow, *streams, size=32)
    assert found
    for number, finding in enumerate(found[:12]):
        again = probe(ours(), shadow, finding.case, number)
        assert again[-1].signature == finding.signature
        # As texts, since NaN differs from itself.
        assert repr(again[-1].differences) == repr(finding.differences)
        assert len(again[-1].case.steps) == len(finding.case.steps)


def test_a_start_that_nobody_can_read_is_refused_by_both_until_it_is_replaced() -> None:
    lockstep = Lockstep(ours(), ours())
    steps = (
        Step((1, 1.0)),
        Step((1, 2.0), {"patch": {"now": 3.0}}),
        Step((1, 3.0), {"state": two_entries(cycle_a="x")}),
        Step((1, 4.0), {"state": two_entries()}),
        Step((1, 5.0)),
        Step((1, 6.0), {"patch": {"orders": [{}]}}),
        Step((1, 7.0)),
    )
    one = Stream(Start({"market_price": "x"}, {}, 5.0), steps)
    assert run_stream(lockstep, segments_of(one, 0, 2)) == []
    assert lockstep.tally.verdicts == {Verdict.BOTH_REFUSE: 4, Verdict.AGREE: 3}


def test_a_finding_behind_an_unreadable_start_can_be_run_again(tmp_path: Path) -> None:
    document = two_entries()
    document["orders"][0]["regime_at_entry"] = 1
    fill = (2, 1, "X", "sell", 0.2, 25.0, 0.01, 1001.0)
    steps = (Step((1, 1.0)), Step((1, 2.0), {"state": document}), Step(fill, None, 3))
    one = Stream(Start(None, None, "x"), (*steps, Step(fill)))
    assert findings(ours(), faulty(tmp_path, "regime"), one) == []
    good: dict[str, Document] = {"config": {}, "order_size_usd": 5}
    one = Stream(Start(None, None, "x"), (*steps[:2], Step(fill, good, 3)))
    shadow = faulty(tmp_path / "again", "regime")
    for size in (1, 2, 10):
        (found,) = findings(ours(), shadow, one, size=size)
        assert found.line == 3
        assert [f.signature for f in probe(ours(), shadow, found.case, 9)] == [found.signature]


def test_a_patch_that_cannot_be_read_refuses_one_step_and_changes_nothing(tmp_path: Path) -> None:
    ticks = [Step((1, 1001.0)), Step((6,), {"patch": {"cycle_a": None}}), Step((1, 1002.0))]
    lockstep = Lockstep(ours(), ours())
    ended: list[Any] = []
    lockstep.on_end = lambda key, plain, last: ended.append((key, plain, last))
    assert run_stream(lockstep, segments_of(stream(*ticks), 4)) == []
    assert lockstep.tally.verdicts == {Verdict.AGREE: 2, Verdict.BOTH_REFUSE: 1}
    ((key, plain, last),) = ended
    assert key == 4
    assert state_document(plain)["cycle_a"] == 1
    assert last == [[1, 1002.0], [], []]


@pytest.mark.parametrize("size", [1, 3, 256])
def test_on_end_and_on_answered_are_told_of_the_authority(size: int) -> None:
    one = trading()
    lockstep = Lockstep(ours(), ours())
    ended: list[Any] = []
    answered: list[Any] = []
    lockstep.on_end = lambda key, plain, last: ended.append((key, plain, last))
    lockstep.on_answered = lambda segment, outcomes: answered.extend(outcomes)
    run_stream(lockstep, segments_of(one, 7, size))
    outcomes = answers(ours(), one)
    assert answered == outcomes
    ((key, plain, last),) = ended
    assert (key, last) == (7, outcomes[-1])
    nothing = Step((6,))
    *_, (state, _) = walk(one.start, None, [*one.steps, nothing], [*outcomes, [[], [], []]])
    assert state is not None
    assert state_document(plain) == state_document(state)


def test_on_end_is_told_none_where_no_state_could_be_read() -> None:
    lockstep = Lockstep(ours(), ours())
    ended: list[Any] = []
    lockstep.on_end = lambda key, plain, last: ended.append((plain, last))
    run_stream(lockstep, segments_of(stream((1, 1.0), start="nothing"), 0))
    assert ended == [(None, ["unreadable", "state"])]


def test_walk_gives_the_state_before_each_step_with_what_was_set_from_outside() -> None:
    changes = {"patch": {"cycle_a": 5}, "config": {"price_decimals": 2}}
    one = stream(Step((0, 0.2, 1001.0)), Step((1, 1002.0), changes), Step((6,)))
    walked = list(walk(one.start, None, one.steps, answers(ours(), one)))
    documents = [state_document(plain or blank()) for plain, _ in walked]
    assert [document["now"] for document in documents] == [1000.0, 1001.0, 1002.0]
    assert [document["cycle_a"] for document in documents] == [1, 5, 5]
    assert [decimals for _, decimals in walked] == [6, 2, 2]


# --- Failures and refusals --------------------------------------------------------------------


def test_a_failure_of_the_shadow_is_a_finding_of_its_own_and_the_stream_goes_on() -> None:
    one = trading()
    lockstep = Lockstep(ours(), Failing(ours(), [2, 5]))
    found = run_stream(lockstep, segments_of(one, 0, 4))
    assert [(f.line, f.verdict) for f in found] == [
        (3, Verdict.SHADOW_FAILED),
        (6, Verdict.SHADOW_FAILED),
    ]
    assert all(f.id.startswith("f-") and f.differences == () for f in found)
    assert found[0].authority == answers(ours(), one)[2]
    assert lockstep.tally.failures == {FailureKind.TIMEOUT: 2}
    assert lockstep.tally.verdicts.total() == lockstep.tally.transitions == len(one.steps)


def test_a_shadow_that_refuses_what_the_authority_takes_has_failed() -> None:
    lockstep = Lockstep(ours(), Changed(ours(), [1], ["error", "no such thing"]))
    (found,) = run_stream(lockstep, segments_of(trading(), 0))
    assert found.verdict is Verdict.SHADOW_FAILED
    assert found.shadow == Failure(FailureKind.REFUSED, "error no such thing")
    assert found.signature.kind == "refused"


def test_a_shadow_that_answers_what_the_authority_refuses_diverges() -> None:
    one = stream((1, 1.0), Step((1, 2.0), {"patch": {"cycle_a": None}}), (1, 3.0))
    lockstep = Lockstep(ours(), Changed(ours(), [1], [[1, 2.0], [], []]))
    (found,) = run_stream(lockstep, segments_of(one, 0))
    assert found.verdict is Verdict.DIVERGE
    assert [d.path for d in found.differences] == ["refusal"]
    assert found.signature.field == "refusal authority: unreadable int"
    assert lockstep.tally.verdicts == {Verdict.AGREE: 2, Verdict.DIVERGE: 1}


def test_a_stream_ends_where_the_authority_fails_and_others_go_on() -> None:
    one, other = trading(), stream((1, 1001.0), (1, 1002.0))
    lockstep = Lockstep(Failing(ours(), [2]), ours())
    found = run_stream(lockstep, list(segments_of(one, 0, 5))[:1])
    (failed,) = found
    assert failed.verdict is Verdict.AUTHORITY_FAILED
    assert (failed.line, failed.shadow) == (3, ABSENT_OUTCOME)
    assert failed.authority == Failure(FailureKind.TIMEOUT, "no answer")
    assert failed.id.startswith("f-")
    assert run_stream(lockstep, segments_of(other, 1)) == []
    assert lockstep.tally.failures == {FailureKind.TIMEOUT: 1}
    assert lockstep.tally.verdicts[Verdict.AUTHORITY_FAILED] == 1
    assert lockstep.tally.verdicts[Verdict.AGREE] == 2


def test_what_is_left_of_a_stream_whose_authority_failed_is_passed_over() -> None:
    lockstep = Lockstep(Failing(ours(), [2]), ours())
    found = run_stream(lockstep, segments_of(trading(), 0, 5))
    assert [f.verdict for f in found] == [Verdict.AUTHORITY_FAILED]


def test_what_is_set_at_a_refused_step_counts_in_the_segments_behind_it(tmp_path: Path) -> None:
    """The order that fills is only in a patch, whose step was refused for another reason."""
    entry = two_entries()["orders"][0] | {"local_id": 7, "regime_at_entry": 1}
    broken = {"patch": {"orders": [entry]}, "config": None}
    fill = Step((2, 7, "X", "sell", 0.2, 25.0, 0.01, 1002.0), None, 3)
    shadow = faulty(tmp_path, "regime")
    for first in ((Step((1, 1000.5)),), ()):
        one = stream(*first, Step((1, 1001.0), broken), fill)
        for size in (1, 2, 3):
            (found,) = findings(ours(), shadow, one, size=size)
            assert found.signature.rule == "exit of a filled entry"
            assert found.line == 3
            assert [f.id for f in probe(ours(), shadow, found.case, 9)] == [found.id]


def test_a_module_that_raises_on_every_step_only_ever_refuses(tmp_path: Path) -> None:
    path = copy_of_core(
        tmp_path,
        "reducer.py",
        "    if isinstance(event, TimerTick):",
        "    raise LookupError('no')\n    if isinstance(event, TimerTick):",
    )
    from replay.targets.python.module import open_python_target

    one = trading()
    lockstep = Lockstep(ours(), open_python_target(path))
    found = run_stream(lockstep, segments_of(one, 0))
    assert {f.verdict for f in found} == {Verdict.SHADOW_FAILED}
    assert len(found) + sum(r.times for r in lockstep.repeats.values()) == len(one.steps)
    assert "LookupError: no" in str(found[0].shadow)
    swapped = Lockstep(open_python_target(path), ours())
    assert {f.verdict for f in run_stream(swapped, segments_of(one, 1))} == {Verdict.DIVERGE}


# --- With the real executable -----------------------------------------------------------------

_SEEDS = {Profile.LIVE: range(60), Profile.EDGE: range(100, 160), Profile.HOSTILE: range(60)}


@pytest.mark.parametrize("part1_only", [False, True], ids=["part 2", "part 1"])
@pytest.mark.parametrize("profile", Profile)
def test_our_two_cores_agree(core_exe: str, profile: Profile, part1_only: bool) -> None:
    seeds = _SEEDS[profile]
    streams = generated(profile, seeds[:12] if part1_only else seeds)
    shadow = open_executable(core_exe, part1_only=part1_only)
    try:
        lockstep = Lockstep(ours(), shadow)
        found: list[Finding] = []
        for key, one in enumerate(streams):
            segments: list[Segment] = list(segments_of(one, key))
            for segment in segments:
                found += lockstep.feed(segment)
        found += lockstep.finish()
    finally:
        shadow.close()
    assert [(f.signature, f.differences, f.shadow) for f in found] == []
    tally = lockstep.tally
    assert tally.transitions == sum(len(one.steps) for one in streams)
    assert tally.transitions > (1500 if part1_only else 8000)
    assert tally.verdicts.total() == tally.transitions
    assert tally.verdicts[Verdict.AGREE] > tally.transitions / 4
    if profile is Profile.HOSTILE:
        assert tally.verdicts[Verdict.BOTH_REFUSE] > 0


@pytest.mark.parametrize("part1_only", [False, True], ids=["part 2", "part 1"])
@pytest.mark.parametrize("fault", ["fee", "time-out", "dropped"])
def test_a_fault_of_either_side_is_found_with_the_executable(
    core_exe: str, tmp_path: Path, fault: str, part1_only: bool
) -> None:
    """The same findings as with our Python core in the executable's place."""
    one = trading()
    wrong = faulty(tmp_path, fault)
    executable = open_executable(core_exe, part1_only=part1_only)
    try:
        for pair, plain in (((wrong, executable), (wrong, ours())),
                            ((executable, wrong), (ours(), wrong))):  # fmt: skip
            found = findings(*pair, one, size=50)
            assert found
            assert [(f.id, f.line) for f in found] == [
                (f.id, f.line) for f in findings(*plain, one, size=50)
            ]
    finally:
        executable.close()


def test_refusals_keep_their_verdict_with_the_executable(core_exe: str) -> None:
    executable = open_executable(core_exe)
    streams = generated(Profile.HOSTILE, range(200, 210))
    try:
        lockstep = Lockstep(ours(), executable)
        for key, one in enumerate(streams):
            assert run_stream(lockstep, segments_of(one, key, 9)) == []
    finally:
        executable.close()
    refused = sum(is_refusal(outcome) for one in streams for outcome in answers(ours(), one))
    assert refused > 0
    assert lockstep.tally.verdicts[Verdict.BOTH_REFUSE] == refused


def test_a_flood_of_one_bug_comes_with_few_cases_and_all_of_it_counted(tmp_path: Path) -> None:
    """Every tick differs here: making a case of each would cost far more than the comparison."""
    replaced = ("evolve(state, now=now, market_price", "evolve(state, now=now + 1.0, market_price")
    shadow = open_python_target(copy_of_core(tmp_path, "reducer.py", *replaced))
    steps = tuple(Step((0, 0.2, float(second)), line=second) for second in range(1, 101))
    flood = Stream(Start({"market_price": 0.2, "now": 0.0}, {}, 5.0, None), steps, "flood")
    lockstep = Lockstep(ours(), shadow)
    found = run_stream(lockstep, segments_of(flood, 1))
    assert [finding.line for finding in found] == [n for n in range(1, 101) if is_full(n)]
    assert {finding.id for finding in found} == set(lockstep.repeats)
    (repeat,) = lockstep.repeats.values()
    assert repeat == (100 - len(found), "flood", 99, 98)
    assert lockstep.tally.verdicts[Verdict.DIVERGE] == 100
