"""What tests of the gate share."""

from __future__ import annotations

import pytest
from evidence_support import Packed, make_package


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """An evidence package, made once for all tests of packages."""
    return make_package(tmp_path_factory.mktemp("live"))
