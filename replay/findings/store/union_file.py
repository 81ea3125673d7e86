"""Databases joined into a new one. Those that are read are not touched, not even a journal that a
killed process left beside one; the new file is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.errors import DamagedError, EnvironmentFailure, UsageError
from replay.findings.store.database import Connection
from replay.findings.store.forms import FORM_FAULTS, damaged
from replay.findings.store.natural import (
    ACCOUNT,
    BEGUN,
    CASE,
    CAUSE,
    CAUSE_CASE,
    CORE,
    ENDED,
    FAILURE,
    PLACE,
    SIGNATURE,
    Contents,
    CoreKey,
    RunKey,
    read_contents,
)
from replay.findings.store.store import Store
from replay.findings.store.union import joined
from replay.streams.kept_files import sync_directory


@dataclass(frozen=True, slots=True)
class Joined:
    """What was written: how much of it, how many runs were in more than one database, and a line
    for each split or merge that is overruled."""

    runs: int
    shared_runs: int
    findings: int
    occurrences: int
    streams: int
    overruled: tuple[str, ...]


def join_databases(paths: Sequence[Path], out: Path) -> Joined:
    """Writes what all databases hold into a new one.

    Raises UsageError where `out` is there already, InputError and its kin, with the name, for a
    database that cannot be joined: none, empty, of another program or a newer doge-replay, damaged.
    """
    if os.path.lexists(out):
        raise UsageError(f"{out} is there already; a join writes a new database", path=str(out))
    with ExitStack() as stack:
        stores = [stack.enter_context(Store.open(path, untouched=True)) for path in paths]
        sources = [store.connection for store in stores]
        contents = [_sound_contents(store) for store in stores]
        union = joined(contents)
        _write_whole(out, union.contents, sources)
    runs = union.contents.runs
    return Joined(
        runs=len(runs),
        shared_runs=sum(sum(key in one.runs for one in contents) > 1 for key in runs),
        findings=len(union.contents.buckets),
        occurrences=sum(sum(run.tallies.values()) for run in runs.values()),
        streams=len(union.contents.streams),
        overruled=union.overruled,
    )


def _sound_contents(store: Store) -> Contents:
    problems = store.check().problems
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DamagedError(
            f"the database {store.path} is damaged: {problems[0]}{more}", path=str(store.path)
        )
    try:
        return read_contents(store.connection)
    except FORM_FAULTS as error:
        raise damaged(store.connection, error) from error


def _write_whole(out: Path, contents: Contents, sources: Sequence[Connection]) -> None:
    made = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with Store.open(made) as store, store.connection.writing():
            _Writer(store.connection).write(contents, sources)
        try:
            os.link(made, out)  # unlike a rename, it replaces nothing
        except FileExistsError:
            raise UsageError(f"{out} is there already", path=str(out)) from None
        except OSError:
            made.rename(out)  # a file system without links
        sync_directory(out.parent)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {out}: {error.strerror}") from error
    finally:
        for left in (made, made.with_name(f"{made.name}-journal")):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)


class _Writer:
    """Writes contents into an empty database, in an order that depends on them alone: the same
    contents make the same file."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cores: dict[CoreKey, int] = {}
        self._runs: dict[RunKey, int] = {}

    def write(self, contents: Contents, sources: Sequence[Connection]) -> None:
        self._write_runs(contents)
        self._write_streams(contents, sources)
        for identity, bucket in contents.buckets.items():
            first = self._runs[bucket.first_run]
            values = (identity, *bucket.signature, str(bucket.severity), int(bucket.hot), first)
            columns = ("id", *SIGNATURE, "severity", "hot", "first_run")
            self._insert("divergences", columns, values)
        for (identity, form), case in sorted(contents.cases.items()):
            values = (identity, form, self._runs[case.run], case.stream, *case.rest)
            self._insert("cases", ("divergence", "form", "run", "stream", *CASE), values)
        self._write_counts(contents)
        self._write_decisions(contents)

    def _insert(self, table: str, columns: Sequence[str], values: Sequence[object]) -> int:
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        return int(self._connection.execute(sql, *values).lastrowid or 0)

    def _write_runs(self, contents: Contents) -> None:
        cores = {core for run in contents.runs.values() for core in (run.authority, run.shadow)}
        cores |= {core for account in contents.accounts for core in account.cores or ()}
        for core in sorted(cores):
            self._cores[core] = self._insert("cores", CORE, core)
        columns = (*BEGUN, "started", *ENDED)
        for key, run in contents.runs.items():
            pair = self._cores[run.authority], self._cores[run.shadow]
            values = [run.row[name] for name in columns]
            self._runs[key] = self._insert(
                "runs", ("authority", "shadow", *columns), (*pair, *values)
            )

    def _write_streams(self, contents: Contents, sources: Sequence[Connection]) -> None:
        columns = ("sha256", "steps", "size", "blob")
        for name in sorted(contents.streams):
            # Packed by another release of zstd the same content may be other bytes.
            rows = [_stream_row(source, name) for source in sources]
            row = min((row for row in rows if row is not None), key=lambda row: row["blob"])
            self._insert("streams", columns, [row[column] for column in columns])

    def _write_counts(self, contents: Contents) -> None:
        for key, run in contents.runs.items():
            number = self._runs[key]
            for identity, occurrences in sorted(run.tallies.items()):
                values = (number, identity, occurrences)
                self._insert("tallies", ("run", "divergence", "occurrences"), values)
            for place in run.places:
                self._insert("occurrences", ("run", *PLACE), (number, *place))
            for failure in run.failures:
                self._insert("failures", ("run", *FAILURE), (number, *failure))

    def _write_decisions(self, contents: Contents) -> None:
        for identity, entries in sorted(contents.histories.items()):
            for said in entries:
                run = None if said.run is None else self._runs[said.run]
                values = {**said._asdict(), "run": run}
                is_cause = identity.startswith("c-")
                table, whose = ("cause_history", "cause") if is_cause else ("history", "divergence")
                self._insert(table, (whose, *values), (identity, *values.values()))
        for split in contents.splits:
            self._insert("splits", ("divergence", "name", "condition", "part"), split)
        for merge in contents.merges:
            self._insert("merges", ("source", "target"), merge)
        for account in sorted(contents.accounts, key=repr):
            pair = [None if account.cores is None else self._cores[account.cores[at]]
                    for at in (0, 1)]  # fmt: skip
            columns: Sequence[str] = (*ACCOUNT, "authority", "shadow")
            number = self._insert("accounts", columns, (*account.row, *pair))
            for cause in account.causes:
                self._insert("causes", ("account", *CAUSE), (number, *cause))
            for finding in account.findings:
                columns = ("account", "place", "divergence")
                self._insert("cause_findings", columns, (number, *finding))
            for case in account.cases:
                self._insert("cause_cases", ("account", *CAUSE_CASE), (number, *case))
            for left in account.left:
                columns = ("account", "bucket", "steps")
                self._insert("not_accounted_for", columns, (number, *left))


def _stream_row(source: Connection, name: str) -> Mapping[str, Any] | None:
    return source.row("SELECT * FROM streams WHERE sha256 = ?", name)
