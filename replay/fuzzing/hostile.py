"""HostileSource: ordinary handfuls, and between them documents that are damaged.

Both cores must refuse the same documents for the same reason, and take the same ones; and what was
taken by mistake shows in the ordinary steps that follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.fuzzing.choices import Choices, Seeded
from replay.fuzzing.damage import damage
from replay.fuzzing.edge import EdgeSource
from replay.fuzzing.live import LiveSource
from replay.fuzzing.plan import Plan
from replay.fuzzing.step_source import StateView, order_document, recovery_document, saved
from replay.fuzzing.value_pool import MODE_SOURCES, ODD_NUMBERS, ODD_TEXTS, REGIMES, WRONG_TYPES
from replay.streams.model import EVENT_FIELDS, STATE_FIELDS, CallCode, Start, Step

_LISTS = ("orders", "recovery_orders", "completed_cycles")


def damage_start(choices: Choices, start: Start) -> Start:
    """One of a start's documents damaged; the stream then has to be set right by a later step."""
    name = choices.pick(("state", "state", "config", "order_size_usd", "order_sizes"))
    return start._replace(**{name: damage(choices, getattr(start, name))})


class HostileSource:
    """Steps of which many carry a damaged document (a StepSource)."""

    def __init__(
        self, plan: Plan, config: Mapping[str, Any], sizes: tuple[Any, Any], now: float
    ) -> None:
        self.plan = plan
        self.ordinary = LiveSource(plan, config, sizes, now)
        self.edge = EdgeSource(plan, config, sizes, now)
        self.choices = Seeded(self.ordinary.random)
        self._config = dict(config)
        self._sizes = sizes
        self._last_state: dict[str, Any] | None = None

    def steps(self, state: StateView | None, n: int) -> list[Step]:
        """The next handful (StepSource)."""
        ordinary = self.ordinary
        if ordinary.left <= 0:
            return []
        choices = self.choices
        if state is None or choices.chance(4):
            steps = [self._set_right(state)]
        elif choices.chance(self.plan.oddity):
            steps = [self._hostile(state) for _ in range(choices.integer(1, 4))]
        elif choices.chance(15):
            self.edge.ordinary.now = ordinary.now
            steps = self.edge.odd_steps(state, 2)
        else:
            steps = ordinary.handful(state, min(n, 4))
        ordinary.left -= len(steps)
        return steps

    def _set_right(self, state: StateView | None) -> Step:
        """Good documents for all inputs, so that the stream goes on."""
        changes: dict[str, Any] = {
            "config": self._config,
            "order_size_usd": self._sizes[0],
            "order_sizes": self._sizes[1],
        }
        if state is None:
            changes["state"] = self._good_state()
        return Step(self._tick(), changes)

    def _good_state(self) -> dict[str, Any]:
        if self._last_state is None or self.choices.chance(30):
            return {"market_price": self.plan.price, "now": self.ordinary.now}
        return self._last_state

    def _tick(self) -> tuple[Any, ...]:
        self.ordinary.now += self.plan.pacing
        return (1, self.ordinary.now)

    # --- Damage ---------------------------------------------------------------------------------

    def _hostile(self, state: StateView) -> Step:
        choices = self.choices
        kind = choices.integer(0, 19)
        if kind < 7:
            return Step(self._event_document(state))
        if kind < 10:
            return Step(self._event_call(state))
        if kind < 12:
            return Step(self._tick(), {"state": self._state(state)})
        if kind < 15:
            return Step(self._tick(), {"patch": self._patch(state)})
        if kind < 17:
            return Step(self._tick(), {"config": damage(choices, self._config)})
        if kind == 17:
            return Step(self._tick(), self._size_changes())
        if kind == 18:
            return Step(self._regime_call(state))
        changes = {"patch": self._patch(state), "config": damage(choices, self._config)}
        changes.update(self._size_changes())
        return Step((6,) if choices.chance(30) else self._event_document(state), changes)

    def _call(self, state: StateView) -> tuple[Any, ...]:
        """A good call to be damaged."""
        choices = self.choices
        now = self.ordinary.now = self.ordinary.now + choices.pick((1.0, 15.0))
        kind = choices.integer(0, 6)
        if kind < 2:
            return (0, state.market_price * choices.pick((1.0, 1.002, 0.998)), now)
        if kind == 2:
            return (1, now)
        records = (*state.orders, *state.recovery_orders)
        if records and kind < 6:
            return self.ordinary.fill(choices.pick(records), state.market_price, now)
        if state.recovery_orders:
            one = choices.pick(state.recovery_orders)
            return (4, one.recovery_id, one.txid, now)
        return (4, 1, "", now)

    def _event_document(self, state: StateView) -> Any:
        """An event as a document, which is told apart by the fields it has."""
        choices = self.choices
        call = self._call(state)
        document: dict[str, Any] = dict(zip(EVENT_FIELDS[CallCode(call[0])], call[1:], strict=True))
        if choices.chance(10):
            return document
        if choices.chance(20):
            # Fields of two kinds at once.
            document[choices.pick(("recovery_id", "order_local_id", "price", "txid"))] = 1
        if choices.chance(20):
            document["type"] = choices.pick(("FillEvent", "TimerTick", 0))
        damaged = damage(choices, document)
        # Only a map is a call; a document of another type has no way onto this wire.
        return damaged if isinstance(damaged, Mapping) else {}

    def _event_call(self, state: StateView) -> tuple[Any, ...]:
        """An array call with wrong values at the right places."""
        choices = self.choices
        call = list(self._call(state))
        for _ in range(choices.pick((1, 1, 2))):
            place = choices.integer(1, len(call) - 1)
            value = call[place]
            kind = choices.integer(0, 3)
            if kind == 0:
                call[place] = choices.pick(WRONG_TYPES)
            elif kind == 1 and type(value) in (int, float):
                call[place] = choices.pick(ODD_NUMBERS)
            elif type(value) is int and abs(value) < 2**1000:
                call[place] = float(value)
            elif type(value) is float and abs(value) < 1e300:
                call[place] = int(value)
            elif type(value) is str:
                call[place] = choices.pick(ODD_TEXTS)
        return tuple(call)

    def _regime_call(self, state: StateView) -> tuple[Any, ...]:
        choices = self.choices
        ids: tuple[Any, ...] = tuple(order.local_id for order in state.orders) or (1,)
        if choices.chance(30):
            ids = (*WRONG_TYPES, *ODD_NUMBERS)
        return (5, choices.pick(ids), choices.pick((*REGIMES, *WRONG_TYPES)))

    def _state(self, state: StateView) -> Any:
        """The whole state, damaged or old."""
        choices = self.choices
        document = saved(state)
        # History is not what is under test here; long ones would only be carried along.
        document["completed_cycles"] = document["completed_cycles"][-2:]
        self._last_state = document
        if choices.chance(30):
            document = _aged(choices, document)
        if choices.chance(80):
            return damage(choices, document)
        return document

    def _patch(self, state: StateView) -> Any:
        """Some fields, each at least nearly readable, one of them damaged."""
        choices = self.choices
        patch: dict[str, Any] = {}
        for _ in range(choices.integer(1, 3)):
            name = choices.pick((*STATE_FIELDS, "orders", "recovery_orders", "mode_source"))
            if name == "orders":
                patch[name] = [order_document(order) for order in state.orders]
            elif name == "recovery_orders":
                patch[name] = [recovery_document(one) for one in state.recovery_orders]
            elif name == "completed_cycles":
                patch[name] = []
            elif name == "mode_source":
                patch[name] = choices.pick(MODE_SOURCES)
            else:
                patch[name] = getattr(state, name)
        if choices.chance(15):
            patch[choices.pick(("unknown", "profit_pct", "orders "))] = choices.pick(WRONG_TYPES)
        return damage(choices, patch)

    def _size_changes(self) -> dict[str, Any]:
        choices = self.choices
        changes: dict[str, Any] = {}
        if choices.chance(60):
            changes["order_size_usd"] = choices.pick((*WRONG_TYPES, *ODD_NUMBERS, self._sizes[0]))
        if choices.chance(60):
            values = (*WRONG_TYPES, *ODD_NUMBERS, 2.0, 3)
            changes["order_sizes"] = choices.pick(
                (
                    {"A": choices.pick(values)},
                    {"B": choices.pick(values), "A": 2.0},
                    {"a": choices.pick(values), "B": 2.5},
                    {"A": 2.0, choices.pick(_SIZE_KEYS): choices.pick(values)},
                    choices.pick(WRONG_TYPES),
                    {},
                    None,
                )
            )
        return changes


_SIZE_KEYS = ("a", "b", "C", "", "A ", "AB", "\uff21", "trade_a", "0")
"""Keys that no trade has: they are ignored, whatever stands there."""


def _aged(choices: Choices, document: dict[str, Any]) -> dict[str, Any]:
    """An old snapshot: later fields are not there, one had another name."""
    old = {
        name: value
        for name, value in document.items()
        if name in ("orders", "recovery_orders") or not choices.chance(30)
    }
    for name in ("orders", "recovery_orders"):
        old[name] = [
            {key: value for key, value in record.items() if key not in _LATER or choices.chance(50)}
            for record in document[name]
        ]
    if choices.chance(50):
        old.pop("profit_pct_runtime", None)
        old["profit_pct"] = choices.pick((0.7, 1, None, "1.0", True))
    if choices.chance(30):
        old.pop("total_settled_usd", None)
    return old


_LATER = (
    "txid", "placed_at", "entry_price", "entry_fee", "entry_filled_at", "regime_at_entry",
    "reason",
)  # fmt: skip
