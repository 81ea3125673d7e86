"""Compares two outcomes of one step, exactly, and says where and how they differ.

Equality is the contract's (protocol.md, part 2): the same structure and the same double bits, but
0.0 equals -0.0 and NaN equals NaN. Records in lists are matched by their ids, so that one order too
many does not make all those after it look different.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from types import NoneType
from typing import Any

from replay.differential.model import ABSENT, Absent, Difference, DifferenceKind
from replay.streams.model import CYCLES, RECORD_FIELDS, STATE_FIELDS
from replay.targets.base import (
    MISSING,
    REFUSED,
    TYPED_REFUSALS,
    Outcome,
    RefusalKind,
    is_refusal,
    is_unmade,
)
from replay.targets.compact import ACTION_FIELDS, ACTION_NAMES

_PRICES = frozenset({"price", "entry_price", "exit_price", "market_price"})
_LAST_BITS = 8
"""Up to how many units in the last place two doubles count as differing in the last digit."""

_IDENTITY_OF_CYCLE = (0, 1, 2, 4, 12)
"""trade_id, cycle, entry_price, volume, entry_time: a cycle that differs in two of these is another
cycle, not the same one with a wrong figure."""


def equal(one: Any, other: Any) -> bool:
    """Whether two values are equal by the contract: a bool is no number, 1 is 1.0."""
    if one is other:
        return True
    if type(one) is float and type(other) is float:
        return one == other or (one != one and other != other)
    if isinstance(one, bool) or isinstance(other, bool):
        return isinstance(one, bool) and isinstance(other, bool) and one == other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)
    return bool(one == other)


def compare(
    authority: Outcome, shadow: Outcome, before: Sequence[Any] | None, price_decimals: int = 6
) -> tuple[Difference, ...]:
    """All differences between two outcomes of a step that started from `before`.

    `before` is the plain compact state before the call (None where none could be read); it fills in
    the fields that only one of the deltas names. Two refusals agree unless both say why, and
    say it differently; what was never asked differs from nothing. Empty where the outcomes are
    equal.
    """
    if len(authority) == REFUSED or len(shadow) == REFUSED:
        return _compare_refusals(authority, shadow)
    kind_of = classifier(price_decimals)
    found = _states(authority[0], shadow[0], before, kind_of)
    if authority[1] or shadow[1]:
        found += _actions(authority[1], shadow[1], kind_of)
    found += _texts("violations", authority[2], shadow[2])
    return tuple(found)


def _compare_refusals(authority: Outcome, shadow: Outcome) -> tuple[Difference, ...]:
    if is_unmade(authority) or is_unmade(shadow):
        return ()
    if is_refusal(authority) and is_refusal(shadow):
        both_say = authority[0] in TYPED_REFUSALS and shadow[0] in TYPED_REFUSALS
        # Where in a bot's module a number could not be gone on with is that module's own.
        alike = authority[0] == shadow[0] == RefusalKind.ARITHMETIC or authority == shadow
        if not both_say or alike:
            return ()
    elif is_refusal(shadow):
        return (Difference("refusal", DifferenceKind.REFUSAL, ABSENT, refusal_text(shadow)),)
    else:
        return (Difference("refusal", DifferenceKind.REFUSAL, refusal_text(authority), ABSENT),)
    return (
        Difference(
            "refusal", DifferenceKind.REFUSAL, refusal_text(authority), refusal_text(shadow)
        ),
    )


def refusal_text(refusal: Outcome) -> str:
    """A refusal on one line: `unreadable orders[0].local_id`."""
    return " ".join(str(part) for part in refusal if part)


KindOf = Callable[[str, Any, Any], DifferenceKind]


@lru_cache(maxsize=64)
def classifier(price_decimals: int) -> KindOf:
    """What names the kind of difference of two values of a field, given the config's decimals."""
    try:
        last_digit = 10.0**-price_decimals
    except OverflowError:
        last_digit = 0.0

    def kind_of(field: str, authority: Any, shadow: Any) -> DifferenceKind:
        if type(authority) is float and type(shadow) is float:
            return kind_of_numbers(field, authority, shadow)
        if shadow is MISSING or shadow is ABSENT or (shadow is None and authority is not None):
            return DifferenceKind.MISSING
        if authority is ABSENT or (authority is None and shadow is not None):
            return DifferenceKind.EXTRA
        if isinstance(authority, bool) and isinstance(shadow, bool):
            return DifferenceKind.FLAG
        if isinstance(authority, str) and isinstance(shadow, str):
            return DifferenceKind.TEXT
        if not (_is_number(authority) and _is_number(shadow)):
            return DifferenceKind.TYPE
        return kind_of_numbers(field, authority, shadow)

    def kind_of_numbers(field: str, authority: float, shadow: float) -> DifferenceKind:
        if authority == -shadow:
            return DifferenceKind.SIGN
        try:
            if not (math.isfinite(authority) and math.isfinite(shadow)):
                return DifferenceKind.MAGNITUDE
            distance = abs(authority - shadow)
            unit = _LAST_BITS * math.ulp(float(authority))
        except OverflowError:
            return DifferenceKind.MAGNITUDE
        if isinstance(authority, int) and isinstance(shadow, int):
            unit = 0.0
        elif field in _PRICES:
            unit = max(unit, 1.5 * last_digit)
        return DifferenceKind.LAST_DIGIT if distance <= unit else DifferenceKind.MAGNITUDE

    return kind_of


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _states(
    authority: Sequence[Any], shadow: Sequence[Any], before: Sequence[Any] | None, kind_of: KindOf
) -> list[Difference]:
    found: list[Difference] = []
    for index, one, other in unequal_fields(authority, shadow, before):
        name = STATE_FIELDS[index]
        if index == CYCLES:
            found += _histories(one, other, before, kind_of)
        elif index in RECORD_FIELDS and isinstance(one, list | tuple):
            found += _records(f"state.{name}", RECORD_FIELDS[index], one, other, kind_of)
        elif not equal(one, other):
            found.append(Difference(f"state.{name}", kind_of(name, one, other), one, other))
    return found


_SCALARS = frozenset({float, int, str, bool, NoneType})


def unequal_fields(
    authority: Sequence[Any], shadow: Sequence[Any], before: Sequence[Any] | None
) -> list[tuple[int, Any, Any]]:
    """The fields that two deltas name and that are not plainly equal, with their values after the
    step on either side. A flood of one bug comes down to this, so it makes few calls."""
    if authority[::2] == shadow[::2]:
        pairs: Iterable[tuple[int, Any, Any]]
        pairs = zip(authority[::2], authority[1::2], shadow[1::2], strict=True)
    else:
        pairs = _merged(authority, shadow, before)
    return [
        (index, one, other)
        for index, one, other in pairs
        if one != other or type(one) is not type(other) or type(one) not in _SCALARS
    ]


def _merged(
    authority: Sequence[Any], shadow: Sequence[Any], before: Sequence[Any] | None
) -> list[tuple[int, Any, Any]]:
    """The fields that two deltas name, which ascend, with their values after the step."""
    found = []
    ours, theirs = iter(authority), iter(shadow)
    index, their_index = next(ours, _NO_FIELD), next(theirs, _NO_FIELD)
    while index != their_index or index != _NO_FIELD:
        if index == their_index:
            found.append((index, next(ours), next(theirs)))
            index, their_index = next(ours, _NO_FIELD), next(theirs, _NO_FIELD)
        elif index < their_index:
            found.append((index, next(ours), _former(before, index)))
            index = next(ours, _NO_FIELD)
        else:
            found.append((their_index, _former(before, their_index), next(theirs)))
            their_index = next(theirs, _NO_FIELD)
    return found


_NO_FIELD = len(STATE_FIELDS)
"""Stands after all fields."""


def _former(before: Sequence[Any] | None, index: int) -> Any:
    """What a delta that does not name a field says of it: it is as it was."""
    if before is None:
        return ABSENT
    return [len(before[CYCLES]), []] if index == CYCLES else before[index]


def _histories(
    one: Any, other: Any, before: Sequence[Any] | None, kind_of: KindOf
) -> list[Difference]:
    """Histories as `[keep, records]`: only what is after the shorter common start is looked at."""
    if not (_is_history(one) and _is_history(other)):
        return [Difference("state.completed_cycles", kind_of("", one, other), one, other)]
    former = before[CYCLES] if before is not None else ()
    start = min(one[0], other[0])
    ours = [*former[start : one[0]], *one[1]]
    theirs = [*former[start : other[0]], *other[1]]
    fields = RECORD_FIELDS[CYCLES]
    found: list[Difference] = []
    for offset in range(max(len(ours), len(theirs))):
        path = f"state.completed_cycles[{start + offset}]"
        mine = ours[offset] if offset < len(ours) else ABSENT
        its = theirs[offset] if offset < len(theirs) else ABSENT
        found += _record(path, fields, mine, its, kind_of, _IDENTITY_OF_CYCLE)
    return found


def _is_history(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[1], list | tuple)
    )


def _records(
    path: str, fields: tuple[str, ...], ours: Sequence[Any], theirs: Any, kind_of: KindOf
) -> list[Difference]:
    """Two lists of records, matched by id where the ids are unique, else by place."""
    if not isinstance(theirs, list | tuple):
        return [Difference(path, kind_of("", ours, theirs), ours, theirs)]
    our_ids, their_ids = _ids(ours), _ids(theirs)
    if our_ids is None or their_ids is None:
        found = []
        for place in range(max(len(ours), len(theirs))):
            mine = ours[place] if place < len(ours) else ABSENT
            its = theirs[place] if place < len(theirs) else ABSENT
            found += _record(f"{path}[{place}]", fields, mine, its, kind_of)
        return found
    found = []
    for place, identifier in enumerate(our_ids):
        its = theirs[their_ids.index(identifier)] if identifier in their_ids else ABSENT
        found += _record(f"{path}[{place}]", fields, ours[place], its, kind_of)
    for place, identifier in enumerate(their_ids):
        if identifier not in our_ids:
            found += _record(f"{path}[{place}]", fields, ABSENT, theirs[place], kind_of)
    common = [identifier for identifier in our_ids if identifier in their_ids]
    if common != [identifier for identifier in their_ids if identifier in our_ids]:
        found.append(Difference(path, DifferenceKind.ORDER, our_ids, their_ids))
    return found


def _ids(records: Sequence[Any]) -> list[Any] | None:
    """The ids of records, or None where they cannot serve to match them."""
    ids = [record[0] if isinstance(record, list | tuple) and record else None for record in records]
    if any(isinstance(i, bool) or not isinstance(i, int) for i in ids) or len(set(ids)) < len(ids):
        return None
    return ids


def _record(
    path: str,
    fields: tuple[str, ...],
    ours: Any,
    theirs: Any,
    kind_of: KindOf,
    identity: tuple[int, ...] = (),
) -> list[Difference]:
    if _plainly_equal(ours, theirs):
        return []
    if isinstance(ours, Absent) or isinstance(theirs, Absent):
        kind = DifferenceKind.EXTRA if isinstance(ours, Absent) else DifferenceKind.MISSING
        return [Difference(path, kind, _named(fields, ours), _named(fields, theirs))]
    if not all(isinstance(r, list | tuple) and len(r) == len(fields) for r in (ours, theirs)):
        if equal(ours, theirs):
            return []
        named = _named(fields, ours), _named(fields, theirs)
        return [Difference(path, DifferenceKind.TYPE, *named)]
    if sum(not equal(ours[place], theirs[place]) for place in identity) >= 2:
        return [
            Difference(path, DifferenceKind.ORDER, _named(fields, ours), _named(fields, theirs))
        ]
    return [
        Difference(f"{path}.{name}", kind_of(name, mine, its), mine, its)
        for name, mine, its in zip(fields, ours, theirs, strict=True)
        if not equal(mine, its)
    ]


def _plainly_equal(ours: Any, theirs: Any) -> bool:
    """Whether two records are equal in values and types: quick to see, and nearly always so."""
    if not (isinstance(ours, list | tuple) and isinstance(theirs, list | tuple)):
        return False
    types = [*map(type, ours)]
    return _SCALARS.issuperset(types) and types == [*map(type, theirs)] and [*ours] == [*theirs]


def _named(fields: tuple[str, ...], record: Any) -> Any:
    if not isinstance(record, list | tuple) or len(record) != len(fields):
        return record
    return dict(zip(fields, record, strict=True))


def _actions(ours: Sequence[Any], theirs: Sequence[Any], kind_of: KindOf) -> list[Difference]:
    """Actions in order; where kinds do not line up, what is missing, extra or out of order."""
    found: list[Difference] = []
    mine, its = list(ours), list(theirs)
    place = 0
    while mine or its:
        path = f"actions[{place}]"
        one = mine[0] if mine else ABSENT
        match = next((i for i, later in enumerate(its) if _same_kind(one, later)), None)
        if mine and match is None:
            found.append(Difference(path, DifferenceKind.MISSING, _action_named(one), ABSENT))
            del mine[0]
            place += 1
        elif match is None or not any(_same_kind(its[0], later) for later in mine):
            found.append(Difference(path, DifferenceKind.EXTRA, ABSENT, _action_named(its[0])))
            del its[0]
        else:
            if match:
                named = _action_named(one), _action_named(its[0])
                found.append(Difference(path, DifferenceKind.ORDER, *named))
            found += _action(path, one, its[match], kind_of)
            del mine[0], its[match]
            place += 1
    return found


def _same_kind(one: Any, other: Any) -> bool:
    """Whether two actions are of one kind; what is no action matches only what is equal to it."""
    code = action_code(one)
    return code == action_code(other) and (code is not None or equal(one, other))


def action_code(action: Any) -> int | None:
    """The code of an action, None where a core answered what is no action."""
    code = action[0] if isinstance(action, list | tuple) and action else None
    return code if type(code) is int and code in range(len(ACTION_FIELDS)) else None


def _action(path: str, ours: Any, theirs: Any, kind_of: KindOf) -> list[Difference]:
    code = action_code(ours)
    if code is None:
        return []
    return _record(path, ACTION_FIELDS[code], list(ours[1:]), list(theirs[1:]), kind_of)


def _action_named(action: Any) -> Any:
    code = action_code(action)
    if code is None:
        return action
    fields = ACTION_FIELDS[code]
    return {"type": ACTION_NAMES[code], **dict(zip(fields, action[1:], strict=False))}


def _texts(path: str, ours: Any, theirs: Any) -> list[Difference]:
    """Two lists of violation texts: what is missing, what is extra, or another order."""
    if ours == [] == theirs or equal(ours, theirs):
        return []
    if not (_are_texts(ours) and _are_texts(theirs)):
        return [Difference(path, DifferenceKind.TYPE, ours, theirs)]
    missing, extra = Counter(ours), Counter(theirs)
    missing, extra = missing - extra, extra - missing
    found = [
        Difference(f"{path}[{place}]", DifferenceKind.MISSING, text, ABSENT)
        for place, text in enumerate(ours)
        if _taken(missing, text)
    ]
    found += [
        Difference(f"{path}[{place}]", DifferenceKind.EXTRA, ABSENT, text)
        for place, text in enumerate(theirs)
        if _taken(extra, text)
    ]
    return found or [Difference(path, DifferenceKind.ORDER, list(ours), list(theirs))]


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(text, str) for text in value)


def _taken(counts: Counter[str], text: str) -> bool:
    """Takes one of a text from the counts, as long as there is one."""
    counts[text] -= 1
    return counts[text] >= 0
