"""Two answers side by side, as values: steps, and where both answers to the last one differ.

For all who show a case: the commands, the pages, the reports. Every text is safe to print. Only
what differs is there unless asked otherwise; a state has thirty fields, and the eye must not have
to look for the one that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from replay.differential.compare import refusal_text
from replay.differential.difference_texts import ABSENT_TEXT, MAX_VALUE, value_text
from replay.differential.model import Difference
from replay.safe_text import clean
from replay.streams.model import (
    HELPER_FIELDS,
    CallCode,
    Step,
    Stream,
    call_name,
    event_document,
)
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


def step_text(step: Step) -> str:
    """A step on one line."""
    name = call_name(step.call)
    if isinstance(step.call, Mapping) or step.call[0] < 5:
        fields = value_text(event_document(step.call))
    else:
        names = HELPER_FIELDS.get(CallCode(step.call[0]))
        given = list(step.call[1:])
        fields = value_text(dict(zip(names, given, strict=True)) if names else given)
    where = f" (line {step.line})" if step.line else ""
    changed = "" if step.changes is None else f" after setting {value_text(step.changes)}"
    return f"{clean(name)} {fields}{changed}{where}"


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
        one, other = ours.get(path, ABSENT_TEXT), theirs.get(path, ABSENT_TEXT)
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
    # None where they were not asked for: the authority had no state to ask of.
    for place, text in enumerate(violations or ()):
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
