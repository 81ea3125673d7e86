"""What a divergence would do to money, told from its differences."""

from __future__ import annotations

from itertools import product

import pytest

from replay.differential.model import ABSENT, Difference, DifferenceKind
from replay.findings.severity import Severity, is_hot, rank, severity_of, worst
from replay.streams.model import CALL_NAMES, ORDER_FIELDS, STATE_FIELDS

ORDERS, MONEY = Severity.ORDERS, Severity.MONEY
INVARIANTS, TEXTS = Severity.INVARIANTS, Severity.TEXTS


def differ(path: str, authority: object = 1.0, shadow: object = 2.0) -> Difference:
    return Difference(path, DifferenceKind.MAGNITUDE, authority, shadow)


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("actions[0]", ORDERS),
        ("actions", ORDERS),
        ("actions[1].price", ORDERS),
        ("actions[1].txid", ORDERS),
        ("actions[2].net_profit", ORDERS),
        ("actions[0].reason", TEXTS),
        ("state.orders[0].price", MONEY),
        ("state.orders", MONEY),
        ("state.orders[3]", MONEY),
        ("state.orders[0].regime_at_entry", TEXTS),
        ("state.recovery_orders[0].volume", MONEY),
        ("state.recovery_orders[0].reason", TEXTS),
        ("state.completed_cycles[7].net_profit", MONEY),
        ("state.total_profit", MONEY),
        ("state.total_fees", MONEY),
        ("state.today_realized_loss", MONEY),
        ("state.market_price", MONEY),
        ("state.long_only", MONEY),
        ("violations[0]", INVARIANTS),
        ("violations", INVARIANTS),
        ("state.total_round_trips", TEXTS),
        ("state.consecutive_losses_a", TEXTS),
        ("state.next_order_id", TEXTS),
        ("state.mode_source", TEXTS),
        ("state.now", TEXTS),
    ],
)
def test_each_field_has_its_class(path: str, severity: Severity) -> None:
    assert severity_of("FillEvent", [differ(path)]) is severity


def test_every_field_of_the_state_has_one() -> None:
    classes = {name: severity_of("TimerTick", [differ(f"state.{name}")]) for name in STATE_FIELDS}
    assert set(classes.values()) == {MONEY, TEXTS}
    for name in ORDER_FIELDS:
        assert severity_of("TimerTick", [differ(f"state.orders[2].{name}")]) in (MONEY, TEXTS)


def test_the_worst_difference_decides() -> None:
    paths = ["state.now", "violations[1]", "state.total_fees", "actions[0]"]
    for count, severity in enumerate([TEXTS, INVARIANTS, MONEY, ORDERS], 1):
        assert severity_of("PriceTick", [differ(path) for path in paths[:count]]) is severity
    assert worst([TEXTS, MONEY, INVARIANTS]) is MONEY


def test_one_that_refuses_where_the_other_acts_places_no_order() -> None:
    refused = "unreadable orders[0].local_id"
    for values in ((refused, ABSENT), (ABSENT, refused)):
        assert severity_of("FillEvent", [differ("refusal", *values)]) is ORDERS
        assert severity_of("check_invariants", [differ("refusal", *values)]) is INVARIANTS
    assert severity_of("FillEvent", [differ("refusal", refused, "arithmetic")]) is TEXTS


def test_no_answer_at_all_is_as_bad_as_what_the_call_is_for() -> None:
    assert severity_of("FillEvent", ()) is ORDERS
    assert severity_of("unknown event", ()) is ORDERS
    assert severity_of("check_invariants", ()) is INVARIANTS
    assert severity_of("apply_order_regime_at_entry", ()) is TEXTS


def test_the_hot_path_is_fills_and_ticks() -> None:
    hot = {name for name in CALL_NAMES.values() if is_hot(name)}
    assert hot == {"FillEvent", "TimerTick", "PriceTick"}


def test_the_class_comes_before_the_hot_path() -> None:
    ranks = [rank(severity, hot) for severity, hot in product(Severity, (True, False))]
    assert ranks == list(range(8))
