"""Which files a path means, in their order in time, and what of a directory is left out.

A directory is what a bot, logrotate and people leave in it. All that may be a log is read, whatever
its name and behind whatever link; all that is not read is named, so that nobody takes a directory
for looked at where a part of it was not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from replay.errors import InputError
from replay.streams.content import Content, Kind, advice_on, content_of
from replay.streams.file_names import JOURNAL, SNAPSHOT, TELEMETRY, Rotation, log_name
from replay.streams.kept_files import ENDING, holds_the_same
from replay.streams.model import Unread
from replay.streams.opening import is_readable_once, path_of
from replay.streams.stream_file import SUFFIX

EVIDENCE_PACKAGE = frozenset({"manifest.json", "verdict.json", "counts.json", "triage.md"})
"""What a directory has that is an evidence package: copies of what lies beside it."""

_LEFTOVERS = (".adding-", ".events_")


class Wanted(Enum):
    """What somebody wants of a directory: the kinds of content."""

    REPLAYED = frozenset({Kind.JOURNAL, Kind.REQUESTS, Kind.CASES, Kind.STREAM})
    IMPORTED = frozenset({Kind.JOURNAL, Kind.REQUESTS, Kind.CASES, Kind.STREAM, Kind.STATES})
    JOURNALS = frozenset({Kind.JOURNAL, Kind.REQUESTS})
    TELEMETRY = frozenset({Kind.TELEMETRY})


class Found(NamedTuple):
    """The files that paths mean, those of one log in their order in time, and what is left out."""

    files: tuple[Path, ...]
    unread: tuple[Unread, ...]


def find_files(paths: Iterable[str | os.PathLike[str]], wanted: Wanted) -> Found:
    """The files that paths name: files as they are, directories with all that is below them.

    Links are followed, each real directory and file once. Names that begin with a dot are left out,
    and evidence packages, which hold copies. Raises InputError for a path that does not exist.
    """
    search = _Search(wanted)
    for given in paths:
        search.add(path_of(given))
    return search.found()


def telemetry_named(directory: Path) -> list[Path]:
    """The files right in a directory that are named as telemetry is, the oldest first: for whoever
    looks again and again. Raises OSError."""
    paths = [directory / name for name in sorted(os.listdir(directory))]
    named = [path for path in paths if _named_for(path.name, Wanted.TELEMETRY)]
    return [file.path for file in _in_time([_File(path, None) for path in named])]


class _File(NamedTuple):
    path: Path
    content: Content | None


class _Search:
    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._files: list[_File] = []
        self._unread: list[Unread] = []
        self._seen: set[tuple[int, int]] = set()
        self._below: list[_File] = []

    def add(self, path: Path) -> None:
        """A path that was named."""
        if path.is_dir():
            self._below = []
            self._directory(path)
            self._files += sorted(self._below, key=lambda file: file.path)
        elif not path.exists():
            raise InputError(f"{path}: no such file or directory", file=str(path))
        elif is_readable_once(path):
            self._files.append(_File(path, None))
        elif self._is_new(path):
            self._files.append(_File(path, content_of(path)))

    def found(self) -> Found:
        """All that was found."""
        self._leave_copies()
        files = [one.path for one in _in_time(self._files)]
        unread = sorted(self._unread, key=lambda one: (not one.is_doubtful, one.file))
        return Found(tuple(files), tuple(unread))

    def _leave_copies(self) -> None:
        """Leaves out a .zst beside the file that it was made of, where it has the same bytes: who
        compresses was ended before it could remove the file, and nothing is to be read twice."""
        plain = {file.path for file in self._files}
        kept = []
        for file in self._files:
            made_of = file.path.with_suffix("")
            if file.path.suffix == ENDING and made_of in plain and _gives(file.path, made_of):
                self._leave(file.path, f"has the same bytes as {made_of.name} beside it")
            else:
                kept.append(file)
        self._files = kept

    def _leave(self, path: Path, reason: str, *, doubtful: bool = False) -> None:
        self._unread.append(Unread(str(path), reason, doubtful))

    def _directory(self, directory: Path) -> None:
        """A directory and all below it, links included. No recursion: it may be deep."""
        above = {_key(one) for one in directory.resolve().parents}
        waiting = [directory]
        while waiting:
            folder = waiting.pop()
            try:
                if _key(folder) in above:
                    self._leave(folder, "is a link to a directory above")
                    continue
                if not self._is_new(folder):
                    continue
                names = sorted(os.listdir(folder))
            except OSError as error:
                if folder == directory:
                    raise InputError(f"{folder}: {error.strerror}", file=str(folder)) from error
                self._leave(folder, f"cannot be looked into ({error.strerror})", doubtful=True)
                continue
            if folder != directory and EVIDENCE_PACKAGE.issubset(names):
                self._leave(folder, "is an evidence package, which holds copies")
                continue
            below = []
            for name in names:
                path = folder / name
                if name.startswith("."):
                    self._hidden(path)
                elif path.is_dir():
                    below.append(path)
                else:
                    self._entry(path)
            waiting.extend(reversed(below))

    def _is_new(self, path: Path) -> bool:
        key = _key(path)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new

    def _hidden(self, path: Path) -> None:
        if path.is_dir():
            self._leave(path, "is a hidden directory")
            return
        content = content_of(path)
        is_log = bool(content.kinds & self._wanted.value) and not path.name.startswith(_LEFTOVERS)
        words = f"is a hidden file ({content.words})"
        self._leave(path, words, doubtful=is_log)

    def _entry(self, path: Path) -> None:
        """A file in a directory: read, or left out by its name and with a reason."""
        try:
            if not self._is_new(path):
                return  # another name of one that is known
        except OSError as error:
            why = "is a link to nothing" if path.is_symlink() else f"is gone ({error.strerror})"
            self._leave(path, why, doubtful=_named_for(path.name, self._wanted))
            return
        content = content_of(path)
        if self._is_wanted(path, content):
            self._below.append(_File(path, content))
        else:
            advice = advice_on(content) if self._wanted is Wanted.IMPORTED else ""
            self._leave(path, advice or content.words, doubtful=content.is_doubtful)

    def _is_wanted(self, path: Path, content: Content) -> bool:
        wanted = self._wanted.value
        if content.kinds:
            return not wanted.isdisjoint(content.kinds)
        name = log_name(path.name)
        if Kind.STREAM in wanted and name.family.endswith(SUFFIX):
            return True
        if content.is_doubtful or content.words == "is empty" or content.is_json:
            # Nothing is known but the name; reading it tells what is wrong with it.
            if _named_for(path.name, self._wanted):
                return True
            if path.name.lower().startswith((TELEMETRY, JOURNAL, SNAPSHOT)):
                return False
            replays = Kind.JOURNAL in wanted
            return replays and name.is_log and not name.family.endswith(".log")
        return False


def _gives(compressed: Path, plain: Path) -> bool:
    try:
        with plain.open("rb") as file:
            return holds_the_same(compressed, file)
    except OSError:
        return False


def _key(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _named_for(name: str, wanted: Wanted) -> bool:
    beginning = TELEMETRY if wanted is Wanted.TELEMETRY else JOURNAL
    return name.lower().startswith(beginning) and log_name(name).is_log


def _in_time(files: list[_File]) -> list[_File]:
    """The files with those of one log in their order in time, each log where its first one was."""
    logs: dict[tuple[Path, str], list[_File]] = {}
    for file in files:
        logs.setdefault((file.path.parent, log_name(file.path.name).family), []).append(file)
    return [file for log in logs.values() for file in _sorted_log(log)]


def _sorted_log(log: list[_File]) -> list[_File]:
    names = [log_name(file.path.name) for file in log]
    times = [None if file.content is None else file.content.begins for file in log]
    rotations = {name.rotation for name in names} - {Rotation.CURRENT}
    keys: list[tuple[Any, ...]] = [
        (name.rotation, name.rank, file.path.name) for name, file in zip(names, log, strict=True)
    ]
    if len(rotations) > 1 and None not in times:
        keys = [(time, *key) for time, key in zip(times, keys, strict=True)]
    order = sorted(range(len(log)), key=keys.__getitem__)
    return [log[place] for place in order]
