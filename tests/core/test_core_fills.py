from dataclasses import replace

import pytest
from core_makers import (
    BUY_ENTRY,
    BUY_EXIT,
    CYCLE,
    RECOVERY_A,
    RECOVERY_B,
    SELL_ENTRY,
    SELL_EXIT,
    SIZE,
    config,
    of_kind,
    state,
)

from replay.core import (
    BookCycleAction,
    CycleRecord,
    EngineConfig,
    FillEvent,
    OrderState,
    PairState,
    PlaceOrderAction,
    RecoveryCancelEvent,
    RecoveryFillEvent,
    UnknownEventError,
    transition,
)
from replay.core.reducer import Outcome, Sizes


def fill(
    before: PairState,
    local_id: int,
    price: float,
    fee: float = 0.25,
    volume: float = 16.0,
    cfg: EngineConfig | None = None,
    sizes: Sizes = None,
    at: float = 2000.0,
) -> Outcome:
    event = FillEvent(local_id, "TX", "buy", price, volume, fee, at)
    return transition(before, event, cfg or config(), SIZE, sizes)


def recovery_fill(
    before: PairState,
    recovery_id: int,
    price: float,
    fee: float = 0.25,
    cfg: EngineConfig | None = None,
) -> Outcome:
    event = RecoveryFillEvent(recovery_id, "TX", "buy", price, 99.0, fee, 2000.0)
    return transition(before, event, cfg or config(), SIZE)


def test_an_unknown_kind_of_event_is_an_error() -> None:
    with pytest.raises(UnknownEventError, match="str"):
        transition(state(), "PriceTick", config(), SIZE)  # type: ignore[arg-type]


def test_a_fill_of_an_unknown_order_takes_only_the_time() -> None:
    before = state(BUY_EXIT, s2_entered_at=5.0)
    assert fill(before, 99, 0.2) == (replace(before, now=2000.0), ())


# --- Entries ----------------------------------------------------------------------------------


def test_a_filled_buy_entry_gets_its_sell_exit() -> None:
    entry = replace(BUY_ENTRY, regime_at_entry=2)
    after, actions = fill(state(SELL_ENTRY, entry, total_fees=1.0), 2, 0.1996, volume=20.0)
    assert after.orders == (
        SELL_ENTRY,
        OrderState(10, "sell", "exit", 0.201596, 20.0, "B", 1, "", 2000.0, 0.1996, 0.25, 2000.0, 2),
    )
    assert actions == (
        PlaceOrderAction(10, "sell", "exit", 0.201596, 20.0, "B", 1, True, "entry_fill_exit"),
    )
    assert (after.next_order_id, after.total_fees, after.now) == (11, 1.25, 2000.0)


def test_a_filled_sell_entry_gets_its_buy_exit() -> None:
    after, actions = fill(state(SELL_ENTRY, BUY_ENTRY), 1, 0.2004)
    assert after.orders[0] == BUY_ENTRY
    placed = of_kind(PlaceOrderAction, actions[0])
    assert (placed.side, placed.price, placed.trade_id) == ("buy", 0.198396, "A")
    assert placed.reason == "entry_fill_exit"


def test_an_entry_fill_that_does_not_lead_to_s2_clears_the_mark() -> None:
    assert fill(state(BUY_ENTRY, s2_entered_at=5.0), 2, 0.2)[0].s2_entered_at is None
    marked = state(BUY_EXIT, BUY_ENTRY, s2_entered_at=5.0)
    assert fill(marked, 2, 0.2)[0].s2_entered_at == 5.0


def test_a_fill_removes_every_order_of_its_id_and_acts_on_the_first() -> None:
    twin = replace(BUY_EXIT, local_id=2)
    after, actions = fill(state(BUY_ENTRY, twin), 2, 0.2)
    assert [order.local_id for order in after.orders] == [10]
    assert of_kind(PlaceOrderAction, actions[0]).reason == "entry_fill_exit"


# --- Exits ------------------------------------------------------------------------------------


def test_trade_a_sells_at_a_quarter_and_buys_back_at_an_eighth() -> None:
    """Gross (0.25 - 0.125) * 16 = 2, fees 0.5 + 0.25; the quote fee is that of the sale."""
    before = state(BUY_EXIT, BUY_ENTRY, completed_cycles=(CYCLE,), total_fees=1.0)
    after, actions = fill(before, 3, 0.125, volume=99.0)
    assert after.completed_cycles == (
        CYCLE,
        CycleRecord(
            trade_id="A",
            cycle=4,
            entry_price=0.25,
            exit_price=0.125,
            volume=16.0,
            gross_profit=2.0,
            fees=0.75,
            net_profit=1.25,
            entry_fee=0.5,
            exit_fee=0.25,
            quote_fee=0.5,
            settled_usd=1.5,
            entry_time=940.0,
            exit_time=2000.0,
            from_recovery=False,
            regime_at_entry=1,
        ),
    )
    assert actions == (
        BookCycleAction("A", 4, 1.25, 2.0, 0.75, 1.5, False),
        PlaceOrderAction(10, "sell", "entry", 0.2004, 25.0, "A", 5, True, "cycle_complete"),
    )
    assert (after.total_profit, after.total_settled_usd, after.total_fees) == (1.25, 1.5, 1.25)
    assert (after.today_realized_loss, after.total_round_trips) == (0.0, 1)
    assert after.cycle_a == 5


def test_trade_b_buys_at_an_eighth_and_sells_at_a_quarter() -> None:
    """The quote fee is that of the sale, here the exit's."""
    after, actions = fill(state(SELL_EXIT, SELL_ENTRY), 4, 0.25)
    assert actions[0] == BookCycleAction("B", 7, 1.25, 2.0, 0.75, 1.75, False)
    assert after.completed_cycles[0].quote_fee == 0.25
    placed = of_kind(PlaceOrderAction, actions[1])
    assert (placed.side, placed.trade_id, placed.cycle) == ("buy", "B", 8)
    assert placed.reason == "cycle_complete"


def test_a_loss_is_counted_in_dollars_and_in_a_row() -> None:
    """Trade A bought back at 0.375: (0.25 - 0.375) * 16 - 0.75 = -2.75."""
    after, actions = fill(
        state(BUY_EXIT, consecutive_losses_a=1, today_realized_loss=1.0), 3, 0.375
    )
    assert of_kind(BookCycleAction, actions[0]).net_profit == -2.75
    assert after.today_realized_loss == 3.75
    assert after.consecutive_losses_a == 2
    assert after.cooldown_until_a == 0.0


def test_anything_but_a_loss_ends_the_row() -> None:
    """Gross 2, fees 0.5 + 1.5: a net of exactly zero is no loss."""
    after, actions = fill(state(SELL_EXIT, consecutive_losses_b=4), 4, 0.25, fee=1.5)
    assert of_kind(BookCycleAction, actions[0]).net_profit == 0.0
    assert (after.consecutive_losses_b, after.today_realized_loss) == (0, 0.0)


def test_too_many_losses_in_a_row_start_a_cooldown_without_a_follow_up() -> None:
    after, actions = fill(state(BUY_EXIT, consecutive_losses_a=4), 3, 0.375)
    assert after.cooldown_until_a == 2900.0
    assert len(actions) == 1
    assert after.orders == ()
    longer = state(BUY_EXIT, consecutive_losses_a=4, cooldown_until_a=9e9)
    assert fill(longer, 3, 0.375)[0].cooldown_until_a == 9e9


def test_every_closed_exit_pauses_its_trade_where_that_is_configured() -> None:
    after, actions = fill(state(SELL_EXIT), 4, 0.25, cfg=config(reentry_base_cooldown_sec=60.0))
    assert (after.cooldown_until_a, after.cooldown_until_b) == (0.0, 2060.0)
    assert len(actions) == 1


@pytest.mark.parametrize(("counter", "expected"), [(1, 5), (5, 5), (9, 9)])
def test_the_cycle_counter_never_falls(counter: int, expected: int) -> None:
    assert fill(state(BUY_EXIT, cycle_a=counter), 3, 0.125)[0].cycle_a == expected


def test_a_one_sided_slot_makes_no_follow_up_on_the_other_side() -> None:
    assert len(fill(state(BUY_EXIT, long_only=True), 3, 0.125)[1]) == 1
    assert len(fill(state(SELL_EXIT, short_only=True), 4, 0.25)[1]) == 1


def test_a_follow_up_has_the_trades_own_size_and_backoff() -> None:
    """The third loss: 0.3 % above 0.2 is 0.2006, and 10 USD are 50 there."""
    before = state(BUY_EXIT, consecutive_losses_a=2)
    _, actions = fill(before, 3, 0.375, sizes={"A": 10.0})
    placed = of_kind(PlaceOrderAction, actions[1])
    assert (placed.price, placed.volume) == (0.2006, 50.0)


def test_a_filled_exit_leaves_s2_and_its_mark() -> None:
    after, _ = fill(state(BUY_EXIT, SELL_EXIT, s2_entered_at=5.0), 3, 0.125)
    assert after.s2_entered_at is None
    second = replace(BUY_EXIT, local_id=8)
    after, _ = fill(state(BUY_EXIT, second, SELL_EXIT, s2_entered_at=5.0), 3, 0.125)
    assert after.s2_entered_at == 5.0


@pytest.mark.parametrize(
    ("order", "changes"),
    [
        (BUY_EXIT, {"total_round_trips": 2**63 - 1}),
        (BUY_EXIT, {"next_order_id": 2**63 - 1}),
        (replace(BUY_EXIT, cycle=2**63 - 1), {}),
        (BUY_ENTRY, {"next_order_id": 2**63 - 1}),
    ],
)
def test_counters_of_fills_end_at_64_bits(order: OrderState, changes: dict[str, int]) -> None:
    with pytest.raises(OverflowError):
        fill(state(order, **changes), order.local_id, 0.125)


def test_a_row_of_losses_ends_at_64_bits() -> None:
    with pytest.raises(OverflowError):
        fill(state(BUY_EXIT, consecutive_losses_a=2**63 - 1), 3, 0.375)


# --- Recoveries -------------------------------------------------------------------------------


def test_a_recovery_fill_books_without_a_follow_up() -> None:
    before = state(recovery_orders=(RECOVERY_A, RECOVERY_B), total_fees=1.0)
    after, actions = recovery_fill(before, 1, 0.125)
    assert actions == (BookCycleAction("A", 2, 1.25, 2.0, 0.75, 1.5, True),)
    assert after.recovery_orders == (RECOVERY_B,)
    record = after.completed_cycles[0]
    assert (record.entry_time, record.exit_time, record.from_recovery) == (700.0, 2000.0, True)
    assert (record.volume, record.regime_at_entry) == (16.0, 0)
    assert (after.cycle_a, after.orders, after.total_fees) == (5, (), 1.25)


def test_a_recovery_of_unknown_filling_dates_from_its_orphaning() -> None:
    for unknown in (0.0, -1.0):
        old = replace(RECOVERY_B, entry_filled_at=unknown)
        after, _ = recovery_fill(state(recovery_orders=(old,)), 2, 0.25)
        assert after.completed_cycles[0].entry_time == 810.0


def test_a_recoverys_loss_counts_for_its_trade() -> None:
    before = state(recovery_orders=(RECOVERY_B,), consecutive_losses_b=4)
    after, _ = recovery_fill(before, 2, 0.0625, cfg=config(reentry_base_cooldown_sec=60.0))
    assert after.consecutive_losses_b == 5
    assert after.cooldown_until_b == 2900.0
    assert after.today_realized_loss == 1.75


def test_a_recovery_fill_clears_the_mark_but_not_for_an_unknown_id() -> None:
    before = state(recovery_orders=(RECOVERY_A,), s2_entered_at=5.0)
    assert recovery_fill(before, 1, 0.125)[0].s2_entered_at is None
    assert recovery_fill(before, 9, 0.125) == (replace(before, now=2000.0), ())


def test_every_recovery_of_a_filled_id_goes_and_the_first_is_booked() -> None:
    twin = replace(RECOVERY_B, recovery_id=1)
    after, actions = recovery_fill(state(recovery_orders=(RECOVERY_A, twin)), 1, 0.125)
    assert (after.recovery_orders, len(actions)) == ((), 1)
    assert of_kind(BookCycleAction, actions[0]).trade_id == "A"


def test_a_cancelled_recovery_is_gone_and_the_mark_is_cleared_in_any_case() -> None:
    before = state(recovery_orders=(RECOVERY_A, RECOVERY_B), s2_entered_at=5.0)
    after, actions = transition(before, RecoveryCancelEvent(1, "RA", 2000.0), config(), SIZE)
    expected = replace(before, now=2000.0, recovery_orders=(RECOVERY_B,), s2_entered_at=None)
    assert (after, actions) == (expected, ())
    after, _ = transition(before, RecoveryCancelEvent(9, "", 2000.0), config(), SIZE)
    assert after == replace(before, now=2000.0, s2_entered_at=None)
    in_s2 = state(BUY_EXIT, SELL_EXIT, s2_entered_at=5.0)
    after, _ = transition(in_s2, RecoveryCancelEvent(9, "", 2000.0), config(), SIZE)
    assert after.s2_entered_at == 5.0
