"""What all kinds of edits are made with: a piece of a core to look at, and changes of its text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_map import ParsedModule, Scope, Span
from replay.explaining.edits.sorts import Names, Sorts


class Change(NamedTuple):
    """One change of a text: what stands at `span` becomes `new`.

    `meaning` says what it does in words that are the same for mirrored places, where the new text
    does not: "turned round" for both `<` to `>` and `>` to `<`.
    """

    kind: EditKind
    span: Span
    new: str
    meaning: str = ""


@dataclass(frozen=True)
class Unit:
    """A function (or what of a module runs when it is loaded), with what is known of its names.

    `nodes` has its statements and expressions in the order of the source; annotations, docstrings
    and the like, which do nothing, are left out. `texts` may stand where it has others.
    """

    module: ParsedModule
    scope: Scope
    sorts: Sorts
    nodes: tuple[ast.AST, ...]
    texts: tuple[str, ...] = ()

    @cached_property
    def names(self) -> Names:
        """The names that its code can use, and their sorts."""
        return self.sorts.names_in(self.scope)

    def sort(self, node: ast.expr) -> str:
        """The sort of an expression, "" where it cannot be told."""
        return self.sorts.sort(node, self.names)

    @cached_property
    def callable_names(self) -> tuple[str, ...]:
        """The other functions of the core that it can call."""
        seen = self.sorts.seen_from(self.module.key)
        functions = self.sorts.functions.items()
        return tuple(n for n, node in functions if n in seen and node is not self.scope.node)

    @cached_property
    def values(self) -> dict[str, list[ast.expr | None]]:
        """What each name is given in the statements of the function; None for what comes from a
        loop or out of something taken apart."""
        values: dict[str, list[ast.expr | None]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                parent = self.parent(node)
                value = parent.value if isinstance(parent, ast.Assign | ast.AnnAssign) else None
                values.setdefault(node.id, []).append(value)
        return values

    @cached_property
    def returns(self) -> tuple[tuple[ast.Return, ast.expr], ...]:
        """Where its function returns something, and what, in order."""
        ways = [(node, node.value) for node in self.nodes if isinstance(node, ast.Return)]
        return tuple((node, value) for node, value in ways if value is not None)

    @cached_property
    def sequences(self) -> tuple[str, ...]:
        """What it goes through, or has sorted, by the names under which it can be had again."""
        found: dict[str, None] = {}
        for node in self.nodes:
            match node:
                case ast.For(iter=items) | ast.comprehension(iter=items):
                    found[self.text(items)] = None
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                    if called_name(call) in ("sorted", "reversed", "list", "tuple"):
                        found[name] = None
        return tuple(text for text in found if text.replace(".", "").isidentifier())

    def text(self, node: ast.AST) -> str:
        """The text of a node, without parentheses around it."""
        return self.module.text_of(node)

    def span(self, node: ast.AST) -> Span:
        """Where a node stands."""
        return self.module.span(node)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """What a node is part of."""
        return self.module.parents.get(node)

    def operator_span(self, left: ast.AST, right: ast.AST) -> Span:
        """Where the operator between two operands stands."""
        gap = self.span(left)[1], self.span(right)[0]
        tokens = [token for token in self.module.tokens_in(gap) if token.text not in "()"]
        return tokens[0].start, tokens[-1].end

    def instead(self, node: ast.expr, part: ast.expr) -> str:
        """The text of a part of an expression as it can stand in place of the whole."""
        return self.operand(part, precedence(node))

    def operand(self, node: ast.expr, least: int) -> str:
        """The text of an expression, in parentheses where it binds less than that."""
        text = self.text(node)
        return f"({text})" if precedence(node) < least else text

    def binary(self, left: ast.expr, operator: str, right: ast.expr, instead_of: ast.expr) -> str:
        """`left operator right` as it can stand in place of another expression."""
        binds = PRECEDENCES[operator]
        text = f"{self.operand(left, binds)} {operator} {self.operand(right, binds + 1)}"
        return f"({text})" if binds < precedence(instead_of) else text


_LEVELS: tuple[tuple[int, tuple[type[ast.AST], ...]], ...] = (
    (0, (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Lambda)),
    (1, (ast.IfExp,)),
    (4, (ast.Not,)),
    (5, (ast.Compare,)),
)
_OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Or: ("or", 2),
    ast.And: ("and", 3),
    ast.BitOr: ("|", 6),
    ast.BitXor: ("^", 7),
    ast.BitAnd: ("&", 8),
    ast.LShift: ("<<", 9),
    ast.RShift: (">>", 9),
    ast.Add: ("+", 10),
    ast.Sub: ("-", 10),
    ast.Mult: ("*", 11),
    ast.Div: ("/", 11),
    ast.FloorDiv: ("//", 11),
    ast.Mod: ("%", 11),
    ast.MatMult: ("@", 11),
    ast.Pow: ("**", 13),
}
PRECEDENCES = dict(_OPERATORS.values())
"""How strongly operators bind; more is stronger."""

UNARY, _ATOM = 12, 15
_WAYS_OUT = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def operator_text(operator: ast.AST) -> str:
    """`+` and so on."""
    return _OPERATORS[type(operator)][0]


def precedence(node: ast.expr) -> int:
    """How strongly an expression holds together, by its outermost operator."""
    if isinstance(node, ast.BinOp | ast.BoolOp):
        return _OPERATORS[type(node.op)][1]
    if isinstance(node, ast.UnaryOp):
        return 4 if isinstance(node.op, ast.Not) else UNARY
    for level, kinds in _LEVELS:
        if isinstance(node, kinds):
            return level
    return _ATOM


def has_way_out(statement: ast.stmt) -> bool:
    """Whether what is after a statement may not be reached through it."""
    return any(isinstance(one, _WAYS_OUT) for one in ast.walk(statement))


def is_number(node: ast.AST) -> bool:
    """Whether it is a number written out, with or without a sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def is_text(node: ast.AST) -> bool:
    """Whether it is a text written out."""
    return isinstance(node, ast.Constant | ast.JoinedStr) and not (
        isinstance(node, ast.Constant) and not isinstance(node.value, str)
    )


def is_none(node: ast.AST) -> bool:
    """Whether it is None."""
    return isinstance(node, ast.Constant) and node.value is None


def called_name(node: ast.AST) -> str:
    """The name of the function that a call calls, "" where it is none or no plain name."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    return ""


def is_elif(unit: Unit, node: ast.AST) -> bool:
    """Whether it is a condition that is asked where another one did not hold."""
    return isinstance(node, ast.If) and unit.module.text.startswith("elif", unit.span(node)[0])


def tests_of(node: ast.AST) -> Iterator[ast.expr]:
    """The conditions that a node decides by."""
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        yield node.test
    elif isinstance(node, ast.comprehension):
        yield from node.ifs
