"""Starting states: as a live bot has them in the middle of its work, and at their extremes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from replay.fuzzing.choices import Choices
from replay.fuzzing.configs import setting
from replay.fuzzing.plan import Profile
from replay.fuzzing.value_pool import (
    DYADIC,
    EDGE_DOUBLES,
    EDGE_INTS,
    FINITE_DOUBLES,
    LIMIT_INTS,
    around,
    fit,
)

Document = dict[str, Any]

EPOCH = 1_767_225_600.0
"""2026-01-01: where generated clocks start."""

_TXID_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ234567"


def txid_of(number: int) -> str:
    """An exchange id as the bot binds it, different for each number."""
    letters = []
    for _ in range(9):
        number, place = divmod(number, 30)
        letters.append(_TXID_LETTERS[place])
    text = "".join(letters)
    return f"O{text[:5]}-{text[5:]}"


def live_state(
    choices: Choices,
    config: Mapping[str, Any],
    *,
    market: float,
    now: float,
    phase: str = "S0",
    mode: str = "both",
    recoveries: int = 0,
    history: int = 0,
    volume: float = 14.0,
) -> Document:
    """A state that a bot could have come to: what is counted, booked and open fits together."""
    maker = _Maker(choices, config, market, now, volume)
    if phase == "none":
        orders: list[Document] = []
    else:
        # Trade A sells first: its exit is a buy. S1a waits for that, S1b for trade B's sell.
        orders = [
            maker.exit("A") if phase in ("S1a", "S2") else maker.entry("A"),
            maker.exit("B") if phase in ("S1b", "S2") else maker.entry("B"),
        ]
        if mode == "long":
            orders = [order for order in orders if order["trade_id"] == "B"]
        elif mode == "short":
            orders = [order for order in orders if order["trade_id"] == "A"]
        if choices.chance(50):
            orders.reverse()
    in_s2 = len(orders) == 2 and all(order["role"] == "exit" for order in orders)
    cycles = [maker.cycle() for _ in range(history)]
    lost = choices.integer(0, 3) if history else 0
    return {
        "market_price": market,
        "now": now,
        "orders": orders,
        "recovery_orders": [maker.recovery() for _ in range(recoveries)],
        "completed_cycles": cycles,
        "cycle_a": maker.cycles["A"],
        "cycle_b": maker.cycles["B"],
        "next_order_id": maker.order_ids + 1,
        "next_recovery_id": maker.recovery_ids + 1,
        "total_profit": _total(cycle["net_profit"] for cycle in cycles),
        "total_settled_usd": _total(cycle["settled_usd"] for cycle in cycles),
        "total_fees": _total(cycle["fees"] for cycle in cycles),
        "today_realized_loss": _total(-min(0.0, cycle["net_profit"]) for cycle in cycles),
        "total_round_trips": len(cycles),
        "s2_entered_at": now - choices.integer(0, 60) if in_s2 and choices.chance(70) else None,
        "last_price_update_at": now if choices.chance(80) else None,
        "consecutive_losses_a": lost,
        "consecutive_losses_b": choices.integer(0, 2) if history else 0,
        "cooldown_until_a": now + choices.integer(-60, 60) if lost else 0.0,
        "cooldown_until_b": 0.0,
        "long_only": mode == "long",
        "short_only": mode == "short",
        "mode_source": "none" if mode == "both" else choices.pick(("balance", "regime")),
        "consecutive_refreshes_a": choices.pick((0, 0, 1, 2)),
        "consecutive_refreshes_b": choices.pick((0, 0, 1, 2)),
        "last_refresh_direction_a": choices.pick((None, None, "up", "down")),
        "last_refresh_direction_b": choices.pick((None, None, "up", "down")),
        "refresh_cooldown_until_a": choices.pick((0.0, 0.0, now + 20.0)),
        "refresh_cooldown_until_b": choices.pick((0.0, 0.0, now - 20.0)),
        "profit_pct_runtime": choices.pick(
            (setting(config, "profit_pct"), 1.0, 0.5, 0.0, 0.57, 1.15)
        ),
    }


def _total(values: Iterable[float]) -> float:
    """The sum from left to right: unlike fsum it never raises, and unlike sum it is the same in
    every version of Python."""
    total = 0.0
    for value in values:
        total += value
    return total


class _Maker:
    """Makes the records of one state and keeps its counters."""

    def __init__(
        self, choices: Choices, config: Mapping[str, Any], market: float, now: float, volume: float
    ) -> None:
        self.choices = choices
        self.market = market
        self.now = now
        self.volume = volume
        self.decimals = int(max(-400.0, min(400.0, setting(config, "price_decimals"))))
        self.fee = setting(config, "maker_fee_pct") / 100.0
        self.entry_part = setting(config, "entry_pct") / 100.0
        self.profit_part = setting(config, "profit_pct") / 100.0
        self.order_ids = choices.integer(0, 40)
        self.recovery_ids = choices.integer(0, 9)
        self.cycles = {"A": choices.integer(1, 20), "B": choices.integer(1, 20)}

    def entry(self, trade: str) -> Document:
        side = "sell" if trade == "A" else "buy"
        away = 1.0 + self.entry_part if side == "sell" else 1.0 - self.entry_part
        return self._order(side, "entry", trade, fit(self.market * away, self.decimals))

    def exit(self, trade: str) -> Document:
        choices = self.choices
        entered = fit(self.market * choices.number(0.997, 1.003), self.decimals)
        gain = 1.0 - self.profit_part if trade == "A" else 1.0 + self.profit_part
        side = "buy" if trade == "A" else "sell"
        order = self._order(side, "exit", trade, fit(entered * gain, self.decimals))
        filled = self.now - choices.integer(0, 200)
        order["placed_at"] = filled
        order["entry_price"] = entered
        order["entry_fee"] = entered * self.volume * self.fee
        order["entry_filled_at"] = filled
        order["regime_at_entry"] = choices.pick((None, 0, 1, 2))
        return order

    def _order(self, side: str, role: str, trade: str, price: float) -> Document:
        self.order_ids += 1
        return {
            "local_id": self.order_ids,
            "side": side,
            "role": role,
            "price": price,
            "volume": self.volume,
            "trade_id": trade,
            "cycle": self.cycles[trade],
            "txid": txid_of(self.order_ids * 7919) if self.choices.chance(90) else "",
            "placed_at": self.now - self.choices.integer(0, 90),
            "entry_price": 0.0,
            "entry_fee": 0.0,
            "entry_filled_at": 0.0,
            "regime_at_entry": None,
        }

    def recovery(self) -> Document:
        choices = self.choices
        trade = choices.pick(("A", "B"))
        away = choices.number(0.005, 0.03)
        side, price = (
            ("buy", self.market * (1 - away))
            if trade == "A"
            else ("sell", self.market * (1 + away))
        )
        entered = fit(price * (1 + self.profit_part), self.decimals)
        orphaned = self.now - choices.integer(0, 5000)
        self.recovery_ids += 1
        self.cycles[trade] += 1
        return {
            "recovery_id": self.recovery_ids,
            "side": side,
            "price": fit(price, self.decimals),
            "volume": self.volume,
            "trade_id": trade,
            "cycle": self.cycles[trade] - 1,
            "entry_price": entered,
            "orphaned_at": orphaned,
            "entry_fee": entered * self.volume * self.fee,
            "entry_filled_at": orphaned - choices.pick((60.0, 1350.0, orphaned)),
            "txid": txid_of(self.recovery_ids * 104729) if choices.chance(80) else "",
            "reason": choices.pick(("s1_timeout", "s2_timeout", "stale")),
            "regime_at_entry": choices.pick((None, 0, 1, 2)),
        }

    def cycle(self) -> Document:
        choices = self.choices
        trade = choices.pick(("A", "B"))
        entered = fit(self.market * choices.number(0.98, 1.02), self.decimals)
        left = fit(entered * choices.number(0.99, 1.01), self.decimals)
        gross = (entered - left if trade == "A" else left - entered) * self.volume
        entry_fee = entered * self.volume * self.fee
        exit_fee = left * self.volume * self.fee
        quote_fee = entry_fee if trade == "A" else exit_fee
        ended = self.now - choices.integer(0, 40000)
        self.cycles[trade] += 1
        return {
            "trade_id": trade,
            "cycle": self.cycles[trade] - 1,
            "entry_price": entered,
            "exit_price": left,
            "volume": self.volume,
            "gross_profit": gross,
            "fees": entry_fee + exit_fee,
            "net_profit": gross - (entry_fee + exit_fee),
            "entry_fee": entry_fee,
            "exit_fee": exit_fee,
            "quote_fee": quote_fee,
            "settled_usd": gross - quote_fee,
            "entry_time": ended - choices.integer(1, 3000),
            "exit_time": ended,
            "from_recovery": choices.chance(20),
            "regime_at_entry": choices.pick((None, 0, 1, 2)),
        }


# --- Extremes -----------------------------------------------------------------------------------

TIME_FIELDS = (
    "s2_entered_at", "last_price_update_at", "cooldown_until_a", "cooldown_until_b",
    "refresh_cooldown_until_a", "refresh_cooldown_until_b", "now",
)  # fmt: skip
COUNTER_FIELDS = (
    "consecutive_losses_a", "consecutive_losses_b", "consecutive_refreshes_a",
    "consecutive_refreshes_b", "cycle_a", "cycle_b", "next_order_id", "next_recovery_id",
    "total_round_trips",
)  # fmt: skip
TOTAL_FIELDS = (
    "total_profit", "total_settled_usd", "total_fees", "today_realized_loss",
    "profit_pct_runtime",
)  # fmt: skip


_STRETCHED_FIELDS = (
    *TIME_FIELDS[:-1], *COUNTER_FIELDS, *TOTAL_FIELDS, "long_only", "short_only",
    "last_refresh_direction_a", "last_refresh_direction_b",
)  # fmt: skip


def stretch_state(choices: Choices, state: Document, changes: int) -> Document:
    """`state` with so many changes to extreme but readable values; the document given is used."""
    for _ in range(changes):
        choices.pick(_STRETCHES)(choices, state)
    return state


def edge_field(choices: Choices, name: str, state: Mapping[str, Any]) -> Any:
    """An extreme but readable value of one field of a state that is not a list."""
    now = state.get("now", EPOCH)
    if name in TIME_FIELDS:
        if name in ("s2_entered_at", "last_price_update_at") and choices.chance(30):
            return None
        if choices.chance(75):
            return now + choices.pick((0.0, 15.0, -15.0, 60.0, -60.0, 0.1, 1.0, -1800.0))
        return choices.pick(EDGE_DOUBLES)
    if name in COUNTER_FIELDS:
        if choices.chance(70):
            return choices.integer(-2, 8)
        return choices.pick(LIMIT_INTS if choices.chance(5) else EDGE_INTS)
    if name in ("long_only", "short_only"):
        return choices.chance(50)
    if name == "mode_source":
        return choices.pick(("none", "balance", "regime", " Regime", "BALANCE ", "other"))
    if name.startswith("last_refresh_direction"):
        return choices.pick((None, "up", "down", "", "UP", "sideways"))
    return choices.pick(EDGE_DOUBLES)


def _stretch_field(choices: Choices, state: Document) -> None:
    name = choices.pick(_STRETCHED_FIELDS)
    state[name] = edge_field(choices, name, state)


def _stretch_market(choices: Choices, state: Document) -> None:
    state["market_price"] = choices.pick(
        (*DYADIC, 0.0, -1.0, *FINITE_DOUBLES) if choices.chance(90) else EDGE_DOUBLES
    )


def _double_record(choices: Choices, state: Document) -> None:
    """The same id twice: the reducer removes every order (recovery) of an id."""
    name = choices.pick(("orders", "recovery_orders"))
    if state[name]:
        again = dict(choices.pick(state[name]))
        if choices.chance(50):
            again["price"] = again["price"] * 1.01
        if choices.chance(30):
            again["trade_id"] = choices.pick(("A", "B"))
        state[name].insert(choices.integer(0, len(state[name])), again)


def _tie_recoveries(choices: Choices, state: Document) -> None:
    """Recoveries of equal distance, age or id, so that each rule of the ranking is needed."""
    market = state["market_price"]
    base = state["recovery_orders"][0] if state["recovery_orders"] else _plain_recovery(state)
    away = choices.pick((0.125, 0.25, 0.0, 0.5))
    for _ in range(choices.integer(1, 4)):
        one = dict(base)
        one["recovery_id"] = choices.integer(-1, 6)
        one["price"] = around(
            choices.pick((market * (1 + away), market * (1 - away), market)), choices
        )
        one["orphaned_at"] = choices.pick((base["orphaned_at"], state["now"], 0.0))
        one["txid"] = choices.pick(("", "OTIE-1", "OTIE-2"))
        one["trade_id"] = choices.pick(("A", "B"))
        state["recovery_orders"].append(one)


def _plain_recovery(state: Mapping[str, Any]) -> Document:
    market = state["market_price"]
    return {
        "recovery_id": 1, "side": "sell", "price": market, "volume": 13.0, "trade_id": "B",
        "cycle": 1, "entry_price": market, "orphaned_at": state["now"],
    }  # fmt: skip


def _stretch_record(choices: Choices, state: Document) -> None:
    """One field of one order or recovery at an extreme."""
    name = choices.pick(("orders", "orders", "recovery_orders"))
    if not state[name]:
        return
    place = choices.integer(0, len(state[name]) - 1)
    record = dict(state[name][place])
    field = choices.pick(tuple(record))
    value = record[field]
    if field == "side":
        record["side"] = choices.pick(("buy", "sell"))
    elif field == "role":
        record["role"] = choices.pick(("entry", "exit"))
    elif field == "trade_id":
        record["trade_id"] = choices.pick(("A", "B"))
    elif field in ("txid", "reason"):
        record[field] = choices.pick(("", "x", "s1_timeout", "ünï", "O" * 80))
    elif field == "regime_at_entry":
        record[field] = choices.pick((None, 0, 1, 2))
    elif type(value) is int:
        record[field] = choices.pick(EDGE_INTS)
    elif field.endswith("_at"):
        record[field] = choices.pick((0.0, state["now"], state["now"] - 60.0, -1.0, 1e300))
    else:
        record[field] = choices.pick(EDGE_DOUBLES)
    state[name][place] = record


def _old_snapshot(choices: Choices, state: Document) -> None:
    """Fields that older bots did not write are left out; all of them have defaults."""
    for name in tuple(state)[2:]:
        if name not in ("orders", "recovery_orders") and choices.chance(15):
            del state[name]
    state.setdefault("s2_entered_at", None)


_STRETCHES = (
    _stretch_field, _stretch_field, _stretch_field, _stretch_record, _stretch_record,
    _stretch_market, _double_record, _tie_recoveries,
)  # fmt: skip


def make_state(
    choices: Choices,
    profile: Profile,
    config: Mapping[str, Any],
    *,
    market: float,
    now: float,
    phase: str,
    mode: str,
    recoveries: int,
    history: int,
    volume: float,
) -> Document:
    """A readable state of the profile."""
    state = live_state(
        choices, config, market=market, now=now, phase=phase, mode=mode,
        recoveries=recoveries, history=history, volume=volume,
    )  # fmt: skip
    if profile is Profile.EDGE:
        stretch_state(choices, state, choices.integer(0, 5))
        if choices.chance(10):
            _old_snapshot(choices, state)
    return state
