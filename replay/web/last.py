"""Which finding of the database the last live divergence is.

The counters say when it was, its kind and its event. The database knows the file and line of the
first occurrences of each finding, and the journal the time of each line: where these meet, the
finding is certain. Where they do not, an event that only one finding has is likely that; else the
list of that event's findings is all there is to point at.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from replay.errors import ReplayError
from replay.findings.selection import EVENTS
from replay.streams.compression import COMPRESSED_ENDINGS
from replay.streams.lines import Line as FileLine
from replay.streams.lines import read_lines
from replay.streams.model import CALL_NAMES, CallCode, Document
from replay.streams.strict_json import JsonError, parse
from replay.web.database_view import Findings, Line, Listing, NotThere
from replay.web.finding_list import Query, address_of
from replay.web.words import number

NEAR = 0.0015
"""Seconds by which two times of one call may differ: journal and counters may round them."""

KEPT = 30.0
"""Seconds after which it is looked up again: journals grow."""

MAX_CANDIDATES = 20
MAX_FILES = 8
MAX_BYTES = 64 * 1024 * 1024
MAX_LINE = 1024 * 1024
_CHECK = CALL_NAMES[CallCode.CHECK_INVARIANTS]


class Pointer(NamedTuple):
    """Where to read on, and in words how sure that is."""

    address: str
    name: str
    why: str


class LastDivergence:
    """Finds it, and remembers what it found in journals. Safe to use from several threads."""

    def __init__(self, findings: Findings, logs: Path | None) -> None:
        self._findings = findings
        self._logs = logs
        self._lock = threading.Lock()
        self._known: tuple[Listing, object, float, Pointer] = (
            Listing(), None, 0.0, Pointer("", "", "")
        )  # fmt: skip
        self._times: dict[tuple[Path, int, int], dict[int, float]] = {}

    def pointer(self, block: Mapping[str, Any]) -> Pointer | None:
        """Where to read on about the last divergence of some counters; None where they have none.
        Never raises."""
        event, kind = block.get("last_divergence_event"), block.get("last_divergence_kind")
        at = number(block.get("last_divergence_ts"))
        if at is None and not event and not kind:
            return None
        known = isinstance(event, str) and event in EVENTS
        rest = Pointer(
            Query(event=str(event)).address() if known else "/divergences",
            f"findings of {event}" if known else "all findings",
            "",
        )
        listing = self._findings.listing()
        asked = (event, kind, at)
        with self._lock:
            known_listing, known_asked, until, pointer = self._known
            if known_listing is listing and known_asked == asked and time.monotonic() < until:
                return pointer
        pointer = self._looked_up(listing, str(event or ""), str(kind or ""), at, rest)
        with self._lock:
            self._known = listing, asked, time.monotonic() + KEPT, pointer
        return pointer

    def _looked_up(
        self, listing: Listing, event: str, kind: str, at: float | None, rest: Pointer
    ) -> Pointer:
        try:
            return self._found(listing, event, kind, at, rest)
        except (ReplayError, NotThere, OSError) as error:
            return rest._replace(why=f"which one cannot be told: {error}")

    def _found(
        self, listing: Listing, event: str, kind: str, at: float | None, rest: Pointer
    ) -> Pointer:
        if listing.problem:
            return rest._replace(why=listing.problem)
        lines = [line for line in listing.lines if not line.failure]
        events = self._findings.event_of(lines)
        lines = [line for line in lines if event in (line.event, events[line.id], "")]
        lines.sort(key=lambda line: _kind(line) != kind)
        if not lines:
            return rest._replace(
                why="it is not in the database yet: `doge-replay run` on the journal puts it there"
            )
        line = None if at is None else self._at(at, lines[:MAX_CANDIDATES])
        if line is not None:
            return Pointer(address_of(line.id), line.id, "the same time in the journal")
        alike = [line for line in lines if _kind(line) == kind] or lines
        if len(alike) == 1:
            return Pointer(address_of(alike[0].id), alike[0].id, "the only one of that event")
        return rest._replace(why=f"one of {len(alike):,} of that event")

    def _at(self, at: float, lines: Sequence[Line]) -> Line | None:
        """The finding that has an occurrence at that time."""
        if self._logs is None:
            return None
        wanted: dict[str, dict[int, Line]] = {}
        with self._findings.opened() as store:
            for line in lines:
                for place in store.places_of(line.id):
                    name = place.origin.partition(" slot ")[0]
                    if place.line and name:
                        wanted.setdefault(Path(name).name, {})[place.line] = line
        for name, places in list(wanted.items())[:MAX_FILES]:
            for number_of_line, ts in self._times_in(name, max(places)).items():
                if number_of_line in places and abs(ts - at) <= NEAR:
                    return places[number_of_line]
        return None

    def _times_in(self, name: str, last: int) -> dict[int, float]:
        """The times of the divergences that a journal's first lines are marked with. A journal only
        grows, so those lines stay what they are."""
        assert self._logs is not None
        for ending in ("", *COMPRESSED_ENDINGS):
            path = self._logs / f"{name}{ending}"
            if path.is_file():
                break
        else:
            return {}
        status = path.stat()
        key = (path, status.st_ino, last)
        with self._lock:
            if key not in self._times:
                while len(self._times) >= MAX_FILES:
                    self._times.pop(next(iter(self._times)))
                self._times[key] = {} if status.st_size > MAX_BYTES else _marked(path, last)
            return self._times[key]


def _kind(line: Line) -> str:
    """As the counters have it: what differs in violations alone is of the invariants."""
    is_invariant = line.event == _CHECK or line.field.startswith("violations")
    return "invariant" if is_invariant else "transition"


def _marked(path: Path, last: int) -> dict[int, float]:
    times = {}
    for line in read_lines(path, MAX_LINE):
        if isinstance(line, FileLine) and line.number > last:
            break
        # Few lines of a journal are marked, and only those are worth decoding.
        if not isinstance(line, FileLine) or b'"agreed"' not in line.data:
            continue
        if b'"agreed":true' in line.data or b'"agreed": true' in line.data:
            continue
        try:
            document: Document = parse(line.data)
        except JsonError:
            continue
        at = number(document.get("ts")) if isinstance(document, dict) else None
        if at is not None:
            times[line.number] = at
    return times
