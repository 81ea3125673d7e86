"""An authority of plain classes with slots and an `__init__` of their own, which takes its fields
by name only; lists instead of tuples, and nothing that can be compared but by identity."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from dressing import dressed, fields_of


def _record(name: str) -> Any:
    defaults = {field.name: field.default for field in fields_of(name)}

    class Record:
        __slots__ = tuple(defaults)

        def __init__(self, **values: Any) -> None:
            for field in defaults:
                value = values.pop(field, defaults[field])
                if value is MISSING:
                    raise TypeError(f"{name} needs {field}")
                setattr(self, field, value)
            if values:
                raise TypeError(f"{name} knows no {sorted(values)}")

    Record.__name__ = Record.__qualname__ = name
    return Record


globals().update(dressed(_record, listed=list))
