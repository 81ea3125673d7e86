"""An authority that computes with numpy: its numbers are numpy's, and so are its bits of truth."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from typing import Any

import numpy as np
from dressing import dressed, fields_of


def _record(name: str) -> Any:
    fields = [(f.name, Any, field(default=f.default)) for f in fields_of(name)]
    return make_dataclass(name, fields, frozen=True)


def _worn(name: str, value: Any) -> Any:
    if type(value) is float:
        return np.float64(value)
    if type(value) is bool:
        return np.bool_(value)
    if type(value) is int and abs(value) < 2**63:
        return np.int64(value)
    return value


def _bare(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


globals().update(dressed(_record, _worn, _bare))
