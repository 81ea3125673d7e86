"""Finds edits: single changes of the core's source, on top of the causes that are in force.

All edits meet the steps that run through what they change, once; what makes a step come out as the
shadow's is then held against neighbours of that step that both cores were asked.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from replay.explaining.causes.answered import Answered, Asking, smallest
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.found import Lead
from replay.explaining.causes.guarded_search import GUARDED_SUPPORT, GuardedSearch
from replay.explaining.causes.joined_edits import JoinedEdits, Line, line_of, spans_of
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.odd_numbers import first_of_each
from replay.explaining.causes.part_search import PartSearch
from replay.explaining.causes.pool import Pool, Score
from replay.explaining.causes.statement import Edited, Placed, canonical_edit
from replay.explaining.causes.suspects import Suspects
from replay.explaining.causes.writings import own_texts
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.places import Rules
from replay.explaining.edits.divisions import without_zero_division
from replay.explaining.evidence.neighbours import mixed_changes, single_changes
from replay.explaining.evidence.ties import tie_changes
from replay.explaining.search.contest import Clock
from replay.explaining.search.ranking import rank

NEIGHBOURS = 240
ODD, TIES = 80, 40
"""Steps beside one that is to be explained, on which rivals are told apart: some changed, some with
odd numbers, some on a tie."""

MANY = 12
"""Buckets that are not accounted for, from which on half of the steps with
one change, odd numbers and ties must do."""

RIVALS = 60
GUARDS = 500
ENOUGH = 0.8
"""Which share of what an edit accounts for a part of it has to, to be taken instead."""

MIN_SUPPORT = 2
"""Steps that an edit has to account for, kept or generated, to count."""


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
        self._suspects = Suspects(pool)
        self._joined = JoinedEdits(pool, core, lambda: [one for one, _, _ in self._edits or ()])
        self._guarded = GuardedSearch(pool, core, clock, self.neighbours, self._rank)
        self._parts = PartSearch(pool, self._suspects, clock, self.neighbours, self._rank)
        self._neighbours: dict[Answered, list[Answered]] = {}
        self._edits: list[tuple[Edit, frozenset[tuple[str, int]], bool]] | None = None
        self._lines: dict[Answered, frozenset[tuple[str, int]]] = {}
        self._fits: dict[Answered, tuple[tuple[object, ...], dict[Edit, int]]] = {}
        """The edits that gave a step, with for which of its versions that was seen."""
        self._nearly: dict[Answered, Sequence[Edit]] = {}
        """The edits that account for a step that was looked at, and spoil others."""
        self.fitted: dict[Answered, list[Edit]] = {}
        """The edits that gave each step that was looked at, whether they held elsewhere or not."""
        self.nearest: dict[Answered, Lead] = {}
        """The best of the edits that were no causes, of each step that was looked at."""

    def find_all(
        self,
        targets: Sequence[Answered],
        edits_of: EditsOf,
        share: float,
        *,
        of_readers: bool,
        ahead: Sequence[Answered] = (),
    ) -> list[Edited]:
        """The edits that account for the targets, steps that the shadow answered, each accepted
        into the pool when it is found; what fits those `ahead`, targets of the next time, is
        taken along. `of_readers` are those of functions that read documents, all others
        otherwise."""
        fitting = self._fitting_now([*targets, *ahead], edits_of, share, of_readers)
        found: list[Edited] = []
        for target in (*targets, *ahead):
            if self._pool.left[target] and not self._clock.beyond(1.0):
                cause = self._best(target, fitting)
                if cause is not None:
                    self.accept(cause)
                    found.append(cause)
        return found

    def accept(self, cause: Edited) -> None:
        """Puts an edit in force, as one with those that it is the same as."""
        self._pool.accept(cause)
        self._joined.join(cause)

    def accept_one_of(self, target: Answered, edits: Iterable[Edit]) -> Edited | None:
        """The one of some edits that accounts for a target and spoils nothing, accepted into the
        pool, if there is one."""
        cause = self._best(target, {target: dict.fromkeys(edits, 1)})
        if cause is not None:
            self.accept(cause)
        return cause

    def accept_guarded(self, share: float) -> Edited | None:
        """An edit behind a condition, accepted into the pool, of those that nearly accounted for a
        step. Where nothing else does: there are so many that one may fit by chance."""
        for target in smallest(list(self._nearly)):
            if self._clock.beyond(share):
                return None
            nearly = self._nearly.pop(target)
            if self._pool.left[target]:
                cause = self._guarded.find(target, nearly)
                if cause is not None:
                    self.accept(cause)
                    return cause
        return None

    def accept_part(self, target: Answered, share: float) -> Edited | None:
        """An edit that accounts for a part of what differs at a target, accepted into the pool, of
        those that the target runs through."""
        edits = self._edits_at(self._lines_at(target), of_readers=False)
        cause = self._parts.find(target, (edit for edit, _ in edits), share)
        if cause is not None:
            self.accept(cause)
        return cause

    def _edits_at(
        self, lines: Collection[Line], *, of_readers: bool
    ) -> Iterator[tuple[Edit, frozenset[Line]]]:
        """The edits at some lines that are neither in force nor refuted, those of functions that
        read documents or all others, with all lines that they change."""
        in_force = {one.edit for one in self._pool.causes if isinstance(one, Edited)}
        for edit, at, is_of_reader in self._edits or ():
            if is_of_reader is not of_readers or at.isdisjoint(lines) or edit in in_force:
                continue
            if not self._pool.is_refuted(Edited(edit, "")):
                yield edit, at

    def _lines_at(self, target: Answered) -> frozenset[Line]:
        """The lines that a step runs through."""
        if target not in self._lines:
            self._lines[target] = self._core.executed([target.stream])
        return self._lines[target]

    def _fitting_now(
        self,
        targets: Sequence[Answered],
        edits_of: EditsOf,
        share: float,
        of_readers: bool,
    ) -> dict[Answered, dict[Edit, int]]:
        """What `_fitting` says, for targets that have met the edits already with what is in force
        for them what it said then."""
        versions = {step: (of_readers, self._pool.version(step)) for step in targets}
        new = [one for one in targets if self._fits.get(one, ((), {}))[0] != versions[one]]
        found = self._fitting(new, edits_of, share, of_readers) if new else {}
        if not self._clock.beyond(share):
            self._fits |= {step: (versions[step], found.get(step, {})) for step in new}
        return {
            step: found.get(step, {}) if step in new else self._fits[step][1] for step in targets
        }

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
            for line in self._lines_at(target):
                by_line[line].append(target)
        fits: dict[Answered, list[Edit]] = defaultdict(list)
        counts: dict[Edit, int] = {}
        for edit, lines in self._edits_at(by_line.keys(), of_readers=of_readers):
            if self._clock.beyond(share):
                break
            met = dict.fromkeys(step for line in sorted(lines) for step in by_line.get(line, ()))
            touched = [step for step in met if self._suspects.can_make_right(edit, step)]
            if not touched:
                continue
            after = self._pool.with_one_more(Edited(edit, ""), touched)
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

    def beside(self, edit: Edit) -> list[Edit]:
        """The other edits of just the same places, then those of what is around one place, or
        within it."""
        return self._joined.beside(edit)

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
        ordered = deque(sorted(rivals, key=lambda one: (-rivals[one], self._rank(one)))[:RIVALS])
        scores: dict[Edit, Score] = {}
        nearly: list[Edit] = []
        standing: deque[tuple[Edit, Score, list[Answered]]] = deque()
        # What was explained and agreed must stay so.
        right = list(self._pool.right())
        wrong = [step for step in self._pool.unexplained if not step.has_ended][::-1]
        while ordered and not self._clock.beyond(1.0):
            edit = ordered.popleft()
            cause = Edited(edit, "")
            if self._pool.is_refuted(cause) or self._pool.with_one_more(cause, [target])[0]:
                continue
            score = self._pool.score(cause, self._pool.concerned(cause, right, GUARDS))
            others = self._pool.concerned(cause, wrong, GUARDS)
            if score.spoiled:
                self._note_near(target, Lead(cause, rivals.get(edit, 1), score.spoiled))
                nearly.append(edit)
                ordered.extend(without_zero_division(self._core, edit))
            else:
                standing.append((edit, score, others))
        # Both cores are asked only where what is known already tells against not all of them.
        beside = self.neighbours(target) if standing else []
        while standing and not self._clock.beyond(1.0):
            edit, score, others = standing.popleft()
            cause = Edited(edit, "")
            score += self._pool.score(cause, beside)
            if not score.spoiled:
                score += self._pool.score(cause, others)
            if score.spoiled:
                self._note_near(target, Lead(cause, score.explained, score.spoiled))
                nearly.append(edit)
                standing.extend((one, Score(), others) for one in self._undivided(edit, right))
            elif score.explained >= MIN_SUPPORT:
                scores[edit] = score
        if not scores:
            self._nearly[target] = nearly
            return None
        best = min(scores, key=lambda one: (-scores[one].worth, self._rank(one)))
        best = self._part_of(best, scores)
        return Edited(best, canonical_edit(best, self._core))

    def _undivided(self, edit: Edit, right: Sequence[Answered]) -> Iterator[Edit]:
        """An edit of a divisor, where the shadow would not fail by it, if it spoils nothing."""
        for other in without_zero_division(self._core, edit):
            cause = Edited(other, "")
            guards = self._pool.concerned(cause, right, GUARDS)
            if not self._pool.score(cause, guards).spoiled:
                yield other

    def _note_near(self, target: Answered, near: Lead) -> None:
        known = self.nearest.get(target)
        if known is None or (near.needed, -near.against) > (known.needed, -known.against):
            self.nearest[target] = near

    def behind_a_condition(self, cause: Edited, needs: Sequence[Answered]) -> Edited | None:
        """What a refuted edit nearly was: it, another one at its place, or the same at more places
        of the function, behind a condition; as far as it accounts for steps that need it."""
        if len(needs) < GUARDED_SUPPORT:
            return None
        bare = self._guarded.bare(cause.edit)
        spans = spans_of(bare)
        alike = [
            edit
            for edit, _, _ in self._edits or ()
            if edit.kind is bare.kind and spans <= spans_of(edit)
        ]
        target = max(needs, key=lambda step: (step.telling, -step.size))
        return self._guarded.find(target, [*alike, bare])

    def _part_of(self, best: Edit, scores: Mapping[Edit, Score]) -> Edit:
        """An edit of fewer places that accounts for nearly as much, if there is one: what another
        of the places adds may be chance, and is found as the next cause where it is not."""
        enough = ENOUGH * scores[best].explained
        parts = [one for one in scores if set(one.places) < set(best.places)]
        parts = [one for one in parts if scores[one].explained >= enough]
        return min(parts, key=lambda one: (len(one.places), self._rank(one)), default=best)

    def neighbours(self, target: Answered) -> list[Answered]:
        """Steps beside a target, asked once, in the pool as well."""
        if target not in self._neighbours:
            case = target.stream
            # Where much is left to find, each of it may take less: more is asked of what is found.
            # But what has a few things changed anywhere tells most.
            part = 2 if len({step.finding for step in self._pool.unexplained}) > MANY else 1
            rows = chain(
                islice(single_changes(case), NEIGHBOURS // 2 // part),
                islice(mixed_changes([case], 1, unreadable=False), NEIGHBOURS // 2),
                islice((stream for _, stream in first_of_each(target)), ODD // part),
                islice(tie_changes([case], 1), TIES // part),
            )
            asked = self._asking.ask(list(self._ends.past(rows)))
            self._pool.add(asked)
            self._neighbours[target] = asked
        return self._neighbours[target]

    def _rank(self, edit: Edit) -> tuple[object, ...]:
        return rank(self._core, edit, rules=self._rules)


def _lines_of(edit: Edit) -> frozenset[tuple[str, int]]:
    return frozenset(
        (place.module, line)
        for place in edit.places
        for line in range(place.line, place.end_line + 1)
    )
