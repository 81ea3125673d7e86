"""Cores, journals and databases that several of the command line's tests use."""

from __future__ import annotations

from typing import Any

import pytest
from cli_support import FEE, Faulty, doge, faulty_core
from stream_makers import journal, write


@pytest.fixture(scope="session", autouse=True)
def real_executable(core_exe: str) -> str:
    """No test of the command line runs without the real executable."""
    return core_exe


@pytest.fixture(scope="session")
def lines() -> list[dict[str, Any]]:
    """A journal in which exits fill."""
    return journal(400, slots=2)


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]]) -> Faulty:
    folder = tmp_path_factory.mktemp("faulty")
    shadow = faulty_core(folder, FEE)
    write(folder / "j.jsonl", lines)
    return Faulty(folder, shadow, doge(folder, "run", "j.jsonl", "--shadow", shadow, "--json"))
