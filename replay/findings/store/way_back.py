"""The way back from a migration: a copy of the database as it was, beside it.

An older doge-replay refuses a database that was brought up to date. Whoever has to go back to it
finds the copy and puts it in place; nothing here ever removes or replaces one.
"""

from __future__ import annotations

import contextlib
import filecmp
import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from replay.errors import EnvironmentFailure
from replay.streams.kept_files import sync_directory, sync_path


def copies(path: Path, version: int) -> Iterator[Path]:
    """The names that copies of a database of this schema have, in the order in which they are
    given."""
    for number in itertools.count(1):
        more = "" if number == 1 else f"-{number}"
        yield path.with_name(f"{path.name}.schema-{version}{more}")


def newest_copy(path: Path, newest: int) -> Path | None:
    """The latest copy that somebody can use who knows schemas up to `newest`."""
    for version in range(newest, 0, -1):
        there = list(itertools.takewhile(Path.exists, copies(path, version)))
        if there:
            return there[-1]
    return None


def keep_copy(path: Path, version: int) -> Path:
    """Copies a database that nobody is writing to, and gives the path of the copy.

    It is whole and on the disk before it has its name. Raises EnvironmentFailure or SQLite's errors
    where that cannot be done; then the database must stay as it is.
    """
    made = path.with_name(f".{path.name}.schema-{version}.{os.getpid()}")
    try:
        made.unlink(missing_ok=True)
        _copy(path, made)
        shutil.copymode(path, made)
        sync_path(made)
        kept = _place(made, path, version)
        sync_directory(path.parent)
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot keep a copy of the database {path} before it is brought up to date: "
            f"{error.strerror}; it is left as it is",
            path=str(path),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
    return kept


def _copy(path: Path, made: Path) -> None:
    # By SQLite, not as a file: closing the file would drop the locks of this process.
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(made)) as copy:
        source.backup(copy)


def _place(made: Path, path: Path, version: int) -> Path:
    """Gives the copy the first name that is free, or that a copy of the same bytes has."""
    for name in copies(path, version):
        try:
            os.link(made, name)  # unlike a rename, it replaces nothing
        except FileExistsError:
            if name.is_file() and filecmp.cmp(made, name, shallow=False):
                return name
            continue
        except OSError:
            if name.exists():
                continue
            made.rename(name)  # a file system without links
        return name
    raise AssertionError("names do not end")
