"""What a slot runs with: settings that differ from slot to slot and change every few hours.

Three characters take turns, so that what the reducer can do is met within two days: one like a
quiet live slot, one that trades briskly with small margins (losses, backoff, cooldowns, few
recoveries), one with hardly enough to trade with that follows the market's trend (one-sided modes).
An operator reloads the settings of each every RELOAD_HOURS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from replay.paper.chance import chance
from replay.paper.market import TICK_SECONDS

RELOAD_HOURS = 3
RELOAD_TICKS = int(RELOAD_HOURS * 3600 / TICK_SECONDS)

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """Settings of a slot. `config` has fields of EngineConfig, the others keep their defaults.

    Sizes and balances are in DOGE at the market's first price, so they fit any market. Orders grow
    by `grows` of the profit, and shrink by at most `shrinks` of their size. `per_trade` sizes the
    two trades apart, by what the slot has of each currency. `follows` goes one-sided with the
    trend.
    """

    config: Config
    size: float
    usd: float
    doge: float
    grows: float = 1.0
    shrinks: float = 0.2
    per_trade: bool = False
    follows: bool = False


_QUIET = SlotSettings(
    config={
        "entry_pct": 0.1,
        "profit_pct": 0.5,
        "order_size_usd": 5.0,
        # One digit less than what a tenth of a percent of a price has: every tenth entry lies on a
        # tie, where two ways of rounding part.
        "price_decimals": 7,
        "maker_fee_pct": 0.05,
        "loss_cooldown_start": 50,
    },
    size=25.4,
    usd=400.0,
    doge=400.0,
)
_BRISK = SlotSettings(
    config={
        "entry_pct": 0.1,
        "entry_pct_a": 0.12,
        "entry_pct_b": 0.08,
        "profit_pct": 0.3,
        "refresh_pct": 0.5,
        "order_size_usd": 8.0,
        "maker_fee_pct": 0.12,
        "s1_orphan_after_sec": 600.0,
        "s2_orphan_after_sec": 900.0,
        "loss_backoff_start": 2,
        "loss_cooldown_start": 3,
        "loss_cooldown_sec": 300.0,
        "backoff_factor": 0.25,
        "backoff_max_multiplier": 3.0,
        "reentry_base_cooldown_sec": 20.0,
        "max_recovery_slots": 1,
        "min_cost_usd": 0.5,
    },
    size=40.0,
    usd=600.0,
    doge=600.0,
    per_trade=True,
)
_TIGHT = SlotSettings(
    config={
        "entry_pct": 0.2,
        "profit_pct": 0.6,
        "refresh_pct": 0.5,
        "order_size_usd": 2.5,
        "price_decimals": 5,
        "volume_decimals": 2,
        "max_recovery_slots": 3,
        "s1_orphan_after_sec": 900.0,
        "max_consecutive_refreshes": 2,
    },
    size=13.25,
    usd=34.0,
    doge=34.0,
    grows=0.2,
    shrinks=0.0,
    follows=True,
)
_CHARACTERS = (_QUIET, _BRISK, _TIGHT)

_RELOADS: tuple[Mapping[str, float | bool], ...] = (
    {},
    {"profit_pct": 0.8, "entry_pct": 1.25},
    {"refresh_pct": 0.7, "loss_backoff_start": 0.5, "backoff_factor": 2.0},
    {"s1_orphan_after_sec": math.inf, "s2_orphan_after_sec": math.inf},
    {"sticky_mode_enabled": True},
)
"""What a reload multiplies the character's own settings with (a bool is set as it is)."""

_DEFAULTS = {
    "refresh_pct": 1.0,
    "loss_backoff_start": 3,
    "backoff_factor": 0.5,
    "s1_orphan_after_sec": 1350.0,
    "s2_orphan_after_sec": 1800.0,
}


def character_of(number: int) -> SlotSettings:
    """What a slot starts with; from the fourth on the three come again, entering farther out."""
    character = _CHARACTERS[number % len(_CHARACTERS)]
    again = number // len(_CHARACTERS)
    if not again:
        return character
    farther = 1.0 + 0.25 * again
    config = dict(character.config)
    for name in ("entry_pct", "entry_pct_a", "entry_pct_b"):
        if name in config:
            config[name] = round(config[name] * farther, 4)
    return replace(character, config=config)


def config_at(seed: int, number: int, tick: int) -> Config:
    """The fields of a slot's EngineConfig at a tick, after all reloads until then."""
    generation = tick // RELOAD_TICKS
    config = dict(character_of(number).config)
    # Slots do not reload the same at the same time.
    change = _RELOADS[(generation + number) % len(_RELOADS)] if generation else {}
    for name, factor in change.items():
        if isinstance(factor, bool):
            config[name] = factor
            continue
        value = config.get(name, _DEFAULTS.get(name, 0.0)) * factor
        config[name] = int(value) if name == "loss_backoff_start" else round(value, 4)
    if generation and "refresh_pct" not in change:
        shift = 0.8 + 0.4 * chance(seed, number, "refresh", generation)
        config["refresh_pct"] = round(
            config.get("refresh_pct", _DEFAULTS["refresh_pct"]) * shift, 3
        )
    return config
