"""How bad a divergence is: by what it would do to money, were the shadow in charge.

Four classes, worst first, and whether it happens on the hot path, where the live bot spends its
life: the same class counts for more there. Told from the event and the differences alone, so the
same divergence has the same severity on every machine. A bucket has the worst of all its cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from replay.differential.model import ABSENT, Difference
from replay.streams.model import (
    CALL_NAMES,
    EVENT_NAMES,
    HELPER_NAMES,
    VALUE_HELPERS,
    CallCode,
)


class Severity(StrEnum):
    """What a divergence would touch, worst first."""

    ORDERS = "orders"
    """A different order placed, cancelled, orphaned or booked; or no answer where one is due."""

    MONEY = "money"
    """Positions, cycles and cash in the state, and what prices and directions come from."""

    INVARIANTS = "invariants"
    """What is said to be wrong with a state."""

    TEXTS = "texts"
    """Counters, times and texts."""


_RANK = {severity: rank for rank, severity in enumerate(Severity)}

_HOT = frozenset(EVENT_NAMES[code] for code in (CallCode.FILL, CallCode.TIMER_TICK,
                                                CallCode.PRICE_TICK))  # fmt: skip
_ANSWERS = {
    **{HELPER_NAMES[code]: Severity.TEXTS for code in VALUE_HELPERS},
    HELPER_NAMES[CallCode.ORDER_VOLUME]: Severity.ORDERS,
    HELPER_NAMES[CallCode.FIND_ORDER]: Severity.ORDERS,
}
"""Helpers that answer a value: what a wrong one, or none, would touch."""

_METHODS = {
    CALL_NAMES[CallCode.CHECK_INVARIANTS]: Severity.INVARIANTS,
    CALL_NAMES[CallCode.APPLY_REGIME]: Severity.TEXTS,
    **_ANSWERS,
}
"""What is lost where a method that moves no money is not answered."""

_MONEY = re.compile(
    r"state\.(orders|recovery_orders|completed_cycles|total_profit|total_settled_usd|total_fees"
    r"|today_realized_loss|market_price|profit_pct_runtime|long_only|short_only)\b"
)
_LABEL = re.compile(r"\.(reason|regime_at_entry)$")
"""Fields of actions and records that only say why, or when."""


def severity_of(event: str, differences: Sequence[Difference]) -> Severity:
    """The severity of one case: that of its worst difference. `event` is the event's class name
    or the method.

    Without differences a core gave no answer: what then would not happen is what the event is for.
    """
    if not differences:
        return _METHODS.get(event, Severity.ORDERS)
    return worst(_of_difference(event, difference) for difference in differences)


def _of_difference(event: str, difference: Difference) -> Severity:
    path = difference.path
    if path == "refusal":
        one_answered = difference.authority is ABSENT or difference.shadow is ABSENT
        return _METHODS.get(event, Severity.ORDERS) if one_answered else Severity.TEXTS
    if _LABEL.search(path):
        return Severity.TEXTS
    if path.startswith("actions"):
        return Severity.ORDERS
    if _MONEY.match(path):
        return Severity.MONEY
    if path.startswith("violations"):
        return _ANSWERS.get(event, Severity.INVARIANTS)
    return Severity.TEXTS


def is_hot(event: str) -> bool:
    """Whether an event is one that the live bot handles all the time: FillEvent, TimerTick,
    PriceTick."""
    return event in _HOT


def worst(severities: Iterable[Severity]) -> Severity:
    """The worst of some severities, of which there is at least one."""
    return min(severities, key=_RANK.__getitem__)


def rank(severity: Severity, hot: bool) -> int:
    """Where a finding stands among others, from 0, the worst, to 7: the class first, and within a
    class the hot path before the rest."""
    return 2 * _RANK[severity] + (not hot)
