"""An executable that can do no harm: it sees the file system read-only, and has no network and a
/tmp and processes of its own (bubblewrap).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from replay.errors import TargetError


def in_sandbox(command: Sequence[str]) -> list[str]:
    """The command as bubblewrap runs it; all that it starts dies with it, and it with us.

    Raises TargetError where bubblewrap is not installed.
    """
    wrapper = shutil.which("bwrap")
    if wrapper is None:
        raise TargetError(
            "--sandbox needs bubblewrap, which is not installed (on Debian: apt-get install "
            "bubblewrap)"
        )
    folder = os.path.dirname(command[0])
    return [
        *(wrapper, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"),
        *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),
        # It may lie in /tmp itself.
        *("--ro-bind", folder, folder, "--"),
        *command,
    ]
