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


def _unreadable(base: type) -> type:
    """A type whose values pass for those of another, until anything is done with them."""
    refusing = {f"__{name}__": _refuse for name in _OPERATIONS} | dict.fromkeys(_METHODS, _refuse)
    own = {
        "__repr__": lambda value: f"<unreadable {base.__name__}>",
        "__deepcopy__": lambda value, memo: value,
        "__copy__": lambda value: value,
    }
    return type(f"Unreadable{base.__name__.title()}", (base,), {**refusing, **own})


_TYPES: Final = {base: _unreadable(base) for base in (str, int, float, list, dict, object)}


def unreadable(value: Any) -> Any:
    """What stands for a value that no core can read: of the same type, as far as there can be
    one."""
    for base in (str, int, float, list, dict):
        if isinstance(value, base):
            return _TYPES[base](value)
    return _TYPES[object]()


__all__ = ["unreadable"]
