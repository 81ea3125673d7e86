"""Would this run have noticed anything? The canary and the control, made with the run's own cores.

The canary plants faults in the shadow's answers, one after the other, and runs streams of ordinary
trading until each is found and minimised. The control runs each core against another instance of
itself, where nothing can be found. A run whose canary is missed or whose control finds something
proves nothing (design: a run that cannot detect is not green).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

from replay.differential.lockstep import Lockstep
from replay.differential.minimising.minimiser import minimise
from replay.differential.model import Finding
from replay.fuzzing.campaign_units import Unit
from replay.fuzzing.expand import open_plan
from replay.fuzzing.generate import run_source
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.runs.report import Check
from replay.targets.base import Target
from replay.targets.planted import PLANTED, PlantedTarget

CANARY_SEED = 20250530
STREAMS = 4
"""Streams of ordinary trading that each planted fault has to be found in."""

MAX_STEPS = 2
"""A planted fault that cannot be minimised to this many steps counts as missed."""

Open = Callable[[], Target]


def check_canary(open_authority: Open, open_shadow: Open) -> Check:
    """Plants each fault in the shadow's answers and tells whether all of them are found."""
    found: dict[str, str | None] = {}
    with closing(open_authority()) as authority, closing(open_shadow()) as shadow:
        for name, fault in PLANTED.items():
            found[name] = _find(authority, PlantedTarget(shadow, fault))
    missed = [name for name, finding in found.items() if finding is None]
    return Check(not missed, {"planted": len(found), "found": len(found) - len(missed),
                              "missed": missed})  # fmt: skip


def _find(authority: Target, shadow: Target) -> str | None:
    for finding in _run(Lockstep(authority, shadow), STREAMS):
        if finding.signature.failure:
            continue
        smaller = minimise(finding, authority, shadow, max_attempts=60)
        if smaller is not None and len(smaller.finding.case.steps) <= MAX_STEPS:
            return finding.id
        return None
    return None


def check_control(open_authority: Open, open_shadow: Open) -> Check:
    """Runs each core against itself and tells whether it agrees with itself. One that refuses all
    of ordinary trading has said nothing that could agree."""
    differing: dict[str, list[str]] = {}
    refusing: list[str] = []
    for role, opener in (("authority", open_authority), ("shadow", open_shadow)):
        with closing(opener()) as one, closing(opener()) as other:
            lockstep = Lockstep(one, other)
            findings = _run(lockstep, STREAMS)
        if findings:
            differing[role] = sorted({finding.id for finding in findings})
        elif not lockstep.tally.compared:
            refusing.append(role)
    details: dict[str, object] = {"differs_from_itself": differing}
    if refusing:
        details["refuses_everything"] = refusing
    return Check(not differing and not refusing, details)


def _run(lockstep: Lockstep, streams: int) -> list[Finding]:
    found: list[Finding] = []
    for unit in ordinary_units(CANARY_SEED, streams):
        found += run_unit(lockstep, unit)
    return found + lockstep.finish()


def ordinary_units(seed: int, streams: int) -> Iterator[Unit]:
    """Some streams of ordinary trading."""
    for number in range(streams):
        plan = plan_of_seed(Profile.LIVE, seed + number)
        yield Unit(number, plan.steps, f"ordinary {seed} #{number}", partial(open_plan, plan))


def run_unit(lockstep: Lockstep, unit: Unit) -> list[Finding]:
    """Runs one stream; gives what was found meanwhile."""
    start, source = unit.open()
    return run_source(lockstep, unit.number, start, source, unit.origin).found
