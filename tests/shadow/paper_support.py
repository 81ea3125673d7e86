"""Markets and hosts that the tests of the paper bot share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import replay.core
from replay.paper.candles import Candle, told
from replay.paper.host import Host, Plan, SimulatedClock, new_slot
from replay.paper.market import Market, SyntheticMarket, price_at
from replay.paper.paper_slot import Slot
from replay.shadow import ShadowOptions, wrap

HOUR = 240
"""Ticks."""
START = 1767225600.0


def flat(*prices: float, start: float = START) -> list[Candle]:
    """Candles in which each minute stands at one price."""
    return [
        Candle(start + 60.0 * minute, price, price, price, price)
        for minute, price in enumerate(prices)
    ]


def csv_text(candles: Sequence[Candle]) -> str:
    """Candles as a file has them."""
    rows = (f"{told(one.at)},{one.open},{one.high},{one.low},{one.close},1000.0" for one in candles)
    return "\n".join(["timestamp,open,high,low,close,volume", *rows, ""])


def synthetic(minutes: int, seed: int = 1) -> list[Candle]:
    market = SyntheticMarket(seed)
    return [market.candle(minute) for minute in range(minutes)]


def hosted(
    directory: Path,
    *,
    until: int,
    seed: int = 1,
    market: Market | None = None,
    slots: Sequence[Slot] | None = None,
    core: Any = replay.core,
    on_minute: Callable[[int], None] = lambda tick: None,
) -> Host:
    """A host over a core without a shadow, at full speed; not yet run."""
    market = market or SyntheticMarket(seed)
    slots = slots or [new_slot(number, price_at(market, 0)) for number in range(3)]
    clock = SimulatedClock(market.start)
    adapter = wrap(core, ShadowOptions(shadow=False, clock=clock, speed=0.0))
    plan = Plan(market, seed, market.start, math.inf, until, directory, {"seed": seed})
    return Host(adapter, clock, plan, slots, on_minute)
