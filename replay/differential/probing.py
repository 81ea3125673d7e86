"""Runs one case again, and tells what it shows from whether anything was compared at all."""

from __future__ import annotations

from typing import NamedTuple

from replay.differential.lockstep import Lockstep, Tally, run_stream
from replay.differential.model import Finding, Signature
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.uncompared import settles
from replay.errors import FailureStorm
from replay.streams.model import Stream, segments_of
from replay.targets.base import Target
from replay.targets.pair import OpenPair, fresh_pair


class Probed(NamedTuple):
    """What a case showed, and how its steps came out. `uncompared` is why nothing was compared at
    its last step, which is what a case is about; empty where something was."""

    found: list[Finding]
    uncompared: str
    tally: Tally

    def is_gone(self, signature: Signature) -> bool:
        """Whether this tells that a finding is gone: nothing is found, and it was looked for."""
        return not self.found and settles(signature, self.uncompared)


def probe_case(
    authority: Target,
    shadow: Target,
    case: Stream,
    session: int = 0,
    *,
    routing: Routing = NO_ROUTING,
) -> Probed:
    """Runs a case through both cores. Raises FailureStorm where one fails again and again."""
    lockstep = Lockstep(authority, shadow, routing)
    found = run_stream(lockstep, segments_of(case, session))
    uncompared = lockstep.last_uncompared if case.steps else NO_STEPS
    return Probed(found, uncompared, lockstep.tally)


def probe_afresh(open_pair: OpenPair, case: Stream) -> Probed | None:
    """Runs a case on cores that have seen nothing else; None where one fails again and again."""
    with fresh_pair(open_pair) as (authority, shadow):
        try:
            return probe_case(authority, shadow, case)
        except FailureStorm:
            return None


NO_STEPS = "the case has no steps"
