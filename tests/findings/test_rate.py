"""The upper bound on a rate: exact, for nothing found as for much."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.runs.rate import upper_bound


def chance_of_at_most(hits: int, trials: int, rate: Fraction) -> float:
    """The binomial distribution, without any rounding."""
    return float(
        sum(comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(hits + 1))
    )


@pytest.mark.parametrize(
    ("hits", "trials", "bound"),
    [(0, 1, 0.95), (0, 20, 0.1391), (1, 20, 0.2161), (2, 30, 0.1953), (10, 100, 0.1638)],
)
def test_it_is_what_tables_of_clopper_and_pearson_have(
    hits: int, trials: int, bound: float
) -> None:
    assert upper_bound(hits, trials) == pytest.approx(bound, abs=5e-4)


def test_nothing_found_is_about_three_in_so_many() -> None:
    assert upper_bound(0, 1000) == pytest.approx(1 - 0.05 ** (1 / 1000), rel=1e-12)
    assert upper_bound(0, 10**7) == pytest.approx(3 / 10**7, rel=0.002)
    assert upper_bound(0, 10**12) > 0.0


@given(st.integers(1, 80), st.data())
def test_at_the_bound_so_few_are_found_once_in_twenty_times(
    trials: int, data: st.DataObject
) -> None:
    hits = data.draw(st.integers(0, trials - 1))
    bound = upper_bound(hits, trials)
    assert chance_of_at_most(hits, trials, Fraction(bound)) == pytest.approx(0.05, rel=1e-6)
    assert hits / trials < bound < 1.0
    assert bound < upper_bound(hits + 1, trials)
    assert upper_bound(hits, trials + 1) < bound


def test_large_numbers_are_no_trouble() -> None:
    assert upper_bound(5_000_000, 10_000_000) == pytest.approx(0.50026, abs=1e-5)
    assert upper_bound(1, 10**9) == pytest.approx(4.744e-9, rel=1e-3)
    assert upper_bound(999_999, 1_000_000) < 1.0


def test_without_a_trial_or_with_nothing_but_hits_everything_is_possible() -> None:
    assert upper_bound(0, 0) == upper_bound(7, 7) == 1.0


@pytest.mark.parametrize(("hits", "trials"), [(-1, 3), (4, 3)])
def test_more_hits_than_trials_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="hits in"):
        upper_bound(hits, trials)
