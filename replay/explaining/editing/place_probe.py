"""Looks at one place of a core's source while it runs: what it comes to, what is in scope there;
and has it come to something else.

An expression `x` is wrapped: `value_here(x)`. The probe is told each time it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NamedTuple

PROBE: Final = "value_here"
"""The name by which edited sources know the probe."""

MOST_HITS: Final = 200
"""How often a place is looked at in one run: it may be in a loop."""

Terms = Mapping[str, Any]
"""What is in scope at a place, by the text that stands for it."""


class Hit(NamedTuple):
    """One time that a place ran: what it came to, and the terms in scope."""

    value: Any
    terms: Terms


class PlaceProbe:
    """What is called at a place."""

    def __init__(self) -> None:
        self._look: Callable[[FrameType], Terms] | None = None
        self._forced: Mapping[int, Any] = {}
        self._hits: list[Hit] = []
        self._count = 0
        self._change: Callable[[Any], Any] | None = None

    def __call__(self, value: Any) -> Any:
        """The value, or what is forced instead."""
        if self._change is not None:
            return self._change(value)
        number = self._count
        self._count += 1
        look = self._look
        if look is not None and number < MOST_HITS:
            self._look = None  # what is looked at may run through the place itself
            self._hits.append(Hit(value, look(sys._getframe(1))))
            self._look, self._count = look, number + 1
        return self._forced.get(number, value)

    @contextmanager
    def looking(self, look: Callable[[FrameType], Terms]) -> Iterator[list[Hit]]:
        """Notes what is met meanwhile; `look` makes the terms of what runs."""
        self._hits, self._count, self._look = [], 0, look
        try:
            yield self._hits
        finally:
            self._look = None

    @contextmanager
    def forcing(self, forced: Mapping[int, Any]) -> Iterator[None]:
        """Has the place come to other values meanwhile, by the number of the time that it runs."""
        self._forced, self._count = forced, 0
        try:
            yield
        finally:
            self._forced = {}

    @contextmanager
    def changing(self, change: Callable[[Any], Any]) -> Iterator[list[Any]]:
        """Has the place come to something else meanwhile, each time that it runs; notes what it
        came to by itself."""
        values: list[Any] = []

        def changed(value: Any) -> Any:
            if len(values) < MOST_HITS:
                values.append(value)
            return change(value)

        self._change = changed
        try:
            yield values
        finally:
            self._change = None
