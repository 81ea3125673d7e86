"""Edits of a divisor as another language has them: there a division by zero is no error."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.source_map import ParsedModule, Span

HELPER: Final = "divided"
"""What divides so, by the name that edited sources know it by."""


def without_zero_division(core: EditableCore, edit: Edit) -> Iterator[Edit]:
    """An edit within a divisor, with a division that gives an infinity or NaN where Python raises;
    nothing where it is in none."""
    if len(edit.places) != 1 or HELPER in edit.places[0].new:
        return
    (place,) = edit.places
    module = core.map.modules[place.module]
    span = module.span_of_place(place)
    division = _division_around(module, span)
    if division is not None:
        first, last = module.span(division.right)
        divisor = module.text[first : span[0]] + place.new + module.text[span[1] : last]
        new = f"{HELPER}({module.text_of(division.left)}, {divisor})"
        where = module.place(module.span(division), new)
        yield replace(edit, places=(where,), says=f"{edit.says}, which may be zero")


def _division_around(module: ParsedModule, span: Span) -> ast.BinOp | None:
    """The smallest division in whose divisor a place is."""
    best: ast.BinOp | None = None
    for node in ast.walk(module.scope_at(span[0]).node):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            start, end = module.span(node.right)
            # What stands in parentheses is the divisor as well.
            if start <= span[0] and span[1] <= end and _is_inside(module, node, best):
                best = node
    return best


def _is_inside(module: ParsedModule, node: ast.BinOp, other: ast.BinOp | None) -> bool:
    if other is None:
        return True
    start, end = module.span(node)
    return module.span(other)[0] <= start and end <= module.span(other)[1]


__all__ = ["without_zero_division"]
