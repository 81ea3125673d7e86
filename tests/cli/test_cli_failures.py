"""A shadow that fails is exit 3 in one clear line, never a divergence."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli_support import PROGRAM, doge, environment, living, script
from fake_core import BAD_PRICE
from misbehaving import make_fake
from stream_makers import requests, write

PATIENCE = {"DOGE_CORE_TIMEOUT_SEC": "0.3"}


@pytest.fixture
def bad_tick(tmp_path: Path) -> str:
    """Requests of which one is a tick at the price that the fakes misbehave on."""
    lines = requests(12, slots=1)
    tick = next(line for line in reversed(lines) if line["event"].keys() == {"price", "timestamp"})
    tick["event"]["price"] = BAD_PRICE
    return write(tmp_path / "r.jsonl", lines).name


@pytest.mark.parametrize("command", [["run", "r.jsonl"], ["fuzz"], ["nightly", "--corpus", "c"]])
def test_what_is_no_core_is_one_line(tmp_path: Path, bad_tick: str, command: list[str]) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text.py").write_text("1 +")
    cases = {"./nowhere": 2, "no such thing": 2, "./text": 3, str(tmp_path): 3, "./text.py": 3}
    for shadow, code in cases.items():
        ran = doge(tmp_path, *command, "--shadow", shadow)
        assert ran.code == code
        assert Path(shadow).name in ran.line
        assert doge(tmp_path, *command, "--authority", shadow).code == code
    assert not (tmp_path / "divergences.db").exists()


@pytest.mark.parametrize(
    ("body", "word"),
    [("exit 3", "exited"), ("sleep 60", "timeout"), ("yes garbage", "garbage")],
    ids=["exits", "hangs", "garbage"],
)
def test_a_core_that_always_fails_is_a_storm(
    tmp_path: Path, bad_tick: str, body: str, word: str
) -> None:
    shadow = script(tmp_path / "broken-core", body)
    ran = doge(tmp_path, "run", bad_tick, "--shadow", shadow, "--json", env=PATIENCE)
    assert ran.code == 3
    assert ran.last.startswith("doge-replay: ")
    assert "broken-core" in ran.last
    assert sum(line.startswith("doge-replay: ") for line in ran.err.splitlines()) == 1
    if ran.out:
        assert ran.json["exit"] == 3
        assert ran.json["storm"]
        assert ran.json["divergences"] == []
        assert all(one["class"] for one in ran.json["failures"])
    if word == "garbage":
        return
    fuzzed = doge(tmp_path, "fuzz", "--seconds", 20, "--jobs", 1, "--shadow", shadow, env=PATIENCE)
    assert fuzzed.code == 3
    assert "broken-core" in fuzzed.last
    assert not living([shadow])


@pytest.mark.parametrize(
    ("mode", "kind", "part2"),
    [("exit", "exited", False), ("hang", "timeout", True), ("half_exit", "truncated", True)],
)
def test_one_step_that_fails_is_a_failure_with_an_id(
    tmp_path: Path, bad_tick: str, mode: str, kind: str, part2: bool
) -> None:
    shadow = make_fake(tmp_path, mode, part2=part2)
    env = {"DOGE_CORE_TIMEOUT_SEC": "5.0"}
    ran = doge(tmp_path, "run", bad_tick, "--shadow", shadow, "--json", env=env)
    found = ran.json
    assert ran.code == found["exit"] == 3
    assert found["divergences"] == []
    assert found["storm"] is None
    assert found["failures"] == [{"class": kind, "count": 1}]
    assert found["verdicts"]["shadow failed"] == 1
    assert found["verdicts"]["diverge"] == 0
    [failed] = found["failed_steps"]
    assert failed["id"].startswith("f-")
    assert f"new failure {failed['id']}" in ran.err
    repro = doge(tmp_path, "repro", failed["id"], "--shadow", shadow, "--json", env=env)
    assert repro.code == repro.json["exit"] == 3
    assert doge(tmp_path, "repro", failed["id"]).code == 0
    [stored] = doge(tmp_path, "list", "--json").json
    assert (stored["id"], stored["failure"], stored["kind"]) == (failed["id"], True, kind)
    assert failures(tmp_path) == [("shadow", kind, 1, 0)]
    assert not living([shadow])


def failures(where: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(where / "divergences.db")
    try:
        return connection.execute("SELECT role, class, steps, incidents FROM failures").fetchall()
    finally:
        connection.close()


def test_a_failure_that_passes_is_an_incident(tmp_path: Path, bad_tick: str) -> None:
    """The shadow exits once and answers when asked again: nothing went without an answer."""
    shadow = make_fake(tmp_path, "exit", "once", part2=True)
    ran = doge(tmp_path, "run", bad_tick, "--shadow", shadow, "--json")
    assert ran.code == 3
    assert ran.json["failures"] == [{"class": "exited", "count": 1}]
    assert ran.json["verdicts"]["shadow failed"] == 0
    assert failures(tmp_path) == [("shadow", "exited", 0, 1)]


def test_the_authority_s_failures_are_counted_as_its_own(tmp_path: Path, bad_tick: str) -> None:
    bad = make_fake(tmp_path, "exit", part2=True)
    ran = doge(tmp_path, "run", bad_tick, "--authority", bad, "--json")
    assert ran.code == 3
    assert ran.json["divergences"] == []
    assert ran.json["verdicts"]["authority failed"] == 1
    assert failures(tmp_path) == [("authority", "exited", 1, 0)]


def test_an_output_that_nobody_reads_is_no_divergence(tmp_path: Path) -> None:
    """The code is 3 and not 1, whatever was written when the reader went away."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, "doctor"], cwd=tmp_path, env=environment(), stdout=writing,
        stderr=subprocess.PIPE, check=False, timeout=60,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (3, b"")
