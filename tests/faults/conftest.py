"""What the tests of planted faults share: executables and runs, each made once for all of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))

from fault_runs import Runs
from planted_faults import Builds


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of a test run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def builds(shared: Path) -> Builds:
    """Executables with faults."""
    return Builds(shared / "planted")


@pytest.fixture(scope="session")
def runs(shared: Path, builds: Builds) -> Runs:
    """What is found with them."""
    return Runs(shared / "runs", builds)
