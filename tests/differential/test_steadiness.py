"""Whether cases come out alike: all together on a few pairs of cores, alone where they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from differential_makers import CONFIG, NOW, ours

from replay.differential.model import Signature
from replay.differential.steadiness import PAIRS, TIMES, Asked, ask_again, ask_together
from replay.explaining.evidence.kept import ask_kept
from replay.explaining.evidence.passages import Witness
from replay.streams.model import Start, Step, Stream
from replay.targets.base import Failure, FailureKind, Reply, StepResult, Target, Work

Answer = Callable[[float, list[float]], float]
"""What a shadow adds to the time of a tick, by that time and those that it was asked before."""


@dataclass
class Ticking:
    """A shadow that adds something to the time of each tick, or fails."""

    answer: Answer
    failing: float = -1.0
    inner: Target = field(default_factory=ours)
    asked: list[float] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def submit(self, work: Work) -> None:
        call: Any = work.steps[0].call
        self.asked.append(call[1])
        self.inner.submit(work)

    def collect(self) -> Reply:
        reply = self.inner.collect()
        at = self.asked[-1]
        if at == self.failing and len(self.asked) > 1:
            return Reply(None, [Failure(FailureKind.EXITED, "died")])
        more = self.answer(at, self.asked[:-1])
        result: StepResult = reply.results[0]
        assert isinstance(result, list)
        delta = list(result[0])
        delta[delta.index(1) + 1] += more
        return Reply(None, [[delta, *result[1:]]])

    def close(self) -> None:
        self.inner.close()


class Opening:
    """Opens pairs of cores, and counts them."""

    def __init__(self, answer: Answer, failing: float = -1.0) -> None:
        self._answer, self._failing = answer, failing
        self.opened = 0

    def __call__(self) -> tuple[Target, Target]:
        self.opened += 1
        return ours(), Ticking(self._answer, self._failing)


WRONG = Signature("TimerTick", "price and time", "state.now", "value")


def case(at: float) -> Stream:
    """A timer tick, which the shadow above gets wrong."""
    return Stream(Start({"market_price": 0.2, "now": NOW}, CONFIG, 5.0), (Step((1, at)),), "case")


CASES = [(case(NOW + at), WRONG) for at in range(1, 31)]


def together(opening: Opening) -> list[Asked]:
    return ask_together(CASES, opening, seconds=1e9)


def test_thirty_cases_that_come_out_alike_take_no_more_pairs_of_cores_than_one() -> None:
    opening = Opening(lambda at, before: 1.0)
    asked = together(opening)
    assert opening.opened == PAIRS
    assert all(one.is_steady and one.times == TIMES for one in asked)


def test_each_case_is_asked_on_each_pair_however_little_time_there_is() -> None:
    opening = Opening(lambda at, before: 1.0)
    asked = ask_together(CASES, opening, seconds=0.0)
    assert opening.opened == PAIRS
    assert {one.times for one in asked} == {PAIRS}
    assert "asked 4 of 20 times" in asked[0].cut_short


def test_the_kept_cases_of_a_finding_take_two_pairs_of_cores() -> None:
    opening = Opening(lambda at, before: 1.0)
    cases = [case for case, _ in CASES[:24]]
    pair = opening()
    kept = ask_kept(cases, Witness(*pair, WRONG), opening, seconds=1e9)
    assert (len(kept.passages), kept.flaky, kept.cut_short) == (24, None, "")
    assert opening.opened == 1 + 2
    chance = Random(1)
    opening = Opening(lambda at, before: float(chance.random() < 0.5))
    assert ask_kept(cases, Witness(*pair, WRONG), opening, seconds=1e9).flaky is not None


def test_a_core_that_is_wrong_at_random_is_steady_nowhere_and_has_its_rate_alone() -> None:
    chance = Random(1)
    opening = Opening(lambda at, before: float(chance.random() < 0.01))
    asked = together(opening)
    assert not any(one.is_steady for one in asked)
    alone = ask_again(*CASES[0], Opening(lambda at, before: float(chance.random() < 0.01)))
    assert (alone.times, alone.shown) == (TIMES, 0)
    often = together(Opening(lambda at, before: float(chance.random() < 0.6)))
    assert not any(one.is_steady for one in often)


def test_what_shows_only_after_another_case_is_not_steady() -> None:
    # Wrong where the former question was of an earlier time.
    asked = together(Opening(lambda at, before: float(bool(before) and before[-1] < at)))
    assert not any(one.is_steady for one in asked)


def test_an_answer_that_changes_is_not_steady_though_it_shows_the_bug() -> None:
    asked = together(Opening(lambda at, before: 1.0 + len(before)))
    assert not any(one.is_steady for one in asked)


def test_a_pair_that_failed_is_asked_nothing_more_and_the_others_are_steady_all_the_same() -> None:
    opening = Opening(lambda at, before: 1.0, failing=NOW + 7)
    asked = together(opening)
    assert [one.is_steady for one in asked] == [at != 7 for at in range(1, 31)]
    assert opening.opened == PAIRS + 1


def test_what_shows_another_finding_each_time_is_told_from_chance() -> None:
    other = Signature("TimerTick", "price and time", "state.market_price", "value")
    asked = ask_again(case(NOW + 1), other, Opening(lambda at, before: 1.0))
    assert (asked.shown, asked.unsteady, asked.shows) == (0, (), WRONG.id)
    assert ask_again(case(NOW + 1), WRONG, Opening(lambda at, before: 1.0)).shows == ""
    chance = Random(1)
    now_and_then = Opening(lambda at, before: float(chance.random() < 0.5))
    assert ask_again(case(NOW + 1), other, now_and_then).shows == ""
    assert ask_again(case(NOW + 1), other, Opening(lambda at, before: 0.0)).shows == ""
