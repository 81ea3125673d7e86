"""Which functions of a core do more than give a value: they change what they were given, or
something else. As far as the source shows it: what is in doubt does more."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from replay.explaining.editing.source_map import Scope, SourceMap

CHANGING = frozenset(
    (
        *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop"),
        *("popitem", "popleft", "remove", "reverse", "setdefault", "sort", "update"),
    )
)
"""Methods that change what they are called on."""

WRITING = frozenset(("setattr", "delattr", "exec", "eval", "next", "print", "open", "input"))
"""Built-in functions that do more than give a value."""


MAKING = frozenset(("copy", "deepcopy", "replace", "list", "dict", "set"))
"""What gives an object that nobody else has."""


def impure_functions(source: SourceMap) -> frozenset[str]:
    """The names of the functions of a core that may do more than give a value."""
    functions = {scope: name_of(scope) for scope in source.scopes if scope.is_function}
    classes = frozenset(
        name_of(scope) for scope in source.scopes if isinstance(scope.node, ast.ClassDef)
    )
    calls = {scope: frozenset(_calls(scope)) for scope in functions}
    impure = {functions[scope] for scope in functions if any(_changes(scope, classes))}
    while more := {
        functions[scope]
        for scope in functions
        if functions[scope] not in impure and calls[scope] & impure
    }:
        impure |= more
    return frozenset(impure)


def name_of(scope: Scope) -> str:
    """A function's own name, as it is called by."""
    return scope.name.rpartition(".")[2]


def _calls(scope: Scope) -> Iterator[str]:
    for node in ast.walk(scope.node):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                yield called.id
            elif isinstance(called, ast.Attribute):
                yield called.attr


def _changes(scope: Scope, classes: frozenset[str]) -> Iterator[ast.AST]:
    """What in a function changes something that is not its own."""
    own = _own_names(scope, classes)
    for node in ast.walk(scope.node):
        match node:
            case ast.Global() | ast.Nonlocal() | ast.Delete() | ast.Yield() | ast.YieldFrom():
                yield node
            case (
                ast.Attribute(ctx=ast.Store(), value=of) | ast.Subscript(ctx=ast.Store(), value=of)
            ):
                if not _is_own(of, own):
                    yield node
            case ast.Call(func=ast.Attribute(attr=name, value=of)) if name in CHANGING:
                if not _is_own(of, own):
                    yield node
            case ast.Call(func=ast.Name(id="setattr"), args=[of, *_]) if _is_own(of, own):
                pass
            case ast.Call(func=ast.Name(id=name)) if name in WRITING:
                yield node


def _is_own(value: ast.expr, own: frozenset[str]) -> bool:
    return isinstance(value, ast.Name) and value.id in own


def _own_names(scope: Scope, classes: frozenset[str]) -> frozenset[str]:
    """The names of what a function makes anew: nobody else has it."""
    made: set[str] = set()
    others = {one.arg for one in ast.walk(scope.node) if isinstance(one, ast.arg)}
    for node in ast.walk(scope.node):
        match node:
            case ast.Assign(targets=targets, value=value):
                names = {one.id for one in targets if isinstance(one, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                names = {name}
            case ast.Name(id=name, ctx=ast.Store()):
                made.add(name)
                continue
            case _:
                continue
        if not _is_new(value, classes):
            others |= names
    return frozenset(made - others - _bound_otherwise(scope))


def _bound_otherwise(scope: Scope) -> set[str]:
    """Names that stand for a part of something: of a loop, a `with`, or several at once."""
    found: set[str] = set()
    for node in ast.walk(scope.node):
        match node:
            case ast.For(target=target) | ast.comprehension(target=target):
                found |= _names_in(target)
            case ast.withitem(optional_vars=ast.expr() as target) | ast.NamedExpr(target=target):
                found |= _names_in(target)
            case ast.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Tuple | ast.List):
                        found |= _names_in(target)
    return found


def _names_in(target: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}


def _is_new(value: ast.expr | None, classes: frozenset[str]) -> bool:
    made = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    match value:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in MAKING or name in classes
        case _:
            return isinstance(value, made)


__all__ = ["impure_functions"]
