"""Plans drawn by Hypothesis, outside of any test: endless, quick, and the same for the same seed.

Every setting of Hypothesis that a campaign depends on stands here and is passed explicitly: with
CI=true it would load a profile of its own that draws the same examples every night, and its
example database would write to the disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from replay.fuzzing import plan as pools
from replay.fuzzing.plan import Plan, Profile
from replay.fuzzing.seeded_plans import SHAPE

BATCH = 200
"""Plans drawn in one go; a fresh batch forgets what Hypothesis learnt in the one before."""

VARIANTS = 6
"""Streams made of one drawn plan, each with a seed of its own: drawing one costs as much as
a few hundred generated steps."""


@cache
def plan_strategy(profile: Profile) -> SearchStrategy[Plan]:
    """All plans of a profile, seed 0. Shrinks towards the first option of every pool.

    Only places in short pools are drawn, never free numbers: among those Hypothesis mixes
    constants it finds in whatever modules are loaded, and plans would depend on the process.
    """
    shape = SHAPE[profile]
    settings_of = pools.SETTINGS[profile]
    options: list[Sequence[Any]] = [*shape.values(), *settings_of.values()]

    def build(places: tuple[int, ...]) -> Plan:
        chosen = [pool[place] for pool, place in zip(options, places, strict=True)]
        drawn = tuple(zip(settings_of, chosen[len(shape) :], strict=True))
        fields = dict(zip(shape, chosen, strict=False))
        return Plan(profile=profile, seed=0, settings=drawn, **fields)

    # One flat tuple of ints: half the cost of nested strategies with sampled_from.
    return st.tuples(*(st.integers(0, len(pool) - 1) for pool in options)).map(build)


def plans(profile: Profile, seed: int) -> Iterator[Plan]:
    """An endless row of plans, the same for the same seed (and version of Hypothesis)."""
    for index in count():
        if index % (BATCH * VARIANTS) == 0:
            drawn = draw(profile, seed, batch_of(index))
        yield plan_of(drawn, seed, index)


def batch_of(index: int) -> int:
    """The batch that a place in the row of plans needs."""
    return index // (BATCH * VARIANTS)


def plan_of(drawn: Sequence[Plan], seed: int, index: int) -> Plan:
    """The plan at a place in the row, out of its batch."""
    batch, place = divmod(index, BATCH * VARIANTS)
    plan = drawn[place // VARIANTS]
    return replace(plan, seed=_number(plan.profile, seed, batch, 1 + place))


def draw(profile: Profile, master: int, batch: int) -> tuple[Plan, ...]:
    """One batch of what Hypothesis draws, each the pattern of several plans."""
    drawn: list[Plan] = []

    @seed(_number(profile, master, batch, 0))
    @settings(
        max_examples=BATCH,
        database=None,
        derandomize=False,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
        backend="hypothesis",
    )
    @given(plan_strategy(profile))
    def collect(plan: Plan) -> None:
        drawn.append(plan)

    collect()
    assert len(drawn) == BATCH  # a place in the row tells the batch
    return tuple(drawn)


def _number(profile: Profile, master: int, batch: int, place: int) -> int:
    """Spreads a place in the row over 64 bits: neighbouring seeds share nothing."""
    text = f"{profile} {master} {batch} {place}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
