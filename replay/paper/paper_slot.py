"""One slot of the bot as a value: its state, its account at the exchange, what it has not heard of.

Everything a slot needs to go on is here, so a snapshot of it is a whole bot's memory, and the next
tick is a function of it (turn.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from replay.paper.exchange import Account, Filled, Venue
from replay.paper.market import Regime
from replay.paper.presets import SlotSettings


class Moment(NamedTuple):
    """A tick: its number, epoch seconds, the price before and now, and where the market goes."""

    tick: int
    at: float
    before: float
    price: float
    regime: Regime


@dataclass(frozen=True, slots=True)
class Request:
    """An order under way to the exchange, whose answer is heard at the tick `heard`.

    `key` is whom the answer is for: an order's local id, a recovery's id negated, or 0 where the
    bot does not want it any more. `txid` is empty where it is refused; then `refusal` says why.
    """

    key: int
    owner: int
    is_entry: bool
    side: str
    price: float
    volume: float
    heard: int
    txid: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot after a tick (-1: before its first). `state` is the core's own PairState, None before
    the first tick; `size` and `sizes` are what it orders with, `base_price` what they come from.

    `unheard` are fills that the bot does not know of yet, or hears of a second time. No entry is
    put back before the tick `wait`. `counts` are what happened so far, by name.
    """

    number: int
    tick: int
    state: Any
    account: Account
    base_price: float
    size: float
    sizes: Mapping[str, float] | None = None
    requests: tuple[Request, ...] = ()
    unheard: tuple[Filled, ...] = ()
    wait: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


def venue_of(slot: Slot, seed: int) -> Venue:
    """The exchange's side of chance for a slot."""
    return Venue(seed, slot.number)


def sizes_of(slot: Slot, settings: SlotSettings) -> tuple[float, Mapping[str, float] | None]:
    """What a slot orders with: it goes with the profit, and with a loss as far as that is let.

    With `per_trade` a trade gets the more, the more the slot has of what it spends.
    """
    profit = slot.state.total_profit if slot.state is not None else 0.0
    size = settings.size * slot.base_price
    size += max(profit * settings.grows, -settings.shrinks * size)
    if not settings.per_trade:
        return size, None
    account = slot.account
    worth = account.doge * slot.base_price
    share = round(worth / (worth + account.usd), 1) if worth > 0.0 < account.usd else 0.5
    return size, {"A": round(size * (0.5 + share), 2), "B": round(size * (1.5 - share), 2)}
