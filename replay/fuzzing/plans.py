"""Plans drawn by Hypothesis, outside of any test: endless, quick, and the same for the same seed.

Every setting of Hypothesis that a campaign depends on stands here and is passed explicitly: with
CI=true it would load a profile of its own that draws the same examples every night, and its
example database would write to the disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from replay.fuzzing import plan as pools
from replay.fuzzing.plan import Plan, Profile
from replay.fuzzing.plan_batches import BATCH, Batch, batch_of, number_of, plan_of
from replay.fuzzing.seeded_plans import SHAPE


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
    drawn: tuple[Batch | None, Sequence[Plan]] = None, ()
    for index in count():
        batch = batch_of(profile, index)
        if batch != drawn[0]:
            drawn = batch, draw(batch, seed)
        yield plan_of(drawn[1], seed, index)


class _Enough(BaseException):
    """As many plans are drawn as were wanted. No error, so that Hypothesis does not look into
    it."""


def draw(batch: Batch, master: int) -> tuple[Plan, ...]:
    """One batch of what Hypothesis draws, each the pattern of several plans."""
    drawn: list[Plan] = []

    @seed(number_of(batch.profile, master, batch.number, 0))
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
    @given(plan_strategy(batch.profile))
    def collect(plan: Plan) -> None:
        drawn.append(plan)
        if len(drawn) == batch.size:
            raise _Enough

    with suppress(_Enough):
        collect()
    assert len(drawn) == batch.size  # a place in the row tells the batch
    return tuple(drawn)
