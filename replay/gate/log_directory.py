"""Which files a log directory means: telemetry and journals lie in it side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from replay.streams.lines import expand_inputs

TELEMETRY = "state_machine_shadow_"
JOURNAL = "events_"


def inputs_named(paths: Iterable[str | os.PathLike[str]], prefix: str) -> list[Path]:
    """The files that paths mean, each once: files as they are; of a directory those right in it
    whose names begin as such files do (formats.md: what lies deeper may be the copies of an
    evidence package), or where there is none, all. Raises InputError for a path that is not
    there."""
    found: list[Path] = []
    for path in paths:
        files = expand_inputs([path])
        named = [file for file in files
                 if file.parent == Path(path) and file.name.startswith(prefix)]  # fmt: skip
        found += named or files
    return list(dict.fromkeys(found))
