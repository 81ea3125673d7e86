"""The corrected authority: the Python core with a set of causes in force, asked one step.

Several edits at once in the same or different functions, readings on the documents before the core
reads them, writings on its answer, and conditions under which it gives none. What it answers can
be compared with the shadow's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from types import CodeType

from replay.errors import TargetError
from replay.explaining.causes.answered import Answered, keep, leaves_met, sorted_leaves_met
from replay.explaining.causes.begun import Begun, Looks
from replay.explaining.causes.leaves import ANY, Leaf, changed, start_and_call
from replay.explaining.causes.next_state import may_have_come_in, next_state
from replay.explaining.causes.statement import (
    Edited,
    Reading,
    Statement,
    Writing,
)
from replay.explaining.causes.takings import ENDS, Taking
from replay.explaining.causes.values_read import changes_of, effect_of
from replay.explaining.causes.writings import written
from replay.explaining.editing.bounded import OutOfTime
from replay.explaining.editing.calls import with_called
from replay.explaining.editing.codes import with_codes
from replay.explaining.editing.editable import Edit, EditableCore, EditKind, Place
from replay.explaining.editing.forces import Force
from replay.explaining.editing.newest import Newest
from replay.explaining.editing.own_documents import own, own_start
from replay.explaining.editing.vocabulary import BY_CAUSE
from replay.explaining.search.roundings import ROUNDINGS
from replay.targets.base import (
    Failure,
    FailureKind,
    Outcome,
    RefusalKind,
    StepResult,
    is_refusal,
)
from replay.targets.python.bindings import Bindings
from replay.targets.python.raised import RAISED
from replay.targets.python.session import PythonSession

SECONDS_EACH = 0.05
SECONDS_AT_LEAST = 0.5
"""Processor time that some steps may take with causes in force: so much each, so much in all at
least. An unedited step takes a tenth of a millisecond."""

_KEPT = 4
"""Sessions of one step that are kept, each with other readings."""

Rules = tuple[Reading, ...]


class CorrectedCore:
    """A Python core under any set of causes.

    `reads_next` says that the shadow is asked for the invariants of the authority's next state as
    a document, as an executable of part 1 is: what it refuses there it refuses as well.
    """

    def __init__(self, core: EditableCore, *, reads_next: bool) -> None:
        self.core = core
        self._reads_next = reads_next
        self._forces: Newest[frozenset[Edit], Force] = Newest(64)
        self._readers: frozenset[str] = frozenset()
        self._may_read: frozenset[str] | None = None
        self.checkers: frozenset[str] = frozenset()
        """The functions that check states, or may, once they are learned."""
        self.answered = 0

    def learn_readers(self, steps: Sequence[Answered]) -> None:
        """Learns which functions read documents, and which check states, from some steps, with all
        that these may call: as long as no edit touches those, what was read of a step once need
        not be read again, nor the state after it."""
        self._readers = self.core.reading_functions(step.stream for step in steps)
        self._may_read = with_called(self.core.map, self._readers)
        checkers = self.core.checking_functions(step.stream for step in steps)
        self.checkers = with_called(self.core.map, checkers)

    def is_of_reader(self, edit: Edit) -> bool:
        """Whether an edit is in a function that was seen to read documents."""
        return bool(self.core.functions_of(edit) & self._readers)

    def may_read(self, edit: Edit) -> bool:
        """Whether an edit is in a function that may run while documents are read."""
        return self._may_read is not None and bool(self.core.functions_of(edit) & self._may_read)

    def _reads_alike(self, edits: frozenset[Edit]) -> bool:
        return self._may_read is not None and self._is_apart(edits, self._may_read)

    def _is_apart(self, edits: frozenset[Edit], functions: frozenset[str]) -> bool:
        return all(
            self.core.is_quick(edit) and not (self.core.functions_of(edit) & functions)
            for edit in edits
        )

    def answers(
        self,
        causes: Sequence[Statement],
        steps: Sequence[Answered],
        on_codes: Callable[[Collection[CodeType] | None], None] | None = None,
        *,
        gives_up: bool = False,
    ) -> list[StepResult]:
        """What the core answers to each step with the causes in force. `on_codes` is told after
        each step which functions' code ran, None where that is not known; those that read documents
        or check states may be left out, as they need not run each time. With `gives_up` what
        takes too long at one step is not asked any other: an edit may make a loop endless."""
        if not steps:
            return []
        self.answered += len(steps)
        edits = frozenset(one.edit for one in causes if isinstance(one, Edited))
        rules = tuple(one for one in causes if isinstance(one, Reading))
        writings = tuple(one for one in causes if isinstance(one, Writing))
        try:
            force = self.force(edits)
        except TargetError as error:
            if on_codes is not None:
                for _ in steps:
                    on_codes(None)
            return [Failure(FailureKind.UNSTARTABLE, error.message)] * len(steps)
        results: list[StepResult] = []
        reads_alike = self._reads_alike(edits)
        looks = Looks.ANEW
        if reads_alike:
            checks_alike = self._is_apart(edits, self.checkers)
            looks = Looks.AS_BEFORE if checks_alike else Looks.ONCE_MORE

        def run(bindings: Bindings) -> None:
            for step in steps[len(results) :]:
                one = partial(self._answer, bindings, rules, writings, step, reads_alike, looks)
                answer, codes = with_codes(one) if on_codes else (one(), None)
                # One by one: what was answered before the time is up stays.
                results.append(answer)
                if on_codes is not None:
                    on_codes(codes)

        while len(results) < len(steps):
            try:
                force.run(run, max(SECONDS_AT_LEAST, SECONDS_EACH * len(steps)))
            except OutOfTime:
                lost = len(steps) - len(results) if gives_up else 1
                too_long = Failure(FailureKind.TIMEOUT, "the edited core took too long")
                results += [too_long] * lost
                for _ in range(lost if on_codes is not None else 0):
                    on_codes(None)  # type: ignore[misc]
        return results

    def left(self, causes: Sequence[Statement], steps: Sequence[Answered]) -> list[frozenset[str]]:
        """Where the answers to each step are not the shadow's."""
        has_edits = any(isinstance(one, Edited) for one in causes)
        answers = self.answers(causes, steps)
        return [
            step.left(answer, refusals_agree=not has_edits or may_agree(step, answer))
            for step, answer in zip(steps, answers, strict=True)
        ]

    def speaks_of(self, rule: Reading, step: Answered) -> bool:
        """Whether a reading can matter to a step."""
        return step.meets(rule) or bool(self.next_leaves(rule, step))

    def next_leaves(self, rule: Reading, step: Answered) -> tuple[Leaf, ...]:
        """The values of the authority's next state that a reading has something to say of, where
        the shadow is handed that."""
        if not self._reads_next or is_refusal(step.authority):
            return ()
        if rule.pattern.root not in (ANY, "state"):
            return ()
        known = step.met_next.get(rule)
        if known is None:
            if step.is_asked_once:
                known = (
                    leaves_met(rule, next_state(step).leaves)
                    if may_have_come_in(rule, step)
                    else ()
                )
            else:
                known = sorted_leaves_met(rule, next_state(step).by_sort)
            keep(step.met_next, rule, known)
        return known

    def effect(self, rules: Sequence[Reading], step: Answered) -> object:
        """The same for readings that come to the same at a step: what they make of each value of
        its documents, and of those of the state that the shadow is handed next."""
        return (
            effect_of(
                rules,
                [leaf for rule in rules for leaf in step.leaves_met(rule)],
                lambda: step.leaves,
            ),
            effect_of(
                rules,
                [leaf for rule in rules for leaf in self.next_leaves(rule, step)],
                lambda: next_state(step).leaves,
            ),
        )

    # --- Edits --------------------------------------------------------------------------------

    def force(self, edits: frozenset[Edit]) -> Force:
        """What puts several edits in force. Raises TargetError where they cannot be together."""
        if not edits:
            return self.core.force(None)
        if len(edits) == 1:
            (edit,) = edits
            return self.core.force(edit)
        known = self._forces.get(edits)
        return known or self._forces.put(edits, self._made(edits))

    def _made(self, edits: frozenset[Edit]) -> Force:
        if not all(map(self.core.is_quick, edits)):
            return self.core.force(_joined(edits))
        # Those of functions that none of the others touch are compiled once and kept.
        groups: list[tuple[set[str], set[Edit]]] = []
        for edit in sorted(edits, key=repr):
            touched = set(self.core.functions_of(edit))
            mine = {edit}
            for other in [group for group in groups if group[0] & touched]:
                touched |= other[0]
                mine |= other[1]
                groups.remove(other)
            groups.append((touched, mine))
        forces = [self.core.force(_joined(group)) for _, group in groups]
        swaps = tuple(swap for force in forces for swap in force.swaps)
        return Force(forces[0].bindings, swaps)

    # --- One step -----------------------------------------------------------------------------

    def _answer(
        self,
        bindings: Bindings,
        rules: Rules,
        writings: Sequence[Writing],
        step: Answered,
        reads_alike: bool,
        looks: Looks,
    ) -> StepResult:
        for rule in rules:
            # First of all: what gives no answer need not be asked anything else.
            if rule.taking in ENDS and step.meets(rule):
                return ended(rule.taking)
        met = tuple(rule for rule in rules if step.meets(rule))
        try:
            begun = self._begun(bindings, met, step, reads_alike)
            try:
                answer: StepResult = begun.answer(step.authority, looks=looks)
            finally:
                if reads_alike and not begun.is_as_it_was():
                    step.begun.pop(met, None)
            if self._reads_next and not is_refusal(step.authority):
                assert not isinstance(answer, Failure)
                if not self.tells_state(step) and not is_refusal(answer):
                    # It is held to none.
                    answer = [step.authority[0], *answer[1:]]
                if rules:
                    answer = self._with_next(bindings, rules, step, answer)
        except RAISED as error:
            return Failure(FailureKind.GARBAGE, f"{type(error).__name__} in the edited core")
        if not writings or isinstance(answer, Failure) or is_refusal(answer):
            return answer
        return written(answer, writings) if self.tells_state(step) else answer

    def tells_state(self, step: Answered) -> bool:
        """Whether the shadow tells a state there: one of part 1 tells none at a check, and the
        authority's stands in its answer."""
        return not (step.is_check and self._reads_next)

    def _begun(self, bindings: Bindings, met: Rules, step: Answered, reads_alike: bool) -> Begun:
        """A session that has read the documents, as the readings have them."""
        known: Begun | None = step.begun.get(met) if reads_alike else None
        if known is None:
            documents = step.documents
            if met:
                documents = changed(documents, changes_of(step.leaves, met))
            start, call = start_and_call(step.stream, documents)
            session = PythonSession(bindings)
            session.begin(own_start(start))
            if step.due is not None and not self._reads_next:
                # An executable gives whole states, a core that keeps its own only what changed.
                session.expect(step.due)
            known = Begun(session, bindings, own(call), is_kept=reads_alike)
            if reads_alike:
                keep(step.begun, met, known, _KEPT)
        return known

    def _with_next(
        self, bindings: Bindings, rules: Rules, step: Answered, answer: Outcome
    ) -> StepResult:
        """The answer, with the invariants of the authority's next state as the shadow reads it."""
        if is_refusal(answer):
            return answer
        met = [rule for rule in rules if self.next_leaves(rule, step)]
        for rule in met:
            if rule.taking in ENDS:
                return ended(rule.taking)
        if not met:
            return answer
        following = next_state(step)
        changes = changes_of(following.leaves, met)
        documents = changed({"state": following.document}, changes)
        try:
            state = bindings.read_state(documents["state"])
            return [*answer[:2], bindings.check_invariants(state)]
        except RAISED:
            return [str(RefusalKind.UNREADABLE), BY_CAUSE]


def may_agree(step: Answered, answer: StepResult) -> bool:
    """Whether a refusal of a core with edits counts as the shadow's: where the authority refuses
    as well, or what refuses is a reader or a condition; not just anything that an edit raises."""
    if isinstance(answer, Failure) or not is_refusal(answer) or is_refusal(step.authority):
        return True
    return answer[0] in (RefusalKind.UNREADABLE, RefusalKind.UNKNOWN_EVENT) or (
        answer[1] == BY_CAUSE
    )


def _joined(edits: Sequence[Edit] | frozenset[Edit] | set[Edit]) -> Edit:
    """Several edits as one."""
    if len(edits) == 1:
        return next(iter(edits))
    by_span: dict[tuple[object, ...], list[Place]] = defaultdict(list)
    for place in sorted({place for edit in edits for place in edit.places}, key=_order):
        by_span[place.module, place.start, place.end].append(place)
    joined = tuple(place for places in by_span.values() for place in _at_one_place(places))
    return Edit(EditKind.DEVIATION, "", joined, "several edits")


def _order(place: Place) -> tuple[object, ...]:
    return place.module, place.start, place.end, place.new


def _at_one_place(places: Sequence[Place]) -> Sequence[Place]:
    """Two ways to round at one call are both at work, each where it is not the usual one; no other
    edits can be at one place together."""
    if any(place.new not in ROUNDINGS for place in places):
        return places
    *others, last = places
    new = last.new
    for other in reversed(others):
        new = f"whichever_deviates({other.new}, {new})"
    return [replace(last, new=new)]


def ended(taking: Taking) -> StepResult:
    """The answer of a core that gives none, as a condition says it."""
    if taking is Taking.REFUSED:
        return [str(RefusalKind.ERROR), BY_CAUSE]
    kind = FailureKind.EXITED if taking is Taking.CRASH else FailureKind.TIMEOUT
    return Failure(kind, BY_CAUSE)


__all__ = ["CorrectedCore", "ended", "may_agree"]
