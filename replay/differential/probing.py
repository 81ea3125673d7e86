"""Runs one case again, and tells what it shows from whether anything was compared at all."""

from __future__ import annotations

from typing import NamedTuple

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding, Signature
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.tally import Tally
from replay.differential.uncompared import settles
from replay.errors import FailureStorm
from replay.streams.model import Stream, segments_of
from replay.targets.base import Target
from replay.targets.pair import OpenPair, fresh_pair


class Probed(NamedTuple):
    """What a case of so many `steps` showed, and how they came out. `uncompared` is why nothing was
    compared at its last step, which is what a case is about; empty where something was."""

    steps: int
    found: list[Finding]
    uncompared: str
    tally: Tally

    def is_gone(self, signature: Signature, *, same_authority: bool) -> bool:
        """Whether this tells that a finding is gone: it is found nowhere and nothing else is at the
        last step, and it was looked for. What the steps before it show is another matter.

        `same_authority` says whether the authority is one that the finding was seen on: else that
        both cores refuse may have another reason, as where the case was written for other cores.
        """
        at_last = (one for one in self.found if len(one.case.steps) == self.steps)
        if any(at_last) or any(one.signature == signature for one in self.found):
            return False
        return not self.uncompared or (same_authority and settles(signature, self.uncompared))


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
    return Probed(len(case.steps), found, uncompared, lockstep.tally)


def probe_afresh(open_pair: OpenPair, case: Stream) -> Probed | None:
    """Runs a case on cores that have seen nothing else; None where one fails again and again."""
    with fresh_pair(open_pair) as (authority, shadow):
        try:
            return probe_case(authority, shadow, case)
        except FailureStorm:
            return None


NO_STEPS = "the case has no steps"
