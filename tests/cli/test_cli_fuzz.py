"""`fuzz`: seeds, profiles, jobs, budgets, signals, and two at once."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cli_support import Faulty, assert_gone, children_of, doge, ended, living, start, wait_for_work
from stream_makers import as_bytes

from replay.runs.worker import WORKER_SIGNALS

BUDGET = ("fuzz", "--max-transitions", 1500, "--jobs", 1)
TIMES = ("seconds", "transitions_per_second", "occasion")


def without_times(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in TIMES}


def runs(database: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(
            "SELECT ended IS NOT NULL, exit, transitions FROM runs ORDER BY id"
        ).fetchall()
    finally:
        connection.close()


def test_one_seed_gives_one_run_whatever_the_jobs(tmp_path: Path) -> None:
    one, other, two_jobs, another = (
        doge(tmp_path, *BUDGET, "--seed", seed, "--profile", "edge", "--jobs", jobs, "--json")
        for seed, jobs in ((5, 1), (5, 1), (5, 2), (6, 1))
    )
    assert {one.code, other.code, two_jobs.code, another.code} == {0}
    assert without_times(one.json) == without_times(other.json)
    same = ("streams", "transitions", "calls", "verdicts", "features", "seed", "profile")
    assert {n: one.json[n] for n in same} == {n: two_jobs.json[n] for n in same}
    assert one.json["calls"] != another.json["calls"]
    assert one.json["transitions"] >= 1500
    assert [run[:2] for run in runs(tmp_path / "divergences.db")] == [(1, 0)] * 4


@pytest.mark.parametrize("profile", ["live", "hostile", "all"])
def test_profiles(tmp_path: Path, profile: str) -> None:
    ran = doge(tmp_path, *BUDGET, "--profile", profile, "--json")
    found = ran.json
    assert (ran.code, found["exit"], found["profile"]) == (0, 0, profile)
    assert found["canary"]["ok"] is True
    assert found["control"]["ok"] is True
    assert 0 <= found["seed"] < 2**32
    assert ("event document" in found["calls"]) == (profile != "live")


def test_a_fault_is_found_and_reproduced_by_its_id(tmp_path: Path, faulty: Faulty) -> None:
    arguments = (*BUDGET, "--seed", 1, "--profile", "live", "--shadow", faulty.shadow, "--json")
    ran = doge(tmp_path, *arguments)
    assert ran.code == 1
    # The same bug has the same ID, wherever it is found.
    found = {one["id"]: one for one in ran.json["divergences"]}
    assert set(faulty.ids) <= found.keys()
    assert all(found[one]["steps"] == 1 for one in faulty.ids)
    assert without_times(doge(tmp_path, *arguments, "--db", "other.db").json) == without_times(
        json_with_db(ran.json, "other.db")
    )
    ran = doge(tmp_path, "repro", faulty.ids[0], "--shadow", faulty.shadow)
    assert ran.code == 1


def json_with_db(document: dict[str, Any], database: str) -> dict[str, Any]:
    """The document of a run with another --db: only the commands to copy differ."""
    lines = [
        one | {"command": f"{one['command']} --db {database}"} for one in document["divergences"]
    ]
    return document | {"divergences": lines}


@pytest.mark.parametrize(
    ("number", "code", "group"),
    [
        (signal.SIGINT, 130, False),
        (signal.SIGINT, 130, True),
        (signal.SIGTERM, 143, True),
        (signal.SIGHUP, 129, True),
        (signal.SIGQUIT, 131, True),
        (signal.SIGUSR1, 138, False),
        (signal.SIGXCPU, 152, False),
    ],
)
def test_a_signal_ends_it_in_order(
    tmp_path: Path, core_exe: str, number: int, code: int, group: bool
) -> None:
    own = tmp_path / "core-exe-of-this-test"
    shutil.copy(core_exe, own)
    process = start(tmp_path, "fuzz", "--seconds", 60, "--jobs", 2, "--shadow", own, "--json")
    wait_for_work(f"{own} --server", 1.0)  # past the canary, and some units
    ran = ended(process, number, group=group)
    assert ran.code == code
    assert ran.json["exit"] == code
    assert ran.err == "doge-replay: interrupted; what was found until then is stored\n"
    assert ran.json["transitions"] > 0
    assert ran.json["seconds"] > 0
    assert runs(tmp_path / "divergences.db") == [(1, code, ran.json["transitions"])]
    assert_gone(process.pid, own)
    assert doge(tmp_path, "doctor", "--corpus", "none").code == 0


def helpers(session: int) -> dict[str, int]:
    """The processes of multiprocessing in a session, with the signals that cannot reach each:
    blocked or ignored, as the kernel's mask."""
    found = {}
    for number in children_of(session):
        with suppress(FileNotFoundError, ProcessLookupError):
            folder = Path("/proc", number)
            if b"multiprocessing" in (folder / "cmdline").read_bytes():
                status = (folder / "status").read_text()
                masks = re.findall(r"^Sig(?:Blk|Ign):\t(\w+)$", status, re.MULTILINE)
                found[number] = int(masks[0], 16) | int(masks[1], 16)
    return found


@pytest.mark.parametrize("started", [1, 2, 3])
def test_ctrl_c_while_the_workers_start_is_one_line(tmp_path: Path, started: int) -> None:
    """At the very moment that the first helper is there, the first worker, the second one."""
    process = start(tmp_path, "fuzz", "--seconds", 60, "--jobs", 2)
    while len(helpers(process.pid)) < started:
        assert process.poll() is None
        time.sleep(0.001)
    ran = ended(process, signal.SIGINT, group=True)
    assert ran.code == 130
    assert ran.err == "doge-replay: interrupted; what was found until then is stored\n"
    assert_gone(process.pid)


def test_no_signal_to_the_group_reaches_a_worker_at_any_moment_of_its_life(
    tmp_path: Path, core_exe: str
) -> None:
    own = tmp_path / "core-exe-of-this-test"
    shutil.copy(core_exe, own)
    process = start(tmp_path, "fuzz", "--seconds", 60, "--jobs", 2, "--shadow", own)
    wanted = sum(1 << number - 1 for number in WORKER_SIGNALS)
    seen: set[str] = set()
    while len(seen) < 3 or len(living([f"{own} --server"])) < 2:
        assert process.poll() is None
        for number, held_off in helpers(process.pid).items():
            seen.add(number)
            assert held_off & wanted == wanted
        time.sleep(0.001)
    assert ended(process, signal.SIGTERM, group=True).code == 143


def test_a_signal_while_replaying_keeps_the_counts(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    """A Python core is at work most of the time, and must not take the signal for its own."""
    (tmp_path / "j.jsonl").write_bytes(200 * as_bytes(lines))
    process = start(tmp_path, "run", tmp_path / "j.jsonl", "--shadow", "python", "--json")
    wait_for_work(tmp_path / "j.jsonl", 3.0)
    ran = ended(process, signal.SIGTERM)
    assert ran.code == 143
    assert ran.json["divergences"] == ran.json["failures"] == []
    assert ran.json["transitions"] > 0
    assert runs(tmp_path / "divergences.db") == [(1, 143, ran.json["transitions"])]


def test_two_at_once_on_one_database_lose_nothing(tmp_path: Path, faulty: Faulty) -> None:
    both = [
        start(tmp_path, *BUDGET, "--seed", seed, "--shadow", faulty.shadow, "--json")
        for seed in (11, 12)
    ]
    ran = [ended(process) for process in both]
    assert [one.code for one in ran] == [1, 1]
    expected: dict[str, int] = {}
    for one in ran:
        for line in one.json["divergences"]:
            expected[line["id"]] = expected.get(line["id"], 0) + line["occurrences"]
    stored = doge(tmp_path, "list", "--json").json
    assert {one["id"]: one["occurrences"] for one in stored} == expected
    assert [run[:2] for run in runs(tmp_path / "divergences.db")] == [(1, 1), (1, 1)]
    new = [line["id"] for one in ran for line in one.json["divergences"] if line["new"]]
    assert sorted(new) == sorted(expected)
