"""Every name that a signature has for a rule leads to words that stand in the contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replay.differential.model import Signature
from replay.differential.signature import rules, signature
from replay.differential.signature.rules import place_in_contract
from replay.differential.signature.signature import rule_at_work
from replay.streams.model import EVENT_FIELDS, EVENT_NAMES, Document, call_name
from replay.targets.compact import read_state

CONTRACT = (Path(__file__).parents[2] / "docs" / "contract" / "reducer.md").read_text("utf-8")
SIGNING = sorted(Path(signature.__file__).parent.glob("*.py"))
SOURCE = "".join(path.read_text("utf-8") for path in SIGNING)


def of(rule: str, field: str = "state.now", event: str = "PriceTick") -> str:
    return place_in_contract(Signature(event, rule, field, "value"))


def headings() -> set[str]:
    return {
        *(section.partition(", ")[0] for section in rules._SECTIONS.values()),
        *rules._METHODS.values(),
        *rules._BLOCKS.values(),
        *EVENT_NAMES.values(),
    }


def test_every_place_stands_in_the_contract() -> None:
    for heading in headings():
        assert re.search(rf"^(## {heading}$|\*\*{heading}\b)", CONTRACT, re.MULTILINE), heading
    for section in rules._SECTIONS.values():
        assert section.partition(", ")[2] in CONTRACT, section
    for steps in rules._REFRESH_STEPS.values():
        for step in re.findall(r"\d", steps):
            assert re.search(rf"^{step}\. ", CONTRACT.partition("**PriceTick.**")[2], re.MULTILINE)


def test_every_rule_that_the_code_signs_with_has_a_place() -> None:
    signed = set(re.findall(r'Signature\(\w+, "([^"]+)"', SOURCE))
    assert len(signed) >= 8
    assert [rule for rule in signed if of(rule) == rules.CONTRACT] == []


ENTRY: dict[str, Document] = {
    "local_id": 1, "side": "buy", "role": "entry", "price": 1.0, "volume": 1.0,
    "trade_id": "B", "cycle": 1,
}  # fmt: skip
SELL_EXIT: dict[str, Document] = {**ENTRY, "local_id": 2, "side": "sell", "role": "exit"}
BUY_EXIT: dict[str, Document] = {**SELL_EXIT, "local_id": 3, "side": "buy"}
RECOVERY: dict[str, Document] = {
    "recovery_id": 1, "side": "buy", "price": 1.0, "volume": 1.0, "trade_id": "B",
    "cycle": 1, "entry_price": 1.0, "orphaned_at": 1.0,
}  # fmt: skip


def test_every_rule_that_events_meet_has_a_place() -> None:
    met = set()
    for orders in ([], [ENTRY], [ENTRY, SELL_EXIT], [BUY_EXIT, SELL_EXIT]):
        state = read_state({"market_price": 1.0, "now": 1.0, "orders": orders,
                            "recovery_orders": [RECOVERY]})  # fmt: skip
        for code, fields in EVENT_FIELDS.items():
            for target in range(1, 5):
                call = (int(code), target, *([1.0] * (len(fields) - 1)))
                met |= {(call_name(call), rule_at_work(call, one)) for one in (state, None)}
    assert len({rule for _, rule in met}) >= 11
    assert [one for one in met if of(one[1], event=one[0]) == rules.CONTRACT] == []


@pytest.mark.parametrize(
    ("rule", "field", "place"),
    [
        ("entry fill", "state.total_fees", 'reducer.md, "FillEvent", An entry'),
        ("book a cycle", "state.total_fees", 'reducer.md, "Book a cycle"'),
        ("refresh", "state.last_refresh_direction_*", 'reducer.md, "PriceTick", step 3'),
        ("refresh", "actions[].reason CancelOrderAction", 'reducer.md, "PriceTick", step 6'),
        ("refresh", "whether it acts", 'reducer.md, "PriceTick", step 1'),
        ("refresh", "state.now", 'reducer.md, "PriceTick"'),
        ("refresh", "whether it acts: drift", 'reducer.md, "PriceTick", step 1'),
        (
            "refresh",
            "state.consecutive_refreshes_*: pause that ran out",
            'reducer.md, "PriceTick", steps 2 and 4',
        ),
        ("new entry", "state.orders[].price", 'reducer.md, "New entry"'),
        (
            "new entry",
            "state.orders[].price: backoff",
            'reducer.md, "New entry" and "Backoff multiplier"',
        ),
        (
            "new entry",
            "whether an entry follows: cool-down",
            'reducer.md, "New entry" and "Follow-up entry"',
        ),
        (
            "order volume",
            "state.orders[].volume: size",
            'reducer.md, "Order volume" and "Effective size"',
        ),
        ("price and time", "state.market_price", 'reducer.md, "PriceTick"'),
        ("S2 time-out", "which exit is orphaned", 'reducer.md, "TimerTick", S2'),
    ],
)
def test_the_place_of_a_rule(rule: str, field: str, place: str) -> None:
    assert of(rule, field) == place


def test_a_recovery_that_is_unknown_is_looked_up_under_its_own_event() -> None:
    assert "RecoveryCancelEvent" in of("unknown recovery", event="RecoveryCancelEvent")
    assert "RecoveryFillEvent" in of("unknown recovery", event="RecoveryFillEvent")


def test_methods_have_a_place_too_and_what_is_unknown_has_the_contract() -> None:
    assert of("", event="check_invariants") == 'reducer.md, "Invariants"'
    assert of("", event="apply_order_regime_at_entry") == 'reducer.md, "Reading a state"'
    assert of("a rule of tomorrow", event="unknown event") == "reducer.md"
