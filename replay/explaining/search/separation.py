"""A condition that tells some occurrences from others, as simple as there is one.

It is what a split of a bucket, or an explanation that holds only in places, asks for. There is
nothing clever about it: equalities and thresholds of single facts, the plainest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from replay.differential.conditions.condition import Condition, ConditionError, facts_of
from replay.explaining.evidence.passages import Passage, config_at


def separating(
    occurrences: Sequence[Passage],
    inside: Iterable[int],
    outside: Iterable[int],
    *,
    of_differences: bool = True,
) -> str:
    """A condition that holds for the first occurrences and for none of the others, as simple as
    there is one; "" where none was found. With `of_differences` it may be about what differs, too.
    """
    ours = [_facts(occurrences[place]) for place in sorted(inside)]
    theirs = [_facts(occurrences[place]) for place in sorted(outside)]
    if not ours or not theirs:
        return ""
    for text in _conditions(ours, theirs, of_differences):
        try:
            condition = Condition.parse(text)
            if all(map(condition.holds, ours)) and not any(map(condition.holds, theirs)):
                return text
        except ConditionError:
            continue
    return ""


_PLAIN = ("event", "rule", "phase")


def _conditions(
    ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], of_differences: bool
) -> Iterator[str]:
    """Conditions worth trying, the plainest first."""
    for name in _PLAIN:
        yield from _equalities(name, [facts[name] for facts in ours])
    if of_differences:
        for path in sorted({path for facts in ours for path in facts["fields"]}):
            yield f"{path!r} in fields".replace("'", '"')
        for path in sorted({path for facts in theirs for path in facts["fields"]}):
            yield f"{path!r} not in fields".replace("'", '"')
    for owner in ("call", "state", "config"):
        known = [facts[owner] for facts in (*ours, *theirs)]
        if any(one is None for one in known):
            continue
        names = [name for name in known[0] if all(name in one for one in known)]
        for name in names:
            values = [facts[owner][name] for facts in ours]
            others = [facts[owner][name] for facts in theirs]
            yield from _about(f"{owner}.{name}", values, others)
    for name in ("authority", "shadow") if of_differences else ():
        yield from _about(name, [facts[name] for facts in ours], [facts[name] for facts in theirs])


def _about(name: str, values: Sequence[Any], others: Sequence[Any]) -> Iterator[str]:
    """What one value can tell the two apart by."""
    if any(isinstance(one, Sequence) and not isinstance(one, str) for one in (*values, *others)):
        counts, rest = [len(one) for one in values], [len(one) for one in others]
        yield from _thresholds(f"len({name})", counts, rest)
        return
    yield from _equalities(name, values)
    yield from _thresholds(name, values, others)


def _equalities(name: str, values: Sequence[Any]) -> Iterator[str]:
    if len({repr(one) for one in values}) == 1:
        value = values[0]
        if value is None:
            yield f"{name} is None"
        elif isinstance(value, bool | int | str) or (isinstance(value, float) and value == value):
            text = f'"{value}"' if isinstance(value, str) else repr(value)
            if "inf" not in text and (not isinstance(value, str) or value.isalnum()):
                yield f"{name} == {text}"


def _thresholds(name: str, values: Sequence[Any], others: Sequence[Any]) -> Iterator[str]:
    numbers = [*values, *others]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
        return
    if any(one - one != 0 for one in numbers):
        return
    if max(values) < min(others):
        yield f"{name} <= {max(values)!r}"
    elif min(values) > max(others):
        yield f"{name} >= {min(values)!r}"


def _facts(passage: Passage) -> Mapping[str, Any]:
    stream = passage.stream
    differences = passage.differences(0)
    config = config_at(stream, passage.authority, 0)
    before, _ = passage.befores[0]
    return facts_of(
        stream.steps[0].call, before, differences, passage.authority[0], passage.shadow[0], config
    )
