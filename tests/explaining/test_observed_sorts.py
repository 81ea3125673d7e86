"""A core without annotations: what its values were seen to be says what may stand for what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from cause_support import ENTRY, one_step
from edit_support import single_file_core

from replay.explaining.editing.editable import EditableCore
from replay.explaining.editing.observed_sorts import OTHER, Observed, common
from replay.explaining.edits import edits_of
from replay.explaining.edits.code_units import units_of

CASES = [
    one_step((2, 1, "T", "buy", 0.1, 20.0, 0.1, 5.0), orders=[ENTRY]),
    one_step((0, 0.2, 5.0), {"refresh_pct": 1.0}, orders=[ENTRY]),
]
CODE = one_step.__code__


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> EditableCore:
    """Our core as one file, whose functions say nothing of what they take and give."""
    path = Path(single_file_core(tmp_path_factory.mktemp("bare")))
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                one.annotation = None
    path.write_text(ast.unparse(tree), "utf-8")
    return EditableCore.open(str(path))


def test_names_have_the_sorts_that_they_were_seen_to_have(bare: EditableCore) -> None:
    bare.observe(CASES)
    functions, _ = units_of(bare, ())
    names = {unit.scope.name: unit.names.sorts for unit in functions}
    target = names["state_machine.exit_price"]
    assert (target["fill_price"], target["config"], target["p"]) == (
        "float",
        "EngineConfig",
        "float",
    )
    assert bare.seen["state_machine.exit_price"]["return"] == "float"


def test_what_was_seen_brings_edits_that_no_annotation_does(bare: EditableCore) -> None:
    bare.seen = bare.seen_records = {}
    before = {one.says for one in edits_of(bare) if one.function == "state_machine.exit_price"}
    bare.observe(CASES)
    after = {one.says for one in edits_of(bare) if one.function == "state_machine.exit_price"}
    assert any("min(market * (1 - p)" in says or "min(market" in says for says in after - before)


def test_what_is_nested_deep_is_looked_into_only_so_far() -> None:
    nested: list[object] = []
    for _ in range(5000):
        nested = [nested]
    seen = Observed()
    seen.note(CODE, "it", nested)
    assert seen.names[CODE]["it"] == {"tuple[tuple[tuple[object, ...], ...], ...]"}


def test_that_a_value_may_be_missing_says_nothing_of_its_sort() -> None:
    assert common({"", "float"}) == "float"
    assert common({"int", "float"}) == "float"
    assert common({"str", "float"}) == ""
    assert common({OTHER}) == ""
