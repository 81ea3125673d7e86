"""A core that runs in this process prints where it likes; standard output is ours all the same."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """While it lasts, what is printed is dropped, whoever prints it: Python code, a library in C,
    or a program that a core starts. A core in a process of its own is not heard either. Our own
    output comes before or after."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # closed from the start: there is nothing to keep clean
        kept = None
    os.dup2(nothing, 1)
    try:
        with open(nothing, "w") as dropped, contextlib.redirect_stdout(dropped):
            yield
    finally:
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
        if kept is None:
            os.close(1)
        else:
            os.dup2(kept, 1)
            os.close(kept)
