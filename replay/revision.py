"""Which revision code is at: git's where it lies in a checkout; of our own package in a wheel, what
was written down when that was built.
"""

from __future__ import annotations

import importlib.resources
import subprocess
from pathlib import Path

UNKNOWN = "unknown"


def revision_of(folder: Path) -> str:
    """The revision that a folder is at, with `-dirty` where files differ; or `unknown`."""
    package = Path(str(importlib.resources.files("replay")))
    written = package / "REVISION"
    # An installed package may lie in somebody else's checkout, whose revision is not ours.
    if written.is_file() and folder.resolve().is_relative_to(package.resolve()):
        return written.read_text("utf-8").strip() or UNKNOWN
    return _of_git(folder)


def own_revision() -> str:
    """That of doge-replay itself."""
    return revision_of(Path(__file__).parent)


def _of_git(folder: Path) -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        revision = git("rev-parse", "HEAD")
        if not revision:
            return UNKNOWN
        return f"{revision}-dirty" if git("status", "--porcelain", "--", ".") else revision
    except OSError:
        return UNKNOWN
