import math

import pytest
from core_makers import config, of_kind
from hypothesis import given
from hypothesis import strategies as st

from replay.core import EngineConfig, compute_order_volume
from replay.core.numbers import INT_MAX, INT_MIN, increment, negate, rnd


def test_rounding_is_not_scaling() -> None:
    """0.12525 * 0.998 lies just below a tie that scaling by a million invents."""
    x = 0.12525 * 0.998
    scaled = round(x * 10.0**6) / 10.0**6
    assert rnd(x, 6) == round(x, 6)
    assert rnd(x, 6) != scaled


@given(st.floats(), st.integers(-400, 400))
def test_rounding_equals_pythons(x: float, digits: int) -> None:
    try:
        expected = round(x, digits)
    except OverflowError:
        with pytest.raises(OverflowError):
            rnd(x, digits)
    else:
        rounded = rnd(x, digits)
        assert rounded == expected or (math.isnan(rounded) and math.isnan(x))


@pytest.mark.parametrize(
    ("x", "digits", "expected"),
    [
        (0.5, 0, 0.0),
        (1.5, 0, 2.0),
        (2.5, 0, 2.0),
        (2.675, 2, 2.67),
        (0.125, 2, 0.12),
        (0.375, 2, 0.38),
        (25.0, -1, 20.0),
        (35.0, -1, 40.0),
        (1e300, 6, 1e300),
        (math.inf, 6, math.inf),
        (-math.inf, -3, -math.inf),
    ],
)
def test_a_tie_goes_to_the_even_digit_and_only_an_exact_one_is_a_tie(
    x: float, digits: int, expected: float
) -> None:
    assert rnd(x, digits) == expected


def test_a_rounding_too_large_for_a_double_is_an_error() -> None:
    with pytest.raises(OverflowError):
        rnd(1.7976931348623157e308, -308)


def test_volume_is_rounded_half_to_even() -> None:
    cfg = config(min_volume=0.0)
    assert compute_order_volume(2.0, cfg, 5.0) == 2.0
    assert compute_order_volume(2.0, cfg, 7.0) == 4.0
    assert compute_order_volume(2.0, config(min_volume=0.0, volume_decimals=-3), 7.0) == 4.0
    assert compute_order_volume(2.0, config(min_volume=0.0, volume_decimals=1), 0.9) == 0.5
    assert isinstance(compute_order_volume(2.0, cfg, 5.0), float)


@pytest.mark.parametrize(
    ("price", "size", "cfg", "volume"),
    [
        (0.2, 5.0, config(), 25.0),
        (0.0, 5.0, config(), None),
        (-1.0, 5.0, config(), None),
        (0.2, 0.0, config(), None),
        (0.2, 0.0, config(min_volume=0.0), None),
        (0.2, -1.0, config(), None),
        (0.2, 2.0, config(), None),
        (0.25, 3.25, config(), 13.0),
        (0.2, 5.0, config(min_cost_usd=5.1), None),
        (0.2, 5.0, config(min_cost_usd=5.0), 25.0),
        # The size reaches the minimum, the rounded volume at that price does not.
        (0.25, 5.0625, config(min_cost_usd=5.03), None),
        (0.2, 5.0, config(min_volume=25.5), None),
    ],
)
def test_volume_respects_the_minima_and_never_raises_the_size(
    price: float, size: float, cfg: EngineConfig, volume: float | None
) -> None:
    assert compute_order_volume(price, cfg, size) == volume


def test_a_volume_that_is_not_finite_is_an_error_only_where_an_integer_is_asked_for() -> None:
    with pytest.raises(OverflowError):
        compute_order_volume(0.2, EngineConfig(), math.inf)
    with pytest.raises(ValueError, match="NaN"):
        compute_order_volume(0.2, EngineConfig(), math.nan)
    with pytest.raises(OverflowError):
        compute_order_volume(5e-324, EngineConfig(), 2.0)
    decimals = EngineConfig(volume_decimals=2)
    assert compute_order_volume(0.2, decimals, math.inf) == math.inf
    assert math.isnan(of_kind(float, compute_order_volume(math.nan, decimals, 2.0)))


def test_counters_stop_at_64_bits() -> None:
    assert increment(INT_MAX - 1) == INT_MAX
    assert increment(INT_MIN) == INT_MIN + 1
    assert negate(INT_MAX) == -INT_MAX
    with pytest.raises(OverflowError):
        increment(INT_MAX)
    with pytest.raises(OverflowError):
        negate(INT_MIN)
