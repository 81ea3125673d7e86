"""What a Python core raised, as the refusal that it stands for."""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path

import replay
from replay.core import UnknownEventError, UnreadableError
from replay.targets.base import Outcome, RefusalKind
from replay.targets.executable.frames import one_line

RAISED = (Exception, SystemExit)
"""What a bot's module may raise; only what asks this very process to stop goes through."""

MAX_TEXT = 200
"""How much of a foreign exception's text is kept."""

_NOT_THE_MODULES = (
    str(Path(replay.__file__).parent) + os.sep,
    str(Path(os.__file__).parent) + os.sep,
    "<",
)
"""How the names of files begin that are ours, of Python or of what it has installed."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class Refused(Exception):
    """A step that the core does not take: carries the refusal."""

    def __init__(self, kind: RefusalKind, path: str) -> None:
        super().__init__(kind, path)
        self.outcome: Outcome = [str(kind), path]


class Unmade(Exception):
    """What was given cannot be made into one of the module's records; the text says which."""


def refusal(error: BaseException, *, reading: bool = False) -> Refused:
    """The refusal that an exception of a core stands for. `reading` where it came of reading an
    input: there a ValueError is no arithmetic."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, UnreadableError):
        return Refused(RefusalKind.UNREADABLE, error.path)
    if isinstance(error, UnknownEventError):
        return Refused(RefusalKind.UNKNOWN_EVENT, "event")
    if isinstance(error, Unmade):
        return Refused(RefusalKind.UNMADE, kept_text(str(error)))
    is_arithmetic = (
        isinstance(error, OverflowError | ZeroDivisionError) or type(error) is ValueError
    )
    if is_arithmetic and not reading:
        return Refused(RefusalKind.ARITHMETIC, place_of(error))
    return Refused(RefusalKind.ERROR, told(error))


def place_of(error: BaseException) -> str:
    """Where in a bot's own module something was raised: `OverflowError in book`, by the innermost
    function that is the module's. Empty for our own core, whose refusals say no more than the
    contract does."""
    names = [
        frame.f_code.co_name
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(_NOT_THE_MODULES)
    ]
    return kept_text(f"{type(error).__name__} in {names[-1]}") if names else ""


def refusal_by(error: BaseException) -> Outcome:
    """The outcome of a step at which a core raised this."""
    return refusal(error).outcome


def told(error: BaseException) -> str:
    """An exception of a core's as text: its type and what it says, on one line that is the same
    each time."""
    try:
        text = str(error)
    except RAISED:  # even this may be the module's own code
        text = "(without a text)"
    return kept_text(f"{type(error).__name__}: {text}")


def kept_text(text: str) -> str:
    """A text of a module's that can be stored and sent: no half characters, no addresses."""
    text = text[: 4 * MAX_TEXT].encode("utf-8", "backslashreplace").decode()
    return one_line(_ADDRESS.sub("", text), MAX_TEXT)
