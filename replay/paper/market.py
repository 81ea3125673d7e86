"""The market as the bot sees it: a price every fifteen seconds, and the way between two of them.

A candle is walked through its open, its two extremes and its close, the nearer extreme first: a
rising minute dips before it climbs. Between two ticks the price moves in one direction, so what it
crossed can be told from the two ends. Prices are a function of the tick's number alone, so that a
bot can come back to any tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from random import Random
from typing import Protocol

from replay.paper.candles import MINUTE, Candle

TICKS = 4
"""Ticks in a minute."""

TICK_SECONDS = MINUTE / TICKS

TREND_MINUTES = 60
TREND = 0.008
"""The market trends where it moved by this share within TREND_MINUTES."""

KEPT_MINUTES = 1024
"""A synthetic market keeps at least so many of its last candles; it is asked for older ones only
where a bot starts."""

FIRST_MINUTE = 1767225600.0
"""When a synthetic market begins: 2026-01-01T00:00:00Z."""


class Regime(StrEnum):
    """Where the market goes, in the words of reducer.md, "Reading a state"."""

    BEARISH = "BEARISH"
    RANGING = "RANGING"
    BULLISH = "BULLISH"


class Market(Protocol):
    """Prices by the number of the tick, from 0."""

    start: float
    """Epoch seconds of tick 0, by the market's own time."""
    length: int | None
    """Ticks until it begins again; None where it never ends."""

    def candle(self, minute: int) -> Candle:
        """The candle of a minute, counted from 0; its `at` is the market's own time."""


def price_at(market: Market, tick: int) -> float:
    """The price at a tick."""
    return walk(market.candle(tick // TICKS))[tick % TICKS]


def walk(candle: Candle) -> tuple[float, float, float, float]:
    """The four prices of a minute in the order they are reached."""
    if candle.close >= candle.open:
        return candle.open, candle.low, candle.high, candle.close
    return candle.open, candle.high, candle.low, candle.close


def regime_at(market: Market, tick: int) -> Regime:
    """The regime that the minutes before a tick show; nothing of the minute under way is used."""
    last = tick // TICKS - 1
    if last < 0:
        return Regime.RANGING
    change = market.candle(last).close / market.candle(max(0, last - TREND_MINUTES)).open - 1.0
    if change > TREND:
        return Regime.BULLISH
    return Regime.BEARISH if change < -TREND else Regime.RANGING


class CandleMarket:
    """Recorded candles, which begin again after the last one (a Market)."""

    def __init__(self, candles: Sequence[Candle]) -> None:
        self._candles = candles
        self.start = candles[0].at
        self.length: int | None = len(candles) * TICKS

    def candle(self, minute: int) -> Candle:
        """The candle of a minute."""
        return self._candles[minute % len(self._candles)]


class SyntheticMarket:
    """Candles drawn from a seed, without end (a Market).

    The price wanders on the exchange's grid of 0.00001 USD, with a trend that changes every hour or
    so and a pull towards where it began.
    """

    start = FIRST_MINUTE
    length: int | None = None

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._begin()

    def _begin(self) -> None:
        self._random = Random(f"market {self._seed}")  # a text: the same on each version of Python
        self._units = 20_000
        self._trend = 0.0
        self._first = 0
        self._candles: list[Candle] = []

    def candle(self, minute: int) -> Candle:
        """The candle of a minute; those before it are drawn on the way, and the last ones kept."""
        if minute < self._first:
            self._begin()
        while self._first + len(self._candles) <= minute:
            self._candles.append(self._next())
            if len(self._candles) > 2 * KEPT_MINUTES:
                del self._candles[:KEPT_MINUTES]
                self._first += KEPT_MINUTES
        return self._candles[minute - self._first]

    def _next(self) -> Candle:
        random = self._random.random
        if random() < 1 / 60:
            self._trend = (random() - 0.5) * 14.0
        opened = self._units
        way = [opened]
        for _ in range(6):
            pull = (20_000 - way[-1]) * 0.0005
            step = (random() + random() + random() - 1.5) * 22.0 + self._trend * random() + pull
            way.append(max(1_000, way[-1] + round(step)))
        self._units = way[-1]
        at = self.start + (self._first + len(self._candles)) * MINUTE
        prices = opened, max(way), min(way), way[-1]
        return Candle(at, *(units / 100_000 for units in prices))
