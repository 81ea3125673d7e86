"""cases: parity cases read, written, read again and checked (formats.md, "Parity case")."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_makers import journal, read, states_of, without_lines, write

from replay import core
from replay.streams.inputs import Hooks, open_input, read_cases
from replay.streams.model import Rejected, Start, Step, Stream
from replay.streams.parity_cases import ParityCase, expected_misses, parity_case_document
from replay.streams.stream_file import stream_id

STATE = core.to_dict(core.PairState(0.2, 1.0))
CASE: dict[str, Any] = {
    "name": "a tick",
    "config": {"entry_pct": 0.3},
    "initial_state": STATE,
    "order_size_usd": 5.0,
    "order_sizes": {"A": 1.0, "B": 2.0},
    "events": [{"type": "PriceTick", "payload": {"price": 0.25, "timestamp": 2.0}}],
    "expected": {"phase": "S0"},
    "comment": "other keys are ignored",
}


def only_case(path: Path) -> ParityCase:
    (case,) = read_cases(path)
    assert isinstance(case, ParityCase)
    return case


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("name", ["case.json", "case.jsonl", "case.txt"])
def test_a_case_is_read_on_one_line_or_many(tmp_path: Path, indent: int | None, name: str) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(CASE, indent=indent))
    case = only_case(path)
    assert case.name == "a tick"
    assert case.expected == {"phase": "S0"}
    assert case.stream == Stream(
        Start(STATE, {"entry_pct": 0.3}, 5.0, {"A": 1.0, "B": 2.0}),
        (Step((0, 0.25, 2.0), None, 1),),
        f"{name} case a tick",
    )


def test_a_case_that_begins_behind_blank_lines_and_a_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(CASE, indent=2).encode())
    assert only_case(path).name == "a tick"
    path.write_bytes(b"\n\n  " + json.dumps(CASE, indent=2).encode())
    assert only_case(path).name == "a tick"


def test_a_list_of_cases_gives_each_of_them(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([CASE, {"name": "no case"}, CASE | {"name": "2"}], indent=2))
    first, wrong, last = read_cases(path)
    assert isinstance(first, ParityCase)
    assert isinstance(last, ParityCase)
    assert (first.name, last.name) == ("a tick", "2")
    assert wrong == Rejected(
        str(path), 1,
        "entry 1 of the list is neither a journal line, nor a request, nor a parity case",
    )  # fmt: skip


def test_cases_stand_among_the_other_kinds(tmp_path: Path) -> None:
    path = write(tmp_path / "mixed.jsonl", [*journal(3, slots=1), CASE, b"[]", b"7"])
    seen: list[tuple[int, str]] = []
    streams, rejected = read(
        path, hooks=Hooks(on_case=lambda key, case: seen.append((key, case.name)))
    )
    assert [len(stream.steps) for stream in streams] == [3, 1]
    assert seen == [(1, "a tick")]
    assert [item.reason for item in rejected] == ["is an empty list", "is JSON, but no object"]


def test_a_broken_case_file_is_one_complaint_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(CASE, indent=2)[:-30])
    (item,) = open_input(path)
    assert isinstance(item, Rejected)
    assert "is no JSON: it is cut off at line" in item.reason
    path.write_text(json.dumps(CASE, indent=2).replace("0.25", "0.25x"))
    (item,) = open_input(path)
    assert isinstance(item, Rejected)
    line = next(n for n, text in enumerate(json.dumps(CASE, indent=2).split("\n"), 1)
                if "0.25" in text)  # fmt: skip
    assert f"line {line}, column" in item.reason


def test_a_case_file_that_is_too_large_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(CASE, indent=2))
    (item,) = open_input(path, max_line=500)
    assert item == Rejected(str(path), 0, "is one JSON value of more than 500 bytes")


def test_missing_parts_have_their_defaults(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", [{"initial_state": STATE, "events": []}])
    case = only_case(path)
    assert case == ParityCase("", Stream(Start(STATE, {}, 2.0, None), (), "c.jsonl"), {})
    sized = {"initial_state": STATE, "events": [], "config": {"order_size_usd": 7.0}}
    assert only_case(write(path, [sized])).stream.start.order_size_usd == 7.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": 5}, "is a parity case whose name is no text"),
        ({"events": {}}, "is a parity case whose events are no list"),
        ({"expected": []}, "is a parity case whose expected is no object"),
        ({"events": [1]}, "is a parity case; events[0]: its event is no object"),
        ({"events": [{"type": "TimerTick", "payload": {}}]},
         "is a parity case; events[0]: the type of its event is 'TimerTick', but the fields of "
         "the payload make no known event"),
        ({"events": [CASE["events"][0] | {"changes": {"foo": 1}}]},
         "is a parity case; events[0]: its changes are no object with any of state, patch, "
         "config, order_size_usd, order_sizes"),
    ],
)  # fmt: skip
def test_a_case_of_the_wrong_form_is_set_aside(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    (item,) = open_input(write(tmp_path / "c.jsonl", [CASE | change]))
    assert item == Rejected(str(tmp_path / "c.jsonl"), 1, reason)


def round_trip(path: Path, stream: Stream) -> Stream:
    document = parity_case_document("x", stream, {})
    path.write_text(json.dumps(document, indent=1, allow_nan=False))
    return only_case(path).stream


def test_a_recorded_stream_comes_back_from_its_case(tmp_path: Path) -> None:
    (stream,), _ = read(write(tmp_path / "a.jsonl", journal(300, slots=1)))
    again = round_trip(tmp_path / "case.json", stream)
    assert without_lines(again) == without_lines(stream)
    assert any(step.changes for step in stream.steps)
    document = parity_case_document("x", stream, {})
    assert "exact" not in document
    assert document["initial_state"] == stream.start.state


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["NaN", "Infinity", "-Infinity", "buy", "PriceTick", 10**30])
)  # fmt: skip
names = st.sampled_from(
    ["price", "timestamp", "txid", "orders", "now", "mode_source", "config", "A", "payload"]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(names, values, max_size=4)
finite = st.floats(allow_nan=True, allow_infinity=True)
calls = (
    st.tuples(st.just(0), finite, finite)
    | st.tuples(st.just(1), finite)
    | st.tuples(st.just(4), st.integers(-5, 5), st.text(max_size=3), finite)
    | st.tuples(st.just(5), values, values)
    | st.just((6,))
    | objects
    | st.fixed_dictionaries({"timestamp": values})
)
changes = st.none() | st.fixed_dictionaries(
    {}, optional={"state": values, "patch": objects, "config": values, "order_size_usd": values,
                  "order_sizes": values}
)  # fmt: skip
any_stream = st.builds(
    Stream,
    st.builds(Start, values, values, values, values),
    st.lists(st.builds(Step, calls, changes), max_size=5).map(tuple),
)


@given(any_stream)
def test_any_stream_comes_back_from_its_case(
    tmp_path_factory: pytest.TempPathFactory, stream: Stream
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    # The id tells apart every bit, but not the order of keys.
    assert stream_id(round_trip(path, stream)) == stream_id(stream)


def test_calls_and_changes_stand_beside_the_standard_keys(tmp_path: Path) -> None:
    stream = Stream(
        Start(STATE, {"s1_orphan_after_sec": math.inf}, 2.0),
        (
            Step((6,)),
            Step((5, 1, None), {"patch": {"now": 3.0}}),
            Step((1, 2.0), {"order_size_usd": 3.0}),
            Step((6,)),
        ),
    )
    document = parity_case_document("x", stream, {"phase": "S0"})
    assert document["config"] == {"s1_orphan_after_sec": "Infinity"}
    assert document["events"] == [
        {
            "type": "TimerTick",
            "payload": {"timestamp": 2.0},
            "changes": {"order_size_usd": 3.0},
            "calls_before": [
                {"method": "check_invariants"},
                {
                    "method": "apply_order_regime_at_entry",
                    "params": {"local_id": 1, "regime_at_entry": None},
                    "changes": {"patch": {"now": 3.0}},
                },
            ],
        }
    ]
    assert document["calls_after"] == [{"method": "check_invariants"}]
    assert document["expected"] == {"phase": "S0"}
    assert without_lines(round_trip(tmp_path / "c.json", stream)) == without_lines(stream)


def test_an_edited_case_is_read_as_it_was_edited(tmp_path: Path) -> None:
    stream = Stream(Start(STATE | {"now": "NaN"}, {}, 2.0), (Step((1, 2.0)),))
    document: Any = parity_case_document("x", stream, {})
    assert "exact" in document, "a text NaN reads as a number"
    path = tmp_path / "c.json"
    path.write_text(json.dumps(document))
    assert only_case(path).stream.start.state == STATE | {"now": "NaN"}
    document["initial_state"] = STATE
    path.write_text(json.dumps(document))
    assert only_case(path).stream.start.state == STATE


def test_a_damaged_exact_stream_is_set_aside(tmp_path: Path) -> None:
    stream = Stream(Start(STATE | {"now": "NaN"}, {}, 2.0), (Step((1, 2.0)),))
    document: Any = parity_case_document("x", stream, {})
    document["exact"]["stream"] = document["exact"]["stream"][:-8]
    (item,) = open_input(write(tmp_path / "c.jsonl", [document]))
    assert isinstance(item, Rejected)
    assert item.reason == 'is a parity case whose "exact" stream is damaged'


# --- expected ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A state with orders and cycles."""
    path = write(tmp_path_factory.mktemp("final") / "a.jsonl", journal(400, slots=1))
    state: dict[str, Any] = list(states_of(read(path)[0][0]))[-1]
    assert state["completed_cycles"]
    return state


def test_what_came_true_is_no_miss(final: dict[str, Any]) -> None:
    expected = {
        "phase": core.derive_phase(core.from_dict(final)),
        "open_orders": len(final["orders"]),
        "recovery_orders": [],
        "round_trips": final["total_round_trips"],
        "completed_cycles": [
            {"trade_id": cycle["trade_id"], "exit_time": cycle["exit_time"] + 1e-12}
            for cycle in final["completed_cycles"]
        ],
        "invariants": [],
        **{
            name: final[name]
            for name in (
                "cycle_a", "cycle_b", "s2_entered_at", "cooldown_until_a", "cooldown_until_b",
                "consecutive_refreshes_a", "consecutive_refreshes_b", "refresh_cooldown_until_a",
                "refresh_cooldown_until_b", "last_refresh_direction_a", "last_refresh_direction_b",
            )
        },
        "something else": 5,
    }  # fmt: skip
    assert expected_misses(expected, final, []) == []


@pytest.mark.parametrize(
    ("expected", "miss"),
    [
        ({"phase": "S2"}, "phase: expected 'S2', got 'S0'"),
        ({"open_orders": 3}, "open_orders: expected 3, got 1"),
        ({"open_orders": []}, "open_orders: expected 0 of them, got 1"),
        ({"open_orders": [{"side": "buy"}]}, "open_orders[0].side: expected 'buy', got 'sell'"),
        ({"open_orders": [{"sid": 1}]}, "open_orders[0].sid: expected 1, but there is no such "
                                        "field"),
        ({"open_orders": [7]}, "open_orders[0]: expected 7, which is no object"),
        ({"open_orders": "1"}, "open_orders: expected '1', which is neither a number nor a list"),
        ({"open_orders": True}, "open_orders: expected True, which is neither a number nor a "
                                "list"),
        ({"open_orders": [{"price": 0.100000000001}]},
         "open_orders[0].price: expected 0.100000000001, got 0.1"),
        ({"recovery_orders": 1}, "recovery_orders: expected 1, got 0"),
        ({"round_trips": 1}, "round_trips: expected 1, got 0"),
        ({"cycle_a": 2}, "cycle_a: expected 2, got 1"),
        ({"cycle_a": True}, "cycle_a: expected True, got 1"),
        ({"s2_entered_at": 1.0}, "s2_entered_at: expected 1.0, got None"),
        ({"cooldown_until_a": 1e-8}, "cooldown_until_a: expected 1e-08, got 0.0"),
        ({"cooldown_until_b": None}, "cooldown_until_b: expected None, got inf"),
        ({"last_refresh_direction_a": "up"}, "last_refresh_direction_a: expected 'up', got None"),
        ({"invariants": []}, "invariants: expected [], got ['bad']"),
        ({"invariants": 2}, "invariants: expected 2, got 1"),
        ({"invariants": True}, "invariants: expected True, got False"),
    ],
)  # fmt: skip
def test_a_miss_says_what_was_expected_and_what_came(expected: dict[str, Any], miss: str) -> None:
    order = core.OrderState(1, "sell", "entry", 0.1, 25.0, "A", 1)
    state = core.PairState(0.2, 1.0, orders=(order,), cooldown_until_b=math.inf)
    assert expected_misses(expected, core.to_dict(state), ["bad"]) == [miss]


@pytest.mark.parametrize(
    "expected",
    [
        {"cooldown_until_a": 4e-10},
        {"cooldown_until_a": 0},
        {"cooldown_until_b": "Infinity"},
        {"open_orders": 1.0},
        {"invariants": False},
        {"invariants": ["bad"]},
        {"open_orders": [{}]},
    ],
)
def test_times_are_compared_to_nine_decimals_and_numbers_by_value(expected: dict[str, Any]) -> None:
    order = core.OrderState(1, "sell", "entry", 0.1, 25.0, "A", 1)
    state = core.PairState(0.2, 1.0, orders=(order,), cooldown_until_b=math.inf)
    assert expected_misses(expected, core.to_dict(state), ["bad"]) == []


@pytest.mark.parametrize(
    ("exits", "phase"), [((), "S0"), (("buy",), "S1a"), (("sell",), "S1b"), (("buy", "sell"), "S2")]
)
def test_the_phase_is_told_from_the_exits(exits: tuple[Any, ...], phase: str) -> None:
    orders = tuple(core.OrderState(n, side, "exit", 0.1, 25.0, "A", 1, entry_price=1.0)
                   for n, side in enumerate(exits))  # fmt: skip
    state = replace(core.PairState(0.2, 1.0), orders=orders)
    assert core.derive_phase(state) == phase
    assert expected_misses({"phase": phase}, core.to_dict(state), []) == []
