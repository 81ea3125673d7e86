"""What a campaign can be made of. In a module of its own: settings name it, and should not load all
that makes streams."""

from __future__ import annotations

from enum import StrEnum


class Mix(StrEnum):
    """What a campaign is made of: one profile, or all of them and mutated corpus streams."""

    LIVE = "live"
    EDGE = "edge"
    HOSTILE = "hostile"
    ALL = "all"
