"""What the commands print with: plain text that data cannot break out of, tables, progress.

Every text that comes from data goes through `clean`: terminal escapes, other control characters and
the marks that turn the direction of writing are shown, not sent. Markup in data stays text.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len

from replay.safe_text import clean, json_safe

if TYPE_CHECKING:
    from replay.differential.tally import Tally

GAP = 2
"""Columns of the terminal between two columns of a table."""

MIN_COLUMN = 10
"""A column of texts is not folded narrower than that."""

MAX_COMMAND = 4000
"""Characters of a command to copy: half of one is of no use."""

A_LINE_SECONDS = 60.0
"""Between two lines of progress where there is no terminal."""

WIDTH = 120
"""Columns where the output is no terminal: nothing is cut off in a log."""


class Colours(StrEnum):
    """When output has colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Loudness(IntEnum):
    """What is told on standard error beside errors."""

    QUIET = 0
    """Nothing: no progress, no remarks."""
    USUAL = 1
    VERBOSE = 2
    """Where each setting came from, too."""


_chosen = Colours.AUTO
_loudness = Loudness.USUAL


def choose_loudness(loudness: Loudness) -> None:
    """Says once, for the whole command, what is told on standard error."""
    global _loudness
    _loudness = loudness


def choose_colours(colours: Colours) -> None:
    """Says once, for the whole command, when output has colours."""
    global _chosen
    _chosen = colours


def colours_wanted() -> bool:
    """Whether standard output has colours: as was chosen, then by NO_COLOR and FORCE_COLOR, then on
    a terminal."""
    if _chosen is not Colours.AUTO:
        return _chosen is Colours.ALWAYS
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def say(text: str = "") -> None:
    """One line on standard output."""
    # By name: of an ASCII stream click would make a UTF-8 one.
    click.echo(text, file=sys.stdout)


def say_marked(text: str, marked: bool) -> None:
    """One line on standard output, which stands out where that is a terminal that wants it."""
    if marked and colours_wanted():
        text = click.style(text, fg="red", bold=True)
    click.echo(text, color=colours_wanted())


def note(text: str) -> None:
    """One line on standard error, unless nobody can be told."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def mention(text: str, *, at: Loudness = Loudness.USUAL) -> None:
    """One line on standard error that is no error: not where quiet was asked for, and some only
    where more was."""
    if _loudness >= at:
        note(text)


def columns() -> int:
    """How wide the output may be: the terminal's width, and WIDTH where there is none."""
    return terminal_width() if sys.stdout.isatty() else WIDTH


def say_json(document: Any) -> None:
    """Pure JSON on standard output. What JSON has no number for is a text (formats.md)."""
    click.echo(json.dumps(json_safe(document), ensure_ascii=True, indent=2, allow_nan=False))


def say_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, dispensable: Sequence[str] = ()
) -> None:
    """A table on standard output; every cell is data.

    Where that is no terminal a row is a line, however long. On a terminal all but the first column
    may be folded, but no heading is broken: those that are `dispensable` are left out first, in
    this order.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in table_lines(columns, cells):
            say(line)
        return
    from rich.table import Table
    from rich.text import Text

    kept = columns_that_fit(columns, cells, dispensable, terminal_width())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number in kept:
        name = columns[number]
        table.add_column(
            name, overflow="fold", no_wrap=number == 0, min_width=_least(number, name, cells)
        )
    for row in cells:
        table.add_row(*(Text(row[number]) for number in kept))
    say_rich(table)
    left_out = [column for number, column in enumerate(columns) if number not in kept]
    if left_out:
        say(f"(no room for {', '.join(left_out)})")


def terminal_width() -> int:
    """How wide the terminal is."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as lines that are never folded or cut."""
    lines = [columns, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in lines
    ]


def columns_that_fit(
    columns: Sequence[str], rows: Sequence[Sequence[str]], dispensable: Sequence[str], width: int
) -> list[int]:
    """The numbers of the columns that a terminal has room for without breaking a heading."""
    kept = list(range(len(columns)))
    for name in dispensable:
        least = sum(_least(number, columns[number], rows) for number in kept)
        if least + GAP * (len(kept) - 1) <= width:
            break
        kept = [number for number in kept if columns[number] != name]
    return kept


def _least(number: int, heading: str, rows: Sequence[Sequence[str]]) -> int:
    """How narrow a column may become: the first one holds what a row is called by."""
    widest = max((cell_len(row[number]) for row in rows), default=0)
    return max(cell_len(heading), widest if number == 0 else min(widest, MIN_COLUMN))


def say_rich(renderable: Any) -> None:
    """Something of rich's, in colour where colours are wanted."""
    from rich.console import Console

    tty = sys.stdout.isatty()
    console = Console(
        file=sys.stdout,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=tty or colours_wanted(),
        width=None if tty else WIDTH,
        no_color=not colours_wanted(),
    )
    console.print(renderable)


@contextlib.contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[Callable[[Tally], None]]:
    """Shows how far a part of a run is, until it is over."""
    shown = Progress(label, quiet)
    try:
        yield lambda tally: shown.update(tally.transitions)
    finally:
        shown.end()


class Progress:
    """One line on standard error that is kept up to date, where that is a terminal; elsewhere, as
    in a CI's log, a line a minute.

    Nothing is shown in the first two seconds: what is over by then needs no progress.
    """

    def __init__(self, label: str, quiet: bool = False) -> None:
        self._label = label
        self._shown = not quiet and _loudness > Loudness.QUIET
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (2.0 if self._terminal else A_LINE_SECONDS)
        self._began = time.monotonic()
        self._written = False

    def update(self, done: int, what: str = "transitions") -> None:
        """Shows a count and how fast it grows, a few times a second at most."""
        rate = done / max(time.monotonic() - self._began, 0.001)
        self.tell(f"{done:,} {what}, {rate:,.0f}/s")

    def tell(self, words: str) -> None:
        """Shows how far it is in words, a few times a second at most."""
        now = time.monotonic()
        if not self._shown or now < self._next:
            return
        line = f"{self._label}: {words}"
        if not self._terminal:
            self._next = now + A_LINE_SECONDS
            note(f"{line}, {(now - self._began) / 60:.0f} min")
            return
        self._next = now + 0.2
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
        self._written = True

    def end(self) -> None:
        """Takes the line away."""
        if self._written:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
