"""Floating-point arithmetic that is equal on paper: other orders of the same operations.

The contract fixes the order ("The order of floating-point operations below is part of the
contract"); whoever writes the other core may find another one nicer. A name that stands for one
operation is looked through: `gross - fees` may have been `gross - entry_fee - fee`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit, called_name, precedence

_Look = Callable[[ast.expr], ast.expr]


def floating(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """The other orders of one operation and those within it."""
    if not isinstance(node, ast.BinOp | ast.Compare) or _is_about_types(unit, node):
        return

    def look(operand: ast.expr) -> ast.expr:
        return _meant(unit, operand)

    others = _of_sum(node, look) if isinstance(node, ast.BinOp) else _of_comparison(node)
    for other in others:
        new = ast.unparse(ast.fix_missing_locations(other))
        if precedence(other) < _least(unit, node):
            new = f"({new})"
        yield Change(EditKind.OPERATOR, unit.span(node), new)


def _least(unit: Unit, node: ast.expr) -> int:
    """How strongly what stands in the place of an expression must hold together."""
    parent = unit.parent(node)
    start, end = unit.span(node)
    text = unit.module.text
    if text[:start].rstrip().endswith("(") and text[end:].lstrip().startswith(")"):
        return 0
    if isinstance(parent, ast.BinOp):
        return precedence(parent) + (node is parent.right)
    return precedence(parent) if isinstance(parent, ast.UnaryOp | ast.Compare) else 0


def _is_about_types(unit: Unit, node: ast.BinOp | ast.Compare) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Pow)
    return len(node.ops) != 1


def _meant(unit: Unit, node: ast.expr) -> ast.expr:
    """The operation that a name stands for, where the function gives it just that value."""
    if isinstance(node, ast.Name):
        values = unit.values.get(node.id, [])
        if len(values) == 1 and isinstance(values[0], ast.BinOp):
            return values[0]
    return node


def _of_sum(node: ast.BinOp, look: _Look) -> Iterator[ast.expr]:
    for rules in (_in_a_row, _grouped, _spread, _factored, _by_constant, _on_one_line, _distance):
        yield from rules(node, look)


def _binary(left: ast.expr, operator: type[ast.operator], right: ast.expr) -> ast.BinOp:
    return ast.BinOp(left, operator(), right)


def _add(a: ast.expr, b: ast.expr) -> ast.BinOp:
    return _binary(a, ast.Add, b)


def _sub(a: ast.expr, b: ast.expr) -> ast.BinOp:
    return _binary(a, ast.Sub, b)


def _mul(a: ast.expr, b: ast.expr) -> ast.BinOp:
    return _binary(a, ast.Mult, b)


def _div(a: ast.expr, b: ast.expr) -> ast.BinOp:
    return _binary(a, ast.Div, b)


def _parts(node: ast.expr) -> tuple[str, ast.expr, ast.expr] | None:
    """The operator and operands of an operation, None for anything else."""
    if not isinstance(node, ast.BinOp):
        return None
    texts: dict[type[ast.operator], str] = {
        ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"
    }  # fmt: skip
    text = texts.get(type(node.op))
    return None if text is None else (text, node.left, node.right)


def _in_a_row(node: ast.BinOp, look: _Look) -> Iterator[ast.expr]:
    """(a . b) . c"""
    outer, inner = _parts(node), _parts(look(node.left))
    if outer is None or inner is None:
        return
    (_, a, b), c = inner, node.right
    match inner[0] + outer[0]:
        case "++":
            yield from (_add(a, _add(b, c)), _add(_add(a, c), b))
        case "+-":
            yield from (_add(a, _sub(b, c)), _add(_sub(a, c), b))
        case "-+":
            yield from (_sub(a, _sub(b, c)), _sub(_add(a, c), b))
        case "--":
            yield from (_sub(a, _add(b, c)), _sub(_sub(a, c), b))
        case "**":
            yield from (_mul(a, _mul(b, c)), _mul(_mul(a, c), b))
        case "*/":
            yield from (_mul(a, _div(b, c)), _mul(_div(a, c), b))
        case "/*":
            yield from (_div(_mul(a, c), b), _mul(a, _div(c, b)), _div(a, _div(b, c)))
        case "//":
            yield from (_div(a, _mul(b, c)), _div(_div(a, c), b))


def _grouped(node: ast.BinOp, look: _Look) -> Iterator[ast.expr]:
    """a . (b . c)"""
    outer, inner = _parts(node), _parts(look(node.right))
    if outer is None or inner is None:
        return
    a, (_, b, c) = node.left, inner
    match outer[0] + inner[0]:
        case "++":
            yield _add(_add(a, b), c)
        case "+-":
            yield _sub(_add(a, b), c)
        case "-+":
            yield from (_sub(_sub(a, b), c), _sub(_sub(a, c), b))
        case "--":
            yield from (_add(_sub(a, b), c), _sub(_add(a, c), b))
        case "**":
            yield _mul(_mul(a, b), c)
        case "*/":
            yield from (_div(_mul(a, b), c), _mul(_div(a, c), b))
        case "/*":
            yield from (_div(_div(a, b), c), _div(_div(a, c), b))
        case "//":
            yield from (_mul(_div(a, b), c), _div(_mul(a, c), b))


def _spread(node: ast.BinOp, look: _Look) -> Iterator[ast.expr]:
    """a * (b + c) to a * b + a * c, and so on; a number is multiplied out of 1 by itself."""
    outer = _parts(node)
    if outer is None or outer[0] not in "*/":
        return
    text, left, right = outer
    for factor, bracket, is_first in ((left, look(right), True), (right, look(left), False)):
        inner = _parts(bracket)
        if inner is None or inner[0] not in "+-" or (text == "/" and is_first):
            continue
        sign, b, c = inner
        join = _add if sign == "+" else _sub
        times = _mul if text == "*" else _div

        yield join(*(_times(times, factor, part, is_first=is_first) for part in (b, c)))


def _times(
    times: Callable[[ast.expr, ast.expr], ast.BinOp],
    factor: ast.expr,
    part: ast.expr,
    *,
    is_first: bool,
) -> ast.expr:
    if _is_one(part) and times is _mul:
        return factor
    return times(factor, part) if is_first else times(part, factor)


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (1, 1.0)


def _factored(node: ast.BinOp, look: _Look) -> Iterator[ast.expr]:
    """a * b + a * c to a * (b + c)"""
    outer = _parts(node)
    if outer is None or outer[0] not in "+-":
        return
    one, other = _parts(look(node.left)), _parts(look(node.right))
    if one is None or other is None or one[0] != other[0] or one[0] not in "*/":
        return
    join = _add if outer[0] == "+" else _sub
    (text, a, b), (_, c, d) = one, other
    if text == "*" and ast.dump(a) == ast.dump(c):
        yield _mul(a, join(b, d))
    elif text == "*" and ast.dump(b) == ast.dump(d):
        yield _mul(join(a, c), b)
    elif text == "/" and ast.dump(b) == ast.dump(d):
        yield _div(join(a, c), b)


def _by_constant(node: ast.BinOp, look: _Look) -> Iterator[ast.expr]:
    """x / 100.0 to x * 0.01, and the other way round."""
    outer = _parts(node)
    if outer is None or not isinstance(node.right, ast.Constant):
        return
    number = node.right.value
    if not isinstance(number, int | float) or number in (0, 1, -1):
        return
    inverse = ast.Constant(1 / number)
    if outer[0] == "/":
        yield _mul(node.left, inverse)
    elif outer[0] == "*":
        yield _div(node.left, inverse)


def _on_one_line(node: ast.BinOp, look: _Look) -> Iterator[ast.expr]:
    """1 - x / 100.0 to (100.0 - x) / 100.0"""
    outer, inner = _parts(node), _parts(look(node.right))
    if outer is None or outer[0] not in "+-" or inner is None or inner[0] != "/":
        return
    join = _add if outer[0] == "+" else _sub
    _, x, bottom = inner
    top = bottom if _is_one(node.left) else _mul(node.left, bottom)
    yield _div(join(top, x), bottom)


def _distance(node: ast.BinOp, look: _Look) -> Iterator[ast.expr]:
    """abs(a - b) / b to abs(a / b - 1), and abs(x) / c to abs(x / c)"""
    outer = _parts(node)
    if outer is None or outer[0] not in "*/" or called_name(node.left) != "abs":
        return
    assert isinstance(node.left, ast.Call)
    if len(node.left.args) != 1:
        return
    inside, by = node.left.args[0], node.right
    times = _div if outer[0] == "/" else _mul
    yield _absolute(times(inside, by))
    difference = _parts(inside)
    if difference is not None and difference[0] == "-" and outer[0] == "/":
        _, a, b = difference
        same = ast.dump(b) == ast.dump(by)
        yield _absolute(_sub(_div(a, by), ast.Constant(1) if same else _div(b, by)))


def _absolute(node: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("abs", ast.Load()), [node], [])


def _of_comparison(node: ast.Compare) -> Iterator[ast.expr]:
    """a - b >= c to a >= b + c, a / b <= c to a <= c * b, and so on."""
    operator, (right,) = node.ops[0], node.comparators
    if not isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        return
    for one, other, is_left in ((node.left, right, True), (right, node.left, False)):
        parts = _parts(one)
        if parts is None:
            continue
        text, a, b = parts
        back = {"+": _sub, "-": _add, "*": _div, "/": _mul}[text]
        moved = back(other, b)
        left, limit = (a, moved) if is_left else (moved, a)
        yield ast.Compare(left, [operator], [limit])
