"""What tests of several folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def core_exe() -> str:
    """The real executable; DOGE_CORE_EXE names another one than build/doge-core-exe.

    A missing one fails the test: what was not compared must not look green.
    """
    default = Path(__file__).parent.parent / "build" / "doge-core-exe"
    path = os.environ.get("DOGE_CORE_EXE") or str(default)
    if not os.access(path, os.X_OK):
        pytest.fail(f"there is no executable {path}; scripts/build-core makes it")
    return path
