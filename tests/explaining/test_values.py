"""The values at work where the cores differ."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from explain_support import faulty, one_step

from replay.explaining.editing.editable import EditableCore
from replay.explaining.edits import edits_of
from replay.explaining.evidence.passages import Passage, Role, Witness
from replay.explaining.search.values_at_work import ValueAtWork, ValueKind, ulps, values_at_work
from replay.streams.model import Stream
from replay.targets.pair import PairSpec

ENTRY = {
    "local_id": 3, "side": "buy", "role": "entry", "price": 0.1, "volume": 20.0, "trade_id": "B",
    "cycle": 2,
}  # fmt: skip
HALF_UP = (
    "entries.py",
    ("return rnd(max(fill_price * (1 + p), market * (1 + e)), config.price_decimals)",
     "import math\n        x = max(fill_price * (1 + p), market * (1 + e))\n"
     "        return math.floor(x * 10**config.price_decimals + 0.5) / 10**config.price_decimals"),
)  # fmt: skip
FEES = ("booking.py", ("fees = closed.entry_fee + fee", "fees = closed.entry_fee + fee * 1.5"))


def diverging(shadow: str, case: Stream) -> Passage:
    """The case as both cores answer it."""
    authority, other = PairSpec("python", shadow).open()
    witness = Witness(authority, other, None)  # type: ignore[arg-type]
    (passage,) = witness.ask([case])
    assert passage.roles == (Role.ASIDE,)
    return passage


def test_a_rounding_is_told_with_its_exact_value_its_tie_and_who_took_which(
    tmp_path: Path,
) -> None:
    """2.5 has an exact tie at 0 decimals: to even for one core, upwards for the other."""
    shadow = faulty(tmp_path, *HALF_UP)
    case = one_step(
        (2, 3, "", "buy", 2.5, 20.0, 0.0, 1.0),
        config={"price_decimals": 0, "profit_pct": 0.0, "entry_pct": 0.0},
        orders=[ENTRY], profit_pct_runtime=0.0,
    )  # fmt: skip
    (value, *_) = values_at_work(EditableCore.open("python"), diverging(shadow, case))
    assert (value.kind, value.where[:16]) == (ValueKind.ROUNDING, "entries.py line ")
    assert "rnd(max(fill_price * (1 + p)" in value.expression
    told = " ".join(value.says)
    assert "the exact value is 2.5" in told
    assert "2 or 3: it is the tie itself" in told
    assert "the authority took 2.0" in told
    assert "the shadow took 3.0" in told


def test_a_number_that_differs_is_told_with_the_expression_that_gives_it(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, *FEES)
    exit_order = {**ENTRY, "role": "exit", "side": "sell", "entry_price": 0.09, "entry_fee": 0.25}
    case = one_step((2, 3, "", "sell", 0.1, 20.0, 0.5, 1.0), orders=[exit_order])
    values = values_at_work(EditableCore.open("python"), diverging(shadow, case))
    number = next(one for one in values if one.kind is ValueKind.NUMBER)
    assert number.expression == "closed.entry_fee + fee"
    assert "authority 0.75, shadow 1.0" in number.says[0]


def test_both_sides_of_a_comparison_are_told_at_its_boundary(tmp_path: Path) -> None:
    shadow = faulty(
        tmp_path, "reducer.py", ("if now < cooldown_until:", "if now <= cooldown_until:")
    )
    case = one_step((0, 0.2, 7.0), orders=[ENTRY], refresh_cooldown_until_b=7.0)
    values = values_at_work(EditableCore.open("python"), diverging(shadow, case))
    assert told(values, "now < cooldown_until") == (
        "7.0 against 7.0, which is false: both sides are equal",
    )


def test_what_stands_where_the_edit_is_comes_first(tmp_path: Path) -> None:
    shadow = faulty(
        tmp_path, "reducer.py", ("if now < cooldown_until:", "if now <= cooldown_until:")
    )
    case = one_step((0, 0.2, 7.0), orders=[ENTRY], refresh_cooldown_until_b=7.0)
    core = EditableCore.open("python")
    edit = next(one for one in edits_of(core) if "now <= cooldown_until" in one.says)
    values = values_at_work(core, diverging(shadow, case), [edit])
    assert values[0].expression == "now < cooldown_until"


def told(values: tuple[ValueAtWork, ...], expression: str) -> tuple[str, ...]:
    return next(one.says for one in values if one.expression == expression)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (1.0, 1.0, 0),
        (1.0, math.nextafter(1.0, 2.0), 1),
        (0.1 + 0.2, 0.3, 1),
        (1.0, 2.0, None),
        (1.0, math.inf, None),
        (0.0, 5e-324, 1),
        (10**400, 1.0, None),
    ],
)
def test_how_many_doubles_lie_between_two_numbers(
    one: float, other: float, apart: int | None
) -> None:
    assert ulps(one, other) == apart
