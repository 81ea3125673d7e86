"""states, content: what a bot without our recorder has kept, taken as far as it can be."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from stream_makers import as_bytes, journal, read, requests, write

from replay.streams.content import why_not_taken
from replay.streams.corpus import Corpus
from replay.streams.model import CallCode

REQUESTS = requests(6, slots=1)
STATE = REQUESTS[-1]["state"]
ROW = {"id": 1, "saved_at": "2026-11-22", "state": json.dumps(STATE)}


def table() -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(ROW)
    for number in range(3):
        writer.writerow([number, "2026-11-22", json.dumps({**STATE, "now": 1000.0 + number})])
    return text.getvalue().encode()


@pytest.mark.parametrize(
    ("data", "states"),
    [
        (json.dumps(STATE).encode(), 1),
        (json.dumps(STATE, indent=2).encode(), 1),
        (json.dumps([STATE, {**STATE, "now": 7.0}]).encode(), 2),
        (json.dumps({"v": 1, "slot": 0, "state": STATE, "sizes": {"A": 2.0}}).encode(), 1),
        (as_bytes([ROW, {**ROW, "id": 2}]), 2),
        (as_bytes([{"snapshot": STATE, "config": {"entry_pct": 0.4}, "order_size_usd": 9.0}]), 1),
        (table(), 3),
    ],
    ids=["bare", "pretty", "list", "snapshot", "rows", "settings", "csv"],
)
def test_states_are_taken_as_starts_with_one_look_at_their_invariants(
    tmp_path: Path, data: bytes, states: int
) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(data)
    streams, rejected = read(path)
    assert [[step.call for step in stream.steps] for stream in streams] == [
        [(int(CallCode.CHECK_INVARIANTS),)]
    ] * states
    for stream in streams:
        assert isinstance(stream.start.state, dict)
        assert stream.start.state.keys() == STATE.keys()
    assert len(rejected) == (1 if data.startswith(b"id,") else 0)


def test_what_stands_beside_a_state_is_in_force_with_it(tmp_path: Path) -> None:
    row = {"state": STATE, "config": {"entry_pct": 0.4}, "order_size_usd": 9.0}
    (stream,), _ = read(write(tmp_path / "a.jsonl", [row]))
    assert stream.start.config == {"entry_pct": 0.4}
    assert stream.start.order_size_usd == 9.0


def sample(number: int) -> dict[str, Any]:
    return {"ts": f"2026-11-22T10:00:{number:02}Z", "state_machine_shadow": {"enabled": True}}


def test_an_import_says_on_one_line_what_of_each_file_it_did_not_take(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write(logs / "telemetry.jsonl", [sample(number) for number in range(50)])
    write(logs / "fills.jsonl", [{"txid": "a", "side": "buy", "price": 0.1}] * 50)
    (logs / "adapter.log").write_bytes(
        b"".join(b"10:00 INFO " + line + b"\n" for line in as_bytes(REQUESTS).splitlines())
    )
    (logs / "repr.log").write_text("".join(f"{one!r}\n" for one in REQUESTS))
    (logs / "prices.csv").write_text("ts,price,volume\n" + "1,2,3\n" * 50)
    with sqlite3.connect(logs / "bot.db") as database:
        database.execute("CREATE TABLE states (state TEXT)")
    write(logs / "requests.jsonl", REQUESTS)
    write(logs / "events_1.jsonl", journal(4))
    write(logs / "rows.jsonl", [ROW])
    expected = {
        "telemetry.jsonl": "`doge-replay gate` judges it",
        "fills.jsonl": "events or fills without states",
        "adapter.log": "log json.dumps(request), one a line, and nothing before it",
        "repr.log": "Python's own notation",
        "prices.csv": "is CSV without states",
        "bot.db": "is a SQLite database: export its states",
    }
    count = Corpus(tmp_path / "one").import_inputs([logs])
    assert {Path(one.file).name for one in count.files if one.steps} == {
        "requests.jsonl", "events_1.jsonl", "rows.jsonl",
    }  # fmt: skip
    assert count.rejected == 0
    told = {Path(one.file).name: one.reason for one in count.unread}
    assert told.keys() == expected.keys()
    for name, words in expected.items():
        assert words in told[name]
        assert words in why_not_taken(logs / name)
