"""Which functions others may call, as far as the source tells: what did not run in some cases may
run in others."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from replay.explaining.editing.source_map import Scope, SourceMap


def with_called(map: SourceMap, names: Collection[str]) -> frozenset[str]:
    """Some functions, and those that they call, directly or not: by a name of the core's, through
    `self`, or as an attribute that only one function of the core can be."""
    functions = {scope.name: scope for scope in map.scopes if scope.is_function}
    by_last: dict[str, list[str]] = defaultdict(list)
    for name in functions:
        by_last[_last(name)].append(name)
    found: set[str] = set()
    waiting = [name for name in names if name in functions]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _called(functions[name], by_last)
    return frozenset(names) | found


def _called(scope: Scope, by_last: Mapping[str, list[str]]) -> Iterator[str]:
    owner = scope.name.rpartition(".")[0]
    for node in ast.walk(scope.node):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                yield from (one for one in by_last.get(name, ()) if one.count(".") == 1)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                yield from (one for one in by_last.get(name, ()) if one == f"{owner}.{name}")
            case ast.Attribute(attr=name) if len(by_last.get(name, ())) == 1:
                yield from by_last[name]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


__all__ = ["with_called"]
