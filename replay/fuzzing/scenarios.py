"""The directed scenarios of the shipped corpus: each rule of the reducer at least once, on purpose.

Chance covers most rules within a few thousand steps, but not at their exact boundaries and not in
so few steps. Each function is one story; its docstring's first line becomes the stream's origin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from replay.fuzzing import scenarios_limits as limits
from replay.fuzzing.script import Script, both_entries, entry, exit_order, recovery
from replay.fuzzing.states import EPOCH
from replay.fuzzing.value_pool import INF, down, up
from replay.streams.model import Stream

Story = Callable[[str], Script]


def cycles(name: str) -> Script:
    """both trades in profit, through every phase and back"""
    play = Script(name, sizes={"A": 4.0, "B": 5.0})
    for first, second in (("sell", "buy"), ("buy", "sell")):
        for order_side in (first, second):
            play.tick(play.state.market_price)
            _fill_first(play, order_side, "entry")
            play.timer()
        play.timer(15.0)
        _fill_first(play, order_side, "exit")
        play.timer(15.0)
        exits = [order for order in play.state.orders if order.role == "exit"]
        play.fill(exits[0].local_id)
        play.timer(15.0)
    return play


def _fill_first(play: Script, side: str, role: str) -> None:
    order = next(one for one in play.state.orders if one.side == side and one.role == role)
    play.fill(order.local_id)


def s1_timeouts(name: str) -> Script:
    """an exit given up exactly when its time is over, never an instant before"""
    play = Script(name, config={"s1_orphan_after_sec": 60.0})
    for side, away in (("sell", 0.21), ("buy", 0.19)):
        _fill_first(play, side, "entry")
        filled = play.now
        order = play.state.orders[-1]
        # Not moved away at all: exactly at its price.
        play.tick(order.price, 10.0)
        play.now = filled + 60.0
        play.timer()
        play.tick(away, 0.0)
        play.now = down(filled + 60.0)
        play.timer()
        play.now = filled + 60.0
        play.timer()
        play.tick(0.2, 1.0)
    return play


def s1_without_times(name: str) -> Script:
    """an exit without a fill time is as old as its placing, and without both of no age"""
    play = Script(
        name,
        {"orders": [exit_order(1, "sell", 0.21, entry_filled_at=0.0), entry(2, "sell", 0.2004)]},
        {"s1_orphan_after_sec": 60.0},
    )
    play.timer(59.0)
    play.timer(1.0)
    undated = exit_order(7, "buy", 0.19, entry_filled_at=0.0, placed_at=0.0)
    play.patch(orders=[undated, entry(8, "buy", 0.1996)])
    play.timer(1e6)
    play.timer(0.0, config={"s1_orphan_after_sec": 0.0})
    return play


def s2_timeouts(name: str) -> Script:
    """both exits open too long: the farther one goes, and the sell where they are equally far"""
    exits = [exit_order(1, "buy", 0.25), exit_order(2, "sell", 0.75)]
    play = Script(
        name,
        {"orders": exits, "market_price": 0.5},
        {"s2_orphan_after_sec": 90.0, "s1_orphan_after_sec": INF},
    )
    for market in (0.5, 0.5625, 0.4375):
        play.patch(orders=exits, market_price=market, s2_entered_at=None)
        play.timer(1.0)
        entered = play.now
        play.now = down(entered + 90.0)
        play.timer()
        play.now = entered + 90.0
        play.timer()
        play.timer(1.0)
    play.patch(orders=exits, market_price=0.0, s2_entered_at=EPOCH)
    play.timer(1e4)
    return play


def refreshes(name: str) -> Script:
    """stale entries replaced, the cap, its cooldown, and the count beginning anew"""
    play = Script(name, config={"max_consecutive_refreshes": 3, "refresh_cooldown_sec": 100.0})
    price = 0.2
    for _ in range(4):
        price *= 1.02
        play.tick(round(price, 5))
    play.tick(round(price * 1.02, 5), 10.0)
    play.tick(round(price * 1.03, 5), 100.0)
    price *= 1.03
    for step in (0.97, 1.03, 0.97, 0.95, 0.95, 0.95, 0.95):
        price *= step
        play.tick(round(price, 5))
    play.tick(round(price * 0.98, 5), 101.0)
    return play


def refresh_threshold(name: str) -> Script:
    """drift exactly at the limit, and one double beyond it on both sides"""
    play = Script(
        name,
        {"orders": [entry(1, "buy", 1.25), entry(2, "sell", 1.25)], "market_price": 1.0},
        {"refresh_pct": 25.0, "min_volume": 1.0, "max_consecutive_refreshes": 100},
    )
    for market in (1.0, up(1.0), down(1.0), 1.25, 0.0, -1.0, 1.6667):
        play.patch(orders=[entry(1, "buy", 1.25), entry(2, "sell", 1.25)])
        play.tick(market)
    play.patch(orders=[entry(1, "sell", 1.0), entry(1, "buy", 0.5)])
    play.tick(2.0, order_size_usd=0.5)
    return play


def sticky(name: str) -> Script:
    """in sticky mode nothing times out"""
    play = Script(
        name,
        {"orders": [exit_order(1, "buy", 0.19), exit_order(2, "sell", 0.21)],
         "s2_entered_at": EPOCH},
        {"sticky_mode_enabled": True, "s1_orphan_after_sec": 1.0, "s2_orphan_after_sec": 1.0},
    )  # fmt: skip
    play.timer(1000.0)
    play.fill(1)
    play.timer(1000.0)
    play.fill(2)
    play.timer(1000.0)
    return play


def _one_sided(name: str, long_only: bool) -> Script:
    only = {"long_only": long_only, "short_only": not long_only, "mode_source": "regime"}
    side = "buy" if long_only else "sell"
    play = Script(name, {"orders": [entry(1, side, 0.2)], **only}, {"s1_orphan_after_sec": 100.0})
    play.timer()
    play.fill(1)
    play.fill(play.last_id())
    play.fill(play.last_id())
    play.tick(0.18 if long_only else 0.22, 50.0)
    play.timer(60.0)
    play.tick(0.17 if long_only else 0.23, 50.0)
    # An exit of the side that is shut off has no follow-up.
    shut = "buy" if long_only else "sell"
    play.patch(orders=[exit_order(7, shut, 0.2), entry(8, side, 0.2)])
    play.fill(7)
    play.patch(orders=[exit_order(9, shut, 0.2)])
    play.tick(0.3 if long_only else 0.1, 1.0)
    play.timer(200.0)
    play.patch(long_only=False, short_only=False, mode_source="none", orders=both_entries())
    play.tick(0.2)
    return play


def long_only(name: str) -> Script:
    """a slot that only buys first"""
    return _one_sided(name, True)


def short_only(name: str) -> Script:
    """a slot that only sells first"""
    return _one_sided(name, False)


def evictions(name: str) -> Script:
    """one recovery too many, several too many, ties in distance, age and id"""
    crowd = [
        recovery(1, "sell", 0.625), recovery(2, "buy", 0.375, txid=""),
        recovery(3, "sell", 0.625, orphaned_at=EPOCH - 700.0),
        recovery(4, "buy", 0.375, entry_filled_at=0.0), recovery(4, "sell", 0.5),
        recovery(5, "sell", 0.9, txid="", entry_filled_at=0.0),
    ]  # fmt: skip
    play = Script(
        name,
        {"market_price": 0.5, "orders": [exit_order(1, "sell", 0.7), entry(2, "sell", 0.501)],
         "recovery_orders": crowd},
        {"s1_orphan_after_sec": 60.0, "max_recovery_slots": 5},
        size=10.0,
    )  # fmt: skip
    for slots in (5, 4, 2, 1, 0, -3):
        play.patch(orders=[exit_order(1, "sell", 0.7), entry(2, "sell", 0.501)])
        play.timer(60.0, config={"s1_orphan_after_sec": 60.0, "max_recovery_slots": slots})
    play.patch(recovery_orders=crowd, market_price=0.0, orders=[exit_order(1, "buy", -1.0)])
    play.timer(60.0, config={"s1_orphan_after_sec": 60.0, "max_recovery_slots": 3})
    play.patch(
        recovery_orders=[recovery(8, "sell", 0.6, txid="")], orders=[exit_order(1, "buy", 0.1)]
    )
    play.timer(60.0, config={"s1_orphan_after_sec": 60.0, "max_recovery_slots": 1})
    play.patch(
        recovery_orders=[recovery(9, "sell", 0.6, txid="")],
        orders=[exit_order(1, "buy", 0.1)],
        market_price=0.2,
    )
    play.timer(60.0)
    negative = [recovery(6, "sell", -0.5), recovery(7, "buy", 0.0, entry_price=-1.0)]
    play.patch(recovery_orders=negative, market_price=-1.0, orders=[exit_order(1, "buy", -2.0)])
    play.timer(60.0, config={"s1_orphan_after_sec": 60.0, "max_recovery_slots": 1})
    return play


def recoveries(name: str) -> Script:
    """recoveries filled with profit and loss, cancelled, and asked for when they are gone"""
    play = Script(
        name,
        {"recovery_orders": [recovery(1, "buy", 0.19), recovery(2, "sell", 0.19),
                             recovery(3, "sell", 0.25, entry_filled_at=0.0),
                             recovery(3, "buy", 0.1), recovery(4, "sell", 0.3)],
         "s2_entered_at": EPOCH},
        {"loss_cooldown_start": 2, "reentry_base_cooldown_sec": 30.0},
    )  # fmt: skip
    play.recover(9)
    play.patch(s2_entered_at=EPOCH)
    for number in (1, 2, 3, 3):
        play.recover(number)
    play.patch(s2_entered_at=EPOCH)
    play.cancel(9)
    play.patch(s2_entered_at=EPOCH)
    play.cancel(4)
    play.fill(99)
    return play


def losses(name: str) -> Script:
    """losses in a row: backoff, cooldown of both kinds, no follow-up, and a profit that ends it"""
    play = Script(
        name,
        config={"loss_backoff_start": 1, "loss_cooldown_start": 3, "loss_cooldown_sec": 200.0,
                "backoff_factor": 0.75, "backoff_max_multiplier": 2.0,
                "reentry_base_cooldown_sec": 0.0},
    )  # fmt: skip
    for side in ("sell", "buy"):
        worse = 1.1 if side == "sell" else 0.9
        for _ in range(3):
            _fill_first(play, side, "entry")
            order = play.state.orders[-1]
            play.fill(order.local_id, order.price * worse)
            play.tick(0.2)
        play.timer(250.0)
    play.patch(orders=[exit_order(50, "buy", 0.19, cycle=9), exit_order(51, "sell", 0.21)])
    play.fill(50)
    play.fill(51, config={"reentry_base_cooldown_sec": 60.0, "loss_backoff_start": 0})
    play.patch(orders=both_entries(), consecutive_losses_a=7, consecutive_losses_b=9)
    play.tick(0.21, config={"loss_backoff_start": -1, "backoff_max_multiplier": 900.0})
    play.tick(0.19, config={"loss_backoff_start": 0, "entry_pct_a": 0.5, "entry_pct_b": 0.0})
    return play


STORIES: tuple[Story, ...] = (
    cycles, s1_timeouts, s1_without_times, s2_timeouts, refreshes, refresh_threshold, sticky,
    long_only, short_only, evictions, recoveries, losses, limits.sizes_too_small, limits.roundings,
    limits.arithmetic, limits.invariants, limits.regimes, limits.restarts, limits.refusals,
    limits.no_start, limits.doubles_of_ids, limits.clocks,
)  # fmt: skip


def scenarios() -> Iterator[Stream]:
    """All scenarios, in their order."""
    for story in STORIES:
        name = f"{story.__name__}: {(story.__doc__ or '').strip()}"
        yield story(name).stream()
