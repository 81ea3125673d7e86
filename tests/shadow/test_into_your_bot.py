"""The page "Put this into your bot": its program runs as it stands, and so do its commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from runbook_support import ROOT, clean_environment, free_port
from shadow_bot import Journal

from replay.shadow import ShadowOptions

PAGE = (ROOT / "docs" / "into-your-bot.md").read_text("utf-8")
SOURCES = ROOT / "tests" / "support"
PLACE = "/opt/bot/doge-core-exe"
"""Where the page has the executable."""
TRADES = """
import os, urllib.request

class Slot:
    def __init__(self, number):
        self.number, self.size, self.now = number, 4.0, 1000.0
        self.state = state_machine.PairState(0.2, self.now)

server = serve(int(os.environ["PORT"]))
slots = [Slot(1), Slot(2)]
for _ in range(20):
    for slot in slots:
        slot.now += 10.0
        on_event(slot, state_machine.TimerTick(slot.now), state_machine.EngineConfig())
assert state_machine.drain(60)
ask = f"http://127.0.0.1:{os.environ['PORT']}"
print(urllib.request.urlopen(ask + "/api/status").read().decode())
assert b"state_machine_shadow" in urllib.request.urlopen(ask + "/").read()
server.shutdown()
server.server_close()
"""


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def commands(section: str) -> str:
    """The indented block of a section."""
    text = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (found,) = [one for one in text if one.startswith(section)]
    (block,) = re.findall(r"(?:^    .*\n)+", found, re.MULTILINE)
    return re.sub(r"^    ", "", block, flags=re.MULTILINE)


def test_the_program_and_the_commands_of_the_page_run_as_they_stand(
    tmp_path: Path, core_exe: str
) -> None:
    shutil.copy(SOURCES / "stand_in_bot" / "state_machine.py", tmp_path)
    shutil.copy(SOURCES / "ports" / "port.py", tmp_path / "reducer.py")
    program = "\n".join(blocks("python"))
    (tmp_path / "bot.py").write_text(program + TRADES)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, line in (("doge-replay", "-m replay"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {line} "$@"\n')
        (programs / name).chmod(0o755)
    text = commands("5. Switch it on")
    assert PLACE in text
    off = commands("The way back").strip()
    env = clean_environment(
        PORT=str(free_port()), PYTHONPATH=str(ROOT), PATH=f"{programs}:{os.environ['PATH']}"
    )

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", script], cwd=tmp_path, env=env, text=True, capture_output=True,
            check=False, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    enabled = text.replace(PLACE, core_exe)
    printed = run(enabled)
    assert ": ready; authority " in printed
    shadow = json.loads(printed.splitlines()[-1])["state_machine_shadow"]
    assert shadow["transition_checks"] == 40
    assert shadow["total_divergences"] == shadow["shadow_failures"] == 0
    assert {mark.slot for mark in Journal(tmp_path / "logs").marks} == {1, 2}
    shutil.rmtree(tmp_path / "logs")
    export, _, start = enabled.strip().splitlines()
    back = json.loads(run(f"{export}\n{off} {start}"))["state_machine_shadow"]
    assert back["enabled"] is False
    assert not (tmp_path / "logs").exists()


def test_the_container_of_the_page_names_what_there_is() -> None:
    (text,) = blocks("dockerfile")
    for path in re.findall(r"/src/(scripts/\S+)", text):
        assert os.access(ROOT / path, os.X_OK)
    assert text.count("FROM ") == 2
    assert "--from=executable /src/build/doge-core-exe" in text
    (line,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    options = ShadowOptions.from_environment(dict(one.split("=") for one in line.split()))
    assert (options.shadow, options.executable) == (True, PLACE)
    assert options.is_recording
    assert options.warnings == ()
