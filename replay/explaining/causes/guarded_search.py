"""Finds the condition with which an edit holds: of edits that account for steps, and spoil others.

What is in scope at the edit says where it has to hold and where not: a comparison that tells these
steps apart is run, and what it does wrong is one more example. There are so many conditions that
one may fit by chance. So an edit behind one has to account for more steps than one that holds
everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.forced_values import ForcedValues
from replay.explaining.causes.necessity import spread
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited, canonical_edit
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.edits.guarded_edits import behind, place_of_condition
from replay.explaining.edits.rounding_call import where_it_fits
from replay.explaining.formulas.conditions import Runs, dividing
from replay.explaining.formulas.value_places import ValuePlace
from replay.explaining.search.contest import Clock

NEARLY = 4
"""Edits that spoil something, of which it is asked whether they hold behind a condition."""

WEIGHED = 60
"""Steps that differ, and that agree, by which it is seen which of them are worth a look."""

EXAMPLES = 24
"""Steps that want an edit, and that do not, by which conditions are found at first."""

MORE_EXAMPLES = 4
"""Steps that are taken in of those that a condition does wrong."""

RUNS = 6
"""How many runs of a place in one step are looked at."""

MOST_CONDITIONS = 12
"""Conditions of one edit that are run."""

MOST_TIMES = 3
"""How often a condition of one edit is looked for: what refuted one is an example for the next."""

GUARDED_SUPPORT = 6
"""Steps that an edit behind a condition has to account for: there are many conditions."""

MOST_STEPS = 1500
"""Steps that an edit is held against."""

SOME = 40
"""Steps that are run between two looks at whether one of them speaks against a condition."""


class GuardedSearch:
    """Looks for edits that hold where a condition does."""

    def __init__(
        self,
        pool: Pool,
        core: EditableCore,
        clock: Clock,
        neighbours: Callable[[Answered], Sequence[Answered]],
        rank: Callable[[Edit], tuple[object, ...]],
    ) -> None:
        """`neighbours` gives steps beside one, asked; `rank` puts the likelier edit first."""
        self._pool = pool
        self._core = core
        self._clock = clock
        self._neighbours = neighbours
        self._rank = rank
        self._values = ForcedValues(pool)
        self._bare: dict[Edit, Edit] = {}
        self._times: Counter[Edit] = Counter()

    def bare(self, edit: Edit) -> Edit:
        """An edit without the condition that was found for it."""
        return self._bare.get(edit, edit)

    def find(self, target: Answered, nearly: Iterable[Edit]) -> Edited | None:
        """An edit that accounts for a target behind a condition, of those that spoil steps without
        one: the one that accounts for most without it is tried first."""
        for edit in self._worth_a_look(target, nearly)[:NEARLY]:
            self._times[edit] += 1
            best = self._guarded(edit, target)
            if best is not None:
                self._bare[best] = edit
                return Edited(best, canonical_edit(best, self._core))
        return None

    def _worth_a_look(self, target: Answered, nearly: Iterable[Edit]) -> list[Edit]:
        """Those that account for enough of the steps beside a target."""
        pool = self._pool
        steps = [step for step in self._neighbours(target) if pool.left[step]][:WEIGHED]
        steps = [step for step in dict.fromkeys((target, *steps)) if not step.has_ended]
        effects: list[tuple[int, Edit]] = []
        for edit in dict.fromkeys(map(self.bare, nearly)):
            if self._times[edit] >= MOST_TIMES:
                continue
            right = len(self._made(edit, pool.concerned(Edited(edit, ""), steps, len(steps)))[0])
            if right >= GUARDED_SUPPORT:
                effects.append((right, edit))
        effects.sort(key=lambda one: (-one[0], self._rank(one[1])))
        return [edit for _, edit in effects]

    def _made(self, edit: Edit, steps: Sequence[Answered]) -> tuple[list[Answered], list[Answered]]:
        """Those of some steps that an edit makes right, and those that it spoils."""
        after = self._pool.with_one_more(Edited(edit, ""), steps)
        pairs = list(zip(steps, after, strict=True))
        right = [step for step, left in pairs if self._pool.left[step] and not left]
        return right, [step for step, left in pairs if left and not self._pool.left[step]]

    def _guarded(self, edit: Edit, target: Answered) -> Edit | None:
        """An edit behind a condition with which it accounts for a target and much besides, and
        spoils nothing."""
        met = self._pool.concerned(Edited(edit, ""), reversed(self._pool.steps), MOST_STEPS)
        right, spoiled = self._made(edit, met)
        if len(right) < GUARDED_SUPPORT:
            return None
        rounded = list(where_it_fits(edit))
        if rounded:
            return self._best_of(iter(rounded), target, right, spoiled)
        place = place_of_condition(self._core, edit)
        if place is None or not self._core.is_quick(place.probed):
            return None
        examples = [
            *self._runs(place, [target, *spread(right, EXAMPLES)], wanted=True),
            *self._runs(place, spread(spoiled, EXAMPLES), wanted=False),
        ]
        return self._best_by_terms(edit, place, examples, right, spoiled)

    def _best_of(
        self,
        edits: Iterator[Edit],
        target: Answered,
        right: Sequence[Answered],
        spoiled: Sequence[Answered],
    ) -> Edit | None:
        """The one of some edits that accounts for most and spoils nothing."""
        best: tuple[int, Edit] | None = None
        for one in edits:
            if self._clock.beyond(1.0):
                break
            if self._is_refuted(one) or self._first_wrong(one, [target, *spoiled]):
                continue
            explained = len(right) - len(self._wrong_with(one, right))
            if explained >= GUARDED_SUPPORT and (best is None or explained > best[0]):
                best = explained, one
        return None if best is None else best[1]

    def _best_by_terms(
        self,
        edit: Edit,
        place: ValuePlace,
        examples: list[Runs],
        right: Sequence[Answered],
        spoiled: Sequence[Answered],
    ) -> Edit | None:
        """An edit behind the condition with which it accounts for most and spoils nothing; what one
        condition does wrong is an example for the next."""
        best: tuple[int, Edit] | None = None
        tried: set[str] = set()
        while len(tried) < MOST_CONDITIONS and not self._clock.beyond(1.0):
            condition = next((one for one in dividing(examples) if one not in tried), None)
            if condition is None:
                break
            tried.add(condition)
            one = behind(self._core, edit, place, condition)
            if not self._core.is_quick(one) or self._is_refuted(one):
                continue
            if wrong := self._first_wrong(one, spoiled):
                examples += self._runs(place, wrong[:MORE_EXAMPLES], wanted=False)
                continue
            missing = self._wrong_with(one, right)
            explained = len(right) - len(missing)
            if explained >= GUARDED_SUPPORT and (best is None or explained > best[0]):
                best = explained, one
            if not missing:
                break
            examples += self._runs(place, missing[:MORE_EXAMPLES], wanted=True)
        if best is None or (any(len(one.terms) > 1 for one in examples) and self._spoils(best[1])):
            return None
        return best[1]

    def _spoils(self, edit: Edit) -> bool:
        """Whether an edit spoils any step: where a condition holds at one run and not at another,
        also such that the edit alone does not."""
        cause = Edited(edit, "")
        met = self._pool.concerned(cause, self._pool.right(), MOST_STEPS)
        return bool(self._pool.score(cause, met).spoiled)

    def _runs(
        self, place: ValuePlace, steps: Iterable[Answered], *, wanted: bool
    ) -> Iterator[Runs]:
        """What is in scope at a place in some steps, where it ran."""
        for step in dict.fromkeys(steps):
            hits = self._values.hits(place, step)[:RUNS]
            if hits:
                yield Runs([hit.terms for hit in hits], wanted)

    def _is_refuted(self, edit: Edit) -> bool:
        return self._pool.is_refuted(Edited(edit, ""))

    def _wrong_with(self, edit: Edit, steps: Sequence[Answered]) -> list[Answered]:
        """Those of some steps that are wrong with one more edit in force."""
        return self._pool.wrong_with_one_more(Edited(edit, ""), steps)

    def _first_wrong(self, edit: Edit, steps: Sequence[Answered]) -> list[Answered]:
        """The same, as far as is looked until any are."""
        parts = (steps[begin : begin + SOME] for begin in range(0, len(steps), SOME))
        found = (wrong for part in parts if (wrong := self._wrong_with(edit, part)))
        return list(chain.from_iterable(islice(found, 1)))
