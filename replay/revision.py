"""Which revision code is at: git's where it lies in a checkout; of our own package in a wheel, what
was written down when that was built.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

UNKNOWN = "unknown"


def revision_of(folder: Path) -> str:
    """The revision that a folder is at, with `-dirty` where files differ; or `unknown`."""
    import importlib.resources  # here, as below: every process of a core would pay for them

    package = Path(str(importlib.resources.files("replay")))
    written = package / "REVISION"
    # An installed package may lie in somebody else's checkout, whose revision is not ours.
    if written.is_file() and folder.resolve().is_relative_to(package.resolve()):
        return written.read_text("utf-8").strip() or UNKNOWN
    return _of_git(folder)


def own_revision() -> str:
    """That of doge-replay itself."""
    return revision_of(Path(__file__).parent)


class Code(NamedTuple):
    """Code by what the user calls it and the SHA-256 of its files."""

    name: str
    sha256: str


_seen: dict[Code, str] = {}


def revision_of_code(code: Code, folder: Path) -> str:
    """The revision of code in a folder. git is asked once in this process for the same code; that
    would be one more process for each core that is opened."""
    if code not in _seen:
        _seen[code] = revision_of(folder)
    return _seen[code]


def learn_revision(code: Code, revision: str) -> None:
    """Takes over what another process was told, if anything."""
    if revision:
        _seen.setdefault(code, revision)


def _of_git(folder: Path) -> str:
    import subprocess

    # Without the lock that git would take to note what it has seen: it is somebody else's checkout.
    arguments = ("status", "--porcelain=v2", "--branch", "--", ".")
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
        )
    except OSError:
        return UNKNOWN
    if done.returncode != 0:
        return UNKNOWN
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    revision = next((line[len(_AT) :] for line in lines if line.startswith(_AT)), "")
    if not revision or not revision.isalnum():  # "(initial)" where nothing is committed
        return UNKNOWN
    return revision if all(line.startswith("#") for line in lines) else f"{revision}-dirty"


_AT = "# branch.oid "
