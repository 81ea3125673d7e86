"""Values confused: a field with its sibling, a name with another of its sort, two arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, product

from replay.explaining.editing.editable import EditKind
from replay.explaining.editing.source_map import last_name
from replay.explaining.edits.model import Change, Unit
from replay.explaining.edits.operators import swapped
from replay.explaining.edits.sorts import pair_of

_TWINS = (("_a", "_b"), ("_b", "_a"))
_NEAR = 3
"""Arguments that stand farther from each other are not confused."""

MOST_EXCHANGED = 8
"""Places of a function at which two values are exchanged."""

SMALL = 16
"""Fields of a record of which each may be confused with any other value of its sort."""

_SCALARS = ("float", "int", "bool", "str")


def fields(unit: Unit, node: ast.AST) -> Iterator[Change]:
    """Whatever else of the same sort could have been meant."""
    match node:
        case ast.Attribute(ctx=ast.Load(), value=ast.Name() | ast.Attribute(value=ast.Name())):
            if not _is_called(unit, node):
                for text in (*_instead_of_field(unit, node), *_through_functions(unit, node)):
                    yield Change(EditKind.FIELD, unit.span(node), text)
        case ast.Name(ctx=ast.Load(), id=name):
            sort = unit.names.sorts.get(name, "")
            if sort and not _is_called(unit, node):
                for text in of_sort(unit, node, sort):
                    if not _is_part_of_record(unit, node) or text in unit.names.sorts:
                        yield Change(EditKind.FIELD, unit.span(node), text)
        case ast.keyword(arg=str() as name):
            twin = _twin(name)
            call = unit.parent(node)
            given = [one.arg for one in call.keywords] if isinstance(call, ast.Call) else []
            if _is_field(unit, twin) and twin not in given:
                start = unit.span(node)[0]
                yield Change(EditKind.FIELD, (start, start + len(name)), twin)
            for other in _other_parameters(unit, call) if isinstance(call, ast.Call) else ():
                start = unit.span(node)[0]
                yield Change(EditKind.FIELD, (start, start + len(name)), other)
        case ast.Call():
            yield from _swapped_arguments(unit, node)


def exchanged(unit: Unit, changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Two values of a function, each where the other is meant, at all places of both."""
    pairs: dict[frozenset[str], list[Change]] = {}
    for change in changes:
        old = unit.module.text[slice(*change.span)]
        if change.kind is EditKind.FIELD and "(" not in change.new:
            pairs.setdefault(frozenset((old, change.new)), []).append(change)
    for pair, group in pairs.items():
        group = sorted({change.span: change for change in group}.values(), key=lambda one: one.span)
        news = {change.new for change in group}
        are_apart = all(one.span[1] <= other.span[0] for one, other in pairwise(group))
        if len(pair) == 2 and news == pair and len(group) <= MOST_EXCHANGED and are_apart:
            yield group


def _is_called(unit: Unit, node: ast.expr) -> bool:
    parent = unit.parent(node)
    return isinstance(parent, ast.Call) and parent.func is node


_MOST_PARAMETERS = 6


def _other_parameters(unit: Unit, call: ast.Call) -> list[str]:
    """The arguments that a function may be given by name, and is not."""
    name = last_name(call.func)
    function = unit.sorts.functions.get(name) or unit.module.methods.get(name)
    if function is None or name in unit.sorts.records:
        return []
    arguments = function.args
    optional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    names = [one.arg for one in (*optional, *arguments.kwonlyargs)]
    given = {one.arg for one in call.keywords}
    return [one for one in names if one not in given][:_MOST_PARAMETERS]


def _is_part_of_record(unit: Unit, node: ast.Name) -> bool:
    return isinstance(unit.parent(node), ast.Attribute)


def _twin(name: str) -> str:
    """The same of the other trade."""
    for ending, other in _TWINS:
        if name.endswith(ending):
            return name[: -len(ending)] + other
    return ""


def _is_field(unit: Unit, name: str) -> bool:
    return any(name in its for its in unit.sorts.records.values())


def _instead_of_field(unit: Unit, node: ast.Attribute) -> list[str]:
    owner = unit.text(node.value)
    siblings = unit.sorts.fields(unit.sort(node.value))
    sort = siblings.get(node.attr, "")
    if not sort:
        return []
    alike = sorted(
        (name for name, its in siblings.items() if its == sort and name != node.attr),
        key=lambda name: (name != _twin(node.attr), not _words(name) & _words(node.attr)),
    )
    texts = [f"{owner}.{name}" for name in alike]
    return list(dict.fromkeys([*texts, *of_sort(unit, node, sort)]))


def _through_functions(unit: Unit, node: ast.Attribute) -> Iterator[str]:
    """What a function of the core makes of that field: `entry_distance("A", config)` for
    `config.entry_pct`. What it takes besides is a name in scope; a trade may be told by a side."""
    sort = unit.sort(node)
    for name in unit.callable_names:
        takes, gives = unit.sorts.signatures[name]
        if gives == sort and node.attr in unit.sorts.read_by(name):
            called = [one.arg for one in unit.sorts.functions[name].args.args]
            options = [
                [*_arguments(unit, one, node.lineno), *_told_apart(unit, what, one, node.lineno)]
                for one, what in zip(takes, called, strict=True)
            ]
            yield from (f"{name}({', '.join(arguments)})" for arguments in product(*options))


def _arguments(unit: Unit, sort: str, line: int) -> list[str]:
    names = unit.names.of_sort(sort, line)
    if names or sort not in unit.sorts.literals:
        return names[:2]
    texts = [f'"{text}"' for text in unit.sorts.literals[sort]]
    if len(texts) != 2:
        return texts
    told = [
        text
        for other_sort, its in unit.sorts.literals.items()
        for name in unit.names.of_sort(other_sort, line)
        if len(its) == 2
        for text in _told_by(name, its, texts)
    ]
    return [*told, *texts]


def _told_by(name: str, its: Sequence[str], texts: Sequence[str]) -> tuple[str, str]:
    """One of two texts, told by which of its own two a name stands for."""
    one, other = texts
    test = f'{name} == "{its[0]}"'
    return f"{one} if {test} else {other}", f"{other} if {test} else {one}"


def _told_apart(unit: Unit, called: str, sort: str, line: int) -> Iterator[str]:
    """A trade told by a side in scope, and a side by a trade, where both are plain texts."""
    pair = pair_of(called)
    if sort != "str" or not pair:
        return
    for name in unit.names.of_sort("str", line):
        its = pair_of(name)
        if its and its != pair:
            yield from _told_by(name, its, [f'"{text}"' for text in pair])


def of_sort(unit: Unit, node: ast.Name | ast.Attribute, sort: str) -> list[str]:
    """What else of that sort there is: names, fields that the function uses elsewhere, and fields
    of its other records that are called nearly the same."""
    own = unit.text(node)
    texts = unit.names.of_sort(sort, node.lineno)
    word = node.attr if isinstance(node, ast.Attribute) else node.id
    used = {
        unit.text(one): None
        for one in unit.nodes
        if isinstance(one, ast.Attribute)
        and isinstance(one.ctx, ast.Load)
        and isinstance(one.value, ast.Name)
        and unit.sort(one) == sort
        and unit.names.since.get(one.value.id, node.lineno) <= node.lineno
    }
    texts += list(used)
    for name, its in unit.names.sorts.items():
        if unit.names.since[name] <= node.lineno and sort in _SCALARS:
            fields = unit.sorts.fields(its)
            for field, field_sort in fields.items():
                is_near = len(fields) <= SMALL or _words(field) & _words(word)
                if field_sort == sort and is_near:
                    texts.append(f"{name}.{field}")
    return [text for text in dict.fromkeys(texts) if text != own]


def _words(name: str) -> frozenset[str]:
    """The parts of a name that say what it is about."""
    return frozenset(part for part in name.lower().split("_") if len(part) > 2)


def _swapped_arguments(unit: Unit, node: ast.Call) -> Iterator[Change]:
    values = [*node.args, *(one.value for one in node.keywords if one.arg is not None)]
    for (place, one), (other_place, other) in combinations(enumerate(values), 2):
        sort = unit.sort(one)
        is_near = other_place - place <= _NEAR
        if is_near and sort and sort == unit.sort(other):
            yield swapped(unit, one, other, EditKind.FIELD)
