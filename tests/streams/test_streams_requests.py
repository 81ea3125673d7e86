"""requests: plain requests are chained into streams again, and nothing depends on the guess."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_makers import Bot, as_bytes, read, requests, states_of, write

from replay import core
from replay.streams.model import Stream


def assert_same_states(streams: list[Stream], recorded: list[dict[str, Any]]) -> None:
    """Each step has the state, config and sizes that its request had."""
    seen = 0
    for stream in streams:
        settings: dict[str, Any] = stream.start._asdict()
        for step, state in zip(stream.steps, states_of(stream), strict=False):
            request = recorded[step.line - 1]
            assert state == request["state"]
            settings |= step.changes or {}
            for name in ("config", "order_size_usd", "order_sizes"):
                assert settings[name] == request[name]
            seen += 1
    assert seen == len(recorded)


def test_two_slots_interleaved_become_two_streams(tmp_path: Path) -> None:
    recorded = requests(600, slots=2)
    streams, rejected = read(write(tmp_path / "log.jsonl.gz", recorded))
    assert rejected == []
    assert [len(stream.steps) for stream in streams] == [600, 600]
    assert_same_states(streams, recorded)


def test_changes_are_only_what_the_bot_set_from_outside(tmp_path: Path) -> None:
    (stream,), _ = read(write(tmp_path / "log.jsonl", requests(600, slots=1)))
    names = {name for step in stream.steps for name in step.changes or {}}
    assert names == {"patch", "order_size_usd"}
    patches: list[Any] = [(step.changes or {}).get("patch", {}) for step in stream.steps]
    patched = {name for patch in patches for name in patch}
    assert patched == {"orders"}
    assert sum(step.changes is not None for step in stream.steps) < 100


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(min_value=1, max_value=4))
def test_any_interleaving_keeps_every_requests_state(
    tmp_path_factory: pytest.TempPathFactory, source: random.Random, slots: int
) -> None:
    bots = [Bot(slot, seed=source.randrange(1000)) for slot in range(slots)]
    recorded = [source.choice(bots).step()[1] for _ in range(120)]
    path = write(tmp_path_factory.mktemp("any") / "log.jsonl", recorded)
    streams, rejected = read(path)
    assert rejected == []
    assert_same_states(streams, recorded)


def test_what_chains_to_nothing_stands_alone(tmp_path: Path) -> None:
    recorded = requests(100, slots=1)
    kept = [recorded[0], recorded[50], recorded[51], recorded[99]]
    streams, rejected = read(write(tmp_path / "log.jsonl", kept))
    assert rejected == []
    assert [[step.line for step in stream.steps] for stream in streams] == [[1], [2, 3], [4]]
    assert_same_states(streams, kept)


@pytest.mark.parametrize(
    "patch",
    [
        {"long_only": True, "mode_source": "regime"},
        {"orders": []},
        {"profit_pct_runtime": 0.7, "next_order_id": 90},
        {"long_only": 1},  # unreadable for a core, and still the same slot's
    ],
)
def test_what_the_bot_patches_becomes_the_steps_patch(
    tmp_path: Path, patch: dict[str, Any]
) -> None:
    recorded = requests(20, slots=1)
    (quiet,), _ = read(write(tmp_path / "quiet.jsonl", recorded))
    at = next(n for n, step in enumerate(quiet.steps) if n > 5 and step.changes is None)
    recorded[at]["state"] |= patch
    streams, _ = read(write(tmp_path / "log.jsonl", recorded[: at + 1]))
    if patch == {"long_only": 1}:
        assert [len(stream.steps) for stream in streams] == [at, 1]
        assert streams[1].start.state == recorded[at]["state"]
    else:
        (stream,) = streams
        changes: Any = stream.steps[at].changes
        assert changes == {"patch": patch}


def test_a_state_with_other_fields_than_the_cores_is_kept_whole(tmp_path: Path) -> None:
    recorded = requests(10, slots=1)
    recorded[5]["state"]["new_field"] = 1
    del recorded[7]["state"]["profit_pct_runtime"]
    (stream,), _ = read(write(tmp_path / "log.jsonl", recorded))
    for at in (5, 7):
        changes: Any = stream.steps[at].changes
        assert changes["state"] == recorded[at]["state"]


def test_a_number_written_otherwise_is_kept_as_it_was_written(tmp_path: Path) -> None:
    recorded = requests(10, slots=1)
    recorded[5]["state"]["total_profit"] = 0
    (stream,), _ = read(write(tmp_path / "log.jsonl", recorded))
    assert repr(stream.steps[5].changes) == "{'patch': {'total_profit': 0}}"


def test_the_order_of_keys_makes_no_difference(tmp_path: Path) -> None:
    recorded = requests(40, slots=1)
    expected, _ = read(write(tmp_path / "a.jsonl", recorded))
    for request in recorded[10:]:
        request["state"] = dict(reversed(request["state"].items()))
        request["state"]["orders"] = [
            dict(reversed(order.items())) for order in request["state"]["orders"]
        ]
    turned, _ = read(write(tmp_path / "b.jsonl", recorded))
    assert [stream.steps for stream in turned] == [stream.steps for stream in expected]


def test_a_request_that_no_core_can_read_stands_alone(tmp_path: Path) -> None:
    recorded = requests(10, slots=1)
    broken = {**recorded[3], "state": {"market_price": "high"}}
    streams, rejected = read(write(tmp_path / "log.jsonl", [*recorded[:3], broken, *recorded[3:]]))
    assert rejected == []
    assert sorted(len(stream.steps) for stream in streams) == [1, 10]
    assert streams[1].start.state == {"market_price": "high"}


def test_behind_a_refused_request_the_stream_goes_on_from_the_state_as_it_was(
    tmp_path: Path,
) -> None:
    recorded = requests(10, slots=1)
    refused = {**recorded[3], "event": {"what": 1}}
    unreadable = {**recorded[3], "event": {"timestamp": "x"}}
    lines = [*recorded[:3], refused, unreadable, *recorded[3:]]
    (stream,), _ = read(write(tmp_path / "log.jsonl", lines))
    assert stream.steps[3].call == {"what": 1}
    assert stream.steps[4].call == {"timestamp": "x"}
    assert len(stream.steps) == 12


def test_other_methods_chain_too(tmp_path: Path) -> None:
    recorded = requests(10, slots=1)
    state = recorded[5]["state"]
    local_id = state["orders"][0]["local_id"]
    regime = {"state": state, "local_id": local_id, "regime_at_entry": "BEARISH"}
    after = core.apply_order_regime_at_entry(core.from_dict(state), local_id, 0)
    lines = [
        *recorded[:5],
        {"method": "check_invariants", "state": state},
        {"method": "apply_order_regime_at_entry", "params": regime},
        {"method": "check_invariants", "state": core.to_dict(after)},
        {**recorded[5], "state": core.to_dict(after)},
    ]
    (stream,), rejected = read(write(tmp_path / "log.jsonl", lines))
    assert rejected == []
    assert [step.call for step in stream.steps[5:8]] == [(6,), (5, local_id, "BEARISH"), (6,)]
    assert stream.steps[6].changes is None
    assert stream.steps[7].changes is None


def test_a_stream_may_begin_with_a_method_that_has_no_config(tmp_path: Path) -> None:
    (first, second) = requests(2, slots=1)
    check = {"method": "check_invariants", "state": first["state"]}
    (stream,), _ = read(write(tmp_path / "log.jsonl", [check, first, second]))
    changes: Any = stream.steps[1].changes
    assert changes["config"] == first["config"]
    assert changes["order_size_usd"] == first["order_size_usd"]


def test_the_texts_of_a_journal_are_no_numbers_in_a_request(tmp_path: Path) -> None:
    (request,) = requests(1, slots=1)
    request["order_size_usd"] = "NaN"
    (stream,), _ = read(write(tmp_path / "log.jsonl", [request]))
    assert stream.start.order_size_usd == "NaN"


def test_the_bare_tokens_are_taken(tmp_path: Path) -> None:
    (request,) = requests(1, slots=1)
    request["config"]["s1_orphan_after_sec"] = float("inf")
    data = as_bytes([request])
    assert b"Infinity," in data
    (stream,), rejected = read(write(tmp_path / "log.jsonl", [data.strip()]))
    assert rejected == []
    assert stream.start.config["s1_orphan_after_sec"] == float("inf")  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": None}, 'is a request without "state"'),
        ({"event": None}, 'is a request without "event"'),
        ({"config": None}, 'is a request without "config"'),
        ({"order_size_usd": None}, 'is a request without "order_size_usd"'),
    ],
)
def test_a_request_without_a_part_is_set_aside(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    (request,) = requests(1, slots=1)
    for name in change:
        del request[name]
    _, (rejected,) = read(write(tmp_path / "log.jsonl", [request]))
    assert rejected.reason == reason


@pytest.mark.parametrize(
    ("request_line", "reason"),
    [
        ({"method": "replay"}, "asks for a method that cannot be replayed ('replay')"),
        ({"method": "check_invariants"}, 'is a request without "state"'),
        ({"method": "apply_order_regime_at_entry", "params": {"local_id": 1}},
         'is a request without "state"'),
        ({"method": "transition", "state": {}, "config": {}, "order_size_usd": 1, "event": [1]},
         "its event is no object"),
    ],
)  # fmt: skip
def test_a_request_of_the_wrong_form_is_set_aside(
    tmp_path: Path, request_line: dict[str, Any], reason: str
) -> None:
    _, (rejected,) = read(write(tmp_path / "log.jsonl", [request_line]))
    assert rejected.reason == reason


def test_a_missing_order_sizes_is_null(tmp_path: Path) -> None:
    (request,) = requests(1, slots=1)
    del request["order_sizes"]
    (stream,), _ = read(write(tmp_path / "log.jsonl", [request]))
    assert stream.start.order_sizes is None


def test_no_more_than_64_streams_are_open_and_the_silent_ones_go_first(tmp_path: Path) -> None:
    bots = [Bot(slot, seed=slot) for slot in range(70)]
    for slot, bot in enumerate(bots):
        bot.price = 0.2 + slot / 100  # so that none is mistaken for another
        bot.now += slot
    recorded = [bot.step()[1] for bot in bots]
    recorded += [bots[0].step()[1], bots[69].step()[1]]
    streams, _ = read(write(tmp_path / "log.jsonl", recorded))
    assert len(streams) == 71
    assert_same_states(streams, recorded)
    assert [step.line for step in streams[69].steps] == [70, 72]


def test_long_chains_can_be_cut(tmp_path: Path) -> None:
    recorded = requests(100, slots=1)
    streams, _ = read(write(tmp_path / "log.jsonl", recorded), bound=30)
    assert [len(stream.steps) for stream in streams] == [30, 30, 30, 10]
    assert_same_states(streams, recorded)
