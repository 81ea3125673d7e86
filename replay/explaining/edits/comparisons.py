"""Comparisons turned or shifted."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit, is_none, is_number, is_text

_TEXTS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_OPPOSITES = {
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
    "==": "!=",
    "!=": "==",
    "is": "is not",
    "is not": "is",
    "in": "not in",
    "not in": "in",
}
_ORDERED = ("<", "<=", ">", ">=")
_NUMBERS = ("", "float", "int")


def comparisons(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Every other way to compare the same two things, and limits that are off by one."""
    if not isinstance(node, ast.Compare):
        return
    operands = [node.left, *node.comparators]
    for place, operator in enumerate(node.ops):
        left, right = operands[place], operands[place + 1]
        text = _TEXTS[type(operator)]
        span = unit.operator_span(left, right)
        for other in _others(unit, text, left, right):
            yield Change(EditKind.COMPARISON, span, other, _meaning(text, other))
        if text in _ORDERED and len(node.ops) == 1:
            yield from _as_for_nan(unit, node, text, left, right)
        if _is_ordinary(unit, left, right) and (text in _ORDERED or _has_sort(unit, left)):
            yield from _shifted(unit, text, right)


def _others(unit: Unit, text: str, left: ast.expr, right: ast.expr) -> Iterator[str]:
    yield _OPPOSITES[text]
    numbers = _is_number_like(unit, left) and _is_number_like(unit, right)
    if text in _ORDERED or (text in ("==", "!=") and numbers):
        for other in (*_ORDERED, "==", "!="):
            if other not in (text, _OPPOSITES[text]):
                yield other


def _meaning(text: str, other: str) -> str:
    """The same for `<` to `<=` as for `>` to `>=`, which is what a mirrored place needs."""
    if text not in _ORDERED or other not in _ORDERED:
        return f"compared {other}"
    direction = "as before" if text[0] == other[0] else "turned round"
    return f"{direction}, {'not ' if other.endswith('=') else ''}strictly"


def _is_number_like(unit: Unit, node: ast.expr) -> bool:
    if is_text(node) or is_none(node):
        return False
    return unit.sort(node) in _NUMBERS


def _has_sort(unit: Unit, node: ast.expr) -> bool:
    return unit.sort(node) in ("float", "int")


def _is_ordinary(unit: Unit, left: ast.expr, right: ast.expr) -> bool:
    """Whether the right side is a number that is not written out: that one is a constant."""
    return _is_number_like(unit, left) and _is_number_like(unit, right) and not is_number(right)


def _shifted(unit: Unit, text: str, right: ast.expr) -> Iterator[Change]:
    for sign in ("+", "-"):
        outwards = (sign == "+") is text.startswith("<")
        meaning = f"the limit one {'farther' if outwards else 'nearer'}"
        new = f"{unit.operand(right, 10)} {sign} 1"
        yield Change(EditKind.COMPARISON, unit.span(right), new, meaning)


def _as_for_nan(
    unit: Unit, node: ast.Compare, text: str, left: ast.expr, right: ast.expr
) -> Iterator[Change]:
    """The same but for NaN, with which every comparison is false."""
    new = f"not {unit.operand(left, 6)} {_OPPOSITES[text]} {unit.operand(right, 6)}"
    yield Change(EditKind.COMPARISON, unit.span(node), new, "true for NaN")
