"""Conditions: what can be said in one, and what is refused before it can do anything."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping
from typing import Any

import pytest
from differential_makers import order, state

from replay.differential.conditions.condition import MAX_TEXT, Condition, ConditionError, facts_of
from replay.differential.conditions.facts import FACT_NAMES, config_at
from replay.differential.model import ABSENT, Difference, DifferenceKind
from replay.errors import UsageError
from replay.streams.model import Step
from replay.targets.compact import read_state

FILL = (2, 1, "T1", "buy", 0.3, 25.0, 0.1, 1006.0)
DIFFERENCES = (
    Difference("state.total_fees", DifferenceKind.MAGNITUDE, 1.0, 0.5),
    Difference("state.cooldown_until_a", DifferenceKind.SIGN, 2.0, -2.0),
    Difference("actions[0]", DifferenceKind.MISSING, {"type": "BookCycleAction"}, ABSENT),
)


def facts(call: Any = FILL, before: Any = None, config: Any = None) -> Mapping[str, Any]:
    document = state(order(1, "buy", "exit", 0.3), order(2, "sell", "entry")) if before is None \
        else before  # fmt: skip
    return facts_of(call, read_state(document), DIFFERENCES, [], [], config or {})


@pytest.mark.parametrize(
    "text",
    [
        'event == "FillEvent" and rule == "exit fill" and phase == "S1a"',
        "price == 0.3 and market_price == 0.2",
        '"state.total_fees" in fields and "state.cooldown_until_*" in fields',
        'kinds == ["magnitude", "sign", "missing"]',
        "authority == 1.0 and shadow == 0.5",
        "abs(authority - shadow) < 0.6 and round(0.125, 2) == 0.12",
        "differences[0].path == differences[0].field",
        "differences[-1].shadow is None and differences[-1].authority is not None",
        'differences[2].authority.type == "BookCycleAction"',
        'any(d.kind == "sign" for d in differences) and not all(d.shadow for d in [])is False',
        "state.orders[0].price == 0.3 and len(state.orders) == 2",
        'all(o.cycle >= 1 for o in state.orders if o.role == "exit")',
        "[o.local_id for o in state.orders[1:]] == [2]",
        "state.completed_cycles == [] and state.recovery_orders == []",
        "max((o.price for o in state.orders), default=0) > 0.2 > min(0.1, 0.15)",
        "config.refresh_pct == 1.0 and config.entry_pct_a is None",
        "call.fee == 0.1 and call.order_local_id == 1",
        "2 * price - price / 1 == price and -price < +price and 7 // 2 == 3 and 7 % 4 == 3",
        "2 ** 10 == 1024",
        "phase in ('S1a', 'S2') and phase not in {'S0'}",
        "(price > 1 if state.long_only else price < 1)",
        "state.now\n  > 1 # time has come\n  and price > 0",
        "True",
    ],
)
def test_what_can_be_said(text: str) -> None:
    condition = Condition.parse(text)
    assert condition.holds(facts()) is True
    assert Condition.parse(f"not ({text}\n)").holds(facts()) is False


def test_a_condition_goes_through_a_pipe_and_is_equal_to_its_like() -> None:
    condition = Condition.parse(" price > 0.1 ")
    copy = pickle.loads(pickle.dumps(condition))
    assert copy == condition == Condition.parse("price > 0.1") != Condition.parse("price > 0.2")
    assert copy.text == "price > 0.1"
    assert copy.holds(facts())
    assert len({copy, condition}) == 1


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("pric > 1", "there is no 'pric'; did you mean price", 1),
        ("price > 1 and statee", "'statee'; did you mean state", 15),
        ("state.marketprice > 1", "state has no 'marketprice'; did you mean market_price", 1),
        ("config.refresh > 1", "config has no 'refresh'", 1),
        ("call.fees > 1", "call has no 'fees'; did you mean fee", 1),
        ("any(d.kin == 'sign' for d in differences)", "no field 'kin'; did you mean kind", 5),
        ('event == "FillEvent" or "TimerTick"', '"TimerTick" is no yes or no', 25),
        ("price + 1", r"price \+ 1 is no yes or no", 1),
        ("len(fields)", "is no yes or no", 1),
        ("any(fields) and []", r"\[\] is no yes or no", 17),
        ("not event", "event is no yes or no", 5),
        ("abs", "abs is a function", 1),
        ("sum(fields) > 1", "there is no function 'sum'", 1),
        ("price is 1", "`is` is for None", 1),
        ("price >", "cannot be read", 7),
        ("price > 1\nand\npric > 2", "'pric'; did you mean price", 15),
        ('"ü" in fields and pric > 1', "there is no 'pric'", 19),
        ("(price", "never closed", 1),
        ("a := 1", "cannot be read", 3),
        ("any(price > 1 for price in fields)", "'price' means something already", 19),
        ("any(x > 1 for x in y)", "there is no 'y'", 20),
        ("any(x > 1 for x in fields) and x", "there is no 'x'", 32),
        ("min() > 1", "min needs something", 1),
        ("max(1, 2, key=abs) > 1", "max takes no key", 1),
        ("any(5 for x in fields)", "5 is no yes or no", 5),
        ("price > 1j", "no values like 1j", 9),
        ("price > 1 # \n)", "unmatched", 14),
    ],
)
def test_what_is_wrong_is_told_when_it_is_read(text: str, reason: str, place: int) -> None:
    with pytest.raises(ConditionError, match=reason) as caught:
        Condition.parse(text)
    assert isinstance(caught.value, UsageError)
    assert caught.value.data["place"] == place
    assert f"at character {place}: " in caught.value.message


@pytest.mark.parametrize("text", ["", "  \n ", "x" * (MAX_TEXT + 1)], ids=["none", "blank", "long"])
def test_no_text_and_too_long_a_text_are_refused(text: str) -> None:
    with pytest.raises(ConditionError, match=r"is empty|has 1,001 characters; 1,000 are the most"):
        Condition.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("not " * 200 + "True", "-" * 900 + "1 > 0", "(" * 300 + "1" + ")" * 300 + " > 0"),
        *("[" * 400, "{" * 150 + "}" * 150, "1 > 0 if True else " * 40 + "True"),
        "state" + ".orders" * 100 + " is None",
        *("\x00", "price > 1 \x00", "price > '\ud800'"),
    ],
    ids=lambda text: text[:12],
)
def test_what_would_choke_the_parser_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        Condition.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "state.__class__ is None",
        "().__class__.__bases__ == 1",
        '"".join(fields) == ""',
        'fields.append("x") is None',
        'open("/etc/passwd") is None',
        '__import__("os").system("true") == 0',
        "eval('1') == 1",
        "(lambda: 1)() == 1",
        'f"{price:999999999}" == ""',
        "{**state} == {}",
        "[*fields] == []",
        "any(x for x in fields if (y := 1))",
        "state.title == 1",
        "differences[0]._get is None",
        "list(fields) == []",
        "str(price) == '1'",
        "rand() > 0",
        "min(*fields) > 1",
        "max(1, **call) > 1",
        "1 << 99999 > 1",
        "~1 > 1",
        "b'x' == b'x'",
        "... is None",
    ],
)
def test_there_is_no_way_out(text: str) -> None:
    with pytest.raises(ConditionError):
        Condition.parse(text)


MANY = [
    {"trade_id": "A", "cycle": n, "entry_price": 0.2, "exit_price": 0.2, "volume": 1.0,
     "gross_profit": 0.0, "fees": 0.0, "net_profit": float(n)}
    for n in range(3000)
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "2 ** 99999999 > 1",
        "9 ** 9 ** 9 ** 9 > 1",
        "2.0 ** 99999 > 1",
        "round(5, -1000000000) == 1",
        "round(0.5, 10 ** 9) == 1",
        '"%1000000000d" % 1 == ""',
        '"a" * 1000000000 == ""',
        "fields * 1000000000 == []",
        "(-8) ** 0.5 > 1",
        "any(a.cycle == b.cycle for a in state.completed_cycles for b in state.completed_cycles)",
        "any(x in state.completed_cycles for x in state.completed_cycles)",
        "any(len([1 for x in state.completed_cycles]) > 5000 for y in state.completed_cycles)",
        "any(state.completed_cycles == [] for x in state.completed_cycles[:2000] "
        "if state.completed_cycles == state.completed_cycles)",
    ],
)
def test_nothing_hangs_or_eats_the_memory(text: str) -> None:
    condition = Condition.parse(text)
    long = facts(before=state(completed_cycles=MANY))
    began = time.process_time()
    with pytest.raises(ConditionError, match="cannot be told"):
        condition.holds(long)
    assert time.process_time() - began < 5.0


def test_a_long_history_can_be_asked_about() -> None:
    long = facts(before=state(completed_cycles=MANY))
    assert Condition.parse("state.completed_cycles[-1].net_profit == 2999").holds(long)
    assert Condition.parse("any(c.net_profit > 2998 for c in state.completed_cycles)").holds(long)


TICK = (0, 0.2, 1001.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("call.fee > 1", r"call \(a PriceTick\) has no fee"),
        ("price > 'x'", "not supported between"),
        ("state.orders[9].price > 1", "out of range"),
        ("state.last_price_update_at > 1", "not supported between"),
        ("authority", "gives 1.0, no yes or no"),
        ("not authority", "authority is 1.0, no yes or no"),
        ("state.now and price > 1", "state.now is 1000.0, no yes or no"),
        ("price / 0 > 1", "division by zero"),
        ("any(a > b for a, b in [[1]])", "b is not known here"),
        ("authority.path == 1", "authority has no path"),
        ("differences[0].authority.type == 'X'", "has no type"),
    ],
)
def test_what_cannot_be_told_of_an_occurrence_is_an_error(text: str, reason: str) -> None:
    with pytest.raises(ConditionError, match=reason):
        Condition.parse(text).holds(facts(TICK, state()))


def test_where_there_is_no_state_nothing_is_known_of_it() -> None:
    known = facts_of({"timestamp": 5.0}, None, (), [], [], {"refresh_pct": "much"})
    assert known.keys() == set(FACT_NAMES)
    assert (known["phase"], known["event"], known["rule"]) == ("", "TimerTick", "unreadable state")
    assert known["price"] is known["market_price"] is known["authority"] is known["config"] is None
    assert known["fields"] == known["kinds"] == known["differences"] == []
    assert Condition.parse("call.timestamp == 5 and state is None").holds(known)
    for text in ("state.now > 1", "config.refresh_pct > 1"):
        with pytest.raises(ConditionError, match="is not known here"):
            Condition.parse(text).holds(known)


def test_a_method_has_its_fields_too() -> None:
    known = facts_of((5, 7, "BULLISH"), read_state(state()), (), [], [], {})
    assert Condition.parse(
        'event == "apply_order_regime_at_entry" and call.local_id == 7 and price is None '
        'and call.regime_at_entry == "BULLISH"'
    ).holds(known)


def test_the_config_is_the_one_in_force_at_that_step() -> None:
    ticks = [
        Step(TICK),
        Step(TICK, {"config": {"refresh_pct": 2.0}}),
        Step(TICK, {"config": {"refresh_pct": "x"}}),
        Step(TICK, {"config": {"refresh_pct": 4.0}}),
    ]
    answer: Any = [[], [], []]
    outcomes = [answer, answer, ["unreadable", "config.refresh_pct"], answer]
    found = [config_at({}, ticks, outcomes, place) for place in range(4)]
    assert found == [{}, {"refresh_pct": 2.0}, {"refresh_pct": 2.0}, {"refresh_pct": 4.0}]
