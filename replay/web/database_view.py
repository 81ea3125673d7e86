"""The database as the pages read it: opened for one look at a time, and never touched.

No connection stays open, so nobody who writes waits for a page for longer than one query takes, and
a database that comes, goes or is exchanged is seen at the next look. The list of all findings is
kept as long as the file is the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from replay.differential.signature.signature import ANY_EVENT
from replay.errors import InputError, ReplayError, UsageError
from replay.findings.account import CauseAccount, StoredCause, met_in
from replay.findings.lifecycle import Status
from replay.findings.selection import worst_first
from replay.findings.severity import Severity
from replay.findings.store.identities import identity_meant
from replay.findings.store.store import Store, StoredFinding
from replay.streams.model import call_name

SETTLED = 2.0
"""Seconds after which a file that has not changed is believed to be what its times say: clocks of
file systems are coarse, and two changes may bear one time."""


MAX_BUCKETS = 20
"""Buckets of a cause of which it is asked where they were met."""


class Line(NamedTuple):
    """One finding as the list has it."""

    id: str
    status: Status
    severity: Severity
    hot: bool
    owner: str
    note: str
    event: str
    rule: str
    field: str
    kind: str
    part: str
    failure: bool
    occurrences: int
    steps: int
    first_run: int
    last_run: int
    minimised: bool
    rank: int


class CauseLine(NamedTuple):
    """One cause as the pages have it: `lines` are its buckets that are stored, the worst first,
    `met` where these were met. `is_current` where the newest account has it."""

    cause: StoredCause
    lines: tuple[Line, ...]
    met: tuple[str, ...]
    is_current: bool

    @property
    def severity(self) -> Severity | None:
        """How bad it is: what a person said, else what its buckets tell, None where it has none."""
        return self.cause.severity or (self.lines[0].severity if self.lines else None)

    @property
    def hot(self) -> bool:
        """Whether it is met on the hot path."""
        return any(line.hot for line in self.lines)

    @property
    def occurrences(self) -> int:
        """How often its buckets were seen."""
        return sum(line.occurrences for line in self.lines)

    @property
    def is_open(self) -> bool:
        """Whether it is still there to be looked at."""
        return self.is_current and self.cause.status is not Status.FIXED

    def document(self) -> dict[str, Any]:
        """As `/api/causes` has it."""
        return {
            **self.cause.document(),
            "severity": None if self.severity is None else str(self.severity),
            "hot": self.hot,
            "occurrences": self.occurrences,
            "met": list(self.met),
            "current": self.is_current,
        }


class Listing(NamedTuple):
    """All findings, the worst first, and all causes as `doge-replay causes` had them, those of the
    newest `account` first. Where they cannot be read `problem` says why; `absent` where that is
    only because nothing was stored yet."""

    lines: tuple[Line, ...] = ()
    causes: tuple[CauseLine, ...] = ()
    account: CauseAccount | None = None
    problem: str = ""
    absent: bool = False


class NotThere(Exception):
    """There is no finding or cause of that ID; the text says which are near."""


class Findings:
    """Reads the database at a path, again and again. Safe to use from several threads."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._key: tuple[int, ...] | None = None
        self._listing = Listing()
        self._events: dict[str, str] = {}

    def listing(self) -> Listing:
        """All findings. Never raises: what is wrong with the database is told."""
        with self._lock:
            key = self._state()
            if key is not None and key == self._key:
                return self._listing
            listing = self._read()
            settled = key is not None and time.time() - key[-1] / 1e9 > SETTLED
            self._key = key if settled and not listing.problem else None
            self._listing, self._events = listing, {}
            return listing

    def event_of(self, lines: Sequence[Line]) -> dict[str, str]:
        """The event that leads to each finding: of a rule that several events share, the one in the
        case to show. Raises ReplayError where a case cannot be read."""
        shared = [line for line in lines if line.event == ANY_EVENT]
        with self._lock:
            unknown = [line for line in shared if line.id not in self._events]
            if unknown:
                with self.opened() as store:
                    for line in unknown:
                        form = "minimised" if line.minimised else "unshrunk"
                        case = store.stored_case(line.id, form).stream
                        self._events[line.id] = call_name(case.steps[-1].call)
            return {line.id: self._events.get(line.id, line.event) for line in lines}

    @contextmanager
    def finding(self, identity: str) -> Iterator[tuple[str, StoredFinding]]:
        """A finding by its ID or the beginning of one, as long as the block lasts, with the ID that
        was meant: one that was merged is part of another. Raises NotThere, and ReplayError where
        the database cannot be read."""
        try:
            with self.opened() as store:
                yield store.resolve(identity), store.finding(identity)
        except UsageError as error:
            raise NotThere(error.message) from error

    def cause(self, identity: str) -> CauseLine:
        """A cause by its ID or the beginning of one. Raises NotThere, and InputError where the
        database cannot be read."""
        listing = self.listing()
        if listing.problem:
            raise InputError(listing.problem)
        known = {line.cause.id: line for line in listing.causes}
        try:
            return known[identity_meant(identity, sorted(known), "cause")]
        except UsageError as error:
            raise NotThere(error.message) from error

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """The database, for one look."""
        if self.path is None:
            raise InputError("no database was given")
        with Store.open(self.path, untouched=True) as store:
            yield store

    def _read(self) -> Listing:
        if self.path is None:
            return Listing(problem="no database was given", absent=True)
        try:
            if not self.path.exists() or (self.path.is_file() and self.path.stat().st_size == 0):
                return Listing(problem=f"there is no database {self.path} yet", absent=True)
            with self.opened() as store:
                lines = tuple(map(_line, sorted(store.findings(), key=worst_first)))
                account = store.account()
                causes = tuple(_cause_lines(store, lines, account))
        except ReplayError as error:
            return Listing(problem=error.message)
        except OSError as error:
            return Listing(problem=f"cannot read {self.path}: {error.strerror}")
        return Listing(lines, causes, account)

    def _state(self) -> tuple[int, ...] | None:
        """What changes with each change of the file; None where it is not there."""
        try:
            status = None if self.path is None else self.path.stat()
        except (OSError, ValueError):
            return None
        if status is None:
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _line(finding: StoredFinding) -> Line:
    signature = finding.signature
    return Line(
        id=finding.id,
        status=finding.status,
        severity=finding.severity,
        hot=finding.hot,
        owner=finding.owner,
        note=finding.note,
        event=signature.event,
        rule=signature.rule,
        field=signature.field,
        kind=str(signature.kind),
        part=signature.part,
        failure=signature.failure,
        occurrences=finding.occurrences,
        steps=finding.steps,
        first_run=finding.first_run,
        last_run=finding.last_run,
        minimised=finding.minimised,
        rank=finding.rank,
    )


def _cause_lines(
    store: Store, lines: Sequence[Line], account: CauseAccount | None
) -> Iterator[CauseLine]:
    newest = {cause.id for cause in account.causes} if account is not None else set()
    for cause in store.causes():
        own = tuple(line for line in lines if line.id in cause.findings)
        places = (place for line in own[:MAX_BUCKETS] for place in store.places_of(line.id))
        met = met_in(place.origin for place in places)
        yield CauseLine(cause, own, met, cause.id in newest)
