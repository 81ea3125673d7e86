"""What a slot has under way while a tick changes it: its core's actions become orders, and back.

Here the bot deals with the core and with the exchange; what it decides, and when, is in turn.py
and business.py. The core is called, nothing else is touched.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from replay.paper.entry_sides import one_sided, two_sided
from replay.paper.exchange import Filled, Refusal, Resting, Wanted, cancel, place, settle
from replay.paper.market import TICKS
from replay.paper.paper_slot import Moment, Request, Slot, sizes_of, venue_of
from replay.paper.presets import SlotSettings

RETRY_TICKS = TICKS
"""An entry that the exchange refused is put back no sooner than a minute later."""


class Desk(NamedTuple):
    """What a slot works with: the core (an adapter, with the names of the bot's own module), its
    config and settings, and what sets the clock that everything is stamped by."""

    core: Any
    config: Any
    settings: SlotSettings
    seed: int
    set_clock: Callable[[float], None]


class Dealing:
    """A slot while a tick changes it: made from the slot before, it ends in the one after."""

    def __init__(self, slot: Slot, moment: Moment, desk: Desk) -> None:
        self.slot = slot
        self.moment = moment
        self.desk = desk
        self.core = desk.core
        self.venue = venue_of(slot, desk.seed)
        self.state = slot.state
        self.account = slot.account
        self.requests = list(slot.requests)
        self.fills: list[Filled] = list(slot.unheard)
        self.wait = slot.wait
        self.counts: Counter[str] = Counter(slot.counts)
        self.base_price, self.size, self.sizes = slot.base_price, slot.size, slot.sizes

    def end(self) -> Slot:
        """The slot after the tick."""
        return Slot(
            number=self.slot.number,
            tick=self.moment.tick,
            state=self.state,
            account=self.account,
            base_price=self.base_price,
            size=self.size,
            sizes=self.sizes,
            requests=tuple(self.requests),
            unheard=tuple(self.fills),
            wait=self.wait,
            counts=self.counts,
        )

    def transition(self, event: Any, at: float) -> None:
        """One event, its actions, and the invariants after it, as today's bots call them."""
        core = self.core
        self.desk.set_clock(at)
        self.state, actions = core.transition(
            self.state, event, self.desk.config, self.size, self.sizes
        )
        self.counts[type(event).__name__] += 1
        self.counts[core.derive_phase(self.state)] += 1
        for text in core.check_invariants(self.state):
            self.counts[f"violated: {text}"] += 1
        if actions:
            self.act(actions, at)

    def act(self, actions: Any, at: float) -> None:
        """Does what the core asks for, in its order."""
        core = self.core
        self.desk.set_clock(at)
        for action in actions:
            self.counts[type(action).__name__] += 1
            if isinstance(action, core.PlaceOrderAction):
                self._send(action)
            elif isinstance(action, core.CancelOrderAction):
                self._cancel(action)
            elif isinstance(action, core.OrphanOrderAction):
                self.requests = [
                    dataclasses.replace(request, key=-action.recovery_id)
                    if request.key == action.local_id
                    else request
                    for request in self.requests
                ]
            else:
                self.resize()

    def _send(self, action: Any) -> None:
        """A new order goes to the exchange; an entry is tagged with the regime it is made in."""
        is_entry = action.role == "entry"
        self.submit(
            action.local_id,
            Wanted(
                action.local_id, is_entry, action.side, action.price, action.volume,
                action.post_only,
            ),
        )  # fmt: skip
        if is_entry:
            self.state = self.core.apply_order_regime_at_entry(
                self.state, action.local_id, str(self.moment.regime)
            )
            self.counts["apply_order_regime_at_entry"] += 1

    def _cancel(self, action: Any) -> None:
        if action.local_id < 0:
            self.counts["recoveries evicted"] += 1
        if not action.txid:  # its answer is still under way: it is cancelled when that comes
            self._unwanted(action.local_id)
            return
        self.account, order = cancel(self.account, action.txid)
        if order is None:
            self.counts["cancelled too late"] += 1
        else:
            self._close_out(order)

    def submit(self, key: int, wanted: Wanted) -> None:
        """Sends an order; the exchange's answer is heard up to two ticks later, by `key`."""
        moment = self.moment
        self.account, answer = place(self.account, self.venue, moment.tick, moment.price, wanted)
        delay = int(3.0 * self.venue.chance("delay", self.account.placed))
        is_refused = isinstance(answer, Refusal)
        self.requests.append(
            Request(
                key, wanted.owner, wanted.is_entry, wanted.side, wanted.price, wanted.volume,
                moment.tick + delay,
                "" if is_refused else str(answer),
                str(answer) if is_refused else "",
            )
        )  # fmt: skip

    def hear_answers(self) -> None:
        """What the exchange said to orders sent before: their txids, or why it refused them."""
        tick = self.moment.tick
        if not any(request.heard <= tick for request in self.requests):
            return
        due = [request for request in self.requests if request.heard <= tick]
        self.requests = [request for request in self.requests if request.heard > tick]
        for request in due:
            if request.txid:
                self._accepted(request)
            else:
                self._refused(request)

    def _accepted(self, request: Request) -> None:
        core, key = self.core, request.key
        if key > 0 and core.find_order(self.state, key) is not None:
            self.state = core.apply_order_txid(self.state, key, request.txid)
        elif key < 0 and self._recovery(-key) is not None:
            self.state = core.apply_recovery_txid(self.state, -key, request.txid)
        else:
            self.account, order = cancel(self.account, request.txid)
            if order is not None:
                self._close_out(order)

    def _refused(self, request: Request) -> None:
        self.counts[f"refused: {request.refusal}"] += 1
        key = request.key
        if key > 0 and self.core.find_order(self.state, key) is None:
            return
        if key == 0 or (key < 0 and self._recovery(-key) is None):
            return
        if not request.is_entry:  # a position is at stake: once more, as a taker if need be
            self.counts["sent again"] += 1
            self.submit(
                key,
                Wanted(request.owner, False, request.side, request.price, request.volume, False),
            )
            return
        self.state = self.core.remove_order(self.state, key)
        self.counts["orders removed"] += 1
        self.wait = max(self.wait, self.moment.tick + RETRY_TICKS)
        if request.refusal == Refusal.FUNDS:
            self.without_funds(request.side)

    def _unwanted(self, key: int) -> None:
        self.requests = [
            dataclasses.replace(request, key=0) if request.key == key else request
            for request in self.requests
        ]

    def is_under_way(self, txid: str) -> bool:
        """Whether the bot has not been told yet which order that is."""
        return any(request.txid == txid for request in self.requests)

    def _close_out(self, order: Resting) -> None:
        """What a cancelled order leaves behind is closed at the market: of an entry what was
        filled of it, of a recovery (evicted, and booked as closed there) the rest."""
        if order.is_entry:
            self.settle("buy" if order.side == "sell" else "sell", order.filled)
        else:
            self.settle(order.side, order.volume - order.filled)

    def settle(self, side: str, volume: float) -> None:
        """Trades at the market."""
        self.account = settle(self.account, side, volume, self.moment.price)

    def size_of(self, trade: str) -> float:
        """The size in USD that a trade's entries have."""
        return self.sizes[trade] if self.sizes else self.size

    def resize(self) -> None:
        """Sizes go with what the slot has."""
        size, sizes = sizes_of(self.end(), self.desk.settings)
        self.size = size
        if sizes != self.sizes:
            self.sizes = sizes

    def without_funds(self, side: str) -> None:
        """An entry on that side cannot be paid for: the other one goes on alone."""
        self.wait = max(self.wait, self.moment.tick + RETRY_TICKS)
        if not (self.state.long_only or self.state.short_only):
            self.one_side(side, "balance")
        else:
            self.wait = max(self.wait, self.moment.tick + 10 * RETRY_TICKS)

    def one_side(self, gone: str, source: str) -> None:
        """Goes on without entries on the side `gone`; those that are there are cancelled."""
        self.state, left = one_sided(self.core, self.state, gone, source)
        self.counts[f"one side: {source}"] += 1
        for order in left:
            self.counts["orders removed"] += 1
            if not order.txid:
                self._unwanted(order.local_id)
                continue
            self.account, resting = cancel(self.account, order.txid)
            if resting is not None:
                self._close_out(resting)

    def both_sides(self) -> None:
        """Goes on with both sides again."""
        self.state = two_sided(self.state)
        self.counts["both sides"] += 1

    def _recovery(self, recovery_id: int) -> Any:
        for recovery in self.state.recovery_orders:
            if recovery.recovery_id == recovery_id:
                return recovery
        return None
