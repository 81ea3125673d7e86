"""What the user's name for a core stands for; nothing is opened."""

from __future__ import annotations

import os
import re
import shutil
from enum import Enum
from pathlib import Path

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class CoreKind(Enum):
    """What can be a core: ours, a bot's module or file, an executable."""

    OURS = "ours"
    MODULE = "module"
    EXECUTABLE = "executable"


def kind_of(spec: str) -> CoreKind | None:
    """What the user's name for a core stands for; None where it can be none of them.

    What there is as a file counts as a path, and a dotted name as a module before it is looked
    for on PATH.
    """
    if spec == "python":
        return CoreKind.OURS
    if spec.endswith(".py"):
        return CoreKind.MODULE
    if spec.startswith("~") or os.sep in spec or Path(spec).is_file():
        return CoreKind.EXECUTABLE
    if _DOTTED.fullmatch(spec):
        return CoreKind.MODULE
    return CoreKind.EXECUTABLE if shutil.which(spec) is not None else None
