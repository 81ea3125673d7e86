import math
from dataclasses import replace

import pytest
from core_makers import (
    BUY_ENTRY,
    BUY_EXIT,
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
    CancelOrderAction,
    EngineConfig,
    OrderState,
    OrphanOrderAction,
    PairState,
    PlaceOrderAction,
    RecoveryOrder,
    TimerTick,
    transition,
)
from replay.core.reducer import Outcome, Sizes


def tick(
    before: PairState,
    timestamp: float,
    cfg: EngineConfig | None = None,
    size: float = SIZE,
    sizes: Sizes = None,
) -> Outcome:
    return transition(before, TimerTick(timestamp), cfg or config(), size, sizes)


def orphaned(before: PairState, cfg: EngineConfig | None = None, sizes: Sizes = None) -> Outcome:
    """Orphan by the S1 timeout, far enough in time for any age."""
    return tick(before, 5000.0, cfg, sizes=sizes)


def test_a_quiet_timer_tick_takes_the_time() -> None:
    before = state(SELL_ENTRY, BUY_ENTRY)
    assert tick(before, 2000.0) == (replace(before, now=2000.0), ())


def test_the_s2_mark_is_cleared_outside_s2() -> None:
    assert tick(state(BUY_EXIT, BUY_ENTRY, s2_entered_at=5.0), 1001.0)[0].s2_entered_at is None
    assert tick(state(s2_entered_at=5.0), 1001.0)[0].s2_entered_at is None


def test_sticky_mode_clears_the_mark_and_orphans_nothing() -> None:
    before = state(BUY_EXIT, SELL_EXIT, s2_entered_at=5.0)
    after, actions = tick(before, 9e9, config(sticky_mode_enabled=True))
    assert (after, actions) == (replace(before, now=9e9, s2_entered_at=None), ())


# --- S1 ---------------------------------------------------------------------------------------


def test_an_old_exit_that_the_market_left_is_orphaned() -> None:
    """The buy exit at 0.125 filled its entry at 940; 1350 seconds later is 2290."""
    before = state(BUY_EXIT, BUY_ENTRY)
    assert tick(before, 2289.5)[1] == ()
    after, actions = tick(before, 2290.0)
    assert after.orders[0] == BUY_ENTRY
    assert after.recovery_orders == (
        RecoveryOrder(
            recovery_id=10,
            side="buy",
            price=0.125,
            volume=16.0,
            trade_id="A",
            cycle=4,
            entry_price=0.25,
            orphaned_at=2290.0,
            entry_fee=0.5,
            entry_filled_at=940.0,
            txid="TXA",
            reason="s1_timeout",
            regime_at_entry=1,
        ),
    )
    assert actions == (
        OrphanOrderAction(3, 10, "s1_timeout"),
        PlaceOrderAction(10, "sell", "entry", 0.2004, 25.0, "A", 6, True, "orphan_A"),
    )
    assert (after.cycle_a, after.cycle_b) == (6, 8)
    assert (after.next_order_id, after.next_recovery_id) == (11, 11)


def test_a_sell_exit_is_orphaned_when_the_market_fell_below_it() -> None:
    after, actions = orphaned(state(SELL_EXIT, SELL_ENTRY))
    assert actions[0] == OrphanOrderAction(4, 10, "s1_timeout")
    placed = of_kind(PlaceOrderAction, actions[1])
    assert placed.reason == "orphan_B"
    assert (placed.side, placed.trade_id, placed.cycle) == ("buy", "B", 9)
    assert after.cycle_b == 9


@pytest.mark.parametrize(
    ("order", "market"), [(BUY_EXIT, 0.125), (BUY_EXIT, 0.1), (SELL_EXIT, 0.25), (SELL_EXIT, 0.3)]
)
def test_an_exit_that_the_market_has_not_left_stays(order: OrderState, market: float) -> None:
    before = state(order, market_price=market)
    assert orphaned(before) == (replace(before, now=5000.0), ())


def test_age_counts_from_the_placing_when_the_filling_is_unknown_and_is_nothing_without_both() -> (
    None
):
    unfilled = replace(BUY_EXIT, entry_filled_at=0.0)
    assert tick(state(unfilled), 2299.5)[1] == ()
    assert len(tick(state(unfilled), 2300.0)[1]) == 2
    timeless = replace(unfilled, placed_at=0.0)
    assert tick(state(timeless), 9e9)[1] == ()
    assert len(tick(state(timeless), 9e9, config(s1_orphan_after_sec=0.0))[1]) == 2


def test_an_infinite_wait_orphans_nothing() -> None:
    forever = config(s1_orphan_after_sec=math.inf, s2_orphan_after_sec=math.inf)
    assert tick(state(BUY_EXIT), 9e9, forever)[1] == ()
    assert tick(state(BUY_EXIT, SELL_EXIT, s2_entered_at=1.0), 9e9, forever)[1] == ()


def test_the_first_exit_is_the_one_looked_at() -> None:
    young = replace(BUY_EXIT, local_id=8, entry_filled_at=4999.0)
    assert orphaned(state(young, BUY_EXIT))[1] == ()
    _, actions = orphaned(state(BUY_EXIT, young))
    assert of_kind(OrphanOrderAction, actions[0]).local_id == 3


# --- S2 ---------------------------------------------------------------------------------------


def test_s2_is_marked_first() -> None:
    before = state(BUY_EXIT, SELL_EXIT)
    assert tick(before, 9e9) == (replace(before, now=9e9, s2_entered_at=9e9), ())


def test_s2_waits_for_its_time() -> None:
    before = state(BUY_EXIT, SELL_EXIT, s2_entered_at=1000.0)
    assert tick(before, 2799.5) == (replace(before, now=2799.5), ())


@pytest.mark.parametrize(
    ("market", "gone", "reason"),
    [(0.2, 3, "orphan_A"), (0.15, 4, "orphan_B"), (0.1875, 4, "orphan_B")],
)
def test_s2_orphans_the_farther_exit_and_the_sell_one_in_a_tie(
    market: float, gone: int, reason: str
) -> None:
    """0.1875 lies in the middle between the exits at 0.125 and 0.25."""
    before = state(BUY_EXIT, SELL_EXIT, s2_entered_at=1000.0, market_price=market)
    after, actions = tick(before, 2800.0)
    assert actions[0] == OrphanOrderAction(gone, 10, "s2_timeout")
    assert of_kind(PlaceOrderAction, actions[1]).reason == reason
    assert after.s2_entered_at is None
    assert after.recovery_orders[0].reason == "s2_timeout"


@pytest.mark.parametrize("market", [0.0, -0.2, math.nan])
def test_s2_orphans_nothing_without_a_market(market: float) -> None:
    before = state(BUY_EXIT, SELL_EXIT, s2_entered_at=1000.0, market_price=market)
    after, actions = tick(before, 9e9)
    assert (after.orders, after.s2_entered_at, actions) == (before.orders, 1000.0, ())


def test_s2_compares_the_first_exit_of_each_side() -> None:
    """The second buy exit lies farther than both, but only the first of a side is compared."""
    far = replace(BUY_EXIT, local_id=9, price=0.001)
    before = state(BUY_EXIT, far, SELL_EXIT, s2_entered_at=1.0, market_price=0.15)
    _, actions = tick(before, 9e9)
    assert of_kind(OrphanOrderAction, actions[0]).local_id == 4


# --- Orphaning --------------------------------------------------------------------------------


def test_below_the_cap_nothing_is_evicted() -> None:
    after, actions = orphaned(state(BUY_EXIT, recovery_orders=(RECOVERY_A,)))
    assert [r.recovery_id for r in after.recovery_orders] == [1, 10]
    assert len(actions) == 2
    assert after.completed_cycles == ()


def test_the_furthest_recovery_is_evicted_and_booked_at_the_market() -> None:
    """Market 0.2 against 0.125 and 0.25: trade A's is further. It is booked at 0.2:
    gross (0.25 - 0.2) * 16 = 0.8, fee 0.2 * 16 * 0.25 % = 0.008."""
    before = state(BUY_EXIT, recovery_orders=(RECOVERY_A, RECOVERY_B), total_fees=1.0)
    after, actions = orphaned(before)
    assert [r.recovery_id for r in after.recovery_orders] == [2, 10]
    assert actions[0] == CancelOrderAction(-1, "RA", "recovery_cap_evict_priority")
    booked = actions[1]
    assert isinstance(booked, BookCycleAction)
    assert (booked.trade_id, booked.cycle, booked.from_recovery) == ("A", 2, True)
    assert booked.gross_profit == pytest.approx(0.8)
    assert booked.fees == pytest.approx(0.508)
    assert booked.net_profit == pytest.approx(0.292)
    assert booked.settled_usd == pytest.approx(0.3)
    assert [type(a).__name__ for a in actions[2:]] == ["OrphanOrderAction", "PlaceOrderAction"]
    record = after.completed_cycles[0]
    assert (record.entry_time, record.exit_time, record.exit_price) == (700.0, 5000.0, 0.2)
    assert (record.from_recovery, record.regime_at_entry) == (True, 0)
    assert after.total_fees == pytest.approx(1.008)


def test_a_recovery_without_a_txid_is_evicted_without_a_cancel() -> None:
    unplaced = replace(RECOVERY_A, txid="")
    _, actions = orphaned(state(BUY_EXIT, recovery_orders=(unplaced, RECOVERY_B)))
    assert isinstance(actions[0], BookCycleAction)


def test_a_cap_below_one_counts_as_one() -> None:
    before = state(BUY_EXIT, recovery_orders=(RECOVERY_A, RECOVERY_B))
    after, _ = orphaned(before, config(max_recovery_slots=-5))
    assert [r.recovery_id for r in after.recovery_orders] == [10]
    assert [c.cycle for c in after.completed_cycles] == [2, 3]


def ranked(market: float, *recoveries: RecoveryOrder, slots: int | None = None) -> list[int]:
    """The ids that stay when one of the recoveries has to go."""
    before = state(SELL_EXIT, recovery_orders=recoveries, market_price=market)
    after, _ = orphaned(before, config(max_recovery_slots=slots or len(recoveries)))
    return [r.recovery_id for r in after.recovery_orders[:-1]]


def test_equally_far_the_oldest_goes_and_equally_old_the_lowest_id() -> None:
    one = replace(RECOVERY_A, recovery_id=5, orphaned_at=800.0)
    two = replace(RECOVERY_A, recovery_id=6, orphaned_at=799.0)
    three = replace(RECOVERY_A, recovery_id=4, orphaned_at=800.0)
    assert ranked(0.2, one, two, three) == [5, 4]
    assert ranked(0.2, one, three) == [5]


def test_without_a_market_all_are_equally_far() -> None:
    """Reached in S1: a sell exit has been left by a market of zero."""
    near = replace(RECOVERY_A, recovery_id=5, price=0.1, orphaned_at=800.0)
    far = replace(RECOVERY_A, recovery_id=6, price=99.0, orphaned_at=801.0)
    assert ranked(0.0, near, far) == [6]
    assert ranked(0.2, near, far) == [5]


def test_evicted_in_their_stored_order_whatever_their_rank() -> None:
    near = replace(RECOVERY_A, recovery_id=5, price=0.19, cycle=1)
    far = replace(RECOVERY_A, recovery_id=6, price=99.0, cycle=2)
    kept = replace(RECOVERY_A, recovery_id=7, price=0.2, cycle=3)
    before = state(BUY_EXIT, recovery_orders=(near, kept, far))
    after, _ = orphaned(before)
    assert [c.cycle for c in after.completed_cycles] == [1, 2]
    assert [r.recovery_id for r in after.recovery_orders] == [7, 10]


def test_every_recovery_of_an_evicted_id_goes() -> None:
    twin = replace(RECOVERY_B, recovery_id=1)
    before = state(BUY_EXIT, recovery_orders=(RECOVERY_A, RECOVERY_B, twin))
    after, _ = orphaned(before, config(max_recovery_slots=3))
    assert [r.recovery_id for r in after.recovery_orders] == [2, 10]
    assert after.total_round_trips == 2


@pytest.mark.parametrize(
    ("market", "price", "entry_price", "fill"),
    [
        (0.15, 0.125, 0.25, 0.15),
        (0.0, 0.125, 0.25, 0.125),
        (-1.0, 0.0, 0.25, 0.25),
        (0.0, -0.1, 0.0, 0.0),
        (0.0, -0.1, -0.2, 0.0),
    ],
)
def test_an_eviction_is_booked_at_the_best_price_known(
    market: float, price: float, entry_price: float, fill: float
) -> None:
    recovery = replace(RECOVERY_A, price=price, entry_price=entry_price)
    before = state(SELL_EXIT, recovery_orders=(recovery,), market_price=market)
    after, _ = orphaned(before, config(max_recovery_slots=1))
    assert after.completed_cycles[0].exit_price == fill
    assert after.completed_cycles[0].exit_fee == fill * 16.0 * (0.25 / 100.0)


def test_an_eviction_fee_is_never_negative() -> None:
    before = state(BUY_EXIT, recovery_orders=(RECOVERY_A,))
    after, _ = orphaned(before, config(max_recovery_slots=1, maker_fee_pct=-0.25))
    assert after.completed_cycles[0].exit_fee == 0.0


def test_an_evicted_recovery_of_unknown_filling_dates_from_its_orphaning() -> None:
    old = replace(RECOVERY_A, entry_filled_at=0.0)
    after, _ = orphaned(state(BUY_EXIT, recovery_orders=(old,)), config(max_recovery_slots=1))
    assert after.completed_cycles[0].entry_time == 800.0


def test_a_loss_by_eviction_counts_and_can_stop_the_follow_up() -> None:
    """Trade A's evicted loss is its fifth, so A's own orphaned exit gets no new entry."""
    losing = replace(RECOVERY_A, entry_price=0.125)
    before = state(BUY_EXIT, recovery_orders=(losing,), consecutive_losses_a=4)
    after, actions = orphaned(before, config(max_recovery_slots=1))
    assert after.consecutive_losses_a == 5
    assert after.cooldown_until_a == 5900.0
    assert isinstance(actions[-1], OrphanOrderAction)
    assert after.today_realized_loss == -after.completed_cycles[0].net_profit


def test_the_pause_before_reentry_stops_the_follow_up() -> None:
    after, actions = orphaned(state(BUY_EXIT), config(reentry_base_cooldown_sec=60.0))
    assert after.cooldown_until_a == 5060.0
    assert after.cycle_a == 6
    assert actions == (OrphanOrderAction(3, 10, "s1_timeout"),)
    longer = orphaned(state(BUY_EXIT, cooldown_until_a=9e9), config(reentry_base_cooldown_sec=60.0))
    assert longer[0].cooldown_until_a == 9e9


@pytest.mark.parametrize(
    ("order", "mode"), [(BUY_EXIT, {"long_only": True}), (SELL_EXIT, {"short_only": True})]
)
def test_a_one_sided_slot_gets_no_follow_up_on_the_other_side(
    order: OrderState, mode: dict[str, bool]
) -> None:
    assert len(orphaned(state(order, **mode))[1]) == 1


def test_a_follow_up_has_the_trades_own_size() -> None:
    _, actions = orphaned(state(BUY_EXIT), sizes={"A": 10.0})
    assert of_kind(PlaceOrderAction, actions[1]).volume == 50.0


def test_every_order_of_an_orphaned_id_goes() -> None:
    twin = replace(BUY_ENTRY, local_id=3)
    after, _ = orphaned(state(BUY_EXIT, twin))
    assert [order.local_id for order in after.orders] == [10]


@pytest.mark.parametrize(
    "changes",
    [
        {"next_recovery_id": 2**63 - 1},
        {"cycle_a": 2**63 - 1},
        {"next_order_id": 2**63 - 1},
        {"recovery_orders": (RECOVERY_B, RECOVERY_A), "total_round_trips": 2**63 - 1},
        {"recovery_orders": (replace(RECOVERY_A, recovery_id=-(2**63)), RECOVERY_B)},
    ],
)
def test_counters_of_orphaning_end_at_64_bits(changes: dict[str, object]) -> None:
    with pytest.raises(OverflowError):
        orphaned(state(BUY_EXIT, **changes))


def test_nan_distances_leave_the_stored_order() -> None:
    one = replace(RECOVERY_A, recovery_id=5, price=math.nan)
    two = replace(RECOVERY_A, recovery_id=4, price=0.9)
    assert ranked(0.2, one, two) == [4]
    assert ranked(0.2, two, one) == [5]
