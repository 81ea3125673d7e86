"""Source texts of Python modules: replacing places, and finding functions to compile alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Final, NamedTuple

BLOCKS: Final = ("body", "orelse", "finalbody")
"""The fields of a syntax tree's nodes that hold statements in a row."""


@dataclass(frozen=True, slots=True)
class Place:
    """Some source text and what takes its place: lines from 1, columns in characters from 0, the
    end exclusive. `module` is a key of EditableCore.sources."""

    module: str
    line: int
    column: int
    end_line: int
    end_column: int
    new: str

    @property
    def start(self) -> tuple[int, int]:
        """Where it begins."""
        return self.line, self.column

    @property
    def end(self) -> tuple[int, int]:
        """Just after it."""
        return self.end_line, self.end_column


def edited_text(text: str, places: Iterable[Place], first_line: int = 1) -> str:
    """The source text (whose first line has that number) with all places replaced.

    Raises ValueError where two of them overlap.
    """
    starts = line_starts(text)
    end = len(text)
    for place in sorted(places, key=lambda place: place.start, reverse=True):
        first = starts[place.line - first_line] + place.column
        last = starts[place.end_line - first_line] + place.end_column
        if not first <= last <= end:
            raise ValueError("the places of an edit overlap")
        text = text[:first] + place.new + text[last:]
        end = first
    return text


def line_starts(text: str) -> list[int]:
    """Where each line begins, and the end."""
    starts = [0]
    for line in source_lines(text):
        starts.append(starts[-1] + len(line))
    return starts


@lru_cache(maxsize=64)
def source_lines(text: str) -> tuple[str, ...]:
    """The lines with their ends, as Python's parser counts them: `str.splitlines` also splits at
    form feeds and the like. Kept, since each edit asks for those of its whole module."""
    lines = text.split("\n")
    return (*(f"{line}\n" for line in lines[:-1]), *(line for line in lines[-1:] if line))


class Definition(NamedTuple):
    """A plain function, at the level of its module or of a class in it. `body` is where its first
    statement begins."""

    qualname: str
    line: int
    end_line: int
    body: tuple[int, int]

    @property
    def lines(self) -> range:
        """The lines that it stands on."""
        return range(self.line, self.end_line + 1)

    def has_in_its_body(self, place: Place) -> bool:
        """Whether a place is in the statements of the function."""
        return self.body <= place.start and place.end_line <= self.end_line

    def edited(self, text: str, places: Sequence[Place]) -> str:
        """The function alone, with places replaced, as the text of a module in which it stands
        at the same line."""
        lines = source_lines(text)[self.line - 1 : self.end_line]
        own = edited_text("".join(lines), places, self.line)
        if not own[0].isspace():
            return "\n" * (self.line - 1) + own
        # What is indented stands in a class, which also decides how __names are read, or in an if.
        *classes, _ = self.qualname.split(".")
        around = f"class {classes[-1]}:\n" if classes else "if 1:\n"
        return "\n" * (self.line - 2) + around + own


def definitions(text: str) -> tuple[Definition, ...]:
    """The plain functions of a module (without decorators, not within other functions)."""
    return tuple(_definitions(ast.parse(text).body, ""))


def _definitions(body: Sequence[ast.stmt], prefix: str) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            if not node.decorator_list:
                first = node.body[0]
                # Byte offsets, which only serve to tell the body from the line of the `def`.
                start = (first.lineno, first.col_offset)
                yield Definition(prefix + node.name, node.lineno, node.end_lineno or 0, start)
        elif isinstance(node, ast.ClassDef):
            yield from _definitions(node.body, f"{prefix}{node.name}.")
        else:
            for block in BLOCKS:
                yield from _definitions(getattr(node, block, ()), prefix)


def code_named(code: CodeType, name: str) -> CodeType | None:
    """The code of the first function of that name in compiled code."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found = constant if constant.co_name == name else code_named(constant, name)
            if found is not None:
                return found
    return None
