"""Splits and merges as the database has them: reading the routing, and changing it by hand.

A merge only says where a bucket's findings count from now on: nothing of it is moved, so taking it
back loses nothing. A split does move: the kept occurrences that meet its condition, with their
counts and cases, become a bucket of their own. Taking a split back merges the part into what it was
split off from. Each change is in the history of every bucket that it is about.

The methods here belong inside a transaction that has the write lock (`Connection.writing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from replay.differential.conditions.condition import Condition, ConditionError
from replay.differential.model import Finding, Signature
from replay.differential.routing_table import IN_PART, Routing, part_of
from replay.errors import DamagedError, UsageError
from replay.findings.lifecycle import Status
from replay.findings.store import encoding
from replay.findings.store.database import Connection
from replay.findings.store.rows import Rows

MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Split:
    """What a split does, as it was tried out before (splits.py).

    `rows` are the numbers of the occurrences that move, `moving` and `staying` the findings that
    running the streams of those that move and those that stay has shown, at least one of each.
    `forms` are those of the two cases ("unshrunk", "minimised") that move along.
    """

    condition: Condition
    name: str
    rows: tuple[int, ...]
    moving: tuple[Finding, ...]
    staying: tuple[Finding, ...]
    forms: frozenset[str]


def signature_of(row: Mapping[str, Any]) -> Signature:
    """The signature in a row of `divergences`."""
    return Signature(
        row["event"], row["rule"], row["field"], row["kind"], bool(row["failure"]), row["part"]
    )


def read_routing(connection: Connection) -> Routing:
    """The splits and merges in force. Raises DamagedError where a condition cannot be read."""
    splits: dict[str, tuple[tuple[str, Condition], ...]] = {}
    for row in connection.rows("SELECT divergence, name, condition FROM splits ORDER BY id"):
        try:
            condition = Condition.parse(row["condition"])
        except ConditionError as error:
            raise DamagedError(
                f"the database {connection.path} is damaged: the split {row['name']!r} of "
                f"{row['divergence']}: {error.message}"
            ) from error
        former = splits.get(row["divergence"], ())
        splits[row["divergence"]] = (*former, (row["name"], condition))
    merges = {
        row["source"]: signature_of(row)
        for row in connection.rows(
            "SELECT m.source, d.* FROM merges m JOIN divergences d ON d.id = m.target"
        )
    }
    return Routing(splits, merges)


def check_name(name: str) -> str:
    """The name of a part as it is stored. Raises UsageError where it cannot be one."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable() or IN_PART.strip() in name:
        raise UsageError(
            f"the name of a part is one line of at most {MAX_NAME} characters without "
            f"{IN_PART.strip()!r}, not {name[:MAX_NAME]!r}"
        )
    return name


class Routes:
    """Changes the routing through one connection."""

    def __init__(self, connection: Connection, rows: Rows) -> None:
        self._connection = connection
        self._rows = rows

    # Splitting

    def split(self, finding_id: str, split: Split, run: int, who: str, why: str) -> str:
        """Splits a bucket and gives the id of the part."""
        self._require_unmerged(finding_id)
        name = check_name(split.name)
        if self._value("SELECT 1 FROM splits WHERE divergence = ? AND name = ?", finding_id, name):
            raise UsageError(f"{finding_id} has a part named {name!r} already", id=finding_id)
        signature = part_of(self._signature(finding_id), name)
        occurrences = [self._occurrence(finding_id, row) for row in split.rows]
        first_run = min(occurrence["run"] for occurrence in occurrences)
        self._make_part(finding_id, signature, split.moving, first_run)
        self._move_cases(finding_id, signature, split, run)
        for occurrence in occurrences:
            self._move_occurrence(occurrence, signature.id)
        self._rows.insert(
            "INSERT INTO splits (divergence, name, condition, part) VALUES (?, ?, ?, ?)",
            finding_id,
            name,
            split.condition.text,
            signature.id,
        )
        self._check_circle(signature.id)
        moved = sum(occurrence["count"] for occurrence in occurrences)
        evidence = {
            "split": {
                "of": finding_id,
                "part": signature.id,
                "name": name,
                "condition": split.condition.text,
                "occurrences": moved,
                "cases": len(split.moving),
            }
        }
        self._rows.remark(finding_id, who, f"{moved} occurrences were split off as {signature.id} "
                          f"({name}){_because(why)}", evidence, run)  # fmt: skip
        self._rows.remark(signature.id, who, f"split off from {finding_id}{_because(why)}",
                          evidence, run)  # fmt: skip
        return signature.id

    def _occurrence(self, finding_id: str, number: int) -> dict[str, Any]:
        """An occurrence that is to move. Raises UsageError where it is elsewhere by now."""
        row = self._connection.row("SELECT * FROM occurrences WHERE id = ?", number)
        if row is None or finding_id not in self._led_to(row["divergence"]):
            raise UsageError(f"{finding_id} was changed by another process meanwhile; try again")
        return row

    def _led_to(self, identity: str) -> set[str]:
        """All buckets that a finding counts in: its own and those it was merged into."""
        found: set[str] = set()
        following: str | None = identity
        while following is not None and following not in found:
            found.add(following)
            following = self._value("SELECT target FROM merges WHERE source = ?", following)
        return found

    def _make_part(
        self, finding_id: str, signature: Signature, moving: Sequence[Finding], first_run: int
    ) -> None:
        """The row of a part; one that was taken back once is there, merged into its origin."""
        merged = self._value("SELECT target FROM merges WHERE source = ?", signature.id)
        if merged == finding_id:
            self._connection.execute("DELETE FROM merges WHERE source = ?", signature.id)
        elif merged is not None:
            raise UsageError(f"{signature.id} was merged into {merged}; take that back first")
        for finding in moving:
            self._rows.insert_divergence(first_run, replace(finding, signature=signature))

    def _move_cases(self, finding_id: str, part: Signature, split: Split, run: int) -> None:
        """Gives the part its cases, and its origin others where those were its own."""
        for form in sorted(split.forms):
            self._connection.execute(
                """INSERT OR IGNORE INTO cases SELECT ?, form, run, stream, verdict, origin, line,
                differences, authority, shadow, attempts, seconds FROM cases
                WHERE divergence = ? AND form = ?""",
                part.id,
                finding_id,
                form,
            )
        if not self._value("SELECT 1 FROM cases WHERE divergence = ? AND form = 'unshrunk'",
                           part.id):  # fmt: skip
            self._write_unshrunk(run, part.id, split.moving[0])
        if "unshrunk" in split.forms:
            self._write_unshrunk(run, finding_id, split.staying[0])
        if "minimised" in split.forms:
            self._connection.execute(
                "DELETE FROM cases WHERE divergence = ? AND form = 'minimised'", finding_id
            )

    def _write_unshrunk(self, run: int, finding_id: str, finding: Finding) -> None:
        stream = encoding.pack_stream(finding.case)
        self._rows.write_case(run, finding_id, "unshrunk", finding, stream)

    def _move_occurrence(self, row: Mapping[str, Any], part_id: str) -> None:
        there = self._connection.execute(
            """UPDATE occurrences SET count = count + ?, stream = coalesce(stream, ?)
            WHERE divergence = ? AND (run, origin, line, step) = (?, ?, ?, ?)""",
            *(row["count"], row["stream"], part_id),
            *(row["run"], row["origin"], row["line"], row["step"]),
        )
        if there.rowcount:
            self._connection.execute("DELETE FROM occurrences WHERE id = ?", row["id"])
        else:
            self._connection.execute(
                "UPDATE occurrences SET divergence = ? WHERE id = ?", part_id, row["id"]
            )
        self._rows.tally(row["run"], row["divergence"], -row["count"])
        self._rows.tally(row["run"], part_id, row["count"])

    def unsplit(self, part_id: str, who: str, why: str) -> str:
        """Takes a split back: the part is merged into what it was split off from, whose id is
        given."""
        origin = self.check_unsplit(part_id)
        row = self._connection.row("SELECT * FROM splits WHERE part = ?", part_id)
        assert row is not None
        self._connection.execute("DELETE FROM splits WHERE part = ?", part_id)
        self._insert_merge(part_id, origin)
        evidence = {"unsplit": {"of": origin, "part": part_id, "name": row["name"],
                                "condition": row["condition"]}}  # fmt: skip
        because = _because(why)
        self._rows.remark(part_id, who, f"the split was taken back: now part of {origin}{because}",
                          evidence)  # fmt: skip
        self._rows.remark(origin, who, f"the split of {part_id} was taken back{because}", evidence)
        return origin

    def check_unsplit(self, part_id: str) -> str:
        """What a part was split off from. Raises UsageError where that cannot be taken back."""
        origin = self._value("SELECT divergence FROM splits WHERE part = ?", part_id)
        if origin is None:
            raise UsageError(f"{part_id} is no part that was split off", id=part_id)
        inner = self._value("SELECT part FROM splits WHERE divergence = ?", part_id)
        if inner is not None:
            raise UsageError(f"{inner} was split off from {part_id}; take that back first")
        self._require_unmerged(part_id)
        return str(origin)

    # Merging

    def merge(self, sources: Iterable[str], target: str, who: str, why: str) -> None:
        """Merges buckets into another."""
        sources = list(sources)
        self.check_merge(sources, target)
        for source in sources:
            self._insert_merge(source, target)
            evidence = {"merge": {"source": source, "into": target}}
            because = _because(why)
            self._rows.remark(source, who, f"merged into {target}{because}", evidence)
            self._rows.remark(target, who, f"{source} was merged into it{because}", evidence)

    def check_merge(self, sources: Iterable[str], target: str) -> None:
        """Raises UsageError where one of the merges cannot be."""
        self._require_unmerged(target)
        for source in sources:
            self._require_unmerged(source)
            self._check_merge(source, target)
            self._check_circle(source, target)

    def _check_merge(self, source: str, target: str) -> None:
        if source == target:
            raise UsageError(f"{source} cannot be merged into itself", id=source)
        if self._signature(source).failure != self._signature(target).failure:
            raise UsageError(
                f"{source} and {target} cannot be one: a failure of a core is no divergence"
            )
        if self._value("SELECT 1 FROM splits WHERE part = ? AND divergence = ?", source, target):
            raise UsageError(
                f"{source} was split off from {target}: take the split back instead "
                f"(`split {source} --undo`)"
            )
        if (
            self._rows.status(target) is Status.FIXED
            and self._rows.status(source) is not Status.FIXED
        ):
            raise UsageError(f"{target} is fixed and {source} is not: merge the other way round")

    def unmerge(self, source: str, who: str, why: str) -> str:
        """Takes a merge back and gives the id of what it was merged into."""
        target = self.check_unmerge(source)
        self._connection.execute("DELETE FROM merges WHERE source = ?", source)
        evidence = {"unmerge": {"source": source, "from": target}}
        because = _because(why)
        self._rows.remark(source, who, f"no longer merged into {target}{because}", evidence)
        self._rows.remark(target, who, f"{source} is on its own again{because}", evidence)
        return target

    def check_unmerge(self, source: str) -> str:
        """What a finding was merged into. Raises UsageError where that cannot be taken back."""
        target = self._value("SELECT target FROM merges WHERE source = ?", source)
        if target is None:
            raise UsageError(f"{source} was not merged into another", id=source)
        signature = self._signature(source)
        if signature.part and not self._value("SELECT 1 FROM splits WHERE part = ?", source):
            raise UsageError(
                f"{source} was a part of {target} whose split was taken back; split {target} again "
                f"as {signature.part.rpartition(IN_PART)[2]!r} to have it back"
            )
        return str(target)

    def _insert_merge(self, source: str, target: str) -> None:
        self._connection.execute(
            "INSERT INTO merges (source, target) VALUES (?, ?)", source, target
        )
        self._check_circle(source)

    # What both need

    def _value(self, sql: str, *values: object) -> Any:
        return self._connection.value(sql, *values)

    def _signature(self, identity: str) -> Signature:
        row = self._connection.row("SELECT * FROM divergences WHERE id = ?", identity)
        assert row is not None, "was required before"
        return signature_of(row)

    def _require_unmerged(self, identity: str) -> None:
        self._rows.require_finding(identity)
        target = self._value("SELECT target FROM merges WHERE source = ?", identity)
        if target is not None:
            raise UsageError(f"{identity} was merged into {target} already", id=identity)

    def _check_circle(self, start: str, *added: str) -> None:
        """Raises UsageError where what leaves a bucket by a split or a merge could come back;
        `added` is where it would also go."""
        rows = self._connection.rows(
            "SELECT source AS here, target AS there FROM merges "
            "UNION ALL SELECT divergence, part FROM splits"
        )
        ways: dict[str, list[str]] = {}
        for row in rows:
            ways.setdefault(row["here"], []).append(row["there"])
        reached: set[str] = set()
        ahead = [*ways.get(start, ()), *added]
        while ahead:
            identity = ahead.pop()
            if identity == start:
                raise UsageError(
                    f"that would lead from {start} back to {start}: what was split off from a "
                    "bucket, or merged into it, cannot take it in",
                    id=start,
                )
            if identity not in reached:
                reached.add(identity)
                ahead += ways.get(identity, ())


def _because(why: str) -> str:
    return f": {why}" if why else ""
