"""Chance that is a function: the same question always has the same answer.

What the simulated exchange and operator leave to chance is drawn from the seed and from what is
asked about (slot, tick, order), not from a generator with a state. So a bot that comes back from
its snapshot, killed at any moment, goes on exactly as it would have.
"""

from __future__ import annotations

from hashlib import blake2b

_RANGE = float(1 << 53)


def chance(seed: int, *about: int | str) -> float:
    """A number from 0.0 up to, but not, 1.0, evenly spread."""
    key = ":".join(map(str, (seed, *about))).encode()
    digest = blake2b(key, digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / _RANGE
