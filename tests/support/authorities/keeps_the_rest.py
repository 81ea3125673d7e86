"""An authority whose records are dictionaries with attributes, can be changed, and keep whatever
unknown fields they were read with."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from dressing import dressed, fields_of


def _record(name: str) -> Any:
    defaults = {field.name: field.default for field in fields_of(name)}

    class Record(dict):  # type: ignore[type-arg]
        def __init__(self, **values: Any) -> None:
            super().__init__()
            for field, default in defaults.items():
                value = values.pop(field, default)
                if value is MISSING:
                    raise TypeError(f"{name} needs {field}")
                self[field] = value
            self["rest"] = values

        def __getattr__(self, field: str) -> Any:
            try:
                return self[field]
            except KeyError:
                raise AttributeError(field) from None

        __setattr__ = dict.__setitem__

    Record.__name__ = Record.__qualname__ = name
    return Record


_made = dressed(_record, listed=list)
_KNOWN = {field.name for field in fields_of("PairState")}


def from_dict(data: Any) -> Any:
    """A state, with what nobody knows of kept beside it."""
    state = _made["from_dict"](data)
    state.rest = {name: value for name, value in data.items() if name not in _KNOWN}
    return state


def transition(state: Any, event: Any, config: Any, size: Any, sizes: Any = None) -> Any:
    after, actions = _made["transition"](state, event, config, size, sizes)
    after.rest = state.rest
    return after, actions


globals().update({name: one for name, one in _made.items() if name not in globals()})
