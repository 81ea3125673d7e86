"""A small request for each switch of the half that is held out, which it answers differently.

A request is what `usual` gives, with one thing changed; the changes are in two tables, so that a
newcomer can see what each switch is about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

INF, NAN = math.inf, math.nan
Document = dict[str, Any]


def entry(number: int = 1, side: str = "buy", price: Any = 0.2, **more: Any) -> Document:
    trade = "B" if side == "buy" else "A"
    return {
        "local_id": number, "side": side, "role": "entry", "price": price, "volume": 20.0,
        "trade_id": trade, "cycle": 1, "txid": "OTX", **more,
    }  # fmt: skip


def an_exit(number: int = 1, side: str = "sell", price: float = 0.21, **more: Any) -> Document:
    filled = {
        "role": "exit", "trade_id": "B" if side == "sell" else "A", "entry_price": 0.2,
        "entry_fee": 0.01, "entry_filled_at": 900.0,
    }  # fmt: skip
    return entry(number, side, price) | filled | more


def recovery(number: int = 1, price: float = 0.3, **more: Any) -> Document:
    return {
        "recovery_id": number, "side": "sell", "price": price, "volume": 20.0, "trade_id": "B",
        "cycle": 1, "entry_price": 0.2, "orphaned_at": 500.0, "txid": f"R{number}", **more,
    }  # fmt: skip


def tick(price: float = 0.2, timestamp: Any = 1000.0) -> Document:
    return {"price": price, "timestamp": timestamp}


def timer(timestamp: Any = 1000.0) -> Document:
    return {"timestamp": timestamp}


def fill(number: int = 1, price: float = 0.2, fee: Any = 0.01, **more: Any) -> Document:
    return {
        "order_local_id": number, "txid": "OTX", "side": "buy", "price": price, "volume": 20.0,
        "fee": fee, "timestamp": 1000.0, **more,
    }  # fmt: skip


def recovered(number: int = 1) -> Document:
    return {"recovery_id": number} | {k: v for k, v in fill().items() if k != "order_local_id"}


def request(event: Document, state: Document | None = None, **more: Any) -> Document:
    """A request with the state's fields changed; in `more` settings, and the sizes."""
    sizes = {"order_size_usd": more.pop("size", 4.0), "order_sizes": more.pop("sizes", None)}
    whole = {"market_price": 0.2, "now": 990.0} | (state or {})
    return {"method": "transition", "event": event, "state": whole, "config": more, **sizes}


def orders(*some: Any, **more: Any) -> Document:
    return {"orders": list(some), **more}


def orphaning(*recoveries: Document, slots: int = 1, price: float = 0.19, **more: Any) -> Document:
    """A request that orphans a sell exit, with these recoveries before it."""
    state = {"orders": [an_exit()], "recovery_orders": list(recoveries), "market_price": price}
    return request(timer(), state, s1_orphan_after_sec=60.0, max_recovery_slots=slots, **more)


def timed_out(
    *exits: Document, after: float, market: float = 0.2, since: float = 900.0
) -> Document:
    state = orders(*exits, s2_entered_at=since, market_price=market)
    return request(timer(), state, s2_orphan_after_sec=after, s1_orphan_after_sec=after)


def checked(**state: Any) -> Document:
    return {"method": "check_invariants", "state": {"market_price": 0.2, "now": 1.0} | state}


USUAL = (
    request(tick(0.25), orders(entry(1, "buy"), entry(2, "sell", 0.201))),
    request(fill(1), orders(entry(1, "buy"), entry(2, "sell", 0.201))),
    request(fill(1, 0.21), orders(an_exit(), entry(2, "sell", 0.201)), sizes={"A": 4.0, "B": 5.0}),
    request(timer(), orders(an_exit(), an_exit(2, "buy", 0.19), s2_entered_at=10.0)),
    request(timer(2000.0), orders(an_exit(price=0.22), entry(2, "buy"), mode_source="regime")),
    request(recovered(), orders(entry(), recovery_orders=[recovery(), recovery(2)])),
    checked(**orders(entry(1), entry(2, "sell"))),
)
"""What no switch answers differently, but for those of `SHALLOW`."""

EDITS: Mapping[str, Document] = {
    "exit-limit-spreads-nan": request(fill(), orders(entry(), market_price=NAN)),
    "exit-takes-own-distance": request(fill(), orders(entry()), entry_pct_b=9.0),
    "whole-volume-through-int64": request(fill(1, 0.21), orders(an_exit()), size=INF),
    "least-volume-asked-positively": request(fill(1, 0.21), orders(an_exit()), min_volume=NAN),
    "rounds-the-shortest-text": request(
        fill(), orders(an_exit(), market_price=2.675), price_decimals=2, entry_pct=0.0, size=99.0
    ),
    "backoff-in-32-bits": request(
        fill(1, 0.1), orders(an_exit(), consecutive_losses_b=2**32), loss_cooldown_sec=0.0
    ),
    "books-with-fused-operations": request(
        fill(1, 0.146, 0.019), orders(an_exit(entry_price=0.244))
    ),
    "cooldown-skips-nan": request(
        fill(1, 0.1), orders(an_exit(), cooldown_until_b=NAN, consecutive_losses_b=9)
    ),
    "cooldown-holds-at-its-end": request(fill(1, 0.21), orders(an_exit(), cooldown_until_b=1000.0)),
    "follow-up-sees-the-state-before": request(
        fill(1, 0.1), orders(an_exit(), consecutive_losses_b=9)
    ),
    "removes-the-first-of-an-id": request(fill(), orders(entry(), entry(1, "sell"))),
    "an-id-finds-the-last": request(fill(), orders(entry(), entry(1, "sell"))),
    "eviction-compares-whole-distances": orphaning(
        recovery(1, 0.3), recovery(2, 0.31, orphaned_at=600.0), slots=2
    ),
    "evicts-in-rank-order": orphaning(recovery(1, 0.3), recovery(2, 0.31)),
    "no-slots-is-no-limit": orphaning(recovery(), slots=0),
    "assumed-fill-falls-back-once": request(
        timer(),
        orders(an_exit(1, "buy", -2.0), recovery_orders=[recovery(1, -0.5)], market_price=-1.0),
        s1_orphan_after_sec=60.0,
        max_recovery_slots=1,
    ),
    "drift-divided-last": request(
        tick(0.14), orders(entry(1, "buy", 0.184)), refresh_pct=abs(0.184 - 0.14) / 0.14 * 100.0
    ),
    "refresh-goes-on": request(tick(0.25), orders(entry(1, "buy"), entry(2, "sell", 0.201))),
    "refreshes-start-anew-too-late": request(
        tick(0.25),
        orders(
            entry(1, "buy"),
            consecutive_refreshes_b=2,
            last_refresh_direction_b="up",
            refresh_cooldown_until_b=900.0,
        ),
    ),
    "refreshes-compared-before-counting": request(
        tick(0.25), orders(entry(), consecutive_refreshes_b=2, last_refresh_direction_b="up")
    ),
    "placed-before-cancelled": request(tick(0.25), orders(entry())),
    "ages-are-never-negative": request(
        timer(), orders(an_exit(entry_filled_at=1010.0)), s1_orphan_after_sec=0.0
    ),
    "s2-lasts-whole-seconds": timed_out(
        an_exit(), an_exit(2, "buy", 0.19), after=75.5, since=924.25
    ),
    "distances-from-the-ratio": timed_out(
        an_exit(1, "sell", 0.23), an_exit(2, "buy", 0.258), after=1.0, market=0.244
    ),
    "unknown-recovery-clears-the-mark": request(recovered(7), {"s2_entered_at": 5.0}),
    "orders-checked-rule-by-rule": checked(**orders(entry(1, volume=0.0), entry(2, cycle=0))),
}

REQUESTS: Mapping[str, Document] = {
    **EDITS,
    "nan-distances-panic": orphaning(recovery(1, NAN), recovery(2), slots=2),
    "named-doubles-in-texts": request(tick(), orders(entry(), total_fees="Infinity")),
    "too-large-is-infinite": request(timer(), {"total_fees": 10**400}),
    "ints-keep-their-low-bits": request(timer(), {"cycle_a": 2**64 + 3}),
    "texts-are-flags": request(timer(), {"long_only": "true"}),
    "scalars-are-texts": request(timer(), orders(entry(txid=1.5))),
    "objects-are-lists": request(timer(), {"orders": {"0": entry()}}),
    "empty-direction-is-null": request(timer(), {"last_refresh_direction_a": ""}),
    "null-lists-are-empty": request(timer(), {"orders": None}),
    "unreadable-entries-are-dropped": request(timer(), orders(entry(), entry(2, price="x"))),
    "unreadable-events-are-tried-on": request(fill(fee=None), orders(entry())),
    "keys-in-any-case": request(timer(), {"Market_Price": 1.5}),
    "regime-in-turkish": request(timer(), orders(entry(regime_at_entry="ranging"))),
    "regime-of-a-flag-is-null": request(timer(), orders(entry(regime_at_entry=True))),
    "mode-in-small-letters-only": request(timer(), {"mode_source": "BALANCE"}),
    "mode-trimmed-as-javascript": request(timer(), {"mode_source": "\ufeffregime"}),
    "odd-directions-are-refused": request(timer(), {"last_refresh_direction_b": "sideways"}),
    "both-profits-are-refused": request(timer(), {"profit_pct": 1.0, "profit_pct_runtime": 1.0}),
    "unknown-keys-are-refused": request(timer(), {"unknown": 1}),
    "sizes-need-both": request(timer(), sizes={"A": 2.0}),
    "unsafe-ints-are-refused": request(timer(), {"cycle_a": 2**53}),
    "counters-are-unsigned": request(timer(), {"consecutive_losses_a": -1}),
    "timestamps-are-durations": request(timer(-1.0)),
    "lines-end-at-4-kib": request(timer(), orders(entry(txid="O" * 4096))),
    "odd-doubles-written-as-texts": request(timer(), {"total_fees": INF}),
    "question-marks-beyond-ascii": request(timer(), orders(entry(txid="\u00fcn\u00ef"))),
    "empty-txid-left-out": request(fill(), orders(entry())),
}
"""For each switch a request that it answers differently."""

SHALLOW = {
    "refresh-goes-on": [0],
    "placed-before-cancelled": [0],
    "empty-txid-left-out": [0, 1, 2],
}
"""The usual requests that these differ at: they are differences that no port could hide."""
