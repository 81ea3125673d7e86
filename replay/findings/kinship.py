"""Which cores can tell that a difference is mended: those that it was seen on, one of them changed.

A case that agrees on some other pair says nothing of the pair that it was found on. Neither does a
refusal by both, where the authority that refuses is not the one that answered then.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from replay.findings.store.stored import CorePair
from replay.targets.base import CoreIdentity


def can_tell(seen: Iterable[CorePair], now: CorePair) -> bool:
    """Whether a pair is one on which a difference was seen, but for what was mended.

    That is one with the same authority, or a later one in a file of that name: the shadow may be
    any, since it is what is to be mended. An authority under another name is one only beside a
    shadow that did not change.
    """
    return any(
        _is_later(pair.authority, now.authority)
        or (pair.authority.kind == now.authority.kind and pair.shadow.sha256 == now.shadow.sha256)
        for pair in seen
    )


def has_authority(seen: Iterable[CorePair], now: CorePair) -> bool:
    """Whether the authority is one that a difference was seen on, to the last byte."""
    return any(pair.authority.sha256 == now.authority.sha256 for pair in seen)


def _is_later(before: CoreIdentity, now: CoreIdentity) -> bool:
    same_name = PurePath(before.path).name == PurePath(now.path).name
    return before.sha256 == now.sha256 or (before.kind == now.kind and same_name)
