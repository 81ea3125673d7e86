"""The order of things: the first for the last, before for after, one statement before another."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_text import BLOCKS
from replay.explaining.edits.model import Change, Unit, called_name, has_way_out
from replay.explaining.edits.operators import swapped

_ANY_ALL = {"any": "all", "all": "any"}
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.For)


def order(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Sequences gone through the other way or in part, elements and statements swapped."""
    match node:
        case ast.For(iter=items) | ast.comprehension(iter=items):
            yield from _gone_through(unit, items)
        case ast.Subscript(slice=ast.Constant(value=0)):
            yield Change(EditKind.ORDER, unit.span(node.slice), "-1")
        case ast.Subscript(slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))):
            yield Change(EditKind.ORDER, unit.span(node.slice), "0")
        case ast.Call():
            yield from _of_call(unit, node)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            yield from _elements(unit, node, elements)
        case ast.GeneratorExp() | ast.ListComp():
            yield from _only_the_first(unit, node)
    for block in BLOCKS:
        statements = getattr(node, block, ())
        if isinstance(statements, list):
            yield from _statements(unit, statements)
    if node is unit.nodes[0] and isinstance(unit.scope.node, ast.FunctionDef):
        yield from _statements(unit, unit.scope.node.body)


def _gone_through(unit: Unit, items: ast.expr) -> Iterator[Change]:
    text = unit.text(items)
    span = unit.span(items)
    yield Change(EditKind.ORDER, span, f"reversed(tuple({text}))")
    for part in ("[:1]", "[-1:]", "[1:]", "[:-1]"):
        yield Change(EditKind.ORDER, span, f"tuple({text}){part}")


def _of_call(unit: Unit, node: ast.Call) -> Iterator[Change]:
    name = called_name(node)
    if name in _ANY_ALL:
        yield Change(EditKind.ORDER, unit.span(node.func), _ANY_ALL[name])
    if name == "sorted":
        end = unit.span(node)[1] - 1
        yield Change(EditKind.ORDER, (end, end), ", reverse=True")
    if isinstance(node.func, ast.Attribute) and node.func.attr == "append" and len(node.args) == 1:
        span = unit.span(node.func.value)[1], unit.span(node)[1]
        yield Change(EditKind.ORDER, span, f".insert(0, {unit.text(node.args[0])})")


def _elements(
    unit: Unit, node: ast.Tuple | ast.List, elements: Sequence[ast.expr]
) -> Iterator[Change]:
    is_made = isinstance(node.ctx, ast.Load) and unit.text(node)[0] in "(["
    if is_made and len(elements) > 1 and not all(isinstance(e, ast.Constant) for e in elements):
        for one, other in pairwise(elements):
            yield swapped(unit, one, other, EditKind.ORDER)


def _only_the_first(unit: Unit, node: ast.GeneratorExp | ast.ListComp) -> Iterator[Change]:
    """Where all that fit are left out or changed: only the first of them."""
    if len(node.generators) != 1:
        return
    (loop,) = node.generators
    items, name = unit.text(loop.iter), unit.text(loop.target)
    if len(loop.ifs) == 1 and unit.text(node.elt) == name:
        new = f"all_but_first(lambda {name}: not ({unit.text(loop.ifs[0])}), {items})"
    elif isinstance(node.elt, ast.IfExp) and unit.text(node.elt.orelse) == name and not loop.ifs:
        fits, changed = unit.text(node.elt.test), unit.text(node.elt.body)
        new = f"first_changed(lambda {name}: {fits}, lambda {name}: {changed}, {items})"
    else:
        return
    start, end = unit.span(node)
    # The parentheses of a call's only argument count as the generator's own.
    is_argument = isinstance(node, ast.GeneratorExp) and isinstance(unit.parent(node), ast.Call)
    yield Change(EditKind.ORDER, (start, end), f"({new})" if is_argument else new)


def _statements(unit: Unit, statements: Sequence[ast.stmt]) -> Iterator[Change]:
    for one, other in pairwise(statements):
        if all(isinstance(node, _SIMPLE) and not _leaves(node) for node in (one, other)):
            yield swapped(unit, one, other, EditKind.ORDER)


def _leaves(node: ast.stmt) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or has_way_out(node)
