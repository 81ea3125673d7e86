"""Plans decided by a seed alone, without Hypothesis: the same with any version of it, or none.

What has to be remade bit for bit is made of these, and what has to work in an installation that
does not fuzz: ordinary trading for the canary, what explanations are tried on, the shipped corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from replay.fuzzing import plan as pools
from replay.fuzzing.choices import Seeded
from replay.fuzzing.plan import Plan, Profile

SHAPE: dict[Profile, dict[str, Sequence[Any]]] = {
    profile: {
        "steps": pools.STEPS[profile],
        "price": pools.PRICES[profile],
        "grid": pools.GRIDS[profile],
        "volatility": pools.VOLATILITIES,
        "trend": pools.TRENDS,
        "jumps": pools.JUMPS,
        "pacing": pools.PACINGS,
        "phase": pools.PHASES,
        "mode": pools.MODES,
        "recoveries": pools.RECOVERIES[profile],
        "history": pools.HISTORIES[profile],
        "patches": pools.PATCHES,
        "restarts": pools.RESTARTS,
        "late": pools.LATE,
        "oddity": pools.ODDITIES[profile],
    }
    for profile in Profile
}
"""What a plan is made of, for each profile, without its settings."""


def plan_of_seed(profile: Profile, seed: int) -> Plan:
    """One plan out of the pools that Hypothesis draws from, too."""
    choices = Seeded(Random(seed))
    fields = {name: choices.pick(pool) for name, pool in SHAPE[profile].items()}
    decided = tuple((name, choices.pick(pool)) for name, pool in pools.SETTINGS[profile].items())
    return Plan(profile=profile, seed=seed, settings=decided, **fields)
