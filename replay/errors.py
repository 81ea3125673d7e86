"""Every failure that doge-replay can name, as types with data, and the exit code each one means.

The command line turns an error into one line on standard error and its exit code; nothing else
in the package prints or exits. A failure that is not one of these is a bug in doge-replay.
"""

from __future__ import annotations

import os
import signal
from enum import IntEnum

from replay.invocation import invoked


class ExitCode(IntEnum):
    """What the process tells its caller (docs/exit-codes.md)."""

    CLEAN = 0
    DIVERGENCE = 1
    BAD_INPUT = 2
    CORE_FAILED = 3
    PROVES_NOTHING = 4
    CANNOT_TEST = 125
    INTERRUPTED = 130
    TERMINATED = 143


class ReplayError(Exception):
    """Base of all errors of this project.

    `message` is one line for a person; `data` holds what it is about, for `--json`.
    """

    exit_code: ExitCode = ExitCode.CORE_FAILED

    def __init__(self, message: str, **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class UsageError(ReplayError):
    """The caller asked for something that does not exist or does not fit together."""

    exit_code = ExitCode.BAD_INPUT


class InputError(ReplayError):
    """A file cannot be used at all (missing, unreadable, of an unknown kind)."""

    exit_code = ExitCode.BAD_INPUT


class DamagedError(InputError):
    """A file of our own (corpus stream, database) is damaged or was cut off."""


class ForeignDatabaseError(InputError):
    """The database was made by a newer doge-replay or by another program; it is left untouched."""


class EnvironmentFailure(ReplayError):
    """The machine does not let us work: no space left, no permission, something not installed."""


class InternalFault(ReplayError):
    """A fault of doge-replay itself. It says nothing about the cores."""


class TargetError(ReplayError):
    """A core cannot be loaded or started at all."""


class FailureStorm(TargetError):
    """A core failed so often in a row that going on would prove nothing."""


class ProvesNothing(ReplayError):
    """The run compared nothing, or would not have noticed a fault."""

    exit_code = ExitCode.PROVES_NOTHING


ENDING_SIGNALS = tuple(
    getattr(signal, name)
    for name in (
        *("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGALRM"),
        *("SIGVTALRM", "SIGIO", "SIGPWR", "SIGSTKFLT"),
    )
    if hasattr(signal, name)
)
"""Signals from outside that end a process which does nothing about them. Those of faults are not
among them: whoever crashes cannot put anything in order."""


class Terminated(BaseException):
    """A signal asked the process to end.

    Not an Exception: it may come while a Python core is at work, and what a core raises is its
    answer.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number
        self.exit_code = 128 + number


def fault_words(error: BaseException) -> str:
    """A fault of ours on one line: what was raised, and where."""
    import traceback  # here: every process of a core would pay for it

    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}{at}".split())


def unforeseen(error: BaseException) -> ReplayError:
    """The error that an exception stands for which nobody handles: the machine's where it gave us
    no memory or no thread, which may happen anywhere; else a fault of ours."""
    if isinstance(error, MemoryError):
        return EnvironmentFailure("there is no memory left")
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return EnvironmentFailure("the system lets us start no more threads")
    if isinstance(error, SystemError):
        # Raised by the interpreter alone, where it has not looked whether it got memory.
        return EnvironmentFailure(f"Python itself failed, as it may without memory: {error}")
    return InternalFault(
        f"internal fault of doge-replay: {fault_words(error)}; please report it with what "
        f"`{invoked('doctor')}` says"
    )
