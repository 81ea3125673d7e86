"""Assignments that are not made, a statement or one keyword of a call; what is counted counted from
something else, or at a sibling as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_map import Function
from replay.explaining.edits.confusions import of_sort
from replay.explaining.edits.model import Change, Unit, called_name
from replay.explaining.edits.operands import removals


def assignments(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """A name keeps the value it has, a field the one it has or its default."""
    match node:
        case ast.Assign(targets=[target], value=value):
            if _keeps_a_value(unit, target, node.lineno):
                yield Change(EditKind.ASSIGNMENT, unit.span(node), "pass")
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                for name, part in zip(target.elts, value.elts, strict=False):
                    if _keeps_a_value(unit, name, node.lineno):
                        yield Change(EditKind.ASSIGNMENT, unit.span(part), unit.text(name))
        case ast.AugAssign():
            yield Change(EditKind.ASSIGNMENT, unit.span(node), "pass")
            yield from _counted(unit, node)
        case ast.Call():
            yield from _arguments(unit, node)


def _counted(unit: Unit, node: ast.AugAssign) -> Iterator[Change]:
    """What is added is put there, or added to another value of its sort; or it is added to, or
    taken off, a sibling as well, or that alone."""
    target, value = unit.text(node.target), unit.text(node.value)
    sort = unit.sort(node.target)
    sign = _SIGNS.get(type(node.op))
    if not sort or sign is None or not isinstance(node.target, ast.Attribute | ast.Name):
        return
    span = unit.span(node)
    if sign == "+":
        yield Change(EditKind.ASSIGNMENT, span, f"{target} = {value}")
    for other in of_sort(unit, node.target, sort):
        yield Change(
            EditKind.FIELD, span, f"{target} = {other} {sign} {unit.operand(node.value, 6)}"
        )
    for other in _siblings(unit, node.target, sort):
        yield Change(EditKind.FIELD, span, f"{other} {sign}= {value}")
        for also in "+-":
            yield Change(EditKind.ASSIGNMENT, span, f"{unit.text(node)}; {other} {also}= {value}")


_SIGNS: Final = {ast.Add: "+", ast.Sub: "-"}


def _siblings(unit: Unit, target: ast.expr, sort: str) -> list[str]:
    """The other fields of the same record that are of the same sort."""
    if not isinstance(target, ast.Attribute):
        return []
    owner = unit.text(target.value)
    fields = unit.sorts.fields(unit.sort(target.value))
    return [f"{owner}.{one}" for one, its in fields.items() if its == sort and one != target.attr]


def _keeps_a_value(unit: Unit, target: ast.expr, line: int) -> bool:
    """Whether all that is assigned to has had a value before."""
    if isinstance(target, ast.Tuple):
        return all(_keeps_a_value(unit, one, line) for one in target.elts)
    if isinstance(target, ast.Name):
        return unit.names.since.get(target.id, line + 1) <= line
    return isinstance(target, ast.Subscript | ast.Attribute)


def _arguments(unit: Unit, node: ast.Call) -> Iterator[Change]:
    """A keyword left out, or the last argument, where there is a default or an old value."""
    parts = [*node.args, *node.keywords]
    defaults = _with_defaults(unit, node)
    for part, span in zip(parts, removals(unit, parts, unit.span(node)[1] - 1), strict=True):
        if isinstance(part, ast.keyword):
            may_go = part.arg is not None and (defaults is None or part.arg in defaults)
        else:
            may_go = part is parts[-1] and bool(defaults) and not isinstance(part, ast.Starred)
        if may_go:
            yield Change(EditKind.ASSIGNMENT, span, "", "left out")


def _with_defaults(unit: Unit, node: ast.Call) -> set[str] | None:
    """The arguments that may be left out; None where it may be any."""
    name = called_name(node)
    if name in unit.sorts.defaults:
        return unit.sorts.defaults[name]
    function = unit.sorts.functions.get(name)
    if not isinstance(function, Function):
        return None
    arguments = function.args
    if arguments.kwarg is not None:
        return None
    count = len(arguments.defaults)
    with_default = {one.arg for one in arguments.args[len(arguments.args) - count :]}
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return with_default | {one.arg for one, default in pairs if default is not None}
