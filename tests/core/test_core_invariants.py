from dataclasses import replace

import pytest
from core_makers import BUY_ENTRY, BUY_EXIT, SELL_ENTRY, SELL_EXIT, state

from replay.core import OrderState, PairState, Phase, check_invariants, derive_phase


@pytest.mark.parametrize(
    ("orders", "phase"),
    [
        ((), "S0"),
        ((SELL_ENTRY, BUY_ENTRY), "S0"),
        ((BUY_EXIT, BUY_ENTRY), "S1a"),
        ((SELL_EXIT, SELL_ENTRY), "S1b"),
        ((SELL_EXIT, BUY_EXIT), "S2"),
    ],
)
def test_only_exits_decide_the_phase(orders: tuple[OrderState, ...], phase: Phase) -> None:
    assert derive_phase(state(*orders)) == phase


@pytest.mark.parametrize(
    "healthy",
    [
        state(SELL_ENTRY, BUY_ENTRY),
        state(SELL_ENTRY, BUY_ENTRY, cycle_a=1, cycle_b=1),
        state(BUY_ENTRY, long_only=True),
        state(BUY_ENTRY, long_only=True, short_only=True),
        state(SELL_ENTRY, short_only=True),
        state(BUY_EXIT, BUY_ENTRY),
        state(BUY_EXIT, short_only=True),
        state(BUY_EXIT, BUY_ENTRY, SELL_ENTRY, short_only=True),
        state(SELL_EXIT, SELL_ENTRY),
        state(SELL_EXIT, long_only=True),
        state(SELL_EXIT, BUY_ENTRY, long_only=True),
        state(SELL_EXIT, BUY_EXIT, s2_entered_at=5.0),
    ],
)
def test_a_healthy_state_has_no_violations(healthy: PairState) -> None:
    assert check_invariants(healthy) == []


TWO_BUYS = (BUY_ENTRY, replace(BUY_ENTRY, local_id=8))
S0 = "S0 must be exactly A sell entry + B buy entry"
S0_LONG = "S0 long_only must be exactly one buy entry"
S0_SHORT = "S0 short_only must be exactly one sell entry"
S1A = "S1a must be one buy exit + one buy entry"
S1A_SHORT = "S1a short_only must have one buy exit"
S1B = "S1b must be one sell exit + one sell entry"
S1B_LONG = "S1b long_only must have one sell exit"
S2 = "S2 must be one buy exit + one sell exit only"
EXTRA_BUY_EXIT = replace(BUY_EXIT, local_id=8)
EXTRA_SELL_EXIT = replace(SELL_EXIT, local_id=8)


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        (state(), S0),
        (state(BUY_ENTRY), S0),
        (state(SELL_ENTRY), S0),
        (state(SELL_ENTRY, *TWO_BUYS), S0),
        (state(long_only=True), S0_LONG),
        (state(*TWO_BUYS, long_only=True), S0_LONG),
        (state(SELL_ENTRY, BUY_ENTRY, long_only=True), S0_LONG),
        (state(SELL_ENTRY, long_only=True, short_only=True), S0_LONG),
        (state(SELL_ENTRY, BUY_ENTRY, short_only=True), S0_SHORT),
        (state(short_only=True), S0_SHORT),
        (state(BUY_EXIT), S1A),
        (state(BUY_EXIT, long_only=True), S1A),
        (state(BUY_EXIT, BUY_ENTRY, SELL_ENTRY), S1A),
        (state(BUY_EXIT, EXTRA_BUY_EXIT, BUY_ENTRY), S1A),
        (state(BUY_EXIT, EXTRA_BUY_EXIT, short_only=True), S1A_SHORT),
        (state(SELL_EXIT), S1B),
        (state(SELL_EXIT, short_only=True), S1B),
        (state(SELL_EXIT, SELL_ENTRY, BUY_ENTRY), S1B),
        (state(SELL_EXIT, EXTRA_SELL_EXIT, long_only=True), S1B_LONG),
        (state(BUY_EXIT, SELL_EXIT, BUY_ENTRY), S2),
        (state(BUY_EXIT, SELL_EXIT, SELL_ENTRY), S2),
        (state(BUY_EXIT, EXTRA_BUY_EXIT, SELL_EXIT), S2),
        (
            state(SELL_ENTRY, BUY_ENTRY, s2_entered_at=0.0),
            "s2_entered_at must be null outside S2",
        ),
        (state(SELL_ENTRY, replace(BUY_ENTRY, cycle=0)), "order cycle must be >= 1"),
        (state(BUY_ENTRY, replace(BUY_EXIT, entry_price=0.0)), "exit must carry entry_price"),
        (state(SELL_ENTRY, replace(BUY_ENTRY, volume=0.0)), "order volume must be > 0"),
        (state(SELL_ENTRY, BUY_ENTRY, cycle_a=0), "cycle counters must be >= 1"),
        (state(SELL_ENTRY, BUY_ENTRY, cycle_b=-1), "cycle counters must be >= 1"),
        (
            state(SELL_ENTRY, replace(BUY_ENTRY, local_id=1)),
            "duplicate order local_id",
        ),
    ],
)
def test_each_broken_rule_is_named(broken: PairState, violation: str) -> None:
    assert check_invariants(broken) == [violation]


def test_violations_come_in_their_order_and_point_four_goes_order_by_order() -> None:
    bad_exit = replace(BUY_EXIT, cycle=0, entry_price=-1.0, volume=-1.0)
    bad_entry = replace(BUY_ENTRY, local_id=3, cycle=0, volume=0.0)
    broken = state(bad_exit, bad_entry, SELL_ENTRY, s2_entered_at=5.0, cycle_a=0, cycle_b=0)
    assert check_invariants(broken) == [
        "duplicate order local_id",
        S1A,
        "s2_entered_at must be null outside S2",
        "order cycle must be >= 1",
        "exit must carry entry_price",
        "order volume must be > 0",
        "order cycle must be >= 1",
        "order volume must be > 0",
        "cycle counters must be >= 1",
    ]


def test_many_twins_are_one_violation() -> None:
    twins = state(*(replace(BUY_ENTRY, local_id=1) for _ in range(3)))
    assert check_invariants(twins).count("duplicate order local_id") == 1


def test_an_entry_needs_no_entry_price() -> None:
    assert check_invariants(state(replace(SELL_ENTRY, entry_price=-1.0), BUY_ENTRY)) == []
