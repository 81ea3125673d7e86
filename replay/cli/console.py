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
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from replay.safe_text import clean, json_safe

WIDTH = 120
"""Columns where the output is no terminal: nothing is cut off in a log."""


def say(text: str = "") -> None:
    """One line on standard output."""
    click.echo(text)


def say_marked(text: str, marked: bool) -> None:
    """One line on standard output, which stands out where that is a terminal that wants it."""
    if marked and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        text = click.style(text, fg="red", bold=True)
    click.echo(text)


def note(text: str) -> None:
    """One line on standard error, unless nobody can be told."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def columns() -> int:
    """How wide the output may be: the terminal's width, and WIDTH where there is none."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def say_json(document: Any) -> None:
    """Pure JSON on standard output. What JSON has no number for is a text (formats.md)."""
    click.echo(json.dumps(json_safe(document), ensure_ascii=True, indent=2, allow_nan=False))


def say_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output; every cell is data."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row))
    say_rich(table)


def say_rich(renderable: Any) -> None:
    """Something of rich's, in colour only on a terminal that wants it (NO_COLOR)."""
    tty = sys.stdout.isatty()
    console = Console(
        file=sys.stdout,
        highlight=False,
        markup=False,
        emoji=False,
        # Not what FORCE_COLOR says: no escape goes where there is no terminal.
        force_terminal=tty,
        width=None if tty else WIDTH,
        no_color="NO_COLOR" in os.environ or not tty,
    )
    console.print(renderable)


class Progress:
    """One line on standard error that is kept up to date, where that is a terminal.

    Nothing is shown in the first two seconds: what is over by then needs no progress.
    """

    def __init__(self, label: str, quiet: bool = False) -> None:
        self._label = label
        self._shown = not quiet and sys.stderr.isatty()
        self._next = time.monotonic() + 2.0
        self._began = time.monotonic()
        self._written = False

    def update(self, done: int, what: str = "transitions") -> None:
        """Shows a count, a few times a second at most."""
        now = time.monotonic()
        if not self._shown or now < self._next:
            return
        self._next = now + 0.2
        rate = done / (now - self._began)
        line = f"{self._label}: {done:,} {what}, {rate:,.0f}/s"
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
        self._written = True

    def end(self) -> None:
        """Takes the line away."""
        if self._written:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
