"""What was exercised is counted exactly, adds up, and calls independent only what is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from replay.differential.conditions.facts import phase_of
from replay.differential.lockstep import Lockstep, Settled
from replay.differential.signature.signature import rule_at_work
from replay.differential.trail import walk
from replay.differential.uncompared import is_uncompared
from replay.fuzzing.campaign_units import Mix, units
from replay.fuzzing.generate import run_source
from replay.runs.coverage import MAX_ACTIONS, OTHERS, Exercised, call_name_of
from replay.runs.coverage_counter import Exercising
from replay.streams.corpus import Corpus
from replay.streams.model import CallCode, Document, Segment, Start, Step, Stream, code_of_document
from replay.targets.base import Work, is_refusal
from replay.targets.compact import apply_delta, blank
from replay.targets.python.module import open_python_target

SHIPPED = Corpus(Path(__file__).parents[2] / "corpus")
STATE: dict[str, Document] = {
    "market_price": 0.19, "now": 1000.0, "next_order_id": 3,
    "orders": [
        {"local_id": 1, "side": "buy", "role": "entry", "price": 0.19, "volume": 20.0,
         "trade_id": "B", "cycle": 1},
        {"local_id": 2, "side": "sell", "role": "exit", "price": 0.25, "volume": 20.0,
         "trade_id": "B", "cycle": 1, "entry_price": 0.2},
    ],
}  # fmt: skip
START = Start(STATE, {"entry_pct": 1.0}, 5.0, None)


def exercise(
    *streams: Stream, draw: str | None = "here", different: Sequence[tuple[int, str]] = ()
) -> Exercised:
    """Runs streams with a core against itself; `different` stands for what else was found."""
    lockstep = Lockstep(open_python_target("python"), open_python_target("python"))
    exercising = Exercising(lambda segment: draw)
    lockstep.on_settled = lambda settled: exercising.take(settled._replace(different=different))
    for key, stream in enumerate(streams):
        lockstep.feed(Segment(key, stream.start, stream.steps, True, ""))
    lockstep.finish()
    return exercising.hand_over()


def tick(time: float, price: float = 0.1901) -> Step:
    return Step((0, price, time))


def fill(local_id: int, time: float) -> Step:
    return Step((2, local_id, "T", "buy", 0.19, 20.0, 0.1, time))


# --- What was met -----------------------------------------------------------------------------


def by_hand(stream: Stream) -> tuple[Counter[Any], Counter[Any]]:
    """Where each step met the reducer and which of them acted, from whole states."""
    core = open_python_target("python")
    core.submit(Work(1, stream.start, stream.steps, True))
    outcomes: Any = core.collect().results
    met: Counter[Any] = Counter()
    acted: Counter[Any] = Counter()
    due = True
    states = [plain for plain, *_ in walk(stream.start, None, stream.steps, outcomes)]
    for before, step, outcome in zip(states, stream.steps, outcomes, strict=True):
        code = step.call[0] if isinstance(step.call, tuple) else code_of_document(step.call)
        place = (
            int(len(CallCode) if code is None else code),
            phase_of(before) or "?",
            rule_at_work(step.call, before),
        )
        due = due or (step.changes is not None and bool({"state", "patch"} & set(step.changes)))
        if is_uncompared(outcome, outcome):
            continue
        met[place] += 1
        if is_refusal(outcome):
            continue
        after = blank() if before is None else list(before)
        apply_delta(after, outcome[0])
        moved = before is None or any(
            repr(one) != repr(other)
            for place_, (one, other) in enumerate(zip(before, after, strict=True))
            if place_ not in (0, 1, 15)
        )
        if outcome[1] or (moved and not due):
            acted[place] += 1
        due = False
    return met, acted


@pytest.mark.parametrize("seed", [7, 8])
def test_generated_streams_of_all_profiles_are_counted_as_by_hand(seed: int) -> None:
    lockstep = Lockstep(open_python_target("python"), open_python_target("python"))
    exercising = Exercising()
    lockstep.on_settled = exercising.take
    kinds: set[str] = set()
    row = units(Mix.ALL, seed, SHIPPED.streams(), SHIPPED.read)
    for unit in islice(row, 40):
        start, source = unit.open()
        stream = run_source(lockstep, unit.number, start, source, unit.origin).stream
        lockstep.finish()
        counted = exercising.hand_over()
        met, acted = by_hand(stream)
        assert counted.met == met, unit.origin
        assert counted.acted == acted, unit.origin
        kinds |= {rule for _, _, rule in counted.met}
    assert len(kinds) > 8


def test_actions_refusals_and_configurations_are_counted() -> None:
    steps = (
        fill(1, 1001.0),
        Step((0, 0.2, 1002.0), {"config": {"entry_pct": 2.0}}),
        Step((0, "no number", 1003.0)),
        Step({}),
    )
    counted = exercise(Stream(START, steps))
    assert counted.actions == {("PlaceOrderAction", "exit entry_fill_exit"): 1}
    assert counted.refused == {(0, "unreadable"): 1, (len(CallCode), "unknown_event"): 1}
    assert len(counted.configurations) == 2
    assert call_name_of(len(CallCode)) == "unknown event"


def test_many_kinds_of_action_are_counted_together() -> None:
    counted = Exercised()
    for number in range(MAX_ACTIONS + 10):
        counted.count_action(("CancelOrderAction", f"reason {number}"), 2)
    counted.count_action(("CancelOrderAction", "reason 1"))
    assert len(counted.actions) == MAX_ACTIONS + 1
    assert counted.actions[OTHERS] == 20
    assert counted.actions["CancelOrderAction", "reason 1"] == 3


def test_what_odd_cores_answer_is_counted_and_does_no_harm() -> None:
    odd: list[Any] = [5, None, "orders", [5], [[1]], [["a", "b"]], [[{}, [], ()]]]
    for value in odd:
        exercising = Exercising(lambda segment: "odd")
        outcomes: list[Any] = [
            [[1, 1.0, 2, value, 3, value], [value, [9], [0], {}], []],
            [[], [], []],
        ]
        steps = [fill(1, 1.0), Step((3, 1, "T", "buy", 1.0, 1.0, 0.0, 1.0))]
        segment = Segment(1, START, steps, True, "")
        exercising.take(Settled(segment, [2, 3], outcomes, [0, 1], []))
        counted = exercising.hand_over()
        assert counted.steps == 2
        assert counted.actions["no action", ""] >= 1


# --- What is independent ----------------------------------------------------------------------


def test_ticks_that_change_nothing_count_once() -> None:
    counted = exercise(Stream(START, tuple(tick(1000.0 + n) for n in range(50))))
    # The first shows what was set from outside.
    assert counted.independent == {0: 2}
    assert counted.met.total() == 50


def test_after_each_change_ticks_count_anew() -> None:
    steps = (tick(1001.0), tick(1002.0), fill(1, 1003.0), tick(1004.0), tick(1005.0))
    assert exercise(Stream(START, steps)).independent == {0: 3, 2: 1}


def test_what_is_set_from_outside_is_a_change() -> None:
    steps = (tick(1001.0), tick(1002.0), Step((0, 0.1901, 1003.0), {"order_size_usd": 7.0}))
    assert exercise(Stream(START, (*steps, tick(1004.0)))).independent == {0: 3}


def test_refusals_of_numbers_for_one_reason_count_once() -> None:
    start = START._replace(state={**STATE, "next_order_id": 2**63 - 1})
    counted = exercise(Stream(start, tuple(fill(1, 1001.0 + n) for n in range(5))))
    assert counted.refused == {(2, "arithmetic"): 5}
    assert counted.independent == {2: 1}


def test_a_step_that_nobody_could_read_is_in_no_bound_and_not_exercised() -> None:
    unread = tuple(Step((2, 1, "X", "buy", 0.2, "much", 0.0, 1001.0 + n)) for n in range(5))
    counted = exercise(Stream(START, (tick(1000.0), *unread, tick(1010.0))))
    assert counted.refused == {(2, "unreadable"): 5}
    assert counted.independent == {0: 2}
    assert counted.steps == 2
    assert [bound.call for bound in counted.bounds()] == [0]
    assert counted.met.total() == 2


def test_a_stream_that_says_nothing_new_is_exercised_but_not_independent() -> None:
    counted = exercise(Stream(START, (tick(1001.0), fill(1, 1002.0))), draw=None,
                       different=[(1, "d-00000001")])  # fmt: skip
    assert counted.steps == 2
    assert not counted.independent
    assert not counted.draws
    assert not counted.differed
    assert counted.bounds() == []


def test_divergences_count_as_often_as_the_steps_they_are_on() -> None:
    """A flood on quiet ticks is one of one; two findings on a step are two, but no more than it."""
    ticks = tuple(tick(1001.0 + n) for n in range(20))
    flood = [(place, "d-00000001") for place in range(1, 20)]
    counted = exercise(Stream(START, ticks), different=flood)
    assert counted.differed == {(0, "d-00000001"): 1}
    (bound,) = counted.bounds()
    assert (bound.steps, bound.differed, bound.draws, bound.differed_draws) == (2, 1, 1, 1)
    two = [(place, name) for place in range(20) for name in ("d-00000001", "d-00000002")]
    (bound,) = exercise(Stream(START, ticks), different=two).bounds()
    assert (bound.steps, bound.differed, bound.per_step) == (2, 2, 1.0)


def test_what_is_explained_is_no_divergence_to_a_bound() -> None:
    steps = (tick(1001.0), fill(1, 1002.0))
    counted = exercise(Stream(START, steps), different=[(1, "d-00000001")])
    by_call = {bound.call: bound for bound in counted.bounds()}
    assert (by_call[0].differed, by_call[2].differed) == (0, 1)
    by_call = {bound.call: bound for bound in counted.bounds({"d-00000001"})}
    assert by_call[2].differed == by_call[2].differed_draws == 0
    assert by_call[2].per_step == pytest.approx(0.95)


def test_streams_of_one_draw_are_one_draw() -> None:
    stream = Stream(START, (tick(1001.0), fill(1, 1002.0)))
    counted = exercise(stream, stream, stream)
    assert counted.draws == {"here": 0b101}
    assert [bound.draws for bound in counted.bounds()] == [1, 1]


def test_parts_add_up_to_the_whole_however_it_is_cut() -> None:
    lockstep = Lockstep(open_python_target("python"), open_python_target("python"))
    told: list[Settled] = []
    lockstep.on_settled = told.append
    for unit in islice(units(Mix.ALL, 3, SHIPPED.streams(), SHIPPED.read), 16):
        start, source = unit.open()
        run_source(lockstep, unit.number, start, source, unit.origin)
    lockstep.finish()
    told = [one._replace(different=[(0, "d-1"), (3, "d-2")][: len(one.codes)]) for one in told]

    def whole(cut: int) -> Exercised:
        exercising = Exercising(lambda segment: f"draw {segment.key // 3}")
        total = Exercised()
        for number, settled in enumerate(told):
            exercising.take(settled)
            if number % cut == 0:
                total.add(exercising.hand_over())
        total.add(exercising.hand_over())
        return total

    assert whole(1) == whole(5) == whole(10**9)
    assert whole(1).differed
