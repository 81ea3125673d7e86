"""What a bot calls itself around the reducer, after the last step of a generated stream.

The helpers (reducer.md, "Helpers around the reducer") are asked on the state that the stream came
to, one after the other, each on what the former left: ids that are there and that are not, an entry
within its cooldown and at its end, sizes at which just one of two first entries can be made. They
come last, with chances of their own, so that what comes before is the same whether or not both
cores have helpers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from random import Random
from typing import Any

from replay.fuzzing.choices import Seeded
from replay.fuzzing.configs import setting
from replay.fuzzing.step_source import StateView, order_document, recovery_document
from replay.fuzzing.value_pool import around
from replay.streams.model import CallCode, Step

CALLS = 12
"""Calls after a stream: each kind in every other stream or so, at a few percent of its steps."""

_TEXTS = ("OQCLML-BW3P3-BUCMWZ", "", "O1", "o1 ", "\u00e9\u4e16", "x" * 64)
_REASONS = ("manual", "regime", "", "bootstrap", "refresh_entry")


class HelperSteps:
    """The calls after one stream (a StepSource)."""

    def __init__(self, codes: Collection[CallCode], origin: str, config: Mapping[str, Any]) -> None:
        """`codes` are the helpers that both cores have, `origin` names the stream, `config` are the
        settings in force at its end."""
        self._choices = Seeded(Random(f"helpers {origin}"))
        self._kinds = [_KINDS[code] for code in sorted(codes) if code in _KINDS]
        self._config = dict(config)
        self._left = CALLS if self._kinds else 0

    def steps(self, state: StateView | None, n: int) -> list[Step]:
        """The next call (StepSource): one alone, since it changes what the next may name."""
        if self._left <= 0 or state is None:
            return []
        self._left -= 1
        return [self._choices.pick(self._kinds)(self, state)]

    def _bootstrap(self, state: StateView) -> Step:
        choices = self._choices
        changes: dict[str, Any] = {"patch": {"orders": []}} if choices.chance(60) else {}
        kind = choices.integer(0, 9)
        if kind < 3:
            changes |= self._size_of_one(state)
        elif kind < 5:
            changes.setdefault("patch", {})["market_price"] = self._price_of_one()
        elif kind == 5:
            changes["order_size_usd"] = choices.pick((0.0, 1e-9, 1e6))
        both = choices.chance(70)
        allowed = (True, True) if both else (choices.chance(50), choices.chance(50))
        return Step((int(CallCode.BOOTSTRAP), *allowed), changes or None)

    def _add_entry(self, state: StateView) -> Step:
        choices = self._choices
        trade = choices.pick(("A", "B"))
        side = choices.pick(("buy", "sell"))
        changes: dict[str, Any] = {}
        if choices.chance(45):
            changes["patch"] = self._cooldown(state, trade)
        if choices.chance(25):
            changes |= self._size_of_one(state)
        elif choices.chance(10):
            changes["order_size_usd"] = choices.pick((0.0, -1.0, 1e-9))
        cycle = choices.pick((1, 2, 7, 0, 2**40))
        call = (int(CallCode.ADD_ENTRY), side, trade, cycle, choices.pick(_REASONS))
        return Step(call, changes or None)

    def _cooldown(self, state: StateView, trade: str) -> dict[str, Any]:
        """The cooldown of one trade at, before or after now; the other's is another one."""
        now = state.now
        if not math.isfinite(now):
            return {}
        own = now + self._choices.pick((0.0, 60.0, -60.0, math.ulp(now), -math.ulp(now)))
        other = now + self._choices.pick((0.0, 60.0, -60.0))
        pair = (own, other) if trade == "A" else (other, own)
        return {"cooldown_until_a": pair[0], "cooldown_until_b": pair[1]}

    def _size_of_one(self, state: StateView) -> dict[str, Any]:
        """A size that reaches the least volume at the price of a buy entry, and not at that of a
        sell entry, or a little beside."""
        market, least = state.market_price, setting(self._config, "min_volume")
        decimals = setting(self._config, "volume_decimals")
        if not (math.isfinite(market) and 0 < market < 1e12 and 0 < least < 1e12):
            return {"order_size_usd": self._choices.pick((2.0, 0.5, 40.0))}
        unit = 10.0 ** -min(12, max(0, int(decimals))) if math.isfinite(decimals) else 1.0
        size = (least - unit / 2) * market
        return {"order_size_usd": around(size, self._choices) if size > 0 else 2.0}

    def _price_of_one(self) -> float:
        """A market price of which the price of a buy entry is rounded to nothing, that of a sell
        entry is not."""
        decimals = setting(self._config, "price_decimals")
        digits = min(12, max(0, int(decimals))) if math.isfinite(decimals) else 6
        return 0.5 * 10.0**-digits

    def _order_id(self, state: StateView) -> int:
        ids = [order.local_id for order in state.orders]
        recoveries = [recovery.recovery_id for recovery in state.recovery_orders]
        return int(self._choices.pick((*ids, *ids, *ids, *recoveries, 0, 987_654)))

    def _recovery_id(self, state: StateView) -> int:
        ids = [recovery.recovery_id for recovery in state.recovery_orders]
        orders = [order.local_id for order in state.orders]
        return int(self._choices.pick((*ids, *ids, *ids, *orders, 0, 987_654)))

    def _twice(self, state: StateView) -> dict[str, Any] | None:
        """Now and then one order, or recovery, is there a second time, with other figures."""
        choices = self._choices
        if not choices.chance(15):
            return None
        if state.recovery_orders and choices.chance(40):
            recoveries = [recovery_document(one) for one in state.recovery_orders]
            again = {**recoveries[0], "price": 0.5, "txid": "AGAIN"}
            return {"patch": {"recovery_orders": [*recoveries, again]}}
        if not state.orders:
            return None
        orders = [order_document(order) for order in state.orders]
        return {"patch": {"orders": [*orders, {**orders[0], "price": 0.5, "txid": "AGAIN"}]}}

    def _order_txid(self, state: StateView) -> Step:
        call = (int(CallCode.ORDER_TXID), self._order_id(state), self._choices.pick(_TEXTS))
        return Step(call, self._twice(state))

    def _recovery_txid(self, state: StateView) -> Step:
        call = (int(CallCode.RECOVERY_TXID), self._recovery_id(state), self._choices.pick(_TEXTS))
        return Step(call, self._twice(state))

    def _remove_order(self, state: StateView) -> Step:
        return Step((int(CallCode.REMOVE_ORDER), self._order_id(state)), self._twice(state))

    def _remove_recovery(self, state: StateView) -> Step:
        return Step((int(CallCode.REMOVE_RECOVERY), self._recovery_id(state)), self._twice(state))

    def _find_order(self, state: StateView) -> Step:
        return Step((int(CallCode.FIND_ORDER), self._order_id(state)), self._twice(state))

    def _phase(self, state: StateView) -> Step:
        return Step((int(CallCode.DERIVE_PHASE),))

    def _to_dict(self, state: StateView) -> Step:
        return Step((int(CallCode.TO_DICT),))

    def _volume(self, state: StateView) -> Step:
        choices = self._choices
        price = choices.pick((state.market_price, 0.0, -1.0, 0.15, 1e-9, 1e9))
        if not math.isfinite(price):
            price = 0.25
        changes = self._size_of_one(state) if choices.chance(50) else None
        return Step((int(CallCode.ORDER_VOLUME), float(price)), changes)


_KINDS = {
    CallCode.BOOTSTRAP: HelperSteps._bootstrap,
    CallCode.ADD_ENTRY: HelperSteps._add_entry,
    CallCode.ORDER_TXID: HelperSteps._order_txid,
    CallCode.RECOVERY_TXID: HelperSteps._recovery_txid,
    CallCode.REMOVE_ORDER: HelperSteps._remove_order,
    CallCode.REMOVE_RECOVERY: HelperSteps._remove_recovery,
    CallCode.FIND_ORDER: HelperSteps._find_order,
    CallCode.DERIVE_PHASE: HelperSteps._phase,
    CallCode.ORDER_VOLUME: HelperSteps._volume,
    CallCode.TO_DICT: HelperSteps._to_dict,
}
