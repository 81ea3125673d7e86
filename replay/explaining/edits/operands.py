"""Something left out of an expression: one operand alone, one element less, no `abs`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_map import Span
from replay.explaining.edits.model import Change, Unit, called_name


def operands(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """What is left of an expression without one of its parts."""
    match node:
        case ast.BinOp(left=left, right=right):
            for part in (left, right):
                yield Change(EditKind.OPERAND, unit.span(node), unit.instead(node, part))
        case ast.BoolOp(values=values):
            word = "and" if isinstance(node.op, ast.And) else "or"
            for others in _without_one(values):
                texts = [unit.operand(one, 4 if word == "and" else 3) for one in others]
                new = f" {word} ".join(texts)
                if len(others) == 1:
                    new = unit.instead(node, others[0])
                yield Change(EditKind.OPERAND, unit.span(node), new)
        case ast.Compare(left=left, ops=[_, _], comparators=[middle, right]):
            span = unit.span(node)
            yield Change(EditKind.OPERAND, (span[0], unit.span(middle)[0]), "")
            yield Change(EditKind.OPERAND, (unit.span(middle)[1], span[1]), "")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield Change(EditKind.OPERAND, unit.span(node), unit.instead(node, operand))
        case ast.Call(args=arguments) if called_name(node) in ("min", "max"):
            if len(arguments) > 1 and not node.keywords:
                for argument in arguments:
                    yield Change(EditKind.OPERAND, unit.span(node), unit.text(argument))
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            if _is_made(unit, node):
                for span in removals(unit, elements, unit.span(node)[1] - 1):
                    yield _shorter(unit, node, elements, span)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if key is not None:
                    start, end = unit.span(key)[0], unit.span(value)[1]
                    yield Change(EditKind.OPERAND, _with_comma(unit, (start, end)), "")


def _without_one(values: Sequence[ast.expr]) -> Iterator[Sequence[ast.expr]]:
    for place in range(len(values)):
        yield [*values[:place], *values[place + 1 :]]


def _is_made(unit: Unit, node: ast.Tuple | ast.List | ast.Set) -> bool:
    """Whether it is a value with brackets, and no target or several values returned."""
    if isinstance(node, ast.Set):
        return len(node.elts) > 1
    is_bracketed = unit.text(node)[0] in "(["
    return isinstance(node.ctx, ast.Load) and is_bracketed and bool(node.elts)


def _shorter(
    unit: Unit, node: ast.Tuple | ast.List | ast.Set, elements: Sequence[ast.expr], span: Span
) -> Change:
    """An element less; a tuple of one needs its comma."""
    if isinstance(node, ast.Tuple) and len(elements) == 2:
        (left,) = [one for one in elements if not span[0] <= unit.span(one)[0] < span[1]]
        return Change(EditKind.OPERAND, unit.span(node), f"({unit.text(left)},)")
    return Change(EditKind.OPERAND, span, "")


def removals(unit: Unit, parts: Sequence[ast.AST], end: int) -> Iterator[Span]:
    """For each of some arguments or elements what to take out, a comma with it."""
    for place, part in enumerate(parts):
        start, after = _bracketed(unit, part)
        span = _with_comma(unit, (start, after))
        is_last = place == len(parts) - 1
        if is_last and place and span[1] == after:
            # The last one without a comma after it: the one before goes.
            span = _bracketed(unit, parts[place - 1])[1], after
        yield span[0], min(span[1], end)


def _bracketed(unit: Unit, part: ast.AST) -> Span:
    """Where a part stands, with the parentheses around it."""
    start, end = unit.span(part)
    parent = unit.parent(part)
    if isinstance(part, ast.keyword) or parent is None:
        return start, end
    tokens = unit.module.tokens
    before = unit.module.token_at(start) - 1
    after = unit.module.token_at(end)
    limit = unit.span(parent)
    while (
        tokens[before].text == "("
        and tokens[after].text == ")"
        and tokens[before].start > limit[0]
        and tokens[after].end < limit[1]
    ):
        start, end = tokens[before].start, tokens[after].end
        before, after = before - 1, after + 1
    return start, end


def _with_comma(unit: Unit, span: Span) -> Span:
    """With a comma that follows, and the space after that."""
    tokens = unit.module.tokens
    after = unit.module.token_at(span[1])
    if after < len(tokens) and tokens[after].text == ",":
        end = tokens[after].end
        following = tokens[after + 1].start if after + 1 < len(tokens) else end
        gap = unit.module.text[end:following]
        return span[0], following if gap.strip(" ") == "" else end
    return span
