"""`--cluster`: a campaign gives the same to the byte, whoever does the work and whatever becomes of
them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import FEE, SETTLED, Ran, doge, faulty_core, start
from cluster_support import Machines, Watched, end_group, exports

SEEDS = (5, 6)
BUDGET = ("--max-transitions", 24_000, "--profile", "live", "--json")
PLANTED = Path(__file__).parents[1] / "support" / "interpreter"


@pytest.fixture(scope="module")
def shadow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A core with two faults."""
    return faulty_core(tmp_path_factory.mktemp("cluster"), FEE, SETTLED)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, shadow: Path) -> dict[int, dict[str, bytes]]:
    """The exports of what one process finds, by seed."""
    where = tmp_path_factory.mktemp("alone")
    found = {}
    for seed in SEEDS:
        ran = fuzz(where, shadow, seed, "--jobs", 1)
        assert ran.code == 1, ran.err
        found[seed] = exports(where / f"{seed}.db")
        assert len(found[seed]) >= 8
    return found


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    one = Machines(tmp_path)
    yield one
    one.end()


def arguments(shadow: Path, seed: int, *others: object) -> tuple[object, ...]:
    return ("fuzz", *BUDGET, "--seed", seed, "--shadow", shadow, "--db", f"{seed}.db", *others)


def fuzz(where: Path, shadow: Path, seed: int, *others: object, **env: str) -> Ran:
    return doge(where, *arguments(shadow, seed, *others), env=env)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_workers_of_a_cluster_give_the_bytes_of_one_process(
    tmp_path: Path, shadow: Path, alone: dict[int, dict[str, bytes]], seed: int
) -> None:
    ran = fuzz(tmp_path, shadow, seed, "--cluster", "local:2")
    assert ran.code == 1, ran.err
    assert exports(tmp_path / f"{seed}.db") == alone[seed]
    assert len(ran.json["workers"]) >= 1
    assert all(one["versions"]["distributed"] for one in ran.json["workers"])


def test_workers_that_are_killed_stopped_or_late_change_no_byte(
    machines: Machines, tmp_path: Path, shadow: Path, alone: dict[int, dict[str, bytes]]
) -> None:
    machines.start_scheduler()
    killed = machines.start_worker("--no-nanny")
    run = Watched(start(tmp_path, *arguments(shadow, 5, "--cluster", machines.address)))
    run.wait_for("new divergence")
    machines.start_worker("--no-nanny")
    stopped = machines.start_worker("--no-nanny")
    end_group(killed)
    os.killpg(stopped.pid, signal.SIGSTOP)
    ran = run.ended()
    assert ran.code == 1, ran.err
    assert exports(tmp_path / "5.db") == alone[5]


def test_a_unit_that_kills_its_workers_is_set_aside_with_its_number(
    machines: Machines, tmp_path: Path
) -> None:
    machines.env = {"PYTHONPATH": str(PLANTED), "PLANTED_FAULT": "kills its parent"}
    machines.start_scheduler()
    machines.start_worker()
    machines.start_worker()
    ran = fuzz(tmp_path, Path("python"), 5, "--cluster", machines.address)
    assert ran.code == 3, ran.err
    (unit,) = ran.json["set_aside"]
    assert "workers were lost" in unit["why"]
    without = doge(tmp_path, "fuzz", "--profile", "live", "--seed", 5, "--unit", unit["number"],
                   "--json", "--shadow", "python")  # fmt: skip
    assert without.code == 0


def test_where_the_scheduler_goes_what_was_found_is_stored(
    machines: Machines, tmp_path: Path, shadow: Path
) -> None:
    machines.start_scheduler()
    machines.start_worker("--no-nanny")
    run = Watched(
        start(
            tmp_path,
            *arguments(shadow, 5, "--cluster", machines.address),
            "--max-transitions",
            10_000_000,
        )
    )
    run.wait_for("new divergence")
    end_group(machines.scheduler)
    ran = run.ended()
    assert ran.code == 3
    assert "is gone" in ran.json["fault"]
    stored = doge(tmp_path, "list", "--db", "5.db", "--json").json
    assert {one["id"] for one in stored} == {one["id"] for one in ran.json["divergences"]} != set()


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:8786", "tcp://0.0.0.0:8786"])
def test_a_plain_address_that_others_can_reach_is_refused(tmp_path: Path, address: str) -> None:
    ran = doge(tmp_path, "fuzz", "--cluster", address, "--seed", 1)
    assert ran.code == 2
    assert "a plain connection that others can reach" in ran.err
    assert "--insecure" in ran.err


@pytest.mark.parametrize("text", ["here", "local:0", "http://a:1", "tcp://a", "local:x"])
def test_what_is_no_cluster_is_bad_usage(tmp_path: Path, text: str) -> None:
    ran = doge(tmp_path, "fuzz", "--cluster", text)
    assert ran.code == 2
    assert "local:" in ran.line or "--jobs" in ran.line


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ran = doge(tmp_path, "fuzz", "--cluster", "tcp://127.0.0.1:9", "--seed", 1)
    assert ran.code == 3
    assert "no scheduler can be reached at tcp://127.0.0.1:9" in ran.err


def test_a_core_of_another_machine_is_one_line_that_names_the_worker(
    machines: Machines, tmp_path: Path
) -> None:
    """A shell script that runs here alone stands for what was built for another machine."""
    core = tmp_path / "core"
    real = Path(__file__).parents[2] / "build" / "doge-core-exe"
    core.write_text(f'#!/bin/sh\n[ "$DASK_PARENT" ] && exit 127\nexec {real} "$@"\n')
    core.chmod(0o755)
    machines.env = {"DASK_PARENT": "1"}
    machines.start_scheduler()
    machines.start_worker("--no-nanny")
    ran = fuzz(tmp_path, core, 5, "--cluster", machines.address)
    assert ran.code == 3
    assert "worker w0 (tcp://127.0.0.1:" in ran.err
    assert "cannot run" in ran.err


def test_nothing_of_dask_is_loaded_where_no_cluster_is_asked_for() -> None:
    program = (
        "import sys, replay.cli.main, replay.cli.fuzz_command, replay.cli.nightly_command\n"
        "sys.exit(any(name in sys.modules for name in ('dask', 'distributed', 'tornado')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
