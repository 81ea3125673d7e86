"""Steps at which a shadow differs, asked one by one of the authority with all explanations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest
from cause_support import CORE, one_step
from support.ports.making import executable

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding, Verdict
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.statement import Reading, Writing
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.claims.deviations import Deviation
from replay.explaining.claims.explained_steps import ExplainedSteps, Said, _least
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Start, Step, Stream, segments_of
from replay.targets.open import open_target

CUT = Said("cut", (Reading(Pattern(kind="i"), Sort.FRACTION, Taking.CUT),))
REFUSED = Said("refused", (Reading(Pattern("config"), Sort.INFINITY, Taking.REFUSED),))
SHORT = Said("short", (Writing(Pattern(), Sort.LONG_DOUBLE, Taking.FIFTEEN),))
LOSS = Said("loss", (Deviation("", ("count_loss",), ("net < 0",), ("net <= 0",)),))
SAID = {
    "fractions-are-cut": CUT,
    "infinite-config-is-refused": REFUSED,
    "written-with-fifteen-digits": SHORT,
    "break-even-is-a-loss": LOSS,
}

FRACTION = one_step((1, 5.0), cycle_a=2.5)
INFINITE = one_step((1, 5.0), {"entry_pct": float("inf")})
BOTH = one_step((1, 5.0), cycle_a=2.5, total_fees=0.1 + 0.2)
LONG = one_step((1, 5.0), total_fees=0.1 + 0.2)
PLAIN = one_step((1, 5.0))


class Asked:
    """A port with switches beside our core, and what is said of it."""

    def __init__(self, folder: Path, switches: Sequence[str], said: Sequence[Said]) -> None:
        targets = open_target("python"), open_target(str(executable(folder, switches)))
        self.steps = ExplainedSteps(CORE, targets[1].identity, said, is_model=False)
        self.lockstep = Lockstep(*targets, reasons=self.steps)
        self._close = [target.close for target in targets]

    def run(self, *streams: Stream) -> list[Finding]:
        """What is found on some streams, all with keys of their own."""
        found: list[Finding] = []
        for key, stream in enumerate(streams):
            found += run_stream(self.lockstep, segments_of(stream, key))
        for close in self._close:
            close()
        return found

    @property
    def needed(self) -> dict[str, int]:
        """At how many steps each explanation was needed."""
        return dict(self.steps.weighed.needed)


Ask = Callable[..., Asked]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def asked(switches: Sequence[str], said: Sequence[Said] | None = None) -> Asked:
        told = [SAID[one] for one in switches] if said is None else said
        return Asked(tmp_path, switches, told)

    return asked


def test_a_step_is_explained_where_all_of_them_together_give_the_whole_answer(ask: Ask) -> None:
    asked = ask(["fractions-are-cut", "written-with-fifteen-digits", "infinite-config-is-refused"])
    assert asked.run(FRACTION, INFINITE, BOTH, PLAIN) == []
    assert asked.lockstep.tally.explained == 3
    assert asked.needed == {"cut": 2, "short": 1, "refused": 1}
    assert not asked.steps.weighed.against
    verdicts = asked.lockstep.tally.verdicts
    assert (verdicts[Verdict.DIVERGE], verdicts[Verdict.AGREE]) == (2, 1)
    # A refusal that is explained is no failure of a core.
    assert not asked.lockstep.tally.failures


def test_what_is_half_explained_is_found(ask: Ask) -> None:
    asked = ask(["fractions-are-cut", "written-with-fifteen-digits"], [CUT])
    (found,) = asked.run(FRACTION, BOTH)
    assert found.case.start == BOTH.start
    assert asked.lockstep.tally.explained == 1


def test_one_that_is_not_so_any_more_hides_nothing_and_is_told(ask: Ask) -> None:
    nothing = Reading(Pattern("state", "", "total_fees", "d"), Sort.LONG_DOUBLE, Taking.ZERO)
    asked = ask(["written-with-fifteen-digits"], [Said("nothing", (nothing,)), SHORT])
    assert asked.run(LONG) == []
    assert asked.needed == {"short": 1}
    assert asked.steps.weighed.against == {"nothing": 1}
    assert asked.steps.weighed.first == {"nothing": "TimerTick of test"}


def test_of_two_that_say_the_same_one_is_needed(ask: Ask) -> None:
    same = Said("again", CUT.statements)
    asked = ask(["fractions-are-cut"], [CUT, same])
    assert asked.run(FRACTION) == []
    assert asked.needed == {"cut": 1}


def test_several_statements_of_one_explanation_are_in_force_together(ask: Ask) -> None:
    both = Said("both", (*CUT.statements, *SHORT.statements))
    asked = ask(["fractions-are-cut", "written-with-fifteen-digits"], [both])
    assert asked.run(BOTH) == []
    assert asked.needed == {"both": 1}


def test_an_edit_that_is_not_there_explains_nothing_and_says_why(ask: Ask) -> None:
    gone = Said("gone", (Deviation("", ("count_loss",), ("net < 7",), ("net",)),))
    asked = ask(["fractions-are-cut"], [gone, CUT])
    assert asked.run(FRACTION) == []
    assert "'net < 7' does not stand in count_loss" in asked.steps.inapplicable["gone"]


def test_what_was_fixed_is_found_again_whatever_is_said(ask: Ask, tmp_path: Path) -> None:
    asked = ask(["fractions-are-cut"], [])
    (found,) = asked.run(FRACTION)
    again = Asked(tmp_path, ["fractions-are-cut"], [CUT])
    again.steps.not_for = frozenset({found.id})
    assert [one.id for one in again.run(FRACTION)] == [found.id]


def test_what_is_set_in_the_middle_of_a_stream_is_read_as_it_came(ask: Ask) -> None:
    """A patch, a state, settings; after refusals, too."""
    asked = ask(["fractions-are-cut", "infinite-config-is-refused"])
    infinite = {"entry_pct": float("inf")}
    steps = (
        Step((1, 5.0), {"patch": {"cycle_a": 2.5}}),
        Step((1, 6.0), {"config": infinite}),
        Step((1, 7.0), {"patch": {"cycle_b": 3.5}}),
        Step((1, 8.0), {"config": {}, "state": {"market_price": 0.1, "now": 0.0, "cycle_a": 1.5}}),
        Step((1, 9.0)),
    )
    stream = Stream(Start({"market_price": 0.1, "now": 0.0}, {}, 2.0), steps, "test")
    assert asked.run(stream) == []
    # At the third both refuse: the infinity is still in force.
    assert asked.lockstep.tally.explained == 3


def test_generated_streams_of_a_port_with_known_switches_leave_nothing(ask: Ask) -> None:
    asked = ask(list(SAID))
    streams = []
    for profile in Profile:
        stream = expand(plan_of_seed(profile, 2), "generated")
        streams.append(Stream(stream.start, stream.steps[:150], stream.origin))
    assert asked.run(*streams) == []
    assert asked.lockstep.tally.explained > 20
    assert set(asked.needed) == {"cut", "loss", "short"}


def test_of_many_the_least_are_found_by_halves() -> None:
    names = [f"n{number}" for number in range(40)]
    asked: list[frozenset[str]] = []

    def does(*needed: str) -> Callable[[Collection[str]], bool]:
        def do(some: Collection[str]) -> bool:
            asked.append(frozenset(some))
            return {*needed} <= {*some}

        return do

    assert _least(names, does("n17")) == ["n17"]
    assert len(asked) < 10
    assert _least(names, does("n3", "n30", "n17")) == ["n3", "n17", "n30"]

    def either(some: Collection[str]) -> bool:
        return bool({"n5", "n9"} & {*some})

    assert _least(names, either) == ["n5"], "of two that say the same the first"
