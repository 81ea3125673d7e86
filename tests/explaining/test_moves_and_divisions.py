"""Statements done earlier or later, several passed over at once, and divisors that may be zero."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from edit_support import single_file_core

from replay.explaining.editing.editable import EditableCore
from replay.explaining.editing.vocabulary import divided
from replay.explaining.edits import edits_of
from replay.explaining.edits.divisions import without_zero_division
from replay.explaining.edits.moves import moved_statements
from replay.explaining.formulas.value_places import statement_places

BLOCK = """
def settled(state, found):
    state.first = 1
    state.second = 2
    if found:
        return
    state.third = found / state.second
"""


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> EditableCore:
    folder: Path = tmp_path_factory.mktemp("core")
    return EditableCore.open(single_file_core(folder, extra=BLOCK))


def lines_of(core: EditableCore) -> list[tuple[str, int]]:
    (module,) = core.map.modules.values()
    return [(module.key, line) for line in range(1, module.text.count("\n") + 2)]


def test_each_simple_statement_is_moved_over_others_of_its_block(core: EditableCore) -> None:
    mine = [one for one in moved_statements(core, lines_of(core)) if "settled" in one.function]
    orders = {
        tuple(line.strip().split(" ")[0] for line in edit.places[0].new.splitlines())
        for edit in mine
    }
    assert orders == {
        ("state.second", "if", "return", "state.first"),
        ("state.second", "if", "return", "state.third", "state.first"),
        ("if", "return", "state.third", "state.second"),
        ("state.third", "state.second", "if", "return"),
        ("state.third", "state.first", "state.second", "if", "return"),
    }
    assert all(core.is_quick(edit) for edit in mine)
    assert 'did "state.first = 1" after line' in mine[0].says


def test_statements_in_a_row_are_passed_over_together(core: EditableCore) -> None:
    places = statement_places(core, lines_of(core))
    made = {one.before + "x" + one.after for one in places if "settled" in one.function}
    assert "if x: state.first = 1; state.second = 2" in made


def test_an_edited_divisor_may_be_zero(core: EditableCore) -> None:
    edits = [one for one in edits_of(core) if len(one.places) == 1]
    edit = next(one for one in edits if "- market) / order.price" in one.says)
    (other,) = without_zero_division(core, edit)
    assert other.places[0].new == "divided(abs(order.price - market), order.price)"
    assert core.is_quick(other)
    assert list(without_zero_division(core, other)) == []
    apart = next(one for one in edits if "order.volume - market" in one.says)
    assert list(without_zero_division(core, apart)) == []


@pytest.mark.parametrize(
    ("number", "by", "expected"),
    [
        (1.0, 4.0, 0.25),
        (1.0, 0.0, math.inf),
        (1.0, -0.0, -math.inf),
        (-2, 0, -math.inf),
        (0.0, 0.0, math.nan),
        (math.nan, 0.0, math.nan),
    ],
)
def test_a_division_by_zero_is_an_infinity_or_no_number(
    number: float, by: float, expected: float
) -> None:
    assert repr(divided(number, by)) == repr(expected)
