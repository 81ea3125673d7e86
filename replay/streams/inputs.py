"""One way in for every kind of input: a file's lines told apart, and its streams in segments.

The kinds may be mixed in one file, as they are where somebody concatenates what a bot left behind
(formats.md, "Journal"). Nothing here stops at a line that cannot be used; it is a Rejected.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from replay.streams.buffer import SEGMENT_STEPS, Segmenter
from replay.streams.events import UnusableError
from replay.streams.file_names import log_name
from replay.streams.journal import JournalReader
from replay.streams.kept_states import is_state, state_stream, states_in_row
from replay.streams.lines import MAX_LINE, Line, lines_of, text_pieces
from replay.streams.model import Lost, RecordedCores, Rejected, Segment, Stream, segments_of
from replay.streams.opening import Damage, Piece, is_readable_once, open_once, path_of, peek
from replay.streams.parity_cases import ParityCase, is_case, read_case
from replay.streams.requests import RequestReader
from replay.streams.stream_file import MAGIC, SUFFIX, read_segments
from replay.streams.strict_json import CutOffError, JsonError, parse

MAX_HASH = 64
"""Hexadecimal digits of a SHA-256."""


class ShadowMark(NamedTuple):
    """What a journal's line says about the live shadow: whether it agreed, and its error. `seq` and
    `ts` are the line's own, whatever they are."""

    file: str
    line: int
    slot: object
    agreed: object
    error: object
    seq: object = None
    ts: object = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who is told while files are read: of a parity case with its stream's key before its first
    segment, of a corpus stream's key likewise, of each journal line that the live shadow
    marked, before its step, and of the cores that a full line says it was recorded with, with its
    number and time."""

    on_case: Callable[[int, ParityCase], None] = lambda key, case: None
    on_stream: Callable[[int], None] = lambda key: None
    on_shadow: Callable[[ShadowMark], None] = lambda mark: None
    on_cores: Callable[[RecordedCores, int, float | None], None] = lambda cores, line, ts: None


NO_HOOKS = Hooks()


def read_files(
    files: Iterable[Path],
    *,
    bound: int | None = None,
    max_line: int = MAX_LINE,
    hooks: Hooks = NO_HOOKS,
) -> Iterator[Segment | Rejected]:
    """Reads files one after the other; no two streams share a key, and a journal that was rotated
    goes on from file to file (files.py puts them in their order)."""
    reader = InputReader(bound=bound, max_line=max_line, hooks=hooks)
    for file in files:
        yield from reader.read(file)
    yield from reader.end()


def open_input(
    path: str | os.PathLike[str],
    *,
    bound: int | None = None,
    max_line: int = MAX_LINE,
    hooks: Hooks = NO_HOOKS,
) -> Iterator[Segment | Rejected]:
    """The streams of one file in segments, and what of it cannot be used (see InputReader)."""
    return read_files([path_of(path)], bound=bound, max_line=max_line, hooks=hooks)


class InputReader:
    """Reads one file after the other: their streams in segments, and what of them cannot be used.

    Takes journals, plain requests, parity cases and corpus streams, compressed too. Several streams
    may be open at once; each ends with a segment whose `last` is true. A journal's slots go on in
    the next file where its lines count on. Memory does not grow with a file, but holds its longest
    line.

    `bound`: begin a new stream where the file has a whole state and the stream so many steps.
    """

    def __init__(
        self, *, bound: int | None = None, max_line: int = MAX_LINE, hooks: Hooks = NO_HOOKS
    ) -> None:
        self._keys = itertools.count()
        self._bound = bound
        self._max_line = max_line
        self._hooks = hooks
        self._segments = Segmenter(self._keys)
        self._journal = JournalReader(self._segments, bound)

    def read(self, path: Path) -> Iterator[Segment | Rejected]:
        """What is in a file; what has been handed on when it ends is all of it. Raises InputError
        where it cannot be opened."""
        with open_once(path) as file:
            if isinstance(file, io.BufferedReader) and not is_readable_once(path):
                head = file.peek(len(MAGIC))[: len(MAGIC)]
                if head == MAGIC:
                    yield from self._stream(path, path)
                    return
            head, pieces = peek(text_pieces(file, path), len(MAGIC))
            if head == MAGIC:
                yield from self._copied_stream(path, pieces)
            else:
                yield from self._lines(path, lines_of(str(path), pieces, self._max_line))

    def end(self) -> Iterator[Segment | Rejected]:
        """Ends the streams that are still open."""
        self._segments.close_all()
        yield from self._segments.take()

    def _stream(self, path: Path, named: Path) -> Iterator[Segment | Rejected]:
        """A corpus stream; `named` is what its file is called."""
        key = next(self._keys)
        self._hooks.on_stream(key)
        for item in read_segments(path, key):
            yield Lost(str(named), 0, item.reason) if isinstance(item, Rejected) else item

    def _copied_stream(self, named: Path, pieces: Iterable[Piece]) -> Iterator[Segment | Rejected]:
        """A stream that is compressed or comes through a pipe. It is checked as a whole before it
        is run, so it is read twice, from a copy."""
        with tempfile.NamedTemporaryFile(prefix="doge-replay-", suffix=SUFFIX) as copy:
            for piece in pieces:
                if isinstance(piece, Damage):
                    yield Lost(str(named), 0, piece.reason)
                    return
                copy.write(piece)
            copy.flush()
            yield from self._stream(Path(copy.name), named)

    def _lines(self, path: Path, lines: Iterator[Line | Rejected]) -> Iterator[Segment | Rejected]:
        name = path.name
        self._journal.begin_file(name)
        requests = RequestReader(self._segments, name, self._bound)
        router = _Router(str(path), self._keys, self._journal, requests, self._hooks)
        first = next(lines, None)
        if first is None:
            return
        lines = itertools.chain((first,), lines)
        if isinstance(first, Line) and _spans_lines(first, path):
            lines = _joined(str(path), lines, self._max_line)
        for line in lines:
            if isinstance(line, Rejected):
                yield line
                continue
            yield from router.feed(line)
            if self._segments.ready:
                yield from self._segments.take()
        requests.end()
        self._segments.hand_on_all()
        yield from self._segments.take()


class _Router:
    """Tells the kinds of lines apart and hands each to its reader."""

    def __init__(
        self,
        file: str,
        keys: Iterator[int],
        journal: JournalReader,
        requests: RequestReader,
        hooks: Hooks,
    ) -> None:
        self._file = file
        self._name = Path(file).name
        self._keys = keys
        self._journal = journal
        self._requests = requests
        self._hooks = hooks

    def feed(self, line: Line) -> Iterable[Segment | Rejected]:
        """What comes of a line at once; steps of longer streams wait in `segments`."""
        data = line.data
        if b'""cycle_a""' in data:
            states = list(states_in_row(data.decode("utf-8", "surrogateescape")))
            if states:
                return itertools.chain.from_iterable(
                    self._chosen(stream)
                    for state in states
                    if (stream := state_stream(state, self._origin(line), line.number)) is not None
                )
        try:
            document = parse(data)
        except CutOffError as error:
            reason = error.reason if line.ended else f"{error.reason}; the file ends there"
            return (Rejected(self._file, line.number, reason),)
        except JsonError as error:
            return (Rejected(self._file, line.number, error.reason),)
        if isinstance(document, list):
            return self._feed_list(document, line)
        return self._route(document, line, data)

    def _feed_list(self, entries: list[Any], line: Line) -> Iterator[Segment | Rejected]:
        if not entries:
            yield Rejected(self._file, line.number, "is an empty list")
        for index, entry in enumerate(entries):
            # Its own text, by which the journal tells a line that stands twice.
            text = json.dumps(entry).encode()
            for item in self._route(entry, line, text):
                if isinstance(item, Rejected):
                    item = item._replace(reason=f"entry {index} of the list {item.reason}")
                yield item

    def _route(self, document: Any, line: Line, data: bytes) -> Iterable[Segment | Rejected]:
        if not isinstance(document, dict):
            reason: str | None = "is JSON, but no object"
        elif "v" in document and not _is_snapshot(document):
            reason = self._journal.feed(document, line.number, data)
            if (cores := _cores_of(document.get("cores"))) is not None:
                ts = document.get("ts")
                at = float(str(ts)) if type(ts) in (int, float) else None
                self._hooks.on_cores(cores, line.number, at)
            if isinstance(document.get("shadow"), dict):
                self._hooks.on_shadow(self._mark(document, line.number))
        elif "method" in document:
            reason = self._requests.feed(document, line.number, len(data))
        elif is_case(document):
            return self._case(document, line.number)
        elif (stream := state_stream(document, self._origin(line), line.number)) is not None:
            return self._chosen(stream)
        elif "state_machine_shadow" in document:
            reason = "is telemetry: it has counters only, and `doge-replay gate` judges it"
        elif _is_row(document):
            reason = "is an event or a fill without the state, config and sizes that it met"
        else:
            reason = "is neither a journal line, nor a request, nor a parity case"
        return () if reason is None else (Rejected(self._file, line.number, reason),)

    def _origin(self, line: Line) -> str:
        return f"{self._name} state of line {line.number}"

    def _chosen(self, stream: Stream) -> Iterator[Segment]:
        """A stream that was not drawn from a life: it is told apart as those of a corpus are."""
        key = next(self._keys)
        self._hooks.on_stream(key)
        yield from segments_of(stream, key, SEGMENT_STEPS)

    def _mark(self, document: dict[str, Any], line: int) -> ShadowMark:
        shadow = document["shadow"]
        slot, seq, ts = (document.get(name) for name in ("slot", "seq", "ts"))
        agreed, error = shadow.get("agreed"), shadow.get("error")
        return ShadowMark(self._file, line, slot, agreed, error, seq, ts)

    def _case(self, document: dict[str, Any], line: int) -> Iterator[Segment | Rejected]:
        try:
            case = read_case(document, self._name, line)
        except UnusableError as error:
            yield Rejected(self._file, line, str(error))
            return
        key = next(self._keys)
        self._hooks.on_case(key, case)
        yield from segments_of(case.stream, key, SEGMENT_STEPS)


def _cores_of(value: Any) -> RecordedCores | None:
    """The cores that a full line names; None where it names none, or nobody could read them."""
    if not isinstance(value, dict):
        return None
    authority, shadow = value.get("authority", ""), value.get("shadow", "")
    if not (isinstance(authority, str) and isinstance(shadow, str) and authority + shadow):
        return None
    return RecordedCores(authority[:MAX_HASH], shadow[:MAX_HASH])


_ROW_KEYS = frozenset(
    ("event", "event_type", "type", "order_local_id", "txid", "fill", "side", "price")
)


def _is_snapshot(document: dict[str, Any]) -> bool:
    """Whether a document with a version is no journal line, but a state that a bot has kept."""
    return "seq" not in document and is_state(document.get("state"))


def _is_row(document: dict[str, Any]) -> bool:
    return not _ROW_KEYS.isdisjoint(document)


def read_cases(path: str | os.PathLike[str]) -> Iterator[ParityCase | Rejected]:
    """The parity cases of a file; what it has of other kinds is left out.

    Raises InputError where the file cannot be opened.
    """
    cases: list[ParityCase] = []
    for item in open_input(path, hooks=Hooks(on_case=lambda _, case: cases.append(case))):
        yield from cases
        cases.clear()
        if isinstance(item, Rejected):
            yield item


def _spans_lines(first: Line, file: Path) -> bool:
    """Whether a file is one JSON value over many lines, as people and tools write `.json`."""
    head = first.data
    if head in (b"{", b"["):
        return True
    if not log_name(file.name).family.endswith(".json") or not head.startswith((b"{", b"[")):
        return False
    try:
        parse(head)
    except CutOffError:
        return True
    except JsonError:
        return False
    return False


def _joined(
    file: str, lines: Iterator[Line | Rejected], max_size: int
) -> Iterator[Line | Rejected]:
    """All lines of a file as a single one; blank lines stay, so that errors name the right line."""
    parts: list[bytes] = []
    size = 0
    for line in lines:
        if isinstance(line, Rejected):
            yield line
            return
        parts.extend([b""] * (line.number - 1 - len(parts)))
        size += len(line.data) + 1
        if size > max_size:
            yield Rejected(file, 0, f"is one JSON value of more than {max_size} bytes")
            return
        parts.append(line.data)
    yield Line(1, b"\n".join(parts), False)
