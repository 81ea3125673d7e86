"""Waiting for what others do, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_for(condition: Callable[[], Any], what: str = "it", seconds: float = 120.0) -> Any:
    """Waits until a condition gives something true, and gives that. Fails where it never does."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"after {seconds:g} s still not: {what}"
        time.sleep(0.02)
    return found
