"""The host: snapshots, telemetry, the status that it offers, and waiting for the comparison."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from paper_support import HOUR, START, hosted

import replay.core
from replay.errors import EnvironmentFailure, InputError
from replay.paper.candles import told
from replay.paper.directory import held, put_away
from replay.paper.paper_telemetry import TelemetryWriter, last_sample
from replay.paper.resumption import origin_of
from replay.paper.snapshot import Saved, load, path_of, save


def test_a_bot_goes_on_from_its_snapshots_as_if_it_had_never_ended(tmp_path: Path) -> None:
    """Whatever was under way at any of these ticks, and though each slot stands elsewhere."""
    whole = hosted(tmp_path, until=6 * HOUR)
    whole.run(lambda: False)
    slots = hosted(tmp_path, until=1).slots
    for end in (37, 101, 480, 481, 482, 961, 6 * HOUR):
        host = hosted(tmp_path, until=end, slots=slots)
        host.run(lambda: False)
        behind = []
        for slot in host.slots:
            save(tmp_path, slot, replay.core, {"seed": 1}, 7.0)
            saved = load(tmp_path, slot.number, replay.core)
            assert saved is not None
            assert saved.slot == slot
            assert (saved.run, saved.at) == ({"seed": 1}, 7.0)
            behind.append(saved.slot)
        if end == 101:  # the snapshot of one slot was written later than that of the others
            ahead = hosted(tmp_path, until=140, slots=behind[:1])
            ahead.run(lambda: False)
            behind[0] = ahead.slots[0]
        slots = tuple(behind)
    assert slots == whole.slots


def test_a_snapshot_is_replaced_as_a_whole(tmp_path: Path) -> None:
    slots = hosted(tmp_path, until=1).slots
    host = hosted(tmp_path, until=8, slots=slots)
    host.run(lambda: False)
    before = path_of(tmp_path, 0).read_bytes()
    (tmp_path / ".snapshot_slot0.json.writing").mkdir()
    host = hosted(tmp_path, until=16, slots=host.slots)
    host.run(lambda: False)
    assert host.snapshot_errors > 0
    assert path_of(tmp_path, 0).read_bytes() == before
    saved = load(tmp_path, 1, replay.core)
    assert saved is not None
    assert saved.slot.tick == 15


def test_a_snapshot_that_a_full_disk_has_no_room_for_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = hosted(tmp_path, until=8)
    host.run(lambda: False)
    slot = host.slots[0]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr("replay.paper.snapshot.os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        save(tmp_path, slot, replay.core, {"seed": 1}, 8.0)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"[]",
        lambda data: b'{"v": 2, "slot": 0}',
        lambda data: data.replace(b'"slot": 0', b'"slot": 1'),
        lambda data: data.replace(b'"usd": ', b'"usd": "x", "eur": '),
        lambda data: data.replace(b'"market_price": ', b'"market_price": null, "x": '),
    ],
)
def test_a_damaged_snapshot_is_refused_by_name(tmp_path: Path, damage: Any) -> None:
    hosted(tmp_path, until=4).run(lambda: False)
    path = path_of(tmp_path, 0)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError) as refused:
        load(tmp_path, 0, replay.core)
    assert refused.value.message.startswith(f"{path}: is no snapshot to go on from (")
    assert load(tmp_path, 9, replay.core) is None


def test_telemetry_has_a_line_for_each_minute_and_one_at_the_end(tmp_path: Path) -> None:
    host = hosted(tmp_path, until=HOUR)
    host.run(lambda: False)
    (file,) = tmp_path.glob("state_machine_shadow_paper_*.jsonl")
    assert file.name == "state_machine_shadow_paper_20260101T000000Z.jsonl"
    samples = [json.loads(line) for line in file.read_text().splitlines()]
    assert [sample["ts"] for sample in samples] == [
        told(START + 60.0 * minute) for minute in range(1, 61)
    ]
    for sample in samples:
        assert list(sample) == ["ts", "mode", "top_phase", "state_machine_shadow"]
        assert sample["mode"] == "paper"
        assert sample["state_machine_shadow"]["shadow_failures"] == 0


def test_no_two_samples_have_the_same_time(tmp_path: Path) -> None:
    host = hosted(tmp_path, until=HOUR)
    host.run(lambda: host.slots[0].tick >= 8)
    times = [json.loads(line)["ts"] for line in host.telemetry.path.read_text().splitlines()]
    assert times == ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z", "2026-01-01T00:02:01Z"]


def test_a_sample_begins_on_a_line_of_its_own_behind_one_that_was_cut_off(tmp_path: Path) -> None:
    status = {"mode": "paper", "top_phase": "S0", "state_machine_shadow": None}
    writer = TelemetryWriter(tmp_path, START)
    writer.write(START, status)
    writer.close()
    with writer.path.open("a") as file:
        file.write('{"ts": "2026-01')
    writer = TelemetryWriter(tmp_path, START)
    writer.write(START + 60.0, status)
    writer.close()
    first, cut, last = writer.path.read_text().splitlines()
    assert json.loads(first)["ts"] == "2026-01-01T00:00:00Z"
    assert json.loads(last)["ts"] == "2026-01-01T00:01:00Z"
    assert cut == '{"ts": "2026-01'


def test_the_last_sign_of_life_is_the_last_whole_sample(tmp_path: Path) -> None:
    assert last_sample(tmp_path) is None
    hosted(tmp_path, until=HOUR).run(lambda: False)
    (file,) = tmp_path.glob("state_machine_shadow_paper_*.jsonl")
    assert last_sample(tmp_path) == START + 3600.0
    with file.open("a") as more:
        more.write('{"ts": "2026-01-01T09:')
    (tmp_path / "state_machine_shadow_20260301T000000Z.jsonl").write_text("not ours")
    (tmp_path / "state_machine_shadow_paper_x.jsonl").write_bytes(b"[]\n7\n\xff\n")
    assert last_sample(tmp_path) == START + 3600.0


def test_time_does_not_go_back_where_a_bot_was_killed(tmp_path: Path) -> None:
    hosted(tmp_path, until=HOUR).run(lambda: False)
    saved = load(tmp_path, 0, replay.core)
    assert isinstance(saved, Saved)
    assert saved.origin == START
    here = START + 3600.0  # of the next tick
    for sign, begins_at in (
        (None, here),
        (here - 15.0, here),
        (here, here),
        (here + 1.0, here + 120.0),
        (here + 600.0, here + 660.0),
    ):
        assert origin_of(7.0, 1e9, [saved], HOUR, sign) + HOUR * 15.0 == begins_at
    assert origin_of(7.0, 1e9, [], 0, here) == 7.0, "another run's"
    assert origin_of(None, 2e9 + 0.5, [saved], HOUR, here) + HOUR * 15.0 == 2e9


def test_what_was_is_put_away_and_what_others_wrote_stays(tmp_path: Path) -> None:
    assert put_away(tmp_path) is None
    (tmp_path / "state_machine_shadow_20260101T000000Z.jsonl").touch()
    for number in (1, 2):
        hosted(tmp_path, until=8).run(lambda: False)
        (tmp_path / "events_1.jsonl.zst").touch()
        assert put_away(tmp_path) == tmp_path / f".before_{number}"
        assert len(list((tmp_path / f".before_{number}").iterdir())) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".before_1", ".before_2", "state_machine_shadow_20260101T000000Z.jsonl",
    ]  # fmt: skip


def test_a_disk_that_takes_no_telemetry_does_not_end_the_bot(tmp_path: Path) -> None:
    host = hosted(tmp_path, until=40)
    host.telemetry.path.mkdir()
    host.run(lambda: False)
    assert host.telemetry.errors > 5
    assert host.slots[0].tick == 39


@pytest.mark.parametrize("trouble", ["removed", "renamed", "cut off"])
def test_telemetry_taken_from_under_the_bot_is_told_and_gone_on_with(
    tmp_path: Path, trouble: str
) -> None:
    host = hosted(tmp_path, until=HOUR)
    first = host.telemetry.path

    def take() -> bool:
        if host.telemetry.lines == 3 and not host.telemetry.moved:
            if trouble == "removed":
                first.unlink(missing_ok=True)
            elif trouble == "renamed" and first.exists():
                first.rename(tmp_path / "rotated.jsonl")
            elif trouble == "cut off":
                os.truncate(first, 10)
        return False

    host.run(take)
    telemetry = host.telemetry
    note, *samples = map(json.loads, telemetry.path.read_text().splitlines())
    lost = 0 if trouble == "renamed" else 3
    assert note["reason"] == telemetry.moved
    assert trouble in telemetry.moved
    assert note.get("lost", 0) == telemetry.lost == lost
    assert len(samples) == telemetry.lines - 3
    assert telemetry.path != first


def test_the_status_is_what_the_runbook_reads(tmp_path: Path) -> None:
    host = hosted(tmp_path, until=HOUR)
    starting = host.status()
    assert starting is not None
    assert starting["state_machine_shadow"] is None
    assert starting["slots"] == []
    host.run(lambda: False)
    status = host.status()
    assert status is not None
    assert json.loads(json.dumps(status, allow_nan=False)) == status
    assert (status["mode"], status["pair"]) == ("paper", "XDG/USD")
    assert status["top_phase"] == status["slots"][0]["phase"]
    assert status["clock"] == {"now": START + 3600.0, "speed": 0.0}
    assert [slot["slot"] for slot in status["slots"]] == [0, 1, 2]
    for slot, shown in zip(host.slots, status["slots"], strict=True):
        assert shown["cycles"] == slot.state.total_round_trips
        assert [order["id"] for order in shown["orders"]] == [
            order.local_id for order in slot.state.orders
        ]


def test_one_bot_at_a_time_writes_to_a_directory(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    with held(logs), pytest.raises(EnvironmentFailure, match="another paper bot"), held(logs):
        pass
    with held(logs):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFailure, match="cannot write there"), held(tmp_path / "file"):
        pass


def test_the_host_waits_while_the_queue_is_long(tmp_path: Path) -> None:
    """Not in real time, where nothing may hold up a live bot."""
    host = hosted(tmp_path, until=HOUR)
    asked: list[int] = []

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(host_adapter, name)

        def get_shadow_metrics(self) -> dict[str, Any]:
            metrics: dict[str, Any] = host_adapter.get_shadow_metrics()
            asked.append(1)
            # Long for a while, then short, then long again.
            metrics["adapter"]["queue"] = 10_000 if len(asked) % 5 else 0
            return metrics

    host_adapter = host._adapter
    host._adapter = Slow()
    host.run(lambda: False)
    assert host.slots[0].tick == HOUR - 1
    assert len(asked) > 40
    assert math.isinf(host._plan.speed)
