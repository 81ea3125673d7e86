"""Faults that a port of this core may have, each as the change of this core that is the same."""

from __future__ import annotations

from collections.abc import Sequence

_A, _B = "_a", "_b"

FAULTS: dict[str, tuple[str, Sequence[tuple[str, str]]]] = {
    # The faults that tests plant in the executable.
    "drift at the threshold refreshes": (
        "reducer._price_tick",
        [("drift <= config.refresh_pct", "drift < config.refresh_pct")],
    ),
    "the nearer exit of two equal ones": (
        "reducer._s2_timeout",
        [("buy_distance > sell_distance", "buy_distance >= sell_distance")],
    ),
    "the S2 mark stays when a recovery is cancelled": (
        "reducer._recovery_cancel",
        [
            (
                "clear_s2_mark(_without_recovery(state, event.recovery_id, event.timestamp))",
                "_without_recovery(state, event.recovery_id, event.timestamp)",
            )
        ],
    ),
    "the quote fee of A is the exit's": (
        "booking._book",
        [("quote_fee = closed.entry_fee", "quote_fee = fee")],
    ),
    "the youngest of equally far recoveries is evicted": (
        "orphaning._ranks_before",
        [("recovery.orphaned_at < other", "recovery.orphaned_at > other")],
    ),
    "exit prices are rounded by scaling": (
        "entries.exit_price",
        [("rnd(max", "rounded_by_scaling(max"), ("rnd(min", "rounded_by_scaling(min")],
    ),
    "the exit forgets its entry's regime": (
        "reducer._entry_filled",
        [("regime_at_entry=entry.regime_at_entry,", "")],
    ),
    "a refreshed entry is not cancelled": (
        "reducer._refresh",
        [('actions.append(CancelOrderAction(order.local_id, order.txid, "stale_entry"))', "pass")],
    ),
    "backoff begins one loss late": (
        "entries.backoff_multiplier",
        [("losses < config.loss_backoff_start", "losses <= config.loss_backoff_start")],
    ),
    "no cool-down between refreshes": (
        "reducer._refresh",
        [("state.now + config.refresh_cooldown_sec", "state.now")],
    ),
    "a loss is counted at break-even": (
        "booking.count_loss",
        [("if net < 0 else 0", "if net <= 0 else 0")],
    ),
    "a recovery's entry time is that of its orphaning": (
        "booking.book_recovery",
        [
            (
                "recovery.entry_filled_at if recovery.entry_filled_at > 0 else "
                "recovery.orphaned_at",
                "recovery.orphaned_at",
            )
        ],
    ),
    "B enters again in short-only": (
        "entries.place_follow_up",
        [
            (
                "state.short_only or state.now < state.cooldown_until_b",
                "state.now < state.cooldown_until_b",
            )
        ],
    ),
    "a cycle counter goes up by one": (
        "reducer._exit_filled",
        [
            (
                f"max(state.cycle{t}, increment(order.cycle))",
                f"max(state.cycle{t}, increment(state.cycle{t}))",
            )
            for t in (_A, _B)
        ],
    ),
    "a volume of zero is fine": (
        "invariants.check_invariants",
        [("order.volume <= 0", "order.volume < 0")],
    ),
    "mode_source is not trimmed": (
        "codec._mode_source",
        [("value.strip().lower()", "value.lower()")],
    ),
    # Prices.
    "entries are placed without backoff": (
        "entries.make_entry",
        [("(pct * mult) / 100.0", "(pct) / 100.0")] * 2,
    ),
    "percent are multiplied out": (
        "entries.make_entry",
        [
            ("market * (1 - (pct * mult) / 100.0)", "market * (1 - pct * mult * 0.01)"),
            ("market * (1 + (pct * mult) / 100.0)", "market * (1 + pct * mult * 0.01)"),
        ],
    ),
    "prices are multiplied out": (
        "entries.exit_price",
        [
            ("fill_price * (1 + p)", "fill_price + fill_price * p"),
            ("fill_price * (1 - p)", "fill_price - fill_price * p"),
        ],
    ),
    "a price of nothing is used": ("entries.make_entry", [("if price <= 0:", "if False:")] * 2),
    "the exit is at the trade's own distance": (
        "entries.exit_price",
        [("config.entry_pct", 'entry_distance("A" if side == "buy" else "B", config)')],
    ),
    "the exit ignores the market": (
        "entries.exit_price",
        [
            ("max(fill_price * (1 + p), market * (1 + e))", "fill_price * (1 + p)"),
            ("min(fill_price * (1 - p), market * (1 - e))", "fill_price * (1 - p)"),
        ],
    ),
    "the profit of the configuration alone counts": (
        "entries.exit_price",
        [
            (
                "state.profit_pct_runtime if state.profit_pct_runtime != 0 else config.profit_pct",
                "config.profit_pct",
            )
        ],
    ),
    # Backoff, volumes and sizes.
    "backoff has no limit": (
        "entries.backoff_multiplier",
        [
            (
                "min(config.backoff_max_multiplier, 1.0 + config.backoff_factor * beyond)",
                "1.0 + config.backoff_factor * beyond",
            )
        ],
    ),
    "backoff is counted from nought": (
        "entries.backoff_multiplier",
        [("losses - config.loss_backoff_start + 1", "losses - config.loss_backoff_start")],
    ),
    "the other trade's losses count": (
        "entries.make_entry",
        [('if trade_id == "A" else', 'if trade_id != "A" else')],
    ),
    "volumes are cut off": (
        "numbers.compute_order_volume",
        [("round(raw)", "truncated(raw)"), ("rnd(raw", "truncated(raw")],
    ),
    "a volume at the minimum is too small": (
        "numbers.compute_order_volume",
        [("volume < cfg.min_volume", "volume <= cfg.min_volume")],
    ),
    "the cost is not looked at again": (
        "numbers.compute_order_volume",
        [("has_min_cost and volume * price < cfg.min_cost_usd", "False")],
    ),
    "sizes of a trade's own are ignored": (
        "entries.effective_size",
        [("order_sizes and trade_id in order_sizes", "False")],
    ),
    # Invariants.
    "a text of an invariant is in another case": (
        "invariants.check_invariants",
        [('"duplicate order local_id"', '"Duplicate order local_id"')],
    ),
    "a violation is named once only": (
        "invariants.check_invariants",
        [
            (
                'violations.append("order volume must be > 0")',
                '"order volume must be > 0" in violations or '
                'violations.append("order volume must be > 0")',
            )
        ],
    ),
    "an invariant is not checked": (
        "invariants.check_invariants",
        [('phase != "S2" and state.s2_entered_at is not None', "False")],
    ),
    # Reading.
    "a regime is not cut but rounded": ("codec.normalise_regime", [("int(value)", "round(value)")]),
    "a regime as a digit is not known": ("codec", [('"1": 1,', "")]),
    "the settled total has no fallback": (
        "codec.from_dict",
        [('document.setdefault("total_settled_usd", document.get("total_profit", 0.0))', "pass")],
    ),
    "a bool counts as a number": (
        "codec._double",
        [
            (
                "isinstance(value, bool) or not isinstance(value, int | float)",
                "not isinstance(value, int | float)",
            )
        ],
    ),
    "a setting has another default": (
        "records.EngineConfig",
        [("refresh_pct: float = 1.0", "refresh_pct: float = 2.0")],
    ),
    "what is no object in a list is read": (
        "codec._list_of.read",
        [("if isinstance(entry, dict)", "if True")],
    ),
    # Orphaning and eviction.
    "one recovery too many is kept": (
        "orphaning.orphan_exit",
        [("len(state.recovery_orders) + 1 - cap", "len(state.recovery_orders) - cap")],
    ),
    "only one recovery is evicted": (
        "orphaning._ids_to_evict",
        [("range(overflow)", "tuple(range(overflow))[:1]")],
    ),
    "an evicted recovery is cancelled without an id": (
        "orphaning._evict",
        [("if recovery.txid:", "if True:")],
    ),
    "the id of a cancelled recovery is not negated": (
        "orphaning._evict",
        [("negate(recovery.recovery_id)", "recovery.recovery_id")],
    ),
    "the fee of an eviction may be negative": (
        "orphaning._evict",
        [
            (
                "max(0.0, fill * recovery.volume * (config.maker_fee_pct / 100.0))",
                "fill * recovery.volume * (config.maker_fee_pct / 100.0)",
            )
        ],
    ),
    "the fee of an eviction is computed in another order": (
        "orphaning._evict",
        [
            (
                "fill * recovery.volume * (config.maker_fee_pct / 100.0)",
                "fill * recovery.volume * config.maker_fee_pct / 100.0",
            )
        ],
    ),
    "an eviction closes at the recovery's price": (
        "orphaning._assumed_fill",
        [("market if market > 0 else recovery.price", "recovery.price")],
    ),
    "a new recovery comes first": (
        "orphaning.orphan_exit",
        [("(*state.recovery_orders, recovery)", "(recovery, *state.recovery_orders)")],
    ),
    "orphaning does not count the cycle": (
        "orphaning.orphan_exit",
        [("cycle_a=increment(state.cycle_a),", ""), ("cycle_b=increment(state.cycle_b),", "")],
    ),
    "the reason of a follow-up is in lower case": (
        "orphaning.orphan_exit",
        [('f"orphan_{order.trade_id}"', "f'orphan_{order.trade_id.lower()}'")],
    ),
    # Refreshing.
    "the count of refreshes goes on whatever the direction": (
        "reducer._refresh",
        [("increment(count) if direction == last_direction else 1", "increment(count)")],
    ),
    "the direction of a refresh is not kept": (
        "reducer._refresh",
        [("last_refresh_direction_a=direction,", ""), ("last_refresh_direction_b=direction,", "")],
    ),
    "the count is not reset after a pause": (
        "reducer._refresh",
        [("count, cooldown_until = 0, 0.0", "pass")],
    ),
    "one refresh more is allowed": (
        "reducer._refresh",
        [
            (
                "if count >= config.max_consecutive_refreshes:",
                "if count > config.max_consecutive_refreshes:",
            )
        ],
    ),
    "the drift is relative to the order": (
        "reducer._price_tick",
        [("abs(order.price - market) / market *", "abs(order.price - market) / order.price *")],
    ),
    # Timers.
    "the age of an exit is counted from when it was placed": (
        "reducer._s1_timeout",
        [
            (
                "order.entry_filled_at if order.entry_filled_at != 0 else order.placed_at",
                "order.placed_at",
            )
        ],
    ),
    "an exit must be older than the limit": (
        "reducer._s1_timeout",
        [("age >= config.s1_orphan_after_sec", "age > config.s1_orphan_after_sec")],
    ),
    "an exit is orphaned wherever the market is": (
        "reducer._s1_timeout",
        [("age >= config.s1_orphan_after_sec and moved_away", "age >= config.s1_orphan_after_sec")],
    ),
    "an exit at the market has been left behind": (
        "reducer._s1_timeout",
        [
            ("market < order.price", "market <= order.price"),
            ("market > order.price", "market >= order.price"),
        ],
    ),
    "the last of several exits is looked at": (
        "reducer._first_exit",
        [("in state.orders", "in reversed(tuple(state.orders))")],
    ),
    "the mark stays in sticky mode": (
        "reducer._timer_tick",
        [
            (
                "if config.sticky_mode_enabled:\n"
                "        return evolve(state, now=now, s2_entered_at=None)",
                "if config.sticky_mode_enabled:\n        return evolve(state, now=now)",
            )
        ],
    ),
    # Fills and booking.
    "an exit is for the volume of its entry": (
        "reducer._entry_filled",
        [("volume=event.volume", "volume=entry.volume")],
    ),
    "a fill of an unknown order clears the mark": (
        "reducer._fill",
        [
            (
                "return evolve(state, now=event.timestamp), ()",
                "return clear_s2_mark(evolve(state, now=event.timestamp)), ()",
            )
        ],
    ),
    "only the first order of an id is removed": (
        "reducer._without",
        [
            (
                "order for order in orders if order.local_id != local_id",
                "all_but_first(lambda order: not (order.local_id != local_id), orders)",
            )
        ],
    ),
    "the entry's fee is counted twice": (
        "booking._book",
        [("total_fees=state.total_fees + fee", "total_fees=state.total_fees + fees")],
    ),
    "every cycle counts as a loss of today": (
        "booking._book",
        [("loss + abs(net) if net < 0 else loss", "loss + abs(net)")],
    ),
    "net is computed in another order": (
        "booking._book",
        [("net = gross - fees", "net = gross - closed.entry_fee - fee")],
    ),
    "profits are computed in another order": (
        "booking._book",
        [
            (
                "(closed.entry_price - price) * closed.volume",
                "closed.entry_price * closed.volume - price * closed.volume",
            ),
            (
                "(price - closed.entry_price) * closed.volume",
                "price * closed.volume - closed.entry_price * closed.volume",
            ),
        ],
    ),
    "a cooldown is set, not extended": (
        "booking.count_loss",
        [
            (
                "max(cooldown, state.now + config.loss_cooldown_sec)",
                "state.now + config.loss_cooldown_sec",
            )
        ],
    ),
    "a booked cycle names the other fees": (
        "booking._book",
        [("net, gross, fees, settled", "net, gross, settled, fees")],
    ),
    # Modes.
    "the modes are confused": (
        "entries.place_follow_up",
        [
            ("state.long_only or", "state.short_only or"),
            ("state.short_only or", "state.long_only or"),
        ],
    ),
    "a cooldown ends one tick later": (
        "entries.place_follow_up",
        [
            (f"state.now < state.cooldown_until{t}", f"state.now <= state.cooldown_until{t}")
            for t in (_A, _B)
        ],
    ),
    # Numbers.
    "a counter wraps around": (
        "numbers.increment",
        [
            (
                'raise OverflowError("a counter would leave 64 bits")',
                "return (counter + 1 + 2**63) % 2**64 - 2**63",
            )
        ],
    ),
    "NaN is no volume": (
        "invariants.check_invariants",
        [("if order.volume <= 0:", "if not order.volume > 0:")],
    ),
    "max and min treat equals otherwise": (
        "entries.exit_price",
        [
            (
                "max(fill_price * (1 + p), market * (1 + e))",
                "max(market * (1 + e), fill_price * (1 + p))",
            ),
            (
                "min(fill_price * (1 - p), market * (1 - e))",
                "min(market * (1 - e), fill_price * (1 - p))",
            ),
        ],
    ),
}
"""For each fault the function (as Edit names it) and what in it reads otherwise."""
