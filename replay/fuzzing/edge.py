"""EdgeSource: ordinary handfuls with steps between them that go exactly where rules change.

A threshold is looked up in the authority's state and in the config, and the step is made to meet
it to the last bit where such a double exists, else one beside it: that is where a turned
comparison or a reordered product shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from replay.fuzzing.choices import Seeded
from replay.fuzzing.configs import edge_setting, edge_size, edge_sizes, setting
from replay.fuzzing.live import LiveSource
from replay.fuzzing.plan import Plan
from replay.fuzzing.rounding_ties import decimals_of, entry_ratio, tied_factor, tied_size
from replay.fuzzing.states import edge_field, live_state, stretch_state
from replay.fuzzing.step_source import StateView, order_document, recovery_document, snapshot
from replay.fuzzing.value_pool import (
    DYADIC,
    EDGE_DOUBLES,
    EDGE_INTS,
    FINITE_DOUBLES,
    HUGE,
    INF,
    NAN,
    ODD_TEXTS,
    REGIMES,
    TINY,
    around,
    down,
    solves,
    up,
)
from replay.streams.model import STATE_FIELDS, Step


class EdgeSource:
    """Legal but extreme steps (a StepSource)."""

    def __init__(
        self, plan: Plan, config: Mapping[str, Any], sizes: tuple[Any, Any], now: float
    ) -> None:
        self.plan = plan
        self.ordinary = LiveSource(plan, config, sizes, now)
        self.choices = Seeded(self.ordinary.random)
        self.config: dict[str, Any] = dict(config)
        self._first = (dict(config), sizes)

    def steps(self, state: StateView | None, n: int) -> list[Step]:
        """The next handful (StepSource): short, since what is extreme changes the state."""
        ordinary = self.ordinary
        if ordinary.left <= 0:
            return []
        if state is not None and self.choices.chance(_REVIVALS[min(len(state.orders), 2)]):
            steps = [self._revival()]
        elif state is None or not self.choices.chance(self.plan.oddity):
            steps = ordinary.handful(state, min(n, 6))
        else:
            steps = self.odd_steps(state, min(n, 3))
        ordinary.left -= len(steps)
        return steps

    def go_on_under(self, config: Mapping[str, Any]) -> None:
        """These are the settings in force, and to come back to (generate.Steered)."""
        self.config = dict(config)
        self.ordinary.set_config(config)
        self._first = (dict(config), self._first[1])

    def odd_steps(self, state: StateView, n: int) -> list[Step]:
        """One to n steps that leave the ordinary course."""
        return [self._odd(state) for _ in range(self.choices.integer(1, max(1, n)))]

    def _odd(self, state: StateView) -> Step:
        step = self.choices.pick(_KINDS)(self, state)
        if step.changes is None and self.choices.chance(12):
            return Step(step.call, self._changes(state))
        return step

    # --- Events ---------------------------------------------------------------------------------

    def _price_tick(self, state: StateView) -> Step:
        return Step((0, self._price(state), self._time(state)))

    def _timer_tick(self, state: StateView) -> Step:
        return Step((1, self._time(state)))

    def _known_fill(self, state: StateView) -> Step:
        """A fill of what is there, with plausible or extreme numbers."""
        records = (*state.orders, *state.orders, *state.recovery_orders)
        if not records:
            return self._price_tick(state)
        record = self.choices.pick(records)
        call = list(self.ordinary.fill(record, state.market_price, self._time(state)))
        choices = self.choices
        if choices.chance(45):
            place = choices.pick((4, 5, 6))
            call[place] = choices.pick((*DYADIC, *FINITE_DOUBLES))
            if choices.chance(30):
                call[place] = self._close_price(record)
        elif choices.chance(20):
            # Net exactly nothing: neither a loss nor a profit.
            call[4], call[6] = record.entry_price, 0.0
        if choices.chance(10):
            call[2], call[3] = choices.pick(ODD_TEXTS), choices.pick(("buy", "sell"))
        return Step(tuple(call))

    def _extreme_fill(self, state: StateView) -> Step:
        """A fill whose follow-up order cannot be rounded or counted, or only just."""
        choices = self.choices
        records = [order for order in state.orders if order.role == "exit"] or state.orders
        if not records:
            return self._unknown(state)
        call = self.ordinary.fill(choices.pick(records), 0.15, self._time(state))
        market = choices.pick((HUGE, 1e-300, TINY, 1e300, NAN, INF, 0.15))
        changes: dict[str, Any] = {"patch": {"market_price": market}}
        if choices.chance(50):
            size = choices.pick((1e300, HUGE, TINY, INF, NAN, 2.0, -HUGE))
            changes.update(order_size_usd=size, order_sizes=None)
        if choices.chance(30):
            self.config["price_decimals"] = choices.pick((-308, -307, -1, 6, 320))
            changes["config"] = dict(self.config)
        return Step(call, changes)

    def _close_price(self, record: Any) -> float:
        price: float = record.price
        entered: float = record.entry_price
        return self.choices.pick((price, up(price), down(price), entered))

    def _unknown(self, state: StateView) -> Step:
        """An id that is not there, or is there under another kind of record."""
        choices = self.choices
        number = choices.pick((0, -1, 999999, 1, 2, 3, *EDGE_INTS))
        kind = choices.integer(2, 4)
        now = self._time(state)
        if kind == 4:
            return Step((4, number, "", now))
        return Step((kind, number, "OGONE", choices.pick(("buy", "sell")), 0.15, 13.0, 0.005, now))

    def _recovery_cancel(self, state: StateView) -> Step:
        if not state.recovery_orders:
            return self._unknown(state)
        one = self.choices.pick(state.recovery_orders)
        return Step((4, one.recovery_id, one.txid, self._time(state)))

    def _regime(self, state: StateView) -> Step:
        choices = self.choices
        ids = [order.local_id for order in state.orders]
        return Step((5, choices.pick((*ids, 0)), choices.pick(REGIMES)))

    def _check(self, state: StateView) -> Step:
        return Step((6,), self._changes(state) if self.choices.chance(70) else None)

    # --- Where the rules change -----------------------------------------------------------------

    def _price(self, state: StateView) -> float:
        """A market price at a threshold of the state, or an extreme one."""
        choices = self.choices
        orders = state.orders
        kind = choices.integer(0, 11)
        if kind < 4 and orders:
            return around(self._refresh_price(choices.pick(orders).price), choices)
        if kind < 6 and orders:
            return around(choices.pick(orders).price, choices)
        if kind == 6 and len(orders) >= 2:
            # As far from the one exit as from the other.
            return around((orders[0].price + orders[-1].price) / 2.0, choices)
        if kind == 7 and len(state.recovery_orders) >= 2:
            first, last = state.recovery_orders[0], state.recovery_orders[-1]
            return around((first.price + last.price) / 2.0, choices)
        if kind == 8:
            return choices.pick(DYADIC)
        if kind == 9:
            return self._tie_price(state)
        if kind == 10:
            return choices.pick(FINITE_DOUBLES)
        return choices.pick(EDGE_DOUBLES) if choices.chance(30) else state.market_price

    def _refresh_price(self, price: float) -> float:
        """The market price from which an entry is exactly refresh_pct away, where there is one."""
        refresh = setting(self.config, "refresh_pct")
        side = 1.0 if self.choices.chance(50) else -1.0
        ratio = 1.0 + side * refresh / 100.0
        if ratio == 0.0 or not math.isfinite(ratio) or not math.isfinite(price):
            return price
        guess = price / ratio
        for market in (guess, up(guess), down(guess), up(up(guess)), down(down(guess))):
            if market > 0.0 and abs(price - market) / market * 100.0 == refresh:
                return market
        return guess

    def _tie_price(self, state: StateView) -> float:
        """A price of which an entry's, or its own, comes to lie between two that are kept."""
        choices = self.choices
        decimals = decimals_of(self.config, "price_decimals")
        market = state.market_price
        if not math.isfinite(market) or not 1e-300 < abs(market) < 1e300:
            market = 0.15
        ratio = 1.0 if choices.chance(30) else self._entry_ratio(state, choices.pick(("A", "B")))
        return around(tied_factor(ratio, market, decimals), choices)

    def _entry_ratio(self, state: Any, trade: str) -> float:
        losses = state.consecutive_losses_a if trade == "A" else state.consecutive_losses_b
        return entry_ratio(self.config, trade, float(losses))

    def _tied_fill(self, state: StateView) -> Step:
        """A fill of which the new order's price (after an entry) or volume (after an exit) lies
        between two that are kept, or beside."""
        choices = self.choices
        if not state.orders:
            return self._price_tick(state)
        order = choices.pick(state.orders)
        call = list(self.ordinary.fill(order, state.market_price, self._time(state)))
        if order.role == "entry":
            profit = self._profit(state) / 100.0
            ratio = 1.0 + profit if order.side == "buy" else 1.0 - profit
            decimals = decimals_of(self.config, "price_decimals")
            call[4] = around(tied_factor(ratio, order.price, decimals), choices)
            return Step(tuple(call))
        ratio = self._entry_ratio(state, order.trade_id)
        least = setting(self.config, "min_volume")
        volume = (least if 0.0 < least < 1e6 else 13.0) + choices.integer(0, 9)
        size = around(tied_size(self.config, state.market_price, ratio, volume), choices)
        return Step(tuple(call), {"order_size_usd": size, "order_sizes": None})

    def _profit(self, state: Any) -> float:
        profit: float = state.profit_pct_runtime
        return profit if profit != 0.0 else setting(self.config, "profit_pct")

    def _duel(self, state: StateView) -> Step:
        """The time-out of S2 while the market is as far from one exit as from the other."""
        exits = [order for order in state.orders if order.role == "exit"]
        if len(exits) < 2:
            return self._timer_tick(state)
        middle = (exits[0].price + exits[-1].price) / 2.0
        after = setting(self.config, "s2_orphan_after_sec")
        now = self.ordinary.now
        entered = now - after if math.isfinite(after) else now
        patch = {"market_price": around(middle, self.choices), "s2_entered_at": entered}
        return Step((1, now), {"patch": patch})

    def _time(self, state: StateView) -> float:
        """A time at a threshold, a little later, the same again, or earlier."""
        choices = self.choices
        now = self.ordinary.now
        kind = choices.integer(0, 9)
        if kind < 4:
            when = self._threshold(state)
        elif kind < 7:
            when = now + choices.pick((15.0, 1.0, 0.0, 0.1, 60.0, 1350.0))
        elif kind == 7:
            when = state.now
        elif kind == 8:
            when = now - choices.pick((1.0, 15.0, 3600.0, 1e-6))
        else:
            return choices.pick(EDGE_DOUBLES)
        if math.isfinite(when) and abs(when) < 1e12 and choices.chance(80):
            self.ordinary.now = when
        return when

    def _threshold(self, state: Any) -> float:
        choices = self.choices
        s1_after = setting(self.config, "s1_orphan_after_sec")
        s2_after = setting(self.config, "s2_orphan_after_sec")
        ends = [
            state.cooldown_until_a,
            state.cooldown_until_b,
            state.refresh_cooldown_until_a,
            state.refresh_cooldown_until_b,
        ]
        for order in state.orders:
            if order.role == "exit":
                begun = order.entry_filled_at or order.placed_at
                ends.append(solves(begun + s1_after, s1_after, begun))
        entered = state.s2_entered_at
        if entered is not None:
            ends.append(solves(entered + s2_after, s2_after, entered))
            ends.append(ends[-1])
        return around(choices.pick(ends), choices)

    # --- From outside ---------------------------------------------------------------------------

    def _changes(self, state: StateView) -> dict[str, Any]:
        choices = self.choices
        kind = choices.integer(0, 9)
        if kind < 5:
            return {"patch": self._patch(state)}
        if kind < 7:
            name = choices.pick(tuple(self.config) or ("entry_pct",))
            self.config[name] = edge_setting(choices, name)
            self.ordinary.set_config(self.config)
            return {"config": dict(self.config)}
        if kind == 7:
            return {"order_size_usd": edge_size(choices, state.market_price, self.config)}
        if kind == 8:
            size, sizes = edge_sizes(choices, state.market_price, self.config)
            return {"order_size_usd": size, "order_sizes": sizes}
        return {"state": stretch_state(choices, snapshot(state), choices.integer(0, 3))}

    def _revival(self) -> Step:
        """Fresh orders in some phase, often under the settings of the start.

        Extremes leave a slot without orders soon, and then no rule would be met any more.
        """
        choices = self.choices
        changes: dict[str, Any] = {}
        if choices.chance(60):
            config, sizes = self._first
            self.config = dict(config)
            self.ordinary.set_config(config)
            changes.update(config=config, order_size_usd=sizes[0], order_sizes=sizes[1])
        whole = live_state(
            choices,
            self.config,
            market=self.plan.price,
            now=self.ordinary.now,
            phase=choices.pick(("S2", "S1a", "S1b", "S2", "S0")),
            recoveries=choices.pick((0, 1, 2, 3, 5)),
            volume=float(choices.integer(13, 30)),
        )
        changes["patch"] = {name: whole[name] for name in _REVIVED}
        return Step((1, self.ordinary.now), changes)

    def _patch(self, state: StateView) -> dict[str, Any]:
        choices = self.choices
        if choices.chance(35):
            whole = {
                "orders": [order_document(order) for order in state.orders],
                "recovery_orders": [recovery_document(one) for one in state.recovery_orders],
                "market_price": state.market_price,
                "now": state.now,
            }
            stretch_state(choices, whole, 1)
            del whole["now"]
            return whole
        patch = {}
        for _ in range(choices.integer(1, 2)):
            name = choices.pick(_PLAIN_FIELDS)
            patch[name] = edge_field(choices, name, {"now": self.ordinary.now})
        return patch


_REVIVALS = (30, 12, 2)
"""How often, in percent, fresh orders come where there are none, one, or more."""

_REVIVED = (
    "market_price", "now", "orders", "recovery_orders", "next_order_id", "next_recovery_id",
    "s2_entered_at", "cycle_a", "cycle_b", "long_only", "short_only", "cooldown_until_a",
)  # fmt: skip

_PLAIN_FIELDS = tuple(
    name
    for name in STATE_FIELDS
    if name not in ("orders", "recovery_orders", "completed_cycles", "market_price")
)

_KINDS = (
    EdgeSource._price_tick, EdgeSource._price_tick, EdgeSource._price_tick,
    EdgeSource._timer_tick, EdgeSource._timer_tick, EdgeSource._timer_tick,
    EdgeSource._known_fill, EdgeSource._known_fill, EdgeSource._known_fill,
    EdgeSource._tied_fill, EdgeSource._tied_fill, EdgeSource._duel,
    EdgeSource._extreme_fill, EdgeSource._unknown, EdgeSource._recovery_cancel,
    EdgeSource._regime, EdgeSource._check,
)  # fmt: skip
