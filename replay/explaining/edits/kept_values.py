"""Values that go with what was there: the larger or the smaller of both, their sum; what was there
in the place of a constant; and what is set to nothing where it is not counted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_map import last_name
from replay.explaining.edits.model import Change, Unit, is_elif

_NUMBERS: Final = ("float", "int", "")
_NO_NUMBERS: Final = (
    *(
        ast.Constant,
        ast.JoinedStr,
        ast.Tuple,
        ast.List,
        ast.Dict,
        ast.Set,
        ast.ListComp,
        ast.Lambda,
    ),
    *(ast.GeneratorExp, ast.DictComp, ast.SetComp, ast.Compare, ast.BoolOp),
)
_MOST_OPERANDS: Final = 3


def kept_values(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """What is assigned to something that has a value, or put into a copy of a record."""
    match node:
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target], value=value):
            yield from _with_what_was(unit, unit.text(target), value)
        case ast.Call(keywords=keywords):
            record = _copied(unit, node)
            for one in keywords if record else ():
                if one.arg is not None:
                    yield from _with_what_was(unit, f"{record}.{one.arg}", one.value)
        case ast.IfExp(body=body, orelse=other):
            yield from _operands(unit, body, other)
            yield from _operands(unit, other, body)
        case ast.If(orelse=[], body=[*_, last]):
            yield from _nothing_else(unit, node, last)


def _copied(unit: Unit, call: ast.Call) -> str:
    """The record that a call copies with some fields changed, "" where it copies none."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr == "_replace":
        return unit.text(function.value)
    first = call.args[0] if last_name(function) == "replace" and len(call.args) == 1 else None
    return unit.text(first) if isinstance(first, ast.Name | ast.Attribute) else ""


def _with_what_was(unit: Unit, old: str, value: ast.expr) -> Iterator[Change]:
    if isinstance(value, _NO_NUMBERS) or unit.sort(value) not in _NUMBERS:
        return
    text = unit.text(value)
    for new, meaning in (
        (f"max({old}, {text})", "never down"),
        (f"min({old}, {text})", "never up"),
        (f"{old} + {unit.operand(value, 11)}", "added to what was there"),
    ):
        yield Change(EditKind.ASSIGNMENT, unit.span(value), new, meaning)


def _operands(unit: Unit, part: ast.expr, other: ast.expr) -> Iterator[Change]:
    """In the place of a constant what the other branch is made of."""
    if not isinstance(part, ast.Constant) or isinstance(other, ast.Constant | ast.Name):
        return
    found: dict[str, None] = {}
    for one in ast.walk(other):
        if isinstance(one, ast.Name | ast.Attribute) and isinstance(one.ctx, ast.Load):
            parent = unit.parent(one)
            is_called = isinstance(parent, ast.Call) and parent.func is one
            if not is_called and not isinstance(parent, ast.Attribute):
                found[unit.text(one)] = None
    for text in list(found)[:_MOST_OPERANDS]:
        yield Change(EditKind.BRANCH, unit.span(part), text)


def _nothing_else(unit: Unit, node: ast.If, last: ast.stmt) -> Iterator[Change]:
    """What is counted under a condition is set to nothing where that does not hold."""
    indent = unit.module.indent_before(unit.span(node)[0])
    if indent is None or is_elif(unit, node):
        return
    if not isinstance(last, ast.AugAssign) or unit.sort(last.target) not in _NUMBERS:
        return
    nothing = "0" if unit.sort(last.target) == "int" else "0.0"
    target = unit.text(last.target)
    new = f"{unit.text(last)}\n{indent}else:\n{indent}    {target} = {nothing}"
    yield Change(EditKind.BRANCH, unit.span(last), new, "nothing where it is not counted")


__all__ = ["kept_values"]
