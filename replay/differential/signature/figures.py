"""Which part of a computed figure is wrong, told from one occurrence.

Some figures of the contract have several parts that a port can get wrong one by one: the price of
an entry (distance, backoff, rounding), that of an exit (profit, distance, which of the two,
rounding), a volume (size, rounding), a trade's cooldown (the base one, that of losses), a count of
refreshes. Each is computed here as the contract has it, and with one part done as ports are known
to do it wrongly. Only where that gives what the odd core answered is the part named: otherwise a
figure that is wrong as a whole would fall apart by whatever else is true of the state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from replay.core import EngineConfig, compute_order_volume
from replay.core.entries import backoff_multiplier, entry_distance
from replay.core.numbers import rnd
from replay.core.records import TradeId
from replay.differential.signature.moment import BOOK, Moment

ROUNDING: Final = "rounding"
DISTANCE: Final = "distance"
BACKOFF: Final = "backoff"
SIZE: Final = "size"

_LAST_BITS: Final = 8
"""How many units in the last place another order of operations may be off by."""

HALF: Final = 0.501
WHOLE: Final = 1.0
"""How far from the exact value, in units of the last decimal, the decimals are that a way of
rounding may take: to the nearest, whatever it does with ties, or just any of the two."""


def moved(price: float, side: str, percent: float) -> float:
    """A price moved by percent: down for an order to buy, up for one to sell."""
    share = percent / 100.0
    return price * (1 - share) if side == "buy" else price * (1 + share)


def _is_near(odd: float, exact: float, decimals: int, units: float) -> bool:
    return abs(odd - exact) <= max(units * 10.0**-decimals, _LAST_BITS * math.ulp(exact))


# --- Entries ----------------------------------------------------------------------------------


def _entry_price(moment: Moment, side: str, pct: float, mult: float, config: EngineConfig) -> float:
    price = rnd(moved(moment.market, side, pct * mult), config.price_decimals)
    return price if price > 0 else rnd(moved(moment.market, side, pct), config.price_decimals)


def entry_price(moment: Moment, side: str, trade: TradeId, config: EngineConfig) -> float:
    """The price of a new entry (reducer.md, "New entry"). Raises OverflowError as the reducer."""
    mult = backoff_multiplier(moment.losses(trade), config)
    return _entry_price(moment, side, entry_distance(trade, config), mult, config)


def entry_price_part(
    moment: Moment, side: str, trade: TradeId, odd: float, config: EngineConfig
) -> str:
    """The part of a new entry's price that gives `odd` instead; empty where none does."""
    pct = entry_distance(trade, config)
    mult = backoff_multiplier(moment.losses(trade), config)
    exact = moved(moment.market, side, pct * mult)
    too_far = not rnd(exact, config.price_decimals) > 0
    if too_far:
        exact = moved(moment.market, side, pct)
    if _is_near(odd, exact, config.price_decimals, HALF):
        return ROUNDING
    for part, price in _wrong_entry_prices(moment, side, trade, config):
        if price == odd:
            return part
    if _is_near(odd, exact, config.price_decimals, WHOLE):
        return ROUNDING
    if too_far:
        return "too far"
    return "" if mult == 1.0 else BACKOFF


def missing_entry_part(moment: Moment, side: str, trade: TradeId, config: EngineConfig) -> str:
    """The part of a new entry that, done wrongly, leaves no volume for it; empty where none
    does."""
    size = order_size(moment, trade)
    if size is None:
        return ""
    price = entry_price(moment, side, trade, config)
    for other in _other_sizes(moment, size):
        if compute_order_volume(price, config, other) is None:
            return SIZE
    for part, wrong in _wrong_entry_prices(moment, side, trade, config):
        if compute_order_volume(wrong, config, size) is None:
            return part
    return ""


def _wrong_entry_prices(
    moment: Moment, side: str, trade: TradeId, config: EngineConfig
) -> Iterator[tuple[str, float]]:
    """The prices that a new entry has where one part of it is done wrongly."""
    losses, pct = moment.losses(trade), entry_distance(trade, config)
    mult = backoff_multiplier(losses, config)
    start, factor = config.loss_backoff_start, config.backoff_factor
    uncapped = 1.0 + factor * (losses - start + 1)
    others = moment.losses("B" if trade == "A" else "A")
    mults = {
        1.0,
        *(backoff_multiplier(n, config) for n in (losses - 1, losses + 1, others)),
        *(1.0 + factor * n for n in (losses, losses - start, losses - start + 2)),
        config.backoff_max_multiplier,
    }
    backoffs = [(BACKOFF, pct, one) for one in sorted(mults)]
    if mult != 1.0 and uncapped != mult:
        backoffs.insert(0, (f"{BACKOFF} at its limit", pct, uncapped))
    pcts = (config.entry_pct, config.entry_pct_a, config.entry_pct_b)
    distances = [(DISTANCE, one, mult) for one in pcts if one is not None]
    # What is at work comes first: now and then one gives the price of the other.
    backed_off = losses >= start - 1 or others >= start
    wrongly = backoffs + distances if backed_off else distances + backoffs
    for part, its_pct, its_mult in wrongly:
        if (its_pct, its_mult) != (pct, mult):
            yield part, _entry_price(moment, side, its_pct, its_mult, config)


def order_size(moment: Moment, trade: str) -> float | None:
    """The effective size for a trade (reducer.md); None where no size could be read."""
    return moment.settings.sizes.get(trade, moment.settings.size)


def volume_part(
    moment: Moment, trade: TradeId, price: float, odd: float, config: EngineConfig
) -> str:
    """The part of an order's volume that gives `odd` instead; empty where none does."""
    size = order_size(moment, trade)
    if size is None:
        return ""
    exact, decimals = size / price, max(config.volume_decimals, 0)
    others = (*_other_sizes(moment, size), config.order_size_usd)
    is_near = _is_near(odd, exact, decimals, HALF if odd > exact else WHOLE)
    if not is_near and any(_volume(price, config, other) == odd for other in others):
        return SIZE
    # Volumes get cut off; nobody rounds them up, which is more than there is money for. So that
    # comes last.
    return ROUNDING if _is_near(odd, exact, decimals, WHOLE) else ""


def _volume(price: float, config: EngineConfig, size: float) -> float | None:
    try:
        return compute_order_volume(price, config, size)
    except (ArithmeticError, ValueError):
        return None


def _other_sizes(moment: Moment, size: float) -> set[float]:
    """The sizes in force that are not the right one."""
    common = moment.settings.size
    sizes = {*moment.settings.sizes.values(), *(() if common is None else (common,))}
    return sizes - {size}


# --- Exits ------------------------------------------------------------------------------------


def exit_price_part(moment: Moment, side: str, odd: float, config: EngineConfig) -> str:
    """The part of the price of a filled entry's exit that gives `odd` instead (reducer.md, "Exit
    price"); empty where none does."""
    fill, market, decimals = moment.values[3], moment.market, config.price_decimals
    runtime = moment.was("profit_pct_runtime")
    profit = runtime if runtime != 0 else config.profit_pct
    best = max if side == "sell" else min

    def exact(profit: float, distance: float) -> float:
        return best(moved(fill, side, profit), moved(market, side, distance))

    def gives(profit: float, distance: float) -> bool:
        return rnd(exact(profit, distance), decimals) == odd

    right = exact(profit, config.entry_pct)
    if not _is_near(odd, right, decimals, HALF):
        for own in (config.entry_pct_a, config.entry_pct_b):
            if own is not None and own != config.entry_pct and gives(profit, own):
                return DISTANCE
        for other in (config.profit_pct, runtime):
            if other != profit and gives(other, config.entry_pct):
                return "profit"
    for price, percent in ((fill, profit), (market, config.entry_pct)):
        if rnd(moved(price, side, percent), decimals) == odd:
            return "which of the two"
    return ROUNDING if _is_near(odd, right, decimals, WHOLE) else ""


# --- Counters and cooldowns -------------------------------------------------------------------


PAUSE: Final = "pause that ran out"


def refresh_count_part(moment: Moment, trade: str, odd: int, config: EngineConfig) -> str:
    """Whether a wrong count of refreshes comes from the pause that ran out (PriceTick, step 2)."""
    count = moment.was(f"consecutive_refreshes_{trade}")
    until = moment.was(f"refresh_cooldown_until_{trade}")
    direction = f"last_refresh_direction_{trade}"
    in_a_row = moment.authority[direction] == moment.was(direction)
    full, paused = count >= config.max_consecutive_refreshes, until > 0
    flipped = count if full and paused else 0
    return PAUSE if in_a_row and (full or paused) and odd == flipped + 1 else ""


def refresh_pause_part(moment: Moment, trade: str, odd: float, config: EngineConfig) -> str:
    """Whether a wrong end of a pause is that of one that ran out, and was to be forgotten."""
    name = f"refresh_cooldown_until_{trade}"
    forgotten = moment.was(name) > 0 and (moment.authority[name] == 0 or odd == 0)
    return PAUSE if forgotten else ""


def losses_part(moment: Moment, trade: str, odd: int) -> str:
    """Whether it is that break-even was counted as a loss."""
    nets = [action[3] for action in moment.authority.emitted(BOOK) if action[1] == trade.upper()]
    counted = odd == moment.was(f"consecutive_losses_{trade}") + 1
    return "break-even" if nets and nets[-1] == 0 and counted else ""


BASE: Final = "base"
LEFT_OUT: Final = "base left out"
LOSSES: Final = "losses"


def cooldown_part(moment: Moment, trade: str, odd: float, config: EngineConfig) -> str:
    """Which of a trade's two cooldowns is wrong where a loss is counted (reducer.md, "Count the
    loss")."""
    before: float = moment.was(f"cooldown_until_{trade}")
    base, now = config.reentry_base_cooldown_sec, moment.now
    if base <= 0:
        return LOSSES
    due = moment.losses(trade) >= config.loss_cooldown_start
    after_base, after_loss = max(before, now + base), now + config.loss_cooldown_sec

    def after(base_cooldown: float) -> float:
        return max(base_cooldown, after_loss) if due else base_cooldown

    wrongly = (
        (LEFT_OUT, after(before)),
        (LOSSES, after_base),
        (LOSSES, max(after_base, after_loss)),
        (LOSSES, after_loss if due else after_base),
        (BASE, after(now + base)),
        (BASE, after(min(before, now + base))),
    )
    right = after(after_base)
    named = (part for part, value in wrongly if value == odd != right)
    return next(named, LOSSES if due else BASE)


def assumed_fill_part(moment: Moment, price: float) -> str:
    """Which price an evicted recovery counts as filled at (reducer.md, "Orphaning")."""
    if moment.market > 0:
        return "at the market"
    return "at its own price" if price > 0 else "at its entry price"
