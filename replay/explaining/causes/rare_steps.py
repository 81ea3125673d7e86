"""Steps at which an edit makes a difference, where hardly any step does.

Two ways to round come to the same nearly everywhere, on ties as well. That they are at work at one
call and not at another shows only where one does matter at the other. So very many steps on ties
are run through the core with the edit and without it, which costs little, and those that are worth
asking both cores are picked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.evidence.passages import Passage, replies
from replay.explaining.evidence.supply import PACK, packed
from replay.explaining.evidence.ties import tie_changes
from replay.explaining.search.contest import in_force
from replay.explaining.search.rivals import unjudged
from replay.streams.model import Stream
from replay.targets.base import StepResult

RUN = 2000
"""Steps that are run with an edit and without it."""

OF_A_CALL = 12
"""Steps with the same kind of call that are picked."""


def rare_steps(core: EditableCore, edit: Edit, cases: Sequence[Stream], seed: int) -> list[Stream]:
    """Steps beside some cases, each of one step, that the edited core answers otherwise."""
    steps = list(islice(tie_changes(cases, seed), RUN))
    packs = [steps[begin : begin + PACK] for begin in range(0, len(steps), PACK)]
    passages = list(unjudged(core, list(packed(iter(steps)))))
    as_it_is = _answers(core, None, passages)
    edited = _answers(core, edit, passages)
    counts: Counter[object] = Counter()
    found: list[Stream] = []
    for pack, one, other in zip(packs, as_it_is, edited, strict=True):
        for step, before, after in zip(pack, one, other, strict=False):
            if repr(before) != repr(after):
                call = step.steps[0].call
                kind = call[0] if isinstance(call, tuple) else None
                counts[kind] += 1
                if counts[kind] <= OF_A_CALL:
                    found.append(step)
    return found


def _answers(
    core: EditableCore, edit: Edit | None, passages: Sequence[Passage | None]
) -> Iterator[Sequence[StepResult]]:
    """The answers to each passage, none where it has none."""
    with in_force(core, edit) as target:
        results: list[Sequence[StepResult]] = [
            () if one is None or target is None else replies(target, one).results
            for one in passages
        ]
    return iter(results)
