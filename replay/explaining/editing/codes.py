"""Which code ran: what an answer can depend on, so that it need not be asked for again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, TypeVar

V = TypeVar("V")


@contextmanager
def tracing(trace: Callable[[FrameType, str, Any], Any]) -> Iterator[None]:
    """Has Python tell of what runs meanwhile; afterwards who was told before is told again."""
    former = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(former)


def with_codes(run: Callable[[], V]) -> tuple[V, Collection[CodeType] | None]:
    """What `run` returns, and the code of all functions that were called; None where something else
    traces already."""
    if sys.gettrace() is not None:
        return run(), None
    # By identity: to hash a code takes as long as to run many a function.
    codes: dict[int, CodeType] = {}

    def trace(frame: FrameType, _event: str, _argument: Any) -> None:
        code = frame.f_code
        codes[id(code)] = code

    sys.settrace(trace)
    try:
        return run(), codes.values()
    finally:
        sys.settrace(None)
