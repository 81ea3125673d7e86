"""Ways out that a port does not take, or takes with what it should have given up."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_map import Function
from replay.explaining.edits.model import Change, Unit

_BOUNDS: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_LOOPS: Final = (ast.For, ast.While)


def ways_out(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """A return after which the function goes on with what it would have returned, a limit that
    is kept to where the function gives up, and what is set before a loop at each of its rounds."""
    match node:
        case ast.Return(value=ast.expr() as value):
            yield from _going_on(unit, node, value)
        case ast.If(test=test, body=[ast.Return() | ast.Raise() as way_out]):
            for compared in ast.walk(test):
                if isinstance(compared, ast.Compare):
                    yield from _kept_to(unit, compared, way_out)
        case ast.For() | ast.While():
            yield from _set_at_each_round(unit, node)


def _going_on(unit: Unit, node: ast.Return, value: ast.expr) -> Iterator[Change]:
    """What is returned put into the names that the function returns elsewhere."""
    is_in_loop = _is_in_loop(unit, node)
    if not is_in_loop and isinstance(unit.parent(node), Function):
        return
    ways = ["", "; continue", "; break"] if is_in_loop else [""]
    for names in dict.fromkeys(_names_returned(unit, value)):
        is_there = names == unit.text(value)
        for way in ways:
            # To go on with what is there already is an edit of branches.
            if is_there and way:
                yield Change(EditKind.BRANCH, unit.span(node), way.removeprefix("; "))
            elif not is_there:
                new = f"{names} = {unit.text(value)}{way}"
                yield Change(EditKind.BRANCH, unit.span(node), new, f"goes on{way}")


def _names_returned(unit: Unit, value: ast.expr) -> Iterator[str]:
    """The names that the function returns where it returns as many values as here."""
    count = len(_parts(value))
    for _, other in unit.returns:
        names = _parts(other)
        if len(names) == count and all(isinstance(one, ast.Name) for one in names):
            yield unit.text(other)


def _parts(value: ast.expr) -> Sequence[ast.expr]:
    return value.elts if isinstance(value, ast.Tuple) else [value]


def _is_in_loop(unit: Unit, node: ast.AST) -> bool:
    parent = unit.parent(node)
    while parent is not None and not isinstance(parent, Function):
        if isinstance(parent, _LOOPS):
            return True
        parent = unit.parent(parent)
    return False


def _kept_to(unit: Unit, test: ast.Compare, way_out: ast.stmt) -> Iterator[Change]:
    """`x = limit` where the function gives up as `x` is beyond it."""
    if len(test.ops) != 1 or not isinstance(test.ops[0], _BOUNDS):
        return
    sides: Sequence[ast.expr] = (test.left, test.comparators[0])
    for name, limit in (sides, sides[::-1]):
        if isinstance(name, ast.Name):
            new = f"{name.id} = {unit.text(limit)}"
            yield Change(EditKind.BRANCH, unit.span(way_out), new, "kept to the limit")


def _set_at_each_round(unit: Unit, node: ast.For | ast.While) -> Iterator[Change]:
    """What a loop starts from, set anew each time."""
    block = getattr(unit.parent(node), "body", None)
    if not isinstance(block, list) or node not in block:
        return
    first = unit.span(node.body[0])[0]
    indent = unit.module.indent_before(first)
    if indent is None:
        return
    used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    for before in block[: block.index(node)]:
        match before:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in used:
                new = f"{unit.text(before)}\n{indent}"
                yield Change(EditKind.ORDER, (first, first), new, f"{name} set at each round")


__all__ = ["ways_out"]
