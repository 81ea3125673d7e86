"""A choice of `scripts/faults`: damaged telemetry, failing system calls, power cuts, full disks,
what cannot be had, jumping clocks, several processes and kills."""

from __future__ import annotations

from pathlib import Path

import pytest
from failing_calls import build, try_calls
from failing_commands import WAYS, Family, try_commands
from flipped_databases import run_here
from full_disks import hindrance, try_full_disks
from killed_commands import COMMANDS, try_kills
from many_processes import try_processes
from mutated_telemetry import MUTATIONS, try_telemetry
from written_things import WRITERS


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes calls to the system fail."""
    built = build(tmp_path_factory.mktemp("calls"))
    assert built is not None, "there is no C compiler (cc, gcc)"
    return built


@pytest.mark.parametrize("writer", [writer.name for writer in WRITERS])
def test_where_a_call_to_the_system_fails_what_was_acknowledged_is_there_once(
    tmp_path: Path, library: Path, writer: str
) -> None:
    figures, wrong = try_calls(library, writer, tmp_path / "attempts", 12)
    assert wrong == []
    assert figures["points"] >= 12
    assert figures["told"] > 0


@pytest.mark.parametrize("writer", [writer.name for writer in WRITERS])
def test_where_the_power_is_cut_what_was_acknowledged_is_there_once(
    tmp_path: Path, library: Path, writer: str
) -> None:
    figures, wrong = try_calls(library, writer, tmp_path / "attempts", 8, cut=True)
    assert wrong == []
    assert figures["points"] >= 16


def test_a_failing_call_is_noticed_by_the_test_itself(tmp_path: Path, library: Path) -> None:
    """Without a directory's fsync a new name is lost in a power cut, whatever was said."""
    figures, wrong = try_calls(library, "careless", tmp_path / "attempts", 8, cut=True)
    assert figures["lost"] > 0
    assert any("careless" in line for line in wrong)


@pytest.mark.parametrize("writer", [writer.name for writer in WRITERS])
def test_where_the_disk_is_full_what_was_acknowledged_is_there_once(
    tmp_path: Path, library: Path, writer: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if why := hindrance(disk):
        pytest.skip(f"no small disk can be mounted: {why}")
    figures, wrong = try_full_disks(library, writer, disk, 64)
    assert wrong == []
    assert 0 < figures["told"] < figures["points"]


@pytest.mark.parametrize("family", WAYS, ids=lambda family: family.name.lower())
def test_a_command_that_gets_no_process_or_memory_or_the_right_time_tells_it_or_does_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Path, family: Family
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    figures, wrong = try_commands(library, family, tmp_path, 2, ("recheck",))
    assert wrong == []
    assert figures["points"] == 2


def test_damaged_telemetry_never_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    counts, wrong = try_telemetry(tmp_path, run_here, len(MUTATIONS), 1)
    assert wrong == []
    assert counts["FAIL"] + counts["INCONCLUSIVE"] > 0


def test_two_processes_on_one_database_and_corpus_lose_and_double_nothing(tmp_path: Path) -> None:
    figures, wrong = try_processes(tmp_path, (2,))
    assert wrong == []
    assert figures["processes"] == 6


def test_killed_commands_lose_nothing_and_leave_no_process(tmp_path: Path) -> None:
    figures, wrong = try_kills(tmp_path, len(COMMANDS), 1)
    assert wrong == []
    assert figures["points"] == len(COMMANDS)
