"""What names an executable, as an absolute path: one meaning, whoever asks.

The settings, the live adapter and the paper bot all take `DOGE_CORE_EXE`. A bot may change its
directory after its start, so the path is made absolute at once.
"""

from __future__ import annotations

import os
import shutil


def resolved_executable(name: str) -> str:
    """The absolute path that a path (`~` too) or a name on PATH means from here. A name that is
    nowhere on PATH is taken for a file here, so that what is missing is told as one."""
    path = os.path.expanduser(name)
    if os.sep not in path and not os.path.isfile(path):
        path = shutil.which(path) or path
    return os.path.abspath(path)
