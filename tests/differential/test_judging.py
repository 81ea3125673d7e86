"""Judging many steps at once gives what judging each by itself gives, whatever the cores answer."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from differential_makers import answers, generated, ours, stream, trading, two_entries

from replay.differential.conditions.condition import Condition
from replay.differential.judge import Answered, Judge
from replay.differential.model import Verdict
from replay.differential.outlines import Occurred
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.trail import Trail
from replay.differential.verdicts import judge, same_bytes
from replay.fuzzing.plan import Profile
from replay.streams.model import ORDERS, STATE_FIELDS, Segment, Step, Stream
from replay.targets.base import (
    MISSING,
    Failure,
    FailureKind,
    Outcome,
    Reply,
    StepResult,
    is_refusal,
)
from replay.targets.executable.batch_wire import checked_outcomes, guide_bytes

AGREEING = (Verdict.AGREE, Verdict.BOTH_REFUSE)
Told = list[tuple[int, Verdict, str]]


def one_by_one(one: Stream, outcomes: Sequence[Outcome], results: Sequence[StepResult]) -> Told:
    """The steps that differ, each worked out in full."""
    trail, told = Trail.of(one.start), []
    for place, (step, mine, its) in enumerate(zip(one.steps, outcomes, results, strict=True)):
        trail.set(step.changes or {})
        if not same_bytes(mine, its):
            verdict, differences, answer = judge(mine, its, trail.plain, trail.decimals)
            if verdict not in AGREEING:
                occurred = Occurred(
                    step.call, trail.plain, mine, answer, differences, trail.settings
                )
                told.append((place, verdict, occurred.signature().id))
        trail.follow(mine)
    return told


def at_once(judge_of_all: Judge, one: Stream, outcomes: Sequence[Outcome], results: Reply) -> Told:
    """The same by the one who remembers what was met before."""
    segment = Segment(0, one.start, one.steps, True, one.origin)
    blob = None if results.blob is None else guide_bytes(outcomes)
    answered = Answered(segment, one.start.config, outcomes, blob)
    judged = judge_of_all.judge_all(answered, results, Trail.of(one.start))
    assert judged.verdicts().total() == len(one.steps)
    assert judged.verdicts()[Verdict.BOTH_REFUSE] <= sum(map(is_refusal, outcomes))
    full = [different.place for different in judged.told]
    assert full == sorted(full)
    return [(place, known.verdict, known.bucket.id) for place, known in judged.met]


def as_values(results: Sequence[StepResult]) -> Reply:
    """The reply of a core that answers values."""
    return Reply(None, list(results))


def as_bytes(results: Sequence[StepResult]) -> Reply:
    """The reply of an executable. Where it fails it has none; then there is nonsense instead."""
    outcomes = [["?"] if isinstance(one, Failure) else one for one in results]
    return Reply(guide_bytes(outcomes), _decode=checked_outcomes)


# --- What a shadow may answer -------------------------------------------------------------------

ODD_VALUES: tuple[Any, ...] = (
    *(0.0, -0.0, math.nan, math.inf, 1.0, 1, True, False, None, "", "x", 2**70, 0.1 + 0.2),
    *([], [1], [[]], {}, {"a": math.nan}, MISSING),
)
TEXTS = ("duplicate order local_id", "cycle counters must be >= 1", "S0 must be one \x00 thing")

Fault = Callable[[random.Random, Outcome], StepResult]


def some_field(choices: random.Random, outcome: Outcome) -> StepResult:
    """Another value in one of the fields that the delta names."""
    delta = list(outcome[0])
    if delta:
        delta[2 * choices.randrange(len(delta) // 2) + 1] = choices.choice(ODD_VALUES)
    return [delta, *outcome[1:]]


def figure_of_field(index: int) -> Fault:
    """A field that is named each time, with another figure each time."""

    def fault(choices: random.Random, outcome: Outcome) -> StepResult:
        named = dict(zip(outcome[0][::2], outcome[0][1::2], strict=True))
        former = named.get(index)
        base = former if type(former) is float else 1.0
        named[index] = choices.choice((base + 1e-9, -base, base * 2.0, math.nextafter(base, 9.0)))
        return [[part for pair in sorted(named.items()) for part in pair], *outcome[1:]]

    return fault


def fields_left_out(choices: random.Random, outcome: Outcome) -> StepResult:
    """A delta that names fewer fields."""
    named = list(zip(outcome[0][::2], outcome[0][1::2], strict=True))
    kept = [pair for pair in named if choices.random() < 0.5]
    return [[part for pair in kept for part in pair], *outcome[1:]]


def equal_all_the_same(choices: random.Random, outcome: Outcome) -> StepResult:
    """Other bytes, but no other values: ints for doubles, -0.0 for 0.0, tuples for lists."""
    delta = [
        int(value) if type(value) is float and value.is_integer() and 0 < value < 2**53 else value
        for value in outcome[0]
    ]
    delta = [-0.0 if value == 0.0 and type(value) is float else value for value in delta]
    return [delta, list(map(tuple, outcome[1])), outcome[2]]


def bools_for_numbers(choices: random.Random, outcome: Outcome) -> StepResult:
    delta = list(outcome[0])
    delta[1::2] = [value == 1 if value in (0, 1) else value for value in delta[1::2]]
    return [delta, *outcome[1:]]


def acts(choices: random.Random, outcome: Outcome) -> StepResult:
    """An action too many, or none."""
    cancel = [1, choices.randrange(99), "T", choices.choice(("stale_entry", "x"))]
    return [outcome[0], choices.choice(([], [cancel], [cancel, cancel])), outcome[2]]


def violates(choices: random.Random, outcome: Outcome) -> StepResult:
    return [*outcome[:2], [choices.choice(TEXTS) for _ in range(choices.randrange(3))]]


def refuses(choices: random.Random, outcome: Outcome) -> StepResult:
    return [choices.choice(("arithmetic", "unreadable", "error")), choices.choice(("", "now"))]


def fails(choices: random.Random, outcome: Outcome) -> StepResult:
    return Failure(choices.choice((FailureKind.TIMEOUT, FailureKind.REFUSED)), "x")


def spoils_orders(choices: random.Random, outcome: Outcome) -> StepResult:
    """Orders that nobody has changed, with another figure, or one too few."""
    named = dict(zip(outcome[0][::2], outcome[0][1::2], strict=True))
    order = (1, "sell", "entry", 0.2 + choices.random(), 25.0, "A", 1, "", 0.0, 0.0, 0.0, 0.0, None)
    named[ORDERS] = choices.choice(([], [list(order)], [order, order], [order[:5]], 5))
    return [[part for pair in sorted(named.items()) for part in pair], *outcome[1:]]


FAULTS: dict[str, Fault] = {
    **{f"another {STATE_FIELDS[i]}": figure_of_field(i) for i in (0, 1, 5, 9, 15, 18, 23, 27, 29)},
    **{
        fault.__name__: fault
        for fault in (
            *(some_field, fields_left_out, equal_all_the_same, bools_for_numbers, acts),
            *(violates, refuses, fails, spoils_orders),
        )
    },
}


def streams() -> list[Stream]:
    ticks = [(0, 0.2 + step / 1e5, 1001.0 + step) if step % 3 else (1, 1001.0 + step)
             for step in range(60)]  # fmt: skip
    odd = [Step((1, 2000.0), {"patch": {"cycle_a": None}}), (0, "x", 1.0), {"timestamp": 2001.0}]
    hostile = generated(Profile.HOSTILE, range(3))
    live = generated(Profile.LIVE, range(2))
    return [stream(*ticks, *odd, *ticks), trading(), *live, *hostile]


@pytest.fixture(scope="module")
def answered() -> list[tuple[Stream, list[Outcome]]]:
    return [(one, answers(ours(), one)) for one in streams()]


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize("often", [1.0, 0.5], ids=["every step", "every other"])
@pytest.mark.parametrize("replied", [as_values, as_bytes])
def test_a_flood_is_told_as_each_of_its_steps(
    answered: list[tuple[Stream, list[Outcome]]],
    name: str,
    often: float,
    replied: Callable[[Sequence[StepResult]], Reply],
) -> None:
    choices = random.Random(f"{name} {often}")
    remembering = Judge(NO_ROUTING)
    told = 0
    for one, outcomes in answered:
        results = [
            FAULTS[name](choices, outcome)
            if choices.random() < often and not is_refusal(outcome)
            else outcome
            for outcome in outcomes
        ]
        reply = replied(results)
        expected = one_by_one(one, outcomes, reply.results)
        assert at_once(remembering, one, outcomes, replied(results)) == expected
        told += len(expected)
    assert (told > 0) is (name != "equal_all_the_same")
    assert sum(bucket.times for bucket in remembering.buckets.values()) == told


@pytest.mark.parametrize("replied", [as_values, as_bytes])
def test_faults_that_alternate_are_told_apart_at_each_step(
    answered: list[tuple[Stream, list[Outcome]]],
    replied: Callable[[Sequence[StepResult]], Reply],
) -> None:
    choices = random.Random(4)
    remembering = Judge(NO_ROUTING)
    for one, outcomes in answered:
        results = [
            outcome
            if is_refusal(outcome)
            else choices.choice(list(FAULTS.values()))(choices, outcome)
            for outcome in outcomes
        ]
        expected = one_by_one(one, outcomes, replied(results).results)
        assert at_once(remembering, one, outcomes, replied(results)) == expected
    assert len(remembering.buckets) > 20


def test_an_authority_that_refuses_is_told_as_each_of_its_steps() -> None:
    """The shadow answers what the authority refuses, or refuses it in another way."""
    one = stream(*((1, 1001.0 + step) for step in range(40)))
    outcomes = [["unreadable", "cycle_a"] if step % 2 else ["error", "no"] for step in range(40)]
    choices = random.Random(3)
    results: list[StepResult] = [
        choices.choice(
            (
                [[1, float(step)], [], []],
                ["unreadable", "now"],
                ["unreadable", "cycle_a"],
                ["error", ""],
            )
        )
        for step in range(40)
    ]
    expected = one_by_one(one, outcomes, results)
    for reply in (as_values(results), as_bytes(results)):
        assert at_once(Judge(NO_ROUTING), one, outcomes, reply) == expected


def test_a_split_by_a_figure_is_asked_at_each_step_of_a_flood() -> None:
    """What somebody has split off by a figure must not go with the others that look alike."""
    one = stream(*((0, 0.2, 1001.0 + step) for step in range(50)), start=two_entries())
    outcomes = answers(ours(), one)
    results = [figure_of_field(29)(random.Random(1), outcome) for outcome in outcomes]
    (identity,) = {identity for _, _, identity in one_by_one(one, outcomes, results)}
    split = Routing({identity: (("late", Condition.parse("call.timestamp >= 1030")),)}, {})
    told = at_once(Judge(split), one, outcomes, as_bytes(results))
    late = {identity for place, _, identity in told if place >= 29}
    assert [identity for _, _, identity in told[:29]] == [identity] * 29
    assert len(late) == 1
    assert identity not in late
