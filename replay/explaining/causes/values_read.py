"""What readings make of values before the core reads them, and when two of them do the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from replay.explaining.causes.leaves import ABSENT, Leaf, Path
from replay.explaining.causes.statement import Reading
from replay.explaining.causes.takings import WHERE_READ, Inapplicable, Taking


def changes_of(leaves: Sequence[Leaf], rules: Sequence[Reading]) -> Mapping[Path, Any]:
    """What the readings make of the leaves that they are about."""
    changes: dict[Path, Any] = {}
    others = _values(lambda: leaves, rules)
    for leaf in leaves:
        value = read_as(leaf, rules, others)
        if value is not UNCHANGED:
            changes[leaf.path] = value
    # What stands in an entry or object that is taken away, or replaced, is gone with it.
    return {
        path: value
        for path, value in changes.items()
        if not any(path[:length] in changes for length in range(1, len(path)))
    }


def effect_of(
    rules: Sequence[Reading], leaves: Sequence[Leaf], among: Callable[[], Sequence[Leaf]]
) -> bytes:
    """What readings make of some values `among` all, the same for what is the same; as a digest,
    since hundreds are kept of each of thousands of steps."""
    others = _values(among, rules) if leaves else {}
    made = {leaf.path: read_as(leaf, rules, others) for leaf in leaves}
    text = repr(sorted((repr(path), repr(value)) for path, value in made.items()))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


UNCHANGED: Final = object()
"""Stands for a value that no reading changes."""


def _values(among: Callable[[], Sequence[Leaf]], rules: Sequence[Reading]) -> Mapping[Path, Any]:
    """The values by their paths, where a reading takes one for another."""
    is_any = any(rule.taking is Taking.FIELD for rule in rules)
    return {leaf.path: leaf.value for leaf in among()} if is_any else {}


def read_as(leaf: Leaf, rules: Sequence[Reading], others: Mapping[Path, Any]) -> Any:
    """What the readings make of a value, one after the other; what can be read no more comes last,
    since nothing can be made of it."""
    path, field, value = leaf
    is_changed = False
    unread: list[Reading] = []
    for rule in rules:
        if rule.taking in WHERE_READ:
            unread.append(rule)
        elif rule.is_about(Leaf(path, field, value)):
            try:
                value = rule.made_of(value, field, lambda name: others.get((*path[:-1], name)))
            except Inapplicable:
                continue
            is_changed = True
    for rule in unread:
        if value is not ABSENT and rule.is_about(Leaf(path, field, value)):
            return rule.made_of(value, field)
    return value if is_changed else UNCHANGED


__all__ = ["UNCHANGED", "changes_of", "effect_of", "read_as"]
