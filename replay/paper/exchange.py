"""The exchange of one slot: its balances and the orders in its book, and what a price does to them.

Pure: each function gives a new Account. An order rests until the price comes to it; one that is
merely touched may wait in the queue, and one that is crossed may be filled in parts. The
exchange refuses what it cannot pay for, what would take instead of make, and now and then anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from replay.paper.chance import chance

REFUSED_AT_RANDOM = 0.015
QUEUED_AT_TOUCH = 0.5
FILLED_IN_PARTS = 0.12


class Refusal(StrEnum):
    """Why the exchange did not take an order."""

    FUNDS = "insufficient funds"
    POST_ONLY = "post only order"
    BUSY = "service busy"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as the bot asks for it; `owner` is its own id of it."""

    owner: int
    is_entry: bool
    side: str
    price: float
    volume: float
    post_only: bool = True


@dataclass(frozen=True, slots=True)
class Resting:
    """An order in the book.

    `owner` is the slot's own id of it, whatever became of that order since; `since` the tick from
    whose end on it stands there; `filled` and `fee` what has become of it, `part_at` the tick of
    its first part (-1: none).
    """

    txid: str
    owner: int
    is_entry: bool
    side: str
    price: float
    volume: float
    since: int
    filled: float = 0.0
    fee: float = 0.0
    part_at: int = -1


@dataclass(frozen=True, slots=True)
class Filled:
    """An order that is closed: what of it was filled, at its price, and the fees of all parts.
    `again` where the bot is told for a second time."""

    txid: str
    owner: int
    is_entry: bool
    side: str
    price: float
    volume: float
    fee: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """What a slot has at the exchange: USD and DOGE, reserved or not, and its orders by age."""

    usd: float
    doge: float
    fee_pct: float
    orders: tuple[Resting, ...] = ()
    placed: int = 0

    @property
    def free_usd(self) -> float:
        """USD that no buy order has reserved."""
        reserved = sum(
            (order.volume - order.filled) * order.price
            for order in self.orders
            if order.side == "buy"
        )
        return self.usd - reserved

    @property
    def free_doge(self) -> float:
        """DOGE that no sell order has reserved."""
        return self.doge - sum(
            order.volume - order.filled for order in self.orders if order.side == "sell"
        )

    def can_pay(self, side: str, price: float, volume: float) -> bool:
        """Whether an order of that size could be placed now."""
        if side == "sell":
            return volume <= self.free_doge
        return price * volume * (1.0 + self.fee_pct / 100.0) <= self.free_usd


@dataclass(frozen=True, slots=True)
class Venue:
    """What decides over chance: the seed, and the number of the slot, which its txids carry."""

    seed: int
    slot: int

    def chance(self, *about: int | str) -> float:
        """A number from 0.0 up to 1.0 for this question in this slot."""
        return chance(self.seed, self.slot, *about)

    def txid(self, number: int) -> str:
        """The exchange's id of the slot's n-th order."""
        return f"PT{self.slot:02d}{number:010d}"


def place(
    account: Account,
    venue: Venue,
    tick: int,
    market: float,
    wanted: Wanted,
) -> tuple[Account, str | Refusal]:
    """An order arrives at the exchange: its txid, or why it was refused."""
    side, price, volume = wanted.side, wanted.price, wanted.volume
    number = account.placed + 1
    account = replace(account, placed=number)
    if venue.chance("refused", number) < REFUSED_AT_RANDOM:
        return account, Refusal.BUSY
    if wanted.post_only and (price >= market if side == "buy" else price <= market):
        return account, Refusal.POST_ONLY
    if not account.can_pay(side, price, volume):
        return account, Refusal.FUNDS
    txid = venue.txid(number)
    order = Resting(txid, wanted.owner, wanted.is_entry, side, price, volume, tick)
    return replace(account, orders=(*account.orders, order)), order.txid


def match(
    account: Account, venue: Venue, tick: int, before: float, after: float
) -> tuple[Account, tuple[Filled, ...]]:
    """The price goes from one tick to the next: the orders that this closes, in the order it met
    them. Those that it only fills in part stay in the book."""
    reached = [
        order
        for order in account.orders
        if order.since < tick
        and (after <= order.price if order.side == "buy" else after >= order.price)
    ]
    if not reached:
        return account, ()
    reached.sort(key=lambda order: abs(order.price - before))
    closed: list[Filled] = []
    for order in reached:
        part = _part(order, venue, tick, after)
        if part <= 0.0:
            continue
        fee = order.price * part * (account.fee_pct / 100.0)
        now = replace(
            order,
            filled=order.filled + part,
            fee=order.fee + fee,
            part_at=tick if order.part_at < 0 else order.part_at,
        )
        account = _paid(account, order.side, order.price * part, part, fee)
        if now.filled >= order.volume:
            account = _without(account, order.txid)
            closed.append(closed_of(now))
        else:
            account = replace(
                account,
                orders=tuple(now if one.txid == now.txid else one for one in account.orders),
            )
    return account, tuple(closed)


def closed_of(order: Resting) -> Filled:
    """What an order comes to that is closed with what was filled of it."""
    owner, is_entry = order.owner, order.is_entry
    return Filled(order.txid, owner, is_entry, order.side, order.price, order.filled, order.fee)


def _part(order: Resting, venue: Venue, tick: int, after: float) -> float:
    """How much of an order that the price has reached is filled at this tick."""
    left = order.volume - order.filled
    drawn = venue.chance("part", order.txid, tick)
    if after == order.price and drawn < QUEUED_AT_TOUCH:
        return 0.0
    if drawn >= 1.0 - FILLED_IN_PARTS and left > 1.0:
        # What the drawn number has left decides how much; whole coins, and at least one.
        share = (drawn - (1.0 - FILLED_IN_PARTS)) / FILLED_IN_PARTS
        return min(left, max(1.0, left * share // 1.0))
    return left


def cancel(account: Account, txid: str) -> tuple[Account, Resting | None]:
    """Takes an order out of the book; None where it is there no more (or never was)."""
    for order in account.orders:
        if order.txid == txid:
            return _without(account, txid), order
    return account, None


def settle(account: Account, side: str, volume: float, price: float) -> Account:
    """Trades at the market at once: how a position is closed that no order stands for any more."""
    if volume <= 0.0:
        return account
    fee = price * volume * (account.fee_pct / 100.0)
    return _paid(account, side, price * volume, volume, fee)


def stale_parts(account: Account, tick: int, patience: int) -> Sequence[Resting]:
    """Orders that were filled in part so many ticks ago and have waited for the rest since."""
    return [order for order in account.orders if 0 <= order.part_at <= tick - patience]


def _paid(account: Account, side: str, usd: float, doge: float, fee: float) -> Account:
    if side == "buy":
        return replace(account, usd=account.usd - usd - fee, doge=account.doge + doge)
    return replace(account, usd=account.usd + usd - fee, doge=account.doge - doge)


def _without(account: Account, txid: str) -> Account:
    return replace(account, orders=tuple(one for one in account.orders if one.txid != txid))
