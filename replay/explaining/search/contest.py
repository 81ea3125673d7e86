"""Edits held against ever more evidence, until those are left that nothing speaks against.

All edits first meet the cheapest occurrence, which nearly none survives; the rest meets all others,
and then whatever evidence comes. Those that live on have given exactly the shadow's answer at every
step of it that counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from replay.errors import TargetError
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.evidence.passages import (
    Passage,
    Refutation,
    Role,
    answers_alike,
    fields_of,
    first_misfit,
    replies,
)
from replay.processor_time import processor_seconds
from replay.targets.base import StepResult, Target

PATIENCE = 20.0
"""How many times the budget may pass by the clock on the wall."""

_LOOKS = 0.05
"""Seconds of this process's own between two looks at what its children have used."""


@dataclass(slots=True)
class Clock:
    """The budget: seconds of processor time of this process and its children, from when it was
    made.

    What a machine with other things to do makes it wait does not count, so the same is found there.
    A shadow that sleeps is waited for, too, so of the clock on the wall at most PATIENCE times as
    much may pass.
    """

    seconds: float
    _before: float = field(default_factory=processor_seconds)
    _began: float = field(default_factory=time.monotonic)
    _looked: float = field(default_factory=time.process_time)
    _used: float = 0.0
    _given: float = 0.0

    @property
    def spent(self) -> float:
        """Seconds of the budget that are spent."""
        return max(self._worked(), self._waited)

    @property
    def used(self) -> float:
        """The share of the budget that is spent."""
        return (self.spent - self._given) / self.seconds if self.seconds else math.inf

    def beyond(self, share: float) -> bool:
        """Whether so much of the budget is spent; 1.0 is all of it."""
        return self.used >= share

    def keep(self, share: float) -> None:
        """So much of the budget is there from now on, whatever was spent before."""
        self._given = max(self._given, self.spent - (1.0 - share) * self.seconds)

    def end(self) -> None:
        """Nothing of the budget is left from now on."""
        self.seconds = 0.0

    @property
    def ran_out(self) -> str:
        """What is spent, in words."""
        if self._waited > self._worked():
            return f"{PATIENCE:g} times --seconds had passed on the clock"
        return "--seconds of processor time were spent"

    @property
    def _waited(self) -> float:
        return (time.monotonic() - self._began) / PATIENCE

    def _worked(self) -> float:
        own = time.process_time()
        if own - self._looked >= _LOOKS or not self._used:
            self._looked, self._used = own, processor_seconds() - self._before
        return self._used + own - self._looked


@dataclass(slots=True)
class StepClock(Clock):
    """A budget in steps that were answered, so that what is found is the same each time, as long as
    PATIENCE times the seconds suffice."""

    steps: int = 0
    answered: Callable[[], int] = int

    @property
    def used(self) -> float:
        """The share of the budget that is spent."""
        is_over = self._waited >= self.seconds or not self.steps
        return math.inf if is_over else self.answered() / self.steps

    @property
    def ran_out(self) -> str:
        """What is spent, in words."""
        if self._waited >= self.seconds:
            return f"{PATIENCE:g} times --seconds had passed on the clock"
        return f"all {self.steps:,} steps that the search may ask were asked"


@contextmanager
def in_force(core: EditableCore, edit: Edit | None) -> Iterator[Target | None]:
    """A target with the edit in force, None where the edited core cannot be loaded."""
    try:
        context = core.edited(edit)
        target = context.__enter__()
    except TargetError:
        yield None
        return
    try:
        yield target
    finally:
        context.__exit__(None, None, None)


@dataclass(slots=True)
class Contest:
    """Edits of a core and the evidence they have met.

    What there is at first are the kept occurrences. `alive` fit all of it, in the order in which
    they came; `tried` counts all that entered, and `refuted` has those that fell later than at the
    first hurdle, with the step that did it.
    """

    core: EditableCore
    evidence: list[Passage] = field(default_factory=list)
    alive: list[Edit] = field(default_factory=list)
    refuted: dict[Edit, Refutation] = field(default_factory=dict)
    tried: int = 0
    _known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._known = fields_of(self.evidence)

    def enter(self, edits: Iterable[Edit], clock: Clock, share: float) -> bool:
        """Holds edits against the evidence that there is, the first passage of which is the hurdle
        for all. False where that share of the time was up before all were tried."""
        first, others = self.evidence[:1], self.evidence[1:]
        for edit in edits:
            if clock.beyond(share):
                return False
            self.tried += 1
            with in_force(self.core, edit) as target:
                if target is None or first_misfit(target, first, self._known) is not None:
                    continue
                refutation = first_misfit(target, others, self._known)
            if refutation is None:
                self.alive.append(edit)
            else:
                self.refuted[edit] = refutation
        return True

    def weigh(self, passages: Sequence[Passage]) -> None:
        """Holds all that are alive against further evidence."""
        self.evidence += passages
        for edit in list(self.alive):
            with in_force(self.core, edit) as target:
                refutation = None if target is None else first_misfit(target, passages, self._known)
            if refutation is not None:
                self.refuted[edit] = refutation
                self.alive.remove(edit)

    def answers(self, edit: Edit, passages: Iterable[Passage]) -> list[Sequence[StepResult]]:
        """What an edited core answers to passages."""
        with in_force(self.core, edit) as target:
            return [] if target is None else [replies(target, one).results for one in passages]

    # --- What the evidence comes to -----------------------------------------------------------

    @property
    def occurrences(self) -> int:
        """Steps of the evidence that are occurrences."""
        return sum(one.occurrences for one in self.evidence)

    @property
    def elsewhere(self) -> int:
        """Steps of the evidence on which the cores agree."""
        return sum(one.roles.count(Role.ELSEWHERE) for one in self.evidence)

    def beside(self, edit: Edit) -> int:
        """At how many occurrences the shadow differs in something else, too, that the edit
        leaves."""
        return sum(
            role is Role.OCCURRENCE and not answers_alike(passage, place, answer)
            for passage, results in zip(
                self.evidence, self.answers(edit, self.evidence), strict=False
            )
            for place, (role, answer) in enumerate(zip(passage.roles, results, strict=True))
        )

    def also(self, edit: Edit) -> int:
        """How many steps that were set aside the edit answers exactly as the shadow does: another
        difference that it explains as well."""
        passages = [one for one in self.evidence if Role.ASIDE in one.roles]
        return sum(
            passage.roles[place] is Role.ASIDE
            and passage.signatures[place] is not None
            and answers_alike(passage, place, answer)
            for passage, results in zip(passages, self.answers(edit, passages), strict=False)
            for place, answer in enumerate(results)
        )
