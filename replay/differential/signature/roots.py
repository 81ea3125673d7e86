"""Which of the fields that differ is the root: the one that the reducer computes first.

Most others follow from it: a wrong fee makes a wrong net profit, a wrong total, perhaps a loss
counted, a cooldown, an order not placed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from replay.differential.model import Difference

UPSTREAM_FIRST: tuple[str, ...] = (
    "refusal",
    # what every event sets
    "state.now",
    "state.market_price",
    "state.last_price_update_at",
    # what is only read, never computed
    "state.profit_pct_runtime",
    "state.mode_source",
    "state.long_only",
    "state.short_only",
    # refreshing an entry
    "state.last_refresh_direction_*",
    "state.consecutive_refreshes_*",
    "state.refresh_cooldown_until_*",
    # booking a cycle, in the order in which its figures are computed
    "state.completed_cycles[]",
    "state.completed_cycles[].trade_id",
    "state.completed_cycles[].cycle",
    "state.completed_cycles[].entry_price",
    "state.completed_cycles[].exit_price",
    "state.completed_cycles[].volume",
    "state.completed_cycles[].entry_fee",
    "state.completed_cycles[].exit_fee",
    "state.completed_cycles[].gross_profit",
    "state.completed_cycles[].fees",
    "state.completed_cycles[].quote_fee",
    "state.completed_cycles[].net_profit",
    "state.completed_cycles[].settled_usd",
    "state.completed_cycles[].entry_time",
    "state.completed_cycles[].exit_time",
    "state.completed_cycles[].from_recovery",
    "state.completed_cycles[].regime_at_entry",
    "state.total_profit",
    "state.total_settled_usd",
    "state.total_fees",
    "state.today_realized_loss",
    "state.total_round_trips",
    # counting the loss
    "state.consecutive_losses_*",
    "state.cooldown_until_*",
    "state.cycle_*",
    # orphaning
    "state.recovery_orders[]",
    "state.recovery_orders[].*",
    "state.recovery_orders",
    "state.next_recovery_id",
    # orders, which all of the above decide; of one whose it is, then its price and its volume
    "state.orders[]",
    "state.orders[].local_id",
    "state.orders[].trade_id",
    "state.orders[].side",
    "state.orders[].role",
    "state.orders[].cycle",
    "state.orders[].price",
    "state.orders[].volume",
    "state.orders[].*",
    "state.orders",
    "state.next_order_id",
    "state.s2_entered_at",
    "actions[]",
    "actions[].*",
    "actions",
    "violations[]",
    "violations",
)
_RANK = {pattern: rank for rank, pattern in enumerate(UPSTREAM_FIRST)}
_INDEX = re.compile(r"\[(\d+)\]")
_TRADE = re.compile(r"_[ab]$")


def erased(path: str) -> str:
    """A path without indices and without the trade: `state.cooldown_until_*`."""
    path = _INDEX.sub("[]", path)
    return _TRADE.sub("_*", path) if path.startswith("state.") and "[" not in path else path


def place_in(path: str) -> int | None:
    """The first index in a path, None where it has none."""
    match = _INDEX.search(path)
    return None if match is None else int(match[1])


def rank_of(path: str) -> int:
    """How early an erased path is computed; what is not known comes last."""
    rank = _RANK.get(path)
    if rank is None:
        rank = _RANK.get(f"{path.partition('[]')[0]}[].*", len(_RANK))
    return rank


def root_of(differences: Sequence[Difference]) -> Difference:
    """The difference that the others most likely follow from: the first that is computed."""
    return min(differences, key=_order)


def _order(difference: Difference) -> tuple[int, str]:
    path = erased(difference.path)
    return rank_of(path), path
