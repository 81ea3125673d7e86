"""Puts changes of a core's source in force: as little of it is compiled and loaded anew as will do.

Within a function that nothing has called yet, its code is exchanged. The default of a record's
field is exchanged where the record keeps it. All else needs the module loaded anew, and those that
import it, directly or not; the others are shared with the copy that all changes start from.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any, NamedTuple, TypeVar

from replay.explaining.editing.bounded import bounded
from replay.explaining.editing.private_core import PrivateCore, SourceModule
from replay.explaining.editing.source_map import SourceMap
from replay.explaining.editing.source_text import (
    Definition,
    Place,
    code_named,
    definitions,
    edited_text,
)
from replay.targets.python.bindings import Bindings

V = TypeVar("V")


class Swap(NamedTuple):
    """An attribute that has another value while a change is in force."""

    owner: Any
    name: str
    value: Any


class Force(NamedTuple):
    """What it takes to run a core with a change in force."""

    bindings: Bindings
    swaps: tuple[Swap, ...]

    def run(self, function: Callable[[Bindings], V], seconds: float) -> V:
        """Calls `function` with the change in force, bounded. Raises OutOfTime and what that
        raises."""
        return swapped(self.swaps, lambda: bounded(lambda: function(self.bindings), seconds))


def swapped(swaps: Sequence[Swap], run: Callable[[], V]) -> V:
    """Calls `run` while attributes have other values; puts them back whatever happens."""
    former = [Swap(swap.owner, swap.name, getattr(swap.owner, swap.name)) for swap in swaps]
    try:
        for owner, name, value in swaps:
            setattr(owner, name, value)
        return run()
    finally:
        for owner, name, value in former:
            setattr(owner, name, value)


class Forces:
    """Makes changes of one core ready to run."""

    def __init__(self, core: PrivateCore, modules: Mapping[str, SourceModule], map: SourceMap):
        self._core = core
        self._modules = modules
        self._map = map
        self._definitions = {
            key: {line: one for one in definitions(module.text) for line in one.lines}
            for key, module in modules.items()
        }
        self._importers = _importers(modules.values())

    def is_quick(self, places: Iterable[Place]) -> bool:
        """Whether all places are in functions whose code can be exchanged."""
        return all(self._function_around(place) is not None for place in places)

    def make(self, places: Sequence[Place], seconds: float) -> Force:
        """What puts the changes in force. Raises OutOfTime where it takes longer than that, and
        whatever compiling or loading the changed source raises."""
        swaps = self._of_functions(places)
        if swaps is not None:
            return Force(self._core.bindings, swaps)
        swaps = self._of_default(places) if len(places) == 1 else None
        if swaps is not None:
            names = self._loaded_with({self._modules[places[0].module].name})
            names.discard(self._modules[places[0].module].name)
            changed: dict[str, CodeType] = {}
        else:
            changed = self._changed(places)
            names = self._loaded_with(changed)
        copy = swapped(
            swaps or (), lambda: bounded(lambda: self._core.copy(changed, names), seconds)
        )
        return Force(copy.bindings, swaps or ())

    # --- Functions --------------------------------------------------------------------------

    def _function_around(self, place: Place) -> tuple[Definition, FunctionType] | None:
        """The function whose body a place is in, where its code can be exchanged."""
        definition = self._definitions[place.module].get(place.line)
        if definition is None or not definition.has_in_its_body(place):
            return None
        name = self._modules[place.module].name
        function = self._core.function(name, definition.qualname, definition.line)
        return None if function is None else (definition, function)

    def _of_functions(self, places: Sequence[Place]) -> tuple[Swap, ...] | None:
        touched: dict[tuple[str, Definition, FunctionType], list[Place]] = {}
        for place in places:
            found = self._function_around(place)
            if found is None:
                return None
            touched.setdefault((place.module, *found), []).append(place)
        swaps = []
        for (key, definition, function), own in touched.items():
            module = self._modules[key]
            text = definition.edited(module.text, own)
            code = code_named(module.compiled(text), definition.qualname.rpartition(".")[2])
            if code is None or code.co_freevars:
                return None
            swaps.append(Swap(function, "__code__", code))
        return tuple(swaps)

    # --- Defaults of records ----------------------------------------------------------------

    def _of_default(self, places: Sequence[Place]) -> tuple[Swap, ...] | None:
        """The default of a field of a dataclass, where it is kept."""
        (place,) = places
        parsed = self._map.modules[place.module]
        span = parsed.span_of_place(place)
        scope = parsed.scope_at(span[0])
        if not isinstance(scope.node, ast.ClassDef):
            return None
        for line in scope.node.body:
            if isinstance(line, ast.AnnAssign) and line.value is not None:
                start, end = parsed.span(line.value)
                if start <= span[0] and span[1] <= end and isinstance(line.target, ast.Name):
                    text = parsed.text[start : span[0]] + place.new + parsed.text[span[1] : end]
                    names = vars(self._core.modules[self._modules[place.module].name])
                    owner = names.get(scope.node.name)
                    return _default_swaps(owner, line.target.id, text, names)
        return None

    # --- Modules ----------------------------------------------------------------------------

    def _changed(self, places: Sequence[Place]) -> dict[str, CodeType]:
        """The code of the modules that are changed, by dotted name."""
        changed = {}
        for key in {place.module for place in places}:
            module = self._modules[key]
            text = edited_text(module.text, [place for place in places if place.module == key])
            changed[module.name] = module.compiled(text)
        return changed

    def _loaded_with(self, changed: Iterable[str]) -> set[str]:
        """The modules that must be loaded anew where some are changed."""
        names: set[str] = set()
        waiting = list(changed)
        while waiting:
            name = waiting.pop()
            if name not in names:
                names.add(name)
                waiting += self._importers[name]
        return names


def _default_swaps(
    owner: Any, name: str, text: str, names: Mapping[str, Any]
) -> tuple[Swap, ...] | None:
    """None where the class keeps its defaults in another way than plain dataclasses do."""
    if not isinstance(owner, type) or not dataclasses.is_dataclass(owner):
        return None
    fields = [one for one in dataclasses.fields(owner) if one.init and not one.kw_only]
    with_default = [one for one in fields if one.default is not dataclasses.MISSING]
    place = next((i for i, one in enumerate(with_default) if one.name == name), None)
    made_by: Any = owner.__init__
    defaults = getattr(made_by, "__defaults__", None) or ()
    if place is None or [one.default for one in with_default] != list(defaults):
        return None
    value = eval(compile(text, "<default>", "eval", dont_inherit=True), dict(names))
    if isinstance(value, dataclasses.Field):
        return None
    swaps = [
        Swap(made_by, "__defaults__", (*defaults[:place], value, *defaults[place + 1 :])),
        Swap(with_default[place], "default", value),
    ]
    if name in vars(owner) and "__slots__" not in vars(owner):
        swaps.append(Swap(owner, name, value))
    return tuple(swaps)


def _importers(modules: Iterable[SourceModule]) -> dict[str, list[str]]:
    """For each module those that import it, by dotted names; a module's packages count as that."""
    modules = list(modules)
    known = {module.name for module in modules}
    importers: dict[str, list[str]] = {name: [] for name in known}
    for module in modules:
        for name in _imported(module):
            if name in known and module.name not in importers[name]:
                importers[name].append(module.name)
        package = module.name.rpartition(".")[0]
        if package in known:
            importers[module.name].append(package)
    return importers


def _imported(module: SourceModule) -> Iterable[str]:
    is_package = module.path.endswith("__init__.py")
    package = module.name if is_package else module.name.rpartition(".")[0]
    for node in ast.walk(ast.parse(module.text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(filter(None, (*above, base)))
            yield base
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)
