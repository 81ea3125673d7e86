"""What `min` and `max` bound: a port may put the bound on a part of it, or on more."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit, called_name, operator_text, precedence

_BOUNDING = ("min", "max")


def bounds(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """`min(a, b + c)` as `b + min(a, c)`, and the other way round."""
    if isinstance(node, ast.Call) and _is_bound(node):
        one, other = node.args
        for bound, inner in ((one, other), (other, one)):
            if isinstance(inner, ast.BinOp):
                yield from _on_a_part(unit, node, bound, inner)
    elif isinstance(node, ast.BinOp):
        for part in (node.left, node.right):
            if isinstance(part, ast.Call) and _is_bound(part):
                yield from _on_more(unit, node, part)


def _is_bound(node: ast.Call) -> bool:
    return called_name(node) in _BOUNDING and len(node.args) == 2 and not node.keywords


def _on_a_part(unit: Unit, call: ast.Call, bound: ast.expr, inner: ast.BinOp) -> Iterator[Change]:
    name, limit = called_name(call), unit.text(bound)
    left, right = unit.text(inner.left), unit.text(inner.right)
    sign, binds = operator_text(inner.op), precedence(inner)
    yield _instead(unit, call, f"{unit.operand(inner.left, binds)} {sign} {name}({limit}, {right})")
    right = unit.operand(inner.right, binds + 1)
    yield _instead(unit, call, f"{name}({limit}, {left}) {sign} {right}")


def _on_more(unit: Unit, node: ast.BinOp, call: ast.Call) -> Iterator[Change]:
    name, sign, binds = called_name(call), operator_text(node.op), precedence(node)
    for bound, inner in (call.args, call.args[::-1]):
        if call is node.left:
            more = f"{unit.operand(inner, binds)} {sign} {unit.operand(node.right, binds + 1)}"
        else:
            more = f"{unit.operand(node.left, binds)} {sign} {unit.operand(inner, binds + 1)}"
        yield _instead(unit, node, f"{name}({unit.text(bound)}, {more})")


def _instead(unit: Unit, node: ast.expr, text: str) -> Change:
    return Change(EditKind.OPERATOR, unit.span(node), f"({text})", "bounds another part")
