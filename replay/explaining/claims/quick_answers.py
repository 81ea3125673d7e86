"""What the corrected authority answers to the steps of a run, asked one after the other.

A step of a run starts where the one before it ended, or near there. So what the core has read for
one is kept for the next, and only what has changed is read. Where that cannot be done (something
was set from outside, a reading speaks of the state itself) no answer is given, and the step has to
be asked from its documents, which takes ten times as long.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import is_, itemgetter
from typing import Any, Final

from replay.errors import TargetError
from replay.explaining.causes.answered import Answered, keep
from replay.explaining.causes.begun import Inputs
from replay.explaining.causes.corrected import CorrectedCore, ended
from replay.explaining.causes.leaves import changed, documents_of, leaves_of, start_and_call
from replay.explaining.causes.statement import Edited, Reading, Statement, Writing
from replay.explaining.causes.takings import ENDS
from replay.explaining.causes.values_read import changes_of
from replay.explaining.causes.writings import written
from replay.explaining.claims.rules_met import RulesMet
from replay.explaining.claims.unsent_history import with_unsent, with_whole
from replay.explaining.editing.bounded import OutOfTime
from replay.explaining.editing.editable import Edit
from replay.explaining.editing.forces import Force
from replay.explaining.editing.own_documents import own, own_start
from replay.streams.model import CYCLES, STATE_FIELDS, Step
from replay.targets.base import MISSING, Outcome, StepResult, is_refusal
from replay.targets.compact import History, Plain, apply_delta
from replay.targets.python.bindings import Bindings
from replay.targets.python.raised import RAISED
from replay.targets.python.session import PythonSession

_SECONDS: Final = 0.5
"""Processor time that one step may take."""

_UNTOLD: Final = object()
"""Stands for a value that is to be read again."""

_SETTINGS: Final = ("config", "order_size_usd", "order_sizes")


class QuickAnswers:
    """Asks a corrected authority about the steps of a run. `rules` are all readings that may come
    to be in force; `reads_next` is said of the shadow, as in CorrectedCore."""

    def __init__(
        self, corrected: CorrectedCore, rules: Iterable[Reading], *, reads_next: bool
    ) -> None:
        self._corrected = corrected
        self._reads_next = reads_next
        self._rules = RulesMet(rules)
        self._written: dict[tuple[Writing, ...], list[tuple[object, bool, Any]]] = {}
        self._stands: dict[frozenset[Edit], _Stand] = {}
        self._step: Answered | None = None
        self._met: MetAtStep | None = None

    def met(self, step: Answered) -> MetAtStep | None:
        """The readings that speak of a step; None where that takes its documents to say."""
        if self._step is not step:
            self._step, self._met = step, self._found(step)
        return self._met

    def _found(self, step: Answered) -> MetAtStep | None:
        before = step.before
        from_outside = _set_from_outside(step)
        if before is None or step.told is None or from_outside is None:
            return None
        if any(value is MISSING for value in before):
            return None
        stream = step.stream
        documents = documents_of(stream)
        in_settings: dict[str, frozenset[Reading]] = {
            name: self._rules.in_document(stream, name, documents[name])
            for name in _SETTINGS
            if name in documents
        }
        after: frozenset[Reading] = frozenset()
        due = step.due or frozenset()
        in_state = self._rules.in_state(before, due) | self._rules.in_fields(from_outside)
        if self._reads_next and not is_refusal(step.authority):
            following = list(before)
            apply_delta(following, step.told[0])
            if any(value is MISSING for value in following):
                return None
            after = self._rules.in_state(following)
        in_call = self._rules.in_call(stream)
        return MetAtStep(from_outside, in_state, in_settings, in_call, after)

    def answer(self, statements: Sequence[Statement], step: Answered) -> StepResult | None:
        """What the core answers with these in force; None where it has to be asked otherwise."""
        met = self.met(step)
        if met is None:
            return None
        rules = tuple(one for one in statements if isinstance(one, Reading))
        for rule in rules:
            if rule.taking in ENDS and met.speaks_here(rule):
                return ended(rule.taking)
        if any(rule in met.state for rule in rules):
            return None
        following = [rule for rule in rules if rule in met.following]
        if any(rule.taking not in ENDS for rule in following):
            return None
        answer = self._answer(statements, rules, step, met)
        if answer is None or is_refusal(answer):
            return answer
        for rule in following:
            return ended(rule.taking)
        writings = tuple(one for one in statements if isinstance(one, Writing))
        if not writings or not self._corrected.tells_state(step):
            return answer
        assert step.before is not None
        unchanged = self._unchanged(step.before, answer[0], writings) if self._reads_next else []
        told, *rest = written(with_whole(answer, step), writings)
        named = sorted([*zip(told[::2], told[1::2], strict=True), *unchanged], key=itemgetter(0))
        return with_unsent([[part for one in named for part in one], *rest], step)

    def _unchanged(
        self, before: Plain, delta: Sequence[Any], writings: tuple[Writing, ...]
    ) -> list[tuple[int, Any]]:
        """The fields that an answer leaves as they were and that are written otherwise: an
        executable tells all of its state each time, but for its history."""
        named = frozenset((CYCLES, *delta[::2]))
        known = self._written.setdefault(writings, [(MISSING, False, None)] * len(before))
        for index, value in enumerate(before):
            if index not in named and value is not known[index][0]:
                known[index] = value, *_written_otherwise(index, value, writings)
        return [
            (index, other)
            for index, (_, is_other, other) in enumerate(known)
            if is_other and index not in named
        ]

    def _answer(
        self,
        statements: Sequence[Statement],
        rules: Sequence[Reading],
        step: Answered,
        met: MetAtStep,
    ) -> Outcome | None:
        edits = frozenset(one.edit for one in statements if isinstance(one, Edited))
        stand = self._stands.get(edits)
        try:
            if stand is None:
                stand = self._stands[edits] = _Stand(self._corrected.force(edits))
            run = partial(stand.answer, step, rules, met)
            answer = stand.force.run(run, _SECONDS)
        except (TargetError, OutOfTime, *RAISED):
            self._stands.pop(edits, None)
            return None
        if answer is None or is_refusal(answer):
            return answer
        if not self._corrected.tells_state(step):
            return [step.authority[0], *answer[1:]]
        return answer


@dataclass(frozen=True, slots=True)
class MetAtStep:
    """The readings that speak of a step: of its state, of each of its settings, of its call, and of
    the authority's next state as far as the shadow is handed it. `from_outside` are the fields of
    the state that were set from outside, as they came."""

    from_outside: Mapping[str, Any]
    state: frozenset[Reading]
    settings: Mapping[str, frozenset[Reading]]
    call: frozenset[Reading]
    following: frozenset[Reading]

    def speaks_here(self, rule: Reading) -> bool:
        """Whether it speaks of what the step has to read."""
        return (
            rule in self.state
            or rule in self.call
            or any(rule in some for some in self.settings.values())
        )

    def speaks(self, rule: Reading) -> bool:
        """Whether it speaks of anything there."""
        return self.speaks_here(rule) or rule in self.following


class _Stand:
    """Where a core with some edits in force stands in a run, with what it has read."""

    def __init__(self, force: Force) -> None:
        self.force = force
        self._session: PythonSession | None = None
        self._plain: Plain = []
        self._read: dict[tuple[object, ...], tuple[object, Any]] = {}

    def answer(
        self, step: Answered, rules: Sequence[Reading], met: MetAtStep, bindings: Bindings
    ) -> Outcome | None:
        """The answer to a step; None where its state cannot be read from what has changed."""
        call = self._call(step, rules, met)
        session = self._moved(step, met.from_outside, bindings)
        if session is None:
            return None
        session.hand(*(self._setting(name, step, rules, met, bindings) for name in _SETTINGS))
        inputs = Inputs(session.handed)
        assert step.told is not None
        answer = copy.copy(session).run([Step(call)], [step.told])[0]
        if not inputs.are_as_they_were():
            # The core changes what it was handed: all is read anew for the next step.
            self._session = None
            self._read.clear()
        return answer

    def _moved(
        self, step: Answered, from_outside: Mapping[str, Any], bindings: Bindings
    ) -> PythonSession | None:
        """The session, at the state before a step."""
        before = step.before
        assert before is not None
        session = self._session
        if session is None:
            session = PythonSession(bindings)
            session.begin(own_start(step.stream.start))
            session.expect(())
        elif not session.go_on_from(own(_since(self._plain, before))):
            self._session = None
            return None
        self._session, self._plain = session, list(before)
        if from_outside:
            if not session.patch(own(from_outside)):
                self._session = None
                return None
            for index in step.due or ():
                # As it came, which need not be as it is told.
                self._plain[index] = _UNTOLD
        return session if session.state is not None else None

    def _setting(
        self,
        name: str,
        step: Answered,
        rules: Sequence[Reading],
        met: MetAtStep,
        bindings: Bindings,
    ) -> Any:
        """One of the settings as the core reads it, a refusal where it cannot."""
        document = getattr(step.stream.start, name)
        own_rules = tuple(one for one in rules if one in met.settings.get(name, ()))
        key = (name, id(document), own_rules)
        known = self._read.get(key)
        if known is None or known[0] is not document:
            as_read = document
            if own_rules:
                changes = changes_of(leaves_of(step.stream, name), own_rules)
                as_read = changed({name: document}, changes)[name]
            known = document, PythonSession.setting_of(bindings, name, own(as_read))
            keep(self._read, key, known)
        return known[1]

    def _call(self, step: Answered, rules: Sequence[Reading], met: MetAtStep) -> Any:
        own_rules = tuple(one for one in rules if one in met.call)
        if not own_rules:
            return own(step.stream.steps[0].call)
        documents = documents_of(step.stream)
        changes = changes_of(leaves_of(step.stream, "event"), own_rules)
        return own(start_and_call(step.stream, changed(documents, changes))[1])


def _set_from_outside(step: Answered) -> dict[str, Any] | None:
    """The fields that were set from outside, as they came; None where all may have been."""
    state, due = step.stream.start.state, step.due
    if due is None or len(due) == len(STATE_FIELDS) or not isinstance(state, Mapping):
        return None
    names = [STATE_FIELDS[index] for index in sorted(due)]
    return {name: state[name] for name in names} if all(map(state.__contains__, names)) else None


def _written_otherwise(index: int, value: Any, writings: Sequence[Writing]) -> tuple[bool, Any]:
    """Whether a field is written otherwise than it is, and as what."""
    ((_, other), *_) = written([[index, value], [], []], writings)
    return repr(other) != repr(value), other


def _since(former: Plain, plain: Plain) -> list[Any]:
    """What names all that is another in a state than it was, in the form of a delta."""
    delta: list[Any] = []
    for index, (old, new) in enumerate(zip(former, plain, strict=True)):
        if old is new:
            continue
        value = new
        if index == CYCLES:
            records = new[:] if isinstance(new, History) else new
            kept = old[:] if isinstance(old, History) else ()
            same = len(kept) if len(records) >= len(kept) and all(map(is_, kept, records)) else 0
            value = [same, records[same:]]
        delta += (index, value)
    return delta


__all__ = ["MetAtStep", "QuickAnswers"]
