"""Every small change of a core's source: what could have been written, or understood, differently.

Single changes come first, in the order of the source; then the same changes at mirrored places of
a function at once; then what is computed when the core is loaded (defaults, constants), which
takes longest to try.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from replay.explaining.claims.deviations import known_deviations
from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.editing.source_map import ParsedModule, Span
from replay.explaining.editing.source_text import Place
from replay.explaining.edits.alternatives import alternatives
from replay.explaining.edits.assignments import assignments
from replay.explaining.edits.bounds import bounds
from replay.explaining.edits.branches import branches
from replay.explaining.edits.call_edits import calls
from replay.explaining.edits.code_units import units_of
from replay.explaining.edits.comparisons import comparisons
from replay.explaining.edits.confusions import exchanged, fields
from replay.explaining.edits.constants import constants
from replay.explaining.edits.float_orders import floating
from replay.explaining.edits.kept_values import kept_values
from replay.explaining.edits.mirror import mirrored
from replay.explaining.edits.model import Change, Unit
from replay.explaining.edits.named_constants import named_constants
from replay.explaining.edits.narrowed import narrowing
from replay.explaining.edits.operands import operands
from replay.explaining.edits.operators import operators
from replay.explaining.edits.ordering_edits import order
from replay.explaining.edits.port_habits import port_habits
from replay.explaining.edits.rounding_call import DIGITS, ROUNDS, rounding
from replay.explaining.edits.sequences import sequences
from replay.explaining.edits.statements import statements
from replay.explaining.edits.ways_out import ways_out

Line = tuple[str, int]

_KINDS: tuple[Callable[[Unit, ast.AST], Iterator[Change]], ...] = (
    comparisons,
    constants,
    named_constants,
    operators,
    operands,
    branches,
    narrowing,
    calls,
    assignments,
    fields,
    rounding,
    floating,
    order,
    sequences,
    bounds,
    statements,
    alternatives,
    kept_values,
    ways_out,
    port_habits,
)

_SPACE = re.compile(r"#[^\n]*|\s+")

_SHOWN = 72
"""An expression is shown with what is around it as long as that is no longer."""


def edits_of(
    core: EditableCore, lines: Collection[Line] | None = None, texts: Collection[str] = ()
) -> Iterator[Edit]:
    """Every edit of a core, where `lines` is given only those of statements that run through one
    of these (module, line) pairs. None comes twice and none leaves the source as it is. `texts`
    are texts that may stand where the core has another one, such as those of a shadow's answer.

    First the known deviations, then single changes, then those at several places, last those of
    what is computed when the core is loaded.
    """
    given: set[frozenset[Place]] = set()
    for edit in _all_edits(core, _AtWork(core, lines), texts):
        places = frozenset(edit.places)
        if places not in given:
            given.add(places)
            yield edit


def _all_edits(core: EditableCore, at_work: _AtWork, texts: Collection[str]) -> Iterator[Edit]:
    yield from _known(core, at_work)
    functions, loading = units_of(core, texts)
    several: list[Edit] = []
    digits: dict[str, list[Place]] = {}
    for unit in functions:
        if not at_work.any_of(unit):
            continue
        seen: set[_Made] = set()
        found = list(_changes(unit, seen))
        for change, node in found:
            if at_work.has(unit.module, change.span):
                yield _edit(core, unit, [change], node)
        for group, node in _groups(unit, found, seen):
            # One of the places is enough: what is at the others may be another trade's turn.
            if any(at_work.has(unit.module, change.span) for change in group):
                several.append(_edit(core, unit, group, node))
        for change, _ in found:
            if change.meaning.startswith(DIGITS):
                place = unit.module.place(change.span, change.new)
                digits.setdefault(change.meaning, []).append(place)
    yield from several
    for meaning, places in digits.items():
        yield Edit(EditKind.ROUNDING, "", tuple(places), f"the core rounded to {meaning}")
    for unit in loading:
        for change, node in _changes(unit, set()):
            if at_work.has(unit.module, change.span):
                yield _edit(core, unit, [change], node)


_Made = tuple[Span, str]
"""A statement, and its text with something changed."""


class _AtWork:
    """Which places of the source matter."""

    def __init__(self, core: EditableCore, lines: Collection[Line] | None) -> None:
        self._lines = None if lines is None else frozenset(lines)
        self._spans = {key: module.statement_lines for key, module in core.map.modules.items()}

    def __contains__(self, line: Line) -> bool:
        if self._lines is None:
            return True
        module, number = line
        statement = self._spans[module].get(number, range(number, number + 1))
        return any((module, one) in self._lines for one in statement)

    def has(self, module: ParsedModule, span: Span) -> bool:
        """Whether what begins there matters."""
        return self._lines is None or (module.key, module.line_of(span[0])) in self

    def any_of(self, unit: Unit) -> bool:
        """Whether anything of a function matters."""
        first, last = (unit.module.line_of(offset) for offset in unit.scope.span)
        return any((unit.module.key, line) in self for line in range(first, last + 1))


def _known(core: EditableCore, at_work: _AtWork) -> Iterator[Edit]:
    for deviation in known_deviations(core):
        edit = deviation.edit(core)
        if any((place.module, place.line) in at_work for place in edit.places):
            yield edit


def _changes(unit: Unit, seen: set[_Made]) -> Iterator[tuple[Change, ast.AST]]:
    """The changes of a unit with the nodes that they are about, in the order of the source, but
    for those that make what was `seen`."""
    for node in unit.nodes:
        for kind in _KINDS:
            for change in kind(unit, node):
                if _is_new(unit, [change], seen):
                    yield change, node


def _is_new(unit: Unit, changes: Sequence[Change], seen: set[_Made]) -> bool:
    """Whether some changes make another text, and one that was not seen yet."""
    text = unit.module.text
    whole = changes[0].span[0], changes[-1].span[1]
    start, end = unit.module.statement_around(whole)
    parts, at = [], start
    for change in changes:
        parts += [text[at : change.span[0]], change.new]
        at = change.span[1]
    made = (start, end), _squeezed("".join([*parts, text[at:end]]))
    if made in seen or made[1] == _squeezed(text[start:end]):
        return False
    seen.add(made)
    return True


def _squeezed(text: str) -> str:
    return _SPACE.sub("", text).replace(",)", ")").replace(",]", "]")


def _groups(
    unit: Unit, found: Sequence[tuple[Change, ast.AST]], seen: set[_Made]
) -> Iterator[tuple[list[Change], ast.AST]]:
    """The changes that do the same at several places, with the node of the first."""
    nodes = dict(found)
    changes = list(nodes)
    around = (_around(unit, change, nodes[change]) for change in changes)
    for group in mirrored(unit, changes, around):
        if _is_new(unit, group, seen):
            yield group, nodes[group[0]]
    for group in exchanged(unit, changes):
        if _is_new(unit, group, seen):
            yield group, nodes[group[0]]
    for meaning in dict.fromkeys(change.meaning for change in changes):
        group = [change for change in changes if change.meaning == meaning]
        if meaning.startswith((DIGITS, ROUNDS)) and len(group) > 1 and _is_new(unit, group, seen):
            yield group, nodes[group[0]]


def _around(unit: Unit, change: Change, node: ast.AST) -> Iterable[tuple[ast.AST, Span]]:
    """Where to look for what mirrored places have in common: the smallest expression that is more
    than what is changed, and the statement."""
    statement = unit.module.statement_around(change.span)
    above: ast.AST | None = node
    while above is not None and isinstance(above, ast.expr | ast.keyword | ast.comprehension):
        if not isinstance(above, ast.comprehension):
            start, end = unit.span(above)
            if start <= change.span[0] and change.span[1] <= end and (start, end) != change.span:
                yield above, (start, end)
                break
        above = unit.parent(above)
    yield unit.scope.node, statement


def _edit(core: EditableCore, unit: Unit, changes: Sequence[Change], node: ast.AST) -> Edit:
    module = unit.module
    places = tuple(module.place(change.span, change.new) for change in changes)
    scope = module.scope_at(changes[0].span[0])
    function = "" if scope.name == module.key else scope.name
    says = core.map.says_all(places, _shown(unit, changes[0], node))
    return Edit(changes[0].kind, function, places, says)


def _shown(unit: Unit, change: Change, node: ast.AST) -> Span:
    """What of the text around a change is worth reading."""
    shown = change.span
    if change.new.strip() in ("", "pass"):
        return shown
    above: ast.AST | None = node
    while isinstance(above, ast.expr | ast.keyword | ast.comprehension | ast.stmt):
        if not isinstance(above, ast.comprehension):
            start, end = unit.span(above)
            if isinstance(above, ast.stmt):
                start, end = unit.module.statement_around(change.span)
            if end - start > _SHOWN:
                break
            if start <= shown[0] and shown[1] <= end:
                shown = start, end
        if isinstance(above, ast.stmt):
            break
        above = unit.parent(above)
    return shown
