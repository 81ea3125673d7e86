"""All that a database holds, by keys that mean the same in every database.

Runs are numbered in each file anew, so here a run is known by when and as what it was started.
What a join added to the histories (union_history.py) is left out again, so that what is read is
what people and runs have said, whether the file was joined before or not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from replay.findings.severity import Severity
from replay.findings.store.database import Connection
from replay.findings.store.rows import as_json

JOINED = "joined"
"""In the evidence of an entry: what a join made of it."""

CoreKey: TypeAlias = tuple[str, ...]
"""All that is known about a core."""


class RunKey(NamedTuple):
    """A run: its start, then all else that it was begun with, and which of several like it."""

    started: str
    begun: str
    number: int


class KeptPlace(NamedTuple):
    """A kept occurrence."""

    divergence: str
    origin: str
    line: int
    step: int
    times: int
    stream: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run with all that it counted, as one database has it: `row` by its columns, `tallies` by
    finding, `failures` as rows."""

    row: Mapping[str, Any]
    authority: CoreKey
    shadow: CoreKey
    tallies: Mapping[str, int]
    places: tuple[KeptPlace, ...]
    failures: tuple[tuple[Any, ...], ...]


class Case(NamedTuple):
    """A case, with how large its stream is."""

    size: tuple[int, int]
    run: RunKey
    stream: str
    rest: tuple[Any, ...]


class Bucket(NamedTuple):
    """A finding; `signature` in the columns of the table."""

    signature: tuple[Any, ...]
    severity: Severity
    hot: bool
    first_run: RunKey


class Said(NamedTuple):
    """An entry of a history."""

    at: str
    who: str
    status: str | None
    why: str
    evidence: str
    run: RunKey | None
    severity: str | None
    owner: str | None
    note: str | None


class SplitRow(NamedTuple):
    """A split in force."""

    of: str
    name: str
    condition: str
    part: str


class MergeRow(NamedTuple):
    """A merge in force."""

    source: str
    target: str


class AccountRows(NamedTuple):
    """An account of causes, with its rows in the other tables."""

    row: tuple[Any, ...]
    causes: tuple[tuple[Any, ...], ...]
    findings: tuple[tuple[Any, ...], ...]
    left: tuple[tuple[Any, ...], ...]
    cases: tuple[tuple[Any, ...], ...]
    cores: tuple[CoreKey, CoreKey] | None


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in a database but the streams themselves."""

    runs: Mapping[RunKey, Run]
    buckets: Mapping[str, Bucket]
    cases: Mapping[tuple[str, str], Case]
    histories: Mapping[str, tuple[Said, ...]]
    splits: tuple[SplitRow, ...]
    merges: tuple[MergeRow, ...]
    accounts: frozenset[AccountRows]
    streams: frozenset[str]


CORE = ("kind", "path", "sha256", "version", "revision", "methods")
BEGUN = ("kind", "seed", "profile", "settings", "tool_version")
ENDED = ("ended", "streams", "transitions", "seconds", "rejected", "exit", "canary", "control")
SIGNATURE = ("event", "rule", "field", "kind", "failure", "part")
CASE = ("verdict", "origin", "line", "differences", "authority", "shadow", "attempts", "seconds")
PLACE = ("divergence", "origin", "line", "step", "count", "stream")
FAILURE = ("role", "class", "steps", "incidents", "detail")
ACCOUNT = ("at", "kept", "kept_right", "generated", "generated_right", "complete")
CAUSE = (
    "place",
    "id",
    "kind",
    "says",
    "canonical",
    "rule",
    "verified",
    "needed_at",
    "doubtful",
    "block",
)
CAUSE_CASE = ("place", "number", "stream", "origin", "refusal")


def read_contents(connection: Connection) -> Contents:
    """Everything that is committed now."""
    with connection.snapshot():
        keys = _run_keys(connection)
        return Contents(
            runs=_runs(connection, keys),
            buckets=_buckets(connection, keys),
            cases=_cases(connection, keys),
            histories=_histories(connection, keys),
            splits=tuple(
                SplitRow(**row)
                for row in connection.rows(
                    "SELECT divergence AS of, name, condition, part FROM splits ORDER BY id"
                )
            ),
            merges=tuple(
                MergeRow(**row)
                for row in connection.rows("SELECT source, target FROM merges ORDER BY source")
            ),
            accounts=_accounts(connection),
            streams=frozenset(
                row["sha256"] for row in connection.rows("SELECT sha256 FROM streams")
            ),
        )


def _cores(connection: Connection) -> dict[int, CoreKey]:
    rows = connection.rows("SELECT * FROM cores")
    return {row["id"]: tuple(row[name] for name in CORE) for row in rows}


def _run_keys(connection: Connection) -> dict[int, RunKey]:
    cores = _cores(connection)
    known: Counter[tuple[str, str]] = Counter()
    keys = {}
    for row in connection.rows("SELECT * FROM runs ORDER BY id"):
        begun = [row[name] for name in BEGUN]
        text = as_json([*begun, cores[row["authority"]], cores[row["shadow"]]])
        known[row["started"], text] += 1
        keys[row["id"]] = RunKey(row["started"], text, known[row["started"], text])
    return keys


def _runs(connection: Connection, keys: Mapping[int, RunKey]) -> dict[RunKey, Run]:
    cores = _cores(connection)
    tallies: dict[int, dict[str, int]] = {number: {} for number in keys}
    places: dict[int, list[KeptPlace]] = {number: [] for number in keys}
    failures: dict[int, list[tuple[Any, ...]]] = {number: [] for number in keys}
    for row in connection.rows("SELECT * FROM tallies ORDER BY divergence"):
        tallies[row["run"]][row["divergence"]] = row["occurrences"]
    for row in connection.rows("SELECT * FROM occurrences ORDER BY id"):
        places[row["run"]].append(KeptPlace(*(row[name] for name in PLACE)))
    for row in connection.rows("SELECT * FROM failures ORDER BY role, class"):
        failures[row["run"]].append(tuple(row[name] for name in FAILURE))
    return {
        keys[row["id"]]: Run(
            row={name: row[name] for name in (*BEGUN, "started", *ENDED)},
            authority=cores[row["authority"]],
            shadow=cores[row["shadow"]],
            tallies=tallies[row["id"]],
            places=tuple(places[row["id"]]),
            failures=tuple(failures[row["id"]]),
        )
        for row in connection.rows("SELECT * FROM runs ORDER BY id")
    }


def _buckets(connection: Connection, keys: Mapping[int, RunKey]) -> dict[str, Bucket]:
    return {
        row["id"]: Bucket(
            tuple(row[name] for name in SIGNATURE),
            Severity(row["severity"]),
            bool(row["hot"]),
            keys[row["first_run"]],
        )
        for row in connection.rows("SELECT * FROM divergences ORDER BY id")
    }


def _cases(connection: Connection, keys: Mapping[int, RunKey]) -> dict[tuple[str, str], Case]:
    return {
        (row["divergence"], row["form"]): Case(
            (row["steps"], row["size"]),
            keys[row["run"]],
            row["stream"],
            tuple(row[name] for name in CASE),
        )
        for row in connection.rows(
            "SELECT c.*, s.steps, s.size FROM cases c JOIN streams s ON s.sha256 = c.stream"
        )
    }


def _histories(connection: Connection, keys: Mapping[int, RunKey]) -> dict[str, tuple[Said, ...]]:
    """Those of findings and of causes."""
    histories: dict[str, list[Said]] = {}
    rows = [
        *connection.rows("SELECT *, divergence AS whose FROM history ORDER BY id"),
        *connection.rows("SELECT *, cause AS whose FROM cause_history ORDER BY id"),
    ]
    for row in rows:
        run = None if row["run"] is None else keys[row["run"]]
        others = {name: row[name] for name in Said._fields if name != "run"}
        said = _as_it_was(Said(run=run, **others))
        if said is not None:
            histories.setdefault(row["whose"], []).append(said)
    return {identity: tuple(entries) for identity, entries in histories.items()}


def _as_it_was(said: Said) -> Said | None:
    """An entry before it was joined; None for one that only the join made."""
    evidence = json.loads(said.evidence)
    if JOINED not in evidence:
        return said
    joined = evidence.pop(JOINED)
    if "status" not in joined:
        return None
    return said._replace(status=joined["status"], evidence=as_json(evidence))


def _accounts(connection: Connection) -> frozenset[AccountRows]:
    def rows_of(table: str, columns: tuple[str, ...], number: int) -> tuple[tuple[Any, ...], ...]:
        names = ", ".join(columns)
        sql = f"SELECT {names} FROM {table} WHERE account = ? ORDER BY {names}"
        return tuple(tuple(row.values()) for row in connection.rows(sql, number))

    cores = _cores(connection)

    def cores_of(row: Mapping[str, Any]) -> tuple[CoreKey, CoreKey] | None:
        known = row["authority"] is not None and row["shadow"] is not None
        return (cores[row["authority"]], cores[row["shadow"]]) if known else None

    return frozenset(
        AccountRows(
            tuple(row[name] for name in ACCOUNT),
            rows_of("causes", CAUSE, row["id"]),
            rows_of("cause_findings", ("place", "divergence"), row["id"]),
            rows_of("not_accounted_for", ("bucket", "steps"), row["id"]),
            rows_of("cause_cases", CAUSE_CASE, row["id"]),
            cores_of(row),
        )
        for row in connection.rows("SELECT * FROM accounts ORDER BY id")
    )
