"""One call of a rounding function done another way, or to another number of digits."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit, called_name
from replay.explaining.search.roundings import ROUNDINGS

DIGITS = "one digit"
"""How the meaning of a change of the digits begins."""

_TO_INTEGERS = ("int", "floor", "ceil", "trunc")


def rounding(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Each known way to round, in the place of one call."""
    if not isinstance(node, ast.Call):
        return
    name = called_name(node) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    if name in unit.sorts.rounding:
        for helper in ROUNDINGS:
            yield Change(EditKind.ROUNDING, unit.span(node.func), helper)
        yield from _digits(unit, node)
    elif name in _TO_INTEGERS and len(node.args) == 1:
        for other in ("int", "round", "floored", "ceiled", "rounded_half_up"):
            if other != name:
                yield Change(EditKind.ROUNDING, unit.span(node.func), other)


def _digits(unit: Unit, node: ast.Call) -> Iterator[Change]:
    if len(node.args) == 2 and not isinstance(node.args[1], ast.Constant):
        for sign, one in (("+", "more"), ("-", "less")):
            new = f"{unit.operand(node.args[1], 10)} {sign} 1"
            yield Change(EditKind.ROUNDING, unit.span(node.args[1]), new, f"{DIGITS} {one}")
