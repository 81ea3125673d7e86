"""One case as a person reads it: where it starts, what happens, and both answers side by side.

As lines of text that are safe to print, for all who show a case: the commands, the reports in a
bundle, and the messages of failing tests. What there is to show is findings/sides.py's business.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from replay.differential.difference_texts import value_text
from replay.differential.model import Difference
from replay.reports.sides import MAX_STEPS, Answers, Row, step_text
from replay.safe_text import clean
from replay.streams.model import Start, Stream

TEXT_WIDTH = 100
"""Columns of texts that go into a file or a test's message."""

DIFFERS = "!="
"""Stands before a value that differs."""

_LABEL = 11


# --- The case ---------------------------------------------------------------------------------


def case_lines(case: Stream, width: int = TEXT_WIDTH) -> list[str]:
    """The start, what was set, and the last steps of a case, wrapped."""
    lines = labelled("from", clean(case.origin) or "no file", width)
    for name, value in zip(Start._fields, case.start, strict=True):
        if value is not None or name == "state":
            lines += labelled(name, value_text(value), width)
    skipped = max(0, len(case.steps) - MAX_STEPS)
    if skipped:
        lines += labelled("", f"... {skipped} steps ...", width)
    for number, step in enumerate(case.steps[skipped:], skipped + 1):
        lines += labelled(f"step {number}", step_text(step), width)
    return lines


def labelled(label: str, text: str, width: int = TEXT_WIDTH) -> list[str]:
    """A text after a label, wrapped so that only the first line has the label."""
    wrapped = textwrap.wrap(
        text,
        max(width - _LABEL, 20),
        break_on_hyphens=False,
        break_long_words=False,
        replace_whitespace=False,
    )
    first, *rest = wrapped or [""]
    label = f"{label} " if len(label) >= _LABEL else f"{label:{_LABEL}}"
    return [f"{label}{first}".rstrip(), *(" " * _LABEL + line for line in rest)]


# --- Both answers -----------------------------------------------------------------------------


def answer_lines(shown: Answers, width: int = TEXT_WIDTH) -> list[str]:
    """Both answers as a table of plain text, a differing value marked with DIFFERS."""
    left_out = [f"    {shown.left_out}"] if shown.left_out else []
    if not shown.rows:
        return left_out
    widths = _widths(shown.rows, width)
    lines = _row_lines(("field", "authority", "shadow", "how"), widths, "")
    for row in shown.rows:
        lines += _row_lines(row, widths, DIFFERS if row.how else "")
    return lines + left_out


def _widths(rows: Sequence[Row], width: int) -> tuple[int, int, int]:
    """Of the first three columns. Values are short as a rule: the names of fields get what they
    leave, and where there is too little for all, everything is folded."""
    field, one, other = (max(9, *(len(row[place]) for row in rows)) for place in range(3))
    room = max(width - len(f"{DIFFERS}          ") - max(len(row.how) for row in rows), 40)
    field = min(field, room - min(one, room // 4) - min(other, room // 4))
    one = min(one, max((room - field) // 2, room - field - other))
    return field, one, min(other, room - field - one)


def _row_lines(row: Sequence[str], widths: Sequence[int], mark: str) -> list[str]:
    """One row: its texts folded to their columns, as many lines as the longest takes."""
    folded = [
        [text[begin : begin + size] for begin in range(0, len(text), size)]
        for text, size in zip(row, widths, strict=False)
    ]
    folded.append([row[3]])
    lines = []
    for cells in zip_longest(*folded, fillvalue=""):
        parts = [f"{cell:{size}}" for cell, size in zip(cells, (*widths, 0), strict=True)]
        lines.append(f"{mark:2}  {'  '.join(parts)}".rstrip())
        mark = ""
    return lines


def difference_lines(differences: Sequence[Difference]) -> list[str]:
    """Each difference with its class, one a line."""
    return [
        f"  {clean(difference.path)}: {difference.kind}, authority "
        f"{value_text(difference.authority)}, shadow {value_text(difference.shadow)}"
        for difference in differences
    ]
