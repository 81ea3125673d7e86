"""Patterns of fields: what a statement about values is about, from one field to all that readers
treat alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple

from replay.explaining.causes.leaves import ANY, EVENT, OF_ONE, Field, known_fields

GROUPS: Final[Mapping[str, str]] = {
    "scalar": "dibterDTm", "number": "diD", "real": "dD", "named": "dibteDT",
}  # fmt: skip
"""Kinds of values that readers treat alike, as a pattern may name them together."""


_MAY_BE_NULL: Final = {"D": "d", "T": "t"}


def alike(kind: str) -> str:
    """The same for kinds that only differ in that a value may be null."""
    return _MAY_BE_NULL.get(kind, kind)


class Pattern(NamedTuple):
    """Fields that a statement is about; any part may be ANY, and the kind one of GROUPS."""

    root: str = ANY
    records: str = ANY
    name: str = ANY
    kind: str = ANY

    def has(self, field: Field) -> bool:
        """Whether a field is among them."""
        return (
            self.root in (ANY, field.root)
            and (self.records in (ANY, field.records) or self._is_of_any_event)
            and self.name in (ANY, field.name)
            and (self.kind in (ANY, field.kind) or field.kind in GROUPS.get(self.kind, ""))
        )

    def among(self, fields: Collection[Field]) -> Iterator[Field]:
        """Those of some fields that are among them."""
        # Where no part is left open there is at most one, and that is what is mostly asked.
        if tuple(self) in fields and not self._is_of_any_event:
            yield Field(*self)
        else:
            yield from filter(self.has, fields)

    @property
    def _is_of_any_event(self) -> bool:
        """Whether it names fields of events, whichever event has them."""
        return self.root == EVENT and not self.records

    @property
    def breadth(self) -> int:
        """How much is left open: the wider pattern has more."""
        if self._is_of_any_event:
            return self._replace(records=OF_ONE).breadth + 1
        weights = zip(self[:3], (32, 16, 8), strict=True)
        kind = len("dibterDTmlo?") if self.kind == ANY else len(GROUPS.get(self.kind, "."))
        return 2 * sum(weight for part, weight in weights if part == ANY) + kind

    def says(self) -> str:
        """In words: `state.orders[].price`, "every int of the state"."""
        if self.root == EVENT and self.records not in (ANY, ""):
            what = "a field" if self.name == ANY else self.name or "all"
            return f"{what} of a {self.records}"
        if ANY not in (self.root, self.name) and self.records != ANY:
            return dotted(self.root, self.records, self.name)
        kind = _KINDS.get(self.kind, "field") if self.kind != ANY else "field"
        what = f"every {kind}"
        if self.name == "":
            what = "every value that stands alone"
        elif self.name != ANY:
            what = f"{self.name} everywhere" if self.root == ANY else f"every {self.name}"
        where = "" if self.root == ANY else f" of {self.root}"
        if self.records not in (ANY, ""):
            where = f" of {self.root}.{self.records}[]"
        return what + where


def dotted(root: str, records: str, name: str) -> str:
    """A field as text."""
    parts = [root, f"{records}[]" if records else "", name]
    return ".".join(part for part in parts if part)


_KINDS: Final[Mapping[str, str]] = {
    "d": "double", "i": "int", "b": "flag", "t": "text", "e": "side, role and trade", "m": "mode",
    "r": "regime", "D": "double that may be null", "T": "text that may be null", "l": "list",
    "o": "record", "?": "unknown field", "scalar": "value", "number": "number",
    "real": "double", "named": "number, flag and text",
}  # fmt: skip


_OPEN: Final = ((), (0,), (2,), (1, 2), (0, 1), (0, 1, 2))
"""Which parts of a pattern, but for the kind, are left open."""


@cache
def patterns_of(field: Field) -> tuple[Pattern, ...]:
    """The patterns that a field of a document belongs to and that make sense, the widest first. Of
    those that say the same of all documents one, and the field itself where it is the only one."""
    apart: dict[frozenset[Field], Pattern] = {}
    known = (*known_fields(), field)
    own = Pattern(*field)
    if field.root == EVENT:
        # Where only one kind of event has it, that need not be said.
        of_any = own._replace(records="")
        own = of_any if len({one for one in known if of_any.has(one)}) == 1 else own
    for pattern in all_patterns_of(field):
        same = frozenset(one for one in known if pattern.has(one))
        apart.setdefault(same, pattern if len(same) > 1 else own)
    return tuple(sorted(apart.values(), key=lambda pattern: (-pattern.breadth, pattern)))


@cache
def all_patterns_of(field: Field) -> tuple[Pattern, ...]:
    """The patterns that a field belongs to, the widest first."""
    groups = [name for name, kinds in GROUPS.items() if field.kind in kinds]
    found = [Pattern(*field)]
    if field.root == EVENT and field.records:
        # Fields of one kind of event; beyond that, they are those of all events.
        field = field._replace(records="")
        found.append(Pattern(*field))
    for open_parts in _OPEN[1:]:
        parts = [ANY if n in open_parts else part for n, part in enumerate(field[:3])]
        kinds = (field.kind, *groups, ANY) if 2 in open_parts else (field.kind, ANY)
        root, records, name = parts
        found += [Pattern(root, records, name, kind) for kind in kinds]
    return tuple(sorted(found, key=lambda pattern: (-pattern.breadth, pattern)))
