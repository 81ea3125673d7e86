"""Finds edits: single changes of the core's source, on top of the causes that are in force.

All edits meet the steps that run through what they change, once; what makes a step come out as the
shadow's is then held against neighbours of that step that both cores were asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.odd_numbers import first_of_each
from replay.explaining.causes.pool import Pool, Score
from replay.explaining.causes.statement import Edited, Placed, Statement, canonical_edit
from replay.explaining.causes.writings import own_texts
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.places import Rules
from replay.explaining.edits.guarded_edits import guarded
from replay.explaining.evidence.neighbours import mixed_changes, single_changes
from replay.explaining.evidence.ties import tie_changes
from replay.explaining.search.contest import Clock
from replay.explaining.search.ranking import rank

NEIGHBOURS = 240
ODD, TIES = 80, 40
"""Steps beside one that is to be explained, on which rivals are told apart: some changed, some with
odd numbers, some on a tie."""

NEARLY = 4
"""Edits that spoil something, of which it is asked whether they hold behind a condition."""

SPOILED = 6
"""Steps that such an edit spoils, which a condition has to leave alone."""

WEIGHED = 60
"""Steps that differ, and that agree, by which it is seen which of them are worth a look."""

GUARDED_SUPPORT = 6
"""Steps that an edit behind a condition has to account for: there are many conditions."""

RIVALS = 60
GUARDS = 500
ENOUGH = 0.8
"""Which share of what an edit accounts for a part of it has to, to be taken instead."""

MIN_SUPPORT = 2
"""Steps that an edit has to account for, kept or generated, to count."""


Line = tuple[str, int]
"""A module and the number of a line."""

EditsOf = Callable[[EditableCore, Collection[str]], Sequence[Edit]]
"""Gives all edits of a core, with texts that may stand where it has others."""


class EditSearch:
    """Looks for what is computed otherwise."""

    def __init__(
        self,
        corrected: CorrectedCore,
        pool: Pool,
        asking: Asking,
        clock: Clock,
        ends: KnownEnds,
    ) -> None:
        self._corrected = corrected
        self._core = core = corrected.core
        self._pool = pool
        self._asking = asking
        self._clock = clock
        self._ends = ends
        self._rules = Rules.of(core)
        self._neighbours: dict[Answered, list[Answered]] = {}
        self._edits: list[tuple[Edit, frozenset[tuple[str, int]], bool]] | None = None
        self._lines: dict[Answered, frozenset[tuple[str, int]]] = {}
        self.fitted: dict[Answered, list[Edit]] = {}
        """The edits that gave each step that was looked at, whether they held elsewhere or not."""
        self.nearest: dict[Answered, tuple[Edit, Score]] = {}
        self.tried = 0

    def find_all(
        self,
        targets: Sequence[Answered],
        edits_of: EditsOf,
        share: float,
        *,
        of_readers: bool,
    ) -> list[Edited]:
        """The edits that account for the targets, steps that the shadow answered, each accepted
        into the pool when it is found.
        `of_readers` are those of functions that read documents, all others otherwise."""
        fitting = self._fitting(targets, edits_of, share, of_readers)
        found: list[Edited] = []
        for target in targets:
            if self._pool.left[target] and not self._clock.beyond(1.0):
                cause = self._best(target, fitting)
                if cause is not None:
                    self._pool.accept(cause)
                    found.append(cause)
                    self.join(cause)
        return found

    def _fitting(
        self,
        targets: Sequence[Answered],
        edits_of: EditsOf,
        share: float,
        of_readers: bool,
    ) -> dict[Answered, dict[Edit, int]]:
        """For each target the edits that make it right, with how many targets each does."""
        if self._edits is None:
            self._edits = [
                (edit, _lines_of(edit), self._corrected.is_of_reader(edit))
                for edit in edits_of(self._core, own_texts(self._pool.unexplained))
            ]
        by_line: dict[tuple[str, int], list[Answered]] = defaultdict(list)
        for target in targets:
            if target not in self._lines:
                self._lines[target] = self._core.executed([target.stream])
            for line in self._lines[target]:
                by_line[line].append(target)
        fits: dict[Answered, list[Edit]] = defaultdict(list)
        counts: dict[Edit, int] = {}
        in_force = {one.edit for one in self._pool.causes if isinstance(one, Edited)}
        for edit, lines, is_of_reader in self._edits:
            if self._clock.beyond(share):
                break
            touched = list(
                dict.fromkeys(step for line in sorted(lines) for step in by_line.get(line, ()))
            )
            if not touched or edit in in_force or is_of_reader is not of_readers:
                continue
            cause = Edited(edit, "")
            if self._pool.is_refuted(cause):
                continue
            self.tried += 1
            after = self._pool.with_one_more(cause, touched)
            right = [step for step, left in zip(touched, after, strict=True) if not left]
            counts[edit] = len(right)
            for step in right:
                fits[step].append(edit)
        self.fitted |= fits
        return {step: {edit: counts[edit] for edit in edits} for step, edits in fits.items()}

    def at_line(self, line: Line) -> list[Edit]:
        """All edits of one place that begin at a line."""
        found = (edit for edit, _, _ in self._edits or () if len(edit.places) == 1)
        return [edit for edit in found if line_of(edit) == line]

    def place_at(self, line: Line) -> Placed:
        """The statement that something at a line is another value."""
        functions = {edit.function for edit in self.at_line(line)} - {""}
        module, number = line
        return Placed(min(functions, default=module), self._core.files[module], number)

    def _best(self, target: Answered, fitting: dict[Answered, dict[Edit, int]]) -> Edited | None:
        """The edit that accounts for a target and most of its neighbours and spoils nothing."""
        rivals = fitting.get(target, {})
        if not rivals:
            return None
        ordered = sorted(rivals, key=lambda one: (-rivals[one], self._rank(one)))[:RIVALS]
        beside = self.neighbours(target)
        scores: dict[Edit, Score] = {}
        nearly: list[Edit] = []
        # What was explained and agreed must stay so.
        right = [step for step in self._pool.steps if not self._pool.left[step]][::-1]
        wrong = [step for step in self._pool.unexplained if not step.has_ended][::-1]
        for edit in ordered:
            if self._clock.beyond(1.0):
                break
            cause = Edited(edit, "")
            if self._pool.is_refuted(cause) or self._pool.with_one_more(cause, [target])[0]:
                continue
            guards = list(islice((s for s in right if self._pool.matters(cause, s)), GUARDS))
            others = list(islice((s for s in wrong if self._pool.matters(cause, s)), GUARDS))
            score = self._pool.score(cause, beside)
            if not score.spoiled:
                score += self._pool.score(cause, guards)
            if not score.spoiled:
                score += self._pool.score(cause, others)
            if score.spoiled:
                near = self.nearest.get(target)
                if near is None or score.explained > near[1].explained:
                    self.nearest[target] = edit, score
                nearly.append(edit)
                continue
            if score.explained >= MIN_SUPPORT:
                scores[edit] = score
        if not scores:
            return self._guarded(target, nearly)
        best = min(scores, key=lambda one: (-scores[one].worth, self._rank(one)))
        best = self._part_of(best, scores)
        return Edited(best, canonical_edit(best, self._core))

    def behind_a_condition(self, cause: Edited, needs: Sequence[Answered]) -> Edited | None:
        """What a refuted edit nearly was: it, another one at its place, or the same at more places
        of the function, behind a condition; as far as it accounts for steps that need it."""
        if len(needs) < GUARDED_SUPPORT:
            return None
        spans = _spans(cause.edit)
        alike = [
            edit
            for edit, _, _ in self._edits or ()
            if edit.kind is cause.edit.kind and spans <= _spans(edit)
        ]
        target = max(needs, key=lambda step: (step.telling, -step.size))
        return self._guarded(target, [*alike, cause.edit])

    def _guarded(self, target: Answered, nearly: Sequence[Edit]) -> Edited | None:
        """An edit that accounts for a target behind a condition, of those that spoil steps without
        one: the one that accounts for most without it is tried first."""
        pool = self._pool
        agreed = [step for step in pool.steps if not pool.left[step]][: -WEIGHED - 1 : -1]
        beside = [step for step in self.neighbours(target) if pool.left[step]][:WEIGHED]
        steps = [step for step in (*beside, *agreed) if not step.has_ended]
        effects: list[tuple[int, Edit, list[Answered]]] = []
        for edit in nearly:
            cause = Edited(edit, "")
            met = [step for step in steps if pool.matters(cause, step)]
            after = pool.with_one_more(cause, met)
            pairs = list(zip(met, after, strict=True))
            right = sum(bool(pool.left[step]) and not left for step, left in pairs)
            spoiled = [step for step, left in pairs if left and not pool.left[step]]
            if right >= GUARDED_SUPPORT:
                effects.append((right, edit, spoiled))
        effects.sort(key=lambda one: (-one[0], self._rank(one[1])))
        for _, edit, spoiled in effects[:NEARLY]:
            best = self._best_condition(edit, [*spoiled[:SPOILED], target])
            if best is not None:
                return Edited(best, canonical_edit(best, self._core))
        return None

    def _best_condition(self, edit: Edit, firstly: Sequence[Answered]) -> Edit | None:
        """An edit behind the condition with which it accounts for most and spoils nothing; what it
        must make right, or leave alone, at any rate is asked first."""
        pool = self._pool
        best: tuple[int, Edit] | None = None
        for one in guarded(self._core, edit):
            if self._clock.beyond(1.0):
                break
            cause = Edited(one, "")
            if any(pool.with_one_more(cause, firstly)):
                continue
            met = [step for step in pool.steps if pool.matters(cause, step)]
            score = pool.score(cause, met[::-1][: 3 * GUARDS])
            is_better = best is None or score.worth > best[0]
            if not score.spoiled and score.explained >= GUARDED_SUPPORT and is_better:
                best = score.worth, one
        return None if best is None else best[1]

    def _part_of(self, best: Edit, scores: Mapping[Edit, Score]) -> Edit:
        """An edit of fewer places that accounts for nearly as much, if there is one: what another
        of the places adds may be chance, and is found as the next cause where it is not."""
        enough = ENOUGH * scores[best].explained
        parts = [one for one in scores if set(one.places) < set(best.places)]
        parts = [one for one in parts if scores[one].explained >= enough]
        return min(parts, key=lambda one: (len(one.places), self._rank(one)), default=best)

    def join(self, newest: Edited) -> None:
        """Puts one edit in the place of several that it is made of, where it does as well: what is
        done alike in several functions, or at several places of one, is one cause."""
        if not self._join_twins(newest):
            self._join_parts(newest)

    def _join_twins(self, newest: Edited) -> bool:
        """One edit for all that put the same in several places of one function."""
        own = newest.edit
        puts = {place.new for place in own.places}
        twins = [
            one
            for one in self._pool.causes
            if isinstance(one, Edited)
            and one.edit.function == own.function != ""
            and {place.new for place in one.edit.places} == puts
        ]
        places = {place for one in twins for place in one.edit.places}
        ordered = tuple(sorted(places, key=lambda one: (one.module, one.start)))
        if len(ordered) == len(own.places):
            return False
        lines = self._core.map.lines_of(
            [one for one in ordered if one not in own.places], own.places[0].module
        )
        edit = replace(own, places=ordered, says=f"{own.says}, and likewise {lines}")
        return self._put_for(edit, twins)

    def _put_for(self, edit: Edit, parts: Sequence[Statement]) -> bool:
        """Puts an edit in the place of some causes, where it does as well."""
        pool = self._pool
        joined = [one for one in pool.causes if one not in parts]
        joined.append(Edited(edit, canonical_edit(edit, self._core)))
        right = (step for step in pool.steps if not pool.left[step])
        touched = [s for s in right if any(pool.matters(part, s) for part in parts)]
        if pool.wrong(joined, touched):
            return False
        pool.use(joined)
        return True

    def _join_parts(self, newest: Edited) -> None:
        pool = self._pool
        own = set(newest.edit.places)
        for edit, _, _ in self._edits or ():
            places = set(edit.places)
            if not own < places or pool.is_refuted(Edited(edit, "")):
                continue
            parts = [
                one
                for one in pool.causes
                if isinstance(one, Edited) and set(one.edit.places) < places
            ]
            if len(parts) < 2:
                continue
            if self._put_for(edit, parts):
                return

    def neighbours(self, target: Answered) -> list[Answered]:
        """Steps beside a target, asked once, in the pool as well."""
        if target not in self._neighbours:
            case = target.stream
            rows = chain(
                islice(single_changes(case), NEIGHBOURS // 2),
                islice(mixed_changes([case], 1, unreadable=False), NEIGHBOURS // 2),
                islice((stream for _, stream in first_of_each(target)), ODD),
                islice(tie_changes([case], 1), TIES),
            )
            asked = self._asking.ask(list(self._ends.past(rows)))
            self._pool.add(asked)
            self._neighbours[target] = asked
        return self._neighbours[target]

    def _rank(self, edit: Edit) -> tuple[object, ...]:
        return rank(self._core, edit, rules=self._rules)


def _spans(edit: Edit) -> frozenset[tuple[object, ...]]:
    """Where an edit changes the source, whatever it puts there."""
    return frozenset((place.module, place.start, place.end) for place in edit.places)


def line_of(edit: Edit) -> Line:
    """Where an edit begins."""
    return edit.places[0].module, edit.places[0].line


def _lines_of(edit: Edit) -> frozenset[tuple[str, int]]:
    return frozenset(
        (place.module, line)
        for place in edit.places
        for line in range(place.line, place.end_line + 1)
    )
