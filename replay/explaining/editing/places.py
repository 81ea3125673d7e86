"""Where in a core's source something stands: the lines that cases run through, and the rule of the
contract that a function belongs to.

The rule is what the docstrings say: `(reducer.md, "Exit price")`. Where a function's says nothing,
its module's does, or that of who calls it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.source_text import Place, line_starts
from replay.streams.model import Stream

Line = tuple[str, int]

_RULE = re.compile(r'reducer\.md, (?:"([^"\n]+)"|([A-Z]\w+))')
_STEPS = re.compile(r"\b[Ss]teps? (\d)(?:(?: and |, | to )(\d))?")
_OUTSIDE = ("Helpers around the reducer", "Events")
"""What says where something is called from rather than what it is for."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def edits_at_work(
    core: EditableCore,
    cases: Sequence[Stream],
    edits_of: Callable[[EditableCore, Collection[Line]], Iterable[Edit]],
) -> tuple[list[Edit], list[Edit]]:
    """The edits that can be behind all of the cases: each case runs through one of its places at
    least, or that ran when the core was loaded. And the others that can be behind some of them.

    They are looked for in whole functions, since the mirror of what one case runs through may be
    what only another does.
    """
    loading = _whole(core, core.loading_lines)
    executed = [_whole(core, core.executed([case])) | loading for case in cases]
    edits = edits_of(core, _of_functions(core, frozenset().union(*executed)))
    behind = {edit: [_touches(edit, lines) for lines in executed] for edit in edits}
    some = [edit for edit, touches in behind.items() if any(touches) and not all(touches)]
    return [edit for edit, touches in behind.items() if all(touches)], some


def _touches(edit: Edit, lines: Collection[Line]) -> bool:
    return any(
        (place.module, line) in lines
        for place in edit.places
        for line in range(place.line, place.end_line + 1)
    )


def _whole(core: EditableCore, lines: frozenset[Line]) -> frozenset[Line]:
    """The lines, and all of the statements that they are part of: of one that goes over several
    lines Python does not report each."""
    spans = {key: module.statement_lines for key, module in core.map.modules.items()}
    nothing = range(0)
    more = ((module, one) for module, line in lines for one in spans[module].get(line, nothing))
    return lines.union(more)


def _of_functions(core: EditableCore, lines: frozenset[Line]) -> frozenset[Line]:
    """The lines, and all of the functions that they are in."""
    functions = (
        (scope.module, range(scope.node.lineno, (scope.node.end_lineno or 0) + 1))
        for scope in core.map.scopes
        if isinstance(scope.node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    whole = (
        {(module, line) for line in span}
        for module, span in functions
        if any((module, line) in lines for line in span[1:])
    )
    return lines.union(*whole)


@dataclass(frozen=True)
class Rules:
    """Which rule of reducer.md each function of a core belongs to, by its sources."""

    sources: Mapping[str, str]

    @classmethod
    def of(cls, core: EditableCore) -> Rules:
        """Those of a core."""
        return cls(core.sources)

    @cached_property
    def _functions(self) -> dict[tuple[str, str], _Function]:
        """All functions by module and name, those within classes or functions by their own name."""
        return {
            (module, node.name): node
            for module, tree in self._trees.items()
            for node in ast.walk(tree)
            if isinstance(node, _Function)
        }

    @cached_property
    def _trees(self) -> dict[str, ast.Module]:
        return {module: ast.parse(text) for module, text in self.sources.items()}

    def heading(self, function: str) -> str:
        """The heading of the rule for a function named like "entries.exit_price", "" where nothing
        says it: what its docstring names, else that of who calls it in its module, else the
        module's, else that of who calls it elsewhere."""
        known = self._headings.get(function)
        if known is None:
            known = self._headings[function] = self._heading(function)
        return known

    @cached_property
    def _headings(self) -> dict[str, str]:
        return {}

    def _heading(self, function: str) -> str:
        module, _, name = function.partition(".")
        key = (module, name.rpartition(".")[2])
        return (
            self._nearest(key, within=True)
            or _named(self._trees.get(module))
            or self._nearest(key, within=False)
        )

    def _nearest(self, key: tuple[str, str], *, within: bool) -> str:
        """The heading of the function, or of the nearest one that leads to it by calls."""
        seen: set[tuple[str, str]] = set()
        waiting = [key]
        while waiting:
            one = waiting.pop(0)
            if one in seen:
                continue
            seen.add(one)
            heading = _named(self._functions.get(one))
            if heading and (one == key or heading not in _OUTSIDE):
                return heading
            waiting += [caller for caller in self._callers.get(one[1], ())
                        if caller[0] == key[0] or not within]  # fmt: skip
        return ""

    @cached_property
    def _callers(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """The functions that call one of a name, by that name."""
        found: dict[str, dict[tuple[str, str], None]] = {}
        for key, node in self._functions.items():
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                    found.setdefault(call.func.id, {})[key] = None
        return {name: tuple(keys) for name, keys in found.items()}

    def place(self, edit: Edit) -> str:
        """Where the contract has the rule of an edit, `reducer.md, "PriceTick", step 5`; "" where
        nothing says it."""
        first = edit.places[0]
        heading = self.heading(edit.function or f"{first.module}.")
        if not heading:
            return ""
        step = self._step(edit, first.module, first.line)
        return f'reducer.md, "{heading}"' + (f", {step}" if step else "")

    def _step(self, edit: Edit, module: str, line: int) -> str:
        """The step that the last comment before a line, within its function, names."""
        name = edit.function.rpartition(".")[2]
        node = self._functions.get((module, name))
        if node is None:
            return ""
        lines = self.sources[module].split("\n")[node.lineno - 1 : line]
        comments = (text.partition("#")[2] for text in reversed(lines) if "#" in text)
        for comment in comments:
            match = _STEPS.search(comment)
            if match:
                return f"step {match[1]}" if match[2] is None else f"steps {match[1]} to {match[2]}"
        return ""


def _named(documented: _Function | ast.Module | None) -> str:
    """The rule that a docstring names."""
    text = (documented and ast.get_docstring(documented)) or ""
    match = _RULE.search(text)
    return (match[1] or match[2]) if match else ""


def text_at(text: str, place: Place) -> str:
    """The text that stands at a place of a source."""
    starts = line_starts(text)
    begin = starts[place.line - 1] + place.column
    return text[begin : starts[place.end_line - 1] + place.end_column]


__all__ = ["Rules", "edits_at_work", "text_at"]
