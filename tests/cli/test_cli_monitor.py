"""`doge-replay monitor` as a process: killed at any moment, started again, told to end, on a disk
that is full, beside a bot that goes and comes back."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import support.waiting
from cli_support import PROGRAM, TESTS, checked, doge, ended, environment, start

sys.path.insert(0, str(TESTS / "gate"))

from bot_server import Server

from replay.cli.main import run_cli
from replay.gate.telemetry.samples import Fault, read_telemetry

KILLS = 5


@pytest.fixture
def bot() -> Iterator[Server]:
    with Server() as server:
        yield server


wait_for = partial(support.waiting.wait_for, seconds=90.0)


def files(folder: Path) -> list[Path]:
    return sorted((folder / "logs").glob("state_machine_shadow_*.jsonl"))


def rows(folder: Path) -> list[dict[str, Any]]:
    """All lines of all files; each must be whole."""
    return [json.loads(line) for file in files(folder) for line in file.read_text().splitlines()]


def text(folder: Path) -> str:
    return "".join(file.read_text() for file in files(folder))


def test_it_samples_and_ends_by_itself(bot: Server, tmp_path: Path) -> None:
    ran = doge(tmp_path, "monitor", bot.url, "--every", "0.1", "--samples", 5)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("monitor: writing logs/state_machine_shadow_")
    assert "monitor: done, 5 samples were due" in ran.err
    counted = [row for row in rows(tmp_path) if row["state_machine_shadow"]]
    assert counted
    assert counted[0]["monitor"] == {"url": f"{bot.url}/api/status", "every": 0.1, "samples": 5}
    assert all(row["mode"] == "paper" for row in counted)
    assert set(bot.asked) == {"GET /api/status HTTP/1.1"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_in_order(bot: Server, tmp_path: Path, number: int, code: int) -> None:
    process = start(tmp_path, "monitor", bot.url, "--every", "0.2", "--hours", 1)
    wait_for(lambda: text(tmp_path).count("\n") >= 2)
    ran = ended(process, number)
    assert ran.code == code
    assert "interrupted; the same command goes on with logs/state_machine_shadow_" in ran.err
    assert text(tmp_path).endswith("\n")


def test_a_signal_ends_it_while_the_bot_hangs(bot: Server, tmp_path: Path) -> None:
    bot.answers += [bot.hold]
    process = start(tmp_path, "monitor", bot.url, "--timeout", 600)
    wait_for(lambda: bot.asked)
    assert ended(process, signal.SIGTERM).code == 143


def test_killed_at_any_moment_it_loses_a_line_at_most_and_goes_on(
    bot: Server, tmp_path: Path
) -> None:
    """A new one each time goes on with the same file, whatever the last one left."""
    chance = random.Random(5)
    seen = 0
    for _ in range(KILLS):
        process = start(tmp_path, "monitor", bot.url, "--every", "0.05", "--hours", 1)
        served = len(bot.asked)
        wait_for(lambda: len(bot.asked) > served)  # noqa: B023
        time.sleep(chance.random() * 0.12)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        (file,) = files(tmp_path)
        whole = [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1] if line]
        counted = sum(row["state_machine_shadow"] is not None for row in whole)
        # Each answer that it got is on the disk, but for the one that it was about to write.
        assert counted >= seen
        seen = counted
    assert seen >= len(bot.asked) - 2 * KILLS
    read = read_telemetry([file])
    assert len(read.samples) == seen
    assert read.counts[Fault.CONTRADICTION] == 0
    assert [row["missed"] for row in whole if "missed" in row]


def test_behind_half_a_line_of_a_killed_one_a_line_begins(bot: Server, tmp_path: Path) -> None:
    first = start(tmp_path, "monitor", bot.url, "--every", "0.1", "--hours", 1)
    wait_for(lambda: text(tmp_path).count("\n") >= 3)
    ended(first, signal.SIGKILL)
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: -len(whole.splitlines()[-1]) // 2])
    before = len(read_telemetry([file]).samples)
    second = start(tmp_path, "monitor", bot.url, "--every", "0.1", "--hours", 1)
    wait_for(lambda: len(read_telemetry([file]).samples) >= before + 2)
    ran = ended(second, signal.SIGTERM)
    assert "monitor: going on with" in ran.err
    assert read_telemetry([file]).counts[Fault.UNREADABLE] == 1


def test_a_bot_that_goes_and_comes_back_is_told_by_samples_without_counters(
    tmp_path: Path,
) -> None:
    bot = Server()
    port = bot.port
    process = start(tmp_path, "monitor", bot.url, "--every", "0.1", "--hours", 1)
    wait_for(lambda: text(tmp_path).count('"transition_checks"') >= 2)
    bot.stop()
    wait_for(lambda: text(tmp_path).count("no answer") >= 2)
    with Server(port):
        seen = text(tmp_path).count("transition_checks")
        wait_for(lambda: text(tmp_path).count("transition_checks") >= seen + 2)
        ran = ended(process, signal.SIGTERM)
    assert "no counters: no answer: Connection refused" in ran.err
    assert "the bot answers" in ran.err
    away = [row for row in rows(tmp_path) if "no answer" in row.get("reason", "")]
    assert away[0]["state_machine_shadow"] is None
    assert away[0]["mode"] is None


def test_hostile_texts_of_a_bot_are_harmless_on_the_terminal(bot: Server, tmp_path: Path) -> None:
    bot.answers += [b"HTTP/1.1 200 \x1b]0;x\x07\r\nContent-Length: 8\r\n\r\n\x1b[2J\x9b31m"] * 50
    ran = doge(tmp_path, "monitor", bot.url, "--every", "0.1", "--samples", 3)
    assert ran.code == 0
    assert "the answer is no JSON" in ran.err


def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(
    bot: Server, tmp_path: Path
) -> None:
    """A limit on the size of files is a disk that is full: part of a line is written, then
    nothing."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))

    process = subprocess.Popen(
        [*PROGRAM, "monitor", bot.url, "--every", "0.1", "--hours", "1"], cwd=tmp_path,
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, preexec_fn=limit,
    )  # fmt: skip
    wait_for(lambda: text(tmp_path) and len(text(tmp_path)) >= 1_000)
    asked = len(bot.asked)
    wait_for(lambda: len(bot.asked) >= asked + 5)
    whole = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, whole)
    asked = len(bot.asked)
    # What is said of a sample comes before the next one is taken.
    wait_for(lambda: len(read_telemetry(files(tmp_path)).samples) >= asked + 2)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    ran = checked(process.returncode, out, err)
    assert "cannot write: " in ran.err
    assert "everything is written again" in ran.err
    read = read_telemetry(files(tmp_path))
    checks = [sample.counters.checks for sample in read.samples]
    assert checks == sorted(set(checks))
    # The line of which only a part fitted stands there as it is, and whole again behind that.
    assert read.counts[Fault.UNREADABLE] == 1
    assert len(read.samples) >= len(bot.asked) - 1


def test_on_a_terminal_one_line_is_kept_up_to_date(bot: Server, tmp_path: Path) -> None:
    command = f"{sys.executable} -m replay monitor {bot.url} --every 0.1 --samples 4"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], cwd=tmp_path, env=environment(TERM="xterm"),
        capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0
    assert b"\r\x1b[K[4/4] " in done.stdout
    assert b" checks, 0 divergences, 0 failures" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ftp://x/",),
        ("127.0.0.1:1", "--every", "0"),
        ("127.0.0.1:1", "--every", "nan"),
        ("127.0.0.1:1", "--samples", "0"),
        ("http://u:p@127.0.0.1:1/",),
        ("127.0.0.1:1", "--samples", "3", "--hours", "1"),
        ("127.0.0.1:1", "--hours", "0"),
        ("\x1b[31m://",),
    ],
    ids=repr,
)
def test_a_call_that_is_wrong_is_one_line_and_2(
    tmp_path: Path,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code = run_cli(["monitor", *arguments])
    said = capsys.readouterr()
    assert checked(code, said.out.encode(), said.err.encode()).line
    assert code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line_and_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = doge(tmp_path, "monitor", "127.0.0.1:1", "--out", "file/logs", "--samples", 1)
    assert ran.code == 3
    assert "cannot write file/logs" in ran.line
