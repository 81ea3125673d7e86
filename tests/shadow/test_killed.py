"""Host, monitor and shadow process killed without a warning, at many moments: what is on the disk
stays readable, and the gate sees every gap."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from runbook_support import Bot, clean_environment, doge, free_port
from support.waiting import wait_for

pytestmark = pytest.mark.timeout(1200)

ROUNDS = 5
SPEED = 600
EVERY = 0.1


def samples(file: Path) -> int:
    """Whole lines in a file."""
    return file.read_bytes().count(b"\n") if file.exists() else 0


def has_more(file: Path, lines: int) -> bool:
    return samples(file) > lines


def restarts_of(bot: Bot) -> int:
    """How often the process that compares for a bot was started again."""
    status = bot.status() or {"state_machine_shadow": {"adapter": {}}}
    restarts: int = status["state_machine_shadow"]["adapter"].get("restarts", 0)
    return restarts


def shadow_process_of(bot: Bot) -> int | None:
    """The process that compares for a bot."""
    with suppress(OSError):
        for thread in Path(f"/proc/{bot.process.pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                if b"replay.shadow.shadow_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
    return None


def is_gone(pid: int) -> bool:
    """Whether a process has ended (what waits to be collected has)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def test_whatever_is_killed_files_stay_readable_and_the_gate_sees_the_gaps(
    tmp_path: Path, core_exe: str
) -> None:
    chance = random.Random("moments")
    port = free_port()
    env = {"DOGE_CORE_SHADOW": "1", "DOGE_CORE_EXE": core_exe}
    logs = tmp_path / "logs"
    logs.mkdir()
    seen = logs / "state_machine_shadow_seen.jsonl"
    monitor_log = (tmp_path / "monitor.log").open("ab")

    def start_monitor() -> subprocess.Popen[bytes]:
        address = f"http://127.0.0.1:{port}/api/status"
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "replay",
                "monitor",
                address,
                "--every",
                str(EVERY),
                "--out",
                seen,
            ],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=monitor_log,
            stderr=monitor_log,
            start_new_session=True,
        )

    monitor = start_monitor()
    bot: Bot | None = None
    try:
        for number in range(ROUNDS):
            bot = Bot(tmp_path, "--speed", SPEED, port=port, env=env)
            bot.wait_until_up()
            before = samples(seen)
            wait_for(partial(has_more, seen, before + 2), "more samples")
            if number % 2:
                compares = wait_for(partial(shadow_process_of, bot), "a shadow process")
                os.kill(compares, signal.SIGKILL)
                wait_for(
                    partial(restarts_of, bot),
                    "the shadow process started again",
                )
            else:
                monitor.kill()
                monitor.wait(timeout=60)
                time.sleep(5 * EVERY)  # it starts in less than two samples' time
                monitor = start_monitor()
            threshold = samples(seen) + chance.randint(1, 12)
            wait_for(partial(has_more, seen, threshold - 1), "more samples")
            compares = wait_for(partial(shadow_process_of, bot), "a shadow process")
            bot.kill()
            wait_for(partial(is_gone, compares), "the shadow process ends with its bot")
    finally:
        if bot is not None:
            bot.kill()
        monitor.terminate()
        monitor.wait(timeout=60)
        monitor_log.close()

    code, out, err = doge(tmp_path, "run", "logs", "--shadow", core_exe, "--json")
    report = json.loads(out)
    assert code == 0, err
    assert report["verdicts"]["agree"] > 0
    assert report["rejected_count"] <= 2 * ROUNDS, "a half-written line for each that was killed"

    code, out, err = doge(
        tmp_path, "gate", seen, "--journal", "logs", "--rehearsal", "--shadow", core_exe, "--json"
    )
    verdict = json.loads(out)
    # FAIL where calls were under way when the shadow process was killed: that is what it counts.
    assert (code, verdict["verdict"]) in ((1, "FAIL"), (4, "INCONCLUSIVE"))
    assert verdict["divergence_count"] == 0
    assert len(verdict["lifetimes"]) == ROUNDS
    criteria = {one["key"]: one for one in verdict["criteria"]}
    assert criteria["pass 3"]["figures"]["restarts"] == ROUNDS - 1
    assert criteria["48h"]["outcome"] == "INCONCLUSIVE"
    assert criteria["telemetry"]["figures"]["unreadable"] <= ROUNDS
    # Only the first are listed: a bot that is slow to come up fills the list by itself.
    written = seen.read_text()
    assert "the monitor was not running" in written
    assert "no answer" in written
    assert verdict["telemetry"]["set_aside_count"] >= written.count('"reason"')
