"""What the bot and its operator do beside the market: sizes, one-sided modes, tuning, midnight.

All of it changes a state between transitions, as a live bot's host does.
"""

from __future__ import annotations

import dataclasses

from replay.paper.candles import MINUTE
from replay.paper.deals import Dealing
from replay.paper.entry_sides import gone_side
from replay.paper.exchange import cancel
from replay.paper.market import TICKS, Regime

HOUR = 60 * TICKS
DAY_SECONDS = 86_400.0
CANCELLED_EACH_HOUR = 0.06
RETUNED_EACH_HOUR = 0.05
ROOM = 1.1
"""A mode is left where so much more than an entry can be paid for: it must not flutter."""


def see_to_business(deal: Dealing) -> None:
    """What is done once a minute, hour or day."""
    tick, at = deal.moment.tick, deal.moment.at
    if tick % TICKS:
        return
    deal.resize()
    _choose_sides(deal)
    if at // DAY_SECONDS != (at - MINUTE) // DAY_SECONDS:
        deal.state = dataclasses.replace(deal.state, today_realized_loss=0.0)
        deal.counts["midnights"] += 1
    if tick % HOUR == 0:
        _cancel_recoveries(deal)
        _rebalance(deal)
        _tune(deal)


def _choose_sides(deal: Dealing) -> None:
    """One-sided modes are entered with the trend, and left when it ends or the balance allows."""
    state, regime = deal.state, deal.moment.regime
    if not (state.long_only or state.short_only):
        if deal.desk.settings.follows and regime is not Regime.RANGING:
            deal.one_side("sell" if regime is Regime.BULLISH else "buy", "regime")
        return
    if state.mode_source == "regime":
        is_over = regime is not (Regime.BULLISH if state.long_only else Regime.BEARISH)
    else:
        is_over = _can_pay_for(deal, gone_side(state))
    if is_over:
        deal.both_sides()


def _can_pay_for(deal: Dealing, side: str) -> bool:
    price = deal.moment.price
    size = deal.size_of("A" if side == "sell" else "B")
    volume = deal.core.compute_order_volume(price * 1.002, deal.desk.config, size)
    return volume is not None and deal.account.can_pay(side, price, volume * ROOM)


def _cancel_recoveries(deal: Dealing) -> None:
    """The operator gives up on a recovery now and then."""
    at = deal.moment.at
    for recovery in deal.state.recovery_orders:
        drawn = deal.venue.chance("cancelled", recovery.recovery_id, deal.moment.tick)
        if not recovery.txid or drawn >= CANCELLED_EACH_HOUR:
            continue
        deal.account, order = cancel(deal.account, recovery.txid)
        if order is not None:
            event = deal.core.RecoveryCancelEvent(
                recovery_id=recovery.recovery_id, txid=recovery.txid, timestamp=at
            )
            deal.transition(event, at)


def _rebalance(deal: Dealing) -> None:
    """A slot that has come to a standstill without the means for any entry gets going again: the
    operator trades half of what it has too much of, and sizes its orders by today's price."""
    if deal.state.orders:
        return
    price, account = deal.moment.price, deal.account
    surplus = (account.free_usd - account.free_doge * price) / 2.0
    deal.settle("buy" if surplus > 0.0 else "sell", abs(surplus) / price // 1.0)
    deal.base_price = price
    deal.resize()
    deal.wait = deal.moment.tick
    deal.counts["rebalanced"] += 1


def _tune(deal: Dealing) -> None:
    """The operator changes the profit target of the running bot now and then."""
    tick = deal.moment.tick
    if deal.venue.chance("tuned", tick) >= RETUNED_EACH_HOUR:
        return
    factor = 0.8 + 0.4 * deal.venue.chance("tuned to", tick)
    runtime = round(deal.desk.config.profit_pct * factor, 3)
    deal.state = dataclasses.replace(deal.state, profit_pct_runtime=runtime)
    deal.counts["profit target tuned"] += 1
