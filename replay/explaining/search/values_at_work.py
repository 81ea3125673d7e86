"""The values at work where the cores differ: what a person would else look up in a debugger.

One occurrence is run on the Python core while the expressions on its way are looked at: for a
number that differs the one that gives the authority's value; for a rounding the exact binary value,
the two results to choose from and the tie between them; for a comparison both sides, where they are
at or next to the boundary.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from replay.differential.signature.signature import root_of
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.places import Line
from replay.explaining.editing.source_text import Place
from replay.explaining.evidence.passages import Passage, replies
from replay.explaining.search.contest import in_force

MAX_VALUES = 6
NEAR_ULPS = 4
"""Up to how many units in the last place apart both sides of a comparison are at the boundary."""

MAX_ULPS = 2**40
"""Farther apart than this, two numbers are not told of in units in the last place."""

_DIGITS = Context(prec=1100, Emax=999_999, Emin=-999_999)
"""Room for the exact value of every double."""


class ValueKind(StrEnum):
    """What is told of."""

    NUMBER = "number"
    ROUNDING = "rounding"
    COMPARISON = "comparison"


@dataclass(frozen=True, slots=True)
class ValueAtWork:
    """One expression and what came of it. `where` is "entries.py line 118", `says` one line for
    each thing there is to know."""

    kind: ValueKind
    where: str
    expression: str
    says: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "kind": str(self.kind),
            "where": self.where,
            "expression": self.expression,
            "says": list(self.says),
        }


def values_at_work(
    core: EditableCore, passage: Passage, edits: Sequence[Edit] = ()
) -> tuple[ValueAtWork, ...]:
    """What is to be told of an occurrence (a passage of one step): what stands where the edits are
    first, then what gives the number that differs, then comparisons at their boundary."""
    differences = passage.differences(0)
    root = root_of(differences) if differences else None
    ours, theirs = (root.authority, root.shadow) if root is not None else (None, None)
    touched = {(p.module, line) for edit in edits for p in edit.places for line in _lines(p)}
    told = [
        (one, _told(one, ours, theirs, at_the_edit=not touched.isdisjoint(one.lines)))
        for one in _watch(core, passage)
    ]
    values = [(one, value) for one, value in told if value is not None]
    rows = [
        [value for one, value in values if not touched.isdisjoint(one.lines)],
        [value for _, value in values if value.kind is ValueKind.ROUNDING],
        [value for _, value in values if value.kind is ValueKind.COMPARISON],
    ]
    if root is not None and not rows[1]:
        rows[1] = _number([one for one, _ in told], touched, root.path, ours, theirs)
    found: dict[tuple[str, ...], ValueAtWork] = {}
    for value in chain.from_iterable(rows):
        # A rounding that another one calls says the same once more.
        about = value.says if value.kind is ValueKind.ROUNDING else (value.where, value.expression)
        found.setdefault(about, value)
    return tuple(found.values())[:MAX_VALUES]


def _lines(place: Place) -> range:
    return range(place.line, place.end_line + 1)


# --- Watching ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Expression:
    """An expression that can be looked at without doing anything. `parts` are the sides of a
    comparison or the arguments of a rounding; `gives` is the name of what is set to it, "" where
    it is only a part of something."""

    module: str
    file: str
    node: ast.expr
    text: str
    lines: frozenset[tuple[str, int]]
    code: CodeType
    parts: tuple[CodeType, ...]
    gives: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """An expression with its value and those of its parts."""

    expression: _Expression
    value: Any
    parts: tuple[Any, ...]

    @property
    def lines(self) -> frozenset[tuple[str, int]]:
        return self.expression.lines

    @property
    def where(self) -> str:
        return f"{self.expression.file} line {self.expression.node.lineno}"


def _watch(core: EditableCore, passage: Passage) -> list[_Seen]:
    """All expressions on the way, in the order in which they were come to."""
    known = {core.files[key]: _expressions(core, key) for key in core.sources}
    seen: list[_Seen] = []

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        expressions = known.get(Path(frame.f_code.co_filename).name)
        if expressions is None:
            return None
        if event == "line":
            for one in expressions.get(frame.f_lineno, ()):
                seen.extend(_looked_at(one, frame))
        return trace

    with in_force(core, None) as target:
        assert target is not None
        former = sys.gettrace()
        sys.settrace(trace)
        try:
            replies(target, passage)
        finally:
            sys.settrace(former)
    return seen


def _looked_at(expression: _Expression, frame: FrameType) -> Iterator[_Seen]:
    """The value of an expression where a frame stands; nothing where it has none there."""
    try:
        parts = tuple(eval(part, frame.f_globals, frame.f_locals) for part in expression.parts)
        value = eval(expression.code, frame.f_globals, frame.f_locals)
    except Exception:  # it may be guarded by a condition that does not hold
        return
    yield _Seen(expression, value, parts)


_PURE = frozenset({"abs", "max", "min", "round", "float", "int", "len"})
_SHOWN = (ast.Compare, ast.BinOp, ast.Call, ast.IfExp)


def _expressions(core: EditableCore, module: str) -> Mapping[int, list[_Expression]]:
    """The expressions of a module by the line at which their statement begins."""
    by_line: dict[int, list[_Expression]] = {}
    for statement in ast.walk(core.map.modules[module].tree):
        if not isinstance(statement, ast.stmt):
            continue
        names = _names(statement)
        for node in _own_expressions(statement):
            if isinstance(node, _SHOWN) and _is_pure(node):
                made = _expression(core, module, node, names.get(node, ""))
                by_line.setdefault(statement.lineno, []).append(made)
    return by_line


def _names(statement: ast.stmt) -> dict[ast.AST, str]:
    """What a statement sets to which of its expressions: the targets of assignments, keywords."""
    names: dict[ast.AST, str] = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.keyword) and node.arg is not None:
            names[node.value] = node.arg
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.value] = node.targets[0].id
    return names


def _own_expressions(node: ast.AST) -> Iterator[ast.expr]:
    """All expressions of a statement, but not those of statements, functions and loops in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.Lambda | ast.GeneratorExp | ast.ListComp):
            continue
        if isinstance(child, ast.SetComp | ast.DictComp):
            continue
        if isinstance(child, ast.expr):
            yield child
        yield from _own_expressions(child)


def _is_pure(node: ast.expr) -> bool:
    """Whether looking at an expression does nothing but give its value."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(inner, ast.Call):
            name = inner.func.id if isinstance(inner.func, ast.Name) else ""
            if name not in _PURE and not _is_rounding(name):
                return False
    return True


def _is_rounding(name: str) -> bool:
    return "rnd" in name or "round" in name


def _expression(core: EditableCore, module: str, node: ast.expr, gives: str) -> _Expression:
    end = node.end_lineno or node.lineno
    parts: Sequence[ast.expr] = ()
    if isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.Call):
        parts = node.args
    return _Expression(
        module,
        core.files[module],
        node,
        ast.unparse(node),
        frozenset((module, line) for line in range(node.lineno, end + 1)),
        _code(node),
        tuple(map(_code, parts)),
        gives,
    )


def _code(node: ast.expr) -> CodeType:
    return compile(ast.Expression(node), "looked at", "eval")


# --- In words ---------------------------------------------------------------------------------


def _told(seen: _Seen, ours: Any, theirs: Any, *, at_the_edit: bool) -> ValueAtWork | None:
    """What is worth telling of an expression, None for nothing."""
    node = seen.expression.node
    says: tuple[str, ...] = ()
    kind = ValueKind.COMPARISON
    if isinstance(node, ast.Compare):
        says = _comparison(node, seen.parts, seen.value, anyway=at_the_edit)
    elif isinstance(node, ast.Call) and _is_rounding(getattr(node.func, "id", "")):
        kind = ValueKind.ROUNDING
        if at_the_edit or (_is_double(ours) and seen.value == ours != 0.0):
            says = _rounding(seen.parts, seen.value, theirs)
    return ValueAtWork(kind, seen.where, seen.expression.text, says) if says else None


def _comparison(
    node: ast.Compare, sides: Sequence[Any], value: Any, *, anyway: bool
) -> tuple[str, ...]:
    """Both sides of a comparison of two numbers, where they are at the boundary; `anyway` tells of
    any comparison."""
    if len(sides) != 2 or not all(_is_number(one) for one in sides):
        return ()
    left, right = sides
    is_limit = (_is_double(left) or _is_double(right)) and not any(
        isinstance(one, ast.Constant) for one in (node.left, *node.comparators)
    )
    if not (is_limit or anyway):
        return ()
    shown = f"{left!r} against {right!r}, which is {str(bool(value)).lower()}"
    if left == right:
        return (f"{shown}: both sides are equal",)
    apart = ulps(left, right)
    if apart is not None and apart <= NEAR_ULPS:
        return (f"{shown}: {_ulps_text(apart)} from the boundary",)
    return (shown,) if anyway else ()


def _rounding(arguments: Sequence[Any], value: Any, theirs: Any) -> tuple[str, ...]:
    """The exact value, the results to choose from and the tie, and who took which."""
    if not arguments or not _is_double(arguments[0]) or not math.isfinite(arguments[0]):
        return ()
    digits = arguments[1] if len(arguments) > 1 else 0
    if type(digits) is not int or abs(digits) > 400:
        return ()
    exact = Decimal(arguments[0])
    low = exact.quantize(Decimal((0, (1,), -digits)), rounding=ROUND_FLOOR, context=_DIGITS)
    high = _DIGITS.add(low, Decimal((0, (1,), -digits)))
    if exact == low:
        return (f"the exact value is {_plain(exact)}, which needs no rounding to {digits} digits",)
    tie = _DIGITS.divide(_DIGITS.add(low, high), Decimal(2))
    beyond = _DIGITS.subtract(exact, tie)
    where = f"{'above' if beyond > 0 else 'below'} the tie {_plain(tie)} by {abs(beyond):.3g}"
    says = [
        f"the exact value is {_plain(exact)}",
        f"to {digits} digits that is {_plain(low)} or {_plain(high)}: it is "
        + ("the tie itself" if not beyond else where),
        f"the authority took {value!r}",
    ]
    if _is_double(theirs):
        taken = f"the shadow took {theirs!r}"
        apart = ulps(float(value), theirs)
        says.append(taken if apart is None else f"{taken}, {_ulps_text(apart)} away")
    return tuple(says)


def _number(
    seen: Sequence[_Seen], touched: Collection[Line], path: str, ours: Any, theirs: Any
) -> list[ValueAtWork]:
    """The computed expression that gives the authority's value of the number that differs: one at
    the edit, one that is named like the field, or the first with a value that is not any value."""
    if not (_is_double(ours) and _is_double(theirs)):
        return []
    apart = ulps(ours, theirs)
    away = "" if apart is None else f", {_ulps_text(apart)} apart"
    says = (f"{path}: authority {ours!r}, shadow {theirs!r}{away}",)
    giving = [
        one
        for one in seen
        if isinstance(one.expression.node, ast.BinOp | ast.IfExp | ast.Call)
        and _is_double(one.value)
        and one.value == ours
    ]
    field = path.rpartition(".")[2]
    best = (
        [one for one in giving if not one.lines.isdisjoint(touched)]
        or [one for one in giving if one.expression.gives == field]
        or [one for one in giving if ours not in _ANY_VALUE]
    )
    if best:
        return [ValueAtWork(ValueKind.NUMBER, best[0].where, best[0].expression.text, says)]
    return [ValueAtWork(ValueKind.NUMBER, "", "", says)]


_ANY_VALUE = (0.0, 1.0, -1.0, 2.0)


def ulps(one: float, other: float) -> int | None:
    """How many doubles lie from one number to another; None where they are far apart or no
    finite doubles."""
    try:
        one, other = float(one), float(other)
    except OverflowError:
        return None
    if not (math.isfinite(one) and math.isfinite(other)):
        return None
    unit = min(math.ulp(one), math.ulp(other))
    apart = abs(Fraction(one) - Fraction(other)) / Fraction(unit)
    return None if apart > MAX_ULPS else math.ceil(apart)


def _ulps_text(count: int) -> str:
    return f"{count:,} unit{'s' * (count != 1)} in the last place"


def _plain(value: Decimal) -> str:
    """A decimal number written out, without an exponent where that is readable."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if len(text) <= 60 else format(value.normalize(_DIGITS), ".30g")


def _is_double(value: Any) -> bool:
    return type(value) is float


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
