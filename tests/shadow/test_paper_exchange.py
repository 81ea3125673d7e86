"""The exchange takes what can be paid for, and fills what the price comes to."""

from __future__ import annotations

from dataclasses import replace

from replay.paper.exchange import (
    Account,
    Refusal,
    Venue,
    Wanted,
    cancel,
    closed_of,
    match,
    place,
    settle,
    stale_parts,
)

VENUE = Venue(1, 0)
EMPTY = Account(usd=100.0, doge=100.0, fee_pct=0.25)
BUY = Wanted(7, True, "buy", 0.19, 20.0)
SELL = Wanted(8, True, "sell", 0.21, 20.0)


def placed(wanted: Wanted, account: Account = EMPTY, tick: int = 0) -> tuple[Account, str]:
    """An order that the exchange takes: one that it refuses at random is sent once more."""
    while True:
        account, answer = place(account, VENUE, tick, 0.2, wanted)
        if answer is not Refusal.BUSY:
            assert not isinstance(answer, Refusal), answer
            return account, answer


def test_an_order_reserves_what_it_spends_until_it_is_cancelled() -> None:
    account, txid = placed(BUY)
    assert account.free_usd == 100.0 - 20.0 * 0.19
    account, _ = placed(SELL, account)
    assert account.free_doge == 80.0
    account, order = cancel(account, txid)
    assert order is not None
    assert order.owner == 7
    assert account.free_usd == 100.0
    assert cancel(account, txid) == (account, None)


def test_what_cannot_be_paid_or_would_take_is_refused() -> None:
    answers = {}
    for name, wanted in {
        "usd": replace(BUY, volume=600.0),
        "doge": replace(SELL, volume=101.0),
        "crossing": replace(BUY, price=0.2),
        "crossing sell": replace(SELL, price=0.2),
    }.items():
        answer: str | Refusal = Refusal.BUSY
        account = EMPTY
        while answer is Refusal.BUSY:
            account, answer = place(account, VENUE, 0, 0.2, wanted)
        answers[name] = answer
    assert answers == {
        "usd": Refusal.FUNDS,
        "doge": Refusal.FUNDS,
        "crossing": Refusal.POST_ONLY,
        "crossing sell": Refusal.POST_ONLY,
    }
    account, _ = placed(replace(BUY, price=0.2, post_only=False))
    assert len(account.orders) == 1


def test_now_and_then_an_order_is_refused_for_no_reason() -> None:
    account, refused = EMPTY, 0
    for _ in range(1000):
        account, answer = place(account, VENUE, 0, 0.2, BUY)
        refused += answer is Refusal.BUSY
        account = replace(account, orders=())
    assert 3 < refused < 40


def test_a_price_that_crosses_an_order_fills_it_and_moves_the_money() -> None:
    account, txid = placed(BUY)
    same, closed = match(account, VENUE, 0, 0.2, 0.18)
    assert (same, closed) == (account, ()), "it stands in the book from the end of its tick on"
    same, closed = match(account, VENUE, 1, 0.2, 0.191)
    assert (same, closed) == (account, ())
    tick = 1
    while not closed:
        account, closed = match(account, VENUE, tick, 0.2, 0.18)
        tick += 1
    assert [(fill.txid, fill.owner, fill.price, fill.volume) for fill in closed] == [
        (txid, 7, 0.19, 20.0)
    ]
    assert account.orders == ()
    assert account.doge == 120.0
    assert abs(closed[0].fee - 0.19 * 20.0 * 0.0025) < 1e-12
    assert abs(account.usd - (100.0 - 0.19 * 20.0 - closed[0].fee)) < 1e-9


def test_orders_are_met_in_the_order_the_price_comes_to_them() -> None:
    account = EMPTY
    for price in (0.17, 0.19, 0.18):
        account, _ = placed(replace(BUY, price=price), account)
    prices: list[float] = []
    for tick in range(1, 40):
        account, closed = match(account, VENUE, tick, 0.2, 0.16)
        prices.extend(fill.price for fill in closed)
        if tick == 1:
            assert prices == sorted(prices, reverse=True)
    assert sorted(prices) == [0.17, 0.18, 0.19]


def test_some_orders_wait_at_a_touch_and_some_are_filled_in_parts() -> None:
    waited = parted = 0
    for tick in range(1, 400):
        account, _ = placed(BUY, replace(EMPTY, placed=tick * 3))
        touched, closed = match(account, VENUE, tick, 0.2, 0.19)
        waited += not closed and touched == account
        crossed, closed = match(account, VENUE, tick, 0.2, 0.18)
        if not closed:
            parted += 1
            (order,) = crossed.orders
            assert 1.0 <= order.filled < order.volume
            assert order.filled % 1.0 == 0.0
            assert order.part_at == tick
            assert closed_of(order).volume == order.filled
            assert stale_parts(crossed, tick + 7, 8) == []
            assert stale_parts(crossed, tick + 8, 8) == [order]
            rest = 20.0 - order.filled
            assert crossed.free_usd < account.usd - 20.0 * 0.19 + 1e-9
            assert crossed.doge + rest == 120.0
    assert 120 < waited < 280
    assert 20 < parted < 90


def test_a_settlement_is_a_trade_at_the_market() -> None:
    account = settle(EMPTY, "sell", 10.0, 0.2)
    assert account.doge == 90.0
    assert abs(account.usd - (100.0 + 2.0 - 0.005)) < 1e-12
    assert settle(EMPTY, "buy", 0.0, 0.2) == EMPTY
