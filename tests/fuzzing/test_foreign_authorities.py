"""Generating from what authorities of any kind hold: each goes on to the end, and gives no
other answers than itself."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from replay.core import OrderState, PairState
from replay.differential.lockstep import Lockstep
from replay.differential.model import Verdict
from replay.fuzzing.expand import open_plan
from replay.fuzzing.foreign_state import ForeignState, figure
from replay.fuzzing.generate import run_source
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.fuzzing.step_source import saved, snapshot
from replay.runs.coverage_counter import Exercising
from replay.streams.model import ORDER_FIELDS, STATE_FIELDS
from replay.targets.python.module import open_python_target

AUTHORITIES = sorted(
    file
    for file in (Path(__file__).parents[1] / "support" / "authorities").glob("*.py")
    if file.stem != "dressing"
)
SEEDS = range(2)
STEPS = 100


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("file", AUTHORITIES, ids=lambda file: file.stem)
def test_any_authority_is_generated_from_and_differs_from_itself_nowhere(
    file: Path, profile: Profile
) -> None:
    exercising = Exercising(lambda segment: "drawn")
    lockstep = Lockstep(open_python_target(str(file)), open_python_target(str(file)))
    lockstep.on_settled = exercising.take
    for seed in SEEDS:
        start, source = open_plan(replace(plan_of_seed(profile, seed), steps=STEPS))
        generated = run_source(lockstep, seed, start, source, "")
        assert generated.stream.steps
    lockstep.finish()
    alike = {Verdict.AGREE, Verdict.BOTH_REFUSE}
    assert set(+lockstep.tally.verdicts) <= alike
    assert exercising.hand_over().steps


def test_a_foreign_value_becomes_what_its_field_is_for() -> None:
    odd: Any = OrderState("7", {}, None, "0.2", 10**400, "A", 2.0, [], math.nan)  # type: ignore
    state = PairState("now", None, orders=(odd, None), s2_entered_at="late")  # type: ignore
    view = ForeignState(state)
    assert (view.market_price, view.now, view.s2_entered_at) == (0.0, 0.0, None)
    order, nothing = view.orders
    assert order[:8] == ("7", "", "", 0.0, math.inf, "A", 2, "")
    assert math.isnan(order.placed_at)
    assert nothing[:4] == (0, "", "", 0.0)
    assert view.recovery_orders == ()


def test_what_a_bot_saves_has_the_values_that_it_holds() -> None:
    odd: Any = OrderState("7", {}, None, "0.2", 5.0, "A", 1)  # type: ignore
    view = ForeignState(PairState(0.2, 1.0, orders=(odd,), s2_entered_at="late"))  # type: ignore
    document = saved(view)
    assert tuple(document) == STATE_FIELDS
    assert document["s2_entered_at"] == "late"
    assert tuple(document["orders"][0]) == ORDER_FIELDS
    assert document["orders"][0]["price"] == "0.2"
    assert snapshot(view)["orders"][0]["price"] == 0.0


def test_our_own_states_are_shown_as_they_are() -> None:
    state = PairState(0.2, 1.0)
    assert saved(state) == snapshot(state)


@pytest.mark.parametrize(
    ("value", "read"),
    [(1.5, 1.5), (2, 2.0), (10**400, math.inf), (-(10**400), -math.inf), ("1", None), (None, None)],
)
def test_a_figure_is_a_double_or_none(value: object, read: float | None) -> None:
    assert figure(value) == read
