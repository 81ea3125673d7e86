"""Figures and times in words, and values of which nobody has said that they are what they should.

A status document comes from a bot, and telemetry from whatever wrote it: what is missing or of a
wrong kind is shown as it is, and is never an error of the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from replay.differential.difference_texts import value_text

NOTHING = "–"


def mapping(value: object) -> Mapping[str, Any]:
    """A mapping, empty where it is something else."""
    return value if isinstance(value, Mapping) else {}


def number(value: object) -> float | None:
    """A finite number, None where it is something else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def count(value: object) -> int | None:
    """A whole number from zero, None where it is something else."""
    return value if type(value) is int and value >= 0 else None


def words(value: object) -> str:
    """Any value in words."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**30 else "very large"
    if isinstance(value, str):
        return value
    return value_text(value)


def moment(value: object) -> datetime | None:
    """Epoch seconds as a time, None where they are none."""
    if isinstance(value, datetime):
        return value
    at = number(value)
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_time(value: object) -> bool:
    """Whether a value is a time, and not seconds that may be anything."""
    return isinstance(value, datetime)


def ago(seconds: float) -> str:
    """A length of time: `40 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    seconds = max(0.0, seconds)
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
