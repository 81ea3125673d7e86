"""Calls that are not made, made of something else, or made too often."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_map import Function
from replay.explaining.edits.model import Change, Unit, called_name

_NOT_LIKE_THEIR_ARGUMENT = (
    *("isinstance", "len", "range", "type", "getattr", "hasattr", "enumerate", "zip", "next"),
    *("iter", "fields", "min", "max", "replace", "super", "any", "all", "map", "filter", "repr"),
)
_OTHER_METHODS = {
    "strip": ('strip(" ")', 'strip(" \\t\\r\\n")', "lstrip()", "rstrip()"),
    "upper": ("lower()", "capitalize()"),
    "lower": ("upper()", "casefold()"),
}
_ADDED_TO = (ast.keyword, ast.Assign, ast.Return, ast.Tuple, ast.Call, ast.IfExp)


def calls(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """A call dropped, another function called, or a call of one that suits added."""
    match node:
        case ast.Expr(value=ast.Call() as call):
            yield Change(EditKind.CALL, unit.span(node), "pass")
            yield from _once(unit, node, call)
        case ast.Call():
            yield from _dropped(unit, node)
            yield from _renamed(unit, node)
        case ast.Assign(targets=[ast.Tuple(elts=[_, _])], value=ast.Call() as call):
            yield from _nothing_done(unit, call)
        case ast.Return(value=ast.Call() as call):
            yield from _nothing_done(unit, call)
    if isinstance(node, ast.expr):
        yield from _added(unit, node)


def _dropped(unit: Unit, node: ast.Call) -> Iterator[Change]:
    """What the call is made of in its place."""
    parent = unit.parent(node)
    if isinstance(parent, ast.Expr):
        return
    if isinstance(node.func, ast.Attribute):
        yield Change(EditKind.CALL, unit.span(node), unit.text(node.func.value))
        for other in _OTHER_METHODS.get(node.func.attr, ()):
            span = unit.span(node.func.value)[1], unit.span(node)[1]
            yield Change(EditKind.CALL, span, f".{other}")
        return
    name = called_name(node)
    if name in _NOT_LIKE_THEIR_ARGUMENT or name in unit.sorts.records or not name:
        return
    given = unit.sort(node)
    for argument in node.args:
        sort = unit.sort(argument)
        is_bare = isinstance(argument, ast.GeneratorExp | ast.Starred)
        if not is_bare and (not given or not sort or sort == given):
            yield Change(EditKind.CALL, unit.span(node), unit.operand(argument, 14))


def _renamed(unit: Unit, node: ast.Call) -> Iterator[Change]:
    """Another function of the core that takes and gives the same."""
    name = called_name(node)
    signature = unit.sorts.signatures.get(name)
    for other in unit.callable_names if signature is not None and signature[0] else ():
        if other != name and unit.sorts.signatures[other] == signature:
            yield Change(EditKind.CALL, unit.span(node.func), other)


def _nothing_done(unit: Unit, node: ast.Call) -> Iterator[Change]:
    """`state, actions = f(state, ...)` where nothing is done: the first argument, and no more."""
    given = unit.sorts.returned(called_name(node))
    for nothing in ("()", "None"):
        if not node.args or (nothing == "()") is not given.count("tuple[") > 1:
            continue
        if given.startswith(f"tuple[{unit.sort(node.args[0])},"):
            yield Change(EditKind.CALL, unit.span(node), f"{unit.text(node.args[0])}, {nothing}")


def _once(unit: Unit, node: ast.Expr, call: ast.Call) -> Iterator[Change]:
    """Within a loop: what is there already is not appended again."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr != "append" or len(call.args) != 1:
        return
    parent = unit.parent(node)
    while parent is not None and not isinstance(parent, ast.For | Function):
        parent = unit.parent(parent)
    if isinstance(parent, ast.For):
        is_there = f"{unit.text(call.args[0])} in {unit.text(function.value)}"
        yield Change(EditKind.CALL, unit.span(node), f"{is_there} or {unit.text(call)}")


def _added(unit: Unit, node: ast.expr) -> Iterator[Change]:
    """A function of the core around a value of the sort that it takes and gives, and `abs` around
    a difference."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        yield Change(EditKind.CALL, unit.span(node), f"abs({unit.text(node)})")
    parent = unit.parent(node)
    if not isinstance(parent, _ADDED_TO) or isinstance(node, ast.Starred | ast.Constant):
        return
    is_callee = isinstance(parent, ast.Call) and node is parent.func
    if is_callee or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    for name in unit.sorts.of_one(unit.sort(node)):
        is_new = name not in (called_name(node), called_name(parent))
        if is_new and name in unit.callable_names:
            yield Change(EditKind.CALL, unit.span(node), f"{name}({unit.text(node)})")
