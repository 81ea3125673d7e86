"""Steps of a segment by themselves: each with its documents as they come to it, and both answers.

Cores are pure, so a step has nothing more to it than where the authority stood before it and what
was set from outside. Who knows why a shadow differs can be asked about such a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from replay.differential.read_back import ReadBack
from replay.streams.model import Document, Step, Stream
from replay.targets.base import Outcome, StepResult, is_refusal
from replay.targets.compact import (
    ALL_FIELDS,
    INDEX_OF,
    Plain,
    apply_delta,
    blank,
    delta_between,
    named_fields,
)
from replay.targets.cursor import Standing


class SingleStep(NamedTuple):
    """One step with all that it starts from, and what both cores answered.

    The authority's answer names all fields, the shadow's those that differ from `before` and those
    that are `due`: the state before the call, and what was set from outside since the last answer.
    `decimals` are those of the prices. `told` is the authority's answer as it gave it, which names
    what it changed alone.
    """

    stream: Stream
    authority: Outcome
    shadow: StepResult
    before: Plain | None
    decimals: int
    due: frozenset[int]
    told: Outcome


class Reasons(Protocol):
    """Why a shadow is known to differ. `not_for` are the IDs of buckets that are to be looked at
    again whatever is known."""

    not_for: frozenset[str]

    def explains(self, step: SingleStep) -> bool:
        """Whether it is known why the shadow did not answer a step as the authority did."""


class SingleSteps:
    """The steps of a segment one by one, in their order; those in between may be left out."""

    def __init__(
        self, standing: Standing, steps: Sequence[Step], outcomes: Sequence[Outcome], origin: str
    ) -> None:
        self._standing = standing
        self._steps = steps
        self._outcomes = outcomes
        self._origin = origin
        self._done = 0
        self._is_told = ReadBack(standing.readers)

    def at(
        self, place: int, shadow: StepResult, before: Plain | None, decimals: int
    ) -> SingleStep | None:
        """The step at a place; None where what was set before it is no document that a core could
        be given whole, or what the authority held there is none (read_back.py)."""
        done, self._done = self._done, place
        self._standing.go_on_all(self._steps[done:place], self._outcomes[done:place])
        step, outcome = self._steps[place], self._outcomes[place]
        changes = step.changes or {}
        start = self._standing.as_start()
        patch = changes.get("patch", {})
        if not isinstance(patch, Mapping) or not (place == 0 or self._is_told(before)):
            return None
        settings = {name: changes[name] for name in start._fields if name in changes}
        start = start._replace(**settings)
        if patch and before is not None:
            start = start._replace(state=patched(start.state, patch))
        due = self._standing.due | named_fields(changes)
        alone = Stream(start, (Step(step.call, None, step.line),), self._origin)
        return SingleStep(alone, _whole(outcome, before), shadow, before, decimals, due, outcome)


def patched(state: Document, patch: Mapping[str, Document]) -> Document:
    """A state with the fields that a patch names, as they came, whatever a core makes of them."""
    named = {name: value for name, value in patch.items() if name in INDEX_OF}
    return {**state, **named} if isinstance(state, Mapping) else state


def _whole(outcome: Outcome, before: Plain | None) -> Outcome:
    """An answer with all fields of its state."""
    if is_refusal(outcome):
        return outcome
    after = blank() if before is None else list(before)
    apply_delta(after, outcome[0])
    return [delta_between(after, after, ALL_FIELDS), *outcome[1:]]
