"""The store as its callers use it: what goes in comes out, and nothing is told too early."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_support import HASKELL, NEWER, PYTHON, finding, stream

from replay.differential.model import Verdict
from replay.errors import DamagedError, EnvironmentFailure, UsageError
from replay.findings.lifecycle import Status
from replay.findings.store import database
from replay.findings.store.migrations import MIGRATIONS
from replay.findings.store.rows import KEPT_PLACES, KEPT_STREAMS
from replay.findings.store.store import FailureCount, Recorded, RunKind, RunTotals, Store
from replay.streams.model import Step
from replay.targets.base import Failure, FailureKind


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "divergences.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> int:
    return store.begin_run(RunKind.FUZZ, PYTHON, HASKELL, {"jobs": 2}, seed=7, profile="live")


def test_a_recorded_finding_comes_back_as_it_was(store: Store, run: int) -> None:
    given = finding(line=0)
    store.record(run, given)
    stored = store.finding(given.id)
    assert stored.finding == given
    assert stored.case == stored.unshrunk == given.case
    assert stored.differences == given.differences
    assert (stored.occurrences, stored.steps, stored.minimised) == (1, 3, False)
    assert [(pair.authority, pair.shadow) for pair in stored.cores] == [(PYTHON, HASKELL)]
    assert stored.shown.cores.shadow == HASKELL


def test_a_failure_of_a_core_is_a_finding_of_its_own_kind(store: Store, run: int) -> None:
    store.record(run, finding())
    recorded = store.record(run, finding(failed=True))
    assert recorded.id.startswith("f-")
    (failed,) = store.findings(failure=True)
    assert failed.verdict is Verdict.SHADOW_FAILED
    assert failed.shown.shadow == Failure(FailureKind.TIMEOUT, "no line in 5 s")
    assert [found.id for found in store.findings(failure=False)] == [finding().id]


def test_the_line_of_the_last_step_and_the_origin_are_given_back(store: Store, run: int) -> None:
    steps = (Step((1, 5.0), {"patch": {"now": 1.0}, "state": {}}), Step({"timestamp": 6.0}))
    case = replace(stream(origin="events.jsonl slot 0"), steps=steps)
    given = finding(case=case, line=812)
    store.record(run, given)
    shown = store.finding(given.id).shown
    assert shown.stream.origin == "events.jsonl slot 0"
    assert [step.line for step in shown.stream.steps] == [0, 812]
    assert shown.stream.steps[0] == steps[0]
    assert list(shown.stream.steps[0].changes or ()) == ["state", "patch"]
    assert shown.line == 812


def test_new_means_new_to_the_database_and_first_means_first_in_the_run(
    store: Store, run: int
) -> None:
    identity = finding().id
    assert store.record(run, finding()) == Recorded(
        identity, is_new=True, first_in_run=True, status=Status.NEW
    )
    assert store.record(run, finding()) == Recorded(
        identity, is_new=False, first_in_run=False, status=Status.NEW
    )
    later = store.begin_run(RunKind.RUN, PYTHON, NEWER, {})
    assert store.record(later, finding()) == Recorded(
        identity, is_new=False, first_in_run=True, status=Status.NEW
    )
    stored = store.finding(identity)
    assert [tuple(seen) for seen in stored.runs] == [(run, 2), (later, 1)]
    assert (stored.first_run, stored.last_run, stored.occurrences) == (run, later, 3)
    assert [pair.shadow for pair in stored.cores] == [HASKELL, NEWER]


def test_a_minimised_case_is_shown_and_the_unshrunk_one_is_kept(store: Store, run: int) -> None:
    long, short = finding(case=stream(40)), finding(case=stream(1, origin="minimised"))
    store.record(run, long)
    assert store.store_minimised(run, long.id, short, attempts=120, seconds=1.5)
    stored = store.finding(long.id)
    assert stored.minimised
    assert stored.steps == 1
    assert stored.case == short.case
    assert stored.unshrunk == long.case
    assert (stored.shown.attempts, stored.shown.seconds) == (120, 1.5)
    assert stored.first_seen.attempts is None


@pytest.mark.parametrize(
    ("steps", "price", "replaces"),
    [(1, 0.25, True), (2, 0.25, False), (3, 0.25, False)],
    ids=["fewer steps", "the same", "more steps"],
)
def test_only_a_smaller_case_replaces_a_minimised_one(
    store: Store, run: int, steps: int, price: float, replaces: bool
) -> None:
    identity = store.record(run, finding(case=stream(9))).id
    assert store.store_minimised(run, identity, finding(case=stream(2)), 10, 0.1)
    smaller = finding(case=stream(steps, price))
    assert store.store_minimised(run, identity, smaller, 20, 0.2) is replaces
    assert store.finding(identity).shown.attempts == (20 if replaces else 10)


def test_of_as_many_steps_the_case_with_fewer_bytes_is_smaller(store: Store, run: int) -> None:
    identity = store.record(run, finding()).id
    big = finding(case=replace(stream(1), start=stream().start._replace(state={"x": "y" * 99})))
    small = finding(case=stream(1))
    assert store.store_minimised(run, identity, big, 1, 0.1)
    assert store.store_minimised(run, identity, small, 1, 0.1)
    assert not store.store_minimised(run, identity, big, 1, 0.1)


def test_a_case_that_cannot_be_shrunk_counts_as_minimised(store: Store, run: int) -> None:
    identity = store.record(run, finding()).id
    assert store.store_minimised(run, identity, finding(), 5, 0.1)
    assert store.finding(identity).minimised
    longer = store.record(run, finding("other")).id
    assert not store.store_minimised(run, longer, finding("other", case=stream(4)), 5, 0.1)


def test_counted_occurrences_are_stored_by_the_flush(store: Store, run: int, path: Path) -> None:
    identity = store.record(run, finding()).id
    for line in range(1000):
        store.count(run, identity, origin="events.jsonl", line=line)
    with Store.open(path, readonly=True) as other:
        assert other.finding(identity).occurrences == 1
        store.flush()
        assert other.finding(identity).occurrences == 1001
        store.flush()
        assert other.finding(identity).occurrences == 1001


def test_counted_occurrences_are_stored_by_closing_even_after_an_error(path: Path) -> None:
    def interrupted() -> None:
        with Store.open(path) as store:
            run = store.begin_run(RunKind.RUN, PYTHON, HASKELL, {})
            store.count(run, store.record(run, finding()).id, 41)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with Store.open(path, readonly=True) as store:
        assert store.finding(finding().id).occurrences == 42


def test_a_hundred_thousand_occurrences_are_few_rows(store: Store, run: int, path: Path) -> None:
    identity = store.record(run, finding()).id
    for line in range(100_000):
        store.count(run, identity, origin="events.jsonl", line=line)
    store.flush()
    stored = store.finding(identity)
    assert stored.occurrences == 100_001
    assert len(stored.places) == KEPT_PLACES
    assert path.stat().st_size < 1_000_000


def test_the_same_place_is_one_row_that_is_counted(store: Store, run: int) -> None:
    given = finding(case=stream(3, origin="events.jsonl"), line=5)
    identity = store.record(run, given).id
    store.record(run, given)
    store.count(run, identity, 3, origin="events.jsonl", line=5, step=2)
    store.count(run, identity, 10)
    store.flush()
    (place,) = store.finding(identity).places
    assert (place.origin, place.line, place.step, place.times) == ("events.jsonl", 5, 2, 5)
    assert place.stream is not None
    assert store.stream(place.stream).steps == given.case.steps
    assert store.finding(identity).occurrences == 15


def test_places_are_bounded_in_each_run_and_streams_over_all_runs(store: Store) -> None:
    for number in range(4):
        run = store.begin_run(RunKind.NIGHTLY, PYTHON, HASKELL, {})
        for n in range(25):
            price = 1.0 + 100 * number + n
            store.record(run, finding(case=stream(3, price, f"fuzz {number} #{n}")))
    stored = store.finding(finding().id)
    assert stored.occurrences == 100
    assert len(stored.places) == 4 * KEPT_PLACES
    kept = [place.stream for place in stored.places if place.stream is not None]
    assert len(kept) == len(set(kept)) == KEPT_STREAMS
    assert store.check().streams == KEPT_STREAMS


def test_the_same_stream_is_stored_once_whatever_it_is_called(store: Store, run: int) -> None:
    for n in range(5):
        store.record(run, finding(n, case=stream(3, origin=f"fuzz #{n}")))
    assert store.check().streams == 1
    assert store.finding(finding(4).id).case.origin == "fuzz #4"


def test_a_core_has_one_number_as_long_as_nothing_about_it_changes(store: Store) -> None:
    first = store.add_core(HASKELL)
    assert store.add_core(replace(HASKELL)) == first
    others = {
        store.add_core(replace(HASKELL, **change))
        for change in (
            {"sha256": "dd" * 32},
            {"path": "/y"},
            {"revision": "z"},
            {"methods": ()},
            {"version": "9"},
            {"kind": "module"},
        )
    }
    assert len(others | {first}) == 7


def test_a_run_keeps_what_it_was_and_what_it_did(store: Store, run: int) -> None:
    store.record(run, finding())
    totals = RunTotals(12, 4096, 3.5, 2, 1, {"found": True}, [None, "ok"])
    store.end_run(run, totals)
    (stored,) = store.runs()
    assert stored.finished
    assert stored.totals == totals
    assert (stored.kind, stored.seed, stored.profile) == ("fuzz", "7", "live")
    assert stored.settings == {"jobs": 2}
    assert (stored.authority, stored.shadow) == (PYTHON, HASKELL)
    assert (stored.findings, stored.occurrences) == (1, 1)


def test_a_run_that_was_killed_shows_as_never_ended(store: Store, run: int) -> None:
    later = store.begin_run("run", store.add_core(PYTHON), store.add_core(NEWER), {})
    store.end_run(later, RunTotals(exit=0))
    assert [stored.finished for stored in store.runs()] == [False, True]
    assert store.check().unfinished_runs == 1
    assert store.run(run).totals.exit is None


def test_a_run_ends_once(store: Store, run: int) -> None:
    store.end_run(run, RunTotals(exit=0))
    with pytest.raises(UsageError, match="has ended already"):
        store.end_run(run, RunTotals(exit=1))
    assert store.run(run).totals.exit == 0


def test_failures_add_up_and_keep_the_first_detail(store: Store, run: int) -> None:
    store.record_failures(run, [FailureCount("exited", 3, "status 9", 1)])
    store.record_failures(
        run,
        [FailureCount("exited", 4, "status 1", 2), FailureCount("timeout", 1, role="authority")],
    )
    assert store.run(run).failures == (
        FailureCount("timeout", 1, "", 0, "authority"),
        FailureCount("exited", 7, "status 9", 3, "shadow"),
    )


def test_findings_can_be_filtered(store: Store, run: int) -> None:
    for n in range(3):
        store.record(run, finding(n))
    later = store.begin_run(RunKind.RUN, PYTHON, HASKELL, {})
    store.record(later, finding(1))
    assert [found.id for found in store.findings()] == [finding(n).id for n in range(3)]
    assert [found.id for found in store.findings(run=later)] == [finding(1).id]
    assert [found.id for found in store.findings(rule="2", event="FillEvent")] == [finding(2).id]
    assert store.findings(kind="sign") == []
    assert len(store.findings(field="state.orders.price")) == 3


def test_a_finding_is_found_by_the_beginning_of_its_id(store: Store, run: int) -> None:
    identity = store.record(run, finding()).id
    for wanted in (identity, identity[:5], identity[2:], identity[2:6].upper(), f" {identity} "):
        assert store.finding(wanted).id == identity


def test_an_unknown_id_names_near_ones(store: Store, run: int) -> None:
    identity = store.record(run, finding()).id
    with pytest.raises(UsageError, match="did you mean") as caught:
        store.finding(identity[:-1] + ("0" if identity[-1] != "0" else "1"))
    assert caught.value.data["near"] == [identity]
    for wanted in ("", "%", "zzz", "d-\udcff"):
        with pytest.raises(UsageError, match="`list` shows all ids"):
            store.finding(wanted)


def test_the_beginning_of_two_ids_is_refused(store: Store, run: int) -> None:
    for n in range(40):
        store.record(run, finding(n))
    with pytest.raises(UsageError, match=r"could be .* or 35 more") as caught:
        store.finding("d-")
    assert len(caught.value.data["near"]) == 40  # type: ignore[arg-type]


def test_unknown_runs_and_findings_are_refused(store: Store, run: int) -> None:
    store.record(run, finding())
    with pytest.raises(UsageError, match="no run 99"):
        store.record(99, finding("other"))
    with pytest.raises(UsageError, match="no run 99"):
        store.end_run(99, RunTotals())
    with pytest.raises(UsageError, match="no finding 'd-00000000'"):
        store.count(run, "d-00000000")
    with pytest.raises(UsageError, match="no finding"):
        store.store_minimised(run, "d-00000000", finding(), 1, 1.0)
    with pytest.raises(UsageError, match="no stream"):
        store.stream("00" * 32)
    assert len(store.findings()) == 1


@pytest.mark.parametrize(
    "lock",
    [("BEGIN IMMEDIATE",), ("BEGIN", "SELECT count(*) FROM runs")],
    ids=["by a writer, so it cannot begin", "by a reader, so it cannot commit"],
)
def test_a_locked_database_is_a_clear_failure_and_loses_no_count(
    path: Path, monkeypatch: pytest.MonkeyPatch, lock: tuple[str, ...]
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with Store.open(path) as store:
        run = store.begin_run(RunKind.RUN, PYTHON, HASKELL, {})
        identity = store.record(run, finding()).id
        store.count(run, identity, 5)
        other = sqlite3.connect(path, isolation_level=None)
        for statement in lock:
            other.execute(statement).fetchall()
        for _ in range(3):
            with pytest.raises(EnvironmentFailure, match="kept it locked for too long"):
                store.flush()
        other.execute("ROLLBACK")
        other.close()
        assert store.finding(identity).occurrences == 1
        store.flush()
        assert store.finding(identity).occurrences == 6


def test_a_full_database_is_a_clear_failure_and_leaves_the_store_usable(
    store: Store, run: int
) -> None:
    identity = store.record(run, finding()).id
    pages = store._connection.value("PRAGMA page_count")
    store._connection.execute(f"PRAGMA max_page_count={pages}")
    huge = stream(1, origin="x" * 100_000)
    store.count(run, identity, 5)
    with pytest.raises(EnvironmentFailure, match="no space left"):
        store.record(run, finding("huge", case=huge))
    store._connection.execute("PRAGMA max_page_count=100000")
    assert len(store.findings()) == 1
    assert store.record(run, finding("huge", case=huge)).is_new
    assert store.finding(identity).occurrences == 6
    assert store.check().sound


def test_a_sound_database_is_called_sound(store: Store, run: int) -> None:
    identity = store.record(run, finding()).id
    store.store_minimised(run, identity, finding(case=stream(1)), 1, 0.1)
    report = store.check()
    assert report.sound
    assert (report.findings, report.streams, report.runs) == (1, 2, 1)
    assert report.schema == len(MIGRATIONS)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE streams SET blob = x'00'", "it is damaged"),
        ("UPDATE streams SET blob = NULL", "stream"),
        ("UPDATE streams SET sha256 = 'abc'", "lacks its stream"),
        ("DELETE FROM cases", "has no unshrunk case"),
        ("DELETE FROM streams", "lacks its stream"),
        ("DELETE FROM tallies", "was seen by no run"),
        ("DELETE FROM runs", "refers to none of runs"),
    ],
)
def test_the_check_finds_what_is_wrong(
    store: Store, run: int, path: Path, damage: str, named: str
) -> None:
    store.record(run, finding())
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA writable_schema=ON")
        other.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'BLOB NOT NULL', 'BLOB') "
            "WHERE name = 'streams'"
        )
    other.close()
    with sqlite3.connect(path) as other:
        other.execute(damage)
    other.close()
    report = store.check()
    assert not report.sound
    assert any(named in problem for problem in report.problems), report.problems


def test_a_stream_that_does_not_fit_its_name_is_damage(store: Store, run: int, path: Path) -> None:
    identity = store.record(run, finding()).id
    store.store_minimised(run, identity, finding(case=stream(1)), 1, 0.1)
    with sqlite3.connect(path) as other:
        other.execute("UPDATE streams SET blob = (SELECT blob FROM streams WHERE steps = 3)")
    other.close()
    stored = store.finding(identity)
    assert len(stored.unshrunk.steps) == 3
    with pytest.raises(DamagedError, match="does not fit its SHA-256"):
        _ = stored.case
    assert not store.check().sound
