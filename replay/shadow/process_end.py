"""What is called at the end of the bot's process, whichever way it ends in order.

A process of a pool (multiprocessing, concurrent.futures) is left by `os._exit` where it was forked:
nothing that `atexit` was told is called there, but the finalizers of multiprocessing are. Without
them a backtest in a pool would lose most of its calls.
"""

from __future__ import annotations

import atexit
import sys
import weakref
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def at_end(call: Callable[[], None]) -> Callable[[], None]:
    """Has it called once at the end; what is returned takes that back."""
    atexit.register(call)
    finalizer = None
    # Not imported where nobody else has: only who has it can be a process of a pool.
    process = sys.modules.get("multiprocessing.process")
    util = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        finalizer = util.Finalize(None, call, exitpriority=0)

    def take_back() -> None:
        atexit.unregister(call)
        if finalizer is not None:
            finalizer.cancel()

    return take_back


def weakly(one: T, method: Callable[[T], None]) -> Callable[[], None]:
    """A call of a method that does not keep alive what it is called on."""
    reference = weakref.ref(one)

    def call() -> None:
        still = reference()
        if still is not None:
            method(still)

    return call
