"""Reads conditions: takes the text apart, and refuses whatever a condition cannot mean.

All that can be told without an occurrence is told here, with the place in the text: an unknown
name, what is not in the language (condition.py), what can be no yes or no.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from replay.differential.conditions.facts import (
    CALL_FIELDS,
    CONFIG_FIELDS,
    DIFFERENCE_FIELDS,
    FACT_NAMES,
)
from replay.errors import UsageError
from replay.streams.model import RECORD_FIELDS, STATE_FIELDS
from replay.targets.compact import ACTION_FIELDS

MAX_TEXT = 1000
"""Characters of a condition."""

MAX_DEPTH = 30
"""How deep a condition may be nested."""

FUNCTIONS = ("abs", "min", "max", "round", "len", "any", "all")
OPERATORS: tuple[type[ast.operator], ...] = (
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
)


class ConditionError(UsageError):
    """A condition cannot be read, or not be evaluated on an occurrence. `data["place"]` is the
    character where it is wrong, counted from 1; 0 where that cannot be told."""


def read(text: str) -> ast.expr:
    """The tree of a condition. Raises ConditionError where it is not good."""
    if not text:
        raise ConditionError("the condition is empty", place=0)
    if len(text) > MAX_TEXT:
        raise ConditionError(
            f"the condition has {len(text):,} characters; {MAX_TEXT:,} are the most", place=0
        )
    source = _Source.of(text)
    tree = source.tree()
    _Check(source).yes_or_no(tree)
    return tree


@dataclass(frozen=True, slots=True)
class _Source:
    """What is given to Python's parser: the text, in brackets where it goes over several lines."""

    text: str
    length: int
    added: int

    @classmethod
    def of(cls, text: str) -> _Source:
        if "\n" not in text and "\r" not in text:
            return cls(text, len(text), 0)
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        return cls(f"({lines}\n)", len(lines), 1)

    def tree(self) -> ast.expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            # Python's parser says 0 where the text ends too early.
            at = error.offset
            place = self._place(error.lineno or 1, at - 1) if at else self.length
            reason = error.msg or "invalid syntax"
            raise ConditionError(f"{_at(place)}the condition cannot be read: {reason}",
                                 place=place) from error  # fmt: skip
        except (ValueError, MemoryError, RecursionError) as error:
            reason = str(error) or "it is nested too deep"
            raise ConditionError(f"the condition cannot be read: {reason}", place=0) from error

    def place_of(self, node: ast.expr) -> int:
        """Where a part of it begins, as a character of the text."""
        line = self.text.split("\n")[node.lineno - 1]
        # Python counts bytes.
        return self._place(node.lineno, len(line.encode()[: node.col_offset].decode()))

    def _place(self, line: int, column: int) -> int:
        before = sum(len(one) + 1 for one in self.text.split("\n")[: line - 1])
        return min(max(before + column + 1 - self.added, 1), self.length)

    def part(self, node: ast.AST) -> str:
        """The text of a part of it, for a message."""
        text = ast.get_source_segment(self.text, node) or type(node).__name__
        return text if len(text) <= 60 else f"{text[:57]}..."


def _at(place: int) -> str:
    return f"at character {place}: " if place else ""


_GIVE_NUMBERS = frozenset({"abs", "round", "len"})
_NEVER_A_FLAG = frozenset(FACT_NAMES) - {"authority", "shadow"}
_FIELDS_OF: Mapping[str, tuple[str, ...]] = {
    "state": STATE_FIELDS,
    "config": CONFIG_FIELDS,
    "call": CALL_FIELDS,
}
_ANY_FIELD: tuple[str, ...] = tuple(
    dict.fromkeys(
        name
        for names in (DIFFERENCE_FIELDS, *RECORD_FIELDS.values(), ("type",), *ACTION_FIELDS)
        for name in names
    )
)
_CONSTANTS = (bool, int, float, str, type(None))


class _Check:
    """Walks over a condition once and refuses whatever is not meant to be in it."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._names: dict[str, int] = dict.fromkeys(FACT_NAMES, 1)
        self._depth = 0

    def yes_or_no(self, node: ast.expr) -> None:
        """An expression that can be true or false."""
        match node:
            case ast.BoolOp(values=values):
                self._deeper(values, self.yes_or_no)
                return
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._deeper([operand], self.yes_or_no)
                return
            case ast.IfExp(test=test, body=body, orelse=other):
                self._deeper([test, body, other], self.yes_or_no)
                return
            case ast.Constant(value=value):
                is_other = not isinstance(value, bool)
            case ast.Call(func=ast.Name(id=name)):
                is_other = name in _GIVE_NUMBERS
            case ast.Name(id=name):
                is_other = name in _NEVER_A_FLAG
            case ast.Compare() | ast.Attribute() | ast.Subscript():
                is_other = False
            case _:
                is_other = True
        self.value(node)
        if is_other:
            raise self._error(node, f"{self._source.part(node)} is no yes or no")

    def value(self, node: ast.expr) -> None:
        """Any expression."""
        match node:
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                self.yes_or_no(node)
            case ast.IfExp(test=test, body=body, orelse=other):
                self._deeper([test], self.yes_or_no)
                self._deeper([body, other], self.value)
            case ast.Constant(value=value):
                if not isinstance(value, _CONSTANTS):
                    raise self._error(node, f"there are no values like {self._source.part(node)}")
            case ast.Name(id=name):
                self._name(node, name)
            case ast.Attribute(value=inner, attr=attr):
                self._attribute(node, inner, attr)
            case ast.Subscript(value=inner, slice=index):
                parts = [index.lower, index.upper, index.step] if isinstance(index, ast.Slice) \
                    else [index]  # fmt: skip
                self._deeper([inner, *(part for part in parts if part is not None)], self.value)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self._deeper([operand], self.value)
            case ast.BinOp(left=left, op=op, right=right):
                if type(op) not in OPERATORS:
                    raise self._error(node, f"{self._source.part(node)} is not allowed")
                self._deeper([left, right], self.value)
            case ast.Compare(left=left, ops=ops, comparators=others):
                self._identity(node, ops, others)
                self._deeper([left, *others], self.value)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                self._deeper(elements, self.value)
            case ast.ListComp():
                self._comprehension(node, self.value)
            case ast.GeneratorExp():
                raise self._error(node, "a generator can only be in any, all, min and max")
            case ast.Call():
                self._call(node)
            case _:
                raise self._error(node, f"{self._source.part(node)} is not allowed")

    def _deeper(self, nodes: Sequence[ast.expr], check: Callable[[ast.expr], None]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ConditionError("the condition is nested too deep", place=0)
        for node in nodes:
            check(node)
        self._depth -= 1

    def _name(self, node: ast.expr, name: str) -> None:
        if not self._names.get(name):
            if name in FUNCTIONS:
                raise self._error(node, f"{name} is a function: write {name}(...)")
            raise self._error(node, f"there is no {name!r}{_near(name, list(self._names))}")

    def _attribute(self, node: ast.expr, inner: ast.expr, attr: str) -> None:
        known: Sequence[str] = _ANY_FIELD
        title = "a field"
        if isinstance(inner, ast.Name):
            known = _FIELDS_OF.get(inner.id, _ANY_FIELD)
            title = inner.id if inner.id in _FIELDS_OF else title
        self._deeper([inner], self.value)
        if attr not in known:
            owner = f"{title} has no" if title in _FIELDS_OF else "there is no field"
            raise self._error(node, f"{owner} {attr!r}{_near(attr, known)}")

    def _identity(self, node: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> None:
        for op, other in zip(ops, others, strict=True):
            single = isinstance(other, ast.Constant) and isinstance(other.value, bool | None)
            if isinstance(op, ast.Is | ast.IsNot) and not single:
                raise self._error(node, "`is` is for None, True and False; others take ==")

    def _call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            what = self._source.part(node.func)
            raise self._error(node, f"there is no function {what!r} (there are {known})")
        for keyword in node.keywords:
            if keyword.arg != "default" or name not in ("min", "max"):
                raise self._error(node, f"{name} takes no {keyword.arg or '**'}")
            self._deeper([keyword.value], self.value)
        if not node.args:
            raise self._error(node, f"{name} needs something to look at")
        for argument in node.args:
            if isinstance(argument, ast.GeneratorExp) and name in ("any", "all", "min", "max"):
                check = self.yes_or_no if name in ("any", "all") else self.value
                self._comprehension(argument, check)
            else:
                self._deeper([argument], self.value)

    def _comprehension(
        self, node: ast.ListComp | ast.GeneratorExp, check: Callable[[ast.expr], None]
    ) -> None:
        added: list[str] = []
        for part in node.generators:
            self._deeper([part.iter], self.value)
            names = list(_targets(part.target))
            if not names or part.is_async:
                raise self._error(node, f"{self._source.part(part.target)} is not allowed here")
            for name in names:
                if name in FACT_NAMES or name in FUNCTIONS:
                    raise self._error(
                        part.target, f"{name!r} means something already; take another name"
                    )
                self._names[name] = self._names.get(name, 0) + 1
            added += names
            self._deeper(part.ifs, self.yes_or_no)
        self._deeper([node.elt], check)
        for name in added:
            self._names[name] -= 1

    def _error(self, node: ast.expr, reason: str) -> ConditionError:
        place = self._source.place_of(node)
        return ConditionError(f"{_at(place)}{reason}", place=place)


def _targets(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple):
        for element in target.elts:
            yield from _targets(element)


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, [one for one in known if not one.startswith("_")], 3, 0.6)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f" (there are {', '.join(known)})" if len(known) <= 20 else ""
