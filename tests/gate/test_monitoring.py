"""The minute loop: its schedule on clocks of every kind, what it makes of a bot's answers, and the
file that it leaves."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_server import Server, http, status
from telemetry_makers import BEGIN, Bot, stamp, write

from replay.errors import EnvironmentFailure, UsageError
from replay.gate.model import Outcome
from replay.gate.telemetry.monitor import Monitor, Taken, sample_document
from replay.gate.telemetry.sample_file import Run, look_at, open_samples
from replay.gate.telemetry.samples import Fault, read_telemetry
from replay.gate.telemetry.status_request import MAX_ANSWER, Address, Status, ask, status_of
from replay.gate.verdict import judge

URL = "http://127.0.0.1:1/api/status"
RUN = Run(URL, 60.0, 2880)


class FakeClock:
    """A clock that goes on when somebody sleeps; `jumps` are (steady second, what the wall clock
    is set forward by then)."""

    def __init__(self, wall: float = BEGIN + 17.3, jumps: list[tuple[float, float]] | None = None):
        self._wall = wall
        self._steady = 100.0
        self._jumps = list(jumps or [])
        self.naps: list[float] = []

    def wall(self) -> float:
        return self._wall

    def steady(self) -> float:
        return self._steady

    def pass_by(self, seconds: float) -> None:
        self._steady += seconds
        self._wall += seconds
        while self._jumps and self._steady >= self._jumps[0][0]:
            self._wall += self._jumps.pop(0)[1]

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.naps.append(seconds)
        self.pass_by(seconds)


def watch(
    out: Path,
    clock: FakeClock,
    count: int,
    *,
    takes: float = 0.4,
    run: Run = RUN,
    stop_after: int | None = None,
) -> list[Taken]:
    """Runs a monitor on a bot that takes a while to answer."""
    bot = Bot()

    def answer(address: Address, timeout: float) -> Status:
        clock.pass_by(takes)
        bot.tick()
        return Status("live", "S1a", dict(bot.block))

    file = open_samples(out, run._replace(samples=count), clock.wall())
    monitor = Monitor(run._replace(samples=count), file, Address.parse(URL), 10.0, clock, answer)
    taken: list[Taken] = []
    try:
        for one in monitor.samples():
            taken.append(one)
            if stop_after is not None and len(taken) == stop_after:
                break
    finally:
        file.close()
    return taken


def documents(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


# --- The schedule -----------------------------------------------------------------------------


def test_two_days_have_2880_samples_however_long_an_answer_takes(tmp_path: Path) -> None:
    """The runbook's `sleep 60` loses what curl takes: with 0.4 s, 19 minutes in two days."""
    clock = FakeClock()
    taken = watch(tmp_path, clock, 2880)
    assert len(taken) == 2880
    times = [round(one.at - BEGIN, 3) for one in taken]
    assert times[0] == 17.3
    assert times[1:] == [60.0 * n for n in range(1, 2880)]
    assert max(clock.naps) <= 5.0
    verdict = judge(read_telemetry([tmp_path]))
    assert verdict.telemetry.set_aside == ()
    assert verdict.timeline.longest is not None
    assert verdict.timeline.longest.covered >= 48 * 3600 - 60
    assert not verdict.timeline.gaps


def test_an_answer_slower_than_the_step_is_told_as_missed_samples(tmp_path: Path) -> None:
    taken = watch(tmp_path, FakeClock(BEGIN), 20, takes=130.0)
    assert {one.missed for one in taken[1:]} == {1, 2}
    rows = documents(only_file(tmp_path))
    missed = [row for row in rows if "missed" in row]
    assert all(row["missed"] in (1, 2) and row["state_machine_shadow"] is None for row in missed)
    assert missed[0]["ts"] == stamp(BEGIN + 60)
    assert "1 missed" in missed[0]["reason"]
    assert "busy, or the machine slept" in missed[0]["reason"]


@pytest.mark.parametrize("jump", [3600.0, 45.0])
def test_a_clock_set_forward_moves_the_schedule(tmp_path: Path, jump: float) -> None:
    taken = watch(tmp_path, FakeClock(BEGIN, [(400.0, jump)]), 100)
    off = [one.number for one in taken if round(one.at - BEGIN, 3) % 60]
    assert len(off) <= 1  # at once, where the clock says that it is late
    assert sum(one.missed for one in taken) == (0 if jump == 45.0 else 59)


@pytest.mark.parametrize("jump", [-30.0, -3600.0, -86_400.0])
def test_a_clock_set_back_never_stops_it(tmp_path: Path, jump: float) -> None:
    clock = FakeClock(BEGIN, [(400.0, jump)])
    taken = watch(tmp_path, clock, 30)
    assert len(taken) == 30
    assert not any(one.missed for one in taken)
    # No more than a step between two of them, by the clock that never goes back.
    assert clock.steady() - 100.0 <= 30 * 61.0


def test_a_step_of_less_than_a_second_has_times_with_fractions(tmp_path: Path) -> None:
    watch(tmp_path, FakeClock(BEGIN), 5, takes=0.01, run=Run(URL, 0.25, 5))
    assert [row["ts"][-7:] for row in documents(only_file(tmp_path))] == [
        "00.000Z", "00.250Z", "00.500Z", "00.750Z", "01.000Z",
    ]  # fmt: skip


# --- The file ---------------------------------------------------------------------------------


def test_a_sample_is_the_runbook_s_line(tmp_path: Path) -> None:
    watch(tmp_path, FakeClock(), 2)
    path = only_file(tmp_path)
    assert path.name == "state_machine_shadow_20261122T090017Z.jsonl"
    first, second = documents(path)
    assert list(second) == ["ts", "mode", "top_phase", "state_machine_shadow"]
    assert first["monitor"] == {"url": URL, "every": 60.0, "samples": 2}
    assert (second["ts"], second["mode"], second["top_phase"]) == (
        "2026-11-22T09:01:00Z", "live", "S1a",
    )  # fmt: skip
    assert path.read_bytes().count(b"\n") == 2
    assert b": " not in path.read_bytes().splitlines()[1]


def test_started_again_it_goes_on_and_marks_what_it_missed(tmp_path: Path) -> None:
    watch(tmp_path, FakeClock(BEGIN), 60, stop_after=10)
    taken = watch(tmp_path, FakeClock(BEGIN + 1200.0), 60)
    rows = documents(only_file(tmp_path))
    assert taken[0].missed == 10
    assert taken[-1].number == 59
    assert len(rows) == 10 + 1 + 40
    assert rows[10]["missed"] == 10
    assert rows[10]["reason"].endswith("09:19:00Z: the monitor was not running")
    assert rows[11]["monitor"]["samples"] == 60


def test_within_the_same_minute_nothing_is_sampled_twice(tmp_path: Path) -> None:
    watch(tmp_path, FakeClock(BEGIN), 60, stop_after=3)
    taken = watch(tmp_path, FakeClock(BEGIN + 130.0), 60, stop_after=1)
    assert (taken[0].at, taken[0].missed) == (BEGIN + 180.0, 0)


@pytest.mark.parametrize("tail", ['{"ts":"2026-11-22T0', '{"ts":"2026-11-22T09:02:00Z"}', "\0\0\0"])
def test_behind_half_a_line_a_new_one_begins(tmp_path: Path, tail: str) -> None:
    watch(tmp_path, FakeClock(BEGIN), 60, stop_after=3)
    path = only_file(tmp_path)
    with path.open("a") as file:
        file.write(tail)
    watch(tmp_path, FakeClock(BEGIN + 180.0), 60, stop_after=2)
    lines = path.read_text().split("\n")
    assert lines[3] == tail
    assert len(read_telemetry([path]).samples) == 5


def test_a_run_that_is_over_and_another_bot_s_get_files_of_their_own(tmp_path: Path) -> None:
    watch(tmp_path, FakeClock(BEGIN), 3)
    watch(tmp_path, FakeClock(BEGIN + 600.0), 3)
    watch(tmp_path, FakeClock(BEGIN + 660.0), 3, run=Run(URL + "/other", 60.0, 3))
    assert len(list(tmp_path.iterdir())) == 3


def test_two_monitors_never_write_to_one_file(tmp_path: Path) -> None:
    one = open_samples(tmp_path, RUN, BEGIN)
    one.append(sample_document(BEGIN, Status("live")) | {"monitor": RUN.document()})
    other = open_samples(tmp_path, RUN, BEGIN)
    assert other.path != one.path
    with pytest.raises(EnvironmentFailure, match="another monitor writes to"):
        open_samples(one.path, RUN, BEGIN)
    one.close()
    open_samples(one.path, RUN, BEGIN).close()
    other.close()


def test_the_runbook_s_own_file_can_be_gone_on_with_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", json.dumps(Bot(BEGIN).run(1).documents[0], indent=2))
    watch(path, FakeClock(BEGIN + 120.0), 10, stop_after=2)
    assert len(read_telemetry([path]).samples) == 3
    assert look_at(path).run == RUN._replace(samples=10)
    with pytest.raises(UsageError, match="samples of another address"):
        open_samples(path, Run("http://elsewhere/", 60.0, 10), BEGIN)


@pytest.mark.parametrize("trouble", ["removed", "renamed", "cut off", "replaced"])
@pytest.mark.parametrize("named", [False, True])
def test_a_file_taken_from_under_it_is_told_and_another_one_of_the_same_run_is_begun(
    tmp_path: Path, trouble: str, named: bool
) -> None:
    file = open_samples(tmp_path / "mine.jsonl" if named else tmp_path, RUN, BEGIN)
    first = file.path
    for minute in range(2):
        assert file.append(sample_document(BEGIN + 60.0 * minute, Status("live")))
    if trouble == "removed":
        first.unlink()
    elif trouble == "cut off":
        os.truncate(first, 10)
    else:
        first.rename(tmp_path / "rotated")
    if trouble == "replaced":
        write(first, "mine\n")
    for minute in range(2, 4):
        assert file.append(sample_document(BEGIN + 60.0 * minute, Status("live")))
    file.close()
    lines = file.path.read_text().splitlines()[-3:]
    note, *samples = map(json.loads, lines)
    assert [one["ts"][14:16] for one in samples] == ["02", "03"]
    assert note["monitor"] == RUN.document()
    is_lost = trouble in ("removed", "cut off")
    assert note.get("lost") == (2 if is_lost else None)
    assert file.lost == (2 if is_lost else 0)
    assert ("renamed" if trouble == "replaced" else trouble) in note["reason"] == file.moved
    assert look_at(file.path) == (RUN, float(BEGIN), BEGIN + 180.0)
    if trouble == "replaced":
        assert first.read_text() == "mine\n"
    read = read_telemetry([file.path])
    assert read.counts[Fault.LOST] == is_lost


def test_a_directory_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    with pytest.raises(EnvironmentFailure):
        open_samples(tmp_path / "file" / "logs", RUN, BEGIN)


def test_a_device_that_is_full_holds_samples_back(tmp_path: Path) -> None:
    file = open_samples(Path("/dev/full"), RUN, BEGIN)
    assert not file.append({"ts": 1})
    assert not file.append({"ts": 2})
    assert (file.held_back, file.trouble) == (2, "No space left on device")
    file.close()


def test_the_lock_ends_with_the_file(tmp_path: Path) -> None:
    file = open_samples(tmp_path, RUN, BEGIN)
    with file.path.open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.close()
    with file.path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_it_writes_of_an_absent_bot_the_gate_reads_as_absence(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows = [sample_document(BEGIN, Status(reason="no answer: Connection refused"))]
    write(path, json.dumps(rows[0]) + "\n")
    read = read_telemetry([path])
    assert read.counts[Fault.NO_BLOCK] == 1
    assert read.set_aside[0].reason == "has no counters: no answer: Connection refused"
    assert judge(read).verdict is Outcome.INCONCLUSIVE


# --- The bot's answers ------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        yield one


def asked(server: Server, answer: Any, timeout: float = 60.0) -> Status:
    server.answers.append(answer)
    return ask(Address.parse(server.url), timeout)


def test_counters_come_as_they_are(server: Server) -> None:
    block = {"enabled": True, "odd": [1, {"x": "\u202e\ud83d"}], "nan": float("nan"), "big": 1e308}
    body = json.dumps(status(block)).replace("1e+308", "1e400").encode()
    got = asked(server, http(body))
    assert got.block == {**block, "nan": None, "big": None}
    assert (got.mode, got.top_phase, got.reason) == ("paper", "S1a", "")
    assert server.asked == ["GET /api/status HTTP/1.1"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "no answer: the connection was closed"),
        (b"\x00\xff\xfe garbage\r\n\r\n", "the answer is no HTTP (BadStatusLine)"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n{}", "the answer is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, "the answer is no HTTP (LineTooLong)"),
        (http(b"{"), "the answer is no JSON"),
        (http(b"[" * 100_000), "the answer is no JSON"),
        (http(b"\xff\xfe\x00"), "the answer is no JSON"),
        (http(b"[1]"), "the answer is no JSON object"),
        (http(b"{}"), "the status has no state_machine_shadow"),
        (http(json.dumps(status()).encode()), "state_machine_shadow is null"),
        (http(json.dumps(status([1])).encode()), "state_machine_shadow is no object"),
        (http(json.dumps(status({"x": "y" * (1 << 20)})).encode()), "state_machine_shadow has"),
        (http(json.dumps(status({})).encode(), length=10_000), "the answer is cut off"),
        (http(b"", 302, "Location: http://127.0.0.1:9/"), "HTTP 302: a redirect"),
        (http(b"", 301, "Location: /api/status"), "HTTP 301: a redirect"),
        (http(b"oops", 500), "HTTP 500"),
        (http(json.dumps(status({"enabled": True})).encode(), 503), "HTTP 503"),
        (http(b"x" * (MAX_ANSWER + 5)), "the answer has more than 16,777,216 bytes"),
    ],
    ids=range(18),
)
def test_what_is_no_status_is_a_sample_without_counters(
    server: Server, answer: bytes, reason: str
) -> None:
    got = asked(server, answer)
    assert got.reason.startswith(reason)
    assert got.block is None


def test_a_status_that_says_503_still_says_its_mode(server: Server) -> None:
    got = asked(server, http(json.dumps(status({}, mode="starting")).encode(), 503))
    assert (got.mode, got.block, got.reason) == ("starting", None, "HTTP 503")


def test_a_bot_that_hangs_or_drips_costs_no_more_than_the_timeout(server: Server) -> None:
    for answer in (server.hold, server.drip):
        got = asked(server, answer, 0.3)
        assert got == Status(reason="no answer within 0.3 s")
    # The threads that asked end too.
    for thread in threading.enumerate():
        if thread.name.endswith("(run)"):
            thread.join(60.0)
            assert not thread.is_alive()


def test_nobody_there_is_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    got = ask(Address.parse(f"127.0.0.1:{port}"), 60.0)
    assert got.reason == "no answer: Connection refused"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/api/status"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/status"),
        ("https://bot.example:8443/api/status", "https://bot.example:8443/api/status"),
        ("http://[::1]:8080/x?y=1#z", "http://[::1]:8080/x?y=1"),
        ("localhost", "http://localhost/api/status"),
    ],
)
def test_an_address_is_the_bot_s_or_its_status_s(text: str, whole: str) -> None:
    assert Address.parse(text).text == whole


@pytest.mark.parametrize(
    "text",
    ["", "http://", "ftp://x/", "http://x:y/", "http://x:99999/", "http://u:p@x/", "http://x/\x1b",
     "http://x/ y", "http://\u202e/", "file:///etc/passwd", "http://[::1"],
    ids=repr,
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Address.parse(text)


def test_large_fields_that_are_only_shown_are_left_out() -> None:
    content = json.dumps(status({"x": 1}, mode="m" * 5000)).encode()
    assert status_of(content) == Status(None, "S1a", {"x": 1})
