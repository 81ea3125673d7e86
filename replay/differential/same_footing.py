"""After a refusal both cores go on from the same state.

A refused step changes nothing but its readable inputs, and two cores need not read alike: what one
of them took the other may have refused, and every step after it would differ for a reason that is
not its own. So up to the first step that the authority answers again, what had been set meanwhile
is set once more for the shadow at each step: as it is in force at the authority, by its own
readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from replay.streams.model import STATE_FIELDS, Document, Step, Stream
from replay.targets.base import Outcome, is_refusal
from replay.targets.compact import (
    Plain,
    apply_changes,
    apply_delta,
    blank,
    named_fields,
    state_document,
)
from replay.targets.cursor import is_transition, settings_after
from replay.targets.readers import Readers


class Unsure(NamedTuple):
    """What was set at steps that were refused since the last answer: whether a whole state, which
    of its fields, and which settings."""

    state: bool = False
    fields: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()

    def after(self, step: Step, *, answered: bool) -> Unsure:
        """What is unsure after a step as well."""
        unsure = self
        if answered:
            # A call that is no transition does not read the settings.
            unsure = SURE if is_transition(step.call) else SURE._replace(settings=self.settings)
        changes = step.changes
        if changes is None:
            return unsure
        state, fields, settings = unsure
        if not answered:
            state = state or "state" in changes
            fields |= {
                STATE_FIELDS[index] for index in named_fields({"patch": changes.get("patch")})
            }
        if not answered or not is_transition(step.call):
            settings |= changes.keys() - {"state", "patch"}
        return Unsure(state, fields, settings)


SURE = Unsure()


def is_sure(unsure: Unsure, steps: Sequence[Step], outcomes: Sequence[Any]) -> bool:
    """Whether the shadow needs to be told nothing in a segment: nearly always, and quick to see."""
    return unsure == SURE and not any(
        step[1] is not None and (len(outcome) == 2 or not is_transition(step[0]))
        for step, outcome in zip(steps, outcomes, strict=True)
    )


def restated(
    plain: Plain | None,
    settings: Mapping[str, Document],
    unsure: Unsure,
    steps: Sequence[Step],
    outcomes: Sequence[Outcome],
    readers: Readers,
) -> tuple[list[Step], Unsure]:
    """The steps of a segment as the shadow gets them, and what is unsure after them. `plain` and
    `settings` are in force before the first, at the authority, whose outcomes and readers these
    are."""
    told: list[Step] = []
    plain = None if plain is None else list(plain)
    for step, outcome in zip(steps, outcomes, strict=True):
        answered = not is_refusal(outcome)
        told.append(_restated(step, unsure, plain, settings, readers))
        unsure = unsure.after(step, answered=answered)
        if step.changes is not None:
            settings = settings_after(settings, step, answered=answered, readers=readers)
        if answered:
            plain = blank() if plain is None else plain
            apply_delta(plain, outcome[0])
        elif step.changes is not None:
            plain, _ = apply_changes(plain, step.changes, readers.state)
            plain = None if plain is None else list(plain)
    return told, unsure


def steps_for_shadow(
    stream: Stream, outcomes: Sequence[Outcome], readers: Readers
) -> Sequence[Step]:
    """The steps of a whole stream as the shadow gets them."""
    if is_sure(SURE, stream.steps, outcomes):
        return stream.steps
    plain, settings = readers.state(stream.start.state), stream.start._asdict()
    del settings["state"]
    return restated(plain, settings, SURE, stream.steps, outcomes, readers)[0]


def _restated(
    step: Step,
    unsure: Unsure,
    plain: Plain | None,
    settings: Mapping[str, Document],
    readers: Readers,
) -> Step:
    if unsure == SURE:
        return step
    own: Mapping[str, Document] = step.changes or {}
    changes: dict[str, Document] = {
        name: settings[name] for name in sorted(unsure.settings) if name not in own
    }
    if "state" not in own and plain is not None and (unsure.state or unsure.fields):
        document = state_document(plain)
        name, told = "state", document
        if not unsure.state and "patch" not in own:
            name, told = "patch", {field: document[field] for field in STATE_FIELDS
                                   if field in unsure.fields and field in document}  # fmt: skip
        if _means_itself(told, readers):
            changes[name] = told
    return step._replace(changes={**changes, **own}) if changes else step


def _means_itself(document: Mapping[str, Document], readers: Readers) -> bool:
    """Whether the authority's own reader makes of what it holds just that. One that takes values as
    they come may hold what it would not read: that can be told to nobody, and who refused the same
    as the authority needs it least."""
    read = readers.state(document)
    if read is None:
        return False
    again = state_document(read)
    return all(repr(again.get(field)) == repr(value) for field, value in document.items())
