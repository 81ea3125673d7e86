"""In which batches the plans of a campaign are drawn, told without drawing any: whoever only hands
plans on does not need Hypothesis, whose import takes longer than a short run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from replay.fuzzing.plan import Plan, Profile

BATCH = 200
"""Plans drawn in one go; a fresh batch forgets what Hypothesis learnt in the one before."""

HEAD = 16
"""The first of them, which are drawn without the others for who runs no more than these: a whole
batch takes as long as some thousand steps."""

VARIANTS = 6
"""Streams made of one drawn plan, each with a seed of its own: drawing one costs as much as
a few hundred generated steps."""


class Batch(NamedTuple):
    """What is drawn in one go: batch `number` of a profile's row of plans, or the head of it."""

    profile: Profile
    number: int
    is_head: bool = False

    @property
    def size(self) -> int:
        """How many plans it has."""
        return HEAD if self.is_head else BATCH


def batch_of(profile: Profile, index: int) -> Batch:
    """The batch that a place in the row of plans needs."""
    return Batch(profile, index // (BATCH * VARIANTS), is_head=index < HEAD * VARIANTS)


def plan_of(drawn: Sequence[Plan], seed: int, index: int) -> Plan:
    """The plan at a place in the row, out of its batch."""
    batch, place = divmod(index, BATCH * VARIANTS)
    plan = drawn[place // VARIANTS]
    return plan.with_seed(number_of(plan.profile, seed, batch, 1 + place))


def number_of(profile: Profile, seed: int, batch: int, place: int) -> int:
    """Spreads a place in the row over 64 bits: neighbouring seeds share nothing."""
    text = f"{profile} {seed} {batch} {place}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
