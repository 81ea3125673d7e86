"""LiveSource: what the exchange and the bot bring, decided handful by handful.

A handful is a stretch of price and timer ticks in which, seen from the state at its start, nothing
is filled, refreshed or timed out; it ends with the tick that leaves that stretch and what comes
of it. So a fill always meets the order it fills, without running the reducer here. The loop over
quiet ticks is the hot path: prices walk on the exchange's grid as whole numbers of its smallest
unit, which gives correctly rounded decimals for the cost of a division.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from replay.fuzzing.configs import setting, volume_of
from replay.fuzzing.plan import Plan
from replay.fuzzing.step_source import StateView
from replay.fuzzing.upkeep import Upkeep
from replay.fuzzing.value_pool import INF
from replay.streams.model import Step

_new = tuple.__new__
"""Makes a Step without the checks of its constructor: a fifth of a quiet tick's cost."""


class LiveSource:
    """Steps as a live bot would take them (a StepSource)."""

    def __init__(
        self, plan: Plan, config: Mapping[str, Any], sizes: tuple[Any, Any], now: float
    ) -> None:
        self.plan = plan
        self.random = Random(plan.seed ^ 0x11FE)
        self.left = plan.steps
        self.now = now
        self.upkeep = Upkeep(plan, self.random, config, sizes)
        self.set_config(config)
        # Far from the grid of DOGE (edge) units are chosen so that they stay exact.
        magnitude = math.floor(math.log10(plan.price)) if plan.price > 0.0 else 0
        self._scale = 10.0 ** max(-300, min(plan.grid, 14 - magnitude, 300))
        if plan.price * self._scale < 100.0:
            self._scale = 10.0 ** min(300, 4 - magnitude)
        self._units = max(1, int(plan.price * self._scale + 0.5))
        self._home = self._units

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Goes on under these settings."""
        self._config = config
        self._refresh = setting(config, "refresh_pct") / 100.0
        self._s1_after = setting(config, "s1_orphan_after_sec")
        self._s2_after = setting(config, "s2_orphan_after_sec")
        self._fee = setting(config, "maker_fee_pct") / 100.0
        self.upkeep.set_config(config)

    def go_on_under(self, config: Mapping[str, Any]) -> None:
        """These are the settings in force (generate.Steered)."""
        self.set_config(config)

    def steps(self, state: StateView | None, n: int) -> list[Step]:
        """The next handful (StepSource)."""
        if self.left <= 0:
            return []
        steps = self.handful(state, n)
        self.left -= len(steps)
        return steps

    def handful(self, state: StateView | None, n: int) -> list[Step]:
        """A handful whatever is left of the stream."""
        if state is None:
            return self._quiet(-INF, INF, INF, min(n, 4))
        changes, extra = self.upkeep.changes(state, self._units / self._scale)
        if changes is not None:
            # What was just set is not what `state` shows: only ticks until it is seen again.
            steps = self._quiet(-INF, INF, INF, 2)
            steps[0] = Step(steps[0].call, changes)
            return [*steps, *extra]
        low, high = self._bounds(state, self._units / self._scale)
        random = self.random.random
        if random() * 100.0 < self.plan.jumps:
            self._units = max(1, int(self._units * (1.0 + (random() - 0.5) * 0.06)))
        steps = self._quiet(low, high, self._deadline(state), n)
        price = self._units / self._scale
        if not low < price < high:
            self._cross(state, price, steps)
        elif state.recovery_orders and random() < 0.03:
            self._cancel(state, steps)
        return steps

    def _quiet(self, low: float, high: float, deadline: float, n: int) -> list[Step]:
        """Pairs of price and timer tick until the price leaves (low, high) or a time-out can be
        reached. The tick that leaves is the last step, without its timer tick."""
        plan = self.plan
        random = self.random.random
        units, scale, now, pacing = self._units, self._scale, self.now, plan.pacing
        reach = max(1.5, plan.volatility * units / 50.0)
        drift = plan.trend * units / 100.0 - reach
        if units > self._home * 3 or units * 3 < self._home:
            drift += (self._home - units) * 0.02
        jitter = random() < 0.5
        steps: list[Step] = []
        add = steps.append
        while len(steps) < n:
            now += pacing * (0.5 + random()) if jitter else pacing
            units += math.floor((random() + random()) * reach + drift + 0.5)
            if units < 1:
                units = 1
            price = units / scale
            add(_new(Step, ((0, price, now), None, 0)))
            if not low < price < high:
                break
            add(_new(Step, ((1, now), None, 0)))
            if now >= deadline:
                break
        self._units, self.now = units, now
        return steps

    def _bounds(self, state: StateView, market: float) -> tuple[float, float]:
        """Between these prices nothing is filled and no entry newly comes to be refreshed."""
        low, high = 0.0, INF
        refresh = self._refresh
        for order in state.orders:
            price = order.price
            if order.side == "buy":
                if price > low:
                    low = price
                if order.role == "entry" and refresh < 1.0:
                    stale = price / (1.0 - refresh)
                    if market < stale < high:
                        high = stale
            else:
                if price < high:
                    high = price
                if order.role == "entry" and refresh > -1.0:
                    stale = price / (1.0 + refresh)
                    if low < stale < market:
                        low = stale
        for recovery in state.recovery_orders:
            if recovery.side == "buy":
                low = max(low, recovery.price)
            else:
                high = min(high, recovery.price)
        return low, high

    def _deadline(self, state: StateView) -> float:
        """When the next time-out can orphan an exit."""
        exits = [order for order in state.orders if order.role == "exit"]
        if not exits:
            return INF
        if exits[0].side != exits[-1].side:
            # A null mark is set by the next timer tick; the tick after that may already be due.
            return INF if state.s2_entered_at is None else state.s2_entered_at + self._s2_after
        first: float = exits[0].entry_filled_at
        return first + self._s1_after

    def _cross(self, state: StateView, price: float, steps: list[Step]) -> None:
        """The price came to one or more orders: their fills, in the order the price met them,
        and the timer tick."""
        random = self.random.random
        now = self.now
        sells = []
        buys = []
        for record in (*state.orders, *state.recovery_orders):
            if record.side == "sell":
                if record.price <= price:
                    sells.append(record)
            elif record.price >= price:
                buys.append(record)
        # A tick can make the reducer cancel an entry it should have filled; the exchange told of
        # the fill first. Some bots poll fills first anyway.
        first = random() < 0.3 or any(
            getattr(record, "role", "") == "entry"
            and abs(record.price - price) > price * self._refresh
            for record in (*sells, *buys)
        )
        sells.sort(key=_by_price)
        buys.sort(key=_by_price, reverse=True)
        fills: list[Step] = []
        for record in (*sells, *buys):
            if random() * 100.0 < self.plan.late or (record.price == price and random() < 0.3):
                continue  # not heard of yet, or still waiting in the book
            fills.append(_new(Step, (self.fill(record, price, now), None, 0)))
        if first:
            steps[-1:-1] = fills
        else:
            steps.extend(fills)
        steps.append(Step((1, now)))

    def fill(self, record: Any, market: float, now: float) -> tuple[Any, ...]:
        """The fill of an order or a recovery."""
        random = self.random.random
        price = record.price
        volume = record.volume
        if random() < 0.03:
            price = market  # not as a maker
        if random() < 0.03:
            volume = volume_of(self._config, volume * random()) or volume
        fee = price * volume * self._fee
        if random() < 0.3:
            fee = round(fee, 8)
        when = now + 0.0001 if random() < 0.7 else now
        if hasattr(record, "recovery_id"):
            return (3, record.recovery_id, record.txid, record.side, price, volume, fee, when)
        return (2, record.local_id, record.txid, record.side, price, volume, fee, when)

    def _cancel(self, state: StateView, steps: list[Step]) -> None:
        """The exchange or the operator cancels a recovery."""
        recoveries = state.recovery_orders
        one = recoveries[int(self.random.random() * len(recoveries))]
        steps.append(Step((4, one.recovery_id, one.txid, self.now)))


def _by_price(record: Any) -> float:
    price: float = record.price
    return price
