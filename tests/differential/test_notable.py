"""Which steps are notable: told from outcomes, and noted by the Python core as it goes."""

from __future__ import annotations

from itertools import islice

from replay.differential.lockstep import Lockstep, Settled
from replay.differential.notable import notable_steps
from replay.fuzzing.campaign_units import Mix, units
from replay.fuzzing.generate import run_source
from replay.streams.model import Step, Stream
from replay.targets.python.module import open_python_target


def settled(mix: Mix, count: int) -> list[Settled]:
    """What a lockstep tells of generated streams."""
    lockstep = Lockstep(open_python_target("python"), open_python_target("python"))
    told: list[Settled] = []
    lockstep.on_settled = told.append
    for unit in islice(units(mix, 11, (), _no_corpus), count):
        start, source = unit.open()
        run_source(lockstep, unit.number, start, source, unit.origin)
    lockstep.finish()
    return told


def _no_corpus(stream: str) -> Stream:
    raise LookupError(stream)


def test_the_core_notes_the_same_steps_as_its_outcomes_tell() -> None:
    seen = 0
    for one in settled(Mix.ALL, 24):
        steps = one.segment.steps
        told = notable_steps(steps, one.codes, one.outcomes)
        # The core may note a step more where a NaN stands in the state, never one less.
        assert set(told) <= set(one.notable)
        more = set(one.notable) - set(told)
        assert all(one.outcomes[place][1] == [] for place in more)
        seen += len(told)
    assert seen > 500


def test_a_tick_that_moves_price_and_time_is_not_notable_whatever_it_names_of_them() -> None:
    quiet = [[], [0, 1.0], [1, 1.0], [15, 1.0], [0, 1.0, 1, 1.0], [0, 1.0, 15, 1.0],
             [1, 1.0, 15, 1.0], [0, 1.0, 1, 1.0, 15, 1.0]]  # fmt: skip
    steps = [Step((0, 1.0, 1.0))] * len(quiet)
    assert notable_steps(steps, [0] * len(quiet), [[delta, [], []] for delta in quiet]) == []


def test_all_else_is() -> None:
    moved = [[2, []], [1, 1.0, 14, 5.0], [1, 1.0, 2, [], 15, 1.0], [2, [], 15, 1.0],
             [14, None, 15, 1.0], [16, 1], [0, 1.0, 1, 1.0, 2, [], 15, 1.0]]  # fmt: skip
    tick = Step((0, 1.0, 1.0))
    for delta in moved:
        assert notable_steps([tick], [0], [[delta, [], []]]) == [0], delta
    assert notable_steps([tick], [0], [[[], [[1, 2, "T", "why"]], []]]) == [0]
    assert notable_steps([tick], [0], [["arithmetic", ""]]) == [0]
    assert notable_steps([Step((0, 1.0, 1.0), {"config": {}})], [0], [[[], [], []]]) == [0]
    assert notable_steps([Step((6,))], [6], [[[], [], []]]) == [0]
    assert notable_steps([Step({"price": 1.0})], [-1], [[[], [], []]]) == [0]
