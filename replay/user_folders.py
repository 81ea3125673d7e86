"""Where files of ours may lie that nobody has named a place for: by the XDG rules, below the home
of whoever runs a command, and never in the directory that it is run in.
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """For what can be made again."""
    return _folder("XDG_CACHE_HOME", "~/.cache")


def state_folder() -> Path:
    """For what tells of what has happened, as faults of ours."""
    return _folder("XDG_STATE_HOME", "~/.local/state")


def built_core() -> Path:
    """The executable that `build-core` made for a doge-replay that was installed."""
    return cache_folder() / "build" / "doge-core-exe"


def _folder(variable: str, usual: str) -> Path:
    # By the rules a relative path there counts for nothing.
    given = os.environ.get(variable, "")
    return Path(given if os.path.isabs(given) else os.path.expanduser(usual)) / "doge-replay"
