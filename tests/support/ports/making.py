"""Copies of the port with switches on: as a file, as an executable, as a module at hand."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

_SOURCE = Path(__file__).with_name("port.py")
_LINE = "ON: frozenset[str] = frozenset()\n"


def source_with(switches: Iterable[str]) -> str:
    """The source of the port with these switches on."""
    text = _SOURCE.read_text("utf-8")
    assert text.count(_LINE) == 1
    return text.replace(_LINE, f"ON: frozenset[str] = frozenset({sorted(switches)!r})\n")


def core_file(folder: Path, switches: Iterable[str]) -> Path:
    """A port as a Python core; what `--authority` and `--shadow` take."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "port_core.py"
    file.write_text(source_with(switches), "utf-8")
    return file


def executable(folder: Path, switches: Iterable[str]) -> Path:
    """A port as an executable of part 1."""
    return _written(folder, source_with(switches))


def changed_executable(folder: Path, changes: Iterable[tuple[str, str]]) -> Path:
    """A port of which some texts, each of which is there once, are others."""
    text = source_with(())
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return _written(folder, text)


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "port"
    file.write_text(f"#!{sys.executable} -IS\n{text}", "utf-8")
    file.chmod(0o755)
    return file


@cache
def module_with(switches: frozenset[str]) -> ModuleType:
    """A port as a module, for asking it here."""
    name = f"port_{abs(hash(switches))}"
    module = ModuleType(name)
    sys.modules[name] = module  # dataclasses look their module up
    code = compile(source_with(switches), str(_SOURCE), "exec", dont_inherit=True)
    exec(code, vars(module))
    return module
