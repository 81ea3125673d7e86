"""The corpus: a directory of streams, each a file named after its content.

What is in it was checked when it came and is checked again whenever it is read. A file appears
under its name only when it is whole and on the disk, so a crash leaves at most a leftover with
a name that nothing reads, and two processes that add the same stream both succeed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from replay.errors import DamagedError, EnvironmentFailure, InputError
from replay.streams.inputs import InputReader
from replay.streams.kept_files import make_directory, sync_directory
from replay.streams.left_out import with_lost
from replay.streams.log_files import Wanted, find_files
from replay.streams.model import Rejected, Segment, Start, Step, Stream, Unread
from replay.streams.stream_file import (
    SUFFIX,
    StreamEncoder,
    check_file,
    read_segments,
    read_stream,
    read_summary,
)

BOUND = 2000
"""An imported stream of so many steps ends where the next one can begin."""

_LEFTOVER = ".adding-"
_BESIDE = frozenset(("README.md", ".gitattributes", ".gitignore", ".gitkeep"))
_NAME = re.compile(r"[0-9a-f]{64}" + re.escape(SUFFIX))
_WRITE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream, as `corpus list` shows it. `calls` counts the steps by the names of their
    calls; `size` is that of the file in bytes."""

    id: str
    steps: int
    calls: Mapping[str, int]
    origin: str
    size: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the directory that is not a good stream.

    `kind` is "damaged" (a stream, but not as it was written), "foreign" (another file that somebody
    put there) or "leftover" (of a write that was interrupted, or is still going on).
    """

    kind: str
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: how many streams are good, and everything that is not."""

    good: int
    faults: tuple[Fault, ...]

    @property
    def is_sound(self) -> bool:
        """No stream is damaged. Foreign files and leftovers harm nobody."""
        return all(fault.kind != "damaged" for fault in self.faults)


class FileCount(NamedTuple):
    """What became of one file that was imported: steps taken and lines set aside."""

    file: str
    steps: int
    rejected: int


@dataclass(slots=True)
class ImportCount:
    """What became of an import: streams that are new, known already, their steps, lines that
    could not be used, what of directories was not read, and what became of each file."""

    added: int = 0
    known: int = 0
    steps: int = 0
    rejected: int = 0
    unread: tuple[Unread, ...] = ()
    files: list[FileCount] = field(default_factory=list)


def segments_of(
    directories: Iterable[Path], keys: Iterator[int] | None = None
) -> Iterator[Segment | Rejected]:
    """All streams of all corpora that are there, in segments; a stream in two of them once.
    `keys` are the numbers that the streams go by in a run."""
    keys = itertools.count() if keys is None else keys
    seen: set[str] = set()
    for directory in directories:
        if not directory.is_dir():
            continue
        corpus = Corpus(directory)
        for stream in corpus.streams():
            if stream not in seen:
                seen.add(stream)
                yield from corpus.segments(stream, next(keys))


class Corpus:
    """The streams in a directory, which the first stream added creates."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    def streams(self) -> list[str]:
        """The ids of all streams, sorted, damaged ones included.

        Raises InputError where there is no such directory.
        """
        names = [name for name in self._names() if _NAME.fullmatch(name)]
        return sorted(name.removesuffix(SUFFIX) for name in names)

    def path_of(self, stream: str) -> Path:
        """The file of a stream. Raises InputError where the corpus has none with this id."""
        path = self.directory / f"{stream}{SUFFIX}"
        if not _NAME.fullmatch(path.name) or not path.is_file():
            raise InputError(f"{self.directory} has no stream {stream}", stream=stream)
        return path

    def read(self, stream: str) -> Stream:
        """A whole stream. Raises DamagedError where its file is damaged, InputError where it is
        not there."""
        return read_stream(self.path_of(stream), stream)

    def segments(self, stream: str, key: int = 0) -> Iterator[Segment | Rejected]:
        """A stream in segments, for a run: a damaged one is a Rejected. Raises InputError where
        it is not there."""
        return read_segments(self.path_of(stream), key, stream)

    def entries(self) -> Iterator[Entry | Rejected]:
        """What `corpus list` shows, in the order of the ids. A visibly damaged file is a
        Rejected."""
        for stream in self.streams():
            path = self.path_of(stream)
            try:
                summary = read_summary(path, stream)
                size = path.stat().st_size
            except DamagedError as error:
                yield Rejected(str(path), 0, str(error.data["reason"]))
                continue
            yield Entry(stream, summary.steps, summary.calls, summary.origin, size)

    def verify(self) -> Verification:
        """Reads every file and reports all that is not a good stream.

        Raises InputError where there is no such directory.
        """
        good = 0
        faults: list[Fault] = []
        for name in sorted(self._names()):
            path = self.directory / name
            if name in _BESIDE:
                continue
            if name.startswith(_LEFTOVER):
                reason = "is left over from an interrupted write, or one that is going on"
                faults.append(Fault("leftover", str(path), reason))
            elif not _NAME.fullmatch(name) or not path.is_file():
                faults.append(Fault("foreign", str(path), "is not named like a stream"))
            else:
                try:
                    check_file(path, name.removesuffix(SUFFIX))
                    good += 1
                except InputError as error:
                    reason = str(error.data.get("reason", error.message))
                    faults.append(Fault("damaged", str(path), reason))
        return Verification(good, tuple(faults))

    def add(self, stream: Stream) -> tuple[str, bool]:
        """Keeps a stream; gives its id and whether it is new. A damaged file of the same stream
        is replaced.

        Raises EnvironmentFailure where it cannot be written.
        """
        with self.writer(stream.start, stream.origin) as writer:
            for step in stream.steps:
                writer.add(step)
            return writer.finish()

    def writer(self, start: Start, origin: str) -> StreamWriter:
        """Keeps a stream that comes step by step and is never held whole."""
        return StreamWriter(self.directory, start, origin)

    def import_inputs(
        self,
        paths: Iterable[str | os.PathLike[str]],
        bound: int = BOUND,
        on_rejected: Callable[[Rejected], None] | None = None,
        on_steps: Callable[[int], None] = lambda steps: None,
    ) -> ImportCount:
        """Keeps all streams of files and directories. The second time nothing is new.

        Long journals become streams of about `bound` steps (see `open_input`). `on_rejected` is
        called for each line that cannot be used, `on_steps` with how many steps were read so far.
        What a parity case expects is not kept. Raises InputError for a path that does not exist,
        EnvironmentFailure where it cannot write.
        """
        found = find_files(paths, Wanted.IMPORTED)
        count = ImportCount(unread=found.unread)
        with contextlib.ExitStack() as stack:
            writers: dict[int, StreamWriter] = {}
            stack.callback(_abandon_all, writers)
            reader = InputReader(bound=bound)
            for file in found.files:
                steps, rejected = count.steps, count.rejected
                self._take(reader.read(file), writers, count, on_rejected, on_steps)
                took = FileCount(str(file), count.steps - steps, count.rejected - rejected)
                count.files.append(took)
            self._take(reader.end(), writers, count, on_rejected, on_steps)
        return count

    def _take(
        self,
        items: Iterable[Segment | Rejected],
        writers: dict[int, StreamWriter],
        count: ImportCount,
        on_rejected: Callable[[Rejected], None] | None,
        on_steps: Callable[[int], None],
    ) -> None:
        for item in items:
            if isinstance(item, Rejected):
                count.rejected += 1
                count.unread = with_lost(count.unread, item)
                if on_rejected is not None:
                    on_rejected(item)
                continue
            if item.start is not None:
                writers[item.key] = self.writer(item.start, item.origin)
            for step in item.steps:
                writers[item.key].add(step)
            count.steps += len(item.steps)
            on_steps(count.steps)
            if item.last:
                _, is_new = writers[item.key].finish()
                del writers[item.key]
                count.added += is_new
                count.known += not is_new

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.directory)
        except OSError as error:
            reason = f"{self.directory}: {error.strerror}"
            raise InputError(reason, file=str(self.directory)) from error


class StreamWriter:
    """Writes one stream into a corpus, under a name that nothing reads until it is finished.

    A context manager: what was not finished when it ends is removed. No file is open between
    calls, so that any number of streams can be written side by side.
    """

    def __init__(self, directory: Path, start: Start, origin: str) -> None:
        self._directory = directory
        self._path = directory / f"{_LEFTOVER}{os.getpid()}-{secrets.token_hex(8)}"
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._is_begun = False
        self._encoder = StreamEncoder(start, origin, self._write)

    def __enter__(self) -> StreamWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def add(self, step: Step) -> None:
        """Adds a step. Raises EnvironmentFailure where it cannot be written."""
        self._encoder.add(step)

    def finish(self) -> tuple[str, bool]:
        """Puts the stream in its place; gives its id and whether it is new.

        Raises EnvironmentFailure where it cannot be written.
        """
        summary = self._encoder.finish()
        target = self._directory / f"{summary.id}{SUFFIX}"
        try:
            if _is_good(target, summary.id):
                self.abandon()
                return summary.id, False
            self._flush(sync=True)
            is_new = self._move(target, summary.id)
            sync_directory(self._directory)
        except OSError as error:
            raise self._failure(error) from error
        return summary.id, is_new

    def abandon(self) -> None:
        """Removes what was written so far, if anything."""
        self._waiting.clear()
        if self._is_begun:
            self._is_begun = False
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _move(self, target: Path, stream: str) -> bool:
        try:
            # Unlike a rename, this fails where another process was faster.
            os.link(self._path, target)
        except FileExistsError:
            if _is_good(target, stream):
                self.abandon()
                return False
        except OSError:
            pass  # a file system without links; a rename is as good, but may replace an equal file
        else:
            self.abandon()
            return True
        self._path.replace(target)
        self._is_begun = False
        return True

    def _write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._bytes += len(data)
        if self._bytes >= _WRITE_BYTES:
            try:
                self._flush(sync=False)
            except OSError as error:
                raise self._failure(error) from error

    def _flush(self, sync: bool) -> None:
        if not self._is_begun:
            make_directory(self._directory)
        with self._path.open("ab" if self._is_begun else "xb") as file:
            self._is_begun = True
            file.write(b"".join(self._waiting))
            if sync:
                file.flush()
                os.fsync(file.fileno())
        self._waiting.clear()
        self._bytes = 0

    def _failure(self, error: OSError) -> EnvironmentFailure:
        self.abandon()
        reason = f"cannot write to {self._directory}: {error.strerror}"
        return EnvironmentFailure(reason, directory=str(self._directory))


def _abandon_all(writers: Mapping[int, StreamWriter]) -> None:
    for writer in writers.values():
        writer.abandon()


def _is_good(path: Path, stream: str) -> bool:
    try:
        check_file(path, stream)
    except InputError:
        return False
    return True
