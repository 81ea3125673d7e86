"""What a newcomer may count on: where a thing lives is told by its name, and nothing goes round."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "replay"
SAID_BY_THE_FOLDER = {"__init__", "__main__", "base", "model"}
"""Base names that may stand in several folders."""


def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }


def imported(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules of the package that a file names in its imports, wherever they stand."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            if node.level:
                folder = path.relative_to(ROOT).parts[: -node.level]
                package = ".".join((*folder, *filter(None, [package])))
            for alias in node.names:
                name = f"{package}.{alias.name}"
                yield from [name] if name in known else [package] if package in known else []


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or by way of others (Tarjan)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            place = stack.index(name)
            group, stack[place:] = stack[place:], []
            found.extend([group] if len(group) > 1 else [])

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports for type checkers count, too: who reads a module has to read those."""
    known = modules()
    graph = {name: set(imported(path, known)) - {name} for name, path in known.items()}
    # A package imports what it offers, and a module in it names the package only to reach others.
    assert circles(graph) == []


def test_the_check_for_circles_finds_one() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_no_base_name_stands_twice() -> None:
    places = defaultdict(list)
    for name, path in modules().items():
        if path.stem not in SAID_BY_THE_FOLDER:
            places[path.stem].append(name)
    assert {stem: names for stem, names in places.items() if len(names) > 1} == {}


def test_no_test_module_has_the_name_of_another() -> None:
    """Two of one name cannot be collected together."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) > 100
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}), ids=str
)
def test_each_folder_says_what_lives_there_what_does_not_and_where_to_begin(folder: Path) -> None:
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    assert text is not None
    words = " ".join(text.split())
    begin = re.search(r"Begin with `([\w/]+\.py)`", words)
    assert begin is not None, words
    assert (folder / begin[1]).is_file()
    assert re.search(r"\b(no|not|nothing|nowhere|only)\b|`(\.\./)?\w+/", words, re.I), words


def test_each_folder_stands_in_the_document_of_the_house() -> None:
    document = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    folders = {path.parent.relative_to(ROOT).parts[1] for path in PACKAGE.glob("*/__init__.py")}
    assert [name for name in sorted(folders) if f"`replay/{name}/`" not in document] == []
