"""Script: writes a directed stream step by step while our own core runs it.

For scenarios that must happen exactly so: ids, prices and times can be taken from the state that
the core is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.fuzzing.configs import DEFAULTS
from replay.fuzzing.expand import LocalSession
from replay.fuzzing.states import EPOCH
from replay.streams.model import Start, Step, Stream
from replay.targets.base import Outcome


def entry(local_id: int, side: str, price: float, **fields: Any) -> dict[str, Any]:
    """An entry order: trade A sells first, trade B buys first."""
    return {
        "local_id": local_id,
        "side": side,
        "role": "entry",
        "price": price,
        "volume": 20.0,
        "trade_id": "A" if side == "sell" else "B",
        "cycle": 1,
        "txid": f"OENT-{local_id}",
        "placed_at": EPOCH,
        **fields,
    }


def exit_order(local_id: int, side: str, price: float, **fields: Any) -> dict[str, Any]:
    """An exit order: the buy of trade A or the sell of trade B."""
    return {
        "local_id": local_id,
        "side": side,
        "role": "exit",
        "price": price,
        "volume": 20.0,
        "trade_id": "A" if side == "buy" else "B",
        "cycle": 1,
        "txid": f"OEXT-{local_id}",
        "placed_at": EPOCH,
        "entry_price": 0.2,
        "entry_fee": 0.01,
        "entry_filled_at": EPOCH,
        **fields,
    }


def recovery(recovery_id: int, side: str, price: float, **fields: Any) -> dict[str, Any]:
    """An exit that was given up."""
    return {
        "recovery_id": recovery_id,
        "side": side,
        "price": price,
        "volume": 20.0,
        "trade_id": "A" if side == "buy" else "B",
        "cycle": 1,
        "entry_price": 0.2,
        "orphaned_at": EPOCH - 600.0,
        "entry_fee": 0.01,
        "entry_filled_at": EPOCH - 2000.0,
        "txid": f"OREC-{recovery_id}",
        "reason": "s1_timeout",
        **fields,
    }


def both_entries(market: float = 0.2) -> list[dict[str, Any]]:
    """What a slot starts with: a buy and a sell entry around the market."""
    return [
        entry(1, "buy", round(market * 0.998, 6)),
        entry(2, "sell", round(market * 1.002, 6)),
    ]


class Script:
    """A stream in the making. Times and prices move only where a step says so."""

    def __init__(
        self,
        name: str,
        state: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        size: Any = 4.0,
        sizes: Any = None,
    ) -> None:
        self.name = name
        self.now = EPOCH
        document = {
            "market_price": 0.2,
            "now": EPOCH,
            "orders": both_entries(),
            "next_order_id": 10,
            "next_recovery_id": 10,
            **(state or {}),
        }
        self._start = Start(document, {**DEFAULTS, **(config or {})}, size, sizes)
        self._session = LocalSession(self._start)
        self._steps: list[Step] = []

    @property
    def state(self) -> Any:
        """Where the core is."""
        return self._session.state

    def stream(self) -> Stream:
        """What was written so far."""
        return Stream(self._start, tuple(self._steps), f"scenario: {self.name}")

    def call(self, call: Any, changes: Mapping[str, Any] | None = None) -> Outcome:
        """Any step at all."""
        step = Step(call, changes)
        self._steps.append(step)
        return self._session.run([step])[0]

    def tick(self, price: float, after: float = 15.0, **changes: Any) -> Outcome:
        """A price tick."""
        self.now += after
        return self.call((0, price, self.now), changes or None)

    def timer(self, after: float = 0.0, **changes: Any) -> Outcome:
        """A timer tick."""
        self.now += after
        return self.call((1, self.now), changes or None)

    def fill(self, local_id: int, price: float | None = None, **changes: Any) -> Outcome:
        """A fill of an order of the state, at its price."""
        order = next((one for one in self.state.orders if one.local_id == local_id), None)
        at = price if price is not None else order.price if order else 0.2
        volume = order.volume if order else 20.0
        side, txid = (order.side, order.txid) if order else ("buy", "OGONE")
        self.now += 1.0
        call = (2, local_id, txid, side, at, volume, at * volume * 0.0025, self.now)
        return self.call(call, changes or None)

    def recover(self, recovery_id: int, price: float | None = None) -> Outcome:
        """A fill of a recovery of the state, at its price."""
        known = self.state.recovery_orders
        one = next((each for each in known if each.recovery_id == recovery_id), None)
        at = price if price is not None else one.price if one else 0.2
        side = one.side if one else "sell"
        self.now += 1.0
        return self.call((3, recovery_id, "OREC", side, at, 20.0, at * 20.0 * 0.0025, self.now))

    def cancel(self, recovery_id: int) -> Outcome:
        """The cancel of a recovery."""
        self.now += 1.0
        return self.call((4, recovery_id, "OREC", self.now))

    def patch(self, **fields: Any) -> Outcome:
        """Fields of the state set from outside, and the invariants looked at."""
        return self.call((6,), {"patch": fields})

    def last_id(self) -> int:
        """The id of the youngest order."""
        newest: int = self.state.orders[-1].local_id
        return newest
