"""`kill -9` at any moment: all that was announced is stored, and nothing is left running."""

from __future__ import annotations

import random
import re
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

from cli_support import FEE, SETTLED, assert_gone, doge, faulty_core, start

from replay.findings.store.store import Store

ANNOUNCED = re.compile(rb"(?:new|known) (?:divergence|failure) ([df]-[0-9a-f]{8}): .*\n")
MOMENTS = 12


def read_all(stream: Any) -> tuple[threading.Thread, list[bytes]]:
    """Reads until the end, in the background; a killed process's last words count, too."""
    lines: list[bytes] = []
    thread = threading.Thread(target=lambda: lines.extend(stream))
    thread.start()
    return thread, lines


def until_it_finds(lines: list[bytes], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not lines and time.monotonic() < until:
        time.sleep(0.005)


def test_kill_9_loses_nothing_that_was_announced(tmp_path: Path) -> None:
    """Half of the moments count from the first finding, so that something is being stored."""
    moments = random.Random(20261122)
    shadow = faulty_core(tmp_path, FEE, SETTLED)
    announced: set[str] = set()
    for number in range(MOMENTS):
        database = tmp_path / f"{number // 4}.db"
        process = start(
            tmp_path, "fuzz", "--seconds", 60, "--jobs", 1 + number % 2, "--seed", number,
            "--shadow", shadow, "--db", database,
        )  # fmt: skip
        reader, lines = read_all(process.stderr)
        if number % 3:
            until_it_finds(lines)
            time.sleep(moments.uniform(0.0, 0.4))
        else:
            time.sleep(moments.uniform(0.3, 2.5))
        process.kill()
        process.wait()
        assert_gone(process.pid, shadow.parent)
        reader.join()
        process.stdout.close()
        process.stderr.close()
        if number % 4 == 0:
            announced = set()
        for line in lines:
            match = ANNOUNCED.fullmatch(line)
            assert match, f"not a line of ours: {line!r}"
            announced.add(match[1].decode())
        if not database.exists():
            assert not announced
            continue
        with Store.open(database) as store:
            soundness = store.check()
            assert soundness.sound, soundness.problems
            stored = {finding.id: finding for finding in store.findings()}
            assert announced <= stored.keys()
            assert all(stored[one].case.steps for one in announced)
        if number % 4 == 3:
            assert announced
            arguments = ("--db", database, "--corpus", "none")
            assert doge(tmp_path, "doctor", *arguments).code == 0
            one = sorted(announced)[0]
            assert doge(tmp_path, "repro", one, "--shadow", shadow, *arguments[:2]).code == 1


def test_kill_9_takes_the_executables_along(tmp_path: Path, core_exe: str) -> None:
    """The executable is a copy of its own name, so that its processes can be told."""
    own = tmp_path / "core-exe-of-this-test"
    shutil.copy(core_exe, own)
    for delay in (0.3, 1.0, 2.0, 3.5):
        process = start(tmp_path, "fuzz", "--seconds", 60, "--jobs", 2, "--shadow", own)
        time.sleep(delay)
        process.kill()
        _, err = process.communicate()
        assert err == b""
        assert_gone(process.pid, own)


def test_kill_9_ends_workers_that_wait_for_a_core_that_hangs(tmp_path: Path, core_exe: str) -> None:
    """A worker that waits for an answer notices that its parent is gone all the same."""
    own = tmp_path / "hanging-core"
    own.write_text('#!/bin/sh\nif [ "$#" = 1 ]; then read -r line; printf %s\\\\n '
                   '\'{"error":"no"}\'; fi\nexec sleep 77\n')  # fmt: skip
    own.chmod(0o755)
    process = start(
        tmp_path, "fuzz", "--seconds", 60, "--jobs", 2, "--shadow", own,
        env={"DOGE_CORE_TIMEOUT_SEC": "50"},
    )  # fmt: skip
    time.sleep(3.0)
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    assert err == b""
    assert_gone(process.pid, own, "sleep 77")
