"""What report.html shows of a finding comes from the store, in the words of `show`."""

from __future__ import annotations

from pathlib import Path

from report_makers import full_report, line
from store_support import HASKELL, PYTHON, finding, stream

from replay.findings.lifecycle import Status
from replay.findings.store.store import RunKind, Store
from replay.reports.run_details import MAX_DETAILS, details_of


def test_case_answers_and_history_are_there(tmp_path: Path) -> None:
    found = finding(case=stream(steps=40))
    with Store.open(tmp_path / "d.db") as store:
        run = store.begin_run(RunKind.NIGHTLY, PYTHON, HASKELL, {})
        store.record(run, found)
        store.add_history(found.id, Status.TRIAGED, who="somebody", why="looked at it")
        (detail,) = details_of(store, full_report(findings=[line(1, id=found.id)]))
    assert detail.id == found.id
    assert detail.contract.startswith("reducer.md")
    labels = [label for label, _ in detail.case]
    assert labels[:2] == ["from", "state"]
    assert labels[-1] == "step 40"
    assert ("", "... 28 steps ...") in detail.case
    rows = {row.path: row for row in detail.answers}
    assert any(row.how for row in rows.values())
    assert [row.status for row in detail.history][-1] == "triaged"
    assert detail.history[-1].who == "somebody"


def test_of_a_flood_only_so_many_are_read(tmp_path: Path) -> None:
    with Store.open(tmp_path / "d.db") as store:
        run = store.begin_run(RunKind.NIGHTLY, PYTHON, HASKELL, {})
        found = finding()
        store.record(run, found)
        lines = [line(1, id=found.id)] * (MAX_DETAILS + 10)
        assert len(details_of(store, full_report(findings=lines))) == MAX_DETAILS
