"""Features: what a stream reached, as short texts; they decide which streams are worth keeping.

They are read off the authority's outcomes, never computed by rules of our own, so they hold for
any core. A tick that moved nothing but the price and the clock, which most do, has none and costs
one look at its delta.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from replay.fuzzing.configs import setting
from replay.streams.model import ORDERS, STATE_FIELDS, Start, Step, call_name
from replay.targets.base import Outcome

_FIELD_WORDS: Mapping[int, str] = {
    place: name
    for place, name in enumerate(STATE_FIELDS)
    if name not in ("market_price", "now", "last_price_update_at")
}
_PLACE = {name: place for place, name in enumerate(STATE_FIELDS)}
_LONG, _SHORT, _S2_MARK = _PLACE["long_only"], _PLACE["short_only"], _PLACE["s2_entered_at"]
_ONE_SIDED = {_LONG: "long_only", _SHORT: "short_only"}
_TRADES = (
    (
        "A",
        _PLACE["consecutive_losses_a"],
        _PLACE["cooldown_until_a"],
        _PLACE["consecutive_refreshes_a"],
        _PLACE["refresh_cooldown_until_a"],
    ),
    (
        "B",
        _PLACE["consecutive_losses_b"],
        _PLACE["cooldown_until_b"],
        _PLACE["consecutive_refreshes_b"],
        _PLACE["refresh_cooldown_until_b"],
    ),
)
_INDEX = re.compile(r"\[\d+\]")

ResultLike = Any
"""An outcome, or a Failure: anything but a list."""


class Features:
    """Collects the features of one stream, step by step in its order.

    Follows only what it takes to name a phase before and after, from deltas alone.
    """

    def __init__(self, start: Start) -> None:
        self._found: set[str] = set()
        self._phase = "?"
        self._values: dict[int, Any] = {}
        self._violations: Any = []
        self._sticky = False
        self._backoff_start = 3.0
        self._take_config(start.config)

    @property
    def found(self) -> frozenset[str]:
        """All features so far."""
        return frozenset(self._found)

    def add(self, steps: Iterable[Step], outcomes: Iterable[ResultLike]) -> None:
        """Takes the next steps with the authority's outcomes; its failures have no features."""
        last_violations = self._violations
        for step, outcome in zip(steps, outcomes, strict=True):
            if type(outcome) is list:
                if len(outcome) == 3 and step[1] is None:
                    delta = outcome[0]
                    size = len(delta)
                    if (
                        size == 0
                        or (size == 6 and delta[4] == 15 and delta[0] == 0)
                        or (size == 2 and delta[0] == 1)
                        or (size == 4 and delta[2] == 15)
                    ) and not outcome[1] and outcome[2] == last_violations:  # fmt: skip
                        continue
                self._notable(step, outcome)
                last_violations = self._violations

    def _notable(self, step: Step, outcome: Outcome) -> None:
        found = self._found
        if step.changes is not None:
            self._take_changes(step.changes)
        name = call_name(step.call)
        if len(outcome) == 2:
            found.add(f"refused {outcome[0]} {_INDEX.sub('[]', str(outcome[1]))} {name}")
            found.add(f"refused {outcome[0]}")
            return
        delta, actions, violations = outcome
        if violations != self._violations:
            self._violations = violations
            found.update(f"violation {text}" for text in violations)
        before = self._phase
        old = {}
        for place, value in zip(delta[::2], delta[1::2], strict=True):
            if place == 4:
                continue
            old[place] = self._values.get(place)
            self._values[place] = value
        if ORDERS in old:
            self._phase = phase_of(self._values[ORDERS])
        if len(delta) == 2 * len(STATE_FIELDS):
            before = self._phase if before == "?" else before
            found.add(f"{name} on a state from outside in {self._phase}")
            old = {}
        did = [_ACTION_WORDS[action[0]] + _reason(action) for action in actions]
        for one in did:
            found.add(f"{name} {one}")
        if before != self._phase and step.changes is None:
            found.add(f"phase {before} > {self._phase}")
        if did:
            found.add(f"{name} in {before}: {', '.join(dict.fromkeys(did))}")
        for place, value in _ONE_SIDED.items():
            if self._values.get(place) is True and (did or before != self._phase):
                found.add(f"{value} {name} in {before}")
        words = [_FIELD_WORDS[place] for place in old if place in _FIELD_WORDS]
        if words and step.changes is None:
            found.add(f"{name} in {before} changed {' '.join(_merged(words))}")
        self._rules(name, before, step, old, actions, did)

    def _rules(
        self,
        name: str,
        before: str,
        step: Step,
        old: Mapping[int, Any],
        actions: Sequence[Any],
        did: Sequence[str],
    ) -> None:
        """Rules that show in no single action: caps, cooldowns, backoff, sticky mode, evictions."""
        found, values = self._found, self._values
        evicted = sum(1 for action in actions if action[0] == 3 and action[7])
        if evicted and any(action[0] == 2 for action in actions):
            found.add(f"evicted {min(evicted, 4)}")
            cancelled = sum(1 for action in actions if action[0] == 1)
            found.add("evicted with txid" if cancelled else "evicted without txid")
            if 0 < cancelled < evicted:
                found.add("evicted some with txid")
        if self._sticky and name == "TimerTick" and before == "S2":
            found.add("sticky timer in S2")
        placed = [action for action in actions if action[0] == 0]
        for trade, losses, cooldown, refreshes, refresh_cooldown in _TRADES:
            count = values.get(losses, 0)
            if _is_number(count) and count >= self._backoff_start and any(
                action[6] == trade and action[3] == "entry" for action in placed
            ):  # fmt: skip
                found.add(f"backoff entry {trade}")
            if cooldown in old and old[cooldown] is not None:
                found.add(f"{name} cooldown {trade}")
                if did and not any(action[3] == "entry" for action in placed):
                    found.add(f"{name} no follow-up {trade}")
            if losses in old and _is_number(old[losses]) and _is_number(count):
                found.add(f"losses {trade} {'up' if count > old[losses] else 'cleared'}")
            if name == "PriceTick" and (refreshes in old or refresh_cooldown in old):
                if not actions and refresh_cooldown in old:
                    found.add(f"refresh cap {trade}")
                elif refresh_cooldown in old and values[refresh_cooldown] == 0.0:
                    found.add(f"refresh cap over {trade}")
        if _S2_MARK in old and step.changes is None:
            mark = "set" if values[_S2_MARK] is not None else "cleared"
            found.add(f"S2 mark {mark} by {name} in {before}")

    def _take_changes(self, changes: Mapping[str, Any]) -> None:
        for key in changes:
            self._found.add(f"from outside: {key}")
        if "config" in changes:
            self._take_config(changes["config"])
        patch = changes.get("patch")
        if isinstance(patch, Mapping):
            for name in patch:
                if name in _PLACE:
                    self._found.add(f"patched {name}")

    def _take_config(self, config: Any) -> None:
        if isinstance(config, Mapping):
            self._sticky = config.get("sticky_mode_enabled") is True
            self._backoff_start = setting(config, "loss_backoff_start")


_ACTION_WORDS = ("place", "cancel", "orphan", "book")


def features(start: Start, steps: Sequence[Step], outcomes: Sequence[ResultLike]) -> frozenset[str]:
    """The features of a whole stream, from the authority's outcomes."""
    collector = Features(start)
    collector.add(steps, outcomes)
    return collector.found


def phase_of(orders: Any) -> str:
    """The phase that compact orders make up; `?` where they are none."""
    if not isinstance(orders, Sequence):
        return "?"
    exits = {order[1] for order in orders if order[2] == "exit"}
    if len(exits) == 2:
        return "S2"
    return "S1a" if "buy" in exits else "S1b" if "sell" in exits else "S0"


def _reason(action: Sequence[Any]) -> str:
    if action[0] == 3:
        return " recovery" if action[7] else ""
    if action[0] == 0:
        return f" {action[3]} {action[9]}"
    return f" {action[3]}"


def _merged(words: Sequence[str]) -> list[str]:
    """Fields that tell one rule from another; sums that always move together are left out."""
    return [word for word in words if word not in _ALWAYS_WITH_A_CYCLE]


_ALWAYS_WITH_A_CYCLE = frozenset(
    ("total_profit", "total_settled_usd", "total_fees", "today_realized_loss", "total_round_trips",
     "next_order_id", "next_recovery_id", "completed_cycles", "profit_pct_runtime", "mode_source")
)  # fmt: skip


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float)
