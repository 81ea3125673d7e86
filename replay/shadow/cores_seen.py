"""Which cores are compared: the files that run, and the files that are on the disk by now.

A deployment under a running bot exchanges a file and not the process. So both are told: what is
running is what the file was when it was started, and a file that changes is noticed and counted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from replay.targets.python.source_files import source_files

LOOK_EVERY = 5.0
"""Seconds between two looks at the files."""

Seen = dict[str, Any]
"""What is known of a core: `path`; `sha256` of what runs, `on_disk` of what its file has by now
(empty where it cannot be read); `version`; how many `changes` of the file were noticed."""


class FoundFiles(NamedTuple):
    """The files of a core and their common SHA-256."""

    files: tuple[Path, ...]
    sha256: str


def module_files(path: Path) -> FoundFiles:
    """Those of a Python core, by the file of its module. Raises OSError."""
    found = source_files(path)
    return FoundFiles(found.files, found.sha256())


def program_file(path: Path) -> FoundFiles:
    """The file of an executable. Raises OSError."""
    with path.open("rb") as file:
        return FoundFiles((path,), hashlib.file_digest(file, "sha256").hexdigest())


Finder = Callable[[Path], FoundFiles]


class CoreFiles:
    """The files of one core, and what is known of them."""

    def __init__(self, path: str, files: Finder, version: str, former: Seen | None) -> None:
        """`files` finds those of a core at its path; an empty path has none. `former` is what a
        process before this one has seen of the same core."""
        self._path, self._find = path, files
        self._files: tuple[Path, ...] = (Path(path),) if path else ()
        now = self._hash()
        self._marks = self._stat()
        self.seen: Seen = {
            "path": path,
            "sha256": now,
            "on_disk": now,
            "version": version,
            "changes": 0,
            **(former or {}),
        }
        self._is_now(now)

    def look(self) -> bool:
        """Whether the files are others than they were at the last look."""
        marks = self._stat()
        if marks == self._marks:
            return False
        self._marks = marks
        return self._is_now(self._hash())

    def started(self) -> None:
        """What is on the disk runs from now on."""
        self.seen["sha256"] = self.seen["on_disk"]

    def _is_now(self, digest: str) -> bool:
        if digest == self.seen["on_disk"]:
            return False
        self.seen["on_disk"] = digest
        self.seen["changes"] += 1
        return True

    def _hash(self) -> str:
        """The SHA-256 of the core's files as they are now; empty where one cannot be read."""
        if not self._path:
            return ""
        try:
            self._files, sha256 = self._find(Path(self._path))
        except OSError:
            return ""
        return sha256

    def _stat(self) -> list[tuple[int, ...]]:
        marks: list[tuple[int, ...]] = []
        for name in self._files:
            with suppress(OSError):
                at = os.stat(name)
                marks.append((at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns))
        return marks


class CoresSeen:
    """Both cores, looked at now and then by the shadow process."""

    def __init__(
        self,
        authority: tuple[str, str],
        executable: str,
        former: Mapping[str, Seen] | None = None,
    ) -> None:
        """`authority` has the path and the version of the bot's module."""
        former = former or {}
        path, version = authority
        self._authority = CoreFiles(path, module_files, version, former.get("authority"))
        found = os.path.abspath(shutil.which(executable) or executable)
        shadow = former.get("shadow")
        self._shadow = CoreFiles(found, program_file, "unknown", dict(shadow) if shadow else None)
        # This process starts the executable anew, whatever ran before it.
        self._shadow.started()
        self._children: set[int] = set()
        self._looked_at = time.monotonic()

    def documents(self) -> dict[str, Seen]:
        """What is known of both."""
        return {"authority": dict(self._authority.seen), "shadow": dict(self._shadow.seen)}

    def hashes(self) -> dict[str, str]:
        """What runs, as a full line of the journal has it."""
        return {"authority": self._authority.seen["sha256"], "shadow": self._shadow.seen["sha256"]}

    def named(self, version: str) -> None:
        """The version that the executable says it has."""
        self._shadow.seen["version"] = version

    def look(self) -> None:
        """Looks at the files, where it is time to."""
        if not self._children:
            self._children = _children()
        if time.monotonic() - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = time.monotonic()
        self._authority.look()
        children = _children()
        self._shadow.look()
        if self._shadow.seen["sha256"] != self._shadow.seen["on_disk"] and (
            not children or children - self._children
        ):
            self._shadow.started()
        self._children = children


def _children() -> set[int]:
    """The processes that this one has started."""
    children: set[int] = set()
    with suppress(OSError, ValueError):
        for task in Path("/proc/self/task").iterdir():
            children |= set(map(int, (task / "children").read_text().split()))
    return children
