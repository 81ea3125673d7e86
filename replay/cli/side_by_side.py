"""One case as a person reads it: where it starts, what happens, and both answers side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from replay.cli.console import clean, json_safe, say, say_rich
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


def say_case(case: Stream) -> None:
    """Prints the start, what was set, and the steps of a case."""
    say(f"from       {clean(case.origin) or 'no file'}")
    for name, value in zip(Start._fields, case.start, strict=True):
        if value is not None or name == "state":
            say(f"{name:10} {value_text(value)}")
    skipped = max(0, len(case.steps) - MAX_STEPS)
    if skipped:
        say(f"           ... {skipped} steps ...")
    for number, step in enumerate(case.steps[skipped:], skipped + 1):
        say(f"step {number:<5} {step_text(step)}")


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
        return "(absent)"
    text = json.dumps(json_safe(value), ensure_ascii=False, default=str)
    return clean(text, MAX_VALUE)


def say_answers(
    case: Stream, authority: StepResult, shadow: StepResult, differences: Sequence[Difference]
) -> None:
    """Prints both answers to the last step side by side, with what differs marked; fields of the
    state that both leave as they were are only counted."""
    marked = {difference.path for difference in differences}
    ours, theirs = dict(_flat(authority)), dict(_flat(shadow))
    before = _before(case)
    left = 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "field", "authority", "shadow"):
        table.add_column(column, overflow="fold")
    for path in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(path, "(absent)"), theirs.get(path, "(absent)")
        if one == other and before.get(path) == one:
            left += 1
            continue
        differs = one != other and _is_marked(path, marked)
        style = "bold red" if differs else ""
        table.add_row(
            Text("!=" if differs else "", style=style),
            Text(clean(path), style=style),
            Text(one, style=style),
            Text(other, style=style),
        )
    say_rich(table)
    if left:
        say(f"    and {left} fields that both leave as they were")


def _before(case: Stream) -> dict[str, str]:
    """The state that the only step of a case starts from, by paths and texts."""
    if len(case.steps) != 1:
        return {}
    plain, _ = apply_changes(read_state(case.start.state), case.steps[0].changes)
    if plain is None:
        return {}
    return dict(_leaves("state", state_document(plain)))


def _is_marked(path: str, marked: set[str]) -> bool:
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in marked)


def say_differences(differences: Sequence[Difference]) -> None:
    """Prints each difference with its class."""
    for difference in differences:
        say(
            f"  {clean(difference.path)}: {difference.kind}, authority "
            f"{value_text(difference.authority)}, shadow {value_text(difference.shadow)}"
        )


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
        yield path, value_text(value)
