"""What other languages do where Python does not: habits of ports.

Floats of 32 bits, whole seconds, unsigned numbers, integers that wrap, `x or default`, minutes or
milliseconds for seconds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit
from replay.explaining.edits.sorts import pair_of

_UNITS = ("* 60.0", "/ 60.0", "* 1000.0", "/ 1000.0")
_SECONDS = ("_sec", "_seconds", "_after", "_at")
_OR, _TIMES = 2, 11
SINGLE = "in single precision"


def port_habits(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Each habit where it could show."""
    if isinstance(node, ast.BinOp) and not isinstance(unit.parent(node), ast.BinOp):
        if unit.sort(node) in ("float", "") and not _is_text(node):
            yield from _made_into(unit, node)
    elif _is_time(node):
        for unit_of_time in _UNITS:
            new = f"({unit.operand(node, _TIMES)} {unit_of_time})"
            yield Change(EditKind.CONSTANT, unit.span(node), new, unit_of_time)
    if isinstance(node, ast.Name | ast.Attribute) and _is_handed_on(unit, node):
        yield from _made_into(unit, node)
    if isinstance(node, ast.BinOp | ast.Call) and _is_result(unit, node):
        yield from _with_fewer_digits(unit, node)
    if isinstance(node, ast.AugAssign) and unit.sort(node.target) in ("float", ""):
        yield from _summed_into(unit, node)
    if isinstance(node, ast.Name | ast.Attribute):
        yield from _other_of_two(unit, node)
    if isinstance(node, ast.BinOp) and unit.sort(node) in ("int", ""):
        yield from _counted_in(unit, node)
    if isinstance(node, ast.Raise):
        yield from _wrapped(unit, node)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield from _or_default(unit, node.value)
    elif isinstance(node, ast.IfExp):
        new = f"({unit.operand(node.body, _OR)} or {unit.operand(node.orelse, _OR)})"
        yield Change(EditKind.BRANCH, unit.span(node), new, "or")
        if not isinstance(unit.parent(node), ast.IfExp):
            new = f"({unit.operand(node.orelse, _OR)} or {unit.operand(node.body, _OR)})"
            yield Change(EditKind.BRANCH, unit.span(node), new, "or the other way round")


def _made_into(unit: Unit, node: ast.expr) -> Iterator[Change]:
    """What becomes of a double on its way: fewer bits, no fraction, no sign, nothing below zero."""
    text = unit.text(node)
    for new, meaning in (
        (f"in_single_precision({text})", SINGLE),
        (f"without_fraction({text})", "without its fraction"),
        (f"whole_below({text})", "down to a whole number"),
        (f"abs({text})", "without its sign"),
        (f"max({text}, 0.0)", "not below zero"),
        (f"round({text}, 3)", "to thousandths"),
    ):
        yield Change(EditKind.OPERATOR, unit.span(node), new, meaning)


def _is_result(unit: Unit, node: ast.BinOp | ast.Call) -> bool:
    """Whether what is computed there is what a name, a field or whoever called gets."""
    if unit.sort(node) not in ("float", ""):
        return False
    is_kept = isinstance(unit.parent(node), ast.Assign | ast.Return | ast.keyword)
    return is_kept and not (isinstance(node, ast.BinOp) and _is_text(node))


def _with_fewer_digits(unit: Unit, node: ast.BinOp | ast.Call) -> Iterator[Change]:
    text = unit.text(node)
    if isinstance(node, ast.Call):
        new = f"in_single_precision({text})"
        yield Change(EditKind.OPERATOR, unit.span(node), new, SINGLE)
    else:
        for places in _PLACES:
            new = f"round({text}, {places})"
            yield Change(EditKind.OPERATOR, unit.span(node), new, f"to {places} places")


_PLACES = (2, 5, 8)


def _summed_into(unit: Unit, node: ast.AugAssign) -> Iterator[Change]:
    """A sum that is kept in fewer bits, or with fewer digits."""
    if not isinstance(node.op, ast.Add | ast.Sub):
        return
    sign = "+" if isinstance(node.op, ast.Add) else "-"
    target = unit.text(node.target)
    total = f"{target} {sign} {unit.operand(node.value, _TIMES)}"
    for new in (
        f"in_single_precision({total})",
        *(f"round({total}, {places})" for places in _PLACES),
    ):
        yield Change(EditKind.OPERATOR, unit.span(node), f"{target} = {new}")


def _counted_in(unit: Unit, node: ast.BinOp) -> Iterator[Change]:
    """A number that is counted up or down in fewer bits than Python has."""
    is_count = isinstance(node.right, ast.Constant) and type(node.right.value) is int
    if is_count and isinstance(node.op, ast.Add | ast.Sub):
        text = unit.text(node)
        for new, meaning in (
            *((f"wrapped_to_bits({text}, {bits})", f"in {bits} bits") for bits in (32, 64, 16, 8)),
            (f"wrapped_to_bits({text}, 8, signed=False)", "in a byte"),
            (f"int(float({text}))", "in a double"),
        ):
            yield Change(EditKind.OPERATOR, unit.span(node), new, meaning)


def _other_of_two(unit: Unit, node: ast.Name | ast.Attribute) -> Iterator[Change]:
    """The other trade, or the other side, handed to a function."""
    call = unit.parent(node)
    if not isinstance(call, ast.Call) or node not in call.args:
        return
    pair = pair_of(node.id if isinstance(node, ast.Name) else node.attr)
    if pair and unit.sort(node) in ("str", "", "Side", "TradeId"):
        one, other = pair
        new = f'("{other}" if {unit.text(node)} == "{one}" else "{one}")'
        yield Change(EditKind.FIELD, unit.span(node), new, "the other one")


def _is_time(node: ast.AST) -> TypeGuard[ast.Attribute]:
    is_read = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    return is_read and node.attr.endswith(_SECONDS[:2])  # type: ignore[attr-defined]


def _is_handed_on(unit: Unit, node: ast.Name | ast.Attribute) -> bool:
    """Whether a value that may be a double is put into a record, a name or a call as it is."""
    if not isinstance(node.ctx, ast.Load) or unit.sort(node) not in ("float", ""):
        return False
    parent = unit.parent(node)
    if isinstance(parent, ast.Call):
        return node in parent.args
    return isinstance(parent, ast.keyword | ast.Assign | ast.AnnAssign)


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(part, ast.Constant | ast.JoinedStr) and not _is_number(part)
               for part in (node.left, node.right))  # fmt: skip


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _wrapped(unit: Unit, node: ast.Raise) -> Iterator[Change]:
    """An error that is none: the number goes round instead."""
    for _, value in unit.returns:
        if isinstance(value, ast.BinOp | ast.UnaryOp):
            new = f"return wrapped_to_64_bits({unit.text(value)})"
            yield Change(EditKind.BRANCH, unit.span(node), new, "wrapped")


def _or_default(unit: Unit, value: ast.expr) -> Iterator[Change]:
    """What a function returns elsewhere, where this is nothing (0, false, empty)."""
    if isinstance(value, ast.Constant | ast.Tuple):
        return
    for _, other in unit.returns:
        if other is not value and not isinstance(other, ast.Tuple):
            new = f"({unit.operand(value, _OR)} or {unit.operand(other, _OR)})"
            yield Change(EditKind.OPERAND, unit.span(value), new, "or")
