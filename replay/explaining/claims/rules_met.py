"""Which readings have anything to say of the steps of a run, found out once for each value.

From step to step most of a state is the very same objects: only what has changed is looked at, and
of a list of records only those that are new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from replay.explaining.causes.answered import keep
from replay.explaining.causes.leaves import ABSENT, Field, Leaf, leaves_of
from replay.explaining.causes.next_state import state_leaves
from replay.explaining.causes.statement import Reading
from replay.streams.model import RECORD_FIELDS, STATE_FIELDS, Stream
from replay.targets.compact import Plain, record_document

Met = frozenset[Reading]

_NONE: Final[Met] = frozenset()
_MOST_KEPT: Final = 20_000
"""Records, and settings, of which it is kept what is met in them."""


class RulesMet:
    """Holds values of steps against a fixed choice of readings."""

    def __init__(self, rules: Iterable[Reading]) -> None:
        self._rules = tuple(rules)
        self._about: dict[Field, tuple[Reading, ...]] = {}
        self._fields: list[tuple[object, Met]] = [(ABSENT, _NONE)] * len(STATE_FIELDS)
        self._kept: dict[tuple[object, ...], tuple[object, Met]] = {}

    def in_state(self, plain: Plain, but: Collection[int] = ()) -> Met:
        """Those met in a state that was told, as a document, but for some fields."""
        if not self._rules:
            return _NONE
        for index, value in enumerate(plain):
            if value is not self._fields[index][0]:
                self._fields[index] = value, self._in_field(index, value)
        found = (met for index, (_, met) in enumerate(self._fields) if met and index not in but)
        return _NONE.union(*found)

    def in_fields(self, fields: Mapping[str, object]) -> Met:
        """Those met in some fields of a state, as they came."""
        return _NONE.union(*(self._in_part(name, value) for name, value in fields.items()))

    def in_document(self, stream: Stream, root: str, document: object) -> Met:
        """Those met in one of the other documents of the one step of a stream."""
        if not self._rules:
            return _NONE
        # A call is another each time; settings stay for many steps.
        key = (root, id(document))
        known = self._kept.get(key)
        if known is None or known[0] is not document:
            met = self._in(leaves_of(stream, root))
            known = keep(self._kept, key, (document, met), _MOST_KEPT)
        return known[1]

    def in_call(self, stream: Stream) -> Met:
        """Those met in the call itself."""
        return self._in(leaves_of(stream, "event")) if self._rules else _NONE

    def _in_field(self, index: int, value: Any) -> Met:
        name = STATE_FIELDS[index]
        if index not in RECORD_FIELDS or not isinstance(value, Sequence) or isinstance(value, str):
            return self._in_part(name, value)
        found = self._in_part(name, [])
        for record in value:
            known = self._kept.get((index, id(record)))
            if known is None or known[0] is not record:
                met = self._in_part(name, [record_document(index, record)])
                known = keep(self._kept, (index, id(record)), (record, met), _MOST_KEPT)
            found |= known[1]
        return found

    def _in_part(self, name: str, value: object) -> Met:
        leaves = state_leaves({name: value})
        # The other fields are there, and not missing.
        return self._in(one for one in leaves if one.value is not ABSENT or len(one.path) > 2)

    def _in(self, leaves: Iterable[Leaf]) -> Met:
        found: set[Reading] = set()
        for leaf in leaves:
            about = self._about.get(leaf.field)
            if about is None:
                about = tuple(one for one in self._rules if one.pattern.has(leaf.field))
                self._about[leaf.field] = about
            found.update(rule for rule in about if rule not in found and rule.meets(leaf))
        return frozenset(found)


__all__ = ["Met", "RulesMet"]
