"""Loads a bot checkout's modules apart from all others.

Two checkouts have modules of the same names (`state_machine`, `config`, ...), and both must run in
one process to be compared. So each checkout gets a module table of its own: while one of its
modules is imported, then or later from within a function, `sys.modules` shows that table for the
names that live in the checkout, and `sys.modules` is put back afterwards.

A bot's `state_machine` may only pass on what a package elsewhere defines. Such a package can be
*adopted*: its modules are then loaded privately as well.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any


class PrivateLoader(SourceFileLoader):
    """Gives a module builtins of its own, whose `__import__` knows the checkout's table."""

    def __init__(self, name: str, path: str, private_builtins: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._builtins = private_builtins

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module's code."""
        # Functions keep the builtins of their globals from when they are made, so this must come
        # before the code runs.
        module.__dict__["__builtins__"] = self._builtins
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType:
        """The module's code, compiled from what its file says now.

        Python's cache of compiled files goes by time in seconds and size, so a checkout that is
        switched quickly (`git bisect`) would run another source than the one that is named as
        the core's identity.
        """
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class Checkout:
    """The modules below one directory, and those of adopted packages, loaded privately. `modules`
    has those loaded so far; `builtins` the names that all of them see without importing anything.
    """

    def __init__(self, root: Path, adopted: Collection[str] = ()) -> None:
        self.root = root.resolve()
        self.adopted = frozenset(adopted)
        self.modules: dict[str, ModuleType] = {}
        self._active = 0
        self._tops: dict[str, bool] = {}
        self.builtins = dict(vars(builtins))
        self.builtins["__import__"] = self._import

    def load(self, name: str) -> ModuleType:
        """Imports the dotted `name` from this checkout. Raises what the import raises."""
        with self._activated():
            return importlib.import_module(name)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The meta path hook: only names that live in the checkout are ours."""
        is_adopted = self._is_adopted(name)
        if path is None and not is_adopted:
            path = [str(self.root)]
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.origin is None or not (is_adopted or self._is_ours(spec.origin)):
            return None
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = self.loader(name, spec.origin)
        return spec

    def loader(self, name: str, path: str) -> PrivateLoader:
        """What loads one of the checkout's modules; a subclass may give modules other code."""
        return PrivateLoader(name, path, self.builtins)

    def _is_ours(self, origin: str) -> bool:
        """Whether a file is the checkout's own, and not a library installed somewhere below it."""
        path = Path(origin)
        if not path.is_relative_to(self.root):
            return False
        return not {"site-packages", "dist-packages"} & set(path.relative_to(self.root).parts)

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        with self._activated():
            return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _belongs(self, name: str) -> bool:
        """Whether a module that is loaded stands in the way of one of the checkout's."""
        if self._is_adopted(name):
            return True
        top = name.partition(".")[0]
        if top == "replay" or top in sys.stdlib_module_names:
            return False
        if top not in self._tops:
            self._tops[top] = (self.root / f"{top}.py").is_file() or (self.root / top).is_dir()
        return self._tops[top]

    def _is_adopted(self, name: str) -> bool:
        return any(is_within(name, one) for one in self.adopted)

    @contextmanager
    def _parents_know_ours(self) -> Iterator[None]:
        """Meanwhile the packages that adopted ones stand in have our copies of these as attributes:
        an import sets them there, and `from package import name` looks for them there."""
        places = [one.rpartition(".") for one in sorted(self.adopted)]
        parents = [(sys.modules.get(parent), name) for parent, _, name in places if parent]
        former = [(vars(parent), name) for parent, name in parents if parent is not None]
        values = [names.pop(name, None) for names, name in former]
        for names, name in former:
            ours = self.modules.get(f"{names['__name__']}.{name}")
            if ours is not None:
                names[name] = ours
        try:
            yield
        finally:
            for (names, name), value in zip(former, values, strict=True):
                names.pop(name, None)
                if value is not None:
                    names[name] = value

    @contextmanager
    def _activated(self) -> Iterator[None]:
        if self._active:
            yield
            return
        with self._parents_know_ours():
            yield from self._while_active()

    def _while_active(self) -> Iterator[None]:
        hidden = {name: module for name, module in sys.modules.items() if self._belongs(name)}
        for name in hidden:
            del sys.modules[name]
        others = set(sys.modules)
        sys.modules.update(self.modules)
        sys.meta_path.insert(0, self)
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            sys.meta_path.remove(self)
            for name in sys.modules.keys() - others:
                module = sys.modules[name]
                origin = getattr(module, "__file__", None)
                ours = name in self.modules or (origin is not None and self._is_ours(origin))
                if self._is_adopted(name) or (ours and self._belongs(name)):
                    self.modules[name] = module
                    del sys.modules[name]
            sys.modules.update(hidden)


def is_within(name: str, package: str) -> bool:
    """Whether a dotted name is that of a package, or of a module in it."""
    return name == package or name.startswith(f"{package}.")


def locate(spec: str, directories: Sequence[Path]) -> tuple[Path, str] | None:
    """Where a module given by file or dotted name lives: (root directory, dotted name).

    A file inside a package (folders with `__init__.py`) is named from the folder above the
    package, so that its relative imports work. None where a dotted name is found nowhere.
    """
    if spec.endswith(".py"):
        path = Path(spec).resolve()
        parts = [path.stem] if path.stem != "__init__" else []
        folder = path.parent
        while (folder / "__init__.py").is_file():
            parts.insert(0, folder.name)
            folder = folder.parent
        return folder, ".".join(parts)
    relative = Path(*spec.split("."))
    for directory in directories:
        here = directory / relative
        if here.with_suffix(".py").is_file() or (here / "__init__.py").is_file():
            return directory, spec
    return None
