import pytest
from core_makers import BUY_ENTRY, BUY_EXIT, SELL_ENTRY, SELL_EXIT, SIZE, config, state

from replay.core import (
    CancelOrderAction,
    EngineConfig,
    OrderState,
    PairState,
    PlaceOrderAction,
    PriceTick,
    transition,
)
from replay.core.reducer import Outcome, Sizes


def tick(
    before: PairState,
    price: float,
    timestamp: float = 2000.0,
    cfg: EngineConfig | None = None,
    size: float = SIZE,
    sizes: Sizes = None,
) -> Outcome:
    return transition(before, PriceTick(price, timestamp), cfg or config(), size, sizes)


def test_a_price_tick_takes_price_and_time() -> None:
    after, actions = tick(state(SELL_ENTRY, BUY_ENTRY), 0.2001)
    expected = state(
        SELL_ENTRY, BUY_ENTRY, market_price=0.2001, now=2000.0, last_price_update_at=2000.0
    )
    assert (after, actions) == (expected, ())


def test_a_stale_entry_is_replaced_at_the_end_of_the_orders() -> None:
    """At 0.21 the buy entry lies 4.95 % off; the sell entry comes first and lies 4.57 % off."""
    after, actions = tick(state(SELL_ENTRY, BUY_ENTRY), 0.21)
    new = OrderState(10, "sell", "entry", 0.21042, 24.0, "A", 1, "", 2000.0)
    assert after.orders == (BUY_ENTRY, new)
    assert after.next_order_id == 11
    assert actions == (
        CancelOrderAction(1, "TA", "stale_entry"),
        PlaceOrderAction(10, "sell", "entry", 0.21042, 24.0, "A", 1, True, "refresh_entry"),
    )
    assert (after.consecutive_refreshes_a, after.last_refresh_direction_a) == (1, "up")
    assert (after.consecutive_refreshes_b, after.last_refresh_direction_b) == (0, None)


def test_exits_are_never_refreshed() -> None:
    before = state(BUY_EXIT, SELL_EXIT)
    after, actions = tick(before, 0.9)
    assert (after.orders, actions) == (before.orders, ())


def test_drift_must_exceed_the_limit() -> None:
    """0.25 against 0.5 is a drift of 50 %."""
    entry = OrderState(1, "buy", "entry", 0.25, 25.0, "B", 1)
    assert tick(state(entry), 0.5, cfg=config(refresh_pct=50.0))[1] == ()
    assert len(tick(state(entry), 0.5, cfg=config(refresh_pct=49.9), size=10.0)[1]) == 2


@pytest.mark.parametrize("price", [0.0, -1.0])
def test_without_a_market_nothing_drifts(price: float) -> None:
    assert tick(state(SELL_ENTRY, BUY_ENTRY), price)[1] == ()


@pytest.mark.parametrize(
    ("order", "price", "direction"),
    [
        (BUY_ENTRY, 0.19, "down"),
        (BUY_ENTRY, 0.21, "up"),
        (SELL_ENTRY, 0.21, "up"),
        (SELL_ENTRY, 0.19, "down"),
    ],
)
def test_the_direction_is_where_the_market_went(
    order: OrderState, price: float, direction: str
) -> None:
    after, _ = tick(state(order), price)
    trade = "a" if order.trade_id == "A" else "b"
    assert getattr(after, f"last_refresh_direction_{trade}") == direction


def test_at_the_orders_own_price_a_buy_went_up_and_a_sell_down() -> None:
    """Reached only with a negative limit, where no drift at all is too much."""
    cfg = config(refresh_pct=-1.0)
    assert tick(state(BUY_ENTRY), 0.1996, cfg=cfg)[0].last_refresh_direction_b == "up"
    assert tick(state(SELL_ENTRY), 0.2004, cfg=cfg)[0].last_refresh_direction_a == "down"


def test_refreshes_count_while_the_direction_stays() -> None:
    same = state(BUY_ENTRY, consecutive_refreshes_b=1, last_refresh_direction_b="up")
    assert tick(same, 0.21)[0].consecutive_refreshes_b == 2
    turned = state(BUY_ENTRY, consecutive_refreshes_b=2, last_refresh_direction_b="down")
    after, actions = tick(turned, 0.21)
    assert (after.consecutive_refreshes_b, after.last_refresh_direction_b) == (1, "up")
    assert len(actions) == 2


def test_one_refresh_too_many_starts_a_pause_instead() -> None:
    before = state(BUY_ENTRY, consecutive_refreshes_b=2, last_refresh_direction_b="up")
    after, actions = tick(before, 0.21)
    assert actions == ()
    assert after.orders == (BUY_ENTRY,)
    assert after.consecutive_refreshes_b == 3
    assert after.refresh_cooldown_until_b == 2300.0
    assert after.next_order_id == 10


def test_a_pause_stops_the_walk_before_the_other_entry() -> None:
    """At most one entry is acted upon, and a pause is an act."""
    before = state(SELL_ENTRY, BUY_ENTRY, consecutive_refreshes_a=2, last_refresh_direction_a="up")
    after, actions = tick(before, 0.21)
    assert (after.orders, actions) == ((SELL_ENTRY, BUY_ENTRY), ())
    assert after.consecutive_refreshes_b == 0


def test_an_entry_in_its_pause_is_passed_over_for_the_next() -> None:
    before = state(SELL_ENTRY, BUY_ENTRY, refresh_cooldown_until_a=2000.5)
    after, actions = tick(before, 0.21)
    assert actions[0] == CancelOrderAction(2, "TB", "stale_entry")
    assert after.consecutive_refreshes_b == 1
    assert after.refresh_cooldown_until_a == 2000.5


def test_after_the_pause_the_count_starts_anew() -> None:
    before = state(
        BUY_ENTRY,
        consecutive_refreshes_b=3,
        last_refresh_direction_b="up",
        refresh_cooldown_until_b=2000.0,
    )
    after, actions = tick(before, 0.21)
    assert len(actions) == 2
    assert after.consecutive_refreshes_b == 1
    assert after.refresh_cooldown_until_b == 0.0


def test_a_full_count_without_a_pause_is_not_reset() -> None:
    before = state(BUY_ENTRY, consecutive_refreshes_b=3, last_refresh_direction_b="up")
    after, actions = tick(before, 0.21)
    assert actions == ()
    assert after.consecutive_refreshes_b == 4
    assert after.refresh_cooldown_until_b == 2300.0


def test_a_count_that_is_not_full_keeps_the_old_pause() -> None:
    before = state(BUY_ENTRY, consecutive_refreshes_b=1, refresh_cooldown_until_b=1500.0)
    assert tick(before, 0.21)[0].refresh_cooldown_until_b == 1500.0


def test_with_a_limit_of_one_even_the_first_refresh_is_a_pause() -> None:
    after, actions = tick(state(BUY_ENTRY), 0.21, cfg=config(max_consecutive_refreshes=1))
    assert actions == ()
    assert after.refresh_cooldown_until_b == 2300.0


def test_without_volume_the_entry_is_cancelled_and_not_replaced() -> None:
    after, actions = tick(state(BUY_ENTRY), 0.21, size=2.0)
    assert after.orders == ()
    assert actions == (CancelOrderAction(2, "TB", "stale_entry"),)
    assert after.next_order_id == 10
    assert after.consecutive_refreshes_b == 1


def test_every_order_of_a_refreshed_id_goes() -> None:
    twin = OrderState(2, "sell", "exit", 0.3, 25.0, "A", 1)
    after, _ = tick(state(BUY_ENTRY, twin), 0.21)
    assert [order.local_id for order in after.orders] == [10]


def test_a_refresh_uses_the_trades_own_size_and_backoff() -> None:
    """Three losses: 0.3 % below 0.21 is 0.20937; 10 USD buy 48 at that price."""
    after, _ = tick(state(BUY_ENTRY, consecutive_losses_b=3), 0.21, sizes={"B": 10.0})
    assert (after.orders[0].price, after.orders[0].volume) == (0.20937, 48.0)


def test_a_refreshed_entry_keeps_cycle_and_side_but_not_its_regime() -> None:
    odd = OrderState(2, "sell", "entry", 0.3, 25.0, "B", 6, regime_at_entry=1)
    after, _ = tick(state(odd), 0.2)
    new = after.orders[0]
    assert (new.side, new.trade_id, new.cycle, new.regime_at_entry) == ("sell", "B", 6, None)


def test_a_refresh_counter_ends_at_64_bits() -> None:
    before = state(BUY_ENTRY, consecutive_refreshes_b=2**63 - 1, last_refresh_direction_b="up")
    with pytest.raises(OverflowError):
        tick(before, 0.21)
