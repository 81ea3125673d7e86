"""What becomes of explanations that are statements, at the end of a run: the verdict on each.

What they explain is found step by step (explained_steps.py), in the run itself and at every stored
occurrence. One fails that no step needs any more, against which a step speaks, or that cannot be
put in force.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from replay.differential.single_steps import SingleStep, SingleSteps
from replay.explaining.causes.statement import Statement
from replay.explaining.claims.claim import Claim
from replay.explaining.claims.explained_steps import ExplainedSteps, Said
from replay.explaining.claims.explanations import Explanation, Explanations
from replay.explaining.claims.trial import Bucket, Key, listed
from replay.explaining.claims.weighed import Weighed
from replay.explaining.evidence.passages import Passage, Role
from replay.targets.cursor import Standing


def runnable(explanations: Explanations, today: datetime.date) -> tuple[Said, ...]:
    """The explanations that are statements, but for those that have expired."""
    return tuple(
        Said(entry.name, entry.statements)
        for entry in explanations.entries
        if entry.statements and not entry.has_expired(today)
    )


@dataclass
class StatedClaims:
    """All explanations of a file that are statements. `met` is what the run said of them; `steps`
    is None where there is nothing that they could be run on."""

    entries: Sequence[Explanation]
    today: datetime.date
    met: Weighed = field(default_factory=Weighed)
    steps: ExplainedSteps | None = None
    by: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    holding: set[str] = field(default_factory=set)
    """Those that hold, once `claims` has been asked."""

    def ask(self, bucket: Bucket, place: int, beside: Sequence[Statement] = ()) -> bool:
        """Whether an occurrence is explained with the statements `beside`; what answers at random
        is not."""
        key = bucket.id, place
        if self.steps is None or bucket.flaky:
            return False
        if key not in self.by:
            step = bucket.occurrences[place].single
            names = () if step is None else self.steps.by_which(step, beside)
            if names:
                self.by[key] = names
        return key in self.by

    @property
    def is_to_run(self) -> bool:
        """Whether any of them can be run."""
        return self.steps is not None and bool(self.entries)

    def look_elsewhere(self, sample: Sequence[Passage]) -> None:
        """Holds all of them against steps on which the cores agree."""
        if self.steps is not None:
            for passage in sample:
                for step in _agreeing(passage):
                    self.steps.hold_against(step)

    def claims(self, *, complete: bool) -> Iterator[Claim]:
        """The verdicts, in the order of the file."""
        weighed = Weighed()
        weighed.add(self.met)
        if self.steps is not None:
            weighed.add(self.steps.weighed)
        for entry in self.entries:
            yield self._claim(entry, weighed, complete=complete)

    def _claim(self, entry: Explanation, weighed: Weighed, *, complete: bool) -> Claim:
        name = entry.name
        keys = [key for key, names in self.by.items() if name in names]
        needed = weighed.needed[name]
        reasons = list(self._reasons(entry, weighed, needed, complete=complete))
        if not reasons:
            self.holding.add(name)
        ids = tuple(dict.fromkeys(identity for identity, _ in keys))
        holds = f"holds: needed at {needed:,} steps" if needed else "holds: no step needed it"
        if ids:
            holds += f", in {listed(ids)}"
        return Claim(name, not reasons, "; ".join(reasons) or holds, ids, needed)

    def _reasons(
        self, entry: Explanation, weighed: Weighed, needed: int, *, complete: bool
    ) -> Iterator[str]:
        name = entry.name
        if entry.has_expired(self.today):
            yield f"expired on {entry.expires}"
            return
        inapplicable = {} if self.steps is None else self.steps.inapplicable
        if name in inapplicable:
            yield f"cannot be applied: {inapplicable[name]}"
            return
        if complete and not needed:
            yield "matches nothing: no step in this run, nor any stored case, needs it"
        against = weighed.against[name]
        if against:
            yield (
                f"matches more than it claims: the shadow answers otherwise at {against:,} "
                f"step{'s' * (against != 1)} that it speaks of (first: {weighed.first[name]})"
            )


def _agreeing(passage: Passage) -> Iterator[SingleStep]:
    """The steps of a passage on which the cores agree."""
    stream = passage.stream
    standing = Standing(stream.start, passage.readers)
    singly = SingleSteps(standing, stream.steps, passage.authority, stream.origin)
    for place, role in enumerate(passage.roles):
        if role is Role.ELSEWHERE:
            step = singly.at(place, passage.shadow[place], *passage.befores[place])
            if step is not None:
                yield step
