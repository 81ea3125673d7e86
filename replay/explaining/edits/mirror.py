"""Mirrored places: trades A and B, buying and selling, are written side by side in this core.

Another core may have one code for both, so that one mistake there is the same mistake at all
mirrored places here. Two places are mirrored where they look the same once all that tells A from
B is erased: `_a` and `_b`, "buy" and "sell", the direction of comparisons, the sign of sums.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from replay.explaining.editing.source_map import Span, tokens_of
from replay.explaining.edits.model import Change, Unit

_MOST_PLACES = 8

_ERASED = {
    **dict.fromkeys(("<", ">"), "<>"),
    **dict.fromkeys(("<=", ">="), "<=>="),
    **dict.fromkeys(("+", "-"), "+-"),
    **dict.fromkeys(("+=", "-="), "+-="),
    **dict.fromkeys(("min", "max"), "min/max"),
    **dict.fromkeys(('"A"', '"B"', "'A'", "'B'"), "A/B"),
    **dict.fromkeys(('"up"', '"down"', "'up'", "'down'"), "up/down"),
}
_ONE_OF_TWO = re.compile(r"(?<![A-Za-z])(?:buy|sell|bid|ask|long|short)(?![A-Za-z])")
_OF_A_TRADE = re.compile(r"(?:_[abAB]|(?<=\d)[abAB])(?![A-Za-z0-9_])")


@lru_cache(maxsize=4096)
def erased(text: str) -> tuple[str, ...]:
    """The tokens of a text without what tells mirrored places apart."""
    return tuple(_erased(token.text) for token in tokens_of(text))


def _erased(token: str) -> str:
    if token in _ERASED:
        return _ERASED[token]
    return _OF_A_TRADE.sub("_@", _ONE_OF_TWO.sub("@", token))


def mirrored(
    unit: Unit, changes: Sequence[Change], around: Iterable[Iterable[tuple[ast.AST, Span]]]
) -> Iterator[list[Change]]:
    """The groups of changes that do the same at mirrored places, each once.

    `around` has for each change the nodes in which to look for what is the same: from its own
    expression to its statement, with their spans.
    """
    groups: dict[Hashable, list[Change]] = {}
    for change, nodes in zip(changes, around, strict=True):
        for node, span in nodes:
            for likeness in _likenesses(unit, change, node, span):
                groups.setdefault(likeness, []).append(change)
    seen: set[tuple[Change, ...]] = set()
    for group in groups.values():
        spans = sorted({change.span for change in group})
        is_apart = all(one[1] <= other[0] for one, other in pairwise(spans))
        key = tuple(sorted(set(group)))
        if 1 < len(spans) == len(key) <= _MOST_PLACES and is_apart and key not in seen:
            seen.add(key)
            yield list(key)


def _likenesses(unit: Unit, change: Change, node: ast.AST, span: Span) -> Iterator[Hashable]:
    """What a change has in common with the same one at a mirrored place: all around it, or all
    but the order, where one says `a - b` and the other `b - a`."""
    text = unit.module.text
    whole, old = text[span[0] : span[1]], text[change.span[0] : change.span[1]]
    around, within, new = erased(whole), erased(old), erased(change.new)
    hands = _hands(change.new, whole)
    before = len(erased(text[span[0] : change.span[0]]))
    as_is = change.meaning or (new, hands)
    yield type(node), change.kind, as_is, before, len(within), around
    sorted_out = change.meaning or (*sorted(new), *hands)
    yield type(node), change.kind, sorted_out, tuple(sorted(within)), tuple(sorted(around))


def _hands(new: str, whole: str) -> tuple[str, ...]:
    """For each mark of a trade or a side in a new text whether it is the first one around it."""
    hands = []
    for sort, pattern in enumerate((_OF_A_TRADE, _ONE_OF_TWO)):
        first = pattern.search(whole)
        for mark in pattern.findall(new):
            hand = mark if first is None else str(mark == first[0])
            hands.append(f"{sort} {hand}")
    return tuple(hands)
