"""Directed scenarios at the limits: sizes, roundings, invariants, refusals, odd clocks and ids.

As in scenarios.py, each function is one story.
"""

from __future__ import annotations

from typing import Any

from replay.fuzzing.script import Script, both_entries, entry, exit_order
from replay.fuzzing.states import EPOCH
from replay.fuzzing.value_pool import HUGE, INF, NAN, down, up


def sizes_too_small(name: str) -> Script:
    """orders that the size cannot buy, at the minimum exactly and just below"""
    play = Script(name, {"market_price": 0.25}, {"min_volume": 20.0, "entry_pct": 0.0}, 5.0)
    for size in (5.0, down(5.0), 0.0, -1.0, 4.875, 5.125, 5.375):
        play.patch(orders=[exit_order(1, "buy", 0.25), entry(2, "buy", 0.25)])
        play.fill(1, order_size_usd=size)
    for least in (5.0, 5.1, 6.0):
        play.patch(orders=[exit_order(1, "buy", 0.25), entry(2, "buy", 0.25)])
        config = {"min_volume": 20.0, "entry_pct": 0.0, "min_cost_usd": least}
        play.fill(1, config=config, order_size_usd=5.0)
    sizes: tuple[Any, ...] = ({"A": 6.0}, {"B": 6.0}, {}, {"a": 9.0}, {"A": 0.0}, None)
    for by_trade in sizes:
        play.patch(orders=[exit_order(1, "buy", 0.25), entry(2, "buy", 0.25)])
        play.fill(1, order_sizes=by_trade, config={"entry_pct": 0.0, "volume_decimals": 2})
    return play


def roundings(name: str) -> Script:
    """prices at ties, huge and tiny ones, and digits from far left to far right of the point"""
    play = Script(name, config={"profit_pct": 0.2})
    for decimals, price in (
        (6, 0.12525), (2, 2.675), (2, 0.125), (0, 2.5), (-1, 25.0), (-2, 350.0), (22, 0.1),
        (323, 5e-324), (400, 0.1), (-308, 1e308), (-400, 1.0), (15, 0.3), (1, 0.25),
    ):  # fmt: skip
        config = {"price_decimals": decimals, "profit_pct": 0.0, "entry_pct": 0.0}
        play.patch(orders=both_entries(), market_price=price, profit_pct_runtime=0.0)
        play.fill(1, price, config=config)
        config["profit_pct"] = 0.2
        play.fill(2, price * 0.998, config=config)
    return play


def arithmetic(name: str) -> Script:
    """numbers that the reducer cannot go on with, and infinities that it can"""
    play = Script(name)
    play.patch(orders=[exit_order(1, "buy", 0.19), entry(2, "buy", 0.199)])
    for market, size in ((1e-300, 1e300), (NAN, 4.0), (INF, 4.0), (0.2, INF), (0.2, NAN)):
        play.patch(orders=[exit_order(1, "buy", 0.19), entry(2, "buy", 0.199)], market_price=market)
        play.fill(1, order_size_usd=size)
    play.patch(orders=both_entries(), market_price=HUGE)
    play.fill(1, config={"price_decimals": -308, "entry_pct": 0.0}, order_size_usd=4.0)
    play.fill(1, config={"price_decimals": -307, "entry_pct": 0.0})
    play.tick(INF)
    play.tick(NAN)
    play.timer(INF)
    return play


def invariants(name: str) -> Script:
    """every invariant broken in turn"""
    sell, buy = exit_order(3, "sell", 0.21), exit_order(4, "buy", 0.19)
    play = Script(name)
    play.patch(orders=[])
    play.patch(orders=[entry(1, "buy", 0.2), entry(1, "sell", 0.2)])
    for flags in ({"long_only": True}, {"short_only": True}):
        both = {"long_only": False, "short_only": False, **flags}
        play.patch(orders=both_entries(), **both)
        play.patch(orders=[buy, sell], **both)
        play.patch(orders=[buy, entry(1, "buy", 0.2), entry(2, "sell", 0.2)], **both)
        play.patch(orders=[sell, {**sell, "local_id": 8}], **both)
        play.patch(orders=[buy, {**buy, "local_id": 8}], **both)
    plain = {"long_only": False, "short_only": False}
    play.patch(orders=[sell, entry(1, "buy", 0.2)], **plain)
    play.patch(orders=[buy, sell, entry(1, "buy", 0.2)], s2_entered_at=EPOCH)
    play.patch(orders=both_entries())
    play.patch(
        orders=[entry(1, "buy", 0.2, cycle=0), entry(2, "sell", 0.2, volume=0.0)],
        s2_entered_at=None,
    )
    play.patch(orders=[{**buy, "entry_price": 0.0}, entry(1, "buy", 0.2)], cycle_a=0)
    play.patch(orders=both_entries(), cycle_a=1, cycle_b=-5)
    return play


def regimes(name: str) -> Script:
    """a regime in every spelling, on orders that are there and that are not"""
    play = Script(name)
    spellings: tuple[Any, ...] = (
        0, 1, 2, "BULLISH", " bearish ", "Ranging", "2", 1.9, -0.5, True, False, 3, None, "x", [],
        {}, INF, NAN, 2**70,
    )  # fmt: skip
    for place, regime in enumerate(spellings):
        play.call((5, 1 + place % 2, regime))
    play.call((5, 99, 1))
    play.fill(2)
    return play


def restarts(name: str) -> Script:
    """snapshots of older bots, with fields missing, renamed, or of no use"""
    play = Script(name)
    play.fill(1)
    for snapshot in (
        {},
        {"market_price": 1, "now": 2, "profit_pct": 3, "total_profit": 4, "cycle_a": 2.0},
        {"orders": [None, 1, entry(1, "buy", 0.2)], "recovery_orders": ["x"], "unknown": {}},
        {"mode_source": " REGIME\n", "completed_cycles": [7], "profit_pct_runtime": 0.5},
        {"mode_source": None, "last_refresh_direction_a": "sideways", "s2_entered_at": None},
    ):
        play.timer(1.0, state=snapshot)
        play.tick(0.2)
    return play


def refusals(name: str) -> Script:
    """every input unreadable in turn, and the good ones in force meanwhile"""
    play = Script(name)
    bad_orders = [entry(1, "buy", 0.2), {**entry(2, "sell", 0.2), "local_id": True}]
    changes: dict[str, Any]
    for changes in (
        {"state": None}, {"state": {"orders": {}}}, {"state": {"orders": bad_orders}},
        {"patch": {"now": "late"}}, {"patch": {"cycle_a": 1.5, "cycle_b": 4}},
        {"patch": {"next_order_id": 2**63}}, {"patch": {"long_only": 1}}, {"patch": []},
        {"config": None}, {"config": {"entry_pct": "0.2"}}, {"config": {"price_decimals": 6.5}},
        {"config": {"sticky_mode_enabled": 0}}, {"order_size_usd": None}, {"order_sizes": []},
        {"order_sizes": {"A": None}}, {"order_size_usd": 10**400, "config": {"refresh_pct": 0.9}},
    ):  # fmt: skip
        play.timer(1.0, **changes)
    now = play.now
    for event in (
        {}, {"price": 0.2}, {"timestamp": None}, {"timestamp": 1},
        {"price": True, "timestamp": now},
        {"price": 0.2, "timestamp": now, "volume": None}, {"recovery_id": 1, "txid": "", "side": 3},
        {"recovery_id": 1.5, "txid": "x", "timestamp": now},
    ):  # fmt: skip
        play.call(event)
    play.call((0, "0.2", now))
    play.call((2, 1, None, "buy", 0.2, 20.0, 0.0, now))
    play.call((2, 1, "x", "BUY", 0.2, 20.0, 0.0, now))
    play.call((3, 2**64, "x", "buy", 0.2, 20.0, 0.0, now))
    play.call((4, 1.0, "x", now))
    play.call((5, "1", 1))
    play.tick(0.2)
    return play


def no_start(name: str) -> Script:
    """a start that cannot be read, set right piece by piece"""
    play = Script(name, {"orders": 3}, {"min_volume": None}, None, 7)
    play.timer(1.0)
    play.call((6,))
    play.call((5, 1, 1))
    play.timer(1.0, patch={"now": 1.0})
    play.timer(1.0, state={"market_price": 0.2, "orders": both_entries()})
    play.timer(1.0, config={})
    play.timer(1.0, order_size_usd=4)
    play.timer(1.0, order_sizes={})
    play.tick(0.25)
    return play


def doubles_of_ids(name: str) -> Script:
    """ids that are there twice go together"""
    twice = [exit_order(1, "sell", 0.21), exit_order(1, "buy", 0.19), entry(1, "buy", 0.1)]
    play = Script(
        name, {"orders": twice}, {"s1_orphan_after_sec": 60.0, "s2_orphan_after_sec": 60.0}
    )
    play.timer(60.0)
    play.timer(60.0)
    play.patch(orders=[entry(1, "buy", 0.1), entry(1, "sell", 0.3)])
    play.tick(0.2)
    play.patch(orders=twice)
    play.fill(1)
    return play


def clocks(name: str) -> Script:
    """time that stands still, goes back, and passes cooldowns exactly"""
    play = Script(
        name,
        {"orders": [exit_order(1, "buy", 0.19), entry(2, "buy", 0.19)],
         "cooldown_until_a": EPOCH + 60.0, "refresh_cooldown_until_b": EPOCH + 60.0,
         "consecutive_refreshes_b": 5},
        {"s1_orphan_after_sec": INF, "s2_orphan_after_sec": INF},
    )  # fmt: skip
    for when in (EPOCH + 59.0, down(EPOCH + 60.0), EPOCH + 60.0, up(EPOCH + 60.0), EPOCH - 5.0):
        play.patch(orders=[exit_order(1, "buy", 0.19), entry(2, "buy", 0.19)])
        play.now = when
        play.tick(0.2, 0.0)
        play.now = when - 1.0
        play.fill(1)
    return play
