"""What the last step of one stream shows, with all that a condition can ask about it.

For stored cases, which are about their last step alone. Lockstep is made for many steps: of those
that look alike it tells the first few in full, and the one in question need not be among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from replay.differential.conditions.facts import config_at, facts_of
from replay.differential.lockstep import ABSENT_OUTCOME
from replay.differential.model import Finding, Verdict
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.same_footing import steps_for_shadow
from replay.differential.settings_in_force import settings_at
from replay.differential.signature.signature import divergence_signature, failure_signature
from replay.differential.trail import walk
from replay.differential.verdicts import judge
from replay.streams.model import Stream
from replay.targets.base import Failure, Outcome, StepResult, Target, Work
from replay.targets.readers import readers_of


@dataclass(frozen=True, slots=True)
class LastStep:
    """What a stream's last step showed: a finding and its facts, or None where both cores agree.

    `failure` is a core's failure at a step before the last, which then was never come to.
    """

    finding: Finding | None
    facts: Mapping[str, Any]
    failure: Failure | None = None


def run_last_step(
    stream: Stream, authority: Target, shadow: Target, routing: Routing = NO_ROUTING
) -> LastStep:
    """Runs a stream of at least one step through both cores, each step from the authority's
    state, and judges the last. Raises FailureStorm as the cores do."""
    ours = _ask(authority, stream, None)
    outcomes: list[Outcome] = [one for one in ours if not isinstance(one, Failure)]
    if len(outcomes) < len(ours):
        place = next(at for at, one in enumerate(ours) if isinstance(one, Failure))
        failure = ours[place]
        assert isinstance(failure, Failure)
        if place < len(ours) - 1:
            return LastStep(None, {}, failure)
        return _authority_failed(stream, ours, failure, routing)
    told = steps_for_shadow(stream, outcomes, readers_of(authority))
    theirs = _ask(shadow, replace(stream, steps=tuple(told)), outcomes)[-1]
    *_, (before, decimals) = walk(
        stream.start, None, stream.steps, ours, readers_of(authority).state
    )
    verdict, differences, answer = judge(outcomes[-1], theirs, before, decimals)
    if verdict in (Verdict.AGREE, Verdict.BOTH_REFUSE):
        return LastStep(None, {})
    step = stream.steps[-1]
    config = config_at(stream.start.config, stream.steps, ours, len(ours) - 1)
    facts = facts_of(step.call, before, differences, outcomes[-1], answer, config)
    if isinstance(answer, Failure):
        signature = failure_signature(step.call, before, answer)
    else:
        settings = settings_at(stream.start, stream.steps, len(stream.steps) - 1)
        signature = divergence_signature(
            step.call, before, outcomes[-1], answer, differences, settings
        )
    signature = routing.route(signature, lambda: facts)
    finding = Finding(signature, verdict, stream, differences, outcomes[-1], answer, step.line)
    return LastStep(finding, facts)


def _ask(target: Target, stream: Stream, guide: list[Outcome] | None) -> list[StepResult]:
    target.submit(Work(0, stream.start, stream.steps, True, guide))
    return list(target.collect().results)


def _authority_failed(
    stream: Stream, ours: list[StepResult], failure: Failure, routing: Routing
) -> LastStep:
    step = stream.steps[-1]
    config = config_at(stream.start.config, stream.steps, ours, len(ours) - 1)
    facts = facts_of(step.call, None, (), failure, ABSENT_OUTCOME, config)
    signature = routing.route(failure_signature(step.call, None, failure), lambda: facts)
    verdict = Verdict.AUTHORITY_FAILED
    return LastStep(
        Finding(signature, verdict, stream, (), failure, ABSENT_OUTCOME, step.line), facts
    )
