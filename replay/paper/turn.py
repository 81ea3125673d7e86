"""A tick of one slot, in the order that a live bot goes through it.

Answers of the exchange to what was sent before, the operator's business, the new price, the fills
that came with it, the timer, and entries to put back. A value goes in and a value comes out.
"""

from __future__ import annotations

import dataclasses

from replay.paper.business import see_to_business
from replay.paper.deals import Dealing, Desk
from replay.paper.entry_sides import missing_entries
from replay.paper.exchange import Filled, cancel, closed_of, match, stale_parts
from replay.paper.paper_slot import Moment, Slot

PATIENCE = 8
"""Ticks that an entry filled in part may wait for the rest."""
LATE = 0.04
TWICE = 0.02
TIMER_AFTER = 0.25
"""Seconds from the price tick to the timer tick."""
FILL_AFTER = 0.0001
"""Seconds from the price tick to the first fill, and between two of them."""


def take_turn(slot: Slot, moment: Moment, desk: Desk) -> Slot:
    """The slot after a tick. Raises what the core raises."""
    deal = Dealing(slot, moment, desk)
    if slot.state is None:
        _begin(deal)
    else:
        _match(deal)
        deal.hear_answers()
        see_to_business(deal)
        deal.transition(desk.core.PriceTick(price=moment.price, timestamp=moment.at), moment.at)
        _tell_fills(deal)
        deal.hear_answers()
    later = moment.at + TIMER_AFTER
    deal.transition(desk.core.TimerTick(timestamp=later), later)
    _put_back_entries(deal, later)
    return deal.end()


def _begin(deal: Dealing) -> None:
    """The slot's first tick: a new state with its first entries."""
    moment, core, config = deal.moment, deal.core, deal.desk.config
    state = core.PairState(
        market_price=moment.price,
        now=moment.at,
        last_price_update_at=moment.at,
        profit_pct_runtime=config.profit_pct,
    )
    state, actions, orders = core.bootstrap_orders(state, config, deal.size)
    deal.state = dataclasses.replace(state, orders=(*state.orders, *orders))
    deal.act(actions, moment.at)


def _match(deal: Dealing) -> None:
    """The exchange's side of the tick: what the way of the price has filled. An entry that was
    filled in part long ago counts as filled by that part."""
    moment = deal.moment
    if not deal.account.orders:
        return
    deal.account, closed = match(deal.account, deal.venue, moment.tick, moment.before, moment.price)
    deal.fills.extend(closed)
    least = deal.desk.config.min_volume
    for order in stale_parts(deal.account, moment.tick, PATIENCE):
        if order.is_entry and order.filled >= least and not deal.is_under_way(order.txid):
            deal.account, _ = cancel(deal.account, order.txid)
            deal.fills.append(closed_of(order))
            deal.counts["filled in part"] += 1


def _tell_fills(deal: Dealing) -> None:
    """Each fill that the bot can know of by now becomes an event; some it is told twice."""
    fills, deal.fills = deal.fills, []
    told = 0
    for fill in fills:
        if deal.is_under_way(fill.txid):
            deal.fills.append(fill)
        elif deal.venue.chance("late", fill.txid, deal.moment.tick) < LATE:
            deal.counts["heard of late"] += 1
            deal.fills.append(fill)
        else:
            told += 1
            _tell(deal, fill, deal.moment.at + FILL_AFTER * told)
            if not fill.again and deal.venue.chance("twice", fill.txid) < TWICE:
                deal.fills.append(dataclasses.replace(fill, again=True))


def _tell(deal: Dealing, fill: Filled, at: float) -> None:
    """The event of a fill: of a recovery, of an order, or of one that is not there any more."""
    core = deal.core
    told = {
        "txid": fill.txid,
        "side": fill.side,
        "price": fill.price,
        "volume": fill.volume,
        "fee": fill.fee,
        "timestamp": at,
    }
    for recovery in deal.state.recovery_orders:
        if recovery.txid == fill.txid:
            deal.transition(core.RecoveryFillEvent(recovery_id=recovery.recovery_id, **told), at)
            return
    is_known = core.find_order(deal.state, fill.owner) is not None
    deal.transition(core.FillEvent(order_local_id=fill.owner, **told), at)
    if is_known:
        return
    # Heard of twice, or filled in the moment it was cancelled: a position that nobody wants.
    deal.counts["filled, but not known"] += 1
    if fill.is_entry and not fill.again:
        deal.settle("buy" if fill.side == "sell" else "sell", fill.volume)


def _put_back_entries(deal: Dealing, at: float) -> None:
    """Entries that the phase wants but a cooldown or the exchange left out."""
    if deal.moment.tick < deal.wait:
        return
    for side, trade, cycle in missing_entries(deal.core, deal.state):
        size = deal.size_of(trade)
        deal.state, action = deal.core.add_entry_order(
            deal.state, deal.desk.config, side, trade, cycle, size, "reentry"
        )
        if action is None:  # the size has no volume at this price
            deal.without_funds(side)
        else:
            deal.counts["entries put back"] += 1
            deal.act((action,), at)
