"""Runs deviations: whether an edited core gives exactly the shadow's answers, and whether it leaves
alone the steps on which the shadow agrees with the authority.

An edit is put in force once for all that it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replay.differential.compare import compare
from replay.differential.conditions.condition import ConditionError
from replay.differential.conditions.facts import config_at
from replay.differential.model import Finding, Verdict
from replay.differential.settings_in_force import settings_at
from replay.differential.signature.signature import divergence_signature, failure_signature
from replay.explaining.claims.explanations import Explanation
from replay.explaining.claims.occurrences import (
    NO_ANSWER,
    Occurrence,
    is_authority,
    mismatch,
    refutations,
    told,
)
from replay.explaining.claims.scope import applies_to
from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.evidence.passages import Passage, Refutation
from replay.streams.model import Stream, call_name
from replay.targets.base import Failure, FailureKind

ENOUGH = 100
"""Steps that contradict a deviation, after which no more are looked for."""


def misses(core: EditableCore, edit: Edit, occurrences: Sequence[Occurrence]) -> list[str]:
    """For each occurrence in what the edited core does not answer as the shadow did; "" where it
    does. Raises TargetError where the edited source cannot be loaded."""
    found: list[str] = []
    with core.edited(edit) as target:
        for one in occurrences:
            # What loops once does so again: no more time is lost on it.
            is_lost = bool(found) and found[-1].startswith(NO_ANSWER)
            found.append(found[-1] if is_lost else mismatch(target, one))
    return found


def as_authority(core: EditableCore, occurrences: Sequence[Occurrence]) -> list[bool]:
    """For each occurrence whether the core as it is answers as the authority did."""
    with core.edited(None) as target:
        return [is_authority(target, one) for one in occurrences]


def together(edits: Sequence[Edit]) -> Edit:
    """Several edits as one."""
    places = tuple(dict.fromkeys(place for edit in edits for place in edit.places))
    return Edit(EditKind.DEVIATION, "", places, " and ".join(edit.says for edit in edits))


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Steps on which the shadow agrees with the authority and that an edit changes all the same:
    how many, and the first in words."""

    steps: int
    first: str


def contradiction(
    core: EditableCore, edit: Edit, entry: Explanation, sample: Sequence[Passage]
) -> Contradiction | None:
    """What a deviation changes where the shadow does not differ, among the steps that the
    explanation speaks of, counted until there are ENOUGH. None where there is none.

    Raises ConditionError where its condition cannot be evaluated, TargetError where the edited
    source cannot be loaded.
    """
    steps, first = 0, ""
    with core.edited(edit) as target:
        for passage in sample:
            for refutation in refutations(target, passage):
                if _speaks_of(entry, refutation):
                    steps += 1
                    first = first or _told_of(refutation)
            if steps >= ENOUGH:
                break
    return Contradiction(steps, first) if steps else None


def _speaks_of(entry: Explanation, refutation: Refutation) -> bool:
    passage, place, _ = refutation
    before, _ = passage.befores[place]
    stream = passage.stream
    config = config_at(stream.start.config, stream.steps, passage.authority, place)
    finding = _as_if(refutation)
    try:
        return applies_to(entry, finding, before, config)
    except ConditionError:
        if finding.verdict is Verdict.SHADOW_FAILED:
            # There are no differences that a condition could speak of; still it went wrong.
            return True
        raise


def _as_if(refutation: Refutation) -> Finding:
    """The finding that there would be, had the shadow answered as the edited core does."""
    passage, place, answer = refutation
    ours, step = passage.authority[place], passage.stream.steps[place]
    before, decimals = passage.befores[place]
    case = Stream(passage.stream.start, (step,), passage.stream.origin)
    if not isinstance(answer, Failure):
        try:
            differences = compare(ours, answer, before, decimals)
            settings = settings_at(passage.stream.start, passage.stream.steps, place)
            signature = divergence_signature(step.call, before, ours, answer, differences, settings)
        except Exception:  # an edit may make anything of an answer
            answer = Failure(FailureKind.GARBAGE, "")
        else:
            return Finding(signature, Verdict.DIVERGE, case, differences, ours, answer, step.line)
    signature = failure_signature(step.call, before, answer)
    return Finding(signature, Verdict.SHADOW_FAILED, case, (), ours, answer, step.line)


def _told_of(refutation: Refutation) -> str:
    passage, place, answer = refutation
    step = passage.stream.steps[place]
    where = f"{call_name(step.call)}, step {place + 1} of {passage.stream.origin or 'a stream'}"
    if isinstance(answer, Failure):
        return f"{where}: there is no answer with the deviation, {answer.kind}"
    return f"{where}: {told(passage, place, answer, passage.authority[place], 'from both cores')}"
