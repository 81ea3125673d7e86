"""The operator's runbook as a script: its sections, their commands as they stand, and a bot to run
them against."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs" / "contract" / "shadow_runbook.md"
EXE_OF_RUNBOOK = "/absolute/path/to/doge-core-exe"
OWN_MARKET = os.environ.get("DOGE_REPLAY_CANDLES", "")
"""A file of two days of candles to run on; without one it is the synthetic market."""
PATIENCE = 120.0
"""Seconds to wait for what takes one or two, on a machine that may have much else to do."""


def market(hours: int) -> list[str]:
    """So many hours of prices, as options of `doge-replay paper`."""
    return [*(["--candles", OWN_MARKET] if OWN_MARKET else []), "--hours", str(hours)]


def commands(section: int) -> list[str]:
    """The shell commands of a section, a text for each block."""
    parts = re.split(r"^## (\d+)\) .*$", RUNBOOK.read_text("utf-8"), flags=re.MULTILINE)
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[str(section)]
    return re.findall(r"^```bash\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def settings(block: str, exe: str) -> dict[str, str]:
    """The environment that a block of NAME=VALUE lines gives."""
    lines = (line.partition("=") for line in block.splitlines() if line.strip())
    return {name: value.replace(EXE_OF_RUNBOOK, exe) for name, _, value in lines}


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def clean_environment(**more: str) -> dict[str, str]:
    """Ours, without the settings of anybody's shell."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOGE_")}
    return {**kept, **more}


def shell(where: Path, script: str, **env: str) -> str:
    """Runs a script with bash as an operator would, and gives what it prints."""
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=where,
        env=clean_environment(**env),
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def doge(where: Path, *arguments: object, seconds: float = 600.0) -> tuple[int, str, str]:
    """Runs a command of ours to its end: exit code, standard output, standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "replay", *map(str, arguments)],
        cwd=where,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


class Bot:
    """`doge-replay paper` in a directory, on a port of its own."""

    def __init__(self, where: Path, *arguments: object, port: int, env: Mapping[str, str]) -> None:
        self.where = where
        self.port = port
        self._log = (where / "bot.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "replay", "paper", *map(str, arguments)],
            cwd=where,
            env=clean_environment(PORT=str(port), **env),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def status(self) -> dict[str, Any] | None:
        """What /api/status says, None while there is no answer."""
        done = subprocess.run(
            ["curl", "-s", "-m", "20", f"http://127.0.0.1:{self.port}/api/status"],
            capture_output=True,
            check=False,
        )
        try:
            found = json.loads(done.stdout)
        except ValueError:
            return None
        return found if found.get("state_machine_shadow") else None

    def wait_until_up(self) -> dict[str, Any]:
        """Waits for the first status with a shadow block."""

        def look() -> dict[str, Any] | None:
            assert self.process.poll() is None, (self.where / "bot.log").read_text("utf-8")
            return self.status()

        found: dict[str, Any] = wait_for(look, "the bot answers")
        return found

    def stop(self) -> int:
        """Ends it as a service manager would; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=PATIENCE)
        self._log.close()
        return code

    def kill(self) -> None:
        """Ends it as the kernel would."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE)
        self._log.close()
