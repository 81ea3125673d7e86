"""Alternatives put in another order, or made into ones of which several may hold, or one alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import takewhile

from replay.explaining.editing.editable import EditKind
from replay.explaining.edits.model import Change, Unit, is_elif


def alternatives(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """`if a: ... elif b: ...` with b asked first, or both of them; `if a: ...` and `if b: ...` of
    which only the first that holds counts."""
    if not isinstance(node, ast.If):
        return
    if len(node.orelse) == 1 and is_elif(unit, node.orelse[0]):
        other = node.orelse[0]
        assert isinstance(other, ast.If)
        yield from _other_first(unit, node, other)
        start = unit.span(other)[0]
        yield Change(EditKind.BRANCH, (start, start + len("elif")), "if", "both of them")
    run = _run_from(unit, node)
    if len(run) > 1:
        yield _only_one(unit, run)
        if len(run) > 2:
            yield _only_one(unit, run[:2])


def _other_first(unit: Unit, one: ast.If, other: ast.If) -> Iterator[Change]:
    """The tests and what is done where they hold, exchanged."""
    text = unit.module.text
    first = unit.span(one.test)[0], unit.span(one.body[-1])[1]
    second = unit.span(other.test)[0], unit.span(other.body[-1])[1]
    new = text[slice(*second)] + text[first[1] : second[0]] + text[slice(*first)]
    yield Change(EditKind.ORDER, (first[0], second[1]), new, "the other asked first")


def _run_from(unit: Unit, node: ast.If) -> Sequence[ast.If]:
    """The conditions in a row from one on, none of which has an alternative; nothing where it is
    not the first."""
    block = unit.module.block_of(node)
    at = block.index(node)
    if at and _is_alone(block[at - 1]):
        return ()
    return [one for one in takewhile(_is_alone, block[at:]) if isinstance(one, ast.If)]


def _is_alone(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and not statement.orelse


def _only_one(unit: Unit, run: Sequence[ast.If]) -> Change:
    text = unit.module.text
    starts = [unit.span(one)[0] for one in run[1:]]
    new = "".join(
        "el" + text[start:end]
        for start, end in zip(starts, [*starts[1:], starts[-1] + 2], strict=True)
    )
    return Change(EditKind.BRANCH, (starts[0], starts[-1] + 2), new, "only the first that holds")


__all__ = ["alternatives"]
