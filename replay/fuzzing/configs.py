"""Configs and sizes, as the live bot passes them and at their extremes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from replay.fuzzing.choices import Choices
from replay.fuzzing.plan import Profile
from replay.fuzzing.setting_pools import EDGE_SETTINGS, LIVE_POOLS
from replay.fuzzing.value_pool import EDGE_DOUBLES, EDGE_INTS, INF, fit

DEFAULTS: Mapping[str, Any] = {
    "entry_pct": 0.2, "entry_pct_a": None, "entry_pct_b": None, "profit_pct": 1.0,
    "refresh_pct": 1.0, "order_size_usd": 2.0, "price_decimals": 6, "volume_decimals": 0,
    "min_volume": 13.0, "min_cost_usd": 0.0, "maker_fee_pct": 0.25, "stale_price_max_age_sec": 60.0,
    "s1_orphan_after_sec": 1350.0, "s2_orphan_after_sec": 1800.0, "loss_backoff_start": 3,
    "loss_cooldown_start": 5, "loss_cooldown_sec": 900.0, "reentry_base_cooldown_sec": 0.0,
    "backoff_factor": 0.5, "backoff_max_multiplier": 5.0, "max_consecutive_refreshes": 3,
    "refresh_cooldown_sec": 300.0, "max_recovery_slots": 2, "sticky_mode_enabled": False,
}  # fmt: skip
"""The settings in their order, with reducer.md's defaults."""

_INT_SETTINGS = frozenset(name for name, value in DEFAULTS.items() if type(value) is int)


def live_config(
    choices: Choices, decided: Mapping[str, Any] | None = None, grid: int = 5
) -> dict[str, Any]:
    """All settings, as the bot passes them. Prices are rounded to the exchange's grid or finer."""
    config = dict(DEFAULTS)
    for name, pool in LIVE_POOLS.items():
        config[name] = choices.pick(pool)
    config["price_decimals"] = choices.pick((6, grid, max(grid, 5), 6, grid, 7, 8))
    if decided:
        config.update(decided)
    return config


def edge_config(
    choices: Choices, decided: Mapping[str, Any] | None = None, changes: int = 3
) -> dict[str, Any]:
    """Readable settings of any kind: some left out, some at an extreme, `decided` as given."""
    config = live_config(choices, decided)
    for _ in range(choices.integer(0, changes)):
        name = choices.pick(tuple(DEFAULTS))
        config[name] = edge_setting(choices, name)
    if choices.chance(20):
        for name in tuple(config):
            if choices.chance(25):
                del config[name]
    return config


def edge_setting(choices: Choices, name: str) -> Any:
    """An extreme but readable value of one setting."""
    if name == "sticky_mode_enabled":
        return choices.chance(50)
    if name.endswith("_pct") and choices.chance(25):
        # As percents are written; hardly any of these has a hundredth part that is a double.
        return choices.integer(1, 9999) / 1000.0
    if name in EDGE_SETTINGS and choices.chance(70):
        return choices.pick(EDGE_SETTINGS[name])
    if name in ("price_decimals", "volume_decimals"):
        return choices.integer(-3, 18)
    if name in _INT_SETTINGS:
        return choices.pick(EDGE_INTS)
    if name in ("entry_pct_a", "entry_pct_b") and choices.chance(30):
        return None
    return choices.pick(EDGE_DOUBLES)


def live_sizes(
    choices: Choices, price: float, config: Mapping[str, Any]
) -> tuple[float, dict[str, float] | None]:
    """A size in USD that buys what the exchange takes at least, and often one for each trade."""
    least = max(config.get("min_volume", 13.0) * price, config.get("min_cost_usd", 0.0))
    size = cents(least * choices.pick((1.3, 1.03, 1.15, 2.0, 5.0, 1.0, 3.7)))
    if choices.chance(35):
        return size, None
    return size, {
        "A": cents(size * choices.pick((1.0, 1.1, 1.5, 0.97))),
        "B": cents(size * choices.pick((1.0, 1.1, 1.5, 0.97))),
    }


def edge_sizes(
    choices: Choices, price: float, config: Mapping[str, Any]
) -> tuple[float, dict[str, Any] | None]:
    """Sizes at the minimum exactly, halves between two volumes, none at all, or without bound."""
    size = edge_size(choices, price, config)
    sizes: dict[str, Any] | None = choices.pick(
        (None, None, {}, {"C": 1.0}, {"a": 2.0, "b": 3.0}, {"A ": 2.0})
    )
    if choices.chance(50):
        sizes = {}
        if choices.chance(70):
            sizes["A"] = edge_size(choices, price, config)
        if choices.chance(70):
            sizes["B"] = edge_size(choices, price, config)
        if choices.chance(15):
            sizes["C"] = "no size at all"
    return size, sizes


def edge_size(choices: Choices, price: float, config: Mapping[str, Any]) -> float:
    """One size at a boundary, most often one that still places orders at about `price`."""
    unit = price if math.isfinite(price) and 0.0 < price < 1e300 else 0.15
    least = float(config.get("min_volume", 13.0))
    if not math.isfinite(least) or least <= 0.0:
        least = 13.0
    kind = choices.integer(0, 9)
    if kind < 3:
        return unit * least
    if kind < 6:
        # Raw volumes of n + 1/2 must be rounded to even; only a dyadic price makes them exact.
        return unit * (math.floor(least) + choices.integer(0, 9) + 0.5)
    if kind < 8:
        return unit * least * choices.pick((2.0, 1.5, 10.0, 1.0000000001))
    if kind == 8:
        return float(config.get("min_cost_usd", 0.0) or 0.0)
    return choices.pick(EDGE_DOUBLES)


def make_config(
    choices: Choices, profile: Profile, decided: Mapping[str, Any] | None = None, grid: int = 5
) -> dict[str, Any]:
    """A readable config of the profile (hostile damages a live one later)."""
    if profile is Profile.EDGE:
        return edge_config(choices, decided)
    return live_config(choices, decided, grid)


def make_sizes(
    choices: Choices, profile: Profile, price: float, config: Mapping[str, Any]
) -> tuple[float, dict[str, Any] | None]:
    """`order_size_usd` and `order_sizes` of the profile."""
    if profile is Profile.EDGE:
        return edge_sizes(choices, price, config)
    return live_sizes(choices, price, config)


def setting(config: Mapping[str, Any], name: str) -> float:
    """A setting as a number that is fit for arithmetic, whatever the document holds."""
    value = config.get(name, DEFAULTS[name])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float(DEFAULTS[name] or 0.0)
    try:
        return float(value)
    except OverflowError:
        return INF


def volume_of(config: Mapping[str, Any], raw: float) -> float:
    """A volume of so many decimals as the exchange keeps, for finite ones of ordinary size."""
    decimals = int(max(0.0, min(20.0, setting(config, "volume_decimals"))))
    return fit(raw, decimals)


def cents(value: float) -> float:
    """`value` rounded up to a cent, as a bot's sizes are; itself where cents mean nothing."""
    return math.ceil(value * 100.0) / 100.0 if abs(value) < 1e12 else value
