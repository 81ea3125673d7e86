"""Mutants: deterministic, runnable, bounded, and really different."""

from collections import Counter
from itertools import islice
from typing import Any

import pytest

from replay.fuzzing.expand import expand, outcomes_of
from replay.fuzzing.mutate import MAX_STEPS, mutate
from replay.fuzzing.plan import Profile
from replay.fuzzing.plans import plans
from replay.fuzzing.scenarios import scenarios
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Start, Step, Stream
from replay.streams.packed import pack, unpack

STREAMS = [
    *scenarios(),
    *(expand(plan_of_seed(profile, seed)) for profile in Profile for seed in range(3)),
]


def _packed(stream: Stream) -> bytes:
    steps = [
        [list(step.call) if isinstance(step.call, tuple) else step.call, step.changes]
        for step in stream.steps
    ]
    return pack([list(stream.start), steps])


@pytest.mark.parametrize("seed", range(6))
def test_the_same_stream_seed_and_partner_give_the_same_mutant(seed: int) -> None:
    for place, stream in enumerate(STREAMS):
        other = STREAMS[place - 1]
        assert _packed(mutate(stream, other, seed)) == _packed(mutate(stream, other, seed))


def test_most_mutants_differ_from_their_stream_and_from_each_other() -> None:
    for stream in STREAMS:
        mutants = [_packed(mutate(stream, None, seed)) for seed in range(20)]
        assert len(set(mutants) - {_packed(stream)}) >= 12


def test_every_mutant_is_a_stream_that_can_be_run_and_put_on_the_wire() -> None:
    for place, stream in enumerate(STREAMS):
        for seed in range(8):
            mutant = mutate(stream, STREAMS[place - 3], seed)
            unpack(_packed(mutant))
            assert len(outcomes_of(mutant)) == len(mutant.steps)


def test_a_mutant_does_not_touch_what_it_was_made_of() -> None:
    for stream in STREAMS:
        before = _packed(stream)
        for seed in range(10):
            mutate(stream, STREAMS[0], seed)
        assert _packed(stream) == before


def test_steps_are_dropped_doubled_reordered_spliced_and_moved() -> None:
    stream = STREAMS[0]
    other = Stream(stream.start, tuple(Step((1, 1000.0 + i)) for i in range(9)))
    seen: Counter[str] = Counter()
    own = Counter(map(repr, stream.steps))
    foreign = {step.call for step in other.steps}
    for seed in range(400):
        mutant = mutate(stream, other, seed)
        now = Counter(map(repr, mutant.steps))
        seen["dropped"] += bool(own - now)
        seen["doubled"] += any(now[one] > own[one] for one in own)
        seen["spliced"] += any(step.call in foreign for step in mutant.steps)
        seen["reordered"] += now == own and mutant.steps != stream.steps
        seen["config"] += mutant.start.config != stream.start.config
        seen["start"] += mutant.start.state != stream.start.state
    assert all(seen[kind] > 10 for kind in seen), seen
    assert len(seen) == 6


def test_mutants_of_mutants_do_not_grow_without_end() -> None:
    stream = expand(next(islice(plans(Profile.LIVE, 1), 1)))
    for seed in range(60):
        stream = mutate(stream, stream, seed)
        assert len(stream.steps) <= MAX_STEPS


@pytest.mark.parametrize(
    "start",
    [Start(None, None, None, None), Start({}, {}, {}, []), Start([1], "x", 2**70, {"A": []})],
)
def test_a_stream_of_nonsense_or_of_nothing_can_be_mutated(start: Any) -> None:
    for steps in ((), (Step({}),), (Step((6,)), Step((1, None), {"config": None}))):
        for seed in range(40):
            mutate(Stream(start, steps), Stream(start, ()), seed)


def test_the_origin_says_that_it_is_a_mutant_once() -> None:
    stream = Stream(STREAMS[0].start, STREAMS[0].steps, "here")
    once = mutate(stream, None, 1)
    assert once.origin == "here mutated"
    assert mutate(once, None, 2).origin == "here mutated"
