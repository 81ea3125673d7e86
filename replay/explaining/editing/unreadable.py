"""Values that no core can read: whatever is made of one is refused, and what is not read is not.

Loose cores read much only where they need it, and pass over what they do not know. So does a port
of theirs: what it refuses, it refuses where it gets there.
"""

from __future__ import annotations

from typing import Any, Final

from replay.explaining.editing.vocabulary import refuse_here


def _refuse(*_values: object, **_named: object) -> None:
    refuse_here()


_OPERATIONS: Final = (
    "float", "int", "index", "bool", "complex", "eq", "ne", "lt", "le", "gt", "ge", "hash", "len",
    "iter", "contains", "getitem", "add", "radd", "sub", "rsub", "mul", "rmul", "truediv",
    "rtruediv", "floordiv", "rfloordiv", "mod", "rmod", "pow", "rpow", "neg", "pos", "abs", "round",
    "trunc", "floor", "ceil", "str", "format",
)  # fmt: skip
_METHODS: Final = (
    "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "split",
    "startswith", "endswith", "replace", "encode", "isdigit", "isdecimal", "isnumeric", "isascii",
    "is_integer", "get", "items", "keys", "values", "copy", "append", "index", "count",
)  # fmt: skip


def _unreadable(base: type, truth: bool | None) -> type:
    """A type whose values pass for those of another, until anything is done with them; but it may
    be asked whether they count as anything where `truth` says so."""
    told = "" if truth is None else f" that counts as {truth}"
    refusing = {f"__{name}__": _refuse for name in _OPERATIONS} | dict.fromkeys(_METHODS, _refuse)
    kept = {
        # Readings that come to the same are known by what they make of values.
        "__repr__": lambda value: f"<unreadable {base.__name__}{told}>",
        "__deepcopy__": lambda value, memo: value,
        "__copy__": lambda value: value,
    }
    counts = {} if truth is None else {"__bool__": lambda _value: truth}
    name = f"Unreadable{base.__name__.title()}"
    return type(name, (_Unreadable, base), {**refusing, **kept, **counts})


class _Unreadable:
    """Marks values that no core can read."""

    __slots__ = ()


_BASES: Final = (str, int, float, list, dict)
_TYPES: Final = {
    (base, truth): _unreadable(base, truth)
    for base in (*_BASES, object)
    for truth in (None, True, False)
}
"""By the type that they pass for, and by what they count as where that may be asked."""


def unreadable(value: Any, *, counts: bool = False) -> Any:
    """What stands for a value that no core can read: of the same type, as far as there can be
    one. With `counts` a core may ask whether it counts as anything (`value or default`)."""
    truth = bool(value) if counts else None
    for base in _BASES:
        if isinstance(value, base):
            return _TYPES[base, truth](value)
    return _TYPES[object, truth]()


def is_unreadable(value: Any) -> bool:
    """Whether it is such a value: nothing can be asked of it."""
    return isinstance(value, _Unreadable)


__all__ = ["is_unreadable", "unreadable"]
