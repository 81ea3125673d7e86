"""Which files a Python core is made of, and their common SHA-256.

A bot's state machine is seldom one file: it rounds with one helper and reads settings from another.
A core is the same only where all of these are, so whoever says which core ran (the adapter, a
finding, a verdict) hashes all that its module imports from the bot's own directory.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from replay.targets.python.private_import import locate

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<package>\.*[\w.]*)[ \t]+import[ \t]*(?P<names>\([^)]*\)|[^\n#]*)"
    r"|import[ \t]+(?P<modules>[^\n#]*))",
    re.MULTILINE,
)
"""An import wherever it stands. Text that only looks like one does no harm: it names a file that
does not exist, or one more of the bot's. To parse each file would cost more than to import it."""

_OURS = Path(__file__).resolve().parents[2] / "core"

_NAME = re.compile(r"\.*\w[\w.]*")


class SourceFiles(NamedTuple):
    """The files of a core, in the order of their names, and the directory that these begin at."""

    root: Path
    files: tuple[Path, ...]

    def sha256(self) -> str:
        """Over the names and contents of all files. Raises OSError."""
        digest = hashlib.sha256()
        for path in self.files:
            content = path.read_bytes()
            name = os.fsencode(path.relative_to(self.root))  # which may be no UTF-8
            digest.update(b"%b\0%d\0" % (name, len(content)) + content)
        return digest.hexdigest()


def source_files(file: Path) -> SourceFiles:
    """A module's file, and all that it imports, at first or in the end, from its own directory.

    That is the folder above its package, or the one that it lies in. All of a package belongs to a
    core that is one (`__init__.py`). What is imported by a name made at run time is not seen, nor
    what stands elsewhere (libraries, doge-replay).
    """
    path = Path(os.path.abspath(file))
    found = locate(str(path), ()) if path.suffix == ".py" else None
    if found is None:
        return SourceFiles(path.parent, (path,))
    root = found[0]
    path = path.resolve()
    if path.parent == _OURS:
        return SourceFiles(_OURS, tuple(sorted(_OURS.glob("*.py"))))
    waiting = sorted(path.parent.glob("*.py")) if path.name == "__init__.py" else [path]
    seen = set(waiting)
    while waiting:
        for imported in _imported(waiting.pop(), root):
            if imported not in seen:
                seen.add(imported)
                waiting.append(imported)
    return SourceFiles(root, tuple(sorted(seen)))


def _imported(path: Path, root: Path) -> Iterator[Path]:
    """The files below the root that one file imports."""
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except OSError:
        return
    for found in _IMPORT.finditer(text):
        for name in _names(found):
            yield from _files_of(_absolute(name, path, root), root)


def _names(found: re.Match[str]) -> list[str]:
    """The dotted names that an import asks for: modules, and what may be a module in one."""
    if found["modules"] is not None:
        return [part.split()[0] for part in found["modules"].split(",") if part.split()]
    package: str = found["package"]
    inner = re.sub(r"#[^\n]*", "", found["names"]).strip("()")
    names = [part.split()[0] for part in inner.split(",") if part.split()]
    joint = "" if not package or package.endswith(".") else "."
    return [package, *(f"{package}{joint}{name}" for name in names)]


def _absolute(name: str, path: Path, root: Path) -> Sequence[str]:
    """The parts of a name from the root on; none where it leads elsewhere."""
    if _NAME.fullmatch(name) is None and name.strip("."):
        return ()
    plain = name.lstrip(".")
    above = len(name) - len(plain)
    parts = plain.split(".") if plain else []
    if not above:
        return parts if parts[0] not in sys.stdlib_module_names | {"replay"} else ()
    folder = path.parent.relative_to(root).parts
    return (*folder[: len(folder) - above + 1], *parts) if above <= len(folder) else ()


def _files_of(parts: Sequence[str], root: Path) -> Iterator[Path]:
    """The file of a module, and those of the packages that it is in."""
    for length in range(1, len(parts) + 1):
        here = root.joinpath(*parts[:length])
        for candidate in (here / "__init__.py", here.with_name(f"{here.name}.py")):
            if candidate.is_file():
                yield candidate
