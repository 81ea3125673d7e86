"""How a child process ended, in words, and whether it was for want of memory."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

HEAP_EXHAUSTED = 251
"""What GHC's runtime exits with where its heap is used up."""

KILLED_IN_A_SHELL = 128 + signal.SIGKILL
"""What a shell script exits with whose last program was killed."""

_EXPLAINED = {
    HEAP_EXHAUSTED: " (out of memory)",
    KILLED_IN_A_SHELL: " (killed, perhaps out of memory)",
}
_NO_MEMORY = re.compile(
    rb"out of memory|OutOfMemory|MemoryError|bad_alloc|cannot allocate memory"
    rb"|memory allocation of \d+ bytes failed|heap (exhausted|overflow|limit|space)",
    re.IGNORECASE,
)
"""What the runtimes of several languages say where they get no more memory."""


@dataclass(frozen=True, slots=True)
class Ending:
    """`words` for a person; `out_of_memory` where it died of that, as far as can be told."""

    words: str
    out_of_memory: bool


def ending_of(info: os.waitid_result | None, standard_error: bytes) -> Ending:
    """How a child ended that closed its output; None where it has not exited."""
    if info is None:
        return Ending("closed its standard output but lives on", False)
    said = _NO_MEMORY.search(standard_error) is not None
    if info.si_code == os.CLD_EXITED:
        return Ending(exit_words(info.si_status), said or info.si_status in _EXPLAINED)
    # Where the memory of the machine runs out, the kernel kills with this one.
    killed = info.si_status == signal.SIGKILL
    return Ending(f"exited with {signal_words(info.si_status)}", said or killed)


def exit_words(code: int) -> str:
    """How a child ended that chose its exit code."""
    return f"exited with code {code}{_EXPLAINED.get(code, '')}"


def signal_words(number: int) -> str:
    """A signal by its number and name."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    said = f"{name}, perhaps out of memory" if number == signal.SIGKILL else name
    return f"signal {number} ({said})"
