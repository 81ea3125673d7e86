"""Whether what a directory has us run was put there by somebody else.

Where one stands says which code is run: a pyproject.toml names cores, explanations.toml has
deviations, which are code, and build/ may have an executable. In a directory of one's own that is
meant so. In that of another user it is run only where somebody said so (`--trust`, or
DOGE_REPLAY_TRUSTED for directories and all below them), as git has it with `safe.directory`.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from replay.errors import UsageError

ROOT_USER = 0
"""Who could change anything anyway."""


class Code(NamedTuple):
    """A file that has code run, and in what way."""

    path: Path
    how: str


def refuse_foreign(
    codes: Iterable[Code], environment: Mapping[str, str], own: Iterable[Path] = ()
) -> None:
    """Raises UsageError where some code is another user's and nobody said that it may be run.
    `own` are directories that are trusted with all below them, besides those of the environment."""
    named = environment.get("DOGE_REPLAY_TRUSTED", "").split(os.pathsep)
    trusted = [*own, *(Path(name).resolve() for name in named if name)]
    users = _own_users(environment)
    for path, how in codes:
        whole = path.resolve()
        owner = next((one for one in _owners(whole) if one not in users), None)
        if owner is not None and not any(whole.is_relative_to(one) for one in trusted):
            raise UsageError(
                f"{path} {how}, and it belongs to {_name_of(owner)}: look at it, then say --trust, "
                f"or DOGE_REPLAY_TRUSTED={whole.parent} for good",
                path=str(path),
            )


def _own_users(environment: Mapping[str, str]) -> set[int]:
    """Whose files are one's own: with sudo those of who called it, too."""
    users = {os.geteuid(), ROOT_USER}
    caller = environment.get("SUDO_UID", "")
    if os.geteuid() == ROOT_USER and caller.isdecimal():
        users.add(int(caller))
    return users


def _owners(path: Path) -> list[int]:
    """Who owns a file, and the directory in which another one could take its place."""
    try:
        return [path.stat().st_uid, path.parent.stat().st_uid]
    except OSError:
        return []


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
