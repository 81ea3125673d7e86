"""Conditions that ask for more than they should: only buys, only entries, only trade A."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit, tests_of

_AND = 3


def narrowing(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """A condition, and beside it one of the few values that a field of what it looks at can have.

    Only fields that the condition does not look at already: another value for those is another
    comparison.
    """
    for test in tests_of(node):
        looked_at = {
            unit.text(part) for part in ast.walk(test) if isinstance(part, ast.Attribute | ast.Name)
        }
        for what, texts in _of_few_values(unit, test).items():
            if what not in looked_at:
                for text in texts:
                    new = f'{unit.operand(test, _AND)} and {what} == "{text}"'
                    yield Change(EditKind.BRANCH, unit.span(test), new, f"only {text}")


def _of_few_values(unit: Unit, test: ast.expr) -> dict[str, tuple[str, ...]]:
    """The fields of the records in a condition that have one of a few texts each."""
    found: dict[str, tuple[str, ...]] = {}
    for part in ast.walk(test):
        if not (isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name)):
            continue
        for field, sort in unit.sorts.fields(unit.sort(part.value)).items():
            texts = unit.sorts.literals.get(sort)
            if texts is not None:
                found[f"{part.value.id}.{field}"] = texts
    return found
