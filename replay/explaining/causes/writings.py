"""What a core answers, taken apart into values with their fields, and written in other ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from replay.explaining.causes.answered import Answered
from replay.explaining.causes.leaves import ABSENT, Field, fields_of
from replay.explaining.causes.statement import Writing
from replay.explaining.causes.takings import Inapplicable, taken
from replay.explaining.causes.value_sorts import is_sort
from replay.streams.model import CYCLES, RECORD_FIELDS, STATE_FIELDS
from replay.targets.base import MISSING, Failure, Outcome, is_refusal
from replay.targets.compact import ACTION_FIELDS, ACTION_NAMES

MOST_TEXTS, MAX_TEXT = 12, 200
"""Texts of the shadow's own that are taken for constants of its, and how long they may be."""


def written(answer: Outcome, writings: Sequence[Writing]) -> Outcome:
    """An answer as a core with these ways of writing gives it."""
    delta = list(answer[0])
    for place in range(0, len(delta), 2):
        index, value = delta[place], delta[place + 1]
        name = STATE_FIELDS[index]
        if index == CYCLES and isinstance(value, list | tuple) and len(value) == 2:
            keep, records = value
            delta[place + 1] = [keep, _records("state", name, index, records, writings)]
        elif index in RECORD_FIELDS and isinstance(value, list | tuple):
            delta[place + 1] = _records("state", name, index, value, writings)
        else:
            field = Field("state", "", name, fields_of("state", "").get(name, "?"))
            delta[place + 1] = _written(value, field, writings)
    actions = []
    for action in answer[1]:
        code, *values = action
        names = ACTION_FIELDS[code]
        own = ACTION_NAMES[code]
        actions.append(
            [code]
            + [
                _written(value, Field("action", own, name, _kind_of(value)), writings)
                for name, value in zip(names, values, strict=True)
            ]
        )
    return [delta, actions, *answer[2:]]


def _records(
    root: str, name: str, index: int, records: Sequence[Any], writings: Sequence[Writing]
) -> list[Any]:
    kinds = fields_of(root, name)
    fields = [Field(root, name, one, kinds[one]) for one in RECORD_FIELDS[index]]
    # Of most fields nothing is said, and a history has many records.
    about = [
        (place, field, own)
        for place, field in enumerate(fields)
        if (own := [one for one in writings if one.pattern.has(field)])
    ]
    if not about:
        return list(records)
    found = [list(record) for record in records]
    for record in found:
        for place, field, own in about:
            record[place] = _written(record[place], field, own)
    return found


def values_written(answer: Sequence[object]) -> Iterator[tuple[Field, object]]:
    """The values of an answer with their fields."""
    delta, actions = answer[0], answer[1]
    assert isinstance(delta, list | tuple)
    assert isinstance(actions, list | tuple)
    for index, value in zip(delta[::2], delta[1::2], strict=True):
        name = STATE_FIELDS[index]
        if index in RECORD_FIELDS:
            records = value[1] if index == CYCLES else value
            kinds = fields_of("state", name)
            for record in records:
                for one, inner in zip(RECORD_FIELDS[index], record, strict=True):
                    yield Field("state", name, one, kinds[one]), inner
        else:
            yield Field("state", "", name, fields_of("state", "")[name]), value
    for code, *values in actions:
        for one, inner in zip(ACTION_FIELDS[code], values, strict=True):
            yield Field("action", ACTION_NAMES[code], one, _kind_of(inner)), inner


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "b"
    return "d" if isinstance(value, float) else "i" if isinstance(value, int) else "t"


def _written(value: Any, field: Field, writings: Sequence[Writing]) -> Any:
    for writing in writings:
        if is_sort(writing.sort, value) and writing.pattern.has(field):
            try:
                value = taken(writing.taking, value, field)
            except Inapplicable:
                continue
    return MISSING if value is ABSENT else value


def own_texts(steps: Iterable[Answered]) -> list[str]:
    """The texts that the shadow answers where the authority does not: what a constant of its may
    be. Those that come most often first."""
    counts: Counter[str] = Counter()
    for step in steps:
        if not (step.has_ended or is_refusal(step.authority)):
            assert not isinstance(step.shadow, Failure)
            counts.update(_texts_of(step.shadow) - _texts_of(step.authority))
    return [text for text, _ in counts.most_common(MOST_TEXTS)]


def _texts_of(answer: Outcome) -> set[str]:
    values = (*(value for _, value in values_written(answer)), *(answer[2] or ()))
    return {value for value in values if isinstance(value, str) and len(value) <= MAX_TEXT}


__all__ = ["own_texts", "values_written", "written"]
