"""What a run concludes of findings that no case can show, and how many cores it opens for that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replay.cli.main import run_cli
from replay.differential import leads
from replay.differential.inherited import Inherited
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.routing_table import NO_ROUTING
from replay.differential.steadiness import PAIRS
from replay.explaining.search.diagnosis import Result
from replay.explaining.search.search import Means, Subject, explain
from replay.findings.lifecycle import ONLY_LIVE, Status
from replay.findings.store.store import RunKind, Store
from replay.reports.wording import status_words
from replay.runs.collector import Collector
from replay.runs.conclusion import Conclusion
from replay.runs.report import FindingLine, Group, Report
from replay.streams.model import Document, Start, Step, Stream, segments_of
from replay.targets.base import Target
from replay.targets.pair import PairSpec

LOOSE = str(Path(__file__).parents[1] / "support" / "authorities" / "reads_loosely.py")
CORES = PairSpec(LOOSE, "python", isolated=False)
HUGE = 2**64 + 1
"""No double is it; the authority keeps it as the event brought it."""

ORDER: Document = {"local_id": 1, "side": "buy", "role": "entry", "price": 0.2, "volume": 25.0,
         "trade_id": "B", "cycle": 1}  # fmt: skip
START = Start({"market_price": 0.2, "now": 0.0, "orders": [ORDER], "next_order_id": 2}, {}, 5.0)
FILL = Step((2, 1, "tx", "buy", 0.2, 25.0, HUGE, 1.0))
TAGGED = Step((5, 2, "BULLISH"))
STREAM = Stream(START, (FILL, *(Step((1, float(at))) for at in range(2, 130)), TAGGED), "a bot")
TAG = "apply_order_regime_at_entry"


@pytest.fixture(autouse=True)
def each_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a value came in at a step that agreed: what it makes differ is told by itself."""
    monkeypatch.setattr(Inherited, "held", lambda self, state: frozenset())


class Night:
    """One run on a stream, to its conclusion."""

    def __init__(self, store: Store, named: str = "") -> None:
        """Where it is `named`, the fields of what is found live have this name."""
        authority, shadow = CORES.open()
        self.report = Report("run", authority.identity, shadow.identity)
        run = store.begin_run(RunKind.RUN, authority.identity, shadow.identity, {})
        collector = Collector(store, run, lambda one: f"doge-replay repro {one}")
        found = run_stream(Lockstep(authority, shadow), segments_of(STREAM, 0, 8))
        if named:
            found = [
                replace(one, signature=replace(one.signature, field=named), is_apart=False)
                for one in found
            ]
        collector.minimise_all([one for one in found if collector.take(one)], CORES.open)
        self.report.findings = collector.lines()
        self.opened = 0
        conclusion = Conclusion(store, run, self.report, self._open, collector.routing, "a run")
        conclusion.ask()
        conclusion.conclude({}, {})

    def _open(self) -> tuple[Target, Target]:
        self.opened += 1
        return CORES.open()

    @property
    def tagged(self) -> FindingLine:
        """What the tag shows, which needs the record that the fill has made."""
        return next(line for line in self.report.findings if line.event == TAG)


def test_what_its_stream_shows_is_new_with_the_steps_that_it_takes(tmp_path: Path) -> None:
    with Store.open(tmp_path / "f.db") as store:
        night = Night(store)
        line = night.tagged
        assert (line.status, line.only_live, line.steps) == (Status.NEW, False, 2)
        assert night.opened == PAIRS
        # An edited core cannot be handed what the authority held: nothing is said to fit.
        finding = store.finding(line.id)
        assert [step.call[0] for step in finding.case.steps] == [2, 5]  # type: ignore[index]
        told = explain(Subject(line.id, finding.signature, [finding.case]), Means(CORES, ()))
        assert (told.result, int(told.exit_code)) == (Result.LIVE, 4)


def test_what_only_the_live_record_shows_is_said_to_be_that_and_not_flaky(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(leads, "MAX_WEIGHT", 40)
    db = tmp_path / "f.db"
    with Store.open(db) as store:
        first, second = Night(store), Night(store)
        for night, word in ((first, "new"), (second, "known")):
            line = night.tagged
            assert line.only_live
            assert line.group(strict=False) is (Group.NEW if word == "new" else Group.KNOWN)
            assert status_words(line, Group.NEW) == f"{word}, {ONLY_LIVE}"
        finding = store.finding(line.id)
        assert (finding.status, finding.is_only_live) == (Status.NEW, True)
        assert len(finding.history) == 1
        # That its case agrees on these cores is what was said of it, and no news.
        second.report.findings, second.report.resolved = [], [line.id]
        Conclusion(store, 2, second.report, CORES.open, NO_ROUTING, "a run").conclude({}, {})
        assert store.finding(line.id).status is Status.NEW
    common = ["--db", str(db), "--authority", LOOSE, "--shadow", "python"]
    for command in (["list"], ["show", line.id], ["repro", line.id]):
        assert run_cli([*command, *common]) == 0
        told = capsys.readouterr().out
        assert ONLY_LIVE in " ".join(told.split())
    assert "the cores agree: only the live record shows it" in told
    assert "it would be" not in told


def test_what_its_case_shows_as_another_finding_each_time_is_not_flaky(tmp_path: Path) -> None:
    with Store.open(tmp_path / "f.db") as store:
        Night(store)
        others = {one.id for one in store.findings()}
        lines = Night(store, "another").report.findings
        assert lines
        for line in lines:
            assert (line.status, line.only_live) == (Status.NEW, True)
            (entry,) = store.finding(line.id).history
            assert entry.evidence["shows"] in others
            assert entry.evidence["shows"] in entry.why
