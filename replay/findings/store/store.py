"""The store: every run and every finding, in one SQLite file that is the record of them all.

    with Store.open(path) as store:
        run = store.begin_run(RunKind.FUZZ, authority, shadow, settings)
        stored = store.record(run, finding)         # durable when it returns
        store.count(run, stored.id, 1)              # further occurrences, in memory
        store.flush()                               # ... durable now
        store.store_minimised(run, stored.id, smaller, attempts=120, seconds=1.5)
        store.end_run(run, RunTotals(transitions=100_000, exit=1))

Nothing is reported as stored before it is: each method that writes returns after its commit has
reached the disk, and whoever is killed before that has not been told anything. Only `count` is
different, and says so. Several processes can write to one file at once; they take turns.
Errors of the machine (no space, locked, read-only) are EnvironmentFailure, and leave the store as
it was before the call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from replay import __version__
from replay.differential.model import Finding
from replay.errors import EnvironmentFailure, InputError, ReplayError, UsageError
from replay.findings.lifecycle import Status
from replay.findings.severity import is_hot, severity_of
from replay.findings.store import database, encoding, soundness
from replay.findings.store.database import Connection
from replay.findings.store.encoding import clean
from replay.findings.store.migrations import MIGRATIONS, Migrations, migrate
from replay.findings.store.rows import KEPT_PLACES, Place, as_json, now
from replay.findings.store.soundness import Soundness
from replay.findings.store.stored import (
    CorePair,
    FailureCount,
    KeptStream,
    Occurrence,
    RunKind,
    RunTotals,
    Sightings,
    StoredCase,
    StoredFinding,
    StoredRun,
)
from replay.findings.store.triage import Deciding
from replay.findings.store.way_back import keep_copy
from replay.targets.base import CoreIdentity

__all__ = [
    "CorePair",
    "FailureCount",
    "KeptStream",
    "Occurrence",
    "Recorded",
    "RunKind",
    "RunTotals",
    "Sightings",
    "Soundness",
    "Store",
    "StoredCase",
    "StoredFinding",
    "StoredRun",
]


class Recorded(NamedTuple):
    """What became of a finding: `is_new` where this database had never seen it, `first_in_run`
    where this run had not; `status` is what it was until then."""

    id: str
    is_new: bool
    first_in_run: bool
    status: Status


class _Pending:
    """Counted occurrences of one finding in one run that are not written yet."""

    def __init__(self) -> None:
        self.occurrences = 0
        self.places: dict[Place, int] = {}
        self.cases: dict[Place, Finding] = {}

    def add(self, n: int, place: Place | None) -> None:
        self.occurrences += n
        if place is not None and (place in self.places or len(self.places) < KEPT_PLACES):
            self.places[place] = self.places.get(place, 0) + n


class Store(Deciding):
    """An open database. A context manager; not shared between threads or carried through a fork:
    each process opens its own."""

    def __init__(self, connection: Connection, readonly: bool) -> None:
        super().__init__(connection)
        self._readonly = readonly
        self._pending: dict[tuple[int, str], _Pending] = {}
        self._known: set[tuple[int, str]] = set()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        create: bool = True,
        readonly: bool = False,
        untouched: bool = False,
        migrations: Migrations = MIGRATIONS,
    ) -> Self:
        """Opens a database, making and migrating it where needed; an old one is copied first.

        With `create` false a missing file is an InputError. With `readonly` the file must be
        there and is neither migrated nor written to; an older one is read through a migrated
        copy in memory. With `untouched`, too, nothing at all is changed on the disk, and other
        processes are waited for only a moment (database.connect_untouched). A newer or foreign file
        raises ForeignDatabaseError and is untouched, a damaged one DamagedError.
        """
        file = Path(path)
        if readonly or untouched:
            connect = database.connect_untouched if untouched else database.connect_readonly
            return cls(_open_readonly(file, migrations, connect), readonly=True)
        if not create and not file.exists():
            raise InputError(f"there is no database {file}", path=str(file))
        is_ours = not file.exists()
        connection = database.connect(file, len(migrations))
        try:
            migrate(connection, migrations, keep_copy)
        except BaseException:
            connection.close()
            if is_ours:
                database.remove_empty(file)
            raise
        return cls(connection, readonly=False)

    @property
    def path(self) -> Path:
        """Where the database is."""
        return self._connection.path

    @property
    def connection(self) -> Connection:
        """For who reads or writes all of it, row by row (union_file.py)."""
        return self._connection

    def close(self) -> None:
        """Flushes what was counted and closes the file. May be called twice."""
        try:
            if self._pending:
                self.flush()
        finally:
            self._pending.clear()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        # What went wrong first is what the caller must hear of.
        with suppress(ReplayError):
            self.close()

    # Writing

    def add_core(self, identity: CoreIdentity) -> int:
        """The number of a core in this database; a core known in every detail keeps its own."""
        with self._writing():
            return self._rows.core_id(identity)

    def begin_run(
        self,
        kind: RunKind | str,
        authority: CoreIdentity | int,
        shadow: CoreIdentity | int,
        settings: Mapping[str, object],
        *,
        seed: int | str | None = None,
        profile: str | None = None,
    ) -> int:
        """Opens a run and gives its id. Until `end_run` it counts as one that never ended.

        `settings` is kept as JSON; what JSON does not have is kept as its text.
        """
        with self._writing():
            return self._rows.insert(
                """INSERT INTO runs (kind, authority, shadow, seed, profile, settings,
                tool_version, started) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                str(kind),
                authority if isinstance(authority, int) else self._rows.core_id(authority),
                shadow if isinstance(shadow, int) else self._rows.core_id(shadow),
                None if seed is None else clean(str(seed)),
                None if profile is None else clean(profile),
                as_json(settings),
                __version__,
                now(),
            )

    def record(self, run_id: int, finding: Finding) -> Recorded:
        """Stores one occurrence of a finding, with its case, and returns when it is on the disk.

        The first case of a finding that the database sees becomes its unshrunk one. Further
        ones are kept beside it while there are few; later ones are only counted, for which
        `count` is much cheaper.
        """
        stream = encoding.pack_stream(finding.case)
        place = Place(clean(finding.case.origin), finding.line, max(stream.steps - 1, 0))
        with self._writing():
            self._rows.require_run(run_id)
            is_new = self._rows.insert_divergence(run_id, finding)
            if is_new:
                self._rows.write_case(run_id, finding.id, "unshrunk", finding, stream)
            first_in_run = self._rows.tally(run_id, finding.id, 1)
            self._rows.write_place(run_id, finding.id, place, 1, stream)
            status = self._rows.status(finding.id)
        self._known.add((run_id, finding.id))
        return Recorded(finding.id, is_new, first_in_run, status)

    def count(
        self,
        run_id: int,
        finding_id: str,
        n: int = 1,
        *,
        origin: str = "",
        line: int = 0,
        step: int = 0,
    ) -> None:
        """Counts further occurrences of a recorded finding, without their cases.

        In memory: they are stored by the next `flush`, by any other method that writes, or by
        `close`. A process that is killed loses those since then, so flush now and then.
        """
        place = Place(clean(origin), line, step) if origin or line else None
        self._pending_of(run_id, finding_id).add(n, place)

    def keep(self, run_id: int, finding: Finding) -> None:
        """Keeps the case of a further occurrence, which `count` counts, as long as there are few.

        In memory, as `count`.
        """
        pending = self._pending_of(run_id, finding.id)
        place = Place(clean(finding.case.origin), finding.line, max(len(finding.case.steps) - 1, 0))
        if len(pending.cases) < KEPT_PLACES:
            pending.cases.setdefault(place, finding)

    def flush(self) -> None:
        """Stores everything that was counted, in one transaction, and returns when it is done."""
        with self._writing():
            pass

    def store_minimised(
        self, run_id: int, finding_id: str, finding: Finding, attempts: int, seconds: float
    ) -> bool:
        """Stores a minimised case if it is smaller than what is stored: fewer steps, or as many
        and fewer bytes. Tells whether it was. The unshrunk case is never touched.

        `finding` is the minimised one; its own signature is not looked at.
        """
        stream = encoding.pack_stream(finding.case)
        with self._writing():
            self._rows.require_run(run_id)
            self._rows.require_finding(finding_id)
            if not self._rows.is_smaller(finding_id, stream):
                return False
            self._rows.write_case(
                run_id, finding_id, "minimised", finding, stream, attempts, seconds
            )
            severity = severity_of(finding.event, finding.differences)
            self._rows.raise_severity(finding_id, severity, is_hot(finding.event))
        return True

    def record_failures(self, run_id: int, counts: Iterable[FailureCount]) -> None:
        """Adds to a run's counts of failures; the first detail of each class is kept."""
        with self._writing():
            self._rows.require_run(run_id)
            for count in counts:
                self._connection.execute(
                    """INSERT INTO failures (run, role, class, steps, incidents, detail)
                    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run, role, class) DO UPDATE SET
                    steps = steps + excluded.steps, incidents = incidents + excluded.incidents""",
                    run_id,
                    count.role,
                    str(count.kind),
                    count.steps,
                    count.incidents,
                    clean(count.detail),
                )

    def end_run(self, run_id: int, totals: RunTotals) -> None:
        """Ends a run. Raises UsageError where it has ended already."""
        with self._writing():
            self._rows.require_run(run_id)
            ended = self._connection.execute(
                """UPDATE runs SET ended = ?, streams = ?, transitions = ?, seconds = ?,
                rejected = ?, exit = ?, canary = ?, control = ? WHERE id = ? AND ended IS NULL""",
                now(),
                totals.streams,
                totals.transitions,
                totals.seconds,
                totals.rejected,
                None if totals.exit is None else int(totals.exit),
                None if totals.canary is None else as_json(totals.canary),
                None if totals.control is None else as_json(totals.control),
                run_id,
            )
            if ended.rowcount == 0:
                raise UsageError(f"run {run_id} has ended already", run=run_id)

    def note(self, run_id: int, settings: Mapping[str, object]) -> None:
        """Adds to what a run's settings say, in the place of what has the same name."""
        with self._writing():
            self._rows.require_run(run_id)
            said = self._connection.value("SELECT settings FROM runs WHERE id = ?", run_id)
            self._connection.execute(
                "UPDATE runs SET settings = ? WHERE id = ?",
                as_json({**json.loads(said), **settings}),
                run_id,
            )

    def check(self) -> Soundness:
        """Reads the whole database and tells whether it is sound (soundness.py)."""
        return soundness.soundness(self._connection)

    # Inside a transaction

    def _pending_of(self, run_id: int, finding_id: str) -> _Pending:
        """What is counted of a finding in a run. Raises UsageError where one is not there."""
        key = (run_id, finding_id)
        if key not in self._known:
            self._rows.require_run(run_id)
            self._rows.require_finding(finding_id)
            self._known.add(key)
        return self._pending.setdefault(key, _Pending())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that also takes along what was counted."""
        if self._readonly:
            raise EnvironmentFailure(f"the database {self.path} was opened for reading only")
        with self._connection.writing():
            for (run_id, finding_id), pending in self._pending.items():
                self._rows.tally(run_id, finding_id, pending.occurrences)
                for place, n in pending.places.items():
                    self._write_place(run_id, finding_id, place, n, pending.cases.get(place))
            yield
        # Not before the commit: a failed one must not lose them, nor count them twice.
        self._pending.clear()

    def _write_place(
        self, run_id: int, finding_id: str, place: Place, n: int, kept: Finding | None
    ) -> None:
        stream = None if kept is None else encoding.pack_stream(kept.case)
        self._rows.write_place(run_id, finding_id, place, n, stream)
        if kept is not None:
            severity = severity_of(kept.event, kept.differences)
            self._rows.raise_severity(finding_id, severity, is_hot(kept.event))


def _open_readonly(
    file: Path, migrations: Migrations, connect: Callable[[Path, int], Connection]
) -> Connection:
    connection = connect(file, len(migrations))
    try:
        version = database.judge(connection, len(migrations))
        if version == 0:
            raise InputError(f"the database {file} is empty: no run is stored yet", path=str(file))
        if version == len(migrations):
            migrate(connection, migrations)
            return connection
        copy = database.in_memory_copy(connection)
    except BaseException:
        connection.close()
        raise
    connection.close()
    migrate(copy, migrations)
    return copy
