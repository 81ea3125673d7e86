"""The sources of a core, parsed: nodes, the text they stand for, and the functions they are in."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from replay.explaining.editing.source_text import BLOCKS, Place, line_starts, source_lines

Span: TypeAlias = tuple[int, int]
"""Where something begins and ends in a text."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Scope(NamedTuple):
    """A function, a class, or a whole module: `name` is "entries.exit_price", "records.PairState",
    "records"."""

    name: str
    module: str
    node: Function | ast.ClassDef | ast.Module
    span: Span

    @property
    def is_function(self) -> bool:
        """Whether it is a function, or a method."""
        return isinstance(self.node, Function)


class Token(NamedTuple):
    """A piece of source that white space and comments separate from others."""

    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"""
    (?P<space> [ \t\f\n\r]+ | \\\n | \#[^\n]* )
  | (?i:[rbuf]{0,2}) (?: \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
                       | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
  | 0[xXoObB][\w]+ | (?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?[jJ]?
  | [^\W\d]\w*
  | \*\*= | //= | >>= | <<= | \.\.\. | := | -> | [-+*/%@&|^=!<>]= | \*\* | // | << | >>
  | .
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens_of(text: str, span: Span | None = None) -> list[Token]:
    """The tokens of a text, or of a part of it, without comments and line ends.

    Works on any part of a source, also one whose parentheses are not closed.
    """
    start, end = span or (0, len(text))
    return [
        Token(match[0], match.start(), match.end())
        for match in _TOKEN.finditer(text, start, end)
        if match["space"] is None
    ]


def last_name(node: ast.AST) -> str:
    """What something is called, of an attribute its own name; "" where it has none."""
    name: str = getattr(node, "attr", getattr(node, "id", ""))
    return name


@dataclass
class ParsedModule:
    """One module: its name (a key of EditableCore.sources), its file's name, and its text."""

    key: str
    file: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def text_constants(self) -> tuple[str, ...]:
        """The names that it gives to texts, outside functions and classes."""
        given = [
            line.targets
            for line in self.tree.body
            if isinstance(line, ast.Assign)
            and isinstance(line.value, ast.Constant)
            and isinstance(line.value.value, str)
        ]
        return tuple(one.id for some in given for one in some if isinstance(one, ast.Name))

    @cached_property
    def _starts(self) -> list[int]:
        return line_starts(self.text)

    @cached_property
    def _lines(self) -> tuple[str, ...]:
        return source_lines(self.text)

    def offset(self, line: int, column: int) -> int:
        """Where a position of the parser's is: it counts columns in bytes."""
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        if not text.isascii():
            column = len(text.encode()[:column].decode(errors="replace"))
        return self._starts[line - 1] + column

    def span(self, node: ast.AST) -> Span:
        """Where an expression or a statement begins and ends."""
        assert isinstance(node, ast.expr | ast.stmt | ast.keyword | ast.arg)
        end_line, end_column = node.end_lineno or 0, node.end_col_offset or 0
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)

    def text_of(self, node: ast.AST) -> str:
        """The text of an expression or a statement, without parentheses around it."""
        start, end = self.span(node)
        return self.text[start:end]

    def indent_before(self, start: int) -> str | None:
        """What a statement is indented by, None where it does not begin its line."""
        before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        return None if before.strip() else before

    def line_of(self, offset: int) -> int:
        """The line that a place in the text is in."""
        return bisect_right(self._starts, offset, hi=max(len(self._starts) - 1, 1))

    def place(self, span: Span, new: str) -> Place:
        """What replaces that part of the text."""
        first, last = self.line_of(span[0]), self.line_of(span[1])
        return Place(
            self.key,
            first,
            span[0] - self._starts[first - 1],
            last,
            span[1] - self._starts[last - 1],
            new,
        )

    def span_of_place(self, place: Place) -> Span:
        """The part of the text that a place is."""
        starts = self._starts
        return starts[place.line - 1] + place.column, starts[place.end_line - 1] + place.end_column

    @cached_property
    def _statements(self) -> list[tuple[Span, ast.stmt]]:
        """All statements with their spans, of compound ones that of the header alone."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt):
                start, end = self.span(node)
                body = getattr(node, "body", None)
                if isinstance(body, list) and body:
                    first = min(body[0].lineno, *(d.lineno for d in _decorators(body[0])), 10**9)
                    end = max(start, self.offset(first, 0) if first > node.lineno else end)
                found.append(((start, end), node))
        return sorted(found, key=lambda one: one[0])

    @cached_property
    def statement_lines(self) -> Mapping[int, range]:
        """For each line those of the innermost statement that it is part of; of a compound one
        those of its header."""
        lines: dict[int, range] = {}
        for (start, end), _ in self._statements:
            first, last = self.line_of(start), self.line_of(max(start, end - 1))
            lines |= dict.fromkeys(range(first, last + 1), range(first, last + 1))
        return lines

    def statement_around(self, span: Span) -> Span:
        """The innermost statement (of a compound one its header) that has all of a part of the
        text; that part itself where no single one has."""
        at = bisect_right(self._statements, span[0], key=lambda one: one[0][0]) - 1
        while at >= 0:
            (start, end), _ = self._statements[at]
            if start <= span[0] and span[1] <= end:
                return start, len(self.text[start:end].rstrip()) + start
            at -= 1
        return span

    @cached_property
    def parents(self) -> Mapping[ast.AST, ast.AST]:
        """For each node the one it is part of."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def block_of(self, statement: ast.AST) -> list[ast.stmt]:
        """The statements in a row that one stands among; nothing where it stands in no block."""
        parent = self.parents.get(statement)
        blocks = (getattr(parent, name, None) for name in BLOCKS)
        return next((one for one in blocks if isinstance(one, list) and statement in one), [])

    @cached_property
    def calls(self) -> list[ast.Call]:
        """All its calls, in the order of the source."""
        calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        return sorted(calls, key=self.span)

    @cached_property
    def key_functions(self) -> frozenset[str]:
        """The names of what something is sorted by, where that is a function with a name."""
        keys = (one.value for call in self.calls for one in call.keywords if one.arg == "key")
        return frozenset(name for name in map(last_name, keys) if name)

    @cached_property
    def methods(self) -> Mapping[str, Function]:
        """All functions of its classes by name, of several with one name the last."""
        classes = (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))
        return {one.name: one for node in classes for one in node.body if isinstance(one, Function)}

    @cached_property
    def tokens(self) -> list[Token]:
        """All its tokens."""
        return tokens_of(self.text)

    def tokens_in(self, span: Span) -> list[Token]:
        """The tokens that begin within a part of the text."""
        starts = self._token_starts
        return self.tokens[bisect_right(starts, span[0] - 1) : bisect_right(starts, span[1] - 1)]

    def token_at(self, offset: int) -> int:
        """The place in `tokens` of the first one that begins at, or after, a place in the text."""
        return bisect_right(self._token_starts, offset - 1)

    @cached_property
    def _token_starts(self) -> list[int]:
        return [token.start for token in self.tokens]

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """The module, and its functions and classes, in the order of the source."""
        whole = Scope(self.key, self.key, self.tree, (0, len(self.text)))
        return (whole, *self._scopes(self.tree.body, self.key))

    def _scopes(self, nodes: Sequence[ast.AST], prefix: str) -> Iterator[Scope]:
        for node in nodes:
            if isinstance(node, Function | ast.ClassDef):
                name = f"{prefix}.{node.name}"
                yield Scope(name, self.key, node, self.span(node))
                yield from self._scopes(node.body, name)
            elif isinstance(node, ast.stmt):
                yield from self._scopes(list(ast.iter_child_nodes(node)), prefix)
            elif isinstance(node, ast.ExceptHandler | ast.match_case):
                yield from self._scopes(node.body, prefix)

    def scope_at(self, offset: int) -> Scope:
        """The innermost function or class around a place in the text, else the module."""
        starts, scopes = self._scopes_by_start
        # The innermost begins last of those that have not ended.
        for place in range(bisect_right(starts, offset) - 1, -1, -1):
            if offset < scopes[place].span[1]:
                return scopes[place]
        return self.scopes[0]

    @cached_property
    def _scopes_by_start(self) -> tuple[list[int], list[Scope]]:
        """The functions and classes in the order of where they begin."""
        scopes = sorted(self.scopes[1:], key=lambda scope: scope.span[0])
        return [scope.span[0] for scope in scopes], scopes


def _decorators(node: ast.stmt) -> list[ast.expr]:
    return getattr(node, "decorator_list", [])


class SourceMap:
    """All modules of a core, by their names in EditableCore.sources."""

    def __init__(self, sources: Mapping[str, str], files: Mapping[str, str]) -> None:
        self.files = files
        self.modules: Mapping[str, ParsedModule] = {
            key: ParsedModule(key, files[key], text) for key, text in sources.items()
        }

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """The modules, functions and classes of all modules."""
        return tuple(scope for module in self.modules.values() for scope in module.scopes)

    def scopes_called(self, name: str) -> list[Scope]:
        """Those that a name means: "exit_price", "entries.exit_price", or the name of a class or a
        module. All of one name where it is not said in which module."""
        exact = [scope for scope in self.scopes if scope.name == name]
        return exact or [scope for scope in self.scopes if scope.name.endswith(f".{name}")]

    def says(self, place: Place, shown: Span | None = None) -> str:
        """`entries.py line 108 read "market < order.price" instead of "market <= order.price"`.

        `shown` is the part of the text to show, where it is more than the place itself.
        """
        return self.says_all((place,), shown)

    def says_all(self, places: Sequence[Place], shown: Span | None = None) -> str:
        """The first place in words, and where the others are."""
        first, *others = places
        module = self.modules[first.module]
        span = module.span_of_place(first)
        start, end = shown or span
        old = module.text[start:end]
        new = module.text[start : span[0]] + first.new + module.text[span[1] : end]
        text = f"{module.file} line {module.line_of(start)} {_instead(old, new)}"
        others = [one for one in others if (one.module, one.line) != (first.module, first.line)]
        if not others:
            return text if len(places) == 1 else f"{text}, and likewise once more there"
        return f"{text}, and likewise {self.lines_of(others, first.module)}"

    def lines_of(self, places: Sequence[Place], module: str) -> str:
        """`line 12, line 14 and reducer.py line 3`, for people; `module` is the one spoken of."""
        lines = dict.fromkeys((place.module, place.line) for place in places)
        named = [
            f"line {line}" if key == module else f"{self.modules[key].file} line {line}"
            for key, line in list(lines)[:_MOST_LINES]
        ]
        if len(lines) > _MOST_LINES:
            named.append(f"{len(lines) - _MOST_LINES} more")
        return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


_MOST_LINES = 6
_GOING_ON = ("if", "else", "and", "or", "for", "in", "+", "-", "*", "/", "<", "<=", ">", ">=", "==")
"""What hardly any statement begins with."""
_LONGEST = 110


def _instead(old: str, new: str) -> str:
    before, after = _shown_line(old), _shown_line(new)
    if not after or after == "pass":
        return f'lacked "{_short(before)}"'
    return f'read "{_short(after)}" instead of "{_short(before)}"'


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _shown_line(text: str) -> str:
    """A piece of source on one line for a person: statements are set apart."""
    return _on_one_line(text, "; ").strip(" ,")


def one_line(text: str) -> str:
    """A piece of source on one line, without comments; the same tokens."""
    return _on_one_line(text, " ")


def _on_one_line(text: str, between_statements: str) -> str:
    if "\n" not in text and "#" not in text:
        return text
    parts: list[str] = []
    end = opened = 0
    for token in tokens_of(text):
        gap = text[end : token.start]
        if parts and gap:
            if "\n" not in gap:
                parts.append(" ")
            elif parts[-1] in ("(", "[", "{") or token.text in (")", "]", "}"):
                parts.append("")
            else:
                goes_on = opened > 0 or parts[-1] in (",", ":") or token.text in _GOING_ON
                parts.append(" " if goes_on else between_statements)
        parts.append(token.text)
        opened += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        end = token.end
    return "".join(parts)
