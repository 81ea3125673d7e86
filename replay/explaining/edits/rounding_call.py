"""One call of a rounding function done another way, or to another number of digits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from replay.explaining.editing.editable import Edit, EditKind
from replay.explaining.editing.source_text import Place
from replay.explaining.edits.model import Change, Unit, called_name
from replay.explaining.search.roundings import ROUNDINGS

DIGITS = "one digit"
"""How the meaning of a change of the digits begins."""

ROUNDS = "rounds"
"""How the meaning of another way to round begins."""

_TO_INTEGERS = ("int", "floor", "ceil", "trunc")

_X, _D = "x_", "d_"
"""A number and its digits, in a rounding that is another one for some of them."""

_FITS: Final = (
    f"{_D} > 0", f"{_D} >= 0", f"0 <= {_D} <= 15", f"0 <= {_D} <= 12", f"0 <= {_D} <= 9",
    f"0 <= {_D} <= 18", f"0 <= {_D} <= 22", f"abs({_X}) < 1e15", f"abs({_X}) < 1e9",
    f"abs({_X}) * 10.0 ** {_D} < 2.0 ** 53", f"{_X} >= 0",
)  # fmt: skip
"""Numbers and digits to which a port's own way to round may be kept, the rest done as it should
be."""


def rounding(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Each known way to round, in the place of one call."""
    if not isinstance(node, ast.Call):
        return
    name = called_name(node) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    if name in unit.sorts.rounding:
        for helper in ROUNDINGS:
            yield Change(EditKind.ROUNDING, unit.span(node.func), helper, f"{ROUNDS} {helper}")
        yield from _digits(unit, node)
    elif name in unit.sorts.rounding_wrappers and name in unit.sorts.seen_from(unit.module.key):
        function, call = unit.sorts.rounding_wrappers[name]
        for helper in ROUNDINGS:
            new = _inlined(function, call, helper)
            yield Change(EditKind.ROUNDING, unit.span(node.func), new, f"{ROUNDS} {helper}")
    elif name in _TO_INTEGERS and len(node.args) == 1:
        for other in ("int", "round", "floored", "ceiled", "rounded_half_up"):
            if other != name:
                yield Change(EditKind.ROUNDING, unit.span(node.func), other)


def _inlined(function: ast.FunctionDef, call: ast.Call, helper: str) -> str:
    """What a function that only passes on a rounding call does, with another way to round."""
    returned = next(line for line in function.body if isinstance(line, ast.Return))
    assert returned.value is not None
    assert isinstance(call.func, ast.Name)
    former = call.func.id
    try:
        call.func.id = helper
        text = ast.unparse(returned.value)
    finally:
        call.func.id = former
    names = ", ".join(one.arg for one in function.args.args)
    return f"(lambda {names}: {text})"


def where_it_fits(edit: Edit) -> Iterator[Edit]:
    """The same way to round for some numbers and digits only, the contract's for all others: ports
    guard what their own way cannot do."""
    for fits in _FITS:
        places = tuple(_guarded(place, fits) for place in edit.places)
        if all(new is not None for new in places):
            yield Edit(
                edit.kind,
                edit.function,
                tuple(new for new in places if new is not None),
                f"{edit.says}, where {fits.replace(_X, 'the number').replace(_D, 'digits')}",
            )


def _guarded(place: Place, fits: str) -> Place | None:
    helper = next((name for name in ROUNDINGS if name in _names_in(place.new)), None)
    if helper is None:
        return None
    guarded = f"(lambda {_X}, {_D}=0: {helper}({_X}, {_D}) if {fits} else round({_X}, {_D}))"
    if place.new == helper:
        return replace(place, new=guarded)
    tree = ast.parse(place.new, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == helper:
            node.id = "ROUNDING_"
    return replace(place, new=f"({ast.unparse(tree)})".replace("ROUNDING_", guarded))


def _names_in(text: str) -> set[str]:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _digits(unit: Unit, node: ast.Call) -> Iterator[Change]:
    if len(node.args) == 2 and not isinstance(node.args[1], ast.Constant):
        for sign, one in (("+", "more"), ("-", "less")):
            new = f"{unit.operand(node.args[1], 10)} {sign} 1"
            yield Change(EditKind.ROUNDING, unit.span(node.args[1]), new, f"{DIGITS} {one}")
