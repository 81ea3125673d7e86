"""A bot that somebody else wrote goes through sections 1 to 7 of the runbook with two import lines
changed: what it computes stays the same, and nothing of ours is left when it has ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from runbook_support import ROOT, commands, doge, free_port, settings, shell
from shadow_bot import Journal
from support.waiting import wait_for

from replay.streams.model import CallCode

SOURCES = ROOT / "tests" / "support" / "stand_in_bot"
CHANGED = {
    "engine.py": ("import doge_core as sm", "from replay.shadow import state_machine as sm"),
    "status.py": ("import doge_core", "from replay.shadow import state_machine as doge_core"),
}
"""The two import lines."""

ROUNDS = "40"


@dataclass(frozen=True)
class StandIn:
    """A copy of the bot in a directory."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Its own, without anybody's settings; marked, so that whatever it starts can be found."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOGE_")}
        return {**kept, "PYTHONPATH": str(ROOT), "STAND_IN": self.mark, "PAUSE": "0.002", **env}

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs one of its programs to the end; a warning is an error."""
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments], cwd=self.folder, text=True, timeout=240,
            env=self.environment(env), capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def left(self) -> list[int]:
        """The processes that it has left running."""
        sought = f"STAND_IN={self.mark}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if sought in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except (OSError, ValueError):
                continue
        return found

    def files(self) -> set[str]:
        """What it has beside its sources and snapshots."""
        own = {path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*")}
        own |= {"reducer.py", "state"}
        there = {path.relative_to(self.folder) for path in self.folder.rglob("*")}
        return {
            path.as_posix() for path in there
            if path.as_posix() not in own and path.parts[0] != "state"
            and "__pycache__" not in path.parts
        }  # fmt: skip


def copied(folder: Path, *, changed: bool) -> StandIn:
    """The bot, as it is or with its two lines changed."""
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "support" / "ports" / "port.py", folder / "reducer.py")
    for name, (former, line) in CHANGED.items() if changed else ():
        text, count = re.subn(f"^{former}$", line, (folder / name).read_text(), flags=re.MULTILINE)
        assert count == 1
        (folder / name).write_text(text)
    return StandIn(folder)


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[StandIn]:
    """With the adapter; nothing of it may be left behind the test."""
    stand_in = copied(tmp_path / "bot", changed=True)
    yield stand_in
    wait_for(lambda: not stand_in.left(), "all processes have ended", 30.0)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the bot prints without the adapter."""
    stand_in = copied(tmp_path_factory.mktemp("bare") / "bot", changed=False)
    stand_in.run("-m", "unittest", "discover", "-s", "tests")
    return {
        "bot": stand_in.run("bot.py", ROUNDS).stdout,
        "backtest": stand_in.run("backtest.py", ROUNDS).stdout,
    }


def modes(exe: str) -> dict[str, dict[str, str]]:
    # A deadline that a machine with much else to do keeps, too: a miss would be a failure.
    on = {"DOGE_CORE_SHADOW": "1", "DOGE_CORE_EXE": exe, "DOGE_CORE_TIMEOUT_SEC": "60"}
    return {
        "unset": {},
        "off": {**on, "DOGE_CORE_SHADOW": "0", "DOGE_CORE_JOURNAL": "logs"},
        "on": on,
        "journal": {**on, "DOGE_CORE_JOURNAL": "logs"},
        "missing": {**on, "DOGE_CORE_EXE": "/nowhere/doge-core-exe"},
    }


@pytest.mark.parametrize("mode", ["unset", "off", "on", "journal", "missing"])
def test_states_are_the_same_to_the_bit_and_nothing_is_left(
    bot: StandIn, bare: dict[str, str], core_exe: str, mode: str
) -> None:
    env = modes(core_exe)[mode]
    assert bot.run("bot.py", ROUNDS, **env).stdout == bare["bot"]
    wait_for(lambda: not bot.left(), "all processes have ended", 60.0)
    left = {name for name in bot.files() if not name.endswith(".jsonl.zst")}
    assert left == ({"logs"} if mode == "journal" else set())
    if mode == "journal":
        journal = Journal(bot.folder / "logs")
        assert {mark.slot for mark in journal.marks} == set(range(6)), "six slots, none named"
        assert all(mark.agreed for mark in journal.marks)


@pytest.mark.parametrize("mode", ["off", "journal"])
def test_its_own_tests_pass(bot: StandIn, core_exe: str, mode: str) -> None:
    env = modes(core_exe)[mode]
    done = bot.run("-m", "unittest", "discover", "-s", "tests", **env)
    assert "Ran 8 tests" in done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_backtest_that_waits_is_recorded_whole_in_processes_of_a_pool_too(
    bot: StandIn, bare: dict[str, str], core_exe: str, jobs: str
) -> None:
    env = {**modes(core_exe)["journal"], "DOGE_CORE_WAIT": "1"}
    assert bot.run("backtest.py", ROUNDS, jobs, **env).stdout == bare["backtest"]
    wait_for(lambda: not bot.left(), "all processes have ended", 60.0)
    journal = Journal(bot.folder / "logs")
    assert all(mark.agreed for mark in journal.marks)
    made: list[Any] = [step.call for _, segment in journal.segments for step in segment.steps]
    calls = Counter(call[0] for call in made)
    for kind in (CallCode.PRICE_TICK, CallCode.TIMER_TICK, CallCode.CHECK_INVARIANTS):
        assert calls[kind] == 3 * 6 * int(ROUNDS)


# --- Other ways to import -----------------------------------------------------------------------

WAYS = {
    "wrap": "import state_machine\nfrom replay.shadow import wrap\nsm = wrap(state_machine)",
    "wrap of an alias": "import state_machine as sm\nimport replay.shadow as s\nsm = s.wrap(sm)",
    "wrap of the older adapter": "import doge_core\nfrom replay.shadow import wrap\n"
    "sm = wrap(doge_core)",
    "module alias": "import replay.shadow.state_machine as sm",
    "importlib": "import importlib\nsm = importlib.import_module('replay.shadow.state_machine')",
    "dunder import": "sm = __import__('replay.shadow.state_machine', fromlist=['transition'])",
    "star": "from replay.shadow.state_machine import *\nimport sys\nsm = sys.modules[__name__]",
    "in place of the module": "import sys, state_machine\nfrom replay.shadow import wrap\n"
    "sys.modules['state_machine'] = wrap(state_machine)\nimport state_machine as sm",
    "reloaded": "import importlib, sys, state_machine\nfrom replay.shadow import wrap\n"
    "sys.modules['state_machine'] = wrap(state_machine)\nimport state_machine as sm\n"
    "assert importlib.reload(sm) is sm",
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_import_gives_the_same_bot(
    bot: StandIn, bare: dict[str, str], core_exe: str, way: str
) -> None:
    engine = bot.folder / "engine.py"
    text = engine.read_text()
    line = CHANGED["engine.py"][1]
    assert text.count(line) == 1
    engine.write_text(text.replace(line, WAYS[way]))
    # It waits for each comparison: none is dropped where the machine has much else to do.
    env = {**modes(core_exe)["journal"], "DOGE_CORE_WAIT": "1"}
    assert bot.run("bot.py", ROUNDS, **env).stdout == bare["bot"]
    # What is left to compare when the bot has ended is finished without it.
    wait_for(lambda: not bot.left(), "all processes have ended", 60.0)
    marks = Journal(bot.folder / "logs").marks
    assert len(marks) > 3 * 6 * int(ROUNDS)
    assert all(mark.agreed for mark in marks)


# --- The runbook --------------------------------------------------------------------------------


def test_it_goes_through_the_runbook(bot: StandIn, core_exe: str) -> None:
    where = bot.folder
    # 1: preconditions.
    assert "OK" in bot.run("-m", "unittest", "discover", "-s", "tests").stderr
    (enable,) = commands(2)
    # A deadline that a machine with much else to do keeps, too: a miss would be a failure.
    patience = {"DOGE_CORE_TIMEOUT_SEC": "60"}
    enabled = {**settings(enable, core_exe), "DOGE_CORE_JOURNAL": "logs", **patience}
    ready = bot.run("-m", "replay", "preflight", "--authority", "./state_machine.py",
                    PORT=str(free_port()), **enabled)  # fmt: skip
    assert ": ready; authority " in ready.stdout
    # 2 to 4: enabled, looked at, sampled.
    port = str(free_port())
    live = start(bot, port, enabled)
    try:
        smoke(where, port)
        sample(where, port)
    finally:
        code = stop(live)
    assert code == 0
    wait_for(lambda: not bot.left(), "all processes have ended", 30.0)
    # 5: minutes are no two days, and that is all there is to say against them.
    (telemetry,) = (where / "logs").glob("state_machine_shadow_*.jsonl")
    cores = ("--authority", "./state_machine.py", "--shadow", core_exe)
    code, out, err = doge(where, "gate", telemetry, "--journal", "logs", "--json", *cores)
    verdict = json.loads(out)
    assert (code, verdict["verdict"]) == (4, "INCONCLUSIVE"), err
    states = {one["name"]: one["outcome"] for one in verdict["criteria"]}
    assert {name for name, outcome in states.items() if outcome != "PASS"} == {"all hold for 48h+"}
    # 6: off by either block, and the bot goes on.
    off, fallback, ask = commands(6)
    for block in (off, fallback):
        port = str(free_port())
        before = set((where / "logs").iterdir())
        live = start(bot, port, enabled | settings(block, ""))
        try:
            shown = look(where, ask, port)
            assert shown["enabled"] is False
            assert shown["transition_checks"] == 0
        finally:
            assert stop(live) == 0
        assert set((where / "logs").iterdir()) == before
    # 7: the package.
    code, _, err = doge(where, "evidence", telemetry, "--journal", "logs", "--out", "logs/evidence",
                        *cores, "--signed-by", "Ada Lovelace")  # fmt: skip
    assert code == 4, err
    code, _, err = doge(where, "evidence", "verify", "logs/evidence.zip")
    assert code == 0, err


def start(bot: StandIn, port: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The bot, until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "bot.py", ROUNDS, "stay"], cwd=bot.folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=bot.environment({**env, "PORT": port, "PAUSE": "0.05"}),
    )  # fmt: skip
    (ask, *_) = commands(3)
    wait_for(lambda: process.poll() is None and ready(bot.folder, ask, port), "the bot answers")
    return process


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=120)


def ready(where: Path, ask: str, port: str) -> bool:
    try:
        return bool(look(where, ask, port))
    except (AssertionError, ValueError):
        return False


def look(where: Path, ask: str, port: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(
        shell(where, f'BASE_URL="http://127.0.0.1:{port}"\n{ask}', PORT=port)
    )
    return shown


def smoke(where: Path, port: str) -> None:
    """Section 3."""
    (ask,) = commands(3)
    assert list(look(where, ask, port)) == ["mode", "pair", "top_phase", "state_machine_shadow"]

    def checks() -> tuple[int, int]:
        now = look(where, ask, port)["state_machine_shadow"]
        assert now["enabled"] is now["executable_available"] is True
        assert now["shadow_failures"] == now["total_divergences"] == 0
        return now["transition_checks"], now["invariant_checks"]

    before = checks()
    wait_for(lambda: all(a > b for a, b in zip(checks(), before, strict=True)), "more checks")


def sample(where: Path, port: str) -> None:
    """Section 4, with fewer and quicker turns."""
    (loop,) = commands(4)
    quick = loop.replace("{1..2880}", "{1..12}").replace("sleep 60", "sleep 0.1")
    assert quick.count("{1..12}") == quick.count("sleep 0.1") == 1
    shell(where, quick, PORT=port)
