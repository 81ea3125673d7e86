"""Operators swapped, operands swapped, `min` for `max`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit, called_name, operator_text

_OTHERS = {
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*", "//"),
    "//": ("/",),
    "%": ("//",),
    "**": ("*",),
}
_ORDER_MATTERS = ("-", "/", "//", "%", "**")
_SHARES = ("*", "/")
_OTHER_SIGNS = {"+": "-", "-": "+"}
_MIN_MAX = {"min": "max", "max": "min"}


def operators(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Another operator, or the operands the other way round."""
    match node:
        case ast.BinOp(left=left, right=right):
            text = operator_text(node.op)
            for other in _OTHERS.get(text, ()):
                span = unit.operator_span(left, right)
                yield Change(EditKind.OPERATOR, span, other, _meaning(text, other))
            if text in _ORDER_MATTERS:
                new = unit.binary(right, text, left, node)
                yield Change(EditKind.OPERATOR, unit.span(node), new, "operands swapped")
            if text in _SHARES:
                yield from _share_the_other_way(unit, node)
        case ast.BoolOp(values=values):
            other, least = ("or", 3) if isinstance(node.op, ast.And) else ("and", 4)
            new = f" {other} ".join(unit.operand(value, least) for value in values)
            yield Change(EditKind.OPERATOR, unit.span(node), new)
        case ast.AugAssign(target=target, value=value):
            text = operator_text(node.op)
            span = unit.operator_span(target, value)
            for other in (*_OTHERS.get(text, ()), ""):
                meaning = f"augmented, {_meaning(text, other)}"
                yield Change(EditKind.OPERATOR, span, f"{other}=", meaning)
        case ast.Call(func=function) if called_name(node) in _MIN_MAX:
            new = _MIN_MAX[called_name(node)]
            yield Change(EditKind.OPERATOR, unit.span(function), new, "the other of min and max")
            if len(node.args) == 2 and not node.keywords:
                yield swapped(unit, node.args[0], node.args[1], EditKind.OPERATOR)


def _meaning(text: str, other: str) -> str:
    """The same for `+` to `-` as for `-` to `+`."""
    return "the other sign" if {text, other} == {"+", "-"} else f"{other} for {text}"


def swapped(unit: Unit, one: ast.AST, other: ast.AST, kind: EditKind) -> Change:
    """Two expressions of which each stands in the other's place."""
    (start, first_end), (second, end) = unit.span(one), unit.span(other)
    text = unit.module.text
    new = text[second:end] + text[first_end:second] + text[start:first_end]
    return Change(kind, (start, end), new, "swapped")


def _share_the_other_way(unit: Unit, node: ast.BinOp) -> Iterator[Change]:
    """`x * (1 - p)` as `x / (1 + p)`, and the other way round: a share of the one price or of the
    other."""
    share = node.right
    if not isinstance(share, ast.BinOp) or operator_text(share.op) not in _OTHER_SIGNS:
        return
    if isinstance(share.left, ast.Constant) and share.left.value in (1, 1.0):
        other = "/" if isinstance(node.op, ast.Mult) else "*"
        sign = _OTHER_SIGNS[operator_text(share.op)]
        part = f"({unit.text(share.left)} {sign} {unit.operand(share.right, 11)})"
        new = f"{unit.operand(node.left, 11)} {other} {part}"
        yield Change(EditKind.OPERATOR, unit.span(node), f"({new})", "a share of the other")
