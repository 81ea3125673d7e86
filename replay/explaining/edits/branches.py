"""Conditions that always or never hold, or hold just where they should not; ways out not taken."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_map import Function
from replay.explaining.edits.model import Change, Unit, tests_of

_DECIDING = (ast.BoolOp, ast.Compare, ast.UnaryOp, ast.Name, ast.Attribute, ast.Call)
_MOST_RETURNS = 12


def branches(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Conditions forced and negated, `not` dropped, and jumps that are not made."""
    for test in tests_of(node):
        if not isinstance(node, ast.IfExp):
            yield Change(EditKind.BRANCH, unit.span(test), "True")
            yield Change(EditKind.BRANCH, unit.span(test), "False")
        yield from _negated(unit, test)
    match node:
        case ast.IfExp(body=body, orelse=other):
            for part in (body, other):
                yield Change(EditKind.BRANCH, unit.span(node), unit.instead(node, part))
            yield Change(EditKind.BRANCH, unit.span(node), _other_way_round(unit, node))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield Change(EditKind.BRANCH, unit.span(node), unit.instead(node, operand))
        case ast.Continue() | ast.Break():
            other_way = "break" if isinstance(node, ast.Continue) else "continue"
            for new in (other_way, "pass"):
                yield Change(EditKind.BRANCH, unit.span(node), new)
        case ast.Return():
            yield from _returns(unit, node)
        case ast.Raise():
            yield from _not_raised(unit, node)
    if isinstance(node, ast.expr):
        yield from _decided(unit, node)


def _negated(unit: Unit, test: ast.expr) -> Iterator[Change]:
    # One comparison is turned to its opposite, and `not` is dropped, by other edits.
    is_single = isinstance(test, ast.Compare) and len(test.ops) == 1
    if not is_single and not isinstance(test, ast.UnaryOp | ast.IfExp):
        yield Change(EditKind.BRANCH, unit.span(test), f"not {unit.operand(test, 4)}", "negated")


def _other_way_round(unit: Unit, node: ast.IfExp) -> str:
    body, other = unit.operand(node.orelse, 2), unit.operand(node.body, 2)
    return f"{body} if {unit.text(node.test)} else {other}"


def _decided(unit: Unit, node: ast.expr) -> Iterator[Change]:
    """True or false whatever it is, for what is stored or handed on."""
    parent = unit.parent(node)
    if not isinstance(parent, ast.Assign | ast.AnnAssign | ast.Return | ast.keyword | ast.Call):
        return
    if isinstance(parent, ast.Call) and node is parent.func:
        return
    is_value = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    if is_value and isinstance(node, _DECIDING) and unit.sort(node) == "bool":
        for new in ("True", "False"):
            yield Change(EditKind.BRANCH, unit.span(node), new)
        if isinstance(node, ast.Name | ast.Attribute | ast.BoolOp | ast.Call):
            new = f"not {unit.operand(node, 4)}"
            yield Change(EditKind.BRANCH, unit.span(node), new, "negated")


def _returns(unit: Unit, node: ast.Return) -> Iterator[Change]:
    """Going on instead of returning, and returning what the function returns elsewhere."""
    if not isinstance(unit.parent(node), Function):
        yield Change(EditKind.BRANCH, unit.span(node), "pass")
    elsewhere = [unit.text(one) for one, _ in unit.returns if one is not node]
    for text in list(dict.fromkeys(elsewhere))[:_MOST_RETURNS]:
        yield Change(EditKind.BRANCH, unit.span(node), text)


def _not_raised(unit: Unit, node: ast.Raise) -> Iterator[Change]:
    """Going on instead of refusing; where a number is too large, staying or wrapping around."""
    yield Change(EditKind.BRANCH, unit.span(node), "pass")
    function = unit.scope.node
    if not isinstance(function, Function):
        return
    arguments = function.args.args
    if len(arguments) == 1:
        yield Change(EditKind.BRANCH, unit.span(node), f"return {arguments[0].arg}")
        yield Change(EditKind.BRANCH, unit.span(node), "return None")
    last = function.body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    if value is not None and unit.sort(value) == "int":
        wrapped = f"return ({unit.text(value)} + 2**63) % 2**64 - 2**63"
        yield Change(EditKind.BRANCH, unit.span(node), wrapped)
