"""Warnings about what is counted: the first at once, then how many there are, now and then."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

EVERY = 60.0
"""Seconds between two warnings of one kind."""


@dataclass(slots=True)
class _Told:
    count: int = 0
    at: float = 0.0


class Warnings:
    """What was warned of, by kind. Used by one thread."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[str, _Told] = {}

    def tell(self, what: str, count: int, last: str, *, at_once: bool = False) -> None:
        """Warns where more than before are counted of `what` (a plural); `last` is the last of
        them. `at_once`: the end has come, and nothing is put off."""
        told = self._told.setdefault(what, _Told())
        if count < told.count:  # set to nought
            told.count = 0
        now = time.monotonic()
        if count == told.count or (told.count and now - told.at < EVERY and not at_once):
            return
        self._log.warning("%d %s, %d more than said before; last: %s", count, what,
                          count - told.count, last or "unknown")  # fmt: skip
        told.count, told.at = count, now
