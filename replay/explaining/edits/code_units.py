"""Cuts a core into units: its functions, and what of each module runs when it is loaded."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence

from replay.explaining.editing.editable import EditableCore
from replay.explaining.editing.source_map import Function, ParsedModule, Scope
from replay.explaining.edits.model import Unit
from replay.explaining.edits.sorts import Sorts

_WORTH_LOOKING = (ast.stmt, ast.expr, ast.comprehension, ast.keyword, ast.ExceptHandler)
_F_STRINGS_HAVE_PLACES = sys.version_info >= (3, 12)


def units_of(core: EditableCore, texts: Collection[str]) -> tuple[list[Unit], list[Unit]]:
    """The functions of all modules, and what runs when they are loaded. `texts` are further ones
    that a text may be confused with."""
    sources = core.map
    sorts = Sorts(sources, core.seen, core.seen_records)
    functions, loading = [], []
    for module in sources.modules.values():
        outermost = list(_outermost(module.scopes))
        for scope in outermost:
            assert isinstance(scope.node, Function)
            nodes = tuple(_below(_without_docstring(scope.node.body)))
            functions.append(Unit(module, scope, sorts, nodes, tuple(texts)))
        loading.append(Unit(module, module.scopes[0], sorts, tuple(_loaded(module)), ()))
    return functions, loading


def _outermost(scopes: Sequence[Scope]) -> Iterator[Scope]:
    """The functions that are not within another one."""
    end = 0
    for scope in scopes:
        if scope.is_function and scope.span[0] >= end:
            end = scope.span[1]
            yield scope


def _without_docstring(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    return body[1:] if body and _is_text(body[0]) else body


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _below(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """What does something among some nodes and all that they are made of."""
    for node in nodes:
        if not isinstance(node, _WORTH_LOOKING) or _does_nothing(node):
            continue
        yield node
        yield from _below(_parts(node))


def _does_nothing(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Pass | ast.Global | ast.Nonlocal) or (
        isinstance(node, ast.stmt) and _is_text(node)
    )


def _parts(node: ast.AST) -> Sequence[ast.AST]:
    """What a node is made of, without annotations and decorators."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _without_docstring(node.body)
        case ast.AnnAssign():
            return [node.target] + ([] if node.value is None else [node.value])
        case ast.JoinedStr() | ast.Lambda() if not isinstance(node, ast.Lambda):
            # Before Python 3.12 what is in an f-string has no usable places.
            return list(ast.iter_child_nodes(node)) if _F_STRINGS_HAVE_PLACES else []
        case ast.Lambda():
            return [node.body]
    return list(ast.iter_child_nodes(node))


# --- What runs when a module is loaded --------------------------------------------------------


def _loaded(module: ParsedModule) -> Iterator[ast.AST]:
    return _at_load(module.tree.body)


def _at_load(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                defaults = [one for one in node.args.kw_defaults if one is not None]
                yield from _below([*node.args.defaults, *defaults])
            case ast.ClassDef():
                yield from _at_load(node.body)
            case ast.If():
                if "TYPE_CHECKING" in ast.unparse(node.test):
                    yield from _at_load(node.orelse)
                else:
                    yield from _below([node.test])
                    yield from _at_load([*node.body, *node.orelse])
            case ast.Assign() | ast.AnnAssign() if _is_about_types(node):
                continue
            case _:
                yield from _below([node])


def _is_about_types(node: ast.Assign | ast.AnnAssign) -> bool:
    """Names for types, and lists of names: they have no part in what is computed."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if isinstance(target, ast.Name) and target.id.startswith("__"):
        return True
    if isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation):
        return True
    value = node.value
    is_variable = isinstance(value, ast.Call) and ast.unparse(value.func).endswith("TypeVar")
    return isinstance(value, ast.Subscript) or is_variable
