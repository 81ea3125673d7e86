"""Splits and merges in the store: what moves, what leads where, and taking it back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from store_support import HASKELL, NEWER, PYTHON, child, finding, stream

from replay.differential.conditions.condition import Condition
from replay.differential.model import Finding
from replay.differential.routing_table import Routing, part_of
from replay.errors import DamagedError, UsageError
from replay.findings.lifecycle import Status
from replay.findings.severity import Severity
from replay.findings.store.routes import Split
from replay.findings.store.store import Store, StoredFinding

LATE = Condition.parse("price > 0.5")
BUG = finding().signature
PART = part_of(BUG, "late")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "divergences.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


def at(price: float, line: int = 1, steps: int = 3) -> Finding:
    return finding(case=stream(steps, price, "events.jsonl"), line=line)


@pytest.fixture
def run(store: Store) -> int:
    """A run that met four occurrences, two of which are late; a hundred more were counted."""
    run = store.begin_run("fuzz", PYTHON, HASKELL, {})
    for line, price in enumerate([0.25, 0.75, 0.3, 0.8], 1):
        store.record(run, at(price, line))
    store.count(run, BUG.id, 100)
    store.flush()
    return run


def late_of(stored: StoredFinding, lines: Sequence[int] = (2, 4), *forms: str) -> Split:
    """A split that moves the occurrences on some lines, as trying it out would say."""
    rows = {kept.line: kept.rows for kept in stored.kept if kept.rows}
    prices = {1: 0.25, 2: 0.75, 3: 0.3, 4: 0.8}
    moving = [replace(at(prices[line], line), signature=PART) for line in lines]
    staying = [at(prices[line], line) for line in rows if line not in lines]
    return Split(
        condition=LATE,
        name="late",
        rows=tuple(row for line in lines for row in rows[line]),
        moving=tuple(moving),
        staying=tuple(staying),
        forms=frozenset(forms),
    )


def split(store: Store, run: int, *forms: str, lines: Sequence[int] = (2, 4)) -> str:
    late = late_of(store.finding(BUG.id), lines, *forms)
    return store.split(BUG.id, late, run=run, who="anna", why="two bugs")


def lines_of(stored: StoredFinding) -> list[int]:
    return [place.line for place in stored.places]


def test_a_split_moves_what_was_kept_and_leaves_what_was_counted(store: Store, run: int) -> None:
    assert split(store, run) == PART.id
    rest, part = store.finding(BUG.id), store.finding(PART.id)
    assert (rest.occurrences, part.occurrences) == (102, 2)
    assert (lines_of(rest), lines_of(part)) == ([1, 3], [2, 4])
    assert part.signature == PART
    assert part.case.steps[0] == at(0.75).case.steps[0]
    assert rest.case.steps[0] == at(0.25).case.steps[0]
    assert (part.first_run, part.last_run, part.status) == (run, run, Status.NEW)
    assert store.check().sound


def test_both_histories_say_who_split_and_why(store: Store, run: int) -> None:
    split(store, run)
    (rest,), (part,) = store.finding(BUG.id).history, store.finding(PART.id).history
    assert (rest.who, part.who) == ("anna", "anna")
    assert rest.why == f"2 occurrences were split off as {PART.id} (late): two bugs"
    assert part.why == f"split off from {BUG.id}: two bugs"
    assert rest.evidence == part.evidence
    assert rest.evidence["split"]["condition"] == LATE.text
    assert rest.status is part.status is None


def test_the_routing_has_it_and_later_runs_record_by_it(store: Store, run: int, path: Path) -> None:
    split(store, run)
    with Store.open(path, readonly=True) as reader:
        assert reader.routing() == Routing({BUG.id: (("late", LATE),)})
    later = store.begin_run("fuzz", PYTHON, NEWER, {})
    recorded = store.record(later, replace(at(0.9, 9), signature=PART))
    assert (recorded.id, recorded.is_new) == (PART.id, False)
    assert store.finding(PART.id).occurrences == 3


def test_a_part_gets_the_cases_that_are_its_own(store: Store, run: int) -> None:
    """Of the bucket's two cases the unshrunk one, the minimised one, both or none may be late."""
    store.store_minimised(run, BUG.id, at(0.25, 1, steps=1), 5, 0.1)
    split(store, run, "unshrunk", lines=(1, 2))
    rest, part = store.finding(BUG.id), store.finding(PART.id)
    assert part.first_seen.stream.steps[0] == at(0.25).case.steps[0]
    assert not part.minimised
    assert rest.first_seen.stream.steps[0] == at(0.3).case.steps[0]
    assert rest.minimised
    assert store.check().sound


def test_a_minimised_case_moves_along_and_its_origin_has_none_until_it_is_made(
    store: Store, run: int
) -> None:
    store.store_minimised(run, BUG.id, at(0.75, 2, steps=1), 5, 0.1)
    split(store, run, "minimised")
    rest, part = store.finding(BUG.id), store.finding(PART.id)
    assert (part.minimised, part.steps, part.shown.attempts) == (True, 1, 5)
    assert (rest.minimised, rest.steps) == (False, 3)
    assert store.store_minimised(run, BUG.id, at(0.25, 1, steps=1), 7, 0.1)
    assert store.check().sound


def test_the_severity_of_a_part_is_that_of_its_own_cases(store: Store, run: int) -> None:
    late = late_of(store.finding(BUG.id))
    moving = tuple(replace(one, differences=one.differences[:1]) for one in late.moving)
    store.split(BUG.id, replace(late, moving=moving), run=run, who="anna")
    assert store.finding(PART.id).severity is Severity.MONEY
    assert store.finding(BUG.id).severity is Severity.ORDERS


def test_a_name_is_taken_once_and_must_be_one(store: Store, run: int) -> None:
    split(store, run)
    with pytest.raises(UsageError, match="has a part named 'late' already"):
        split(store, run, lines=(3,))
    late = late_of(store.finding(BUG.id), (3,))
    for name in ("", " ", "x" * 61, "a\nb", "a/b", "\x1b[31m", "\u202e"):
        with pytest.raises(UsageError, match="the name of a part"):
            store.split(BUG.id, replace(late, name=name), run=run, who="anna")
    assert len(store.findings()) == 2


def test_what_has_moved_meanwhile_is_not_moved_twice(store: Store, run: int) -> None:
    late = late_of(store.finding(BUG.id))
    store.split(BUG.id, late, run=run, who="anna")
    with pytest.raises(UsageError, match="changed by another process meanwhile"):
        store.split(BUG.id, replace(late, name="again"), run=run, who="anna")
    assert len(store.findings()) == 2
    assert store.check().sound


def test_taking_a_split_back_makes_the_part_count_as_what_it_came_from(
    store: Store, run: int
) -> None:
    split(store, run)
    assert store.check_unsplit(PART.id) == BUG.id
    assert store.unsplit(PART.id, who="ben", why="one bug after all") == BUG.id
    (stored,) = store.findings()
    assert (stored.id, stored.occurrences, stored.merged) == (BUG.id, 104, (PART.id,))
    assert sorted(lines_of(stored)) == [1, 2, 3, 4]
    assert store.finding(PART.id).id == BUG.id
    assert store.routing() == Routing({}, {PART.id: BUG})
    assert [entry.why for entry in stored.history][-1].endswith(": one bug after all")
    assert store.check().sound
    with pytest.raises(UsageError, match="is no part that was split off"):
        store.unsplit(PART.id, who="ben")
    with pytest.raises(UsageError, match=f"split {BUG.id} again as 'late'"):
        store.unmerge(PART.id, who="ben")


def test_a_split_can_be_made_again_with_what_the_part_had(store: Store, run: int) -> None:
    split(store, run)
    store.triage(PART.id, who="anna", owner="ben")
    store.unsplit(PART.id, who="ben")
    split(store, run, lines=(2, 3, 4))
    part = store.finding(PART.id)
    assert (part.id, part.occurrences, part.owner) == (PART.id, 3, "ben")
    assert store.finding(BUG.id).occurrences == 101
    assert store.routing() == Routing({BUG.id: (("late", LATE),)})
    assert store.check().sound


def test_a_part_of_a_part_is_taken_back_first(store: Store, run: int) -> None:
    split(store, run)
    inner = part_of(PART, "very late")
    rows = {kept.line: kept.rows for kept in store.finding(PART.id).kept}
    very = Split(LATE, "very late", rows[4], (replace(at(0.8, 4), signature=inner),),
                 (replace(at(0.75, 2), signature=PART),), frozenset())  # fmt: skip
    assert store.split(PART.id, very, run=run, who="anna") == inner.id
    with pytest.raises(UsageError, match=f"{inner.id} was split off from {PART.id}"):
        store.unsplit(PART.id, who="anna")
    store.unsplit(inner.id, who="anna")
    store.unsplit(PART.id, who="anna")
    assert [one.occurrences for one in store.findings()] == [104]
    assert store.check().sound


# --- Merging ------------------------------------------------------------------------------------


@pytest.fixture
def others(store: Store, run: int) -> list[str]:
    """Three further findings, met in a run of their own."""
    later = store.begin_run("fuzz", PYTHON, NEWER, {})
    return [store.record(later, finding(n, case=stream(3, float(n)))).id for n in range(3)]


def test_a_merged_finding_counts_as_the_other_and_leads_there(
    store: Store, others: list[str], run: int
) -> None:
    one, other, third = others
    store.merge([one, other], third, who="anna", why="one rounding")
    assert [found.id for found in store.findings()] == [BUG.id, third]
    stored = store.finding(one)
    assert (stored.id, stored.occurrences) == (third, 3)
    assert stored.merged == tuple(sorted([one, other]))
    assert len(stored.places) == len([kept for kept in stored.kept if kept.rows]) == 3
    assert store.resolve(one[:7]) == one
    assert store.routing() == Routing({}, dict.fromkeys((one, other), finding(2).signature))
    assert [found.id for found in store.findings(run=run)] == [BUG.id]
    assert [found.id for found in store.findings(run=run + 1)] == [third]
    assert store.check().sound


def test_all_histories_say_who_merged_and_why(store: Store, others: list[str]) -> None:
    one, other, third = others
    store.merge([one, other], third, who="anna", why="one rounding")
    assert [entry.why for entry in store.finding(third).history] == [
        f"{one} was merged into it: one rounding", f"{other} was merged into it: one rounding"
    ]  # fmt: skip
    (entry,) = store.history_of(one)
    assert (entry.who, entry.why) == ("anna", f"merged into {third}: one rounding")


def test_first_and_last_run_severity_and_cores_are_those_of_all(
    store: Store, run: int, others: list[str]
) -> None:
    store.merge([BUG.id], others[0], who="anna")
    stored = store.finding(BUG.id)
    assert (stored.id, stored.first_run, stored.last_run) == (others[0], run, run + 1)
    assert [seen.occurrences for seen in stored.runs] == [104, 1]
    assert [pair.shadow for pair in stored.cores] == [HASKELL, NEWER]
    assert (stored.severity, stored.hot) == (Severity.ORDERS, True)


def test_a_chain_of_merges_leads_to_its_end_and_can_be_taken_apart(
    store: Store, others: list[str]
) -> None:
    one, other, third = others
    store.merge([one], other, who="anna")
    store.merge([other], third, who="anna")
    assert store.finding(one).id == store.finding(other).id == third
    assert store.finding(third).occurrences == 3
    assert store.check_unmerge(other) == third
    assert store.unmerge(other, who="ben") == third
    assert store.finding(one).id == other
    assert [found.occurrences for found in store.findings()] == [104, 2, 1]
    assert store.finding(other).history[-1].why == f"no longer merged into {third}"
    assert store.check().sound


def test_a_merge_taken_back_loses_nothing_and_what_came_since_stays(
    store: Store, run: int, others: list[str]
) -> None:
    one, other, _ = others
    store.triage(one, who="anna", owner="ben")
    store.merge([one], other, who="anna")
    store.record(run, finding(1, case=stream(3, 9.0)))
    store.unmerge(one, who="anna")
    assert store.finding(one).occurrences == 1
    assert store.finding(one).owner == "ben"
    assert store.finding(other).occurrences == 2


@pytest.mark.parametrize("number", range(6))
def test_merges_that_make_no_sense_are_refused_whole(
    store: Store, run: int, others: list[str], number: int
) -> None:
    one, other, third = others
    failed = store.record(run, finding(failed=True)).id
    store.merge([one], other, who="anna")
    split(store, run)
    wrong: list[tuple[list[str], str, str]] = [
        ([third, third], third, "cannot be merged into itself"),
        ([third, failed], BUG.id, "a failure of a core is no divergence"),
        ([third, one], BUG.id, f"{one} was merged into {other} already"),
        ([third], one, f"{one} was merged into {other} already"),
        ([third, PART.id], BUG.id, f"`split {PART.id} --undo"),
        ([third, "d-00000000"], BUG.id, "no finding 'd-00000000'"),
    ]
    sources, target, reason = wrong[number]
    before = store.routing()
    with pytest.raises(UsageError, match=reason):
        store.check_merge(sources, target)
    with pytest.raises(UsageError, match=reason):
        store.merge(sources, target, who="anna")
    assert store.routing() == before
    assert store.finding(third).id == third


def test_no_circle_can_be_made(store: Store, run: int, others: list[str]) -> None:
    split(store, run)
    store.merge([PART.id], others[0], who="anna")
    with pytest.raises(UsageError, match="cannot take it in"):
        store.merge([others[0]], BUG.id, who="anna")
    with pytest.raises(UsageError, match="was merged into"):
        store.unsplit(PART.id, who="anna")
    store.unmerge(PART.id, who="anna")
    store.merge([BUG.id], PART.id, who="anna")
    assert store.finding(BUG.id).occurrences == 104
    with pytest.raises(UsageError, match="cannot take it in"):
        store.unsplit(PART.id, who="anna")
    assert store.check().sound


def test_what_is_open_is_not_merged_into_what_is_fixed(store: Store, others: list[str]) -> None:
    one, other, _ = others
    evidence = {"replays": 2, "authority": {"sha256": "a"}, "shadow": {"sha256": "b"}}
    store.add_history(other, Status.FIXED, who="n", why="agreed", evidence=evidence)
    with pytest.raises(UsageError, match="merge the other way round"):
        store.merge([one], other, who="anna")
    store.merge([other], one, who="anna")
    assert store.finding(other).status is Status.NEW


def test_what_a_run_records_under_a_merged_id_counts_with_the_other(
    store: Store, run: int, others: list[str]
) -> None:
    """A run that began before the merge goes on with what it knew."""
    one, other, _ = others
    store.merge([one], other, who="anna")
    store.record(run, finding(0, case=stream(3, 7.0)))
    store.count(run, one, 5)
    store.flush()
    assert store.finding(other).occurrences == 8


def test_a_split_of_a_finding_takes_what_was_merged_into_it_along(
    store: Store, run: int, others: list[str]
) -> None:
    store.merge([others[0]], BUG.id, who="anna")
    stored = store.finding(BUG.id)
    rows = {kept.origin: kept.rows for kept in stored.kept}
    merged = finding(0, case=stream(3, 0.0))
    late = Split(LATE, "late", rows["fuzz live #1"], (replace(merged, signature=PART),),
                 (at(0.25),), frozenset())  # fmt: skip
    store.split(BUG.id, late, run=run, who="anna")
    assert store.finding(PART.id).occurrences == 1
    assert store.finding(BUG.id).occurrences == 104
    store.unmerge(others[0], who="anna")
    assert store.check().sound
    assert [one.occurrences for one in store.findings()] == [104, 0, 1, 1, 1]
    assert store.finding(others[0]).runs == ()


def test_a_kill_in_the_middle_of_a_split_leaves_it_undone(
    store: Store, run: int, path: Path
) -> None:
    before = store.finding(BUG.id).occurrences
    store.close()
    code = """
import os
from replay.findings.store.routes import Routes
from test_routes import *
def killed(*arguments):
    os.kill(os.getpid(), 9)
Routes._check_circle = killed
store = Store.open(sys.argv[1])
split(store, 1)
"""
    process = child(code, path)
    process.communicate(timeout=120)
    assert process.returncode == -9
    with Store.open(path) as again:
        (stored,) = again.findings()
        assert (stored.occurrences, stored.history) == (before, ())
        assert not again.routing()
        assert again.check().sound


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE splits SET condition = 'pric > 1'", "there is no 'pric'"),
        ("UPDATE splits SET name = 'other'", "is not the part 'other'"),
        ("UPDATE merges SET target = 'd-00000000'", "refers to none of divergences"),
        ("INSERT INTO merges SELECT target, source FROM merges", "was merged in a circle"),
    ],
)
def test_the_check_finds_what_is_wrong_with_splits_and_merges(
    store: Store, run: int, others: list[str], path: Path, damage: str, named: str
) -> None:
    split(store, run)
    store.merge([others[0]], others[1], who="anna")
    assert store.check().sound
    with sqlite3.connect(path) as other:
        other.execute(damage)
    other.close()
    report = store.check()
    assert any(named in problem for problem in report.problems), report.problems


def test_a_split_whose_condition_cannot_be_read_is_damage(
    store: Store, run: int, path: Path
) -> None:
    split(store, run)
    with sqlite3.connect(path) as other:
        other.execute("UPDATE splits SET condition = 'whatever'")
    other.close()
    with pytest.raises(DamagedError, match="the split 'late' of d-"):
        store.routing()
