"""What commands share that change by hand what is recorded: who does it, why, and for real."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from replay.cli.common import reading
from replay.findings.store.rows import MAX_WHO
from replay.findings.store.store import Store
from replay.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

GIT_SECONDS = 5.0

NOT_YET = "nothing is changed yet: --yes does it"


def who_option(command: F) -> F:
    """--who, for what is noted in the history."""
    return click.option(
        "--who",
        metavar="NAME",
        help="Who says so; default the user.name of git, then the name of the user.",
    )(command)


def why_option(command: F) -> F:
    """--why, likewise."""
    return click.option("--why", metavar="TEXT", default="", help="The reason, for the history.")(
        command
    )


def yes_option(command: F) -> F:
    """--yes, for what shows first what it would do."""
    return click.option(
        "--yes", is_flag=True, help="Do it; without, only what would move is shown."
    )(command)


@contextmanager
def opened(settings: Settings, *, writing: bool) -> Iterator[Store]:
    """The database, for reading only unless something is to be changed. Raises InputError where
    there is none."""
    if not writing:
        with reading(settings) as store:
            yield store
        return
    with Store.open(settings.db, create=False) as store:
        yield store


def name_of(who: str | None) -> str:
    """The name given, or the one that git or the system knows; "unknown" where nobody does."""
    given = (who or _git_name() or _user_name() or "unknown").strip()
    return given if who else given[:MAX_WHO]


def _git_name() -> str:
    try:
        asked = subprocess.run(
            ["git", "config", "user.name"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.decode("utf-8", "replace").strip() if asked.returncode == 0 else ""


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
