"""One case as a person reads it: where it starts, what happens, and both answers side by side.

As lines of text that are safe to print, for all who show a case: the commands, the reports in a
bundle, and the messages of failing tests. Only what differs is shown unless asked otherwise; a
state has thirty fields, and the eye must not have to look for the one that is wrong.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from replay.cli.console import clean, columns, json_safe, say, say_marked
from replay.differential.compare import refusal_text
from replay.differential.model import Absent, Difference
from replay.streams.model import Start, Step, Stream, call_name, event_document
from replay.targets.base import Failure, StepResult, is_refusal
from replay.targets.compact import (
    action_document,
    action_name,
    apply_changes,
    delta_document,
    read_state,
    state_document,
)

MAX_STEPS = 12
MAX_VALUE = 1500
TEXT_WIDTH = 100
"""Columns of texts that go into a file or a test's message."""

DIFFERS = "!="
"""Stands before a value that differs."""

_LABEL = 11
_ABSENT = "(absent)"


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


def say_case(case: Stream) -> None:
    """Prints the start, what was set, and the steps of a case."""
    _say_all(case_lines(case, columns()))


def labelled(label: str, text: str, width: int = TEXT_WIDTH) -> list[str]:
    """A text behind a label, wrapped so that only the first line has the label."""
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


def step_text(step: Step) -> str:
    """A step on one line."""
    name = call_name(step.call)
    if isinstance(step.call, Mapping) or step.call[0] < 5:
        fields = value_text(event_document(step.call))
    else:
        fields = value_text(list(step.call[1:]))
    where = f" (line {step.line})" if step.line else ""
    changed = "" if step.changes is None else f" after setting {value_text(step.changes)}"
    return f"{clean(name)} {fields}{changed}{where}"


def value_text(value: Any) -> str:
    """A value as JSON on one line, safe to print."""
    if isinstance(value, Absent):
        return _ABSENT
    text = json.dumps(json_safe(value), ensure_ascii=False, default=str)
    return clean(text, MAX_VALUE)


# --- Both answers -----------------------------------------------------------------------------


class Row(NamedTuple):
    """One value of both answers. `how` says in what way they differ, "" where they do not."""

    path: str
    authority: str
    shadow: str
    how: str


class Answers(NamedTuple):
    """What there is to show of two answers, and in words what is left out, "" for nothing."""

    rows: tuple[Row, ...]
    left_out: str


def answers(
    case: Stream,
    authority: StepResult,
    shadow: StepResult,
    differences: Sequence[Difference],
    *,
    everything: bool = False,
) -> Answers:
    """Both answers to the last step of a case: what differs, or with `everything` all but the
    fields of the state that both leave as they were."""
    ours, theirs = dict(_flat(authority)), dict(_flat(shadow))
    for path, _, one, other in differences:
        # An answer leaves out what stays as it was; the comparison knows what that is.
        if path in ours or path in theirs:
            ours[path], theirs[path] = value_text(one), value_text(other)
    failed = isinstance(authority, Failure) or isinstance(shadow, Failure)
    before = _before(case) if everything else {}
    rows: list[Row] = []
    left_out = 0
    for path in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(path, _ABSENT), theirs.get(path, _ABSENT)
        how = "" if one == other else _how(path, differences)
        if failed and path in _NO_ANSWER:
            how = path
        if how or (everything and not (one == other and before.get(path) == one)):
            rows.append(Row(path, one, other, how))
        else:
            left_out += 1
    if not everything:
        rows += _beside(rows, differences)
    whose = "that the other core answered" if failed else "that are alike"
    left = f"and {left_out} value{'s' * (left_out != 1)} {whose}" if left_out else ""
    return Answers(tuple(rows), left)


_NO_ANSWER = ("failed", "refused")


def _how(path: str, differences: Sequence[Difference]) -> str:
    """In what way the values at a path differ, by the difference that covers them."""
    for difference in differences:
        above = difference.path
        if path == above or path.startswith((f"{above}.", f"{above}[")):
            return str(difference.kind)
    return ""


def _beside(rows: Iterable[Row], differences: Sequence[Difference]) -> Iterator[Row]:
    """Differences that no value stands for, like the order of actions or one of two refusals."""
    shown = [row.path for row in rows]
    for difference in differences:
        inside = (difference.path, f"{difference.path}.", f"{difference.path}[")
        if not any(path == inside[0] or path.startswith(inside[1:]) for path in shown):
            one, other = value_text(difference.authority), value_text(difference.shadow)
            yield Row(clean(difference.path), one, other, str(difference.kind))


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


def say_answers(
    case: Stream,
    authority: StepResult,
    shadow: StepResult,
    differences: Sequence[Difference],
    *,
    everything: bool = False,
) -> None:
    """Prints both answers to the last step side by side: what differs, or everything."""
    shown = answers(case, authority, shadow, differences, everything=everything)
    if shown.left_out and not everything:
        shown = shown._replace(left_out=f"{shown.left_out} (--all shows them)")
    for line in answer_lines(shown, columns()):
        say_marked(line, line.startswith(DIFFERS))


def difference_lines(differences: Sequence[Difference]) -> list[str]:
    """Each difference with its class, one a line."""
    return [
        f"  {clean(difference.path)}: {difference.kind}, authority "
        f"{value_text(difference.authority)}, shadow {value_text(difference.shadow)}"
        for difference in differences
    ]


def difference_documents(differences: Sequence[Difference]) -> list[dict[str, str]]:
    """Differences as `--json` has them."""
    return [
        {
            "path": difference.path,
            "kind": str(difference.kind),
            "authority": value_text(difference.authority),
            "shadow": value_text(difference.shadow),
        }
        for difference in differences
    ]


def _before(case: Stream) -> dict[str, str]:
    """The state that the only step of a case starts from, by paths and texts."""
    if len(case.steps) != 1:
        return {}
    plain, _ = apply_changes(read_state(case.start.state), case.steps[0].changes)
    if plain is None:
        return {}
    return dict(_leaves("state", state_document(plain)))


def _flat(result: StepResult) -> Iterator[tuple[str, str]]:
    """An answer as paths and texts: the fields of the state that it names, actions, violations."""
    if isinstance(result, Failure):
        yield "failed", clean(f"{result.kind}: {result.detail}", MAX_VALUE)
        return
    if is_refusal(result):
        yield "refused", clean(refusal_text(result), MAX_VALUE)
        return
    delta, actions, violations = result
    for name, value in delta_document(delta).items():
        yield from _leaves(f"state.{name}", value)
    for place, action in enumerate(actions):
        yield f"actions[{place}]", clean(action_name(action))
        yield from _leaves(f"actions[{place}]", action_document(action))
    for place, text in enumerate(violations):
        yield f"violations[{place}]", clean(text)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}", inner)
    elif isinstance(value, list | tuple) and value:
        for place, inner in enumerate(value):
            yield from _leaves(f"{path}[{place}]", inner)
    else:
        yield clean(path), value_text(value)


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)
