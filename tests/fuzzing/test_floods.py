"""A hundred thousand occurrences of one bug cost one bucket, few cases, and hardly any work.

Work is counted here rather than time, which differs from machine to machine: how often a step was
compared in full and its signature worked out. `scripts/bench --flood` measures the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from replay.differential import outlines, verdicts
from replay.differential.buckets import is_full
from replay.findings.store.store import Store
from replay.runs.collector import KEPT_CASES, Collector
from replay.runs.replay import replay_all
from replay.runs.report import Report
from replay.streams.model import Document, Segment, Start, Step
from replay.targets.base import CoreIdentity, Outcome, Reply, Target, Work
from replay.targets.executable.batch_wire import checked_outcomes, guide_bytes
from replay.targets.python.module import open_python_target

MEGABYTE = 1 << 20
SEGMENT = 256

Fault = Callable[[int, Outcome], Outcome]


class Flooded:
    """A shadow that answers as the authority, but for a fault in every step. It answers bytes, as
    an executable does."""

    depth = 2
    identity = CoreIdentity("executable", "flooded", "ff" * 32, "0", "unknown", ("replay",))

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._works: list[Work] = []

    def submit(self, work: Work) -> None:
        self._works.append(work)

    def collect(self) -> Reply:
        guide = self._works.pop(0).guide
        assert guide is not None
        answers = [self._fault(place, list(outcome)) for place, outcome in enumerate(guide)]
        return Reply(guide_bytes(answers), _decode=checked_outcomes)

    def close(self) -> None:
        self._works.clear()


def wrong_profit(place: int, outcome: Outcome) -> Outcome:
    """A field that ticks leave alone, with another figure each time."""
    delta = outcome[0][:-2] if outcome[0][-2] == 29 else outcome[0]
    return [[*delta, 29, 1.5 + place], *outcome[1:]]


def wrong_violation(place: int, outcome: Outcome) -> Outcome:
    return [*outcome[:2], ["order volume must be > 0"]]


def refusal(place: int, outcome: Outcome) -> Outcome:
    return ["arithmetic", ""]


def one_or_the_other(place: int, outcome: Outcome) -> Outcome:
    return wrong_profit(place, outcome) if place % 3 else wrong_violation(place, outcome)


def ticks(steps: int, cycles: int = 0) -> Iterator[Segment]:
    """A stream of price and timer ticks in turn, on a state that has booked some cycles."""
    entry: dict[str, Document] = {
        "local_id": 1,
        "role": "entry",
        "volume": 25.0,
        "cycle": 1,
        "txid": "T",
    }
    state: dict[str, Document] = {
        "market_price": 0.2,
        "now": 0.0,
        "orders": [
            {**entry, "side": "sell", "price": 0.2004, "trade_id": "A"},
            {**entry, "local_id": 2, "side": "buy", "price": 0.1996, "trade_id": "B"},
        ],
        "completed_cycles": [cycle(number) for number in range(cycles)],
    }
    for begin in range(0, steps, SEGMENT):
        chunk = [
            Step((0, 0.2 + n % 7 * 1e-6, float(n)) if n % 2 else (1, float(n)), None, n + 1)
            for n in range(begin, min(begin + SEGMENT, steps))
        ]
        start = Start(state, {}, 5.0) if begin == 0 else None
        yield Segment(7, start, chunk, begin + SEGMENT >= steps, "flood")


def cycle(number: int) -> dict[str, Any]:
    names = ("entry_price", "exit_price", "volume", "gross_profit", "fees", "net_profit")
    return {"trade_id": "A", "cycle": number + 1, **dict.fromkeys(names, 0.1)}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the costly parts were called."""
    counts: Counter[str] = Counter()
    for module, name in (
        (verdicts, "compare"),
        (outlines, "compare"),
        (outlines, "divergence_signature"),
        (outlines, "failure_signature"),
    ):
        plain = getattr(module, name)

        def counted(*values: Any, plain: Any = plain, name: str = name) -> Any:
            counts[name] += 1
            return plain(*values)

        monkeypatch.setattr(module, name, counted)
    return counts


def flood(
    directory: Path, fault: Fault, segments: Iterator[Segment]
) -> tuple[Report, Collector, Path]:
    """A whole run, with a database and minimising."""

    def pair() -> tuple[Target, Target]:
        return open_python_target("python"), Flooded(fault)

    authority, shadow = pair()
    report = Report("run", authority.identity, shadow.identity)
    database = directory / "flood.db"
    with Store.open(database) as store:
        run = store.begin_run("run", authority.identity, shadow.identity, {})
        collector = Collector(store, run, str)
        replay_all(segments, authority, shadow, collector, pair, report)
        store.flush()
        stored = {finding.id: finding.occurrences for finding in store.findings()}
        assert stored == {line.id: line.occurrences for line in collector.lines()}
        for finding in store.findings():
            kept = [place for place in finding.places if place.stream is not None]
            assert len(kept) <= KEPT_CASES
            assert len(finding.places) <= 20
    return report, collector, database


def test_a_hundred_thousand_occurrences_of_one_bug_cost_one_bucket_and_few_cases(
    tmp_path: Path, work: Counter[str]
) -> None:
    steps = 100_000
    report, collector, database = flood(tmp_path, wrong_profit, ticks(steps))
    (line,) = collector.lines()
    assert line.occurrences == steps
    assert report.tally.transitions == steps
    assert report.tally.verdicts == {"diverge": steps}
    assert [one.line for one in collector.samples[line.id]] == [
        number for number in range(1, steps + 1) if is_full(number)
    ]
    assert database.stat().st_size < MEGABYTE
    # Nearly all of it is for what is told in full, and for minimising.
    assert work["divergence_signature"] < 400
    assert work["compare"] < 1000


@pytest.mark.parametrize("fault", [wrong_violation, refusal], ids=lambda fault: fault.__name__)
def test_floods_of_violations_and_of_failures_cost_as_little(
    tmp_path: Path, work: Counter[str], fault: Fault
) -> None:
    _, collector, database = flood(tmp_path, fault, ticks(10_000))
    lines = collector.lines()
    assert sum(line.occurrences for line in lines) == 10_000
    assert len(lines) == 1
    assert work["divergence_signature"] + work["failure_signature"] < 400
    assert database.stat().st_size < MEGABYTE


def test_two_bugs_that_alternate_are_two_buckets_and_cost_as_little(
    tmp_path: Path, work: Counter[str]
) -> None:
    _, collector, _ = flood(tmp_path, one_or_the_other, ticks(10_000))
    violations = sum(place % SEGMENT % 3 == 0 for place in range(10_000))
    assert sorted(line.occurrences for line in collector.lines()) == [
        violations,
        10_000 - violations,
    ]
    assert work["divergence_signature"] < 500


def test_a_long_history_is_not_written_again_for_each_occurrence(tmp_path: Path) -> None:
    """Each case has a whole state, of which nearly all are cycles that nothing changes."""
    _, collector, database = flood(tmp_path, wrong_profit, ticks(5_000, cycles=2_000))
    (sample,) = collector.samples.values()
    cases: list[Any] = [found.case.start.state for found in sample]
    histories = [case["completed_cycles"] for case in cases]
    assert {len(history) for history in histories} == {2_000}
    # Those of the first segment are the stream's own documents; all others are made once.
    assert len({id(history[1_000]) for history in histories}) == 2
    assert database.stat().st_size < 5 * MEGABYTE
