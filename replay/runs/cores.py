"""The cores that the settings name."""

from __future__ import annotations

from replay.settings import Settings
from replay.targets.pair import PairSpec


def pair_of(settings: Settings) -> PairSpec:
    """The two cores. Raises TargetError where there is no shadow."""
    return PairSpec(
        settings.authority, settings.needed_shadow, settings.timeout, sandboxed=settings.sandbox
    )
