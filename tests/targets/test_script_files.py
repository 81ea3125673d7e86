"""What a script starts is no part of its own SHA-256: the programs that it runs are told, too."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from replay.targets.executable import file_traits
from replay.targets.executable.handshake import open_executable
from replay.targets.executable.script_files import programs_of

ROOT = Path(__file__).parents[2]
OWN = ROOT / "build/doge-core-exe"


def version_of(path: Path) -> str:
    with closing(open_executable(str(path), part1_only=True)) as target:
        return target.identity.version


@pytest.fixture
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process."""
    monkeypatch.setattr(file_traits, "_known", {})


@pytest.mark.usefixtures("nothing_known")
@pytest.mark.parametrize(
    "line", ['exec "$0.core" "$@"', '"$0.core" "$@"', 'tee /dev/null | "$0.core" "$@"']
)
def test_a_script_that_starts_another_build_has_another_version(tmp_path: Path, line: str) -> None:
    wrapper, core = tmp_path / "wrapper", tmp_path / "wrapper.core"
    wrapper.write_text(f"#!/bin/sh\n{line}\n")
    wrapper.chmod(0o755)
    shutil.copy2(OWN, core)
    before = version_of(wrapper)
    assert "; runs " in before
    assert "wrapper.core " in before
    # As builds do: another file in its place, since the one before may still be running.
    other = tmp_path / "other"
    other.write_bytes(core.read_bytes() + b"\0")
    other.chmod(0o755)
    other.replace(core)
    assert version_of(wrapper) != before


def test_what_is_no_script_has_the_version_that_it_tells() -> None:
    assert "runs" not in version_of(OWN)
    assert programs_of(str(OWN), 1) == ""


def test_a_script_that_is_gone_runs_nothing(tmp_path: Path) -> None:
    assert programs_of(str(tmp_path / "nothing"), 1) == ""
