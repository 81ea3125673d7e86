"""Which of several explanations to name first.

All of them fit everything that was asked, so this is a matter of what is likely and easy to read:
first whatever explains other differences of the shadow as well, then what is in the function whose
rule the finding is about, then likely mistakes before unlikely ones, one place before several, and
a small change before a large one. The rest of the order is that of the source, so that it is the
same each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.editing.places import Rules, text_at
from replay.explaining.search.roundings import ROUNDINGS

_LIKELY: Final[Mapping[EditKind, int]] = MappingProxyType(
    {
        EditKind.COMPARISON: 0,
        EditKind.CONSTANT: 0,
        EditKind.FIELD: 0,
        EditKind.OPERAND: 0,
        EditKind.OPERATOR: 0,
        EditKind.ROUNDING: 0,
        EditKind.DEVIATION: 0,
        EditKind.ORDER: 2,
        EditKind.ASSIGNMENT: 1,
        EditKind.CALL: 1,
        EditKind.BRANCH: 2,
        EditKind.FORMULA: 2,
    }
)
"""A wrong name or sign is a slip, a lost statement is carelessness; a condition that always holds
is mostly another way to say something else."""

_FINELY: Final = tuple(_LIKELY)

_WAYS: Final = tuple(ROUNDINGS)
_ROUNDS: Final = re.compile(rf"\b({'|'.join(ROUNDINGS)})\b")

Rank = tuple[int, int, int, int, int, int, tuple[str, int, int], str]


def rank(
    core: EditableCore, edit: Edit, *, also: int = 0, rules: Rules | None = None, heading: str = ""
) -> Rank:
    """Where an edit comes among those that fit: smaller is first.

    `also` is how many differences beside the occurrences it explains, `heading` the rule of
    reducer.md that the finding is about, by the core's `rules`.
    """
    first = edit.places[0]
    function = edit.function or f"{first.module}."
    is_there = rules is not None and rules.heading(function) == heading
    return (
        -also,
        not is_there,
        _LIKELY[edit.kind],
        len(edit.places),
        _size(edit, core.sources),
        _FINELY.index(edit.kind),
        (first.module, first.line, first.column),
        edit.says,
    )


def _size(edit: Edit, sources: Mapping[str, str]) -> int:
    """How many characters change: what both texts have in common at either end does not count."""
    total = 0
    helper = _ROUNDS.search(edit.places[0].new) if edit.kind is EditKind.ROUNDING else None
    if helper is not None:
        # How long the name of a way to round is says nothing of how likely it is.
        return _WAYS.index(helper[0])
    for place in edit.places:
        old, new = text_at(sources[place.module], place), place.new
        shorter = min(len(old), len(new))
        start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
        rest = shorter - start
        end = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
        total += max(len(old), len(new)) - start - end
    return total
