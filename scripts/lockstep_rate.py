"""How fast two cores are compared, which several parts of the benchmark ask."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

from replay.differential.lockstep import Lockstep
from replay.streams.model import Segment
from replay.targets.base import Target


def rate_of(authority: Target, shadow: Target, segments: Iterable[Segment]) -> float:
    """Transitions for each second of both cores and the comparison. Ends the program where the
    cores differ: a difference takes its own time."""
    lockstep = Lockstep(authority, shadow)
    began = time.perf_counter()
    found = [finding for segment in segments for finding in lockstep.feed(segment)]
    found += lockstep.finish()
    seconds = time.perf_counter() - began
    if found:
        sys.exit(f"bench: the cores differ ({found[0].id}), which makes the figures worthless")
    return lockstep.tally.transitions / seconds
