"""How a shell calls this very program: the first word of every command that is printed.

`doge-replay` alone says it only where a shell finds that name, and finds this program under it.
Elsewhere (a checkout's `.venv/bin/doge-replay`, `python -m replay`) it is the path as it was typed,
or that of the program beside this Python.
"""

from __future__ import annotations

import os
import sys

from replay.safe_text import quoted

PROGRAM = "doge-replay"


def invocation() -> str:
    """What a shell can take, from the directory that the program was started in."""
    started = sys.argv[0] if sys.argv else ""
    beside = os.path.join(os.path.dirname(sys.executable), PROGRAM)
    here = started if os.path.basename(started) == PROGRAM else beside
    if not os.path.isfile(here):
        return f"{quoted(sys.executable)} -m replay"
    import shutil  # here: every process of a core would pay for it

    found = shutil.which(PROGRAM)
    if found is not None and os.path.samefile(found, here):
        return PROGRAM
    return quoted(here)


def invoked(*words: str) -> str:
    """A command of this program, of words that a shell can take."""
    return " ".join((invocation(), *words))
