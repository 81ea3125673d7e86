"""Faults of our own: one line for whoever called us, and a file for whoever mends them."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from types import TracebackType

from replay import __version__
from replay.errors import InternalFault, ReplayError, Terminated, unforeseen
from replay.user_folders import state_folder

AGAIN_SECONDS = 0.05
"""After which a signal that was swallowed comes again."""


def keep_fault(error: BaseException) -> ReplayError:
    """What an exception stands for that nobody handles. Of a fault of ours the traceback is kept in
    a file that the message names, where one can be written."""
    fault = unforeseen(error)
    if not isinstance(fault, InternalFault):
        return fault
    text = "".join(
        (
            f"doge-replay {__version__}, Python {platform.python_version()}\n",
            f"{sys.argv[1:]!r}\n\n",
            *traceback.format_exception(error),
        )
    )
    for folder in (state_folder(), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix="fault-", suffix=".txt", dir=folder, text=True)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            continue
        return InternalFault(f"{fault.message}, and with {name}")
    return fault


def tell_of_threads() -> None:
    """What ends a thread of ours, or an object that is thrown away, is one line, too."""
    threading.excepthook = lambda caught: _tell(caught.exc_value)
    sys.unraisablehook = lambda caught: _tell_unraised(caught.exc_value)
    sys.excepthook = _tell_uncaught


def _tell_unraised(error: BaseException | None) -> None:
    """Where Python collects garbage or throws an object away, nothing that is raised gets through.
    A signal that came just then is sent once more, a little later."""
    if isinstance(error, Terminated):
        again = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), error.signal))
        again.daemon = True
        again.start()
    else:
        _tell(error)


def _tell_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    _tell(error)


def _tell(error: BaseException | None) -> None:
    if error is None or isinstance(error, SystemExit | KeyboardInterrupt):
        return
    try:
        sys.stderr.write(f"doge-replay: {keep_fault(error).message}\n")
    except (OSError, ValueError, AttributeError):
        return  # there is nobody to tell
