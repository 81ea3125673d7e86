"""Edits that hold only sometimes: what a port does otherwise, it may do so behind a condition.

An edit that gives the shadow's answer at many steps and spoils others is often the right one with
something around it: only for buys, only above zero, only to so many digits.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.source_map import ParsedModule, Span, one_line
from replay.explaining.formulas.value_places import ValuePlace


def place_of_condition(core: EditableCore, edit: Edit) -> ValuePlace | None:
    """Where a condition can stand around what an edit of one place changes: it decides whether the
    expression, or the statement, is as edited or as it was. None where none can."""
    if len(edit.places) != 1:
        return None
    (place,) = edit.places
    module = core.map.modules[place.module]
    span = module.span_of_place(place)
    scope = module.scope_at(span[0])
    if not scope.is_function:
        return None
    around = _expression_around(module, scope.node, span)
    if around is not None:
        start, end = module.span(around)
        new = module.text[start : span[0]] + place.new + module.text[span[1] : end]
        if _is_expression(new):
            old = module.text[start:end]
            before, after = f"(({new}) if ", f" else ({old}))"
            return ValuePlace(module, scope.name, (start, end), "False", before, after)
    return _around_a_statement(module, scope.name, scope.node, span, place.new)


def behind(core: EditableCore, edit: Edit, place: ValuePlace, condition: str) -> Edit:
    """An edit where a condition holds, at the place that was found for it."""
    places = place.with_text(core, condition).places
    return replace(edit, places=places, says=f"{edit.says}, where {condition}")


def _around_a_statement(
    module: ParsedModule, function: str, within: ast.AST, span: Span, new: str
) -> ValuePlace | None:
    """The place of a condition around a whole statement of one line."""
    for node in ast.walk(within):
        if isinstance(node, _SIMPLE) and module.span(node) == span:
            indent = module.indent_before(span[0])
            if indent is None or "\n" in new:
                return None
            old = one_line(module.text[span[0] : span[1]])
            after = f": {new or 'pass'}\n{indent}else: {old}"
            return ValuePlace(module, function, span, "False", "if ", after)
    return None


_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Delete, ast.Return, ast.Continue, ast.Break)


def _expression_around(module: ParsedModule, within: ast.AST, span: Span) -> ast.expr | None:
    """The smallest expression of a function that a place is in."""
    best: ast.expr | None = None
    best_length = 0
    for node in ast.walk(within):
        if isinstance(node, ast.expr) and not isinstance(node, ast.Slice | ast.Starred):
            start, end = module.span(node)
            if not (start <= span[0] and span[1] <= end):
                continue
            is_read = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
            if is_read and (best is None or end - start <= best_length):
                # What is called is no value of its own.
                parent = module.parents.get(node)
                if not (isinstance(parent, ast.Call) and parent.func is node):
                    best, best_length = node, end - start
    return best


def _is_expression(text: str) -> bool:
    try:
        ast.parse(f"({text})", mode="eval")
    except SyntaxError:
        return False
    return True


__all__ = ["behind", "place_of_condition"]
