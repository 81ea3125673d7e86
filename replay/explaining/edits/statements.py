"""Statements that are done twice, or before a way out that they come after."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit

_AFTER = 4
"""How many statements after a way out may be done before it."""


def statements(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """What is counted or added, twice; what a guard keeps from being done, done all the same."""
    if isinstance(node, ast.AugAssign) or _adds(node):
        text = unit.text(node)
        yield Change(EditKind.CALL, unit.span(node), f"{text}; {text}", "twice")
    elif isinstance(node, ast.If) and not node.orelse and node.body:
        last = node.body[-1]
        if isinstance(last, ast.Return | ast.Continue):
            for later in _after(unit, node):
                new = f"{unit.text(later)}; {unit.text(last)}"
                yield Change(EditKind.BRANCH, unit.span(last), new, "before the way out")


def _adds(node: ast.AST) -> bool:
    """Whether it is a call of a method for what that does, such as `append`: a whole function done
    twice would be many things at once."""
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return is_call and isinstance(node.value.func, ast.Attribute)  # type: ignore[attr-defined]


def _after(unit: Unit, node: ast.stmt) -> Sequence[ast.stmt]:
    """The simple statements that come next to a statement, in the same block."""
    block = unit.module.block_of(node)
    rest = block[block.index(node) + 1 :]
    return [one for one in rest if isinstance(one, ast.Assign | ast.AugAssign | ast.Expr)][:_AFTER]
