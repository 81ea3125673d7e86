"""Databases joined: nothing is lost, nothing counted twice, and the order does not matter."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_support import HASKELL, NEWER, PYTHON, finding, stream

from replay.differential.conditions.condition import Condition
from replay.differential.model import Finding
from replay.differential.routing_table import part_of
from replay.errors import DamagedError, ForeignDatabaseError, InputError, UsageError
from replay.findings.account import CauseAccount, CauseCase, StoredCause
from replay.findings.lifecycle import Status
from replay.findings.store import database
from replay.findings.store.routes import Split
from replay.findings.store.store import RunTotals, Store
from replay.findings.store.union_file import join_databases

BUILDS = {"authority": {"sha256": "aa"}, "shadow": {"sha256": "bb"}}
FIXED = {"replays": 2, **BUILDS}
RULES = ("exit fill", "entry fill", "reset")


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """These databases are thrown away, and dozens of them are written."""
    inner = database.connect

    def quick(path: Path, newest: int) -> database.Connection:
        connection = inner(path, newest)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    monkeypatch.setattr(database, "connect", quick)


def met(rule: str, price: float, line: int) -> Finding:
    return finding(rule, case=stream(3, price, "events.jsonl"), line=line)


def hunt(path: Path, rules: Sequence[str] = RULES, price: float = 0.25, core: int = 0) -> int:
    """A run that meets some findings, the first of them twice with a case and ten times without."""
    with Store.open(path) as store:
        run = store.begin_run("fuzz", PYTHON, (HASKELL, NEWER)[core], {"jobs": 1}, seed=7)
        for number, rule in enumerate(rules, 1):
            store.record(run, met(rule, price, number))
        store.record(run, met(rules[0], price / 2, 9))
        store.count(run, finding(rules[0]).id, 10)
        store.end_run(run, RunTotals(streams=3, transitions=100, exit=1))
    return run


def split(path: Path, rule: str, name: str) -> None:
    """Splits off the last kept occurrence of a finding."""
    with Store.open(path) as store:
        stored = store.finding(finding(rule).id)
        rows = [kept.rows[-1] for kept in stored.kept if kept.rows]
        if len(rows) < 2:
            raise UsageError("nothing would stay")
        part = part_of(stored.signature, name)
        store.split(
            stored.id,
            Split(
                condition=Condition.parse("price > 0.5"),
                name=name,
                rows=(rows[-1],),
                moving=(replace(met(rule, 0.75, 9), signature=part),),
                staying=(met(rule, 0.25, 1),),
                forms=frozenset(),
            ),
            run=1,
            who="anna",
            why="two bugs",
        )


def decide(path: Path, what: str, rule: str, other: str) -> None:
    identity, second = finding(rule).id, finding(other).id
    if what == "split":
        split(path, rule, other)
        return
    with Store.open(path) as store:
        match what:
            case "unsplit":
                store.unsplit(part_of(finding(rule).signature, other).id, who="anna")
            case "triage":
                store.triage(identity, who="anna", note=f"like {other}", owner="ben")
            case "fix":
                store.add_history(identity, Status.FIXED, who="n", why="agreed", evidence=FIXED)
            case "explain":
                said = {"explanation": other}
                store.add_history(identity, Status.EXPLAINED, who="n", why="", evidence=said)
            case "flaky":
                asked = {"asked": 20, "shown": 3}
                store.add_history(identity, Status.FLAKY, who="n", why="", evidence=asked)
            case "merge":
                store.merge([identity], second, who="ben")
            case "unmerge":
                store.unmerge(identity, who="ben")
            case "minimise":
                smaller = met(rule, 0.5, 1)
                store.store_minimised(
                    1, identity, replace(smaller, case=stream(1, 0.5)), attempts=3, seconds=1.0
                )
            case "account":
                cause = StoredCause(
                    *("c-1", "edit", "says", "canonical", "rule", True, 1, 0, (identity,)),
                    block="block",
                    cases=(CauseCase(stream(1, 0.5), is_refusal=True),),
                )
                account = CauseAccount((cause,), {"generated": 2}, 1, 1, 1, 1, True)
                store.record_account(account)
                store.triage_cause("c-1", who="ben", owner="anna")


def join(*paths: Path, out: Path) -> Path:
    out.unlink(missing_ok=True)
    join_databases(paths, out)
    return out


def told(path: Path) -> set[tuple[object, ...]]:
    """All that people and runs have said; a status that does not take effect is in the evidence."""
    with sqlite3.connect(path) as connection:
        return {
            *connection.execute("SELECT divergence, at, who, why, owner, note FROM history"),
            *connection.execute("SELECT cause, at, who, why, owner, note FROM cause_history"),
        }


def counted(path: Path) -> dict[tuple[object, ...], int]:
    """How much each run saw, of all findings together: a split only moves it."""
    with sqlite3.connect(path) as connection:
        return {
            (started, seed): total
            for started, seed, total in connection.execute(
                "SELECT started, seed, (SELECT coalesce(sum(occurrences), 0) FROM tallies "
                "WHERE run = runs.id) FROM runs"
            )
        }


def column(path: Path, sql: str) -> set[object]:
    with sqlite3.connect(path) as connection:
        return {row[0] for row in connection.execute(sql)}


WHAT = (
    "split",
    "unsplit",
    "triage",
    "fix",
    "explain",
    "flaky",
    "merge",
    "unmerge",
    "minimise",
    "account",
)
_number = st.integers(0, 2)
_rule = st.sampled_from(RULES)
_steps = st.one_of(
    st.tuples(st.just("hunt"), _number, _rule, _rule),
    st.tuples(st.just("copy"), _number, _number, _number),
    *(st.tuples(st.just(what), _number, _rule, _rule) for what in WHAT),
)


def build(directory: Path, steps: Iterable[tuple[object, ...]]) -> list[Path]:
    """Three databases with a common beginning, and what became of each."""
    paths = [directory / f"{number}.db" for number in range(3)]
    hunt(paths[0])
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    for what, number, first, second in steps:
        path = paths[int(str(number))]
        try:
            if what == "hunt":
                hunt(path, (str(first), str(second)), price=0.7, core=int(first == second))
            elif what == "copy":
                if path != paths[int(str(first))]:
                    shutil.copy(path, paths[int(str(first))])
            else:
                decide(path, str(what), str(first), str(second))
        except UsageError:
            continue
    return paths


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_steps, max_size=14))
def test_nothing_is_lost_or_counted_twice_and_the_order_does_not_matter(
    steps: list[tuple[object, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        paths = build(directory, steps)
        before = [path.read_bytes() for path in paths]
        out = join(*paths, out=directory / "out.db")
        made = out.read_bytes()
        assert [path.read_bytes() for path in paths] == before
        for order in itertools.permutations(paths):
            assert join(*order, out=directory / "again.db").read_bytes() == made
        for path in (*paths, out):
            assert join(out, path, out=directory / "again.db").read_bytes() == made
        alone = join(paths[0], out=directory / "alone.db")
        assert join(alone, *paths[1:], out=directory / "again.db").read_bytes() == made
        with Store.open(out, readonly=True) as store:
            assert store.check().problems == ()
        for path in paths:
            assert told(path) <= told(out)
            for sql in ("SELECT id FROM divergences", "SELECT sha256 FROM streams",
                        "SELECT started FROM runs", "SELECT at FROM accounts"):  # fmt: skip
                assert column(path, sql) <= column(out, sql)
        expected: dict[tuple[object, ...], int] = {}
        for path in paths:
            for key, total in counted(path).items():
                expected[key] = max(total, expected.get(key, 0))
        assert counted(out) == expected


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A database and a copy of it."""
    first, second = tmp_path / "a.db", tmp_path / "b.db"
    hunt(first)
    shutil.copy(first, second)
    return first, second


def status(path: Path, rule: str = RULES[0]) -> Status:
    with Store.open(path, readonly=True) as store:
        return store.finding(finding(rule).id).status


def test_what_was_fixed_in_one_and_seen_later_in_the_other_has_regressed(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    fixed, other = two
    decide(fixed, "fix", RULES[0], RULES[0])
    assert status(join(*two, out=tmp_path / "out.db")) is Status.FIXED
    hunt(other)
    decide(other, "explain", RULES[0], "e")
    out = join(*two, out=tmp_path / "out.db")
    with Store.open(out, readonly=True) as store:
        statuses = [entry.status for entry in store.finding(finding(RULES[0]).id).history]
    # Who explained it did not know that it had been fixed.
    assert statuses == [Status.FIXED, Status.REGRESSED, Status.EXPLAINED]


def test_a_status_that_may_not_follow_is_kept_but_does_not_take_effect(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    decide(two[0], "fix", RULES[0], RULES[0])
    decide(two[1], "triage", RULES[0], RULES[1])
    with Store.open(join(*two, out=tmp_path / "out.db"), readonly=True) as store:
        stored = store.finding(finding(RULES[0]).id)
    assert (stored.status, stored.owner) == (Status.FIXED, "ben")


def test_a_run_that_is_in_both_counts_once_with_what_the_later_copy_knows(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    split(two[1], RULES[0], "late")
    made = join_databases(two, tmp_path / "out.db")
    assert (made.runs, made.shared_runs, made.occurrences) == (1, 1, 14)
    with Store.open(tmp_path / "out.db", readonly=True) as store:
        rest = store.finding(finding(RULES[0]).id)
        part = store.finding(part_of(finding(RULES[0]).signature, "late").id)
    assert (rest.occurrences, part.occurrences) == (11, 1)


def test_of_two_merges_that_contradict_each_other_the_later_is_in_force(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    decide(two[0], "merge", RULES[0], RULES[1])
    decide(two[1], "merge", RULES[1], RULES[0])
    made = join_databases(two, tmp_path / "out.db")
    ids = finding(RULES[0]).id, finding(RULES[1]).id
    assert made.overruled == (
        f"the merge of {ids[0]} into {ids[1]} is not in force: a later decision contradicts it",
    )
    with Store.open(tmp_path / "out.db", readonly=True) as store:
        assert store.finding(ids[1]).id == ids[0]


def test_a_merge_that_was_taken_back_in_a_later_copy_stays_taken_back(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    decide(two[0], "merge", RULES[0], RULES[1])
    shutil.copy(*two)
    decide(two[1], "unmerge", RULES[0], RULES[1])
    with Store.open(join(*two, out=tmp_path / "out.db"), readonly=True) as store:
        assert store.finding(finding(RULES[0]).id).id == finding(RULES[0]).id


def test_what_cannot_be_joined_is_refused_by_name_and_nothing_is_written(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    good, bad, out = two[0], tmp_path / "bad.db", tmp_path / "out.db"
    with pytest.raises(InputError, match=r"there is no database .*bad\.db"):
        join_databases([good, bad], out)
    bad.write_bytes(b"")
    with pytest.raises(InputError, match=r"bad\.db is empty"):
        join_databases([good, bad], out)
    bad.write_bytes(b"no database at all" * 100)
    with pytest.raises(ForeignDatabaseError, match=r"bad\.db"):
        join_databases([good, bad], out)
    shutil.copy(good, bad)
    with sqlite3.connect(bad) as connection:
        connection.execute("UPDATE streams SET blob = x'00'")
    with pytest.raises(DamagedError, match=r"bad\.db is damaged"):
        join_databases([good, bad], out)
    with sqlite3.connect(bad) as connection:
        connection.execute("PRAGMA user_version=999")
    with pytest.raises(ForeignDatabaseError, match=r"bad\.db was written by a newer"):
        join_databases([good, bad], out)
    assert not out.exists()
    assert list(tmp_path.glob(".out*")) == []


def test_a_database_that_is_there_is_not_overwritten(two: tuple[Path, Path]) -> None:
    before = two[1].read_bytes()
    with pytest.raises(UsageError, match="there already"):
        join_databases([two[0]], two[1])
    assert two[1].read_bytes() == before
