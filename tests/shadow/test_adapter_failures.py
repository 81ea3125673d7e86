"""Whatever goes wrong with the shadow, the bot's calls are answered, and everything is counted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shadow_bot import (
    PATIENCE,
    ROOT,
    Bot,
    Journal,
    adds_up,
    script,
    shadow_pids,
    wait_for,
    wrong_executable,
)

from replay import core
from replay.shadow import ShadowOptions, feeder, wrap

TIMEOUT = 0.3


def alone(steps: int, seed: int = 1) -> Bot:
    """What a bot does without any shadow."""
    bot = Bot(core, seed)
    bot.run(steps)
    return bot


def unusable(folder: Path, how: str) -> str:
    """An executable that never gives a usable answer."""
    texts = {
        "hanging": "exec sleep 1000",
        "crashing": "read line; exit 3",
        "dying at once": "exit 1",
        "talking nonsense": "while read line; do echo nonsense; done",
        "answering half": "while read line; do printf '{state'; done",
        "silent": "exec cat >/dev/null",
        "flooding": "exec yes",
    }
    if how == "missing":
        return str(folder / "missing")
    if how == "no program":
        path = folder / "text"
        path.write_text("just some text")
        return str(path)
    if how == "a folder":
        return str(folder)
    return script(folder, how.replace(" ", "_"), texts[how])


@pytest.mark.parametrize(
    "how",
    ["missing", "no program", "a folder", "hanging", "crashing", "dying at once",
     "talking nonsense", "answering half", "silent", "flooding"],
)  # fmt: skip
def test_an_unusable_executable_fails_and_the_bot_goes_on(tmp_path: Path, how: str) -> None:
    exe = unusable(tmp_path, how)
    adapter = wrap(core, ShadowOptions(shadow=True, executable=exe, timeout=TIMEOUT,
                                       journal=tmp_path / "logs"))  # fmt: skip
    bot = Bot(adapter)
    bot.run(30)
    assert bot.state == alone(30).state
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert adds_up(metrics)
    own = metrics["adapter"]
    assert own["offered"] == own["failed"] == metrics["shadow_failures"] == bot.calls
    answering = ("hanging", "crashing", "talking nonsense", "answering half", "silent", "flooding")
    assert metrics["last_shadow_error"]
    assert metrics["total_divergences"] == 0
    assert metrics["executable_available"] is (how in answering)
    journal = Journal(tmp_path / "logs")
    assert journal.lines == len(journal.failed) == bot.calls
    assert not journal.rejected


def test_an_executable_that_crashes_on_some_calls_answers_the_others(tmp_path: Path) -> None:
    exe = wrong_executable(tmp_path, "crashes")
    adapter = wrap(core, ShadowOptions(shadow=True, executable=exe, timeout=30.0,
                                       journal=tmp_path / "logs"))  # fmt: skip
    bot = Bot(adapter)
    while not any(type(a).__name__ == "PlaceOrderAction" and a.role == "exit"
                  for answer in bot.answers for a in answer if not isinstance(a, str)):  # fmt: skip
        bot.step()
    bot.run(5)
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert adds_up(metrics)
    assert 1 <= metrics["adapter"]["failed"] <= 3
    assert "code 9" in metrics["last_shadow_error"]
    assert metrics["total_divergences"] == 0


def test_a_state_that_the_executable_refuses_fails_only_while_it_is_there(
    core_exe: str, tmp_path: Path
) -> None:
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=tmp_path))
    bot = Bot(adapter)
    bot.run(3)
    adapter.check_invariants(replace(bot.state, cycle_a=2.5))
    assert adapter.drain(PATIENCE)
    bot.run(3)
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert adds_up(metrics)
    assert metrics["adapter"]["failed"] == metrics["shadow_failures"] == 1
    assert "unreadable" in metrics["last_shadow_error"]
    assert metrics["total_divergences"] == 0
    assert Journal(tmp_path).lines == bot.calls + 1


def test_an_executable_that_comes_back_is_asked_again(tmp_path: Path, core_exe: str) -> None:
    exe = tmp_path / "core"
    adapter = wrap(core, ShadowOptions(shadow=True, executable=str(exe), timeout=10.0))
    bot = Bot(adapter)
    bot.run(5)
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    assert metrics["executable_available"] is False
    assert metrics["shadow_failures"] == bot.calls
    shutil.copy2(core_exe, exe)

    def is_compared() -> bool:
        bot.step()
        assert adapter.drain(PATIENCE)
        return bool(adapter.get_shadow_metrics()["adapter"]["compared"] > 0)

    wait_for(is_compared, "a comparison")
    metrics = adapter.get_shadow_metrics()
    assert metrics["executable_available"] is True
    assert metrics["total_divergences"] == 0
    assert adds_up(metrics)
    adapter.close()


def test_a_slow_executable_fills_the_queue_and_what_is_too_much_is_dropped(tmp_path: Path) -> None:
    exe = wrong_executable(tmp_path, "slow")
    options = ShadowOptions(shadow=True, executable=exe, timeout=60.0, journal=tmp_path / "logs",
                            queue_limit=40)  # fmt: skip
    adapter = wrap(core, options)
    bot = Bot(adapter)
    bot.run(60)
    adapter.drain(PATIENCE)
    bot.run(2)
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    own = metrics["adapter"]
    assert bot.calls == own["offered"]
    assert own["dropped"] > 0
    assert own["queue_max"] == own["queue_limit"] == 40
    assert adds_up(metrics)
    assert metrics["shadow_failures"] == metrics["total_divergences"] == 0
    # What was dropped is a gap; after it stands a full line.
    journal = Journal(tmp_path / "logs")
    assert not journal.rejected
    assert journal.lines == own["compared"]
    seqs: list[Any] = [mark.seq for mark in journal.marks]
    assert seqs != list(range(1, len(seqs) + 1))
    assert seqs == sorted(set(seqs))


def test_killed_at_any_moment_the_shadow_process_is_started_again(
    tmp_path: Path, core_exe: str
) -> None:
    logs = tmp_path / "logs"
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=logs))
    bot = Bot(adapter)
    bot.step()
    assert adapter.drain(PATIENCE)
    kills = 6
    for number in range(kills):
        (pid,) = shadow_pids()
        bot.run(3 + number)
        time.sleep(0.006 * number)
        os.kill(pid, signal.SIGKILL)
        bot.run(3)

        def is_new(old: int = pid) -> bool:
            bot.step()
            return bool(set(shadow_pids()) - {old})

        wait_for(is_new, "a new process")
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    own = metrics["adapter"]
    assert own["restarts"] == kills
    assert own["offered"] == bot.calls
    assert adds_up(metrics)
    assert own["failed"] == metrics["shadow_failures"]
    assert own["compared"] > 0
    assert metrics["total_divergences"] == 0
    if own["failed"]:
        assert "signal 9" in metrics["last_shadow_error"]
    journal = Journal(logs)
    assert 2 <= len(journal.files) <= kills + 1
    # Each kill may have cut one line short; all others are readable, and none tells lies.
    assert len(journal.rejected) <= kills
    assert own["compared"] <= journal.lines <= bot.calls
    assert not journal.differing(core_exe)


HOST = """
import sys, time
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from shadow_bot import Bot, core
from replay.shadow import ShadowOptions, wrap
adapter = wrap(core, ShadowOptions(shadow=True, executable=sys.argv[1], journal=Path(sys.argv[2])))
bot = Bot(adapter)
while True:
    bot.step()
    print(bot.calls, flush=True)
    time.sleep(0.02)
"""


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.4])
def test_killed_with_its_bot_the_journal_is_whole_and_nothing_is_left(
    tmp_path: Path, core_exe: str, moment: float
) -> None:
    program = HOST.format(tests=str(ROOT / "tests" / "shadow"), root=str(ROOT))
    host = subprocess.Popen([sys.executable, "-c", program, core_exe, str(tmp_path)],
                            stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert host.stdout is not None
    host.stdout.readline()
    wait_for(lambda: bool(list(tmp_path.glob("events_*.jsonl"))), "a journal")
    (pid,) = shadow_pids(host.pid)
    time.sleep(moment)
    host.kill()
    calls = int(host.stdout.read().split()[-1])
    host.wait()
    host.stdout.close()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the end of the shadow process")
    journal = Journal(tmp_path)
    # It was finished in order: what the bot had handed over was compared and written.
    assert [file.suffix for file in journal.files] == [".zst"]
    assert not journal.rejected
    assert calls - 30 <= journal.lines
    assert not journal.failed
    assert not journal.differing(core_exe)


def test_stopped_for_a_while_the_shadow_process_holds_nobody_up(
    tmp_path: Path, core_exe: str
) -> None:
    options = ShadowOptions(shadow=True, executable=core_exe, queue_limit=200)
    adapter = wrap(core, options)
    bot = Bot(adapter)
    bot.step()
    assert adapter.drain(PATIENCE)
    (pid,) = shadow_pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        bot.run(3000)  # far more than the pipe and the queue hold
        assert not adapter.drain(0.2)
        metrics = adapter.get_shadow_metrics()
        assert metrics["adapter"]["dropped"] > 0
    finally:
        os.kill(pid, signal.SIGCONT)
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert bot.state == alone(3001).state
    assert metrics["adapter"]["offered"] == bot.calls
    assert adds_up(metrics)
    assert metrics["total_divergences"] == metrics["shadow_failures"] == 0


def test_a_shadow_process_that_hangs_is_killed_and_started_again(
    core_exe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "STALL", 0.0)
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, timeout=0.5))
    bot = Bot(adapter)
    bot.step()
    assert adapter.drain(PATIENCE)
    (pid,) = shadow_pids()
    os.kill(pid, signal.SIGSTOP)
    bot.step()
    wait_for(lambda: adapter.get_shadow_metrics()["adapter"]["restarts"] >= 1, "a restart")
    bot.step()
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert adds_up(metrics)
    assert metrics["adapter"]["failed"] >= 1
    assert "did nothing for" in metrics["last_shadow_error"]
    assert metrics["adapter"]["offered"] == bot.calls


def test_a_process_that_cannot_be_started_fails_the_calls(
    core_exe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe))
    bot = Bot(adapter)
    bot.run(5)
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    assert metrics["shadow_failures"] == metrics["adapter"]["failed"] == bot.calls
    assert "cannot be started" in metrics["last_shadow_error"]
    monkeypatch.undo()

    def is_compared() -> bool:
        bot.step()
        assert adapter.drain(PATIENCE)
        return bool(adapter.get_shadow_metrics()["adapter"]["compared"] > 0)

    wait_for(is_compared, "a comparison")
    assert adds_up(adapter.get_shadow_metrics())
    adapter.close()


def test_a_full_disk_costs_lines_and_nothing_else(tmp_path: Path, core_exe: str) -> None:
    program = """
import resource, sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from shadow_bot import Bot, core, adds_up
from replay.shadow import ShadowOptions, wrap
# No file may grow beyond this: to whoever writes, that is a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
adapter = wrap(core, ShadowOptions(shadow=True, executable=sys.argv[1], journal=Path(sys.argv[2])))
bot = Bot(adapter)
bot.run(200)
assert adapter.drain(90)
metrics = adapter.get_shadow_metrics()
own = metrics["adapter"]
assert adds_up(metrics), metrics
assert own["compared"] == own["offered"] == bot.calls, metrics
assert own["recorder"]["errors"] > 0, metrics
assert own["recorder"]["errors"] + own["recorder"]["lines"] == bot.calls, metrics
assert metrics["shadow_failures"] == 0, metrics
adapter.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program.format(tests=str(ROOT / "tests" / "shadow"), root=str(ROOT)),
         core_exe, str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not Journal(tmp_path).rejected


def test_a_directory_that_vanishes_costs_lines_and_nothing_else(
    tmp_path: Path, core_exe: str
) -> None:
    logs = tmp_path / "logs"
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=logs))
    bot = Bot(adapter)
    bot.run(5)
    assert adapter.drain(PATIENCE)
    shutil.rmtree(logs)
    logs.write_text("in the way")
    before = bot.calls
    bot.run(5)
    assert adapter.drain(PATIENCE)
    metrics = adapter.get_shadow_metrics()
    assert metrics["adapter"]["recorder"]["errors"] == bot.calls - before
    assert metrics["adapter"]["compared"] == bot.calls
    logs.unlink()

    def is_recorded() -> bool:
        bot.step()
        assert adapter.drain(PATIENCE)
        return bool(adapter.get_shadow_metrics()["adapter"]["recorder"]["lines"] > before)

    wait_for(is_recorded, "a line")
    bot.run(5)
    adapter.close()
    journal = Journal(logs)
    assert journal.lines >= 15
    assert not journal.rejected
    first: Any = journal.marks[0].seq
    assert first > bot.calls - journal.lines


def test_nothing_is_left_behind(tmp_path: Path, core_exe: str) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    def metrics_of(adapter: Any) -> Any:
        return adapter.get_shadow_metrics()["adapter"]

    before = open_files()
    for exe in (core_exe, str(tmp_path / "missing")):
        adapter = wrap(core, ShadowOptions(shadow=True, executable=exe, journal=tmp_path / "logs"))
        Bot(adapter).run(3)
        adapter.close()
        own = metrics_of(adapter)
        assert own["offered"] == own["compared"] + own["failed"]
    assert open_files() == before
    assert not shadow_pids()
