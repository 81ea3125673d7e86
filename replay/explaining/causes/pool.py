"""All steps that were asked, and where the corrected authority still differs from the shadow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from replay.explaining.causes.answered import Answered, keep, written_down
from replay.explaining.causes.corrected import CorrectedCore, may_agree
from replay.explaining.causes.leaves import Field
from replay.explaining.causes.remembered import Known, Remembered
from replay.explaining.causes.statement import Edited, Reading, Rule, Statement, Writing
from replay.explaining.causes.takings import ENDS
from replay.explaining.causes.value_sorts import Sort, sorts_of
from replay.explaining.causes.writings import values_written, written
from replay.targets.base import Failure, FailureKind, Outcome, StepResult, is_refusal

SOME = 40
"""Steps that are looked at between two looks at whether a statement is refuted already."""


REFUTING = 100
"""Steps that refuted a statement by which each new one is tried first."""

OPEN_WEIGHS = 3
"""How many steps a statement must explain for each that it changes and leaves just as wrong: there
another cause may be at work as well, but seldom is at every fourth."""


class Score(NamedTuple):
    """What a statement does on some steps, added to the causes that are known.

    `explained` steps it makes right that were not, `spoiled` the other way round; `open` are those
    that it changes and that are wrong before and after, `better` those of them with less left.
    """

    explained: int = 0
    spoiled: int = 0
    open: int = 0
    better: int = 0

    @property
    def worth(self) -> int:
        """How much speaks for it: what it leaves wrong in another way mostly speaks against it."""
        return self.explained - OPEN_WEIGHS * (self.open - self.better)

    def __add__(self, other: object) -> Score:
        """Both together."""
        assert isinstance(other, Score)
        return Score(*(one + more for one, more in zip(self, other, strict=True)))


class Pool:
    """Steps with both answers; `left` has where each differs from the corrected authority."""

    def __init__(self, corrected: CorrectedCore) -> None:
        self.corrected = corrected
        self.causes: list[Statement] = []
        self.steps: list[Answered] = []
        self.left: dict[Answered, frozenset[str]] = {}
        self.refuted: set[object] = set()
        self._remembered = Remembered(corrected)
        self._with_sort: dict[Sort, dict[Field, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._refuting: dict[Answered, None] = {}
        self._known: dict[Answered, Known] = {}

    def add(self, steps: Sequence[Answered]) -> None:
        """Takes in steps that were asked."""
        for place, step in enumerate(steps, len(self.steps)):
            for sort, fields in step.by_sort.items():
                by_field = self._with_sort[sort]
                for field in fields:
                    by_field[field].append(place)
        self.steps += steps
        self._take(steps)

    def refuting(self, rule: Rule, since: int = 0) -> list[Answered]:
        """The steps that refuted others and that a statement may matter to, the newest first, those
        that came after so many: one wrong idea is met with in many patterns, all of which are
        refuted by the same step."""
        newer = min(REFUTING, max(0, len(self._refuting) - since))
        steps = islice(reversed(self._refuting), newer)
        return [step for step in steps if self.matters(rule, step)]

    @property
    def refuted_by(self) -> int:
        """How many steps refuted statements so far."""
        return len(self._refuting)

    def places_met(self, rule: Rule) -> Collection[int]:
        """The numbers of the steps that a statement may have something to say of."""
        if isinstance(rule, Writing):
            return range(len(self.steps))
        by_field = self._with_sort[rule.sort]
        return set[int]().union(*(by_field[one] for one in rule.pattern.among(by_field)))

    def met(self, rule: Rule, places: Iterable[int]) -> Iterator[Answered]:
        """Those of some steps that a statement has something to say of, the newest first: these
        were asked for just this."""
        for place in sorted(places, reverse=True):
            step = self.steps[place]
            if isinstance(rule, Writing) or step.meets(rule):
                yield step

    def fields_met(self, rule: Rule) -> set[Field]:
        """The fields of the steps that a statement may have something to say of."""
        if isinstance(rule, Writing):
            return {field for step in self.steps for field in self.fields_at(rule, step)}
        return set(rule.pattern.among(self._with_sort[rule.sort]))

    def fields_at(self, rule: Rule, step: Answered) -> set[Field]:
        """The fields of one step whose values a statement is about."""
        if isinstance(rule, Reading):
            leaves = (*step.leaves_met(rule), *self.corrected.next_leaves(rule, step))
            return {leaf.field for leaf in leaves}
        return {field for field, _ in self._values(rule, step)}

    @property
    def open_places(self) -> set[int]:
        """The numbers of the steps that are not accounted for."""
        return {place for place, step in enumerate(self.steps) if self.left[step]}

    def _take(self, steps: Sequence[Answered]) -> None:
        for step, known in zip(steps, self._remembered.known(self.causes, steps), strict=True):
            self._known[step] = known
            self.left[step] = known.left

    def answer(self, step: Answered) -> StepResult:
        """What the corrected authority answers to a step of the pool."""
        return self._known[step].answer

    def version(self, step: Answered) -> object:
        """The same while the corrected authority answers a step the same: what is to be found at it
        is the same then, whatever else was accounted for meanwhile."""
        answer = self.answer(step)
        written = None if isinstance(answer, Failure) else written_down(answer)
        return hash(written) if written is not None else repr(answer)

    def matters(self, cause: Statement, step: Answered) -> bool:
        """Whether one cause, in force or not, can change what a step of the pool comes to."""
        if isinstance(cause, Edited):
            return self._remembered.may_matter(cause.edit, self._known[step])
        return not isinstance(cause, Reading) or self.corrected.speaks_of(cause, step)

    def accept(self, cause: Statement) -> None:
        """Puts one more cause in force."""
        self.use([*self.causes, cause])

    def use(self, causes: Iterable[Statement]) -> None:
        """Puts these causes in force, and no others."""
        self.causes = list(causes)
        self._take(self.steps)

    @property
    def unexplained(self) -> list[Answered]:
        """The steps that are not accounted for."""
        return [step for step in self.steps if self.left[step]]

    def right(self) -> Iterator[Answered]:
        """The steps that are, the newest first: these were asked beside what is looked at."""
        return (step for step in reversed(self.steps) if not self.left[step])

    def concerned(self, cause: Statement, steps: Iterable[Answered], most: int) -> list[Answered]:
        """The first of some steps that one cause can matter to."""
        return list(islice((step for step in steps if self.matters(cause, step)), most))

    def wrong(self, causes: Sequence[Statement], steps: Sequence[Answered]) -> list[Answered]:
        """The steps that are not accounted for with just these causes in force."""
        known = self._remembered.known(causes, steps)
        return [step for step, one in zip(steps, known, strict=True) if one.left]

    def left_with(
        self, causes: Sequence[Statement], steps: Sequence[Answered]
    ) -> list[frozenset[str]]:
        """Where each step differs with just these causes in force."""
        return [one.left for one in self._remembered.known(causes, steps)]

    def answer_with(self, causes: Sequence[Statement], step: Answered) -> StepResult:
        """What the core answers to a step with just these causes in force."""
        return self._remembered.known(causes, [step])[0].answer

    def without(self, cause: Statement) -> list[Statement]:
        """The causes in force but one."""
        return [one for one in self.causes if one is not cause]

    def is_felt(self, others: Sequence[Statement], step: Answered) -> bool:
        """Whether a step of the pool comes to something else than with just these causes."""
        return repr(self.answer_with(others, step)) != repr(self.answer(step))

    def refute(self, cause: Statement, step: Answered | None = None) -> None:
        """Notes that a statement is not so, whatever else speaks for it; by which step, if by
        one."""
        self.refuted.add(_bare(cause))
        if step is not None and not isinstance(cause, Edited):
            self._refuting[step] = None

    def is_refuted(self, cause: Statement) -> bool:
        """Whether it was found not to be so."""
        return _bare(cause) in self.refuted

    def with_one_more(self, cause: Statement, steps: Sequence[Answered]) -> list[frozenset[str]]:
        """Where each step differs with one more cause in force."""
        if isinstance(cause, Writing):
            return [self._left_if_written(cause, step) for step in steps]
        concerned = [step for step in steps if self.matters(cause, step)]
        make = self._left_if_read if isinstance(cause, Reading) else self._left_if_edited
        made = dict(zip(concerned, make(cause, concerned), strict=True))  # type: ignore[arg-type]
        return [made.get(step, self.left[step]) for step in steps]

    def wrong_with_one_more(self, cause: Statement, steps: Sequence[Answered]) -> list[Answered]:
        """The steps that are not accounted for with one more cause in force."""
        after = self.with_one_more(cause, steps)
        return [step for step, left in zip(steps, after, strict=True) if left]

    def _left_if_edited(self, cause: Edited, steps: Sequence[Answered]) -> list[frozenset[str]]:
        """An edit that makes the core raise must not pass for a refusal that is open; where the
        refusal is accounted for it changes nothing."""
        answers = self.corrected.answers([*self.causes, cause], steps, gives_up=True)
        if any(isinstance(one, Failure) and one.kind is FailureKind.TIMEOUT for one in answers):
            self.refute(cause)
        return [
            step.left(answer, refusals_agree=not self.left[step] or may_agree(step, answer))
            for step, answer in zip(steps, answers, strict=True)
        ]

    def _left_if_read(self, cause: Reading, steps: Sequence[Answered]) -> list[frozenset[str]]:
        # Statements that make the same of the same values are the same to a step.
        keys = [self._effect(cause, step) for step in steps]
        pairs = list(zip(steps, keys, strict=True))
        asked = [step for step, key in pairs if key not in step.left_by_effect]
        answers = self.corrected.answers([*self.causes, cause], asked)
        made = dict(zip(asked, answers, strict=True))
        found: list[frozenset[str]] = []
        for step, key in pairs:
            if step in made:
                left = step.left(made[step], refusals_agree=True)
                keep(step.left_by_effect, key, left)
            else:
                left = step.left_by_effect[key]
            found.append(left)
        return found

    def _effect(self, cause: Reading, step: Answered) -> object:
        """The same for all readings with which, added to the causes, a step comes to the same."""
        known = self._known[step]
        # Most make the same of the same values, and it need not be looked at what that is.
        paths = tuple(leaf.path for leaf in step.leaves_met(cause))
        after = tuple(leaf.path for leaf in self.corrected.next_leaves(cause, step))
        key = known.met, cause.taking, cause.bound, cause.instead, paths, after
        effect = step.effects.get(key)
        if effect is None:
            rules = [*known.met, cause]
            ends = tuple(one for one in rules if one.taking in ENDS)
            effect = keep(step.effects, key, (ends, self.corrected.effect(rules, step)))
        writings = tuple(one for one in self.causes if isinstance(one, Writing))
        return known.own, writings, effect

    def _left_if_written(self, cause: Writing, step: Answered) -> frozenset[str]:
        places = tuple(own for _, own in self._values(cause, step))
        if not places:
            return self.left[step]
        answer, _, seen = step.cache["values"]
        key = cause.taking, places
        left: frozenset[str] | None = seen.get(key)
        if left is None:
            left = seen[key] = step.left(written(answer, [cause]), refusals_agree=True)
        return left

    def _values(self, cause: Writing, step: Answered) -> list[tuple[Field, tuple[int, ...]]]:
        """The values of the answer to a step that a writing is about: the fields, with the numbers
        of the values in each."""
        answer = self.answer(step)
        if isinstance(answer, Failure) or is_refusal(answer):
            return []
        if not self.corrected.tells_state(step):
            return []  # nor are there actions
        # The answer is kept along with what is known of it: an id may be another answer's later.
        known = step.cache.get("values")
        if known is None or known[0] is not answer:
            by_key: dict[object, frozenset[str]] = {}
            known = step.cache["values"] = answer, _values_by_sort(answer), by_key
        by_field: Mapping[Field, tuple[int, ...]] = known[1].get(cause.sort, {})
        return [(field, by_field[field]) for field in cause.pattern.among(by_field)]

    def score_met(self, rule: Rule) -> Score:
        """What one more statement does at all steps that it has something to say of."""
        return self.score(rule, list(self.met(rule, self.places_met(rule))))

    def score(self, cause: Statement, steps: Sequence[Answered], *, most_spoiled: int = 0) -> Score:
        """What one more cause does on some steps; stops where it spoils more than that."""
        explained = spoiled = still_open = better = 0
        for begin in range(0, len(steps), SOME):
            some = steps[begin : begin + SOME]
            for step, after in zip(some, self.with_one_more(cause, some), strict=True):
                before = self.left[step]
                if after == before:
                    continue
                explained += not after
                spoiled += not before
                still_open += bool(after) and bool(before)
                better += bool(after) and after < before
                if not before and not isinstance(cause, Edited):
                    self._refuting[step] = None
            if spoiled > most_spoiled:
                break
        return Score(explained, spoiled, still_open, better)


def _values_by_sort(answer: Outcome) -> Mapping[Sort, Mapping[Field, tuple[int, ...]]]:
    """The values of an answer, by number, by the sorts that they are of and by their fields: a
    history has hundreds of one field."""
    found: dict[Sort, dict[Field, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, (one, value) in enumerate(values_written(answer)):
        for sort in sorts_of(value):
            found[sort][one].append(place)
    return {
        sort: {field: tuple(places) for field, places in by_field.items()}
        for sort, by_field in found.items()
    }


def _bare(cause: Statement) -> object:
    return cause.edit if isinstance(cause, Edited) else cause
