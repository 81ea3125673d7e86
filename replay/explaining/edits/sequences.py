"""Sequences sorted, put together and gone through in another way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import UNARY, Change, Unit, called_name

_CAPS: Final = (1, 10, 20, 50, 100, 200, 500, 1000)
"""How many of a history a port may keep."""

_SORTING: Final = ("sorted", "min", "max", "sort")
_MOST_OTHERS: Final = 6


def sequences(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Parts of a key that count the other way, what is joined on the other side or capped, another
    sequence of the function gone through, and what is handed to a search from the other end."""
    match node:
        case ast.keyword(arg="key", value=ast.Lambda(body=body)):
            call = unit.parent(node)
            if isinstance(call, ast.Call) and called_name(call) in _SORTING:
                for part in body.elts if isinstance(body, ast.Tuple) else [body]:
                    yield _other_way(unit, part)
        case ast.Return(value=ast.Tuple(elts=parts)) if _is_key(unit):
            for part in parts:
                yield _other_way(unit, part)
        case ast.Call(args=[_, _, *_]):
            yield from _from_the_other_end(unit, node)
        case ast.BinOp(op=ast.Add()):
            yield from _joined(unit, node)
        case ast.For(iter=items) | ast.comprehension(iter=items):
            yield from _another(unit, items)


def _is_key(unit: Unit) -> bool:
    """Whether its function says how something is sorted."""
    return unit.scope.name.rpartition(".")[2] in unit.module.key_functions


def _from_the_other_end(unit: Unit, call: ast.Call) -> Iterator[Change]:
    """What is handed on along with a function that picks from it, the last first."""
    if not any(_is_function(unit, one) for one in call.args):
        return
    for one in call.args:
        if isinstance(one, ast.Name | ast.Attribute) and not _is_function(unit, one):
            new = f"{unit.text(one)}[::-1]"
            yield Change(EditKind.ORDER, unit.span(one), new, "the last first")


def _is_function(unit: Unit, node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in unit.module.methods
    is_known = isinstance(node, ast.Name) and node.id in unit.sorts.functions
    return isinstance(node, ast.Lambda) or is_known


def _other_way(unit: Unit, part: ast.expr) -> Change:
    """A part of a key by which the last would come first."""
    if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
        new = unit.text(part.operand)
    else:
        new = f"-{unit.operand(part, UNARY)}"
    return Change(EditKind.ORDER, unit.span(part), new, "the other way round")


def _joined(unit: Unit, node: ast.BinOp) -> Iterator[Change]:
    sides = (node.left, node.right)
    if not any(isinstance(one, ast.Tuple | ast.List) for one in sides):
        return
    new = unit.binary(node.right, "+", node.left, node)
    yield Change(EditKind.ORDER, unit.span(node), new, "put on the other side")
    for most in _CAPS:
        new = f"({unit.text(node)})[-{most}:]"
        yield Change(EditKind.OPERAND, unit.span(node), new, f"only the last {most}")


def _another(unit: Unit, items: ast.expr) -> Iterator[Change]:
    """Another sequence that the function goes through, or has sorted."""
    own = unit.text(items)
    others = [text for text in unit.sequences if text != own]
    for text in others[:_MOST_OTHERS]:
        yield Change(EditKind.ORDER, unit.span(items), text)


__all__ = ["sequences"]
