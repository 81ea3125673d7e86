"""Prices are a function of the tick, and chance of the question."""

from __future__ import annotations

import itertools

from paper_support import START, flat, synthetic

from replay.paper.candles import Candle
from replay.paper.chance import chance
from replay.paper.market import (
    CandleMarket,
    Regime,
    SyntheticMarket,
    price_at,
    regime_at,
    walk,
)


def test_a_candle_is_walked_through_its_nearer_extreme_first() -> None:
    assert walk(Candle(0.0, 2.0, 4.0, 1.0, 3.0)) == (2.0, 1.0, 4.0, 3.0)
    assert walk(Candle(0.0, 3.0, 4.0, 1.0, 2.0)) == (3.0, 4.0, 1.0, 2.0)


def test_recorded_candles_begin_again_behind_the_last() -> None:
    market = CandleMarket([Candle(START, 2.0, 4.0, 1.0, 3.0), *flat(5.0, start=START + 60.0)])
    assert [price_at(market, tick) for tick in range(10)] == [
        *(2.0, 1.0, 4.0, 3.0),
        *(5.0, 5.0, 5.0, 5.0),
        *(2.0, 1.0),
    ]
    assert market.length == 8


def test_a_seed_gives_the_same_market_from_wherever_it_is_asked() -> None:
    there = synthetic(3000)
    back = SyntheticMarket(1)
    assert back.candle(2999) == there[2999]
    assert back.candle(17) == there[17]
    assert synthetic(100, seed=2) != there[:100]


def test_synthetic_candles_are_whole_and_move_like_a_market() -> None:
    candles = synthetic(3000)
    for before, one in itertools.pairwise(candles):
        assert one.at == before.at + 60.0
        assert one.open == before.close
    for one in candles:
        assert 0.0 < one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high
        assert all(round(price, 5) == price for price in one[1:])
    regimes = {regime_at(SyntheticMarket(1), tick) for tick in range(0, 4 * 600, 40)}
    assert len(regimes) >= 2
    assert 0.1 < min(one.low for one in candles) < max(one.high for one in candles) < 0.4


def test_a_regime_is_told_from_the_hour_before() -> None:
    rising = CandleMarket(flat(*(1.0 + 0.001 * minute for minute in range(120))))
    falling = CandleMarket(flat(*(1.0 - 0.001 * minute for minute in range(120))))
    assert regime_at(rising, 0) is Regime.RANGING
    assert regime_at(rising, 4 * 100) is Regime.BULLISH
    assert regime_at(falling, 4 * 100) is Regime.BEARISH
    assert regime_at(CandleMarket(flat(*[1.0] * 120)), 4 * 100) is Regime.RANGING


def test_chance_is_even_and_the_same_question_has_the_same_answer() -> None:
    drawn = [chance(1, "part", number) for number in range(4000)]
    assert drawn == [chance(1, "part", number) for number in range(4000)]
    assert drawn != [chance(2, "part", number) for number in range(4000)]
    assert all(0.0 <= one < 1.0 for one in drawn)
    tenths = [sum(1 for one in drawn if int(one * 10) == tenth) for tenth in range(10)]
    assert all(320 < count < 480 for count in tenths)
