import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from core_makers import BUY_EXIT, CYCLE, RECOVERY_A, SELL_EXIT, of_kind, state

from replay.core import (
    BookCycleAction,
    CoreError,
    EngineConfig,
    Event,
    FillEvent,
    PairState,
    PriceTick,
    RecoveryCancelEvent,
    RecoveryFillEvent,
    TimerTick,
    UnknownEventError,
    UnreadableError,
    action_to_dict,
    config_from_dict,
    config_to_dict,
    event_from_dict,
    event_to_dict,
    from_dict,
    order_size_from,
    order_sizes_from,
    patch_state,
    to_dict,
)
from replay.core.codec import normalise_regime

FULL = state(
    BUY_EXIT,
    SELL_EXIT,
    recovery_orders=(RECOVERY_A,),
    completed_cycles=(CYCLE,),
    s2_entered_at=5.0,
    mode_source="regime",
    last_refresh_direction_a="up",
)


def full(**changes: object) -> dict[str, Any]:
    return {**to_dict(FULL), **changes}


def order(**changes: object) -> dict[str, Any]:
    return {**to_dict(FULL)["orders"][0], **changes}


def refusal(read: Callable[[object], object], document: object) -> str:
    with pytest.raises(UnreadableError) as caught:
        read(document)
    return caught.value.path


# --- States -----------------------------------------------------------------------------------


def test_a_state_survives_writing_and_reading() -> None:
    assert from_dict(to_dict(FULL)) == FULL


def test_the_serialised_form_is_pinned() -> None:
    """Keys and their order are the contract with the other core and with old snapshots."""
    document = to_dict(FULL)
    assert list(document) == [
        "market_price",
        "now",
        "orders",
        "recovery_orders",
        "completed_cycles",
        "cycle_a",
        "cycle_b",
        "next_order_id",
        "next_recovery_id",
        "total_profit",
        "total_settled_usd",
        "total_fees",
        "today_realized_loss",
        "total_round_trips",
        "s2_entered_at",
        "last_price_update_at",
        "consecutive_losses_a",
        "consecutive_losses_b",
        "cooldown_until_a",
        "cooldown_until_b",
        "long_only",
        "short_only",
        "mode_source",
        "consecutive_refreshes_a",
        "consecutive_refreshes_b",
        "last_refresh_direction_a",
        "last_refresh_direction_b",
        "refresh_cooldown_until_a",
        "refresh_cooldown_until_b",
        "profit_pct_runtime",
    ]
    assert list(document["orders"][0]) == [
        "local_id",
        "side",
        "role",
        "price",
        "volume",
        "trade_id",
        "cycle",
        "txid",
        "placed_at",
        "entry_price",
        "entry_fee",
        "entry_filled_at",
        "regime_at_entry",
    ]
    assert list(document["recovery_orders"][0]) == [
        "recovery_id",
        "side",
        "price",
        "volume",
        "trade_id",
        "cycle",
        "entry_price",
        "orphaned_at",
        "entry_fee",
        "entry_filled_at",
        "txid",
        "reason",
        "regime_at_entry",
    ]
    assert document["completed_cycles"][0] == {
        "trade_id": "A",
        "cycle": 1,
        "entry_price": 0.25,
        "exit_price": 0.125,
        "volume": 16.0,
        "gross_profit": 2.0,
        "fees": 0.75,
        "net_profit": 1.25,
        "entry_fee": 0.0,
        "exit_fee": 0.0,
        "quote_fee": 0.0,
        "settled_usd": 0.0,
        "entry_time": 0.0,
        "exit_time": 0.0,
        "from_recovery": False,
        "regime_at_entry": None,
    }


def test_an_empty_snapshot_loads_with_all_defaults() -> None:
    assert from_dict({}) == PairState(0.0, 0.0)


def test_the_records_of_an_old_snapshot_take_their_defaults() -> None:
    old = {
        "orders": [
            dict(list(order().items())[:7]),
        ],
        "recovery_orders": [dict(list(to_dict(FULL)["recovery_orders"][0].items())[:8])],
        "completed_cycles": [dict(list(to_dict(FULL)["completed_cycles"][0].items())[:8])],
    }
    loaded = from_dict(old)
    assert (loaded.orders[0].txid, loaded.orders[0].regime_at_entry) == ("", None)
    assert loaded.recovery_orders[0].reason == "stale"
    assert loaded.completed_cycles[0] == CYCLE


def test_unknown_fields_are_ignored() -> None:
    assert from_dict({**full(orders=[order(colour="red")]), "extra": [1]}).orders == (BUY_EXIT,)


def test_entries_of_lists_that_are_no_objects_are_dropped() -> None:
    junk: list[object] = [None, 1, "x", [], order(), True]
    loaded = from_dict({"orders": junk, "recovery_orders": [3], "completed_cycles": [None]})
    assert loaded == PairState(0.0, 0.0, orders=(BUY_EXIT,))


def test_the_settled_total_falls_back_to_the_profit() -> None:
    assert from_dict({"total_profit": 3.5}).total_settled_usd == 3.5
    assert from_dict({"total_profit": 3.5, "total_settled_usd": 1.0}).total_settled_usd == 1.0


def test_the_runtime_profit_falls_back_to_profit_pct_and_then_to_one() -> None:
    assert from_dict({"profit_pct": 2}).profit_pct_runtime == 2.0
    assert from_dict({"profit_pct": "x", "profit_pct_runtime": 3.0}).profit_pct_runtime == 3.0
    assert from_dict({}).profit_pct_runtime == 1.0
    assert refusal(from_dict, {"profit_pct": "x"}) == "profit_pct"


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("none", "none"),
        (" Balance\n", "balance"),
        ("REGIME", "regime"),
        ("manual", "none"),
        ("", "none"),
        (None, "none"),
        (3, "none"),
        ([], "none"),
    ],
)
def test_any_mode_source_can_be_read(value: object, source: str) -> None:
    assert from_dict({"mode_source": value}).mode_source == source


@pytest.mark.parametrize(
    ("value", "regime"),
    [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, None),
        (-1, None),
        (10**400, None),
        (0.0, 0),
        (2.9, 2),
        (-0.5, 0),
        (-0.99, 0),
        (-1.0, None),
        (3.0, None),
        (1e300, None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        (True, 1),
        (False, 0),
        ("BEARISH", 0),
        (" ranging ", 1),
        ("Bullish\t", 2),
        ("0", 0),
        ("1", 1),
        (" 2 ", 2),
        ("1.0", None),
        ("3", None),
        ("", None),
        ("bull", None),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_a_regime_is_normalised_and_never_refused(value: object, regime: int | None) -> None:
    assert normalise_regime(value) == regime
    assert type(normalise_regime(value)) is type(regime)
    assert from_dict({"orders": [order(regime_at_entry=value)]}).orders[0].regime_at_entry == regime


def test_an_int_may_come_as_a_number_without_a_fraction() -> None:
    loaded = from_dict({"cycle_a": 2.0, "cycle_b": -0.0, "next_order_id": -(2**63)})
    assert (loaded.cycle_a, loaded.cycle_b, loaded.next_order_id) == (2, 0, -(2**63))
    assert type(loaded.cycle_a) is int
    assert from_dict({"cycle_a": -(2.0**63)}).cycle_a == -(2**63)


def test_a_double_may_come_as_an_int_and_need_not_be_finite() -> None:
    loaded = from_dict({"market_price": 2, "now": math.inf, "total_profit": -math.inf})
    assert type(loaded.market_price) is float
    assert (loaded.now, loaded.total_profit) == (math.inf, -math.inf)
    assert math.isnan(of_kind(float, from_dict({"s2_entered_at": math.nan}).s2_entered_at))


BIG = 10**400

NOT_DOUBLES: list[object] = [None, True, "1.0", [], {}, BIG]
NOT_INTS: list[object] = [
    None,
    False,
    "1",
    [],
    {},
    1.5,
    math.nan,
    math.inf,
    2**63,
    -(2**63) - 1,
    2.0**63,
    BIG,
]
NOT_BOOLS: list[object] = [None, 0, 1, "true", 1.0, []]
NOT_TEXTS: list[object] = [None, 0, True, [], {}]


@pytest.mark.parametrize("value", NOT_DOUBLES)
def test_what_is_no_double_is_refused(value: object) -> None:
    for name in ("market_price", "now", "total_fees", "cooldown_until_a", "profit_pct_runtime"):
        assert refusal(from_dict, full(**{name: value})) == name
    for name in ("price", "volume", "placed_at", "entry_filled_at"):
        assert refusal(from_dict, full(orders=[order(**{name: value})])) == f"orders[0].{name}"


@pytest.mark.parametrize("value", NOT_DOUBLES[1:])
def test_what_is_no_double_is_refused_where_null_is_allowed(value: object) -> None:
    assert refusal(from_dict, full(s2_entered_at=value)) == "s2_entered_at"
    assert refusal(from_dict, full(last_price_update_at=value)) == "last_price_update_at"


@pytest.mark.parametrize("value", NOT_INTS)
def test_what_is_no_int_is_refused(value: object) -> None:
    for name in ("cycle_a", "next_recovery_id", "total_round_trips", "consecutive_refreshes_b"):
        assert refusal(from_dict, full(**{name: value})) == name
    assert refusal(from_dict, full(orders=[order(local_id=value)])) == "orders[0].local_id"


@pytest.mark.parametrize("value", NOT_BOOLS)
def test_what_is_no_bool_is_refused(value: object) -> None:
    assert refusal(from_dict, full(long_only=value)) == "long_only"
    assert refusal(from_dict, full(short_only=value)) == "short_only"
    cycle = {**full()["completed_cycles"][0], "from_recovery": value}
    path = refusal(from_dict, full(completed_cycles=[cycle]))
    assert path == "completed_cycles[0].from_recovery"


@pytest.mark.parametrize("value", NOT_TEXTS)
def test_what_is_no_text_is_refused(value: object) -> None:
    for name in ("txid", "side", "role", "trade_id"):
        assert refusal(from_dict, full(orders=[order(**{name: value})])) == f"orders[0].{name}"
    recovery = {**full()["recovery_orders"][0], "reason": value}
    path = refusal(from_dict, full(recovery_orders=[recovery]))
    assert path == "recovery_orders[0].reason"
    if value is not None:
        assert refusal(from_dict, {"last_refresh_direction_a": value}) == "last_refresh_direction_a"


@pytest.mark.parametrize(
    ("name", "value"),
    [("side", "Buy"), ("side", " buy"), ("role", "exit "), ("trade_id", "a"), ("trade_id", "")],
)
def test_closed_sets_of_texts_are_exact(name: str, value: str) -> None:
    assert refusal(from_dict, full(orders=[order(**{name: value})])) == f"orders[0].{name}"


def test_any_text_is_a_direction() -> None:
    assert (
        from_dict({"last_refresh_direction_b": "sideways"}).last_refresh_direction_b == "sideways"
    )
    assert from_dict({"last_refresh_direction_b": None}).last_refresh_direction_b is None


@pytest.mark.parametrize("name", ["orders", "recovery_orders", "completed_cycles"])
@pytest.mark.parametrize("value", [None, {}, "x", 3])
def test_what_is_no_list_is_refused(name: str, value: object) -> None:
    assert refusal(from_dict, full(**{name: value})) == name


@pytest.mark.parametrize("name", list(order())[:7])
def test_a_field_without_a_default_must_be_there(name: str) -> None:
    document = order()
    del document[name]
    assert refusal(from_dict, {"orders": [document]}) == f"orders[0].{name}"


@pytest.mark.parametrize("value", [None, [], "state", 3, True])
def test_a_state_is_an_object(value: object) -> None:
    assert refusal(from_dict, value) == "state"


def test_the_first_error_in_serialised_order_is_the_answer() -> None:
    """Whatever order the document has: a list as a whole, then the next field."""
    broken = {"profit_pct_runtime": "x", "cycle_a": "x", "orders": [order(cycle="x", side="x")]}
    assert refusal(from_dict, broken) == "orders[0].side"
    broken["orders"] = [order(), order(txid=1), order(local_id="x")]
    assert refusal(from_dict, broken) == "orders[1].txid"
    assert refusal(from_dict, {**broken, "now": None}) == "now"
    assert refusal(from_dict, {"cycle_a": "x", "profit_pct": "x"}) == "cycle_a"
    assert refusal(from_dict, {"total_profit": "x"}) == "total_profit"


def test_a_path_has_the_index_of_the_list_as_it_was_sent() -> None:
    assert refusal(from_dict, {"orders": [None, 5, order(price="x")]}) == "orders[2].price"


# --- Patches ----------------------------------------------------------------------------------


def test_a_patch_replaces_only_what_it_names() -> None:
    patched = patch_state(FULL, {"orders": [], "now": 3, "unknown": 1, "profit_pct": "x"})
    assert (patched.orders, patched.now) == ((), 3.0)
    assert patched.completed_cycles is FULL.completed_cycles
    assert to_dict(patched) == full(orders=[], now=3.0)


def test_a_patch_is_refused_like_a_state() -> None:
    patch = {"now": "x", "orders": [order(price="x")], "market_price": 1}
    assert refusal(lambda document: patch_state(FULL, document), patch) == "now"
    del patch["now"]
    assert refusal(lambda document: patch_state(FULL, document), patch) == "orders[0].price"
    assert refusal(lambda document: patch_state(FULL, document), []) == "state"


# --- Events -----------------------------------------------------------------------------------

EVENTS: list[Event] = [
    FillEvent(1, "T", "buy", 0.2, 25.0, 0.01, 5.0),
    RecoveryFillEvent(1, "T", "sell", 0.2, 25.0, 0.01, 5.0),
    RecoveryCancelEvent(1, "T", 5.0),
    PriceTick(0.2, 5.0),
    TimerTick(5.0),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_told_by_its_fields(event: Event) -> None:
    document = event_to_dict(event)
    assert event_from_dict(document) == event
    assert event_from_dict({**document, "type": "TimerTick", "other": None}) == event


def test_event_fields_are_tried_in_the_order_of_the_protocol() -> None:
    both = {**event_to_dict(EVENTS[0]), **event_to_dict(EVENTS[1])}
    assert isinstance(event_from_dict(both), FillEvent)
    without_fee = {k: v for k, v in event_to_dict(EVENTS[1]).items() if k != "fee"}
    assert isinstance(event_from_dict(without_fee), RecoveryCancelEvent)
    without_txid = {k: v for k, v in event_to_dict(EVENTS[0]).items() if k != "txid"}
    assert isinstance(event_from_dict(without_txid), PriceTick)


@pytest.mark.parametrize("document", [{}, {"price": 1.0}, {"recovery_id": 1, "txid": ""}])
def test_an_event_that_fits_no_kind_is_unknown(document: dict[str, object]) -> None:
    with pytest.raises(UnknownEventError):
        event_from_dict(document)


def test_a_field_of_the_wrong_type_still_tells_the_event() -> None:
    assert refusal(event_from_dict, {"price": None, "timestamp": 1.0}) == "event.price"
    assert refusal(event_from_dict, {"price": 1, "timestamp": True}) == "event.timestamp"
    fill = event_to_dict(EVENTS[0])
    assert refusal(event_from_dict, {**fill, "side": "hold", "fee": "x"}) == "event.side"
    assert refusal(event_from_dict, {**fill, "order_local_id": 1.5}) == "event.order_local_id"
    assert refusal(event_from_dict, []) == "event"


# --- Configuration and sizes ------------------------------------------------------------------


def test_a_config_has_defaults_and_survives_writing_and_reading() -> None:
    assert config_from_dict({}) == EngineConfig()
    cfg = EngineConfig(entry_pct_a=0.5, s1_orphan_after_sec=math.inf, sticky_mode_enabled=True)
    assert config_from_dict(config_to_dict(cfg)) == cfg
    assert list(config_to_dict(cfg))[:4] == [
        "entry_pct",
        "entry_pct_a",
        "entry_pct_b",
        "profit_pct",
    ]
    assert len(config_to_dict(cfg)) == 24


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entry_pct", None),
        ("entry_pct_a", "x"),
        ("price_decimals", 6.5),
        ("max_recovery_slots", True),
        ("sticky_mode_enabled", 1),
        ("min_volume", BIG),
    ],
)
def test_a_config_is_refused_with_its_path(name: str, value: object) -> None:
    assert refusal(config_from_dict, {name: value}) == f"config.{name}"


def test_a_config_is_an_object_and_read_in_order() -> None:
    assert refusal(config_from_dict, None) == "config"
    assert (
        refusal(config_from_dict, {"refresh_pct": "x", "entry_pct_b": "x"}) == "config.entry_pct_b"
    )


def test_the_order_size_is_a_number() -> None:
    assert order_size_from(2) == 2.0
    assert order_size_from(math.inf) == math.inf
    for value in NOT_DOUBLES:
        assert refusal(order_size_from, value) == "order_size_usd"


def test_order_sizes_are_null_or_those_of_the_trades() -> None:
    assert order_sizes_from(None) is None
    assert order_sizes_from({}) == {}
    assert order_sizes_from({"B": 3, "C": "x", "a": None}) == {"B": 3.0}
    assert refusal(order_sizes_from, {"B": "x", "A": None}) == "order_sizes.A"
    assert refusal(order_sizes_from, {"B": True}) == "order_sizes.B"
    assert refusal(order_sizes_from, []) == "order_sizes"


def test_actions_are_written_field_by_field() -> None:
    assert action_to_dict(BookCycleAction("A", 4, 1.25, 2.0, 0.75)) == {
        "trade_id": "A",
        "cycle": 4,
        "net_profit": 1.25,
        "gross_profit": 2.0,
        "fees": 0.75,
        "settled_usd": 0.0,
        "from_recovery": False,
    }


# --- Errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"orders": [order(local_id="x")]}, "orders[0].local_id: expected an int, got 'x'"),
        ({"now": None}, "now: expected a number, got null"),
        ({"now": True}, "now: expected a number, got true"),
        ({"now": {}}, "now: expected a number, got an object"),
        ({"long_only": 1}, "long_only: expected true or false, got 1"),
        ({"orders": {}}, "orders: expected a list, got an object"),
        ({"orders": [{}]}, "orders[0].local_id: is missing"),
        ({"orders": [order(side="x")]}, "orders[0].side: expected 'buy' or 'sell', got 'x'"),
        ({"cycle_a": 2**63}, "cycle_a: expected an int of 64 bits, got 9223372036854775808"),
        ({"cycle_a": 10**5000}, "cycle_a: expected an int of 64 bits, got an int of 16610 bits"),
        ({"cycle_a": "y" * 61}, f"cycle_a: expected an int, got '{'y' * 60}'..."),
    ],
)
def test_an_error_says_where_and_what(document: dict[str, object], text: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        from_dict(document)
    assert str(caught.value) == text


def test_errors_pass_between_processes() -> None:
    error = pickle.loads(pickle.dumps(UnreadableError("orders[0].side", "no")))
    assert (error.path, error.reason, str(error)) == ("orders[0].side", "no", "orders[0].side: no")
    assert issubclass(UnreadableError, CoreError)
    assert issubclass(UnknownEventError, CoreError)
    assert issubclass(CoreError, ValueError)
