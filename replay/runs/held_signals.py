"""Signals that wait until something is whole: a worker started and known, a lot counted and noted.

Blocking alone does not do. Other threads of this process may take a signal that this one blocks,
and Python then handles it here all the same; so it is only noted, and raised again in the end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def signals_held_back(numbers: Iterable[int]) -> Iterator[None]:
    """Holds these signals back until the block is done; then the first that came is raised."""
    numbers = tuple(numbers)
    held: list[int] = []
    former = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    handlers = _handled_by(numbers, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
    if held:
        signal.raise_signal(held[0])


def _handled_by(numbers: Iterable[int], handler: _Handler) -> dict[int, _Handler]:
    """Puts a handler in the place of those that signals have; gives the former ones. Only the main
    thread can, and only it is interrupted."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    former = {}
    for number in numbers:
        handled = signal.getsignal(number)
        if callable(handled):
            former[int(number)] = handled
            signal.signal(number, handler)
    return former
