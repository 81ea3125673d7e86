import math

import pytest
from core_makers import SIZE, config, of_kind, state

from replay.core import EngineConfig, OrderState, PairState, PlaceOrderAction, Side, TradeId
from replay.core.entries import (
    backoff_multiplier,
    effective_size,
    entry_distance,
    exit_price,
    make_entry,
    place_entry,
    place_follow_up,
)


def made(
    before: PairState, cfg: EngineConfig, side: Side, trade: TradeId, cycle: int
) -> tuple[OrderState, PlaceOrderAction]:
    """An entry of the usual size, which has to come about."""
    entry = make_entry(before, cfg, side, trade, cycle, SIZE, "why")
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("own", "distance"), [(None, 0.2), (0.0, 0.2), (-1.0, 0.2), (math.nan, 0.2), (0.5, 0.5)]
)
def test_a_trades_own_distance_counts_when_positive(own: float | None, distance: float) -> None:
    assert entry_distance("A", config(entry_pct_a=own)) == distance
    assert entry_distance("B", config(entry_pct_b=own)) == distance
    assert entry_distance("A", config(entry_pct_b=own)) == 0.2


def test_backoff_grows_from_its_start_up_to_its_maximum() -> None:
    multipliers = [backoff_multiplier(n, config()) for n in (0, 2, 3, 4, 9, 10, 11, 100)]
    assert multipliers == [1.0, 1.0, 1.5, 2.0, 4.5, 5.0, 5.0, 5.0]


def test_the_effective_size_is_the_trades_own_where_there_is_one() -> None:
    assert effective_size("A", 2.0, None) == 2.0
    assert effective_size("A", 2.0, {}) == 2.0
    assert effective_size("A", 2.0, {"B": 3.0}) == 2.0
    assert effective_size("B", 2.0, {"A": 4.0, "B": 3.0}) == 3.0
    assert effective_size("A", 2.0, {"A": 0.0}) == 0.0


def test_a_new_entry_stands_off_the_market_and_takes_the_next_id() -> None:
    order, action = made(state(), config(), "buy", "B", 8)
    assert order == OrderState(10, "buy", "entry", 0.1996, 25.0, "B", 8, "", 1000.0)
    assert action == PlaceOrderAction(10, "buy", "entry", 0.1996, 25.0, "B", 8, True, "why")
    order, _ = made(state(), config(), "sell", "A", 5)
    assert (order.side, order.price, order.volume) == ("sell", 0.2004, 25.0)


def test_losses_push_only_their_own_trades_entry_away() -> None:
    """Three losses: 0.2 % becomes 0.3 %."""
    losing = state(consecutive_losses_a=3)
    assert made(losing, config(), "sell", "A", 5)[0].price == 0.2006
    assert made(losing, config(), "buy", "B", 8)[0].price == 0.1996


def test_a_price_pushed_to_nothing_falls_back_to_the_plain_distance() -> None:
    """60 % times 1.5 is 90 %, times 2 is 120 %: the second falls back to 60 %."""
    cfg = config(entry_pct=60.0)
    assert made(state(consecutive_losses_b=3), cfg, "buy", "B", 8)[0].price == 0.02
    assert made(state(consecutive_losses_b=4), cfg, "buy", "B", 8)[0].price == 0.08
    doubled = config(entry_pct=50.0)
    to_zero = made(state(consecutive_losses_b=4), doubled, "buy", "B", 8)
    assert to_zero[0].price == 0.1
    halved = config(entry_pct=-50.0)
    to_zero = made(state(consecutive_losses_a=4), halved, "sell", "A", 5)
    assert to_zero[0].price == 0.1
    downwards = config(entry_pct=-60.0)
    sell = made(state(consecutive_losses_a=4), downwards, "sell", "A", 5)
    assert sell[0].price == 0.08


def test_without_volume_there_is_no_entry_and_no_id_is_used() -> None:
    before = state()
    assert make_entry(before, config(), "buy", "B", 8, 2.0, "") is None
    assert place_entry(before, config(), "buy", "B", 8, 2.0, "") == (before, None)


def test_a_placed_entry_goes_last_and_uses_up_its_id() -> None:
    after, action = place_entry(state(), config(), "buy", "B", 8, SIZE, "why")
    assert [order.local_id for order in after.orders] == [10]
    assert after.next_order_id == 11
    assert of_kind(PlaceOrderAction, action).reason == "why"


def test_order_ids_end_at_64_bits_only_when_one_is_used() -> None:
    last = state(next_order_id=2**63 - 1)
    with pytest.raises(OverflowError):
        place_entry(last, config(), "buy", "B", 8, SIZE, "")
    assert place_entry(last, config(), "buy", "B", 8, 2.0, "") == (last, None)


@pytest.mark.parametrize(
    ("trade", "changes", "placed"),
    [
        ("A", {}, ("sell", "A", 5)),
        ("A", {"long_only": True}, None),
        ("A", {"short_only": True}, ("sell", "A", 5)),
        ("A", {"cooldown_until_a": 1000.5}, None),
        ("A", {"cooldown_until_a": 1000.0}, ("sell", "A", 5)),
        ("A", {"cooldown_until_b": 2000.0}, ("sell", "A", 5)),
        ("B", {}, ("buy", "B", 8)),
        ("B", {"short_only": True}, None),
        ("B", {"long_only": True}, ("buy", "B", 8)),
        ("B", {"cooldown_until_b": 1000.5}, None),
        ("B", {"cooldown_until_b": 1000.0}, ("buy", "B", 8)),
    ],
)
def test_a_follow_up_entry_respects_mode_and_cooldown(
    trade: TradeId, changes: dict[str, object], placed: tuple[Side, TradeId, int] | None
) -> None:
    before = state(**changes)
    after, action = place_follow_up(before, config(), trade, SIZE, "next")
    if placed is None:
        assert (after, action) == (before, None)
    else:
        action = of_kind(PlaceOrderAction, action)
        assert (action.side, action.trade_id, action.cycle) == placed
        assert action.reason == "next"


def test_an_exit_takes_its_profit_or_the_market_whichever_is_better() -> None:
    assert exit_price("sell", 0.1996, state(), config()) == 0.201596
    assert exit_price("sell", 0.1996, state(market_price=0.21), config()) == 0.21042
    assert exit_price("buy", 0.2004, state(), config()) == 0.198396
    assert exit_price("buy", 0.2004, state(market_price=0.19), config()) == 0.18962


def test_an_exits_distance_from_the_market_is_the_base_one() -> None:
    cfg = config(entry_pct_a=9.0, entry_pct_b=9.0)
    assert exit_price("sell", 0.1996, state(market_price=0.21), cfg) == 0.21042
    assert exit_price("buy", 0.2004, state(market_price=0.19), cfg) == 0.18962


def test_profit_is_the_runtime_one_unless_that_is_zero() -> None:
    assert exit_price("sell", 0.2, state(profit_pct_runtime=5.0), config()) == 0.21
    assert exit_price("sell", 0.2, state(profit_pct_runtime=0.0), config(profit_pct=3.0)) == 0.206
    assert exit_price("sell", 0.2, state(profit_pct_runtime=-0.0), config(profit_pct=3.0)) == 0.206
    assert exit_price("sell", 0.2, state(profit_pct_runtime=-5.0), config()) == 0.2004


def test_min_and_max_keep_the_first_number_beside_a_nan() -> None:
    assert exit_price("sell", 0.2, state(market_price=math.nan), config()) == 0.202
    assert math.isnan(exit_price("sell", math.nan, state(), config()))
