"""Puts one edit in the place of several that it does as well as: what is done alike in several
places of a function, or in several functions, is one cause, and so are two halves of one change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited, Statement, canonical_edit
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.edits.mirror import erased

Line = tuple[str, int]
"""A module and the number of a line."""

CONCERNED = 500
"""Steps that are right by which it is seen which of them need an edit."""

TELLING = 4
"""Steps that need one of two edits by which it is seen whether a third does for both."""


class JoinedEdits:
    """Looks for edits that stand for several. `edits` gives all edits of the core."""

    def __init__(self, pool: Pool, core: EditableCore, edits: Callable[[], Sequence[Edit]]) -> None:
        self._pool = pool
        self._core = core
        self._edits = edits

    def join(self, newest: Edited) -> None:
        """Puts one edit in the place of several that it is made of, where it does as well: what is
        done alike in several functions, or at several places of one, is one cause."""
        if not (self._join_twins(newest) or self._join_halves(newest)):
            self._join_parts(newest)

    def _join_halves(self, newest: Edited) -> bool:
        """One edit for two of the same line, each of which holds for some of the values there: a
        condition below zero and one above it may be none at all."""
        own = newest.edit
        for one in [one for one in self._pool.causes if isinstance(one, Edited)]:
            if one is newest or len(one.edit.places) != 1 or len(own.places) != 1:
                continue
            if line_of(one.edit) != line_of(own):
                continue
            telling = self._needed_by_either(one, newest)
            rest = [other for other in self._pool.causes if other not in (one, newest)]
            for edit in self.beside(own):
                cause = Edited(edit, "")
                if self._pool.is_refuted(cause) or self._pool.wrong([*rest, cause], telling):
                    continue
                if self._put_for(edit, [one, newest]):
                    return True
        return False

    def _needed_by_either(self, one: Edited, other: Edited) -> list[Answered]:
        """A few steps that need the one or the other of two edits."""
        pool = self._pool
        found: list[Answered] = []
        for cause in (one, other):
            right = pool.concerned(cause, pool.right(), CONCERNED)
            found += pool.wrong(pool.without(cause), right)[:TELLING]
        return found

    def _join_twins(self, newest: Edited) -> bool:
        """One edit for all that put the same in several places of one function."""
        own = newest.edit
        puts = self._puts(own)
        twins = [
            one
            for one in self._pool.causes
            if isinstance(one, Edited)
            and one.edit.function == own.function != ""
            and self._puts(one.edit) == puts
        ]
        places = {place for one in twins for place in one.edit.places}
        ordered = tuple(sorted(places, key=lambda one: (one.module, one.start)))
        more = [one for one in ordered if one not in own.places]
        if not more:
            return False
        lines = self._core.map.lines_of(more, own.places[0].module)
        edit = replace(own, places=ordered, says=f"{own.says}, and likewise {lines}")
        return self._put_for(edit, twins)

    def _puts(self, edit: Edit) -> set[tuple[str, tuple[str, ...]]]:
        """What an edit puts, and in the place of what, but for what tells mirrored places apart:
        one field that is put for two others is two causes."""
        found: set[tuple[str, tuple[str, ...]]] = set()
        for place in edit.places:
            module = self._core.map.modules[place.module]
            old = module.text[slice(*module.span_of_place(place))]
            found.add((place.new, erased(old)))
        return found

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
        for edit in self._edits():
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

    def beside(self, edit: Edit) -> list[Edit]:
        """The other edits of just the same places, then those of what is around one place, or
        within it: a condition that is another one may be none at all."""
        spans = spans_of(edit)
        others = [one for one in self._edits() if one != edit]
        same = [one for one in others if spans_of(one) == spans]
        if len(edit.places) != 1:
            return same
        near = [one for one in others if len(one.places) == 1 and _overlap(edit, one)]
        return [*same, *(one for one in near if spans_of(one) != spans)]


def spans_of(edit: Edit) -> frozenset[tuple[object, ...]]:
    """Where an edit changes the source, whatever it puts there."""
    return frozenset((place.module, place.start, place.end) for place in edit.places)


def _overlap(one: Edit, other: Edit) -> bool:
    """Whether two edits of one place change a part of the source in common."""
    mine, theirs = one.places[0], other.places[0]
    return mine.module == theirs.module and mine.start < theirs.end and theirs.start < mine.end


def line_of(edit: Edit) -> Line:
    """Where an edit begins."""
    return edit.places[0].module, edit.places[0].line


__all__ = ["JoinedEdits", "Line", "line_of", "spans_of"]
