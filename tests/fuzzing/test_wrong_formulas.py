"""Formulas that are wrong for some values only are found by the profiles that draw such values."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from wrong_formulas import WRONG, Wrong, found_after, wrong_core

from replay.fuzzing.configs import DEFAULTS
from replay.fuzzing.expand import open_plan
from replay.fuzzing.plan import SETTINGS, Profile
from replay.fuzzing.plans import plans
from replay.fuzzing.setting_pools import LIVE_POOLS, LIVE_SETTINGS, MOST

SEED = 1
TRANSITIONS = 40_000

EXPECTED = [(wrong, profile) for wrong in WRONG for profile in wrong.by]


@pytest.mark.parametrize(
    ("wrong", "profile"), EXPECTED, ids=[f"{profile}: {wrong.name}" for wrong, profile in EXPECTED]
)
def test_a_profile_finds(wrong: Wrong, profile: Profile) -> None:
    assert found_after(wrong, profile, SEED, TRANSITIONS) is not None


@pytest.mark.parametrize("profile", Profile)
def test_a_copy_without_a_wrong_formula_is_never_found(profile: Profile) -> None:
    same = Wrong("nothing", "numbers", "return round(x, digits)", "return round(x, digits)", ())
    assert found_after(same, profile, SEED, TRANSITIONS // 4) is None


def test_a_formula_that_is_not_in_the_core_is_no_fault() -> None:
    with pytest.raises(AssertionError, match="nowhere"):
        wrong_core(Wrong("nowhere", "numbers", "return fround(x)", "return x", ()))


def test_every_setting_but_the_decimals_of_prices_has_values_of_a_live_bot() -> None:
    """Those come from the exchange's grid."""
    assert {*LIVE_SETTINGS, *LIVE_POOLS} == {*DEFAULTS} - {"price_decimals"}


def test_live_knows_what_bots_send() -> None:
    assert {*range(9)} <= {*LIVE_POOLS["volume_decimals"]}
    for name in ("s1_orphan_after_sec", "s2_orphan_after_sec"):
        assert float("inf") in LIVE_SETTINGS[name]
    assert min(LIVE_SETTINGS["profit_pct"]) == 0.15  # type: ignore[type-var]
    assert max(LIVE_SETTINGS["profit_pct"]) > 3.0  # type: ignore[operator, type-var]


def test_live_draws_every_figure_of_every_setting_within_some_hundred_streams() -> None:
    """Hypothesis alone would leave some out for as long: it goes back to what it has drawn."""
    starts: list[Any] = [open_plan(plan)[0] for plan in islice(plans(Profile.LIVE, SEED), 900)]
    for name, pool in {**LIVE_SETTINGS, **LIVE_POOLS}.items():
        drawn = {start.config[name] for start in starts}
        assert drawn == {*pool}, name


@pytest.mark.parametrize("profile", Profile)
def test_pools_hold_figures_whose_hundredth_depends_on_how_it_is_reckoned(profile: Profile) -> None:
    for name in ("entry_pct", "profit_pct", "refresh_pct"):
        figures = [one for one in SETTINGS[profile][name] if isinstance(one, float)]
        assert any(one * 0.01 != one / 100.0 for one in figures)
        assert len(figures) <= MOST
