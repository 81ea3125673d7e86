"""What both cores refuse unread is counted as that, and is evidence of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from differential_makers import answers, copy_of_core, faulty, ours, stream, trading, two_entries
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Signature, Verdict
from replay.differential.probing import NO_STEPS, probe_case
from replay.differential.tally import Tally
from replay.differential.uncompared import (
    MAX_REASONS,
    OTHER_REASONS,
    is_uncompared,
    reasons_lines,
    settles,
    why_refused,
)
from replay.differential.verdicts import judge
from replay.errors import ExitCode
from replay.runs.coverage_counter import Exercising
from replay.runs.report import Check, Report
from replay.streams.model import Start, Step, Stream, segments_of
from replay.targets.base import CoreIdentity, Outcome, Target
from replay.targets.executable.handshake import open_executable
from replay.targets.python.module import open_python_target

NOBODY = CoreIdentity("python", "python", "0", "0", "0")
UNREAD: Sequence[Step] = (
    Step({"price": "0.053", "timestamp": 1001.0}),
    Step({"nothing": 1}),
    Step((0, None, 1002.0)),
    Step((2, 1, "X", "neither", 0.2, 25.0, 0.01, 1001.0)),
    Step((1, "now")),
    Step((1, 1003.0), {"config": {"entry_pct": []}}),
    Step((1, 1003.0), {"patch": {"cycle_a": "one"}}),
    Step((6,), {"patch": {"orders": 5}}),
)
"""Steps that every core refuses, and that change nothing for those after them."""


def reported(authority: Target, shadow: Target, *streams: Stream) -> Report:
    """What a run of these streams, each drawn by itself, comes to; its canary was found."""
    report = Report("run", NOBODY, NOBODY, canary=Check(True), control=Check(True))
    lockstep = Lockstep(authority, shadow)
    lockstep.tally = report.tally
    exercising = Exercising(lambda segment: str(segment.key))
    lockstep.on_settled = exercising.take
    found = []
    for key, one in enumerate(streams):
        found += run_stream(lockstep, segments_of(one, key, 7))
    report.exercised.add(exercising.hand_over())
    report.misses += [finding.id for finding in found]
    return report


@pytest.mark.parametrize(
    ("authority", "shadow", "uncompared"),
    [
        ([[], [], []], [[], [], []], False),
        (["arithmetic", ""], ["arithmetic", ""], False),
        (["unreadable", "event.price"], ["unreadable", "event.price"], True),
        (["unknown_event", "event"], ["unknown_event", "event"], True),
        (["arithmetic", ""], ["error", "cannot parse"], True),
        (["error", "ValueError: no"], ["arithmetic", ""], True),
        (["error", "ValueError: no"], ["error", "no"], True),
        (["unmade", "event is no object"], [[], [], []], True),
        ([[], [], []], ["unmade", "event is no object"], True),
    ],
)
def test_only_what_both_computed_is_evidence(
    authority: Outcome, shadow: Outcome, uncompared: bool
) -> None:
    assert is_uncompared(authority, shadow) is uncompared


@pytest.mark.parametrize("answer", [[[], [], []], ["unreadable", "config"], ["error", "no"]])
def test_a_module_that_was_never_asked_diverges_from_nothing_and_fails_nobody(
    answer: Outcome,
) -> None:
    unmade: Outcome = ["unmade", "EngineConfig: config is no object"]
    for authority, shadow in ((unmade, answer), (answer, unmade)):
        assert judge(authority, shadow, None, 6)[:2] == (Verdict.BOTH_REFUSE, ())
    assert "so it was not asked: EngineConfig: config" in why_refused(unmade, UNREAD[0], {})


def test_a_run_in_which_both_refuse_everything_proves_nothing() -> None:
    report = reported(ours(), ours(), stream(*UNREAD))
    tally = report.tally
    assert +tally.verdicts == {Verdict.BOTH_REFUSE: len(UNREAD)}
    assert tally.compared == 0
    assert tally.uncompared.total() == len(UNREAD)
    assert report.exit_code is ExitCode.PROVES_NOTHING
    assert report.bounds() == []
    assert report.exercised.steps == 0


def test_each_refused_step_is_counted_by_what_is_wrong_with_it() -> None:
    reasons = reported(ours(), ours(), stream(*UNREAD)).tally.uncompared
    assert reasons == {
        "event.price is a text": 1,
        "the event is of no kind": 1,
        "event.price is null": 1,
        "event.side is a text": 1,
        "event.timestamp is a text": 1,
        "config.entry_pct is a list": 1,
        "cycle_a is a text": 1,
        "orders cannot be read": 1,
    }


def test_a_state_that_cannot_be_read_is_named_by_the_field_in_it() -> None:
    document = two_entries()
    document["orders"][1]["volume"] = "25"
    one = Stream(Start(document, {}, 5.0), (Step((1, 1001.0)),))
    assert reported(ours(), ours(), one).tally.uncompared == {"orders[].volume is a text": 1}


@pytest.mark.parametrize("path", ["", "orders[", "orders[99].x", "event", "a.b.c", "config", "[]"])
def test_any_path_of_any_core_has_words(path: str) -> None:
    why = why_refused(["unreadable", path], Step({"price": 1}), {"state": [], "config": 5})
    assert why.strip()
    assert why.isprintable()


def test_numbers_that_both_compute_to_be_out_of_range_are_evidence() -> None:
    start = Start(two_entries(next_order_id=2**63 - 1), {}, 5.0)
    fill = Step((2, 1, "X", "sell", 0.2, 25.0, 0.01, 1001.0))
    report = reported(ours(), ours(), Stream(start, (fill,)))
    assert +report.tally.verdicts == {Verdict.BOTH_REFUSE: 1}
    assert report.tally.compared == 1
    assert not report.tally.uncompared
    assert report.exit_code is ExitCode.CLEAN


def test_a_module_says_where_it_cannot_go_on_and_agrees_with_who_does_not(
    tmp_path: Path, core_exe: str
) -> None:
    """The place is for telling two bugs of one module apart; the contract knows of none."""
    replaced = ("def transition(", "def transition (")
    module = open_python_target(copy_of_core(tmp_path, "reducer.py", *replaced))
    start = Start(two_entries(next_order_id=2**63 - 1), {}, 5.0)
    fill = Step((2, 1, "X", "sell", 0.2, 25.0, 0.01, 1001.0))
    executable = open_executable(core_exe)
    try:
        for pair in ((module, executable), (executable, module), (module, ours())):
            report = reported(*pair, Stream(start, (fill, Step((1, 1002.0)))))
            assert +report.tally.verdicts == {Verdict.BOTH_REFUSE: 1, Verdict.AGREE: 1}
            assert report.tally.compared == 2
            assert report.misses == []
    finally:
        executable.close()
    ((kind, place), _) = answers(module, Stream(start, (fill, Step((1, 1002.0)))))
    assert kind == "arithmetic"
    assert place.partition(" in ")[2].isidentifier()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(UNREAD)), min_size=1, max_size=30),
    st.booleans(),
)
def test_more_of_what_both_refuse_never_makes_a_run_softer_or_its_bounds_better(
    refused: list[tuple[int, Step]], among_others: bool
) -> None:
    base = trading()
    steps = list(base.steps)
    for place, step in refused if among_others else ():
        steps.insert(min(place, len(steps)), step)
    more = [Stream(base.start, tuple(steps))]
    if not among_others:
        more.append(Stream(base.start, tuple(step for _, step in refused)))
    alone, beside = reported(ours(), ours(), base), reported(ours(), ours(), *more)
    assert beside.exit_code is alone.exit_code
    assert beside.tally.compared == alone.tally.compared
    assert beside.bounds() == alone.bounds()
    assert beside.exercised.met == alone.exercised.met
    assert beside.exercised.configurations == alone.exercised.configurations


def test_what_is_refused_does_not_hide_a_divergence_beside_it(tmp_path: Path) -> None:
    base = trading()
    shadow = faulty(tmp_path, "fee")
    alone = reported(ours(), shadow, base)
    refused = UNREAD[-2:]  # a module of somebody's reads states, and nothing else
    beside = reported(ours(), shadow, Stream(base.start, (*refused, *base.steps, *refused)))
    assert alone.exit_code is beside.exit_code is ExitCode.DIVERGENCE
    assert alone.misses == beside.misses


def test_however_many_reasons_there_are_they_are_told_apart_up_to_a_limit() -> None:
    tally, other = Tally(), Tally()
    for number in range(MAX_REASONS + 5):
        other.count_uncompared(f"reason {number}")
    tally.add(other)
    tally.count_uncompared("one more", 3)
    assert len(tally.uncompared) == MAX_REASONS + 1
    assert tally.uncompared[OTHER_REASONS] == 8
    # What says nothing stands last, however much it is.
    assert all(OTHER_REASONS not in line for line in reasons_lines(tally.uncompared)[:-1])


def signature(kind: str, *, failure: bool = False) -> Signature:
    return Signature("FillEvent", "entry fill", "", kind, failure)


def test_a_case_that_both_refuse_now_is_no_sign_that_its_finding_is_gone() -> None:
    base = trading()
    probed = probe_case(ours(), ours(), Stream(base.start, (*base.steps[:3], UNREAD[0])))
    assert probed.uncompared == "event.price is a text"
    assert not probed.is_gone(signature("value"), same_authority=True)
    for told in (signature("refusal"), signature("timeout", failure=True)):
        assert probed.is_gone(told, same_authority=True)
        # Another authority may refuse it for another reason.
        assert not probed.is_gone(told, same_authority=False)
    agreed = probe_case(ours(), ours(), base)
    assert agreed.is_gone(signature("value"), same_authority=False)


def test_what_earlier_steps_of_a_case_show_does_not_keep_its_finding_alive(tmp_path: Path) -> None:
    base = trading()
    shadow = faulty(tmp_path, "fee")
    probed = probe_case(ours(), shadow, base)
    (first, *_) = probed.found
    at = len(first.case.steps)
    assert at < len(base.steps)
    other = signature("value")
    assert first.signature != other
    assert probed.is_gone(other, same_authority=True)
    assert not probed.is_gone(first.signature, same_authority=True)
    until = probe_case(ours(), shadow, Stream(base.start, base.steps[:at]))
    assert not until.is_gone(other, same_authority=True)


def test_a_case_without_steps_shows_nothing() -> None:
    probed = probe_case(ours(), ours(), Stream(trading().start, ()))
    assert probed.uncompared == NO_STEPS
    assert not probed.is_gone(signature("value"), same_authority=True)
    assert not settles(signature("value"), NO_STEPS)
