"""Constants with names: another of the same family, and comparisons with more of it than one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit

_MOST: Final = 6
"""Members of a family of which each is put in the place of another."""


def named_constants(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """`PHASE_OPEN` for `PHASE_IDLE`; `is not idle` and `is one of both` for `is open`."""
    match node:
        case ast.Name(ctx=ast.Load(), id=name):
            for other in _family(unit, name):
                yield Change(EditKind.CONSTANT, unit.span(node), other)
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as how], comparators=[ast.Name()]):
            name = node.comparators[0].id  # type: ignore[attr-defined]
            value = unit.operand(left, 6)
            is_equal = isinstance(how, ast.Eq)
            for other in _family(unit, name):
                turned = f"{value} {'!=' if is_equal else '=='} {other}"
                yield Change(EditKind.COMPARISON, unit.span(node), turned, "all but another")
                among = f"{value} {'in' if is_equal else 'not in'} ({name}, {other})"
                yield Change(EditKind.COMPARISON, unit.span(node), among, "another as well")


def _family(unit: Unit, name: str) -> list[str]:
    """The other constants of the module whose names begin with the same word, and whose values are
    texts as well."""
    word, mark, _ = name.partition("_")
    if not mark or not name.isupper():
        return []
    names = [one for one in unit.module.text_constants if one.startswith(f"{word}_")]
    return [one for one in names if one != name][:_MOST] if name in names else []


__all__ = ["named_constants"]
