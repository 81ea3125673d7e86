"""What a live bot does to its state between transitions, as patches on the next step.

It binds exchange ids once its orders are placed, puts back entries that a cooldown or a failed
placement left out, tags exits with the market's regime, changes modes, sizes and settings, and
sets the state from its own snapshot when it restarts.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from replay.fuzzing.configs import cents, setting, volume_of
from replay.fuzzing.plan import Plan, Profile
from replay.fuzzing.states import txid_of
from replay.fuzzing.step_source import StateView, order_document, recovery_document, saved
from replay.fuzzing.value_pool import REGIMES, fit
from replay.streams.model import Step

_LIVE_REGIMES = (0, 1, 2, "BULLISH", "BEARISH", "RANGING", None, "bullish", "0", "1", "2")

_LIVE_PROFITS = (0.3, 0.5, 0.8, 1.0, 1.2, 0.0, 0.15, 0.29, 0.57, 1.15, 2.31, 3.3)


class Upkeep:
    """Decides before each handful whether the bot touches the state."""

    def __init__(
        self, plan: Plan, random: Random, config: Mapping[str, Any], sizes: tuple[Any, Any]
    ) -> None:
        self._plan = plan
        self._random = random
        self._sizes = sizes
        self._placed = random.getrandbits(40)
        self._short = False
        self.set_config(config)

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Goes on under these settings."""
        self._config = config
        self._distance = setting(config, "entry_pct") / 100.0
        self._decimals = int(max(-400.0, min(400.0, setting(config, "price_decimals"))))
        self._least = max(setting(config, "min_volume"), 0.0)
        self._least_cost = setting(config, "min_cost_usd")

    def changes(self, state: StateView, market: float) -> tuple[dict[str, Any] | None, list[Step]]:
        """What is set from outside before the next step (None mostly), and calls that follow it."""
        random = self._random.random
        plan = self._plan
        chance = random() * 100.0
        if chance < plan.restarts:
            return self._restart(state), []
        if self._short and chance > 40.0:
            # The price left the size behind: an entry could not be paid for.
            self._short = False
            return self._resize(market), []
        if chance > 98.5:
            rare = self._rare(state, market)
            if rare is not None:
                return rare, []
        patch: dict[str, Any] = {}
        extra: list[Step] = []
        orders = state.orders
        wanted = self._missing(state)
        unbound = False
        for order in orders:
            if not order.txid:
                unbound = True
                break
        if (unbound or wanted) and random() * 100.0 < (85 if wanted else plan.patches):
            documents = [order_document(order) for order in orders]
            for document in documents:
                if not document["txid"]:
                    document["txid"] = self._txid()
                    if document["role"] == "exit" and random() < 0.4:
                        extra.append(self._tag(document["local_id"]))
            taken = self._add_entries(state, wanted, documents, market)
            patch["orders"] = documents
            if taken:
                patch["next_order_id"] = state.next_order_id + taken  # type: ignore[attr-defined]
        for recovery in state.recovery_orders:
            if not recovery.txid and random() < 0.3:
                documents = [recovery_document(one) for one in state.recovery_orders]
                for document in documents:
                    document["txid"] = document["txid"] or self._txid()
                patch["recovery_orders"] = documents
                break
        return ({"patch": patch} if patch else None), extra

    def _txid(self) -> str:
        self._placed += 1
        return txid_of(self._placed)

    def _tag(self, local_id: int) -> Step:
        pool = _LIVE_REGIMES if self._plan.profile is Profile.LIVE else REGIMES
        return Step((5, local_id, pool[int(self._random.random() * len(pool))]))

    def _missing(self, state: Any) -> list[str]:
        """The trades whose entry the phase wants but the state has not, out of cooldown."""
        entries = exits = 0
        for order in state.orders:
            bit = 1 if order.side == "sell" else 2
            if order.role == "entry":
                entries |= bit
            else:
                exits |= bit
        # Bit 1 sells, bit 2 buys. An exit on one side stands for the other side's entry.
        wanted = 3 if not exits else 0 if exits == 3 else exits
        wanted &= ~entries
        if not wanted:
            return []
        trades = []
        if wanted & 1 and not state.long_only and state.now >= state.cooldown_until_a:
            trades.append("A")
        if wanted & 2 and not state.short_only and state.now >= state.cooldown_until_b:
            trades.append("B")
        return trades

    def _add_entries(
        self, state: Any, trades: list[str], documents: list[dict[str, Any]], market: float
    ) -> int:
        """The bot's own add_entry_order: how many ids it took."""
        taken = 0
        size, sizes = self._sizes
        for trade in trades:
            away = 1.0 + self._distance if trade == "A" else 1.0 - self._distance
            price = fit(market * away, self._decimals)
            dollars = sizes.get(trade, size) if isinstance(sizes, Mapping) else size
            if not isinstance(dollars, float) or not 0.0 < price < 1e300:
                continue
            raw = dollars / price
            if not self._least <= raw < 1e15 or dollars < self._least_cost:
                self._short = True
                continue
            documents.append(
                {
                    "local_id": state.next_order_id + taken,
                    "side": "sell" if trade == "A" else "buy",
                    "role": "entry",
                    "price": price,
                    "volume": volume_of(self._config, raw),
                    "trade_id": trade,
                    "cycle": state.cycle_a if trade == "A" else state.cycle_b,
                    "txid": self._txid() if self._random.random() < 0.5 else "",
                    "placed_at": state.now,
                    "entry_price": 0.0,
                    "entry_fee": 0.0,
                    "entry_filled_at": 0.0,
                    "regime_at_entry": None,
                }
            )
            taken += 1
        return taken

    def _restart(self, state: StateView) -> dict[str, Any]:
        """The bot comes back with its own snapshot, perhaps one of an older version."""
        document = saved(state)
        if self._random.random() < 0.2:
            for order in document["orders"]:
                del order["regime_at_entry"]
        if self._random.random() < 0.2:
            document["profit_pct"] = document.pop("profit_pct_runtime")
        return {"state": document}

    def _rare(self, state: Any, market: float) -> dict[str, Any] | None:
        """Modes, sizes, settings and the profit target: changed now and then."""
        random = self._random
        kind = random.randrange(6)
        if kind == 0:
            return {"patch": {"profit_pct_runtime": random.choice(_LIVE_PROFITS)}}
        if kind == 1:
            return self._mode(state)
        if kind == 2:
            return self._resize(market)
        if kind == 3 and state.recovery_orders:
            kept = list(state.recovery_orders)
            del kept[random.randrange(len(kept))]
            return {"patch": {"recovery_orders": [recovery_document(one) for one in kept]}}
        if kind == 4 and state.orders:
            kept = list(state.orders)
            del kept[random.randrange(len(kept))]
            return {"patch": {"orders": [order_document(order) for order in kept]}}
        if kind == 5:
            return {"patch": {"today_realized_loss": 0.0}}
        return None

    def _mode(self, state: Any) -> dict[str, Any]:
        """To one side, or back to both; the other side's entry goes."""
        if state.long_only or state.short_only:
            return {"patch": {"long_only": False, "short_only": False, "mode_source": "none"}}
        long_only = self._random.random() < 0.5
        gone = "sell" if long_only else "buy"
        return {
            "patch": {
                "orders": [
                    order_document(order)
                    for order in state.orders
                    if order.role != "entry" or order.side != gone
                ],
                "long_only": long_only,
                "short_only": not long_only,
                "mode_source": self._random.choice(("balance", "regime")),
            }
        }

    def _resize(self, market: float) -> dict[str, Any]:
        """New sizes, as they grow with the profit."""
        random = self._random
        base = max(self._least * market, self._least_cost)
        size = cents(base * random.choice((1.1, 1.3, 1.5, 2.0)))
        if random.random() < 0.3:
            self._sizes = (size, None)
        else:
            other = cents(base * random.choice((1.1, 1.3, 2.0)))
            self._sizes = (size, {"A": size, "B": other})
        return {"order_size_usd": self._sizes[0], "order_sizes": self._sizes[1]}
