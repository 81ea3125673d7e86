"""One way in for every kind of input: a file's lines told apart, and its streams in segments.

The kinds may be mixed in one file, as they are where somebody concatenates what a bot left behind
(formats.md, "Journal"). Nothing here stops at a line that cannot be used; it is a Rejected.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from replay.streams.buffer import SEGMENT_STEPS, Segmenter
from replay.streams.events import UnusableError
from replay.streams.journal import JournalReader
from replay.streams.lines import (
    MAX_LINE,
    NOTHING_TO_REPLAY,
    Line,
    content_ending,
    expand_inputs,
    read_lines,
)
from replay.streams.model import Rejected, Segment, segments_of
from replay.streams.parity_cases import ParityCase, is_case, read_case
from replay.streams.requests import RequestReader
from replay.streams.stream_file import is_stream_file, read_segments
from replay.streams.strict_json import CutOffError, JsonError, parse


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


CaseHook = Callable[[int, ParityCase], None]
ShadowHook = Callable[[ShadowMark], None]


def open_inputs(
    paths: Iterable[str | os.PathLike[str]],
    *,
    bound: int | None = None,
    max_line: int = MAX_LINE,
    on_case: CaseHook | None = None,
    on_shadow: ShadowHook | None = None,
) -> Iterator[Segment | Rejected]:
    """Reads files and directories, one after the other; no two streams share a key.

    A bot's log directory is taken without its telemetry and snapshots. Raises InputError for a
    path that does not exist, before anything is read.
    """
    keys = itertools.count()
    files = expand_inputs(paths, without=NOTHING_TO_REPLAY)
    return itertools.chain.from_iterable(
        open_input(
            file, bound=bound, keys=keys, max_line=max_line, on_case=on_case, on_shadow=on_shadow
        )
        for file in files
    )


def open_input(
    path: str | os.PathLike[str],
    *,
    bound: int | None = None,
    keys: Iterator[int] | None = None,
    max_line: int = MAX_LINE,
    on_case: CaseHook | None = None,
    on_shadow: ShadowHook | None = None,
) -> Iterator[Segment | Rejected]:
    """The streams of one file in segments, and what of it cannot be used.

    Takes journals, plain requests, parity cases and corpus streams, the first three compressed
    too. Several streams may be open at once; each ends with a segment whose `last` is true. Memory
    does not grow with the file, but holds its longest line.

    `bound`: begin a new stream where the file has a whole state and the stream so many steps.
    `keys`: where the streams' keys come from. `on_case` is called with the key and the case
    before a case's first segment, `on_shadow` for each journal line that the live shadow marked.
    Raises InputError where the file cannot be opened.
    """
    file = Path(path)
    keys = itertools.count() if keys is None else keys
    if is_stream_file(file):
        yield from read_segments(file, next(keys))
        return
    router = _Router(str(file), keys, bound, on_case, on_shadow)
    lines = read_lines(file, max_line)
    first = next(lines, None)
    if first is None:
        return
    lines = itertools.chain((first,), lines)
    if isinstance(first, Line) and _spans_lines(first, file):
        lines = _joined(str(file), lines, max_line)
    for line in lines:
        if isinstance(line, Rejected):
            yield line
            continue
        yield from router.feed(line)
        if router.segments.ready:
            yield from router.segments.take()
    router.segments.close_all()
    yield from router.segments.take()


class _Router:
    """Tells the kinds of lines apart and hands each to its reader."""

    def __init__(
        self,
        file: str,
        keys: Iterator[int],
        bound: int | None,
        on_case: CaseHook | None,
        on_shadow: ShadowHook | None,
    ) -> None:
        name = Path(file).name
        self.segments = Segmenter(keys)
        self._file = file
        self._name = name
        self._keys = keys
        self._journal = JournalReader(self.segments, name, bound)
        self._requests = RequestReader(self.segments, name, bound)
        self._on_case = on_case
        self._on_shadow = on_shadow

    def feed(self, line: Line) -> Iterable[Segment | Rejected]:
        """What comes of a line at once; steps of longer streams wait in `segments`."""
        data = line.data
        if line.number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
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
        elif "v" in document:
            reason = self._journal.feed(document, line.number, data)
            if self._on_shadow is not None and isinstance(document.get("shadow"), dict):
                self._on_shadow(self._mark(document, line.number))
        elif "method" in document:
            reason = self._requests.feed(document, line.number, len(data))
        elif is_case(document):
            return self._case(document, line.number)
        else:
            reason = "is neither a journal line, nor a request, nor a parity case"
        return () if reason is None else (Rejected(self._file, line.number, reason),)

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
        if self._on_case is not None:
            self._on_case(key, case)
        yield from segments_of(case.stream, key, SEGMENT_STEPS)


def read_cases(path: str | os.PathLike[str]) -> Iterator[ParityCase | Rejected]:
    """The parity cases of a file; what it has of other kinds is left out.

    Raises InputError where the file cannot be opened.
    """
    cases: list[ParityCase] = []
    for item in open_input(path, on_case=lambda _, case: cases.append(case)):
        yield from cases
        cases.clear()
        if isinstance(item, Rejected):
            yield item


def _spans_lines(first: Line, file: Path) -> bool:
    """Whether a file is one JSON value over many lines, as people and tools write `.json`."""
    head = first.data.removeprefix(b"\xef\xbb\xbf").strip()
    if head in (b"{", b"["):
        return True
    if content_ending(file.name) != ".json" or not head.startswith((b"{", b"[")):
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
