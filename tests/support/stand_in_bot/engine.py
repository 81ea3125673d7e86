"""Slots and what drives them."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from dataclasses import replace

import doge_core as sm

log = logging.getLogger("engine")
log.info("reducer is %s (%s)", sm.__name__, getattr(sm, "__version__", "?"))

CFG = sm.EngineConfig(entry_pct=0.1, profit_pct=0.5, maker_fee_pct=0.05, max_recovery_slots=2)
SIZE = 4.0


class Slot:
    """One pair state with its own feed. The feed is made up here, so a run can be repeated."""

    def __init__(self, number, cfg=CFG):
        self.number = number
        self.cfg = cfg
        self.rng = random.Random(1000 + number)
        self.price = 0.2 + number / 100
        self.now = 1_760_000_000.0 + number
        self.sizes = {"A": SIZE, "B": SIZE}
        state, _, orders = sm.bootstrap_orders(sm.PairState(self.price, self.now), cfg, SIZE)
        self.state = replace(state, orders=orders, profit_pct_runtime=cfg.profit_pct)
        self.rounds = 0
        self.warnings = []

    def event(self, event):
        self.state, actions = sm.transition(
            self.state, event, cfg=self.cfg, order_size_usd=SIZE, order_sizes=self.sizes
        )
        for action in actions:
            log.debug("slot %d %s %s", self.number, sm.derive_phase(self.state), action)
        # Capital is spread anew after each step, in place.
        self.sizes["A"] = round(SIZE + self.rng.random(), 2)

    def round(self):
        self.now += 15.0
        self.price = round(self.price * (1 + self.rng.uniform(-0.004, 0.004)), 6)
        self.event(sm.PriceTick(self.price, self.now))
        for order in self.state.orders:
            crossed = (
                order.price >= self.price if order.side == "buy" else order.price <= self.price
            )
            if crossed and order.txid:
                fee = order.price * order.volume * 0.0005
                self.event(sm.FillEvent(order.local_id, order.txid, order.side, order.price,
                                        order.volume, fee, self.now))  # fmt: skip
        self.event(sm.TimerTick(self.now + 1.0))
        for order in self.state.orders:
            if not order.txid:  # the exchange has taken it
                self.state = sm.apply_order_txid(self.state, order.local_id, f"O{order.local_id}")
                self.state = sm.apply_order_regime_at_entry(
                    self.state, order.local_id, self.rng.choice([0, 1, 2, "BULLISH", None])
                )
        if self.rounds % 10 == 9:  # the operator's knob
            self.state = replace(
                self.state, profit_pct_runtime=round(0.4 + self.rng.random() / 5, 3)
            )
        found = sm.check_invariants(self.state)
        if found:
            self.warnings = found
        self.rounds += 1


class Engine:
    """Slots 0 and 1 have a thread each, 2 and 3 a task each, 4 and 5 are the main loop's."""

    def __init__(self, rounds, pause, on_round=None):
        self.slots = [Slot(n) for n in range(6)]
        self.limit = rounds  # None: until stop()
        self.pause = pause
        self.on_round = on_round or (lambda slot: None)
        self.stopping = threading.Event()

    def _more(self, slot):
        return not self.stopping.is_set() and (self.limit is None or slot.rounds < self.limit)

    def _one(self, slot):
        slot.round()
        self.on_round(slot)

    def _threaded(self, slot):
        while self._more(slot):
            self._one(slot)
            time.sleep(self.pause)

    async def _task(self, slot):
        while self._more(slot):
            self._one(slot)
            await asyncio.sleep(self.pause)

    async def _in_turn(self, slots):
        while any(map(self._more, slots)):
            for slot in filter(self._more, slots):
                await asyncio.get_running_loop().run_in_executor(None, self._one, slot)
            await asyncio.sleep(self.pause)

    async def _loop(self):
        await asyncio.gather(*map(self._task, self.slots[2:4]), self._in_turn(self.slots[4:]))

    def run(self):
        threads = [threading.Thread(target=self._threaded, args=(s,)) for s in self.slots[:2]]
        for t in threads:
            t.start()
        asyncio.run(self._loop())
        for t in threads:
            t.join()

    def stop(self):
        self.stopping.set()
