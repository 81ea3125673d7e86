"""Histories, triage and severity as the store keeps them: they only ever grow."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_support import HASKELL, PYTHON, child, everything, finding, finish, stream

from replay.differential.model import Difference, DifferenceKind, Finding
from replay.errors import DamagedError, EnvironmentFailure, UsageError
from replay.findings.lifecycle import Status
from replay.findings.severity import Severity
from replay.findings.store.rows import KEPT_STREAMS, MAX_NOTE, MAX_OWNER, MAX_WHO, MAX_WHY
from replay.findings.store.store import RunKind, Store
from replay.streams.model import Step

BUILDS = {"authority": {"sha256": "aa"}, "shadow": {"sha256": "bb"}}
HOSTILE = "\x1b[31m<b>|`*\u202e \x00\n\t\ud800 ../../etc/passwd"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "divergences.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> int:
    return store.begin_run(RunKind.FUZZ, PYTHON, HASKELL, {})


@pytest.fixture
def identity(store: Store, run: int) -> str:
    return store.record(run, finding()).id


def test_a_finding_without_a_history_is_new_and_a_failure_is_a_tool_s(
    store: Store, run: int, identity: str
) -> None:
    stored = store.finding(identity)
    assert (stored.status, stored.owner, stored.note, stored.history) == (Status.NEW, "", "", ())
    failed = store.finding(store.record(run, finding(failed=True)).id)
    assert failed.status is Status.CORE_FAILURE


def test_a_whole_life_is_kept_with_who_when_and_why(store: Store, run: int, identity: str) -> None:
    store.triage(identity, who="anna", owner="ben", note="looks like rounding")
    store.add_history(
        identity, Status.EXPLAINED, who="nightly", why="explained", evidence={"explanation": "e"}
    )
    store.add_history(identity, None, who="ben", why="mended in 4f1c", evidence={"a": [1, None]})
    evidence = {"replays": 2, **BUILDS}
    store.add_history(identity, Status.FIXED, who="nightly", why="agreed", evidence=evidence)
    store.add_history(identity, Status.REGRESSED, who="nightly", why="seen again", run=run)
    stored = store.finding(identity)
    assert stored.status is Status.REGRESSED
    history = stored.history
    assert [entry.status for entry in history] == [
        *(Status.TRIAGED, Status.EXPLAINED, None, Status.FIXED, Status.REGRESSED)
    ]
    assert [entry.who for entry in history] == ["anna", "nightly", "ben", "nightly", "nightly"]
    assert history[0].why == "owner ben, a note"
    assert (history[0].owner, history[0].note) == ("ben", "looks like rounding")
    assert history[2].evidence == {"a": [1, None]}
    assert history[3].evidence == evidence
    assert [entry.run for entry in history] == [None, None, None, None, run]
    assert sorted(entry.at for entry in history) == [entry.at for entry in history]
    assert store.check().sound


def test_what_may_not_follow_is_refused_and_leaves_no_trace(
    store: Store, run: int, identity: str
) -> None:
    for status, evidence in ((Status.REGRESSED, {}), (Status.FIXED, {"replays": 1, **BUILDS})):
        with pytest.raises(UsageError, match="cannot become"):
            store.add_history(identity, status, who="x", why="y", evidence=evidence, run=run)
    with pytest.raises(UsageError, match="no finding 'd-00000000'"):
        store.add_history("d-00000000", None, who="x", why="y")
    with pytest.raises(UsageError, match="no run 99"):
        store.add_history(identity, None, who="x", why="y", run=99)
    assert store.finding(identity).history == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history SET who = 'me'",
        "UPDATE history SET divergence = divergence",
        "DELETE FROM history",
        "INSERT OR REPLACE INTO history (id, divergence, at, who, why, evidence) "
        "VALUES (1, 'd', 'now', 'me', 'so', '{}')",
        "REPLACE INTO history (id, divergence, at, who, why, evidence) "
        "VALUES (1, 'd', 'now', 'me', 'so', '{}')",
    ],
)
def test_nobody_changes_what_was_said(
    store: Store, identity: str, path: Path, statement: str
) -> None:
    store.triage(identity, who="anna", note="as it was")
    before = store.finding(identity).history
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="the history only grows"):
        other.execute(statement)
    other.close()
    assert store.finding(identity).history == before


def test_the_newest_of_each_counts_and_the_others_stay(store: Store, identity: str) -> None:
    store.triage(identity, who="a", owner="anna", note="first")
    store.triage(identity, who="b", severity=Severity.TEXTS)
    store.triage(identity, who="c", owner="", note="second")
    stored = store.finding(identity)
    assert (stored.owner, stored.note, stored.severity) == ("", "second", Severity.TEXTS)
    assert stored.computed_severity is Severity.ORDERS
    assert [entry.owner for entry in stored.history] == ["anna", None, ""]
    assert [entry.severity for entry in stored.history] == [None, Severity.TEXTS, None]
    assert [entry.why for entry in stored.history] == [
        *("owner anna, a note", "severity texts", "no owner, a note")
    ]


def test_triage_of_what_is_explained_fixed_or_flaky_is_a_remark(
    store: Store, identity: str
) -> None:
    store.add_history(identity, Status.FLAKY, who="n", why="", evidence={"asked": 20, "shown": 3})
    store.triage(identity, who="anna", owner="ben")
    stored = store.finding(identity)
    assert (stored.status, stored.owner) == (Status.FLAKY, "ben")
    assert stored.history[-1].status is None


def test_triage_of_nothing_is_refused(store: Store, identity: str) -> None:
    with pytest.raises(UsageError, match="nothing to note"):
        store.triage(identity, who="anna")
    assert store.finding(identity).history == ()


def test_hostile_texts_are_kept_as_they_are_but_for_what_cannot_be_stored(
    store: Store, identity: str
) -> None:
    store.triage(identity, who=HOSTILE, owner=HOSTILE, note=HOSTILE)
    stored = store.finding(identity)
    kept = HOSTILE.replace("\ud800", "\\ud800")
    assert stored.owner == stored.note == stored.history[0].who == kept
    assert store.check().sound


def test_texts_that_are_too_long_are_refused_clearly(store: Store, identity: str) -> None:
    store.triage(identity, who="x" * MAX_WHO, owner="x" * MAX_OWNER, note="x" * MAX_NOTE)
    with pytest.raises(UsageError, match=r"the owner has 201 characters; 200 are the most"):
        store.triage(identity, who="x", owner="x" * (MAX_OWNER + 1))
    with pytest.raises(UsageError, match=r"the note has 4,001 characters; 4,000 are the most"):
        store.triage(identity, who="x", note="x" * (MAX_NOTE + 1))
    with pytest.raises(UsageError, match="who has 201"):
        store.triage(identity, who="x" * (MAX_WHO + 1), note="")
    with pytest.raises(UsageError, match="why has 4,001"):
        store.add_history(identity, None, who="x", why="x" * (MAX_WHY + 1))
    assert len(store.finding(identity).history) == 1


def test_what_was_said_is_durable_when_it_returns(path: Path) -> None:
    code = """
import os
store = Store.open(sys.argv[1])
run = store.begin_run("fuzz", PYTHON, HASKELL, {})
identity = store.record(run, finding()).id
for n in range(5):
    store.triage(identity, who="anna", note=f"note {n}")
    print(n, flush=True)
os.kill(os.getpid(), 9)
"""
    process = child(code, path)
    output, _ = process.communicate(timeout=120)
    assert output.split() == list("01234")
    with Store.open(path, readonly=True) as store:
        stored = store.finding(finding().id)
        assert [entry.note for entry in stored.history] == [f"note {n}" for n in range(5)]
        assert store.check().sound


def test_processes_that_decide_at_once_do_so_one_after_the_other(path: Path) -> None:
    with Store.open(path) as store:
        run = store.begin_run("run", PYTHON, HASKELL, {})
        identity = store.record(run, finding()).id
    code = """
with Store.open(sys.argv[1]) as store:
    for n in range(20):
        store.triage(sys.argv[2], who=sys.argv[3], note=str(n))
"""
    children = [child(code, path, identity, name) for name in ("a", "b")]
    for process in children:
        finish(process)
    with Store.open(path, readonly=True) as store:
        history = store.finding(identity).history
        assert sorted((entry.who, int(entry.note or "")) for entry in history) == [
            (name, n) for name in ("a", "b") for n in range(20)
        ]


def test_a_reader_cannot_decide(path: Path, store: Store, identity: str) -> None:
    before = everything(path.parent)
    with Store.open(path, readonly=True) as reader:
        with pytest.raises(EnvironmentFailure, match="for reading only"):
            reader.triage(identity, who="x", note="y")
        with pytest.raises(EnvironmentFailure, match="for reading only"):
            reader.add_history(identity, None, who="x", why="y")
    assert everything(path.parent) == before


# --- Severity -----------------------------------------------------------------------------------


def with_difference(path: str, call: tuple[object, ...] = (4, 1, "T", 5.0)) -> Finding:
    """A finding like all the others, but for what differs in its case and the event there."""
    case = replace(stream(), steps=(Step(call),))
    differences = (Difference(path, DifferenceKind.LAST_DIGIT, 0.1, 0.2),)
    return replace(finding(case=case), differences=differences)


def test_severity_is_raised_by_later_cases_and_never_lowered(store: Store, run: int) -> None:
    seen = []
    for path in ("state.now", "violations[0]", "state.total_fees", "state.now", "actions[0]"):
        identity = store.record(run, with_difference(path)).id
        seen.append(store.finding(identity).severity)
    assert seen == ["texts", "invariants", "money", "money", "orders"]
    assert not store.finding(identity).hot
    store.record(run, with_difference("state.now", (0, 0.2, 5.0)))
    stored = store.finding(identity)
    assert (stored.severity, stored.hot, stored.rank) == (Severity.ORDERS, True, 0)


def test_a_case_that_is_only_kept_raises_it_too(store: Store, run: int) -> None:
    identity = store.record(run, with_difference("state.now")).id
    worse = replace(with_difference("actions[0]", (1, 5.0)), line=7)
    store.keep(run, worse)
    store.count(run, identity, origin=worse.case.origin, line=7, step=0)
    store.flush()
    stored = store.finding(identity)
    assert (stored.severity, stored.hot, stored.occurrences) == (Severity.ORDERS, True, 2)
    assert [len(kept.rows) for kept in stored.kept] == [1, 1]
    assert store.check().sound


def test_severity_by_hand_comes_before_what_the_cases_say(store: Store, run: int) -> None:
    identity = store.record(run, with_difference("state.now")).id
    store.triage(identity, who="anna", severity=Severity.MONEY)
    store.record(run, with_difference("actions[0]"))
    stored = store.finding(identity)
    assert (stored.severity, stored.computed_severity) == (Severity.MONEY, Severity.ORDERS)


def test_kept_cases_are_bounded_and_the_same_one_counts_once(store: Store) -> None:
    for number in range(6):
        run = store.begin_run(RunKind.NIGHTLY, PYTHON, HASKELL, {})
        same = finding(case=stream(3, 0.5, f"fuzz {number} same"), line=1)
        identity = store.record(run, same).id
        for n in range(15):
            case = stream(3, 1.0 + 100 * number + n, f"fuzz {number}")
            store.keep(run, finding(case=case, line=2 + n))
            store.count(run, identity, origin=case.origin, line=2 + n, step=2)
        store.flush()
    stored = store.finding(identity)
    streams = [kept.sha256 for kept in stored.kept if kept.rows]
    assert stored.occurrences == 6 * 16
    assert len(streams) == len(set(streams)) == KEPT_STREAMS
    assert len(stored.kept[0].rows) == 6


# --- The check ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("INSERT INTO history SELECT 50, divergence, at, who, 'regressed', why, evidence, run, "
         "severity, owner, note FROM history WHERE id = 1", "goes from triaged to regressed"),
        ("INSERT INTO history SELECT 50, divergence, at, who, 'asleep', why, evidence, run, "
         "severity, owner, note FROM history WHERE id = 1", "'asleep' is not a valid Status"),
        ("INSERT INTO history SELECT 50, divergence, at, who, status, why, '{', run, severity, "
         "owner, note FROM history WHERE id = 1", "the history of d-"),
        ("DROP TRIGGER history_is_not_deleted", "history_is_not_deleted is missing"),
        ("UPDATE divergences SET severity = 'bad'", "has an unknown severity"),
        ("UPDATE divergences SET part = 'x'", "does not have the signature of its id"),
        ("UPDATE tallies SET occurrences = -1", "-1 times"),
        ("INSERT INTO history SELECT 50, 'd-00000000', at, who, status, why, evidence, run, "
         "severity, owner, note FROM history WHERE id = 1", "refers to none of divergences"),
    ],
)  # fmt: skip
def test_the_check_finds_what_is_wrong_with_decisions(
    store: Store, identity: str, path: Path, damage: str, named: str
) -> None:
    store.triage(identity, who="anna", note="fine")
    assert store.check().sound
    with sqlite3.connect(path) as other:
        other.execute(damage)
    other.close()
    report = store.check()
    assert any(named in problem for problem in report.problems), report.problems


def test_a_history_that_cannot_be_read_is_damage(store: Store, identity: str, path: Path) -> None:
    store.triage(identity, who="anna", note="fine")
    with sqlite3.connect(path) as other:
        other.execute(
            "INSERT INTO history SELECT 50, divergence, at, who, 'asleep', why, evidence, run, "
            "severity, owner, note FROM history"
        )
    other.close()
    with pytest.raises(DamagedError, match="'asleep' is not a valid Status"):
        store.finding(identity)
