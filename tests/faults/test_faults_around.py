"""A choice of `scripts/faults`: tampered evidence, damaged telemetry, failing system calls, power
cuts, several processes and kills. All of it takes half an hour."""

from __future__ import annotations

from pathlib import Path

import pytest
from failing_calls import build, try_calls
from flipped_databases import run_here
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
