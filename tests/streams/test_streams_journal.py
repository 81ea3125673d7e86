"""journal: how lines chain into streams, and what breaks the chain (formats.md, "Journal")."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from stream_makers import Bot, as_bytes, gather, journal, read, states_of, write

from replay import core
from replay.streams.inputs import Hooks, ShadowMark, open_input
from replay.streams.model import Rejected, Segment, Step


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    """One slot, 30 lines, with a full one at 1, 11 and 21."""
    return journal(30, slots=1, full_every=10)


def tick(seq: int, **more: Any) -> dict[str, Any]:
    event = {"type": "TimerTick", "payload": {"timestamp": 1.0}}
    return {"v": 1, "seq": seq, "slot": 0, "method": "transition", "event": event, **more}


def full(seq: int, **more: Any) -> dict[str, Any]:
    state = core.to_dict(core.PairState(0.2, 1.0))
    return tick(
        seq, **{"state": state, "config": {}, "order_size_usd": 2.0, "order_sizes": None, **more}
    )


def reasons(path: Path) -> list[tuple[int, str]]:
    return [(item.line, item.reason) for item in read(path)[1]]


def test_each_slot_is_one_stream_with_the_states_that_the_bot_had(tmp_path: Path) -> None:
    bots = [Bot(slot) for slot in range(3)]
    recorded: list[Any] = []
    states: list[list[Any]] = [[], [], []]
    for _ in range(400):
        for slot, bot in enumerate(bots):
            line, request = bot.step()
            recorded.append(line)
            states[slot].append(request["state"])
    streams, rejected = read(write(tmp_path / "events_1.jsonl.gz", recorded))
    assert rejected == []
    assert [stream.origin for stream in streams] == [
        f"events_1.jsonl.gz slot {slot}" for slot in range(3)
    ]
    for slot, stream in enumerate(streams):
        assert list(states_of(stream))[:-1] == states[slot]
        assert [step.line for step in stream.steps] == list(range(slot + 1, 1201, 3))
    assert core.from_dict(list(states_of(streams[0]))[-1]) == bots[0].state
    assert core.from_dict(states[0][-1]).total_round_trips > 0, "the journal shows too little"


def test_segments_are_bounded_and_interleave(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", journal(1000, slots=2))
    segments = [item for item in open_input(path) if isinstance(item, Segment)]
    assert max(len(segment.steps) for segment in segments) == 256
    assert [segment.key for segment in segments][:4] == [0, 1, 0, 1]


def test_a_full_line_in_mid_stream_sets_the_state_and_nothing_that_is_the_same(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    (stream,), _ = read(write(tmp_path / "a.jsonl", lines))
    assert stream.start.state == lines[0]["state"]
    assert stream.steps[0].changes is None
    assert stream.steps[10].changes == {"state": lines[10]["state"]}


def test_config_and_sizes_are_changes_where_they_differ(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        [
            full(1),
            tick(2, config={"entry_pct": 0.3}),
            tick(3, config={"entry_pct": 0.3}, order_size_usd=2),
            full(4, config={"entry_pct": 0.3}, order_size_usd=2, order_sizes={"A": 1.0}),
            tick(5, patch={"long_only": True}),
        ],
    )
    (stream,), rejected = read(path)
    assert rejected == []
    assert [step.changes for step in stream.steps] == [
        None,
        {"config": {"entry_pct": 0.3}},
        {"order_size_usd": 2},
        {"state": stream.start.state, "order_sizes": {"A": 1.0}},
        {"patch": {"long_only": True}},
    ]


def test_a_long_journal_can_be_cut_at_its_full_lines(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    path = write(tmp_path / "a.jsonl", lines)
    (whole,), _ = read(path)
    streams, rejected = read(path, bound=10)
    assert rejected == []
    assert [len(stream.steps) for stream in streams] == [10, 10, 10]
    cut = [state for stream in streams for state in list(states_of(stream))[:-1]]
    assert cut == list(states_of(whole))[:-1]
    assert len(read(path, bound=11)[0]) == 2


def test_a_lost_line_breaks_the_slot_until_its_next_full_line(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    del lines[13]
    path = write(tmp_path / "a.jsonl", lines)
    streams, rejected = read(path)
    assert [len(stream.steps) for stream in streams] == [13, 10]
    assert [item.line for item in rejected] == list(range(14, 20))
    assert rejected[0].reason == (
        "seq 15 after 13: a line of the slot was lost before line 14: no state to go on from "
        "until the slot's next full line"
    )
    assert rejected[1].reason == (
        "has no state, and none is known until the slot's next full line "
        "(seq 15 after 13: a line of the slot was lost before line 14)"
    )


def test_a_lost_line_of_one_slot_does_not_touch_another(tmp_path: Path) -> None:
    recorded = journal(40, slots=2, full_every=100)
    del recorded[20]
    streams, rejected = read(write(tmp_path / "a.jsonl", recorded))
    assert [len(stream.steps) for stream in streams] == [10, 40]
    assert len(rejected) == 29


@pytest.mark.parametrize("lost", [9, 10])
def test_a_lost_line_next_to_a_full_one_costs_nothing_more(
    tmp_path: Path, lines: list[dict[str, Any]], lost: int
) -> None:
    del lines[lost]
    streams, rejected = read(write(tmp_path / "a.jsonl", lines))
    assert sum(len(stream.steps) for stream in streams) + len(rejected) == 29
    assert len(rejected) == (0 if lost == 9 else 9)
    assert len(streams) == 2


def test_the_first_line_must_be_full(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    streams, rejected = read(write(tmp_path / "a.jsonl", lines[5:]))
    assert [len(stream.steps) for stream in streams] == [20]
    assert rejected[0].reason == (
        "has no state, and none is known until the slot's next full line "
        "(it is the first one of slot 0 here)"
    )
    assert len(rejected) == 5


@pytest.mark.parametrize("missing", ["state", "config", "order_size_usd", "order_sizes"])
def test_a_line_is_full_only_with_everything(tmp_path: Path, missing: str) -> None:
    line = full(1)
    del line[missing]
    streams, rejected = read(write(tmp_path / "a.jsonl", [line, tick(2)]))
    assert streams == []
    assert len(rejected) == 2


def test_a_restarted_process_begins_a_new_stream(tmp_path: Path) -> None:
    bot = Bot(0)
    recorded = [bot.step()[0] for _ in range(20)]
    bot.restart()
    recorded += [bot.step()[0] for _ in range(20)]
    streams, rejected = read(write(tmp_path / "a.jsonl", recorded))
    assert rejected == []
    assert [len(stream.steps) for stream in streams] == [20, 20]


def test_a_line_that_stands_twice_is_set_aside_and_the_slot_goes_on(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    for at in (10, 5):
        lines.insert(at + 1, lines[at])
    (stream,), rejected = read(write(tmp_path / "a.jsonl", lines))
    assert len(stream.steps) == 30
    assert [(item.line, item.reason) for item in rejected] == [
        (7, "stands twice: it is the same as line 6"),
        (13, "stands twice: it is the same as line 12"),
    ]


def test_another_line_with_the_same_seq_breaks_the_slot(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [full(1), tick(2), tick(2, ts=5.0), tick(3), full(4)])
    streams, rejected = read(path)
    assert [len(stream.steps) for stream in streams] == [2, 1]
    assert rejected[0].reason.startswith("seq 2 after 2: the slot's lines go back at line 3")
    assert [item.line for item in rejected] == [3, 4]


def test_a_seq_that_goes_back_breaks_the_slot_even_where_it_then_fits_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [full(1), tick(2), tick(3), tick(2), tick(3), tick(4)])
    (stream,), rejected = read(path)
    assert len(stream.steps) == 3
    assert [item.line for item in rejected] == [4, 5, 6]


def test_a_line_that_is_set_aside_breaks_its_slot(tmp_path: Path) -> None:
    wrong = tick(3)
    wrong["event"] = {"type": "PriceTick", "payload": {"timestamp": 1.0}}
    path = write(tmp_path / "a.jsonl", [full(1), tick(2), wrong, tick(4), full(5)])
    streams, _ = read(path)
    assert [len(stream.steps) for stream in streams] == [2, 1]
    assert reasons(path) == [
        (3, "the type of its event is 'PriceTick', but the fields of the payload make a TimerTick"),
        (4, "has no state, and none is known until the slot's next full line "
            "(line 3 was set aside)"),
    ]  # fmt: skip


def test_a_line_that_cannot_be_read_at_all_is_noticed_by_the_gap(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    path = write(tmp_path / "a.jsonl", [*lines[:3], b'{"v":1,"seq":4,', *lines[4:]])
    streams, rejected = read(path)
    assert [len(stream.steps) for stream in streams] == [3, 20]
    assert rejected[0].reason == "is no JSON: it is cut off at column 16"
    assert rejected[1].reason.startswith("seq 5 after 3: a line of the slot was lost before line 5")


def test_a_half_written_last_line_is_set_aside(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(as_bytes(lines)[:-20])
    (stream,), rejected = read(path)
    assert len(stream.steps) == 29
    assert [item.line for item in rejected] == [30]
    assert rejected[0].reason.endswith("; the file ends there")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"v": 2}, "is a journal line of a version that is not known (2)"),
        ({"v": True}, "is a journal line of a version that is not known (True)"),
        ({"seq": "1"}, 'has no integers as "slot" and "seq"'),
        ({"seq": 1.0}, 'has no integers as "slot" and "seq"'),
        ({"slot": None}, 'has no integers as "slot" and "seq"'),
        ({"method": "frobnicate"}, "asks for a method that cannot be replayed ('frobnicate')"),
        ({"method": None}, "asks for a method that cannot be replayed (None)"),
        ({"event": None}, 'its event is no object with "type" and "payload"'),
        ({"event": {"type": "TimerTick"}}, 'its event is no object with "type" and "payload"'),
        ({"event": {"type": 5, "payload": {}}}, "the type of its event is no text"),
        ({"event": {"type": "", "payload": []}}, "the payload of its event is no object"),
        ({"patch": []}, "has a patch that is no object"),
        ({"method": "apply_order_regime_at_entry"}, 'has no "params" with a "local_id"'),
        (
            {"event": {"type": "NewEvent", "payload": {"timestamp": 1.0}}},
            "the type of its event is 'NewEvent', but the fields of the payload make a TimerTick",
        ),
        (
            {"event": {"type": "TimerTick", "payload": {}}},
            "the type of its event is 'TimerTick', but the fields of the payload make no known "
            "event",
        ),
    ],
)
def test_a_line_of_the_wrong_form_is_set_aside_with_the_reason(
    tmp_path: Path, more: dict[str, Any], reason: str
) -> None:
    path = write(tmp_path / "a.jsonl", [full(1) | more])
    assert reasons(path) == [(1, reason)]


def test_documents_that_no_core_can_read_are_kept_as_they_are(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", [full(1, state=[1], config=None, order_size_usd="x", order_sizes=7)]
    )
    (stream,), rejected = read(path)
    assert rejected == []
    assert tuple(stream.start) == ([1], None, "x", 7)


FILL = {
    "order_local_id": 1, "txid": "T", "side": "buy", "price": 0.2, "volume": 25.0, "fee": 0.0,
    "timestamp": 5.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "payload", "call"),
    [
        ("PriceTick", {"price": 0.5, "timestamp": 2.0}, (0, 0.5, 2.0)),
        ("PriceTick", {"timestamp": 2, "price": 1}, (0, 1.0, 2.0)),
        ("TimerTick", {"timestamp": 2.0}, (1, 2.0)),
        ("FillEvent", FILL, (2, 1, "T", "buy", 0.2, 25.0, 0.0, 5.0)),
        ("RecoveryCancelEvent", {"recovery_id": 3, "txid": "", "timestamp": 1.0}, (4, 3, "", 1.0)),
        # Not exactly of their kind: kept as they are.
        ("FillEvent", {**FILL, "extra": 1}, None),
        ("FillEvent", {**FILL, "side": "up"}, None),
        ("FillEvent", {**FILL, "txid": None}, None),
        ("FillEvent", {**FILL, "order_local_id": 1.0}, None),
        ("FillEvent", {**FILL, "order_local_id": 2**63}, None),
        ("FillEvent", {**FILL, "order_local_id": True}, None),
        ("TimerTick", {"timestamp": "2"}, None),
        ("TimerTick", {"timestamp": True}, None),
        ("TimerTick", {"timestamp": 2**53 + 1}, None),
        ("TimerTick", {"timestamp": 10**400}, None),
        ("", {"timestamp": 2.0}, None),
        ("unknown event", {"what": []}, None),
        ("", {}, None),
        ("NewEvent", {"what": []}, None),
    ],
)
def test_an_event_is_a_compact_call_only_where_it_is_exactly_of_its_kind(
    tmp_path: Path, kind: str, payload: dict[str, Any], call: tuple[Any, ...] | None
) -> None:
    line = full(1) | {"event": {"type": kind, "payload": payload}}
    (stream,), rejected = read(write(tmp_path / "a.jsonl", [line]))
    assert rejected == []
    got = stream.steps[0].call
    assert repr(got) == repr(payload if call is None else call)


def test_other_methods_are_calls_too(tmp_path: Path) -> None:
    params = {"local_id": 4, "regime_at_entry": "BULLISH"}
    path = write(
        tmp_path / "a.jsonl",
        [
            full(1),
            {"v": 1, "seq": 2, "slot": 0, "method": "check_invariants"},
            {"v": 1, "seq": 3, "slot": 0, "method": "apply_order_regime_at_entry",
             "params": params},
        ],
    )  # fmt: skip
    (stream,), rejected = read(path)
    assert rejected == []
    assert [step.call for step in stream.steps] == [(1, 1.0), (6,), (5, 4, "BULLISH")]


def test_texts_are_numbers_only_where_a_number_is_asked_for(tmp_path: Path) -> None:
    state = core.to_dict(core.PairState(0.2, 1.0))
    order = {
        "local_id": 1, "side": "buy", "role": "entry", "price": "NaN", "volume": "Infinity",
        "trade_id": "A", "cycle": 1, "txid": "NaN",
    }  # fmt: skip
    recovery = {"recovery_id": 1, "price": "-Infinity", "reason": "NaN", "other": "NaN"}
    state |= {
        "market_price": "-Infinity", "orders": [order, "NaN"], "recovery_orders": [recovery],
        "mode_source": "NaN", "last_refresh_direction_a": "Infinity", "s2_entered_at": "Infinity",
        "unknown": "Infinity",
    }  # fmt: skip
    config = {"s1_orphan_after_sec": "Infinity", "sticky_mode_enabled": "NaN"}
    event = {**FILL, "txid": "Infinity", "price": "Infinity"}
    line = full(
        1, state=state, config=config, order_size_usd="NaN", order_sizes={"A": "NaN", "Z": "NaN"}
    )
    line["event"] = {"type": "FillEvent", "payload": event}
    patch = tick(2, patch={"now": "NaN", "mode_source": "NaN"})
    (stream,), rejected = read(write(tmp_path / "a.jsonl", [line, patch]))
    assert rejected == []
    start: Any = stream.start
    assert start.state["market_price"] == -math.inf
    assert repr(start.state["orders"]) == repr(
        [order | {"price": math.nan, "volume": math.inf}, "NaN"]
    )
    assert start.state["recovery_orders"] == [recovery | {"price": -math.inf}]
    assert start.state["mode_source"] == "NaN"
    assert start.state["last_refresh_direction_a"] == "Infinity"
    assert start.state["s2_entered_at"] == math.inf
    assert start.state["unknown"] == "Infinity"
    assert start.config == {"s1_orphan_after_sec": math.inf, "sticky_mode_enabled": "NaN"}
    assert math.isnan(start.order_size_usd)
    assert repr(start.order_sizes) == repr({"A": math.nan, "Z": "NaN"})
    assert stream.steps[0].call == (2, 1, "Infinity", "buy", math.inf, 25.0, 0.0, 5.0)
    assert repr(stream.steps[1].changes) == repr({"patch": {"now": math.nan, "mode_source": "NaN"}})


def test_what_the_live_shadow_said_goes_to_the_hook_and_not_into_the_steps(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        [
            full(1, shadow={"agreed": True, "error": None}),
            tick(2, shadow={"agreed": False, "error": "timeout"}),
            tick(3, shadow=None),
        ],
    )
    marks: list[ShadowMark] = []
    (stream,), _ = gather(open_input(path, hooks=Hooks(on_shadow=marks.append)))
    assert stream.steps[1] == Step((1, 1.0), None, 2)
    assert marks == [
        ShadowMark(str(path), 1, 0, True, None, 1, None),
        ShadowMark(str(path), 2, 0, False, "timeout", 2, None),
    ]


def test_a_slot_that_is_silent_too_long_among_too_many_is_ended_and_not_forgotten(
    tmp_path: Path,
) -> None:
    recorded = [{**full(1), "slot": slot} for slot in range(1100)]
    recorded.append({**tick(2), "slot": 0})
    streams, rejected = read(write(tmp_path / "a.jsonl", recorded))
    assert len(streams) == 1100
    assert [item.line for item in rejected] == [1101]


def test_a_line_in_a_list_is_told_from_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([full(1), tick(2), tick(2), tick(3)], indent=1))
    (stream,), rejected = read(path)
    assert len(stream.steps) == 3
    assert [item.reason for item in rejected] == [
        "entry 2 of the list stands twice: it is the same as line 1"
    ]


def test_a_state_without_a_config_is_not_said_to_have_no_state(tmp_path: Path) -> None:
    first, *rest = journal(3, slots=1)
    del first["config"]
    _, rejected = read(write(tmp_path / "a.jsonl", [first, *rest]))
    assert 'has a state but no "config"' in rejected[0].reason
    assert rejected[1].reason.startswith("has no state, and none is known")


def test_a_time_that_no_double_holds_is_no_time_and_no_fault(tmp_path: Path) -> None:
    lines = [{**line, "ts": 10**400} for line in journal(5)]
    items = list(open_input(write(tmp_path / "j.jsonl", lines)))
    assert not [one for one in items if isinstance(one, Rejected)]
    assert sum(len(one.steps) for one in items if isinstance(one, Segment)) == len(lines)
