"""Fields as a person writes them into explanations.toml."""

from __future__ import annotations

from typing import Any

import pytest
from cause_support import ENTRY, one_step

from replay.errors import UsageError
from replay.explaining.causes.leaves import ANY, Field, leaves_of
from replay.explaining.causes.patterns import Pattern, patterns_of
from replay.explaining.claims.field_patterns import kind_word, pattern_of, pattern_text

STEP = one_step(
    (1, 5.0),
    {"fee_rate": 0.1, "odd name": 1, 'a "dot.": x': 2},
    {"A": 1.0},
    orders=[ENTRY, "no record"],
    profit_pct=1.0,
)


def _all_patterns() -> set[Pattern]:
    fields: set[Any] = {leaf.field for leaf in leaves_of(STEP)}
    fields |= {Field("action", "PlaceOrderAction", "price", "d"), Field("event", "", "txid", "t")}
    return {pattern for field in fields for pattern in patterns_of(field)}


def test_every_pattern_that_a_search_makes_is_read_as_it_was_written() -> None:
    patterns = _all_patterns()
    assert len(patterns) > 100
    for pattern in patterns:
        text, kind = pattern_text(pattern), kind_word(pattern)
        assert pattern_of(text, kind) == pattern, text
    assert len({(pattern_text(one), one.kind) for one in patterns}) == len(patterns)


@pytest.mark.parametrize(
    ("text", "pattern"),
    {
        "state.orders[].price": ("state", "orders", "price"),
        "state.orders[]": ("state", "orders", ""),
        "config": ("config", "", ""),
        "event.price": ("event", "", "price"),
        "event.PriceTick.price": ("event", "PriceTick", "price"),
        "event.PriceTick": ("event", "PriceTick", ""),
        "config.*": ("config", "", ANY),
        "state.**": ("state", ANY, ANY),
        "**.price": (ANY, ANY, "price"),
        "**": (ANY, ANY, ANY),
        'config."odd name"': ("config", "", "odd name"),
    }.items(),
)
def test_fields_are_said_as_they_are_read(text: str, pattern: tuple[str, str, str]) -> None:
    kind = "unknown" if " " in text else ""
    read = pattern_of(text, kind)
    assert read[:3] == pattern
    assert pattern_text(read) == text


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("", "", "is no field: they are like"),
        ("state..price", "", "is no field"),
        ("state.orders.price", "", "is no field"),
        ("state.order[].price", "", "no list 'order'"),
        ("event.Tick.price", "", "no event 'Tick'"),
        ("stat.price", "", "no document 'stat'"),
        ("state.prise", "", 'say kind = "unknown"'),
        ("state.orders[].prise", "double", "has no field state.orders[].prise"),
        ("state.now", "real number", "there is no kind 'real number'"),
        ('config."**"', "unknown", "cannot be the name of a field"),
        ('config."\\q"', "unknown", "is no text"),
    ],
)
def test_what_no_field_can_be_is_refused(text: str, kind: str, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        pattern_of(text, kind)
    assert reason in error.value.message
