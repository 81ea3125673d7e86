"""Statements moved over others of their block: what a port does earlier or later than the core.

Neighbours that change places are in the catalogue. There are many more of these, so that they are
made for the functions of one step alone.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from itertools import permutations
from typing import Final

from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.editing.source_map import ParsedModule, one_line
from replay.explaining.editing.source_text import BLOCKS
from replay.explaining.edits.model import has_way_out

FARTHEST: Final = 12
"""Over how many statements one is moved at most."""

_MOVED: Final = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)


def moved_statements(core: EditableCore, lines: Collection[tuple[str, int]]) -> Iterator[Edit]:
    """Each simple statement at lines that ran, somewhere else in its block."""
    ran = frozenset(lines)
    for key, module in core.map.modules.items():
        for scope in module.scopes:
            if scope.is_function:
                for block in _blocks_of(scope.node):
                    if any((key, one.lineno) in ran for one in block):
                        yield from _moved_in(module, scope.name, block)


def _blocks_of(function: ast.AST) -> Iterator[Sequence[ast.stmt]]:
    for node in ast.walk(function):
        for name in BLOCKS:
            block = getattr(node, name, None)
            if isinstance(block, list) and len(block) > 2:
                yield block


def _can_move(statement: ast.stmt) -> bool:
    """Whether a statement may be done elsewhere: a simple one, or a choice of such that is no way
    out."""
    if isinstance(statement, ast.If):
        return not has_way_out(statement)
    return isinstance(statement, _MOVED)


def _moved_in(module: ParsedModule, function: str, block: Sequence[ast.stmt]) -> Iterator[Edit]:
    indents = {module.indent_before(module.span(one)[0]) for one in block}
    if len(indents) != 1 or None in indents:
        return
    (indent,) = indents
    texts = [module.text_of(one) for one in block]
    for here, there in permutations(range(len(block)), 2):
        far = abs(here - there)
        if not 1 < far <= FARTHEST or not _can_move(block[here]):
            continue
        first, last = min(here, there), max(here, there)
        order = [one for one in range(first, last + 1) if one != here]
        order.insert(0 if there < here else len(order), here)
        span = module.span(block[first])[0], module.span(block[last])[1]
        place = module.place(span, f"\n{indent}".join(texts[one] for one in order))
        other = block[there]
        says = (
            f'{module.file} line {block[here].lineno} did "{one_line(texts[here])}" '
            f"{'before' if there < here else 'after'} line {other.lineno}"
        )
        yield Edit(EditKind.ORDER, function, (place,), says)


__all__ = ["moved_statements"]
