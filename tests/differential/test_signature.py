"""Signatures: what makes two divergences the same bug, and the IDs made from them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from differential_makers import NOW, faulty, findings, order, ours, state, stream, two_entries

from replay.differential.compare import compare
from replay.differential.model import Signature
from replay.differential.settings_in_force import Settings
from replay.differential.signature.signature import (
    divergence_signature,
    erased,
    failure_signature,
    root_of,
    rule_at_work,
)
from replay.streams.model import ORDERS
from replay.targets.base import Failure, FailureKind, Outcome
from replay.targets.compact import INDEX_OF, Plain, read_state

SETTINGS = Settings({"config": {}, "order_size_usd": 5.0, "order_sizes": None})
TICK, TIMER = (0, 0.2, NOW), (1, NOW)
ENTRY_FILL = (2, 1, "X", "sell", 0.2, 25.0, 0.01, NOW)
S0 = read_state(two_entries())
S1 = read_state(state(order(3, "buy", "exit"), order(2, "buy", "entry")))
S2 = read_state(state(order(3, "buy", "exit"), order(4, "sell", "exit")))
PLACE_ENTRY = [0, 10, "sell", "entry", 0.2, 25.0, "A", 1, True, "cycle_complete"]
PLACE_EXIT = [0, 10, "buy", "exit", 0.2, 25.0, "A", 1, True, "entry_fill_exit"]
BOOK = [3, "A", 1, 1.0, 1.0, 0.0, 1.0, False]
CANCEL = [1, 1, "T1", "stale_entry"]
ORPHAN = [2, 3, 10, "s1_timeout"]
CYCLE = ["A", 1, 0.2, 0.19, 25.0, 2.0, 0.5, 1.5, 0.25, 0.25, 0.25, 1.75, 1.0, 2.0, False, None]


def outcome(*actions: Any, violations: tuple[str, ...] = (), **fields: Any) -> Outcome:
    """An outcome that sets fields by name."""
    delta: list[Any] = []
    for index, value in sorted((INDEX_OF[name], value) for name, value in fields.items()):
        delta += [index, value]
    return [delta, list(actions), list(violations)]


def signature(call: Any, before: Plain | None, one: Outcome, other: Outcome) -> Signature:
    differences = compare(one, other, before)
    assert differences
    return divergence_signature(call, before, one, other, differences, SETTINGS)


def record(local_id: int, role: str, price: float = 0.2, volume: float = 25.0) -> list[Any]:
    side = "sell" if role == "entry" else "buy"
    return [local_id, side, role, price, volume, "A", 1, "", NOW, 0.0, 0.0, 0.0, None]


def test_ids_are_the_same_on_every_machine_and_in_every_version() -> None:
    """Changing one of these renames buckets in every database there is."""
    assert Signature("FillEvent", "exit fill", "state.orders[]", "missing").id == "d-196c203a"
    assert Signature("TimerTick", "S1 time-out", "whether it acts", "decision").id == "d-c19cb721"
    assert Signature("PriceTick", "refresh", "", "timeout", failure=True).id == "f-8a7601ad"
    assert Signature("any event", "book a cycle", "state.total_fees", "value").id == "d-6e01b049"


def test_every_part_of_a_signature_is_part_of_its_id() -> None:
    parts = ("a", "b", "c", "d")
    ids = {Signature(*parts).id, Signature(*parts, failure=True).id}
    for name in ("event", "rule", "field", "kind"):
        other: Any = {name: "x"}
        ids.add(replace(Signature(*parts), **other).id)
    ids.add(Signature("ab", "", "c", "d").id)
    assert len(ids) == 7


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("state.orders[12].price", "state.orders[].price"),
        ("state.completed_cycles[3]", "state.completed_cycles[]"),
        ("state.cooldown_until_a", "state.cooldown_until_*"),
        ("state.cycle_b", "state.cycle_*"),
        ("actions[1].reason", "actions[].reason"),
        ("violations[0]", "violations[]"),
        ("state.total_fees", "state.total_fees"),
    ],
)
def test_places_and_the_trade_are_not_part_of_a_path(path: str, wanted: str) -> None:
    assert erased(path) == wanted


def test_the_trade_does_not_make_another_bug() -> None:
    a = signature(ENTRY_FILL, S0, outcome(cooldown_until_a=1.0), outcome(cooldown_until_a=2.0))
    b = signature(ENTRY_FILL, S0, outcome(cooldown_until_b=5.0), outcome(cooldown_until_b=9.0))
    assert a == b
    assert a.field == "state.cooldown_until_*"


@pytest.mark.parametrize(("one", "other"), [(1.0, 2.0), (1.0, -1.0), (7e9, 0.5), (0.0, 1e-300)])
def test_values_are_never_part_of_a_signature(one: float, other: float) -> None:
    found = signature(ENTRY_FILL, S0, outcome(total_fees=one), outcome(total_fees=other))
    assert found == Signature("FillEvent", "entry fill", "state.total_fees", "value")


def test_only_of_what_is_rounded_the_last_digit_is_another_bug() -> None:
    def of_price(other: float) -> str:
        return signature(
            ENTRY_FILL,
            S0,
            outcome(orders=[record(1, "entry", 0.2)]),
            outcome(orders=[record(1, "entry", other)]),
        ).kind

    assert of_price(0.200001) == "last digit"
    assert of_price(0.3) == of_price(-0.2) == "value"
    close = math.nextafter(1.0, 2.0)
    assert signature(ENTRY_FILL, S0, outcome(total_fees=1.0), outcome(total_fees=close)).kind == (
        "value"
    )


def test_the_field_that_is_computed_first_stands_for_all_that_follow() -> None:
    wrong = [*CYCLE[:9], 0.3, *CYCLE[10:]]
    one = outcome(BOOK, completed_cycles=[0, [CYCLE]], total_profit=1.0, orders=[])
    other = outcome(completed_cycles=[0, [wrong]], total_profit=2.0, orders=[record(9, "entry")])
    differences = compare(one, other, S1)
    assert len(differences) == 4
    assert root_of(differences).path == "state.completed_cycles[0].exit_fee"
    found = signature((2, 3, "X", "buy", 0.2, 25.0, 0.01, NOW), S1, one, other)
    assert found == Signature(
        "any event", "book a cycle", "state.completed_cycles[].exit_fee", "value"
    )


def test_an_unknown_path_comes_last() -> None:
    one = outcome(CANCEL, violations=("a",))
    other = outcome(violations=("a", "b"))
    assert root_of(compare(one, other, S0)).path == "actions[0]"


def test_booking_is_one_rule_whatever_the_event() -> None:
    one = outcome(BOOK, total_profit=1.0)
    other = outcome(BOOK, total_profit=2.0)
    fill = (2, 3, "X", "buy", 0.2, 25.0, 0.01, NOW)
    recovered = read_state(
        state(
            recovery_orders=[
                {"recovery_id": 1, "side": "buy", "price": 0.2, "volume": 25.0, "trade_id": "A",
                 "cycle": 1, "entry_price": 0.2, "orphaned_at": 1.0}
            ]
        )
    )  # fmt: skip
    recovery = (3, 1, "X", "buy", 0.2, 25.0, 0.01, NOW)
    assert rule_at_work(fill, S1) == "exit fill"
    assert rule_at_work(recovery, recovered) == "recovery fill"
    found = {signature(fill, S1, one, other), signature(recovery, recovered, one, other)}
    assert found == {Signature("any event", "book a cycle", "state.total_profit", "value")}


def test_counting_the_loss_is_a_rule_of_its_own_where_something_was_booked() -> None:
    fill = (2, 3, "X", "buy", 0.2, 25.0, 0.01, NOW)
    booked = signature(
        fill, S1, outcome(BOOK, consecutive_losses_a=1), outcome(BOOK, consecutive_losses_a=2)
    )
    assert booked == Signature("any event", "count the loss", "state.consecutive_losses_*", "value")


def test_a_wrong_entry_is_the_same_bug_after_a_fill_and_after_a_refresh() -> None:
    one = outcome(PLACE_ENTRY, orders=[record(10, "entry", 0.3)])
    other = outcome(PLACE_ENTRY, orders=[record(10, "entry", 0.4)])
    fill = (2, 3, "X", "buy", 0.2, 25.0, 0.01, NOW)
    found = {signature(fill, S1, one, other), signature(TICK, S0, one, other)}
    assert found == {Signature("any event", "new entry", "state.orders[].price", "value")}
    volume = outcome(PLACE_ENTRY, orders=[record(10, "entry", 0.3, 26.0)])
    assert signature(fill, S1, one, volume).rule == "order volume"
    one = outcome(PLACE_EXIT, orders=[record(10, "exit", 0.3)])
    other = outcome(PLACE_EXIT, orders=[record(10, "exit", 0.4)])
    assert signature(ENTRY_FILL, S0, one, other).rule == "exit of a filled entry"


def test_what_only_reading_sets_is_the_bug_of_reading_whatever_the_event() -> None:
    one, other = outcome(mode_source="none"), outcome(mode_source="regime")
    found = {signature(call, S0, one, other) for call in (TICK, TIMER, ENTRY_FILL, (6,))}
    assert found == {Signature("any event", "reading a state", "state.mode_source", "value")}


def test_whether_a_tick_acts_is_another_bug_than_what_it_does() -> None:
    acts = outcome(CANCEL, PLACE_ENTRY, consecutive_refreshes_a=1)
    rests = outcome()
    for one, another in ((acts, rests), (rests, acts)):
        decision = signature(TICK, S0, one, another)
        assert (decision.rule, decision.kind) == ("refresh", "decision")
        # It names the condition that held the step back by the contract.
        assert decision.field == "whether it acts: drift"
    other = outcome(CANCEL, PLACE_ENTRY, consecutive_refreshes_a=2)
    assert signature(TICK, S0, acts, other).field == "state.consecutive_refreshes_*"
    timer = signature(TIMER, S1, outcome(ORPHAN), rests)
    assert (timer.rule, timer.kind) == ("S1 time-out", "decision")
    assert timer.field.startswith("whether it acts")


def test_naming_a_field_that_was_set_from_outside_is_not_acting() -> None:
    named = outcome(refresh_cooldown_until_a=0.0, total_fees=1.0)
    unnamed = outcome(total_fees=2.0)
    assert signature(TICK, S0, named, unnamed).field == "state.total_fees"


def test_which_exit_is_orphaned_is_a_decision() -> None:
    one, other = outcome([2, 3, 10, "s2_timeout"]), outcome([2, 4, 10, "s2_timeout"])
    assert signature(TIMER, S2, one, other) == Signature(
        "TimerTick", "S2 time-out", "which exit is orphaned: tie", "decision"
    )


def test_a_violation_is_told_by_its_text_and_not_by_its_event() -> None:
    one, other = outcome(violations=("cycle counters must be >= 1",)), outcome()
    found = {signature(call, S0, one, other) for call in (TICK, TIMER, (6,))}
    assert len(found) == 1
    (only,) = found
    assert (only.event, only.rule) == ("any event", "invariants")
    assert "cycle counters must be >= 1" in only.field
    duplicate = outcome(violations=("duplicate order local_id",))
    assert signature(TICK, S0, duplicate, other) != only


def test_refusals_are_told_by_side_kind_and_path_without_its_places() -> None:
    one = ["unreadable", "orders[3].price"]
    other: Outcome = ["unreadable", "orders[7].side"]
    found = signature(TICK, None, one, other)
    assert found == signature(TICK, None, ["unreadable", "orders[0].price"], other)
    assert found.field == ("refusal authority: unreadable double, shadow: unreadable choice")
    assert signature(TICK, S0, ["arithmetic", ""], outcome()).field == (
        "refusal authority: arithmetic"
    )


def test_a_differing_action_names_its_class() -> None:
    one, other = outcome(CANCEL), outcome([*CANCEL[:3], "other"])
    assert signature(ENTRY_FILL, S0, one, other).field == "actions[].reason CancelOrderAction"
    assert signature(ENTRY_FILL, S0, one, outcome()).field == "actions[] CancelOrderAction"
    assert signature(ENTRY_FILL, S0, outcome(), one).field == "actions[] CancelOrderAction"


@pytest.mark.parametrize("odd", [None, 5, "x", {}, {"type": "x"}, [], [9], [0], [{}]])
@pytest.mark.parametrize("before", [S0, S1, S2])
def test_an_odd_action_on_either_side_has_a_signature_all_the_same(odd: Any, before: Plain) -> None:
    for call in (TICK, TIMER, ENTRY_FILL):
        for proper in (PLACE_ENTRY, CANCEL, ORPHAN, BOOK):
            assert signature(call, before, outcome(proper), outcome(odd)).id.startswith("d-")
            assert signature(call, before, outcome(odd), outcome(proper)).id.startswith("d-")


@pytest.mark.parametrize("side", ["", "BUY", "long"])
def test_an_exit_on_no_side_has_a_signature_all_the_same(side: str) -> None:
    """A bot takes a side that is none of the two for one of them."""
    assert S2 is not None
    first, second = S2[ORDERS]
    before = [*S2[:ORDERS], [first, [second[0], side, *second[2:]]], *S2[ORDERS + 1 :]]
    one, other = outcome([2, 3, 10, "s2_timeout"]), outcome([2, 4, 10, "s2_timeout"])
    for call in (TIMER, TICK, ENTRY_FILL):
        assert signature(call, before, one, other).id.startswith("d-")
        assert signature(call, before, one, outcome()).id.startswith("d-")
        assert signature(call, before, ["arithmetic", ""], other).id.startswith("d-")


@pytest.mark.parametrize("odd", [None, 5, "x", {}, [], [None], [5], [{}], [[]], [["x"]]])
def test_odd_lists_of_records_have_a_signature_all_the_same(odd: Any) -> None:
    proper = outcome(orders=[record(1, "entry")], recovery_orders=[])
    for name in ("orders", "recovery_orders"):
        other = outcome(**{"orders": [record(1, "entry")], "recovery_orders": [], name: odd})
        if compare(proper, other, S1):
            assert signature(TIMER, S1, proper, other).id.startswith("d-")
            assert signature(TIMER, S1, other, proper).id.startswith("d-")


@pytest.mark.parametrize(
    ("call", "before", "rule"),
    [
        (ENTRY_FILL, S0, "entry fill"),
        ((2, 3, "X", "buy", 0.2, 25.0, 0.01, NOW), S1, "exit fill"),
        ((2, 99, "X", "buy", 0.2, 25.0, 0.01, NOW), S1, "unknown order"),
        ((3, 99, "X", "buy", 0.2, 25.0, 0.01, NOW), S1, "unknown recovery"),
        ((4, 99, "X", NOW), S1, "unknown recovery"),
        (TIMER, S0, "no exits"),
        (TIMER, S1, "S1 time-out"),
        (TIMER, S2, "S2 time-out"),
        (TICK, S0, "refresh"),
        ((6,), S0, ""),
        ({"timestamp": 1.0}, S2, "S2 time-out"),
        ({"unknown": 1.0}, S2, ""),
        (TICK, None, "unreadable state"),
    ],
)
def test_the_rule_at_work_is_told_from_the_state_alone(
    call: Any, before: Plain | None, rule: str
) -> None:
    assert rule_at_work(call, before) == rule


def test_a_failure_is_told_by_event_rule_and_class_and_not_by_its_text() -> None:
    found = failure_signature(TICK, S0, Failure(FailureKind.TIMEOUT, "no line in 5 s"))
    assert found == failure_signature(TICK, S0, Failure(FailureKind.TIMEOUT, "no line in 9 s"))
    assert found.id.startswith("f-")
    assert found != failure_signature(TICK, S0, Failure(FailureKind.EXITED, "exit 1"))
    assert found != failure_signature(TIMER, S1, Failure(FailureKind.TIMEOUT, ""))


def test_a_real_fault_has_one_signature_wherever_it_shows(tmp_path: Path) -> None:
    """A forgotten clear of the S2 mark, shown by another price, id and place each time."""
    recovery = {
        "recovery_id": 1, "side": "buy", "price": 0.2, "volume": 25.0, "trade_id": "A",
        "cycle": 1, "entry_price": 0.2, "orphaned_at": 1.0,
    }  # fmt: skip
    streams = []
    for place in range(3):
        recoveries = [{**recovery, "recovery_id": 5 + n} for n in range(place + 1)]
        document = two_entries(recovery_orders=recoveries, s2_entered_at=900.0)
        fill = (3, 5 + place, "X", "buy", 0.2 + place, 25.0, 0.01, NOW)
        streams.append(stream(fill, start=document))
    found = findings(ours(), faulty(tmp_path, "clear"), *streams)
    assert [finding.signature for finding in found] == [
        Signature("any event", "clear the S2 mark", "state.s2_entered_at", "extra")
    ] * 3


# --- Decisions and figures that look alike -----------------------------------------------------


def kept_recovery(recovery_id: int, price: float, orphaned_at: float) -> list[Any]:
    name = ("buy", price, 25.0, "A", 1, 0.2, orphaned_at, 0.0, 0.0, "", "s1_timeout", None)
    return [recovery_id, *name]


def evicting(*left: list[Any]) -> Outcome:
    """An exit is orphaned, and of the recoveries that were there these are left."""
    return outcome(ORPHAN, recovery_orders=[*left, kept_recovery(9, 0.2, NOW)])


@pytest.mark.parametrize(
    ("other", "by"),
    [((0.3, 5.0), "distance"), ((0.2, 6.0), "age"), ((0.2, 5.0), "id")],
)
def test_which_recovery_is_evicted_is_a_decision_by_what_they_rank(
    other: tuple[float, float], by: str
) -> None:
    """What is booked for it, and what is left, only follows from that."""
    one, another = kept_recovery(1, 0.2, 5.0), kept_recovery(2, *other)
    document = state(order(3, "buy", "exit"), order(2, "buy", "entry"))
    before = [*read_state(document)]  # type: ignore[misc]
    before[INDEX_OF["recovery_orders"]] = [one, another]
    first = signature(TIMER, before, evicting(one), evicting(another))
    assert first == signature(TIMER, before, evicting(another), evicting(one))
    field = f"which recovery is evicted: {by}"
    assert first == Signature("any event", "orphaning", field, "decision")
    fewer = signature(TIMER, before, evicting(one), evicting())
    assert fewer.field == "how many recoveries are evicted"


@pytest.mark.parametrize(
    ("filled", "placed", "named"),
    [
        (1.0, 1e6 - 1, "age"),  # placed too late, had it been counted from there
        (1.0, 0.0, "age"),
        (1.0, 2.0, "moved away"),
        (0.0, 2.0, "moved away"),
    ],
)
def test_an_exit_that_is_left_alone_may_be_counted_from_when_it_was_placed(
    filled: float, placed: float, named: str
) -> None:
    exit_order = order(3, "buy", "exit") | {
        "entry_filled_at": filled, "placed_at": placed, "price": 0.1
    }  # fmt: skip
    before = read_state(state(exit_order, order(2, "buy", "entry")))
    found = signature((1, 1e6), before, outcome(ORPHAN), outcome())
    assert found.field == f"whether it acts: {named}"


@pytest.mark.parametrize(
    ("regime", "rule"),
    [
        (" ranging", "reading a state"),
        ("Bullish", "reading a state"),
        ("BULLISH", ""),
        (2, ""),
        (1.5, ""),
        ("sideways", ""),
    ],
)
def test_a_regime_that_has_to_be_made_out_of_a_text_is_the_reader_s(
    regime: object, rule: str
) -> None:
    one = outcome(orders=[[*record(1, "entry")[:-1], 1]])
    other = outcome(orders=[record(1, "entry")])
    assert signature((5, 1, regime), S0, one, other).rule == rule


@pytest.mark.parametrize(
    ("volume", "part"),
    [
        (16.0, ": rounding"),  # 16.67 cut off, whatever the other size comes to
        (33.0, ": size"),
        (40.0, ""),
    ],
)
def test_a_volume_that_another_size_gives_exactly_is_the_size_s(volume: float, part: str) -> None:
    settings = Settings({"config": {}, "order_size_usd": 5.0, "order_sizes": {"B": 10.0}})
    one = outcome(PLACE_ENTRY, orders=[record(10, "entry", 0.3, 17.0)])
    other = outcome(PLACE_ENTRY, orders=[record(10, "entry", 0.3, volume)])
    fill = (2, 3, "X", "buy", 0.2, 25.0, 0.01, NOW)
    differences = compare(one, other, S1)
    found = divergence_signature(fill, S1, one, other, differences, settings)
    assert (found.rule, found.field) == ("order volume", f"state.orders[].volume{part}")


# --- Refusals and names of others -------------------------------------------------------------


def failed(detail: str, call: Any = TICK, before: Any = S0) -> Signature:
    return failure_signature(call, before, Failure(FailureKind.REFUSED, detail))


def test_the_reason_of_a_refusal_decides_and_not_the_event_that_it_was_met_at() -> None:
    rows = {failed("error cannot read now: inf", call) for call in (TICK, ENTRY_FILL, (1, 5.0))}
    assert len(rows) == 1
    assert failed("error cannot read now: inf") != failed("error now is missing: inf")


def test_two_places_in_a_module_that_overflow_are_two_bugs() -> None:
    one = failed("arithmetic OverflowError in book")
    assert one != failed("arithmetic OverflowError in new_entry")
    assert one != failed("arithmetic ZeroDivisionError in book")
    assert failed("arithmetic OverflowError in _a") != failed("arithmetic OverflowError in _b")
    assert failed("arithmetic").id == "f-fdde193e"


@pytest.mark.parametrize("role", ["NaN", "exit\n fill", {"a": 1}, ["entry"], 5, "Entry", True])
def test_no_rule_is_named_after_a_foreign_value(role: Any) -> None:
    assert S0 is not None
    before = [*S0]
    before[2] = [[1, "buy", role, 0.2, 25.0, "B", 1, "", 0.0, 0.0, 0.0, 0.0, None]]
    assert rule_at_work((2, 1, "X", "buy", 0.2, 25.0, 0.01, NOW), before) == "other fill"


def test_a_violation_in_other_words_is_told_without_its_values() -> None:
    def of(text: str) -> str:
        one, other = outcome(), outcome()
        return signature(TICK, S0, one, [*other[:2], [text]]).field

    assert of("order volume must be > 0") == "violations[] order volume must be > 0"
    assert of("order 17 has volume -0.5") == of("order 3 has volume nan")


@pytest.mark.parametrize(
    "detail",
    ["", " ", "unreadable", "unreadable orders", "unreadable orders[0].", "unreadable now.x[",
     "unreadable \x00.\x1b", "neither", "error", "error \x1b[31m", "unknown_event event"],
)  # fmt: skip
def test_whatever_a_core_says_it_has_a_signature_that_can_be_shown(detail: str) -> None:
    found = failed(detail)
    for part in (found.event, found.rule, found.field):
        assert part.isprintable()
