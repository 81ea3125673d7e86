"""Begins where the last search ended: what was verified then is said again, if it still holds.

It is no more than a first guess. It is in force only where it accounts for something and spoils
nothing, and is put to the test like all others; but what was found once need not be looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from replay.explaining.causes.number_bounds import bound_of
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import (
    CauseKind,
    Edited,
    Reading,
    Statement,
    Writing,
    canonical_edit,
    cause_id,
)
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.editing.editable import Edit, EditableCore
from replay.findings.account import StoredCause


def accept_known(
    pool: Pool, former: Sequence[StoredCause], edits: Callable[[], Sequence[Edit]]
) -> None:
    """Puts in force what an earlier account has verified and what still holds, in its order."""
    wanted = {one.id: one for one in former if one.is_verified}
    for statement in _statements(wanted, edits, pool.corrected.core):
        score = pool.score(statement, pool.steps)
        if score.explained and not score.spoiled and score.worth > 0:
            pool.accept(statement)


def _statements(
    wanted: dict[str, StoredCause], edits: Callable[[], Sequence[Edit]], core: EditableCore
) -> Iterable[Statement]:
    found: dict[str, Statement] = {}
    for identity, cause in wanted.items():
        if (rule := _rule_of(cause.canonical)) is not None:
            found[identity] = rule
    if any(cause.kind == CauseKind.EDIT for cause in wanted.values()):
        for edit in edits():
            edited = Edited(edit, canonical_edit(edit, core))
            if (identity := cause_id(edited)) in wanted:
                found[identity] = edited
    return [found[identity] for identity in wanted if identity in found]


def _rule_of(canonical: str) -> Reading | Writing | None:
    """The statement about values that is written so, None where it is none, or of other words than
    there are now."""
    kind, *parts = canonical.split("|")
    pattern, what = parts[: len(Pattern._fields)], parts[len(Pattern._fields) :]
    match what:
        case [sort, taking, *beyond]:
            if sort not in Sort.__members__ or taking not in Taking.__members__:
                return None
            about = Pattern(*pattern), Sort[sort], Taking[taking]
            bound = bound_of(beyond[0]) if beyond else None
            rule = Writing(*about) if kind == CauseKind.WRITING else Reading(*about, bound)
            return rule if rule.kind == kind and rule.canonical == canonical else None
    return None
