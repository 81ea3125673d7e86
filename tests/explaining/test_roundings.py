"""Ways to round: where they differ from Python's, and where they must not."""

from __future__ import annotations

import math

import pytest

from replay.explaining.editing.vocabulary import HELPERS, all_but_first, first_changed
from replay.explaining.search.roundings import ROUNDINGS

DIFFERENT = {
    "rounded_by_scaling": (0.12525 * 0.998, 6, 0.125),
    "rounded_by_scaling_where_it_fits": (0.12525 * 0.998, 6, 0.125),
    "rounded_by_scaling_if_small": (0.12525 * 0.998, 6, 0.125),
    "rounded_by_scaling_half_up": (-2.5, 0, -2.0),
    "rounded_by_scaling_half_away": (-2.5, 0, -3.0),
    "rounded_by_scaling_and_multiplying": (0.3, 1, 3 * 0.1),
    "rounded_to_steps": (0.3, 1, 0.30000000000000004),
    "truncated_by_scaling": (-1.9, 0, -1.0),
    "floored_by_scaling": (-1.1, 0, -2.0),
    "ceiled_by_scaling": (1.1, 0, 2.0),
    "truncated": (0.29, 2, 0.28),
    "floored": (-1.1, 0, -2.0),
    "ceiled": (0.29, 2, 0.29),
    "rounded_half_up": (2.5, 0, 3.0),
    "rounded_as_text_half_up": (2.675, 2, 2.68),
    "rounded_as_text_half_even": (2.675, 2, 2.68),
    "truncated_as_text": (0.299, 2, 0.29),
    "rounded_in_single_precision": (0.1234567891, 9, 0.123456791),
    "rounded_whole_without_digits": (1234.5, -2, 1234.0),
    "rounded_if_finite": (math.inf, None, math.inf),
    "not_rounded": (0.29, 1, 0.29),
}


@pytest.mark.parametrize("name", ROUNDINGS)
def test_each_way_has_a_number_that_shows_it(name: str) -> None:
    number, digits, result = DIFFERENT[name]
    assert ROUNDINGS[name](number, digits) == result


@pytest.mark.parametrize("name", ROUNDINGS)
def test_without_digits_an_integer_is_given(name: str) -> None:
    assert type(ROUNDINGS[name](7.2)) is int
    assert ROUNDINGS[name](7.0) == 7


@pytest.mark.parametrize("name", ROUNDINGS)
def test_numbers_at_the_limits_are_answered_or_refused_as_by_python(name: str) -> None:
    """No way to round may loop, or refuse in another manner than the core does."""
    for number in (math.inf, -math.inf, 1e308, -0.0, 5e-324, 2.0**70):
        for digits in (-400, -2, 0, 6, 15, 22, 300, 2**62):
            try:
                result = ROUNDINGS[name](number, digits)
            except OverflowError:
                continue
            assert type(result) is float
            assert math.isfinite(result) or math.isinf(number)


@pytest.mark.parametrize("name", ROUNDINGS)
def test_nan_stays_nan(name: str) -> None:
    assert math.isnan(ROUNDINGS[name](math.nan, 6))


def test_only_the_first_is_left_out_or_changed() -> None:
    assert list(all_but_first(lambda x: x > 1, [1, 2, 3, 2])) == [1, 3, 2]
    assert list(first_changed(lambda x: x > 1, lambda x: -x, [1, 2, 3])) == [1, -2, 3]
    assert set(ROUNDINGS) < set(HELPERS)
