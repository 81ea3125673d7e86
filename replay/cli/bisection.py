"""`repro` as a test for `git bisect run`: what a revision is, said by the exit code.

git takes 0 for good, 125 for a revision that cannot be tested, and anything else below 128 for
bad. Our usual codes for what went wrong (2, 3, 4) would thus make it name an innocent commit. So
here only two things are certain, that the cores agree and that they show the finding that is
sought; whatever keeps us from knowing is 125.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from enum import StrEnum
from typing import assert_never

from replay.cli.console import note
from replay.cli.subject import Shown
from replay.errors import EnvironmentFailure, ExitCode, ReplayError
from replay.safe_text import clean


class Other(StrEnum):
    """What a revision is that diverges, but as another finding than the one sought."""

    SKIP = "skip"
    """It cannot be told: the other may hide the one sought."""

    BAD = "bad"
    """Any divergence will do."""

    GOOD = "good"
    """Only the very finding is bad."""


def bisect_code(
    shown: Shown,
    other: Other,
    *,
    sought_failure: bool,
    failed: bool,
    misses: bool,
    uncompared: bool = False,
) -> ExitCode:
    """What to tell `git bisect run`.

    `sought_failure`: the finding sought is itself a core that fails. `failed`: a core failed now.
    `misses`: the cores agree, but a parity case did not end as it expects to. `uncompared`: they do
    so only in that both refuse.
    """
    match shown:
        case Shown.AGREES:
            if misses:
                return ExitCode.DIVERGENCE
            return ExitCode.CANNOT_TEST if uncompared else ExitCode.CLEAN
        case Shown.SOUGHT:
            return ExitCode.DIVERGENCE
        case Shown.ANOTHER:
            if failed and not sought_failure:
                return ExitCode.CANNOT_TEST
            if sought_failure and not failed and other is Other.SKIP:
                return ExitCode.CLEAN  # it answers, if wrongly: nothing hides that it does not fail
            return _OTHER[other]
    assert_never(shown)


_OTHER = {
    Other.SKIP: ExitCode.CANNOT_TEST,
    Other.BAD: ExitCode.DIVERGENCE,
    Other.GOOD: ExitCode.CLEAN,
}


def cannot_test(error: Exception) -> ExitCode:
    """Says why a revision cannot be tested."""
    known = isinstance(error, ReplayError | OSError)
    message = str(error) if known else f"{type(error).__name__}: {error}"
    note(f"doge-replay: cannot test this revision: {clean(message, 1000)}")
    return ExitCode.CANNOT_TEST


def build(command: str) -> None:
    """Runs a build command by the shell, its output to standard error.

    Raises EnvironmentFailure where it fails; it and all that it started are killed where we are
    told to end.
    """
    sys.stderr.flush()
    process = subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        process_group=0,
    )
    try:
        code = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code:
        how = f"exit {code}" if code > 0 else f"signal {-code}"
        raise EnvironmentFailure(f"the build failed ({how}): {command}", command=command)
