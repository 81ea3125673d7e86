"""Where rounding has to decide: figures for which a price or a volume comes to lie exactly between
two of so many decimals.

Only there does rounding half to even differ from rounding half up, and only beside it an exact
rounding from one of a scaled or printed figure. What is solved here is solved to the last bit where
a double does it; else the nearest guess is as good as any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from replay.fuzzing.configs import setting
from replay.fuzzing.value_pool import down, fit, up

_MOST_PLACES = 40
"""With more decimals no double of an ordinary price lies between two."""


def decimals_of(config: Mapping[str, Any], name: str) -> int:
    """A setting that counts decimals, where arithmetic can use it."""
    return int(max(-400.0, min(400.0, setting(config, name))))


def tie_near(value: float, decimals: int) -> float:
    """A double next to `value` that is exactly between two numbers of so many decimals; `value`
    where there is none."""
    if not -15 <= decimals <= _MOST_PLACES or not 0.0 < abs(value) < 1e15:
        return value
    # Odd multiples of 1/2, 1/4, 1/8 end in a 5 after the last decimal, and doubles hold them.
    unit = 0.5**decimals if decimals >= 0 else 10.0**-decimals
    return (math.floor(value / unit) + 0.5) * unit


def solved(function: Callable[[float], float], result: float, guess: float) -> float:
    """The double next to `guess` for which the function gives exactly `result`, if one does."""
    for candidate in (guess, up(guess), down(guess), up(up(guess)), down(down(guess))):
        if function(candidate) == result:
            return candidate
    return guess


def entry_ratio(config: Mapping[str, Any], trade: str, losses: float) -> float:
    """What a trade's next entry multiplies the market price by."""
    own = setting(config, "entry_pct_a" if trade == "A" else "entry_pct_b")
    pct = own if own > 0.0 else setting(config, "entry_pct")
    beyond = losses - setting(config, "loss_backoff_start") + 1.0
    if beyond > 0.0:
        factor = 1.0 + setting(config, "backoff_factor") * beyond
        pct *= min(setting(config, "backoff_max_multiplier"), factor)
    away = pct / 100.0
    return 1.0 + away if trade == "A" else 1.0 - away


def tied_factor(ratio: float, near: float, decimals: int) -> float:
    """The figure beside `near` that comes to lie on a tie when it is multiplied by `ratio`."""
    if not 1e-6 < abs(ratio) < 1e6 or not 0.0 < near < 1e15:
        return near
    tie = tie_near(near * ratio, decimals)
    return solved(lambda figure: figure * ratio, tie, tie / ratio)


def tied_size(config: Mapping[str, Any], market: float, ratio: float, volume: float) -> float:
    """The size in USD of which an entry's volume, about `volume`, lies on a tie."""
    price = fit(market * ratio, decimals_of(config, "price_decimals"))
    if not 1e-12 < price < 1e12:
        return volume * 0.15
    tie = tie_near(volume, max(0, decimals_of(config, "volume_decimals")))
    return solved(lambda size: size / price, tie, tie * price)
