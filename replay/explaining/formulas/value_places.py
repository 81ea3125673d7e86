"""The places of a core's source that come to a value: what is assigned, returned, handed on or
decided by; and the statements before which a function could be left, or that could be passed over,
which come to a flag that the source does not have."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.editing.place_probe import PROBE
from replay.explaining.editing.source_map import ParsedModule, Span, one_line
from replay.explaining.editing.source_text import Place
from replay.explaining.editing.vocabulary import REFUSES

Line = tuple[str, int]


MOST_PARTS: Final = 24
"""Expressions of a function that are terms as well: what it already computes."""


@dataclass(frozen=True, eq=False)
class ValuePlace:
    """An expression of a function; `native` is its text. What is put there stands between `before`
    and `after`: with these, the place is a statement, and `native` what it would hold on."""

    module: ParsedModule
    function: str
    span: Span
    native: str
    before: str = ""
    after: str = ""

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """What else its function computes, first what is nearest before it: a port may well use
        another one of these."""
        scope = self.module.scope_at(self.span[0])
        found: dict[str, int] = {}
        for node in ast.walk(scope.node):
            if isinstance(node, _COMPUTED) and not _is_stored(node):
                start, end = self.module.span(node)
                text = one_line(self.module.text[start:end])
                away = abs(self.span[0] - start)
                found[text] = min(away, found.get(text, away))
        nearest = sorted(found, key=lambda text: (found[text], text))
        return tuple(text for text in nearest if text != self.native)[:MOST_PARTS]

    def with_text(self, core: EditableCore, text: str) -> Edit:
        """The edit that has another text there."""
        place = self._with(text)
        return Edit(EditKind.FORMULA, self.function, (place,), core.map.says(place))

    @cached_property
    def probed(self) -> Edit:
        """The edit that has the probe called there. Its words are of no matter."""
        return Edit(
            EditKind.FORMULA, self.function, (self._with(f"{PROBE}({self.native})"),), PROBE
        )

    def _with(self, text: str) -> Place:
        return self.module.place(self.span, self.before + text + self.after)


def value_places(
    core: EditableCore, lines: Collection[Line], *, texts: bool = False
) -> Iterator[ValuePlace]:
    """The places at lines that ran, in the order of the source, each once; `texts` with those at
    which a text stands, which nothing is computed at."""
    for module, function, statement in _statements_run(core, lines):
        seen: set[Span] = set()
        for node in _own(statement):
            for value in _values(node):
                span = module.span(value)
                if span not in seen and (not _is_plain(value) or (texts and _is_text(value))):
                    seen.add(span)
                    yield ValuePlace(module, function, span, one_line(module.text_of(value)))


def simple_places(core: EditableCore, lines: Collection[Line]) -> Iterator[ValuePlace]:
    """The simple statements at lines that ran, each as what is done only where something holds."""
    for module, function, statement in _statements_run(core, lines):
        if isinstance(statement, _SIMPLE):
            span = module.span(statement)
            if module.indent_before(span[0]) is not None:
                yield _done_where(module, function, span)


def _done_where(module: ParsedModule, function: str, span: Span) -> ValuePlace:
    """A statement as what is done only where something holds."""
    after = f": {module.text[span[0] : span[1]]}"
    return ValuePlace(module, function, span, "True", "if ", after)


def statement_places(core: EditableCore, lines: Collection[Line]) -> Iterator[ValuePlace]:
    """The statements at lines that ran, each as what is done only where something holds, loops as
    what goes on only with what something holds of, and as what comes after a way out of its
    function."""
    for module, function, statement in _statements_run(core, lines):
        span = module.span(statement)
        indent = module.indent_before(span[0])
        if indent is None:
            continue
        text = module.text[span[0] : span[1]]
        if isinstance(statement, _SIMPLE):
            yield _done_where(module, function, span)
            for joined in _runs_from(module, statement):
                yield ValuePlace(module, function, *joined)
        if isinstance(statement, ast.For) and isinstance(statement.target, ast.Name):
            yield _gone_through_where(module, function, statement.iter, statement.target.id)
        way_out = _way_out(module, span)
        if way_out and not isinstance(statement, ast.Return):
            yield ValuePlace(module, function, span, "False", "if ", f": {way_out}\n{indent}{text}")


def refusal_places(core: EditableCore, lines: Collection[Line]) -> Iterator[ValuePlace]:
    """Where a step could be refused: at the beginning of each function that ran, then of each block
    in it."""
    first: dict[tuple[str, str], ast.stmt] = {}
    others: list[tuple[ParsedModule, str, ast.stmt]] = []
    for module, function, statement in _statements_run(core, lines):
        if first.setdefault((module.key, function), statement) is statement:
            yield from _before(module, function, statement)
        elif _begins_a_block(module, statement):
            others.append((module, function, statement))
    for place in others:
        yield from _before(*place)


def _before(module: ParsedModule, function: str, statement: ast.stmt) -> Iterator[ValuePlace]:
    span = module.span(statement)
    indent = module.indent_before(span[0])
    if indent is not None:
        after = f": {REFUSES}()\n{indent}{module.text[span[0] : span[1]]}"
        yield ValuePlace(module, function, span, "False", "if ", after)


def _begins_a_block(module: ParsedModule, statement: ast.stmt) -> bool:
    parent = module.parents.get(statement)
    blocks = (getattr(parent, name, None) for name in ("body", "orelse"))
    return any(isinstance(block, list) and statement in block[:1] for block in blocks)


def _gone_through_where(
    module: ParsedModule, function: str, items: ast.expr, name: str
) -> ValuePlace:
    """What a loop goes through as what it goes through only where something holds of it."""
    span = module.span(items)
    before = f"[{name} for {name} in {one_line(module.text_of(items))} if "
    return ValuePlace(module, function, span, "True", before, "]")


MOST_JOINED: Final = 3
"""Simple statements in a row that are passed over together."""


def _runs_from(module: ParsedModule, statement: ast.stmt) -> Iterator[tuple[Span, str, str, str]]:
    """The simple statements from one on, two and more, as what is done only where something
    holds."""
    block = module.block_of(statement)
    at = block.index(statement) if statement in block else len(block)
    texts = [module.text_of(statement)]
    for other in block[at + 1 : at + MOST_JOINED]:
        if not isinstance(other, _SIMPLE):
            return
        texts.append(module.text_of(other))
        span = module.span(statement)[0], module.span(other)[1]
        yield span, "True", "if ", f": {'; '.join(texts)}"


_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Delete)


def _way_out(module: ParsedModule, span: Span) -> str:
    """How the function of a statement could be left: as it is left at its end."""
    function = module.scope_at(span[0]).node
    if not isinstance(function, ast.FunctionDef):
        return ""
    last = function.body[-1]
    if isinstance(last, ast.Return) and last.value is not None:
        return f"return {one_line(module.text_of(last.value))}"
    returns = (one for one in ast.walk(function) if isinstance(one, ast.Return))
    return "" if any(one.value is not None for one in returns) else "return"


def _statements_run(
    core: EditableCore, lines: Collection[Line]
) -> Iterator[tuple[ParsedModule, str, ast.stmt]]:
    """The statements of functions that ran, each with its module and function."""
    ran = frozenset(lines)
    for key, module in core.map.modules.items():
        for scope in module.scopes:
            if not scope.is_function:
                continue
            for statement in _statements(scope.node):
                span = module.statement_lines.get(statement.lineno, ())
                if any((key, line) in ran for line in span):
                    yield module, scope.name, statement


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements in a function, without those of functions in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            yield from _statements(child)


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """A statement and the expressions in it, without the statements in it."""
    yield statement
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr | ast.keyword | ast.withitem):
            yield from ast.walk(child)


def _values(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Assign(value=value) | ast.AugAssign(value=value):
            yield value
        case ast.AnnAssign(value=ast.expr() as value) | ast.Return(value=ast.expr() as value):
            yield value
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test
        case ast.comprehension(ifs=tests) | ast.BoolOp(values=tests):
            yield from tests
        case ast.Call(args=arguments, keywords=keywords):
            yield from (one for one in arguments if not isinstance(one, ast.Starred))
            yield from (keyword.value for keyword in keywords if keyword.arg)
        case ast.Dict(values=values):
            yield from values


def _is_plain(value: ast.expr) -> bool:
    """Whether nothing is computed there that a number or a flag could come out of."""
    made = (ast.Lambda, ast.JoinedStr, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.ListComp,
            ast.GeneratorExp, ast.DictComp, ast.SetComp, ast.Yield, ast.YieldFrom, ast.Await,
            ast.NamedExpr)  # fmt: skip
    return _is_text(value) or isinstance(value, made)


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


_COMPUTED = (ast.BinOp, ast.Call, ast.UnaryOp, ast.Subscript)


def _is_stored(node: ast.AST) -> bool:
    return not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


__all__ = [
    "Line", "ValuePlace", "refusal_places", "simple_places", "statement_places", "value_places",
]  # fmt: skip
