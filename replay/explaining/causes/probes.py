"""Steps made to tell statements about readings apart: a value in other fields, others in its place.

A statement is as general as both cores confirm. So the value at work is put where a wider
statement says that the same becomes of it, and other values of its sort where it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from random import Random
from typing import Any, Final

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.leaves import ABSENT, Field, Leaf, changed, fields_of, start_and_call
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.statement import is_sort_at
from replay.explaining.causes.value_sorts import Sort
from replay.streams.model import CallCode, Start, Step, Stream

ORIGIN: Final = "generated to tell causes apart"

_NOBODYS: Final = "not_in_the_contract"

VALUES: Final[tuple[Any, ...]] = (
    None, True, False, "", "1.5", "2", " 2 ", "abc", "BUY", " buy", "Sell ", "EXIT", " A", "b",
    "true", "NaN", "Infinity", "\u0661", "\u00a01\u3000", "+1", "01", " none", "\u00e9",
    "-1.5", "1e400", "False", "1_0", "0x10", "1.5x", "2 x", ".5", "5.", "1e2", "-0",
    0, 1, 2, -1, 3, 2**31, 2**53 + 1, -(2**53) - 1, 2**63 - 1,
    -(2**63), 2**63, 10**30, 2**1024,
    0.0, -0.0, 1.0, 2.0, 2.5, 1.9, 0.3, -1.5, -2.0, 0.1 + 0.2, 1e16, 9007199254740994.0, 1e22,
    1e300, 1.7976931348623157e308, 5e-324, 1e-310, math.inf, -math.inf, math.nan,
    [], {}, [1], {"A": 1.0}, ABSENT,
)  # fmt: skip
"""Values of all sorts, ordinary and odd."""


def elsewhere(step: Answered, leaf: Leaf, pattern: Pattern, seed: int) -> Iterator[Stream]:
    """The step with the value of a leaf in other fields, those of a pattern, in a mixed order: each
    field of each record once, missing ones as well."""
    others = [
        one
        for one in _once(step.leaves)
        if one.field != leaf.field and pattern.has(one.field) and one.field.kind not in "l"
    ]
    Random(seed).shuffle(others)
    for other in others:
        if leaf.value is ABSENT and other.value is ABSENT:
            continue
        yield with_changes(step, {leaf.path: ordinary(leaf.field), other.path: leaf.value})
    for other in others:
        if leaf.value is not ABSENT or other.value is not ABSENT:
            yield with_changes(step, {other.path: leaf.value})


def instead(step: Answered, leaf: Leaf, values: Iterable[Any] = VALUES) -> Iterator[Stream]:
    """The step with other values where the leaf stands."""
    for value in values:
        if repr(value) != repr(leaf.value):
            yield with_changes(step, {leaf.path: value})


def _of_sort_at(sort: Sort, leaf: Leaf, known: Any) -> list[Any]:
    """Values of a sort for the field of a leaf, with one that is known to be of it elsewhere."""
    values = {repr(value): value for value in (*VALUES, known)}.values()
    return [value for value in values if is_sort_at(sort, leaf._replace(value=value))]


def within(
    step: Answered, leaf: Leaf, leaves: Sequence[Leaf], sort: Sort, seed: int
) -> Iterator[Stream]:
    """The step with values of a sort in the fields of some leaves: what a statement is about. Each
    field once, with the value itself where it is of the sort there, then each with others."""
    fields = _once(leaves)
    random = Random(seed)
    random.shuffle(fields)
    rows = []
    for one in fields:
        values = _of_sort_at(sort, one, leaf.value)
        random.shuffle(values)
        # First the value that is known to be at work, which others of its sort need not be.
        values.sort(key=lambda value: repr(value) != repr(leaf.value))
        rows.append([(one, value) for value in values])
    for other, value in filter(None, chain.from_iterable(zip_longest(*rows))):
        if value is ABSENT and other.value is ABSENT:
            continue
        changes: dict[Any, Any] = {other.path: value}
        if other.path != leaf.path:
            changes = {leaf.path: ordinary(leaf.field), **changes}
        yield with_changes(step, changes)


def where_nobody_reads(
    step: Answered, leaf: Leaf, pattern: Pattern, sort: Sort
) -> Iterator[Stream]:
    """The step with values of a sort in a field that no contract names, where a statement speaks of
    all fields: what is refused there is refused before anything is read."""
    for root in ("state", "config"):
        field = Field(root, "", _NOBODYS, "?")
        if pattern.has(field) and isinstance(step.documents.get(root), Mapping):
            nobodys = Leaf((root, _NOBODYS), field, leaf.value)
            for value in _of_sort_at(sort, nobodys, leaf.value):
                yield with_changes(step, {leaf.path: ordinary(leaf.field), nobodys.path: value})


def alone(leaf: Leaf) -> Iterator[Stream]:
    """A value in documents that hold nothing else, or in an otherwise ordinary record, at a call
    that computes next to nothing: what is refused there is refused by who reads it."""
    root, *rest = leaf.path
    if root not in ("state", "config") or leaf.value is ABSENT:
        return
    state: dict[str, Any] = {"market_price": 0.1, "now": 1.0}
    documents = {"state": state, "config": {}}
    match rest:
        case [str(name)]:
            documents[str(root)] = documents[str(root)] | {name: leaf.value}
        case [str(records), int(), str(name)]:
            known = fields_of("state", records) if leaf.field.records == records else {}
            record = {
                one: ordinary(Field("state", records, one, kind)) for one, kind in known.items()
            }
            kept = {one: value for one, value in record.items() if value is not ABSENT}
            documents["state"] = state | {records: [kept | {name: leaf.value}]}
        case _:
            return
    start = Start(documents["state"], documents["config"], 2.0, None)
    for call in ((int(CallCode.TIMER_TICK), 1.0), (int(CallCode.PRICE_TICK), 0.1, 1.0)):
        yield Stream(start, (Step(call),), ORIGIN)


def isolated(step: Answered, odd: Sequence[Leaf]) -> Iterator[Stream]:
    """The step with one odd value each, the others made ordinary: where several causes are at work
    in one step, only one is in each of these."""
    for leaf in odd:
        others = {
            other.path: ordinary(other.field)
            for other in odd
            if other.path != leaf.path and leaf.path[: len(other.path)] != other.path
        }
        if others:
            yield with_changes(step, dict(others))


def probes(step: Answered, leaf: Leaf, seed: int, count: int) -> list[Stream]:
    """All values in its place, then so many with its value elsewhere."""
    return [*instead(step, leaf), *islice(elsewhere(step, leaf, Pattern(), seed), count)]


_PLAIN: Final[dict[str, Any]] = {
    "d": 1.0, "D": 1.0, "i": 1, "b": False, "t": "", "T": None, "r": None, "m": "none",
}  # fmt: skip
_TEXTS: Final[dict[str, str]] = {"side": "buy", "role": "entry", "trade_id": "A"}


def ordinary(field: Field) -> Any:
    """An ordinary value for a field."""
    if field.kind == "e":
        return _TEXTS.get(field.name, "buy")
    return _PLAIN.get(field.kind, ABSENT)


def _once(leaves: Sequence[Leaf]) -> list[Leaf]:
    """One leaf for each field."""
    seen: dict[Field, Leaf] = {}
    for leaf in leaves:
        seen.setdefault(leaf.field, leaf)
    return list(seen.values())


def text_of(stream: Stream) -> str:
    """The same for the same step, asked or not."""
    return repr((stream.start, stream.steps[0].call))


def with_changes(step: Answered, changes: Mapping[Any, Any]) -> Stream:
    """The step with other values at some paths; ABSENT takes a value away."""
    present = {leaf.path for leaf in step.leaves if leaf.value is not ABSENT}
    wanted = {
        path: value for path, value in changes.items() if value is not ABSENT or path in present
    }
    documents = changed(step.documents, wanted)
    start, call = start_and_call(step.stream, documents)
    return Stream(start, (Step(call),), ORIGIN)
