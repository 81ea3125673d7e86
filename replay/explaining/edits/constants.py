"""Constants: numbers that are off, flags flipped, texts emptied, in another case or confused."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit
from replay.explaining.edits.sorts import sort_of

_MOST_TEXTS = 6
_TAKES_NONE = (ast.keyword, ast.Assign, ast.AnnAssign, ast.Return, ast.IfExp)
_ZEROS = {"float": "0.0", "int": "0", "str": '""', "bool": "False"}


def constants(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """What else may be written in the place of a constant."""
    if isinstance(node, ast.JoinedStr) and not _is_reason(unit, node):
        yield from _f_string(unit, node)
    if not isinstance(node, ast.Constant) or _is_reason(unit, node):
        return
    value = node.value
    span = unit.span(node)
    if isinstance(value, bool):
        yield Change(EditKind.CONSTANT, span, str(not value))
    elif isinstance(value, int | float):
        for number in _numbers(value, unit.scope.is_function):
            yield Change(EditKind.CONSTANT, span, _written(unit, node, number))
    elif isinstance(value, str):
        for text in _texts(unit, value):
            yield Change(EditKind.CONSTANT, span, _quoted(text))
        if isinstance(unit.parent(node), _TAKES_NONE):
            yield Change(EditKind.CONSTANT, span, "None")
    elif value is None and isinstance(unit.parent(node), _TAKES_NONE):
        for new in _instead_of_none(unit, node):
            yield Change(EditKind.CONSTANT, span, new)


def _is_reason(unit: Unit, node: ast.AST) -> bool:
    """Whether it is the text of an exception: two refusals are compared by kind and path alone."""
    call = unit.parent(node)
    is_raised = isinstance(call, ast.Call) and isinstance(unit.parent(call), ast.Raise)
    text = unit.text(node) if is_raised else ""
    return " " in text and text[:1] in ("f", '"', "'")


def _numbers(value: float, is_in_function: bool) -> list[float]:
    """Off by one, none at all, the double and the half, another sign, another power of ten; of
    what is computed when the core is loaded, which takes longer to try, only some."""
    near: list[float] = [value + 1, value - 1]
    if isinstance(value, int):
        near += [0, value * 2, value // 2, -value] if is_in_function else [0]
    else:
        near += [0.0, 1.0]
        near += [-value, value * 2, value / 2, value * 10, value / 10] if is_in_function else []
    shown = {repr(number): number for number in near if math.isfinite(number)}
    return [number for number in shown.values() if repr(number) not in (repr(value), "-0.0")]


def _written(unit: Unit, node: ast.Constant, number: float) -> str:
    text = repr(number)
    within = isinstance(unit.parent(node), ast.BinOp | ast.UnaryOp | ast.Attribute)
    return f"({text})" if text.startswith("-") and within else text


def _texts(unit: Unit, text: str) -> list[str]:
    others = [
        *(text.upper(), text.lower(), text.capitalize()),
        *(*_confusable(unit, text), *unit.texts, ""),
    ]
    return list(dict.fromkeys(other for other in others if other != text))


def _confusable(unit: Unit, text: str) -> list[str]:
    """The other texts of its kind: those of the same Literal, and those of the same function."""
    known = [other for group in unit.sorts.literals.values() if text in group for other in group]
    here = [
        node.value
        for node in unit.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    alike = [other for other in here if (" " in other) is (" " in text) and unit.scope.is_function]
    return list(dict.fromkeys([*known, *alike]))[: _MOST_TEXTS + 1]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if text.isprintable() else repr(text)


def _instead_of_none(unit: Unit, node: ast.Constant) -> Iterator[str]:
    parent = unit.parent(node)
    sort = ""
    if isinstance(parent, ast.keyword):
        sorts = {its[parent.arg] for its in unit.sorts.records.values() if parent.arg in its}
        sort = sorts.pop() if len(sorts) == 1 else ""
    elif isinstance(parent, ast.AnnAssign):
        sort = sort_of(parent.annotation)
    yield _ZEROS.get(sort, "0.0")


def _f_string(unit: Unit, node: ast.JoinedStr) -> Iterator[Change]:
    span = unit.span(node)
    yield Change(EditKind.CONSTANT, span, '""')
    for place, part in enumerate(node.values):
        for other in _other_parts(part):
            values = [*node.values[:place], *other, *node.values[place + 1 :]]
            new = ast.unparse(ast.JoinedStr(values))
            yield Change(EditKind.CONSTANT, span, new)


def _other_parts(part: ast.expr) -> Iterator[list[ast.expr]]:
    if isinstance(part, ast.Constant) and isinstance(part.value, str):
        for text in dict.fromkeys([part.value.upper(), part.value.lower(), ""]):
            if text != part.value:
                yield [ast.Constant(text)] if text else []
    elif isinstance(part, ast.FormattedValue):
        for name in ("lower", "upper"):
            call = ast.Call(ast.Attribute(part.value, name, ast.Load()), [], [])
            yield [ast.FormattedValue(call, part.conversion, part.format_spec)]
        yield []
