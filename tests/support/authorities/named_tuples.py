"""An authority whose records are named tuples."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import MISSING
from typing import Any

from dressing import dressed, fields_of


def _record(name: str) -> Any:
    fields = fields_of(name)
    defaults = [field.default for field in fields if field.default is not MISSING]
    return namedtuple(name, [field.name for field in fields], defaults=defaults)


globals().update(dressed(_record))
