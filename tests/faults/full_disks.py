"""A disk that gets full, for each writer in turn: what is there after, and what was said.

A small file system in memory stands for the disk. It is mounted in a namespace of its own, which
needs no rights where the system lets users have one, and is gone with the process. Each attempt has
a page more room than the one before, until nothing is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from failing_calls import KINDS, ROOT, Attempt, How, Library, Trial

PAGE = 4096
DISK = "size=1m"
"""No writer fills it in health."""

ENOUGH = 3
"""So many attempts in a row that miss nothing are the end."""


def hindrance(folder: Path) -> str:
    """Why no small disk can be mounted here; empty where one can."""
    if shutil.which("unshare") is None:
        return "there is no unshare (util-linux)"
    tried = subprocess.run([*_mounted(folder), "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else " ".join(tried.stderr.split()) or "mount failed"


def try_full_disks(
    library: Path, writer: str, folder: Path, most: int
) -> tuple[dict[str, int], list[str]]:
    """Counts of what became of a writer on at most so many disks, and a line for each that was not
    held."""
    done = subprocess.run(
        [*_mounted(folder), sys.executable, __file__, library, writer, folder, str(most)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    figures, wrong = json.loads(done.stdout)
    return figures, wrong


def _mounted(folder: Path) -> list[str]:
    """What runs a command with a small disk in a folder."""
    mount = f'mount -t tmpfs -o {DISK} none "$0" && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(folder)]


def main(path: str, name: str, folder: str, most: str) -> None:
    """Within the process that has the disk."""
    from written_things import WRITERS

    disk = Path(folder)
    attempts = disk / "attempts"
    attempts.mkdir()
    writer = next(one for one in WRITERS if one.name == name)
    trial = Trial(Library(path), writer, attempts)
    figures = dict.fromkeys(KINDS, 0)
    wrong: list[str] = []
    good = 0
    for pages in range(int(most)):
        where = trial.prepared()
        before = trial.read(where)
        attempt = Attempt(pages, How.FULL, 0)
        ballast = disk / "ballast"
        _fill(disk, ballast, pages * PAGE)
        became = trial.attempt(where, attempt, None)
        ballast.unlink()
        trial.look(where, before, became, attempt, figures, wrong)
        trial.clear()
        good = 0 if became.told else good + 1
        if good == ENOUGH:
            break
    else:
        wrong.append(f"{name}: {most} pages are not enough for it in health")
    print(json.dumps([figures, wrong]))


def _fill(disk: Path, ballast: Path, left: int) -> None:
    there = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, there.f_bavail * there.f_frsize - left)


if __name__ == "__main__":
    main(*sys.argv[1:])
