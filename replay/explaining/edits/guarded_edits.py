"""Edits that hold only sometimes: what a port does otherwise, it may do so behind a condition.

An edit that gives the shadow's answer at many steps and spoils others is often the right one with
something around it: only for buys, only above zero, only to so many digits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.source_map import ParsedModule, Span
from replay.explaining.edits.rounding_call import where_it_fits

_CONDITIONS: Final = (
    "{} > 0", "not {} > 0", "{} >= 0", "not {} >= 0", "{} > 1", "not {} > 1", "{} is None",
    "{} is not None", "{}", "not {}",
)  # fmt: skip
_TEXTS: Final = {
    "side": ("buy", "sell"), "role": ("entry", "exit"), "trade_id": ("A", "B"),
    "trade": ("A", "B"),
}  # fmt: skip
"""The few texts that some fields have."""


def guarded(core: EditableCore, edit: Edit) -> Iterator[Edit]:
    """An edit behind each of some conditions, those of roundings on the number and its digits, all
    others on what the function looks at."""
    rounded = list(where_it_fits(edit))
    if rounded or len(edit.places) != 1:
        yield from rounded
        return
    (place,) = edit.places
    module = core.map.modules[place.module]
    span = module.span_of_place(place)
    scope = module.scope_at(span[0])
    around = _expression_around(module, scope.node, span) if scope.is_function else None
    if around is None:
        return
    start, end = module.span(around)
    old = module.text[start:end]
    new = module.text[start : span[0]] + place.new + module.text[span[1] : end]
    if not _is_expression(new):
        return
    for condition in _conditions(module, scope.node):
        both = f"(({new}) if {condition} else ({old}))"
        where = module.place((start, end), both)
        yield replace(edit, places=(where,), says=f"{edit.says}, where {condition}")


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


def _conditions(module: ParsedModule, function: ast.AST) -> Iterator[str]:
    subjects: dict[str, None] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner = node.value if isinstance(node, ast.Attribute) else node
            parent = module.parents.get(node)
            is_called = isinstance(parent, ast.Call) and parent.func is node
            if isinstance(owner, ast.Name) and not is_called:
                subjects[ast.unparse(node)] = None
    for subject in subjects:
        for text in _TEXTS.get(subject.rpartition(".")[2], ()):
            yield f'{subject} == "{text}"'
    for condition in _CONDITIONS:
        for subject in subjects:
            yield condition.format(subject)


def _is_expression(text: str) -> bool:
    try:
        ast.parse(f"({text})", mode="eval")
    except SyntaxError:
        return False
    return True


__all__ = ["guarded"]
