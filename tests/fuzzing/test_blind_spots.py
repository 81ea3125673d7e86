"""Reports name what their bounds say nothing about."""

from __future__ import annotations

from replay.runs.blind_spots import NEVER_ASKED, NOT_CALLED, blind_spots, by_reason
from replay.runs.coverage import Exercised
from replay.runs.values_drawn import Values, add, alone, note, seen_in_start
from replay.streams.model import CallCode, Start


def _seen(*configs: dict[str, float]) -> Values:
    values: Values = {}
    for config in configs:
        note(values, seen_in_start(Start({"now": 1.0, "market_price": 0.2}, config, 2.0)))
    return values


def test_an_input_that_never_changes_and_one_that_is_always_there_are_named() -> None:
    values = _seen({"entry_pct": 0.2, "refresh_pct": 1.0}, {"entry_pct": 0.3, "refresh_pct": 1.0})
    one_value, never_default = alone(values)
    assert "config.refresh_pct" in one_value
    assert "config.entry_pct" not in one_value
    assert {"config.entry_pct", "config.refresh_pct"} <= set(never_default)
    assert "config.profit_pct" not in never_default


def test_what_was_seen_adds_up_whatever_the_order() -> None:
    parts = [_seen({"entry_pct": value}) for value in (0.2, 0.3, 0.4, 0.5)]
    forth: Values = {}
    back: Values = {}
    for part in parts:
        add(forth, part)
    for part in reversed(parts):
        add(back, part)
    assert forth == back


def test_calls_without_a_bound_are_named_with_the_reason() -> None:
    lacking = {CallCode.REMOVE_ORDER: "the shadow has no remove_order"}
    spots = blind_spots(Exercised(), [int(CallCode.FILL)], lacking)
    why = {spot.name: spot.why for spot in spots if spot.kind == "call"}
    assert "FillEvent" not in why
    assert why["PriceTick"] == NOT_CALLED
    assert why["remove_order"] == "the shadow has no such function"
    assert by_reason(NEVER_ASKED)
