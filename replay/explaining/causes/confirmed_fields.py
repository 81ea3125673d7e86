"""How wide a statement about values may be: no wider than the fields at which it was seen to hold.

What is true of one field is as good as true of all of them as long as nobody looks at another one.
So of each part that a pattern leaves open several have to be confirmed: fields of two documents, of
two names, of two kinds; wherever both cores were asked values that it speaks of in more than one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.leaves import ANY, Field
from replay.explaining.causes.patterns import GROUPS, Pattern, alike
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Rule

ENOUGH = 2
"""Different ones of each part that is open."""

LOOKED_AT = 120
"""Steps that a statement accounts for, of which it is asked which fields are at work."""

RECORDS = Field._fields.index("records")
KIND = Field._fields.index("kind")

Part = tuple[int, str]


def unconfirmed(pool: Pool, rule: Rule) -> Sought | None:
    """Which fields a statement has still to be seen to hold in for the width of its pattern, None
    where it is as wide as that."""
    wanted = _open_parts(rule.pattern)
    if not wanted:
        return None
    met: dict[int, set[str]] = {part: set() for part in wanted}
    for field in pool.fields_met(rule):
        _note(met, field)
    if RECORDS in met:
        # What makes no difference to a list of records, whoever reads it, says nothing of it.
        met[RECORDS] = {field.records for field in _changing(pool, rule)}
    missing = {part: min(ENOUGH, len(values)) for part, values in met.items()}
    seen: dict[int, set[str]] = {part: set() for part in wanted}
    unseen = Sought(seen)
    for step in _accounted_for(pool, rule):
        fields = pool.fields_at(rule, step)
        for field in sorted(fields):
            if unseen.has(field) and (len(fields) == 1 or _is_at_work(pool, rule, field, step)):
                _note(seen, field)
        if all(len(seen[part]) >= count for part, count in missing.items()):
            return None
    few = {part: values for part, values in seen.items() if len(values) < missing[part]}
    return Sought(few) if few else None


class Sought(NamedTuple):
    """Fields that differ in some parts from those that a statement was seen to hold in."""

    seen: Mapping[int, Collection[str]]

    def has(self, field: Field) -> bool:
        """Whether a field is one of them."""
        return any(value not in self.seen[part] for part, value in _parts(self.seen, field))


def _changing(pool: Pool, rule: Rule) -> Iterator[Field]:
    """The fields in which a statement changes what is left of some step."""
    done: set[str] = set()
    for step in islice(_open_steps(pool, rule), LOOKED_AT):
        for field in sorted(pool.fields_at(rule, step)):
            if field.records not in done and _is_at_work(pool, rule, field, step):
                done.add(field.records)
                yield field


def _accounted_for(pool: Pool, rule: Rule) -> Iterator[Answered]:
    steps = _open_steps(pool, rule)
    right = (step for step in steps if not pool.with_one_more(rule, [step])[0])
    return islice(right, LOOKED_AT)


def _open_steps(pool: Pool, rule: Rule) -> Iterator[Answered]:
    """The steps that are not accounted for and that a statement has something to say of."""
    return pool.met(rule, pool.open_places.intersection(pool.places_met(rule)))


def _is_at_work(pool: Pool, rule: Rule, field: Field, step: Answered) -> bool:
    """Whether it makes a difference to a step what the statement says of one field alone."""
    alone = replace(rule, pattern=Pattern(*field))
    return pool.with_one_more(alone, [step])[0] != pool.left[step]


def _open_parts(pattern: Pattern) -> tuple[int, ...]:
    """The places of the parts that a pattern leaves open."""
    is_open = (
        *(part == ANY for part in pattern[:3]),
        pattern.kind == ANY or len({alike(kind) for kind in GROUPS.get(pattern.kind, "")}) > 1,
    )
    return tuple(place for place, one in enumerate(is_open) if one)


def _parts(wanted: Iterable[int], field: Field) -> list[Part]:
    return [(part, alike(field[part]) if part == KIND else field[part]) for part in wanted]


def _note(seen: dict[int, set[str]], field: Field) -> None:
    for part, value in _parts(seen, field):
        seen[part].add(value)
