"""Damage: a valid document spoilt in one to three places, the way the wire can bring it.

What comes out is always a JSON value that MessagePack can carry: text keys, no lone surrogates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from replay.fuzzing.choices import Choices
from replay.fuzzing.value_pool import (
    EDGE_DOUBLES,
    MODE_SOURCES,
    ODD_NUMBERS,
    ODD_TEXTS,
    REGIMES,
    WRONG_TYPES,
)

RECORD_LISTS = ("orders", "recovery_orders", "completed_cycles")

NO_RECORDS: tuple[Any, ...] = (None, 1, "order", [], True, 2.5, {}, [[]])
"""Entries of a list that are no objects (dropped), and one that is an empty object (refused)."""


def damage(choices: Choices, document: Any, places: int = 0) -> Any:
    """A copy of `document` damaged in so many places; 0 leaves the number to `choices`."""
    for _ in range(places or choices.pick((1, 1, 1, 2, 3))):
        document = _damage_once(choices, document)
    return document


def _damage_once(choices: Choices, document: Any) -> Any:
    if not isinstance(document, Mapping):
        return _value(choices, document)
    if choices.chance(3) or not document:
        return choices.pick(WRONG_TYPES)
    spoilt = dict(document)
    name = choices.pick(tuple(spoilt))
    value = spoilt[name]
    if name in RECORD_LISTS and isinstance(value, Sequence) and not isinstance(value, str):
        spoilt[name] = _records(choices, list(value))
        return spoilt
    kind = choices.integer(0, 11)
    if kind == 0:
        del spoilt[name]
    elif kind == 1:
        spoilt[choices.pick(("unknown", "", "Market_Price", "profit_pct", "type", "é"))] = (
            choices.pick(WRONG_TYPES)
        )
    elif kind == 2:
        # In another place: for readers that take fields in the order they come.
        del spoilt[name]
        spoilt[name] = value
    elif kind == 3 and name == "profit_pct_runtime":
        spoilt["profit_pct"] = spoilt.pop(name)
    else:
        spoilt[name] = _field(choices, name, value)
    return spoilt


def _records(choices: Choices, records: list[Any]) -> Any:
    kind = choices.integer(0, 9)
    place = choices.integer(0, max(0, len(records) - 1))
    if kind == 0:
        return choices.pick((None, {}, "[]", 0, False, [None], {"0": {}}))
    if kind < 3 or not records:
        records.insert(place, choices.pick(NO_RECORDS))
    elif kind == 3:
        records.append(records[place])
    else:
        records[place] = _damage_once(choices, records[place])
    return records


def _field(choices: Choices, name: str, value: Any) -> Any:
    """Another value for a field: nearly right as often as quite wrong."""
    if name == "regime_at_entry":
        return choices.pick(REGIMES)
    if name == "mode_source":
        return choices.pick(MODE_SOURCES)
    if name in ("side", "role", "trade_id") and isinstance(value, str) and choices.chance(60):
        return choices.pick(_other_letters(value))
    return _value(choices, value)


def _value(choices: Choices, value: Any) -> Any:
    kind = choices.integer(0, 9)
    if kind < 3:
        return choices.pick(WRONG_TYPES)
    if isinstance(value, bool):
        return choices.pick((not value, int(value), float(value), str(value).lower(), None))
    if isinstance(value, int):
        if kind < 6:
            return choices.pick((float(value) if abs(value) < 2**1000 else 0, value, str(value)))
        return choices.pick(ODD_NUMBERS)
    if isinstance(value, float):
        if kind < 5 and math.isfinite(value):
            return int(value)
        if kind < 7:
            return choices.pick(EDGE_DOUBLES)
        return choices.pick(ODD_NUMBERS)
    if isinstance(value, str):
        if kind < 6:
            return choices.pick(_other_letters(value))
        return choices.pick(ODD_TEXTS)
    return choices.pick((*WRONG_TYPES, *ODD_NUMBERS))


def _other_letters(text: str) -> tuple[str, ...]:
    """A text in other case, or with spaces about it: what a kind reader takes for the same."""
    return (
        text.upper(), text.capitalize(), text.swapcase(), text.lower(), f" {text}", f"{text}\n",
        f"{text}\u00a0", text.replace("s", "\u017f"),
    )  # fmt: skip
