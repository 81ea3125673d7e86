"""Plan: the few decisions that make up a stream. Hypothesis takes them, expansion follows them.

What a plan leaves open (each price, each document's other fields) is decided by its seed. A plan
has numbers and texts only, so it can be printed, compared and sent to a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

from replay.fuzzing.setting_pools import EDGE_SETTINGS, LIVE_SETTINGS, Setting


class Profile(StrEnum):
    """How far from real life a stream may be."""

    LIVE = "live"
    """What the exchange and the bot can really produce."""
    EDGE = "edge"
    """Legal but extreme: every document can be read, every event could be sent."""
    HOSTILE = "hostile"
    """Documents as the wire can bring them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stream is made of.

    `price` and `grid` (decimals of the exchange's prices) set the scale; `volatility` and `trend`
    are percent of the price for each tick, `jumps` percent of the handfuls that begin with a jump;
    `pacing` is seconds between ticks. `phase`, `mode` ("both", "long" or "short"), `recoveries` and
    `history` say what the start looks like, `settings` what its config has where the seed does not
    decide. `patches`, `restarts` and `late` are percentages: how often the bot touches its state,
    restarts, and hears of a fill late. `oddity` is the percentage of steps that leave the
    ordinary course (edge: to thresholds and extremes; hostile: damaged documents).
    """

    profile: Profile
    seed: int
    steps: int
    price: float
    grid: int
    volatility: float
    trend: float
    jumps: int
    pacing: float
    phase: str
    mode: str
    recoveries: int
    history: int
    settings: tuple[tuple[str, Setting], ...]
    patches: int
    restarts: int
    late: int
    oddity: int

    def __reduce__(self) -> tuple[type[Plan], tuple[object, ...]]:
        """As a call with its fields: a coordinator pickles one for each unit that it hands out."""
        return Plan, _fields_of(self)

    def with_seed(self, seed: int) -> Plan:
        """The same plan for another stream."""
        profile, _, *others = _fields_of(self)
        return Plan(profile, seed, *others)


_fields_of = attrgetter(*Plan.__slots__)
"""All fields of a plan, in order."""


STEPS: dict[Profile, tuple[int, ...]] = {
    Profile.LIVE: (500, 200, 300, 400, 700, 1000),
    Profile.EDGE: (300, 200, 400, 600),
    Profile.HOSTILE: (200, 250, 300, 400),
}
PRICES: dict[Profile, tuple[float, ...]] = {
    Profile.LIVE: (0.15, 0.05312, 0.0999, 0.12525, 0.19701, 0.2, 0.25, 0.31234, 0.47, 0.98765),
    Profile.EDGE: (
        0.15, 0.5, 0.25, 1.0, 2.0, 0.125, 0.1, 8.0, 1e-6, 5e-7, 1e-12, 65536.0, 99999.5, 1e9,
        1e15, 1e22, 0.12525, 1.005, 2.675,
    ),
    Profile.HOSTILE: (0.15, 0.25, 0.19701, 1.0, 0.05312, 2.0),
}  # fmt: skip
GRIDS: dict[Profile, tuple[int, ...]] = {
    Profile.LIVE: (5, 5, 6, 7),
    Profile.EDGE: (5, 6, 3, 2, 8, 12),
    Profile.HOSTILE: (5, 6),
}
VOLATILITIES = (0.25, 0.05, 0.1, 0.15, 0.4, 0.8)
TRENDS = (0.0, 0.0, 0.005, -0.005, 0.03, -0.03)
JUMPS = (0, 2, 5, 15)
PACINGS = (15.0, 1.0, 2.5, 5.0, 10.0, 30.0)
PHASES = ("S0", "S1a", "S1b", "S2", "none")
MODES = ("both", "both", "both", "both", "long", "short")
RECOVERIES: dict[Profile, tuple[int, ...]] = {
    Profile.LIVE: (0, 0, 1, 2, 3),
    Profile.EDGE: (0, 1, 2, 3, 5, 8, 13),
    Profile.HOSTILE: (0, 1, 2, 3),
}
HISTORIES: dict[Profile, tuple[int, ...]] = {
    Profile.LIVE: (0, 0, 1, 3, 10, 25),
    Profile.EDGE: (0, 1, 2, 5, 20, 80),
    Profile.HOSTILE: (0, 1, 2, 3),
}
PATCHES = (60, 20, 80, 100)
RESTARTS = (0, 0, 1, 3)
LATE = (0, 0, 10, 30)
ODDITIES: dict[Profile, tuple[int, ...]] = {
    Profile.LIVE: (0,),
    Profile.EDGE: (60, 30, 80, 100),
    Profile.HOSTILE: (55, 40, 70, 85),
}

SETTINGS: dict[Profile, Mapping[str, tuple[Setting, ...]]] = {
    Profile.LIVE: LIVE_SETTINGS,
    Profile.EDGE: EDGE_SETTINGS,
    Profile.HOSTILE: LIVE_SETTINGS,
}
