"""From a place to a formula: what a port computes that no known change of the core comes to."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cause_support import CORE, ENTRY, account_of_changed, one_step
from edit_support import single_file_core
from support.ports.making import changed_executable

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.formula_search import FormulaSearch
from replay.explaining.causes.pool import Pool
from replay.explaining.claims.statement_block import statement_block
from replay.explaining.editing.editable import EditableCore
from replay.explaining.editing.place_probe import PlaceProbe
from replay.explaining.formulas.conditions import WantedFlag, conditions
from replay.explaining.formulas.expressions import Wanted, formulas
from replay.explaining.formulas.value_places import statement_places
from replay.explaining.search.contest import Clock
from replay.streams.model import Stream
from replay.targets.open import open_target

SCOPES: tuple[dict[str, Any], ...] = (
    {"price": 0.1503, "volume": 21.7, "fee": 0.26, "losses": 3, "side": "buy", "mark": None},
    {"price": 1.207, "volume": 3.25, "fee": 0.4, "losses": 0, "side": "sell", "mark": 5.0},
    {"price": 0.077, "volume": 140.5, "fee": 0.1, "losses": 8, "side": "buy", "mark": 0.0},
)


@pytest.mark.parametrize(
    "formula",
    [
        "volume",
        "-price",
        "max(price, fee)",
        "price * volume * fee / 100",
        "price - volume - fee",
        "(price - volume) * (1 + fee)",
        "price * (1 - fee / 100)",
        "60 * losses",
        "min(volume, price + fee)",
    ],
)
def test_the_smallest_formula_that_comes_to_all_numbers_is_found(formula: str) -> None:
    values = [eval(formula, {}, dict(scope)) for scope in SCOPES]
    wanted = [
        Wanted(scope, value, 1e-9 * abs(value)) for scope, value in zip(SCOPES, values, strict=True)
    ]
    found = [one.text for one in formulas(wanted, {})]
    assert found
    assert [eval(found[0], {}, dict(scope)) for scope in SCOPES] == values
    assert len(list(ast.walk(ast.parse(found[0])))) <= len(list(ast.walk(ast.parse(formula))))


def test_numbers_that_nothing_comes_to_have_no_formula() -> None:
    wanted = [Wanted(scope, 10.0**place, 1e-6) for place, scope in enumerate(SCOPES)]
    assert formulas(wanted, {}) == []


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        ((True, False, True), {"side == 'buy'", "side != 'sell'"}),
        ((True, False, False), {"mark is None"}),
        ((True, True, True), {"price > 0", "(native) or price > 0"}),
    ],
)
def test_a_condition_is_found_by_where_it_holds(wanted: Sequence[bool], texts: set[str]) -> None:
    examples = [WantedFlag(scope, False, flag) for scope, flag in zip(SCOPES, wanted, strict=True)]
    assert texts <= set(conditions(examples, "native"))


def test_where_there_may_be_none_a_condition_asks_for_that_first() -> None:
    marks = ((None, 5.0), (9.0, 5.0), (math.inf, 0.0), (1.0, 5.0))
    scopes: list[dict[str, Any]] = [{"mark": mark, "now": now} for mark, now in marks]
    wanted = (False, True, True, False)
    examples = [WantedFlag(scope, False, flag) for scope, flag in zip(scopes, wanted, strict=True)]
    found = conditions(examples, "False")
    assert "mark is not None and mark > now" in found
    assert not any("(False)" in text for text in found)


VALUES = [
    (0.1003, 21.7, 0.003), (0.0999, 12.5, 0.0021), (0.1017, 33.25, 0.004), (0.1111, 40.5, 0.0093),
    (0.0871, 16.75, 0.0017), (0.0934, 18.125, 0.0061),
]  # fmt: skip
FILLS = [
    one_step(
        (2, 1, "T", "buy", price, volume, fee, 50.0 + number),
        {"maker_fee_pct": 0.26 + number / 7},
        orders=[{**ENTRY, "price": 0.11, "volume": 17.25, "placed_at": 3.0}],
        market_price=0.1234,
    )
    for number, (price, volume, fee) in enumerate(VALUES)
]
TICKS = [
    one_step(
        (0, 0.2, 50.0 + number),
        {"refresh_pct": 5.0},
        orders=[{**ENTRY, "price": price, "entry_fee": fee * 40}],
        last_refresh_direction_b="up",
    )
    for number, (price, _, fee) in enumerate(VALUES)
]
FILLED = 'event.volume, order.trade_id, order.cycle, "", event.timestamp, event.price, event.fee,\n'
LEAST = FILLED.replace("event.volume", "min(event.volume, order.volume)")
ASSUMED = FILLED.replace("event.fee", "event.price * event.volume * config.maker_fee_pct / 100")
NO_DRIFT = "drift = 0.0 if market <= 0 else"
RARELY = "drift = 0.0 if market <= 0 or order.entry_fee > order.price else"


@pytest.mark.parametrize(
    ("change", "cases", "formula"),
    [
        ((FILLED, LEAST), FILLS, "min(event.volume, entry.volume)"),
        ((FILLED, ASSUMED), FILLS, "event.price * event.volume * config.maker_fee_pct / 100"),
        ((NO_DRIFT, RARELY), TICKS, "(market <= 0) or order.price < order.entry_fee"),
    ],
)
def test_what_no_catalogue_has_is_found_where_another_value_does(
    change: tuple[str, str], cases: Sequence[Stream], formula: str, tmp_path: Path
) -> None:
    authority, shadow = (
        open_target("python"),
        open_target(str(changed_executable(tmp_path, [change]))),
    )
    with closing(authority), closing(shadow):
        pool = Pool(CorrectedCore(CORE, reads_next=False))
        pool.add(Asking(authority, shadow).ask(cases))
    target, *alike = pool.unexplained
    tries = FormulaSearch(pool, Clock(400.0)).edits(target, alike, 0.9)
    assert formula in {place.new for found in tries for edit in found for place in edit.places}


def test_a_statement_comes_to_whether_it_is_done_and_to_a_way_out_before_it(tmp_path: Path) -> None:
    extra = (
        "def noted(state, found):\n"
        "    found.count += 1\n"
        "    if found.count: state.last = found\n"
        "def counted(found):\n"
        "    found.count += 1\n"
        "    return found.count\n"
    )
    core = EditableCore.open(single_file_core(tmp_path, extra=extra))
    (module,) = core.map.modules.values()
    lines = [(module.key, line) for line in range(1, module.text.count("\n") + 2)]
    places = [
        place
        for place in statement_places(core, lines)
        if place.function in ("state_machine.noted", "state_machine.counted")
    ]
    made = {(one.function, one.before + "x" + one.after) for one in places}
    assert made == {
        ("state_machine.noted", "if x: found.count += 1"),
        ("state_machine.noted", "if x: return\n    found.count += 1"),
        ("state_machine.noted", "if x: return\n    if found.count: state.last = found"),
        ("state_machine.counted", "if x: found.count += 1"),
        ("state_machine.counted", "if x: return found.count\n    found.count += 1"),
    }
    (edit,) = {one.with_text(core, "x").places[0].new for one in places if one.native == "True"}
    assert edit == "if x: found.count += 1"


def test_a_formula_is_a_cause_that_can_be_pasted(tmp_path: Path) -> None:
    account = account_of_changed(tmp_path, [(FILLED, ASSUMED)], FILLS, generate=0, steps=8_000)
    (cause,) = account.causes
    assert cause.is_verified
    assert account.left == {}
    assert "event.price * event.volume * config.maker_fee_pct / 100" in cause.statement.says
    block = statement_block("the fee is assumed", [cause.statement], CORE)
    assert "event.price * event.volume * config.maker_fee_pct / 100" in block


def test_a_place_that_runs_through_itself_is_looked_at_once() -> None:
    probe = PlaceProbe()
    with probe.looking(lambda frame: {"seen": probe(2)}) as hits:
        assert probe(1) == 1
    assert hits == [(1, {"seen": 2})]
    with probe.forcing({1: 9}):
        assert [probe(1), probe(1), probe(1)] == [1, 9, 1]
