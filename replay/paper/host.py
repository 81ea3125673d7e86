"""The host: one loop that lets time pass for all slots, and keeps what must not be lost.

One clock, the simulated one, stamps everything. Where that runs faster than real time there is no
live bot to protect, so the host waits for the comparison instead of letting calls be dropped, and
for all of it before each snapshot: what was decided before a snapshot is compared and recorded.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay.errors import TargetError
from replay.paper.deals import Desk
from replay.paper.exchange import Account
from replay.paper.market import TICK_SECONDS, TICKS, Market, price_at, regime_at
from replay.paper.paper_slot import Moment, Slot, sizes_of
from replay.paper.paper_telemetry import TelemetryWriter
from replay.paper.presets import RELOAD_TICKS, character_of, config_at
from replay.paper.snapshot import save
from replay.paper.status import status_document
from replay.paper.turn import take_turn

SNAPSHOT_EVERY = 1.0
"""Real seconds between snapshots; slower bots write one at each tick."""
CALLS_BETWEEN_LOOKS = 256
"""So many calls, about, are made before the queue's length is looked at again."""
CALLS_A_TURN = 5
LAST_WAIT = 10.0
"""Seconds that a bot that is told to stop waits for the comparison of what it did."""
_POLL = 0.002
_NAP = 0.1


class SimulatedClock:
    """The one clock: epoch seconds, as far as the host has come."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """What time it is."""
        return self.now

    def set(self, now: float) -> None:
        """Moves it there."""
        self.now = now


@dataclass(frozen=True, slots=True)
class Plan:
    """What a host runs: `origin` is the time of tick 0, `speed` how many times as fast as real
    time it runs (infinite: as fast as it can), `until` the tick to end before (None: never),
    `run` what snapshots say of it."""

    market: Market
    seed: int
    origin: float
    speed: float
    until: int | None
    directory: Path
    run: Mapping[str, Any] = field(default_factory=dict)

    def time_of(self, tick: int) -> float:
        """The time of a tick."""
        return self.origin + tick * TICK_SECONDS


class Host:
    """The slots of a bot, and the loop that they live in. Its status may be asked for from any
    thread (a StatusSource)."""

    def __init__(
        self,
        adapter: Any,
        clock: SimulatedClock,
        plan: Plan,
        slots: Sequence[Slot],
        on_minute: Callable[[int], None] = lambda tick: None,
    ) -> None:
        """`on_minute` is called once a simulated minute with the number of ticks run."""
        self._adapter = adapter
        self._clock = clock
        self._plan = plan
        self._slots: tuple[Slot, ...] = tuple(slots)
        self._on_minute = on_minute
        self._desks: dict[tuple[int, int], Desk] = {}
        self._config_fields = {one.name for one in dataclasses.fields(adapter.EngineConfig)}
        self._since_look = 0
        self._saved_at = -math.inf
        self._is_up = False
        self._may_stop: Callable[[], bool] = lambda: False
        self.snapshot_errors = 0
        self.is_saved = True
        """Whether the last snapshots were all taken by the disk."""
        self.telemetry = TelemetryWriter(plan.directory, plan.time_of(self.next_tick))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots as they are now."""
        return self._slots

    @property
    def next_tick(self) -> int:
        """The first tick that not every slot has made."""
        return min(slot.tick for slot in self._slots) + 1

    def status(self) -> Mapping[str, Any] | None:
        """What `/api/status` answers."""
        metrics = self._adapter.get_shadow_metrics() if self._is_up else None
        speed = self._plan.speed if math.isfinite(self._plan.speed) else 0.0
        return status_document(self._slots, self._adapter, metrics, self._clock.now, speed)

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Runs until the plan ends or is to stop; leaves snapshots and a last sample.

        Raises TargetError where the core raises: a bot whose core fails must not trade on.
        """
        self._may_stop = should_stop
        plan = self._plan
        tick = first = self.next_tick
        began = time.monotonic()
        while not should_stop() and (plan.until is None or tick < plan.until):
            if math.isfinite(plan.speed):
                due = began + (tick - first) * TICK_SECONDS / plan.speed
                if not self._sleep_until(due):
                    break
            self._clock.set(plan.time_of(tick))
            if tick > first and tick % TICKS == 0:
                self._sample()
                self._on_minute(tick - first)
            try:
                self._tick(tick)
            except TargetError:
                self._end()
                raise
            tick += 1
        if tick == plan.until:
            self._clock.set(plan.time_of(tick))
        self._end()

    def _tick(self, tick: int) -> None:
        """One tick of all slots but those whose snapshot was written after it."""
        plan, market = self._plan, self._plan.market
        price = price_at(market, tick)
        before = price_at(market, tick - 1) if tick else price
        moment = Moment(tick, plan.time_of(tick), before, price, regime_at(market, tick))
        slots = list(self._slots)
        for index, slot in enumerate(slots):
            if slot.tick < tick:
                slots[index] = self._turn(slot, moment)
        self._slots = tuple(slots)
        self._is_up = True
        self._keep_in_step(len(slots))
        if time.monotonic() - self._saved_at >= SNAPSHOT_EVERY:
            self._save()

    def _turn(self, slot: Slot, moment: Moment) -> Slot:
        desk = self._desk(slot.number, moment.tick)
        with self._adapter.slot(slot.number):
            try:
                return take_turn(slot, moment, desk)
            except Exception as error:  # a bot's core may raise anything
                raise TargetError(
                    f"the authority raised in slot {slot.number} at tick {moment.tick}: "
                    f"{type(error).__name__}: {error}",
                    slot=slot.number,
                    tick=moment.tick,
                ) from error

    def _desk(self, number: int, tick: int) -> Desk:
        """What a slot works with at a tick: settings are loaded again every few hours."""
        generation = tick // RELOAD_TICKS
        desk = self._desks.get((number, generation))
        if desk is None:
            seed = self._plan.seed
            fields = config_at(seed, number, tick)
            config = self._adapter.EngineConfig(
                **{name: value for name, value in fields.items() if name in self._config_fields}
            )
            self._desks.pop((number, generation - 1), None)
            desk = self._desks[number, generation] = Desk(
                self._adapter, config, character_of(number), seed, self._clock.set
            )
        return desk

    def _sleep_until(self, due: float) -> bool:
        """Sleeps in naps, so that a signal is heard soon; false where it is time to stop."""
        while (left := due - time.monotonic()) > 0.0:
            if self._may_stop():
                return False
            time.sleep(min(left, _NAP))
        return True

    @property
    def _may_wait(self) -> bool:
        """Whether nobody is hurt by waiting for the comparison: not in real time."""
        return self._plan.speed != 1.0

    def _keep_in_step(self, turns: int) -> None:
        """Waits while about half of the queue is full."""
        self._since_look += turns * CALLS_A_TURN
        if not self._may_wait or self._since_look < CALLS_BETWEEN_LOOKS:
            return
        self._since_look = 0
        while not self._may_stop():
            own = self._adapter.get_shadow_metrics()["adapter"]
            if own["queue"] <= max(0, own["queue_limit"] // 2 - 2 * CALLS_BETWEEN_LOOKS):
                return
            time.sleep(_POLL)

    def _drain(self) -> None:
        """Waits until all calls are compared, for as long as it goes on and nobody stops us."""
        while not self._adapter.drain(2.0) and not self._may_stop():
            pass

    def _save(self) -> None:
        """Snapshots of all slots. What the disk does not take is tried again with the next."""
        if self._may_wait:
            self._drain()
        plan = self._plan
        self.is_saved = True
        for slot in self._slots:
            if slot.state is None:
                continue
            try:
                save(plan.directory, slot, self._adapter, plan.run, plan.time_of(slot.tick))
            except OSError:
                self.snapshot_errors += 1
                self.is_saved = False
        self._saved_at = time.monotonic()

    def _sample(self) -> None:
        status = self.status()
        assert status is not None
        self.telemetry.write(self._clock.now, status)

    def _end(self) -> None:
        """The orderly end, also where the core raised: everything compared, recorded and saved."""
        if self._may_stop():
            self._adapter.drain(LAST_WAIT)
        else:
            self._drain()
        if self._is_up:
            self._save()
            self._sample()
        self.telemetry.close()


def new_slot(number: int, first_price: float) -> Slot:
    """A slot before its first tick."""
    settings = character_of(number)
    account = Account(
        usd=settings.usd * first_price,
        doge=settings.doge,
        fee_pct=settings.config.get("maker_fee_pct", 0.25),
    )
    slot = Slot(number, -1, None, account, first_price, 0.0)
    size, sizes = sizes_of(slot, settings)
    return dataclasses.replace(slot, size=size, sizes=sizes)
