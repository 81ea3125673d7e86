"""What stands in the place of a value: what another field of its record says, or one value.

A port has defaults of its own: a missing `cycle_b` is `cycle_a` there, a missing `cycle` is 1.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Instead(NamedTuple):
    """A field by its name, or a value as JSON: 1, 1.0 and true are not the same."""

    field: str = ""
    text: str = ""

    @classmethod
    def of(cls, value: Any) -> Instead:
        """One value: a number, a text, a flag, null."""
        return cls(text=json.dumps(value))

    @property
    def value(self) -> Any:
        """The value that it is, where it is no field's."""
        return json.loads(self.text)

    def says(self) -> str:
        """In words, after "taken for"."""
        return self.field or self.text


__all__ = ["Instead"]
