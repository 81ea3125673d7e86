from dataclasses import replace

import pytest
from core_makers import (
    BUY_ENTRY,
    BUY_EXIT,
    RECOVERY_A,
    RECOVERY_B,
    SELL_ENTRY,
    SIZE,
    config,
    of_kind,
    state,
)

from replay.core import (
    PlaceOrderAction,
    Side,
    add_entry_order,
    apply_order_regime_at_entry,
    apply_order_txid,
    apply_recovery_txid,
    bootstrap_orders,
    find_order,
    remove_order,
    remove_recovery,
)


def test_a_slot_starts_with_a_buy_of_b_and_a_sell_of_a() -> None:
    before = state(cooldown_until_a=9e9, cooldown_until_b=9e9, long_only=True, mode_source="regime")
    after, actions, orders = bootstrap_orders(before, config(), SIZE)
    assert [(o.local_id, o.side, o.trade_id, o.cycle, o.price) for o in orders] == [
        (10, "buy", "B", 8, 0.1996),
        (11, "sell", "A", 5, 0.2004),
    ]
    assert [(a.local_id, a.reason) for a in actions] == [(10, "bootstrap"), (11, "bootstrap")]
    assert after == replace(before, next_order_id=12, long_only=False, mode_source="none")


@pytest.mark.parametrize(
    ("min_volume", "entry_pct_a", "entry_pct_b", "made", "allowed", "flags"),
    [
        # Half below the market five dollars buy 50, half above it they sell 17.
        (40.0, 50.0, 50.0, ["buy"], {}, (True, False, "balance")),
        (40.0, 50.0, 50.0, ["buy"], {"allow_long_only": False}, (False, False, "none")),
        (40.0, 50.0, 50.0, ["buy"], {"allow_short_only": False}, (True, False, "balance")),
        # At the usual distances it is 25 for both, and neither is enough.
        (40.0, None, None, [], {}, (False, False, "none")),
    ],
)
def test_a_slot_that_can_make_one_entry_goes_one_sided(
    min_volume: float,
    entry_pct_a: float | None,
    entry_pct_b: float | None,
    made: list[Side],
    allowed: dict[str, bool],
    flags: tuple[bool, bool, str],
) -> None:
    cfg = config(min_volume=min_volume, entry_pct_a=entry_pct_a, entry_pct_b=entry_pct_b)
    before = state(short_only=True, mode_source="regime")
    after, actions, orders = bootstrap_orders(before, cfg, SIZE, **allowed)
    assert [order.side for order in orders] == made == [action.side for action in actions]
    assert (after.long_only, after.short_only, after.mode_source) == flags
    assert after.next_order_id == 10 + len(made)


@pytest.mark.parametrize(
    ("allowed", "flags"), [(True, (False, True, "balance")), (False, (False, False, "none"))]
)
def test_a_slot_that_can_only_sell_goes_short(allowed: bool, flags: tuple[bool, bool, str]) -> None:
    """A hundred percent below the market there is no price, so there is no buy entry."""
    cfg = config(entry_pct_b=100.0)
    after, _, orders = bootstrap_orders(state(), cfg, SIZE, allow_short_only=allowed)
    assert [order.side for order in orders] == ["sell"]
    assert (after.long_only, after.short_only, after.mode_source) == flags


def test_an_added_entry_goes_last() -> None:
    before = state(BUY_ENTRY)
    after, action = add_entry_order(before, config(), "sell", "A", 3, SIZE)
    action = of_kind(PlaceOrderAction, action)
    assert [order.local_id for order in after.orders] == [2, 10]
    assert (action.local_id, action.cycle, action.reason) == (10, 3, "manual")
    assert after.next_order_id == 11


def test_no_entry_is_added_in_its_trades_cooldown_or_without_volume() -> None:
    cooling = state(cooldown_until_a=1000.5)
    assert add_entry_order(cooling, config(), "sell", "A", 3, SIZE) == (cooling, None)
    assert add_entry_order(cooling, config(), "buy", "B", 3, SIZE)[1] is not None
    ended = state(cooldown_until_a=1000.0)
    assert add_entry_order(ended, config(), "sell", "A", 3, SIZE)[1] is not None
    assert add_entry_order(state(), config(), "buy", "B", 3, 2.0) == (state(), None)


def test_ids_and_regimes_are_noted_on_their_order_alone() -> None:
    before = state(SELL_ENTRY, BUY_ENTRY, recovery_orders=(RECOVERY_A, RECOVERY_B))
    assert apply_order_txid(before, 2, "NEW").orders == (SELL_ENTRY, replace(BUY_ENTRY, txid="NEW"))
    assert apply_recovery_txid(before, 1, "NEW").recovery_orders == (
        replace(RECOVERY_A, txid="NEW"),
        RECOVERY_B,
    )
    marked = apply_order_regime_at_entry(before, 1, " bullish")
    assert [order.regime_at_entry for order in marked.orders] == [2, None]
    assert apply_order_regime_at_entry(marked, 1, "nonsense") == before


def test_orders_and_recoveries_are_removed_by_id() -> None:
    before = state(SELL_ENTRY, BUY_ENTRY, recovery_orders=(RECOVERY_A, RECOVERY_B))
    assert remove_order(before, 1).orders == (BUY_ENTRY,)
    assert remove_recovery(before, 2).recovery_orders == (RECOVERY_A,)


def test_an_unknown_id_changes_nothing() -> None:
    before = state(SELL_ENTRY, BUY_EXIT, recovery_orders=(RECOVERY_A,))
    assert apply_order_txid(before, 99, "x") == before
    assert apply_recovery_txid(before, 99, "x") == before
    assert apply_order_regime_at_entry(before, 99, 1) == before
    assert remove_order(before, 99) == before
    assert remove_recovery(before, 99) == before


def test_the_first_order_of_an_id_is_found() -> None:
    twin = replace(BUY_EXIT, local_id=1)
    assert find_order(state(SELL_ENTRY, twin), 1) == SELL_ENTRY
    assert find_order(state(SELL_ENTRY), 9) is None
