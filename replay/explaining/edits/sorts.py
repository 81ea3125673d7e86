"""Of what sort the names and fields of a core are, as far as annotations tell.

A sort is the text of an annotation, without `None`: "float", "Side", "OrderState". What cannot be
told is "", and nothing is confused with it. This is no checker of types: it only keeps away edits
that would be nonsense.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from replay.explaining.editing.observed_sorts import RETURNED
from replay.explaining.editing.rounding_calls import rounding_functions, rounding_wrappers
from replay.explaining.editing.source_map import Function, Scope, SourceMap

_NOTHING: Mapping[str, Any] = MappingProxyType({})

_SEQUENCES = ("tuple", "list", "Sequence", "Iterable", "set", "frozenset", "Iterator")
_MAPPINGS = ("Mapping", "dict")
_LIKE_THEIR_ARGUMENT = ("abs", "max", "min", "sum", "round")
_CALLS = {"float": "float", "int": "int", "len": "int", "str": "str", "bool": "bool"}


_PAIRS = {"trade_id": ("A", "B"), "trade": ("A", "B"), "side": ("buy", "sell")}
"""What the contract has two of, by how names of it end."""


def pair_of(name: str) -> tuple[str, str] | None:
    """The two texts of which a name stands for one, as the contract has them; None for others."""
    return next((pair for ending, pair in _PAIRS.items() if name.endswith(ending)), None)


@dataclass
class Names:
    """The names that a function's code can use: its parameters and what it assigns.

    `sorts` has the sort of each, `since` the line from which it has a value.
    """

    sorts: dict[str, str] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)

    def note(self, name: str, sort: str, line: int) -> None:
        """A name has a value from a line on. The first sort that is known counts."""
        self.sorts[name] = self.sorts.get(name) or sort
        self.since[name] = min(line, self.since.get(name, line))

    def of_sort(self, sort: str, line: int) -> list[str]:
        """The names of a sort that have a value at a line, in the order in which they get one."""
        names = [
            name for name, its in self.sorts.items() if its == sort and self.since[name] <= line
        ]
        return sorted(names, key=lambda name: self.since[name])


class Sorts:
    """What the annotations of a core say, and where they say nothing what was seen: `seen` has the
    sorts of the names of each function, `records` those of the fields of records."""

    def __init__(
        self,
        sources: SourceMap,
        seen: Mapping[str, Mapping[str, str]] = _NOTHING,
        records: Mapping[str, Mapping[str, str]] = _NOTHING,
    ) -> None:
        self.sources = sources
        self._seen = seen
        self._given = _given(seen)
        self.records: dict[str, dict[str, str]] = {}
        """The annotated classes, and the sort of each of their fields."""
        self.defaults: dict[str, set[str]] = {}
        """Which fields of each have a default."""
        self.functions: dict[str, Function] = {}
        self.rounding = rounding_functions(sources)
        """The names of the functions that round."""
        self.rounding_wrappers = rounding_wrappers(sources)
        """Those that only pass on what one of these gives."""
        self.literals: dict[str, tuple[str, ...]] = {}
        """The texts of each Literal, by the name that it has."""
        self._aliases: dict[str, str] = {}
        self._fields: dict[str, dict[str, str]] = {}
        self._read_by: dict[str, frozenset[str]] = {}
        for module in sources.modules.values():
            for node in module.tree.body:
                self._take(node)
        for name, fields in records.items():
            known = self.records.setdefault(name, {})
            self.defaults.setdefault(name, set())
            known.update({field: sort for field, sort in fields.items() if not known.get(field)})

    def _take(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ClassDef):
            fields = [
                line
                for line in node.body
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
            ]
            if fields:
                names = [line.target.id for line in fields if isinstance(line.target, ast.Name)]
                sorts = [sort_of(line.annotation) for line in fields]
                self.records[node.name] = dict(zip(names, sorts, strict=True))
                pairs = zip(names, fields, strict=True)
                self.defaults[node.name] = {name for name, line in pairs if line.value is not None}
        elif isinstance(node, Function):
            self.functions[node.name] = node
        elif isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Subscript):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name):
                self._aliases[target.id] = ast.unparse(node.value)
                if ast.unparse(node.value.value).endswith("Literal"):
                    constants = (n for n in ast.walk(node.value) if isinstance(n, ast.Constant))
                    self.literals[target.id] = tuple(str(one.value) for one in constants)
        elif isinstance(node, ast.If):
            for line in (*node.body, *node.orelse):
                self._take(line)

    def fields(self, sort: str) -> Mapping[str, str]:
        """The fields of a record, of a union of records those they have in common."""
        if sort not in self._fields:
            options = [self.records[one] for one in sort.split(" | ") if one in self.records]
            first, *others = options or [{}]
            common = {n: its for n, its in first.items() if all(n in one for one in others)}
            self._fields[sort] = common
        return self._fields[sort]

    def returned(self, name: str) -> str:
        """What a function of the core gives, or a record's class makes."""
        if name in self.records:
            return name
        function = self.functions.get(name)
        if function is None or function.returns is None:
            return _CALLS.get(name, "") or (self._given.get(name, "") if function else "")
        return self.resolved(sort_of(function.returns))

    def _is_copied_by(self, name: str) -> bool:
        """Whether a function gives what it takes with some fields changed, such as `replace`."""
        function = self.functions.get(name)
        if function is None:
            return name == "replace"
        return function.returns is None and function.args.kwarg is not None

    def resolved(self, sort: str) -> str:
        """A sort with its alias looked up, where that stands for something with parts."""
        text = self._aliases.get(sort, sort)
        return text if text.startswith(_SEQUENCES) else sort

    def read_by(self, name: str) -> frozenset[str]:
        """The fields that a function reads."""
        if name not in self._read_by:
            nodes = ast.walk(self.functions[name])
            fields = frozenset(node.attr for node in nodes if isinstance(node, ast.Attribute))
            self._read_by[name] = fields
        return self._read_by[name]

    @cached_property
    def signatures(self) -> dict[str, tuple[tuple[str, ...], str]]:
        """The sorts that each function takes and gives."""
        return {name: self._signature(name, node) for name, node in self.functions.items()}

    def _signature(self, name: str, function: Function) -> tuple[tuple[str, ...], str]:
        seen = next((its for key, its in self._seen.items() if key.endswith(f".{name}")), {})
        takes = (sort_of(one.annotation) or seen.get(one.arg, "") for one in function.args.args)
        return tuple(takes), sort_of(function.returns) or self._given.get(name, "")

    def of_one(self, sort: str) -> list[str]:
        """The functions that take one value of a sort and give another of the same."""
        wanted = ((sort,), sort)
        return [name for name, its in self.signatures.items() if sort and its == wanted]

    def seen_from(self, module: str) -> frozenset[str]:
        """The functions that a module defines or imports by name."""
        names = set()
        for node in self.sources.modules[module].tree.body:
            if isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, Function):
                names.add(node.name)
        return frozenset(names)

    # --- Names --------------------------------------------------------------------------------

    def names_in(self, scope: Scope) -> Names:
        """The names of a function, and of those within it; of a module or class none."""
        names = Names()
        if isinstance(scope.node, Function):
            for node in _in_order(scope.node):
                self._note(names, node)
            self._guess(names, scope.node)
            seen = self._seen.get(scope.name, _NOTHING)
            for name, sort in names.sorts.items():
                names.sorts[name] = sort or seen.get(name, "")
        return names

    def _note(self, names: Names, node: ast.AST) -> None:
        if isinstance(node, Function):
            arguments = node.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                names.note(one.arg, sort_of(one.annotation), node.lineno)
        elif isinstance(node, ast.Assign):
            sort = self.sort(node.value, names)
            for target in node.targets:
                self._bind(names, target, sort, node.lineno + 1)
        elif isinstance(node, ast.AnnAssign):
            self._bind(names, node.target, sort_of(node.annotation), node.lineno + 1)
        elif isinstance(node, ast.For):
            self._bind(names, node.target, self._item(self.sort(node.iter, names)), node.lineno)
        elif isinstance(node, ast.comprehension):
            sort = self._item(self.sort(node.iter, names))
            self._bind(names, node.target, sort, node.target.lineno)

    def _bind(self, names: Names, target: ast.expr, sort: str, line: int) -> None:
        if isinstance(target, ast.Name):
            names.note(target.id, sort, line)
        elif isinstance(target, ast.Tuple):
            parts = self._parts(sort, len(target.elts))
            for element, part in zip(target.elts, parts, strict=True):
                self._bind(names, element, part, line)

    def _parts(self, sort: str, count: int) -> Sequence[str]:
        """The sorts of what a tuple is taken apart into."""
        for option in _options(self.resolved(sort)):
            if isinstance(option, ast.Subscript) and isinstance(option.slice, ast.Tuple):
                parts = [sort_of(part) for part in option.slice.elts]
                if len(parts) == count:
                    return parts
        return [""] * count

    def _item(self, sort: str) -> str:
        """The sort of what is in a sequence."""
        for option in _options(self.resolved(sort)):
            if isinstance(option, ast.Subscript):
                parts = option.slice.elts if isinstance(option.slice, ast.Tuple) else [option.slice]
                kind = ast.unparse(option.value)
                if kind in _SEQUENCES or kind in _MAPPINGS:
                    return sort_of(parts[0] if kind in _SEQUENCES else parts[-1])
        return ""

    def _guess(self, names: Names, function: Function) -> None:
        """A name of unknown sort is of the one record that has all the fields asked of it."""
        asked: dict[str, set[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                asked.setdefault(node.value.id, set()).add(node.attr)
        for name, fields in asked.items():
            if name in names.sorts and not names.sorts[name]:
                fitting = [record for record, its in self.records.items() if fields <= set(its)]
                names.sorts[name] = fitting[0] if len(fitting) == 1 else ""

    def sort(self, node: ast.expr, names: Names) -> str:
        """The sort of an expression, "" where it cannot be told."""
        match node:
            case ast.Name(id=name):
                return names.sorts.get(name, "")
            case ast.Attribute(value=owner, attr=attribute):
                return self.fields(self.sort(owner, names)).get(attribute, "")
            case ast.Constant(value=value):
                return type(value).__name__ if value is not None else ""
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return "bool"
            case ast.UnaryOp(operand=operand):
                return self.sort(operand, names)
            case ast.BoolOp(values=values):
                return self._common(values, names)
            case ast.IfExp(body=body, orelse=other):
                return self.sort(body, names) or self.sort(other, names)
            case ast.BinOp(op=ast.Div()):
                return "float"
            case ast.BinOp(left=left, right=right):
                sorts = {self.sort(left, names), self.sort(right, names)}
                return "float" if "float" in sorts else "int" if sorts == {"int"} else ""
            case ast.Call(func=ast.Name(id=name), args=arguments):
                if name in _LIKE_THEIR_ARGUMENT and arguments:
                    return self._common(arguments[: 1 if name == "round" else None], names)
                if name in ("tuple", "list", "sorted", "reversed") and len(arguments) == 1:
                    return self.sort(arguments[0], names)
                if self._is_copied_by(name) and arguments:
                    return self.sort(arguments[0], names)
                return self.returned(name)
            case ast.Subscript(value=value):
                return self._item(self.sort(value, names))
            case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
                sort = self.sort(element, names)
                return sort and f"tuple[{sort}, ...]"
        return ""

    def _common(self, nodes: Sequence[ast.expr], names: Names) -> str:
        sorts = {self.sort(node, names) for node in nodes}
        return sorts.pop() if len(sorts) == 1 else "float" if sorts == {"int", "float"} else ""


def _given(seen: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What functions were seen to give, by their own names, where that is the same for all."""
    found: dict[str, set[str]] = {}
    for key, names in seen.items():
        found.setdefault(key.rpartition(".")[2], set()).add(names.get(RETURNED, ""))
    return {name: sorts.pop() for name, sorts in found.items() if len(sorts) == 1}


def sort_of(annotation: ast.expr | None) -> str:
    """The sort that an annotation says, without None, `Final` and `Optional`."""
    if annotation is None:
        return ""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return sort_of(ast.parse(annotation.value, mode="eval").body)
        except SyntaxError:
            return ""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith(
        ("Optional", "Final")
    ):
        return sort_of(annotation.slice)
    options = [ast.unparse(one) for one in _united(annotation)]
    return " | ".join(option for option in options if option != "None")


def _united(annotation: ast.expr) -> Iterator[ast.expr]:
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _united(annotation.left)
        yield from _united(annotation.right)
    else:
        yield annotation


def _options(sort: str) -> Iterator[ast.expr]:
    if sort:
        yield from _united(ast.parse(sort, mode="eval").body)


def _in_order(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function, outer ones and earlier ones first."""
    yield function
    for node in ast.iter_child_nodes(function):
        yield from _walk(node)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _walk(child)
