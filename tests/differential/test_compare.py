"""Comparison: every kind of difference, exactness, paths, and that nothing is overlooked."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.differential.compare import compare, equal, refusal_text
from replay.differential.model import ABSENT, Difference, DifferenceKind
from replay.streams.model import CYCLES, ORDERS, RECORD_FIELDS, RECOVERIES, STATE_FIELDS
from replay.targets.base import MISSING, Outcome
from replay.targets.compact import (
    ACTION_FIELDS,
    INDEX_OF,
    RECORD_KINDS,
    STATE_KINDS,
    History,
    blank,
)

K = DifferenceKind
NAN = math.nan
ORDER = [1, "sell", "entry", 0.25, 25.0, "A", 1, "TX", 900.0, 0.0, 0.0, 0.0, None]
RECOVERY = [1, "buy", 0.125, 16.0, "A", 2, 0.25, 800.0, 0.5, 700.0, "R", "s1_timeout", 0]
CYCLE = ["A", 1, 0.25, 0.125, 16.0, 2.0, 0.75, 1.25, 0.5, 0.25, 0.5, 1.5, 700.0, 800.0, False, 1]
PLACE = [0, 3, "buy", "exit", 0.1, 25.0, "A", 1, True, "entry_fill_exit"]
CANCEL = [1, 1, "TX", "stale_entry"]
ORPHAN = [2, 1, 7, "s1_timeout"]
BOOK = [3, "A", 1, 1.25, 2.0, 0.75, 1.5, False]


def changed(values: list[Any], place: int, value: Any) -> list[Any]:
    return [*values[:place], value, *values[place + 1 :]]


def with_id(record: list[Any], identifier: int) -> list[Any]:
    return changed(record, 0, identifier)


def before(**fields: Any) -> list[Any]:
    plain = blank()
    for name, value in fields.items():
        plain[INDEX_OF[name]] = value
    return plain


def of_field(name: str, one: Any, other: Any, decimals: int = 6) -> tuple[Difference, ...]:
    """The differences where one field of the state has these values."""
    index = INDEX_OF[name]
    return compare([[index, one], [], []], [[index, other], [], []], blank(), decimals)


def of_lists(index: int, one: Any, other: Any) -> list[tuple[str, str]]:
    found = compare([[index, one], [], []], [[index, other], [], []], blank())
    return [(difference.path, str(difference.kind)) for difference in found]


def of_actions(one: list[Any], other: list[Any]) -> list[tuple[str, str]]:
    return [(d.path, str(d.kind)) for d in compare([[], one, []], [[], other, []], blank())]


def of_violations(one: list[Any], other: Any) -> list[tuple[str, str]]:
    return [(d.path, str(d.kind)) for d in compare([[], [], one], [[], [], other], blank())]


@pytest.mark.parametrize(
    ("one", "other"),
    [(0.0, -0.0), (NAN, -NAN), (NAN, float("nan")), (1, 1.0), (math.inf, math.inf), (None, None)],
)
def test_values_that_the_contract_holds_equal_do_not_differ(one: Any, other: Any) -> None:
    assert equal(one, other)
    assert of_field("total_profit", one, other) == ()
    assert of_lists(ORDERS, [changed(ORDER, 9, one)], [changed(ORDER, 9, other)]) == []


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (1.0, math.nextafter(1.0, 2.0), K.LAST_DIGIT),
        (5e-324, 1e-323, K.LAST_DIGIT),
        (1.0, 1.0 + 8 * math.ulp(1.0), K.LAST_DIGIT),
        (1.0, 1.0 + 9 * math.ulp(1.0), K.MAGNITUDE),
        (1.0, 1.5, K.MAGNITUDE),
        (1, 2, K.MAGNITUDE),
        (2**63 - 1, 2**63 - 2, K.MAGNITUDE),
        (2**53 + 1, float(2**53), K.LAST_DIGIT),
        (1.5, -1.5, K.SIGN),
        (math.inf, -math.inf, K.SIGN),
        (3, -3, K.SIGN),
        (math.inf, 1.0, K.MAGNITUDE),
        (NAN, 1.0, K.MAGNITUDE),
        (1.0, NAN, K.MAGNITUDE),
        (1.7e308, -1.6e308, K.MAGNITUDE),
        (10**400, 1.0, K.MAGNITUDE),
        (True, False, K.FLAG),
        (True, 1, K.TYPE),
        (0, False, K.TYPE),
        (1.0, True, K.TYPE),
        (1.0, "1.0", K.TYPE),
        ("a", "b", K.TEXT),
        ("a", "", K.TEXT),
        (1.0, None, K.MISSING),
        (1.0, MISSING, K.MISSING),
        (None, MISSING, K.MISSING),
        (None, 1.0, K.EXTRA),
        (0.0, [0.0], K.TYPE),
    ],
)
def test_the_kind_of_a_difference_says_in_what_way_two_values_differ(
    one: Any, other: Any, kind: DifferenceKind
) -> None:
    assert not equal(one, other)
    assert of_field("total_profit", one, other) == (
        Difference("state.total_profit", kind, one, other),
    )


def test_a_price_one_step_of_its_decimals_off_differs_in_its_last_digit() -> None:
    def kind(price: float, decimals: int) -> str:
        return of_lists_kind(changed(ORDER, 3, price), decimals)

    def of_lists_kind(record: list[Any], decimals: int) -> str:
        found = compare(
            [[ORDERS, [ORDER]], [], []], [[ORDERS, [record]], [], []], blank(), decimals
        )
        assert [d.path for d in found] == ["state.orders[0].price"]
        return str(found[0].kind)

    assert kind(0.250001, 6) == "last digit"
    assert kind(0.250002, 6) == "magnitude"
    assert kind(0.250001, 7) == "magnitude"
    assert kind(0.26, 2) == "last digit"
    assert kind(math.nextafter(0.25, 1.0), 400) == "last digit"
    assert kind(0.250001, 400) == "magnitude"


def test_only_prices_are_measured_against_the_decimals_of_prices() -> None:
    (found,) = of_field("total_profit", 0.25, 0.250001)
    assert found.kind is K.MAGNITUDE
    (found,) = of_field("market_price", 0.25, 0.250001)
    assert found.kind is K.LAST_DIGIT


def test_a_field_that_only_one_delta_names_is_compared_with_the_state_before() -> None:
    index = INDEX_OF["total_profit"]
    start = before(total_profit=1.0)
    same: Outcome = [[index, 1.0], [], []]
    other: Outcome = [[index, 2.0], [], []]
    nothing: Outcome = [[], [], []]
    assert compare(same, nothing, start) == ()
    assert compare(nothing, same, start) == ()
    assert compare(nothing, other, start) == (
        Difference("state.total_profit", K.MAGNITUDE, 1.0, 2.0),
    )
    assert compare(other, nothing, start) == (
        Difference("state.total_profit", K.MAGNITUDE, 2.0, 1.0),
    )


def test_without_a_state_before_a_field_that_one_delta_leaves_out_is_absent() -> None:
    named: Outcome = [[0, 1.0], [], []]
    nothing: Outcome = [[], [], []]
    assert compare(named, nothing, None) == (
        Difference("state.market_price", K.MISSING, 1.0, ABSENT),
    )
    assert compare(nothing, named, None) == (
        Difference("state.market_price", K.EXTRA, ABSENT, 1.0),
    )


def test_records_are_matched_by_id_so_one_too_many_is_one_difference() -> None:
    first, second, third = ORDER, with_id(ORDER, 2), with_id(ORDER, 3)
    assert of_lists(ORDERS, [first, second, third], [second, third]) == [
        ("state.orders[0]", "missing")
    ]
    assert of_lists(ORDERS, [second, third], [first, second, third]) == [
        ("state.orders[0]", "extra")
    ]
    assert of_lists(ORDERS, [first, second], [second, changed(first, 4, 26.0)]) == [
        ("state.orders[0].volume", "magnitude"),
        ("state.orders", "order"),
    ]


def test_records_without_unique_ids_are_matched_by_place() -> None:
    twice = [ORDER, changed(ORDER, 7, "other")]
    assert of_lists(ORDERS, twice, twice) == []
    assert of_lists(ORDERS, twice, twice[::-1]) == [
        ("state.orders[0].txid", "text"),
        ("state.orders[1].txid", "text"),
    ]
    assert of_lists(ORDERS, twice, twice[:1]) == [("state.orders[1]", "missing")]


def test_a_missing_record_is_shown_with_its_fields_by_name() -> None:
    (found,) = compare([[RECOVERIES, [RECOVERY]], [], []], [[RECOVERIES, []], [], []], blank())
    assert found.authority["recovery_id"] == 1
    assert found.authority["reason"] == "s1_timeout"
    assert found.shadow is ABSENT


@pytest.mark.parametrize("odd", [None, 5, {}, [], [1, 2], "order"])
def test_a_record_that_is_none_is_a_difference_of_type(odd: Any) -> None:
    assert ("state.orders[0]", "type") in of_lists(ORDERS, [ORDER], [odd])


@pytest.mark.parametrize(("odd", "kind"), [(MISSING, "missing"), (None, "missing"), (7, "type")])
def test_a_list_of_records_that_is_none_is_one_difference(odd: Any, kind: str) -> None:
    assert of_lists(ORDERS, [ORDER], odd) == [("state.orders", kind)]
    assert of_lists(CYCLES, [0, [CYCLE]], odd) == [("state.completed_cycles", kind)]


def test_a_field_that_an_answer_left_out_of_a_record_is_missing() -> None:
    assert of_lists(ORDERS, [ORDER], [changed(ORDER, 8, MISSING)]) == [
        ("state.orders[0].placed_at", "missing")
    ]
    assert of_lists(ORDERS, [ORDER], [changed(ORDER, 12, MISSING)]) == [
        ("state.orders[0].regime_at_entry", "missing")
    ]
    assert of_actions([PLACE], [changed(PLACE, 8, MISSING)]) == [
        ("actions[0].post_only", "missing")
    ]


def test_histories_that_keep_different_counts_are_compared_by_what_they_hold() -> None:
    other = changed(CYCLE, 1, 2)
    start = before(completed_cycles=History([CYCLE, other]))

    def paths(one: Any, two: Any) -> list[tuple[str, str]]:
        found = compare([[CYCLES, one], [], []], [[CYCLES, two], [], []], start)
        return [(d.path, str(d.kind)) for d in found]

    third = changed(CYCLE, 1, 3)
    assert paths([2, [third]], [0, [CYCLE, other, third]]) == []
    assert paths([1, [third]], [0, [CYCLE, third]]) == []
    assert paths([2, [third]], [2, []]) == [("state.completed_cycles[2]", "missing")]
    assert paths([2, []], [2, [third]]) == [("state.completed_cycles[2]", "extra")]
    assert paths([2, [third]], [0, [changed(CYCLE, 7, 9.0), other, third]]) == [
        ("state.completed_cycles[0].net_profit", "magnitude")
    ]
    assert compare([[CYCLES, [2, [third]]], [], []], [[], [], []], start)[0].path == (
        "state.completed_cycles[2]"
    )
    assert compare([[], [], []], [[CYCLES, [1, []]], [], []], start)[0] == Difference(
        "state.completed_cycles[1]",
        K.MISSING,
        dict(zip(RECORD_FIELDS[CYCLES], other, strict=True)),
        ABSENT,
    )


def test_another_cycle_in_the_same_place_is_not_the_same_one_with_wrong_figures() -> None:
    another = changed(changed(CYCLE, 0, "B"), 12, 1.0)
    assert of_lists(CYCLES, [0, [CYCLE]], [0, [another]]) == [
        ("state.completed_cycles[0]", "order")
    ]
    wrong = changed(changed(CYCLE, 5, 9.0), 12, 1.0)
    assert of_lists(CYCLES, [0, [CYCLE]], [0, [wrong]]) == [
        ("state.completed_cycles[0].gross_profit", "magnitude"),
        ("state.completed_cycles[0].entry_time", "magnitude"),
    ]


def test_actions_are_compared_in_order_and_field_by_field() -> None:
    assert of_actions([CANCEL, PLACE], [CANCEL, changed(PLACE, 4, 0.5)]) == [
        ("actions[1].price", "magnitude")
    ]
    assert of_actions([CANCEL, PLACE], [PLACE]) == [("actions[0]", "missing")]
    assert of_actions([PLACE], [CANCEL, PLACE]) == [("actions[0]", "extra")]
    assert of_actions([CANCEL, PLACE], [CANCEL]) == [("actions[1]", "missing")]
    assert of_actions([CANCEL, PLACE], [PLACE, CANCEL]) == [
        ("actions[0]", "order"),
    ]
    assert of_actions([CANCEL, PLACE], [changed(PLACE, 4, 0.5), CANCEL]) == [
        ("actions[0]", "order"),
        ("actions[1].price", "magnitude"),
    ]
    assert of_actions([ORPHAN], [CANCEL]) == [("actions[0]", "missing"), ("actions[1]", "extra")]
    assert of_actions([BOOK, BOOK], [BOOK]) == [("actions[1]", "missing")]


@pytest.mark.parametrize("odd", [{}, {"type": "x"}, None, 5, "PlaceOrder", [], [9], [0], [0, 1]])
def test_an_action_that_is_none_is_a_difference_on_either_side(odd: Any) -> None:
    assert of_actions([PLACE], [odd])
    assert of_actions([odd], [PLACE])
    assert of_actions([odd], [copy.deepcopy(odd)]) == []


def test_violations_are_compared_as_they_are_counted() -> None:
    assert of_violations(["a", "b"], ["a", "b"]) == []
    assert of_violations(["a", "b", "a"], ["a", "b"]) == [("violations[0]", "missing")]
    assert of_violations(["b"], ["b", "b"]) == [("violations[0]", "extra")]
    assert of_violations(["a", "b"], ["a", "c"]) == [
        ("violations[1]", "missing"),
        ("violations[1]", "extra"),
    ]
    assert of_violations(["a", "b"], ["b", "a"]) == [("violations", "order")]
    assert of_violations(["a"], [5]) == [("violations", "type")]


@pytest.mark.parametrize("odd", [None, 5, {}, MISSING, "text"])
def test_violations_that_are_no_list_are_a_difference_of_type(odd: Any) -> None:
    assert of_violations(["a"], odd) == [("violations", "type")]
    assert of_violations([], odd) == [("violations", "type")]


def test_typed_refusals_must_say_the_same_and_untyped_ones_agree_with_all() -> None:
    one = ["unreadable", "orders[0].local_id"]
    other = ["unreadable", "orders[1].local_id"]
    assert compare(one, list(one), None) == ()
    assert compare(one, other, None) == (
        Difference("refusal", K.REFUSAL, refusal_text(one), refusal_text(other)),
    )
    assert len(compare(one, ["arithmetic", ""], None)) == 1
    assert len(compare(["unknown_event", "event"], one, None)) == 1
    assert compare(one, ["error", "anything"], None) == ()
    assert compare(["error", "x"], other, None) == ()
    assert compare(["error", "x"], ["error", "y"], None) == ()


def test_a_refusal_against_an_answer_is_one_difference_on_either_side() -> None:
    refusal = ["arithmetic", ""]
    answer: Outcome = [[0, 1.0], [PLACE], ["a"]]
    assert compare(refusal, answer, None) == (
        Difference("refusal", K.REFUSAL, "arithmetic", ABSENT),
    )
    assert compare(answer, ["error", "no"], None) == (
        Difference("refusal", K.REFUSAL, ABSENT, "error no"),
    )


# --- Nothing is overlooked --------------------------------------------------------------------

_DOUBLES = st.floats() | st.sampled_from([0.0, -0.0, 0.2, 5e-324, 1.7e308])
_INTS = st.integers(-(2**63), 2**63 - 1)
_BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "d": _DOUBLES,
    "i": _INTS,
    "b": st.booleans(),
    "t": st.sampled_from(["", "A", "buy", "none"]),
    "D": st.none() | _DOUBLES,
    "I": st.none() | st.integers(0, 2),
    "T": st.none() | st.sampled_from(["up", "down"]),
}


def _record(kinds: str) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*(_BY_KIND[kind] for kind in kinds)).map(list)


def _field(index: int) -> st.SearchStrategy[Any]:
    if index in RECORD_FIELDS:
        records = st.lists(_record(RECORD_KINDS[index]), max_size=3)
        return records.map(lambda r: [0, r]) if index == CYCLES else records
    return _BY_KIND[STATE_KINDS[index]]


def _action(code: int, values: list[Any]) -> list[Any]:
    return [code, *values]


_ACTION_KINDS = ("ittddtibt", "itt", "iit", "tiddddb")
_ACTIONS = st.lists(
    st.one_of(
        *(_record(kinds).map(partial(_action, code)) for code, kinds in enumerate(_ACTION_KINDS))
    ),
    max_size=3,
)


@st.composite
def _outcomes(draw: st.DrawFn) -> Outcome:
    indices = draw(st.sets(st.integers(0, 29), max_size=6))
    delta: list[Any] = []
    for index in sorted(indices):
        delta += [index, draw(_field(index))]
    violations = draw(st.lists(st.sampled_from(["a", "b", "c"]), max_size=3, unique=True))
    return [delta, draw(_ACTIONS), violations]


def _leaves(outcome: Outcome) -> list[tuple[tuple[int, ...], str]]:
    """Where each single value of an outcome stands, and the path of a difference there."""
    delta, actions, violations = outcome
    leaves: list[tuple[tuple[int, ...], str]] = []
    for place in range(0, len(delta), 2):
        index, value = delta[place], delta[place + 1]
        path = f"state.{STATE_FIELDS[index]}"
        if index not in RECORD_FIELDS:
            leaves.append(((0, place + 1), path))
            continue
        inside = (0, place + 1, 1) if index == CYCLES else (0, place + 1)
        for number, record in enumerate(value[1] if index == CYCLES else value):
            for at, name in enumerate(RECORD_FIELDS[index]):
                # Another id makes it another record.
                end = "" if at == 0 and index != CYCLES else f".{name}"
                leaves.append(((*inside, number, at), f"{path}[{number}]{end}"))
            assert len(record) == len(RECORD_FIELDS[index])
    for number, action in enumerate(actions):
        for at, name in enumerate(ACTION_FIELDS[action[0]], 1):
            leaves.append(((1, number, at), f"actions[{number}].{name}"))
    leaves += [((2, number), f"violations[{number}]") for number in range(len(violations))]
    return leaves


def _other_value(data: st.DataObject, value: Any) -> Any:
    candidates: list[Any] = ["something else", MISSING]
    if isinstance(value, bool):
        candidates += [not value, int(value), float(value)]
    elif isinstance(value, float):
        candidates += [-value, NAN, None, True, "1.0", math.nextafter(value, math.inf)]
    elif isinstance(value, int):
        candidates += [value + 1, -value, bool(value), None, value + 0.5]
    else:
        candidates += [0, None, False]
    return data.draw(st.sampled_from([other for other in candidates if not equal(value, other)]))


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(_outcomes())
def test_an_outcome_never_differs_from_itself(outcome: Outcome) -> None:
    other = copy.deepcopy(outcome)
    assert compare(outcome, other, None) == ()
    assert compare(outcome, other, blank()) == ()


@settings(max_examples=400, deadline=None, database=None, derandomize=True)
@given(st.data())
def test_changing_any_single_value_is_found_with_its_path(data: st.DataObject) -> None:
    outcome = data.draw(_outcomes().filter(_leaves))
    place, path = data.draw(st.sampled_from(_leaves(outcome)))
    other = copy.deepcopy(outcome)
    container: Any = other
    for step in place[:-1]:
        container = container[step]
    value = _other_value(data, container[place[-1]])
    container[place[-1]] = value if place[0] != 2 or isinstance(value, str) else "something else"
    found = [difference.path for difference in compare(outcome, other, blank())]
    assert found
    assert all(one.startswith(path) for one in found), (path, found)
