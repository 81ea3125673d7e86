"""The minimiser: small cases of the same bug, bounded and the same each time."""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from differential_makers import (
    FAULTS,
    THREE_IN_A_ROW,
    faulty,
    findings,
    generated,
    marked,
    order,
    ours,
    remembering,
    stream,
    trading,
    two_entries,
)
from support.ports.making import executable

from replay.differential.minimising import minimiser
from replay.differential.minimising.minimiser import Minimised, minimise, probe
from replay.differential.minimising.shrinkers import (
    at,
    case_document,
    case_stream,
    complexity,
    containers,
    earlier,
    replaced,
    scalars,
    simpler_values,
    without,
)
from replay.differential.model import Finding, Signature
from replay.fuzzing.plan import Profile
from replay.streams.model import Document, Start, Step, Stream
from replay.streams.packed import pack
from replay.targets.base import FailureKind, Target
from replay.targets.executable.handshake import open_executable
from replay.targets.executable.limits import Limits


def smallest(finding: Finding, shadow: Target, **limits: Any) -> Minimised:
    minimised = minimise(finding, ours(), shadow, **limits)
    assert minimised is not None
    return minimised


def size_of(case: Stream) -> int:
    return len(repr((case.start, [step[:2] for step in case.steps])))


def as_bytes(case: Stream) -> bytes:
    steps = [[step.call, step.changes] for step in case.steps]
    return pack([list(case.start), steps])


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_planted_fault_becomes_one_step_on_a_small_state(tmp_path: Path, fault: str) -> None:
    shadow = faulty(tmp_path, fault)
    streams = [trading(), marked(), *generated(Profile.EDGE, range(12))]
    found = findings(ours(), shadow, *streams)
    first = {finding.id: finding for finding in found}
    assert first
    for finding in list(first.values())[:2]:
        minimised = smallest(finding, shadow)
        case = minimised.finding.case
        assert len(case.steps) == 1
        assert minimised.finding.signature == finding.signature
        assert size_of(case) < 900, case
        again = probe(ours(), shadow, case, 1)
        assert [f.signature for f in again] == [finding.signature]
        assert repr(again[0].differences) == repr(minimised.finding.differences)


def test_what_the_bug_does_not_need_is_taken_away(tmp_path: Path) -> None:
    """Of a long history, many settings and other orders nothing is left."""
    cycle = {
        "trade_id": "A", "cycle": 1, "entry_price": 0.2, "exit_price": 0.19, "volume": 25.0,
        "gross_profit": 1.0, "fees": 0.1, "net_profit": 0.9,
    }  # fmt: skip
    document = two_entries(completed_cycles=[cycle] * 20, total_profit=17.5)
    document["orders"][0]["regime_at_entry"] = 2
    config = {"entry_pct": 0.3, "profit_pct": 0.7, "min_volume": 1.0, "price_decimals": 5}
    fill = (2, 1, "OAAAA-BBBBB-CCCCCC", "sell", 0.20047, 25.1234, 0.0123, 1748623324.5)
    one = stream((1, 1748623320.0), fill, start=document, config=config)
    shadow = faulty(tmp_path, "regime")
    (found,) = findings(ours(), shadow, one)
    case = smallest(found, shadow).finding.case
    state: Any = case.start.state
    assert state.keys() == {"orders"}
    filled: Any = case.steps[0].call
    assert [order["local_id"] for order in state["orders"]] == [filled[1]]
    assert case.start.config == {}
    assert case.start.order_sizes is None
    assert case.steps[0].changes is None
    assert len(repr(case.steps[0].call)) < 40


def test_origin_and_line_are_those_of_the_step_that_was_found(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, "fee")
    found = findings(ours(), shadow, replace(trading(), origin="somewhere"))[-1]
    minimised = smallest(found, shadow).finding
    assert (minimised.case.origin, minimised.line) == ("somewhere", found.line)
    assert found.line > 1


def test_what_was_set_just_before_the_step_goes_into_the_start(tmp_path: Path) -> None:
    entry = order(7, "sell", "entry", regime_at_entry=1)
    changes: dict[str, Document] = {
        "patch": {"orders": [entry]},
        "config": {"profit_pct": 2.0},
        "order_sizes": None,
    }
    fill = Step((2, 7, "X", "sell", 0.2, 25.0, 0.01, 1002.0), changes)
    shadow = faulty(tmp_path, "regime")
    (found,) = findings(ours(), shadow, stream((1, 1001.0), fill))
    case = smallest(found, shadow).finding.case
    assert [step.changes for step in case.steps] == [None]


def test_an_unreadable_setting_in_an_earlier_step_does_not_stand_in_the_way(
    tmp_path: Path,
) -> None:
    """It never came into force, so the step that shows the bug does without it."""
    document = two_entries()
    document["orders"][0]["regime_at_entry"] = 1
    fill = (2, 1, "X", "sell", 0.2, 25.0, 0.01, 1003.0)
    broken = Step((1, 1001.0), {"config": {"entry_pct": "x"}, "order_size_usd": None})
    shadow = faulty(tmp_path, "regime")
    # The shadow, somebody's module, takes such settings; that is a finding of its own.
    refused, found = findings(ours(), shadow, stream(broken, fill, start=document))
    assert refused.differences[0].path == "refusal"
    assert len(smallest(found, shadow).finding.case.steps) == 1


@pytest.mark.parametrize("attempts", [1, 2, 10, 50])
def test_it_stops_after_so_many_attempts_with_the_best_so_far(
    tmp_path: Path, attempts: int
) -> None:
    shadow = faulty(tmp_path, "price")
    found = findings(ours(), shadow, trading())[-1]
    minimised = smallest(found, shadow, max_attempts=attempts)
    assert minimised.attempts <= attempts
    assert len(minimised.finding.case.steps) == 1
    assert minimised.finding.signature == found.signature


def test_it_stops_when_its_time_is_up(tmp_path: Path) -> None:
    class Slow:
        depth = 1

        def __init__(self, inner: Target) -> None:
            self.inner, self.identity = inner, inner.identity
            self.submit, self.close = inner.submit, inner.close

        def collect(self) -> Any:
            time.sleep(0.01)
            return self.inner.collect()

    shadow = faulty(tmp_path, "price")
    found = findings(ours(), shadow, trading())[-1]
    began = time.monotonic()
    minimised = minimise(found, ours(), Slow(shadow), max_seconds=0.2)
    assert time.monotonic() - began < 0.6
    assert minimised is not None
    assert minimised.attempts < 40
    assert minimised.seconds >= 0.2


def test_a_core_that_remembers_keeps_the_steps_it_takes(tmp_path: Path) -> None:
    calls: list[tuple[float, ...]] = []
    for place in range(20):
        calls += [(0, 0.2, 1001.0 + place), (0, 0.2, 1001.1 + place)]
    calls[31:31] = [(1, 1500.0), (0, 0.2, 1501.0), (1, 1502.0)]
    shadow = remembering(tmp_path)
    found = findings(ours(), shadow, stream(*calls))
    assert {f.signature.field for f in found} == {"state.total_fees"}
    minimised = smallest(found[0], shadow)
    kept: list[Any] = [step.call for step in minimised.finding.case.steps]
    assert [call[0] for call in kept] == [1, 0, 1]
    # From a core that has seen none of the attempts.
    fresh = probe(ours(), remembering(tmp_path / "fresh"), minimised.finding.case, 1)
    assert [f.signature for f in fresh] == [found[0].signature]


def test_a_simpler_case_may_show_the_bug_at_an_earlier_step(tmp_path: Path) -> None:
    """What is simpler is then shorter as well, and has none of the steps after that one."""
    or_at_zero = THREE_IN_A_ROW.replace(
        '"TimerTick"):', '"TimerTick") or (_SEEN[-1], event.timestamp) == ("TimerTick", 0.0):'
    )
    assert or_at_zero != THREE_IN_A_ROW
    shadow = remembering(tmp_path, or_at_zero)
    found = findings(ours(), shadow, stream((1, 1001.0), (0, 0.2, 1001.5), (1, 1002.0)))
    assert [len(one.case.steps) for one in found] == [3]
    minimised = smallest(found[0], shadow)
    assert [step.call for step in minimised.finding.case.steps] == [(1, 0.0)]


def test_another_difference_that_stands_before_a_bug_is_taken_away(tmp_path: Path) -> None:
    switches = ("infinities-written-as-null", "fees-booked-twice")
    with closing(open_executable(str(executable(tmp_path, switches)))) as shadow:
        found = next(
            one for one in findings(ours(), shadow, trading()) if "fee" in str(one.signature)
        )
        minimised = smallest(found, shadow).finding
        state = minimised.case.start.state
        zeros = dict.fromkeys(("entry_price", "volume", "gross_profit", "fees", "net_profit"), 0.0)
        old: Document = {"cycle": 1, "trade_id": "A", "exit_price": math.inf, **zeros}
        assert isinstance(state, dict)
        hidden = minimised.case.start._replace(state={**state, "completed_cycles": [old, old]})
        case = replace(minimised.case, start=hidden)
        shown = probe(ours(), shadow, case, 1)
        assert shown
        assert shown[0].signature != found.signature, "else nothing is hidden"
        again = smallest(replace(minimised, case=case), shadow).finding
        assert (again.signature, again.case.start) == (found.signature, minimised.case.start)


def test_a_case_that_does_not_show_the_bug_gives_nothing(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, "fee")
    found = findings(ours(), shadow, trading())[0]
    assert minimise(found, ours(), ours()) is None
    other = replace(found, signature=Signature("FillEvent", "exit fill", "state.now", "value"))
    assert minimise(other, ours(), shadow) is None
    before = replace(found, case=replace(found.case, steps=found.case.steps[:1]))
    assert minimise(before, ours(), shadow) is None


@pytest.mark.parametrize("fault", ["fee", "price", "counter"])
def test_the_same_case_gives_the_same_bytes_each_time(tmp_path: Path, fault: str) -> None:
    shadow = faulty(tmp_path, fault)
    found = findings(ours(), shadow, trading())[0]
    first, second = smallest(found, shadow), smallest(found, shadow)
    assert as_bytes(first.finding.case) == as_bytes(second.finding.case)
    assert first.attempts == second.attempts
    other = smallest(found, faulty(tmp_path / "other", fault))
    assert as_bytes(other.finding.case) == as_bytes(first.finding.case)


def test_a_hang_is_met_a_few_times_and_still_becomes_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = executable(tmp_path, ())
    text, handler = file.read_text("utf-8"), '    if kind == "PriceTick":\n'
    assert text.count(handler) == 1
    hanging = f"{handler}        if math.isinf(event.price):\n            sys.stdin.read()\n"
    file.write_text(text.replace(handler, hanging), "utf-8")
    hangs: list[Finding] = []

    def counted(*arguments: Any, **more: Any) -> list[Finding]:
        found = probe(*arguments, **more)
        hangs.extend(one for one in found if one.signature.kind == FailureKind.TIMEOUT)
        return found

    monkeypatch.setattr(minimiser, "probe", counted)
    with closing(open_executable(str(file), limits=Limits(timeout=1.0))) as shadow:
        case = stream((0, 0.2, 1001.0), (1, 1002.0), (0, math.inf, 1003.0))
        *_, first = findings(ours(), shadow, case)
        minimised = smallest(first, shadow, max_seconds=math.inf)
    assert minimised.finding.signature == first.signature
    assert minimised.finding.case.steps[0].call == (0, math.inf, 1003.0)
    assert len(minimised.finding.case.steps) == 1
    assert 1 <= len(hangs) <= minimiser.MAX_HANGS


def test_minimising_again_changes_nothing(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, "fee")
    once = smallest(findings(ours(), shadow, trading())[0], shadow).finding
    assert as_bytes(smallest(once, shadow).finding.case) == as_bytes(once.case)


@pytest.mark.parametrize("part1_only", [False, True], ids=["part 2", "part 1"])
def test_either_side_may_be_the_executable(core_exe: str, tmp_path: Path, part1_only: bool) -> None:
    wrong = faulty(tmp_path, "regime")
    document = two_entries()
    document["orders"][0]["regime_at_entry"] = 1
    one = stream((1, 1001.0), (2, 1, "X", "sell", 0.2, 25.0, 0.01, 1002.0), start=document)
    executable = open_executable(core_exe, part1_only=part1_only)
    try:
        for authority, shadow in ((wrong, executable), (executable, wrong)):
            (found,) = findings(authority, shadow, one)
            minimised = minimise(found, authority, shadow)
            assert minimised is not None
            assert len(minimised.finding.case.steps) == 1
            assert size_of(minimised.finding.case) < 400
    finally:
        executable.close()


# --- Candidates -------------------------------------------------------------------------------


def test_a_document_of_a_case_can_be_made_a_case_again() -> None:
    one = stream(Step({"timestamp": 1.0}, {"patch": {"now": 1}}, 7), (1, 2.0), (6,))
    again = case_stream(case_document(one), one)
    assert again.start == one.start
    assert [step[:2] for step in again.steps] == [step[:2] for step in one.steps]
    assert again.origin == one.origin


@pytest.mark.parametrize(
    "value", ["some text", 12345, -3, 2**62, 0.1234567, -0.5, 1748623324.25, float("inf"), 1e-300]
)
def test_candidates_are_simpler_and_of_the_same_type(value: Any) -> None:
    candidates = list(simpler_values(value))
    assert candidates
    assert all(type(candidate) is type(value) for candidate in candidates)
    assert all(complexity(candidate) < complexity(value) for candidate in candidates)


@pytest.mark.parametrize("value", [0, 0.0, ""])
def test_the_simplest_values_have_no_candidates(value: Any) -> None:
    assert list(simpler_values(value)) == []


def test_replacing_and_taking_away_leave_the_document_as_it_was() -> None:
    document = case_document(stream((1, 1.0)))
    before = repr(document)
    changed = replaced(document, ("state", "orders", 0, "price"), 5.0)
    assert at(changed, ("state", "orders", 0, "price")) == 5.0
    fewer = without(document, ("state", "orders"), [0])
    assert [entry["local_id"] for entry in at(fewer, ("state", "orders"))] == [2]
    assert repr(document) == before


def test_the_code_of_a_call_is_never_changed_and_nothing_is_taken_out_of_it() -> None:
    document = case_document(stream((2, 1, "X", "sell", 0.2, 25.0, 0.01, 5.0)))
    paths = list(scalars(document))
    assert ("steps", 0, "call", 0) not in paths
    assert ("steps", 0, "call", 7) in paths
    assert ("steps", 0, "call") not in list(containers(document))


def test_times_are_moved_together() -> None:
    start = Start({"now": 1748623324.5, "cooldown_until_a": 0.0, "orders": []}, {}, 5.0)
    one = Stream(start, (Step((1, 1748623330.0)), Step({"timestamp": 1748623340.25})))
    moved = earlier(case_document(one))
    assert moved is not None
    assert moved["state"] == {"now": 0.5, "cooldown_until_a": 0.0, "orders": []}
    assert [step["call"] for step in moved["steps"]] == [[1, 6.0], {"timestamp": 16.25}]
    assert earlier(moved) is None
