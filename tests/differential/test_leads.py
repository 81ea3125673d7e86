"""Where a case begins: with a state that is read as the authority held it, however far back."""

from __future__ import annotations

from pathlib import Path

import pytest
from differential_makers import CONFIG, NOW, ours, remembering

from replay.differential import leads
from replay.differential.inherited import Inherited
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.minimising.minimiser import minimise, probe
from replay.differential.model import Finding
from replay.streams.model import Document, Start, Step, Stream, segments_of
from replay.targets.base import Target
from replay.targets.python.module import open_python_target

LOOSE = str(Path(__file__).parents[1] / "support" / "authorities" / "reads_loosely.py")
HUGE = 2**64 + 1
"""No double is it: read as one, it is another number."""

ORDER: dict[str, Document] = {
    "local_id": 1, "side": "buy", "role": "entry", "price": 0.2, "volume": 25.0,
    "trade_id": "B", "cycle": 1,
}  # fmt: skip
START = Start({"market_price": 0.2, "now": NOW, "orders": [ORDER], "next_order_id": 2}, CONFIG, 5.0)
TICKS = tuple(Step((0, 0.2, NOW + at)) for at in range(1, 60))
FILL = Step((2, 1, "tx", "buy", 0.2, 25.0, HUGE, NOW + 60))
"""The exit keeps the fee as it came: in a field that the reader takes for a double."""

REST = tuple(Step((1, NOW + at)) for at in range(61, 130))
AGAIN = Step((5, 2, "BULLISH"))
"""Tags the exit, so its order is told whole again: only here does the shadow's fee show."""

STREAM = Stream(START, (*TICKS, FILL, *REST, AGAIN), "bot.jsonl slot 0")


def found(authority: Target, shadow: Target, stream: Stream, size: int = 8) -> list[Finding]:
    return run_stream(Lockstep(authority, shadow), segments_of(stream, 0, size))


def loose() -> Target:
    return open_python_target(LOOSE)


def shows(one: Finding, shadow: Target) -> bool:
    """Whether its case alone shows it, on cores that have seen nothing else."""
    return any(one.signature == other.signature for other in probe(loose(), shadow, one.case, 0))


@pytest.fixture
def each_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a value came in at a step that agreed: what it makes differ is told by itself."""
    monkeypatch.setattr(Inherited, "held", lambda self, state: frozenset())


@pytest.mark.usefixtures("each_a_row")
def test_a_case_begins_where_what_the_authority_held_is_what_it_reads() -> None:
    filled, tagged = found(loose(), ours(), STREAM)
    assert (filled.signature.field, tagged.signature.field) == ("state.orders[].entry_fee",) * 2
    # The segment of eight steps begins with what is read as it was held; the other one does not.
    assert len(filled.case.steps) == len(TICKS) % 8 + 1
    assert len(tagged.case.steps) > len(REST)
    assert not filled.is_apart
    assert not tagged.is_apart
    assert shows(filled, ours())
    assert shows(tagged, ours())


@pytest.mark.usefixtures("each_a_row")
def test_what_only_a_live_record_shows_is_minimised_with_the_step_that_made_it() -> None:
    _, tagged = found(loose(), ours(), STREAM)
    smaller = minimise(tagged, loose(), ours())
    assert smaller is not None
    assert [step.call[0] for step in smaller.finding.case.steps] == [2, 5]  # type: ignore[index]
    assert shows(smaller.finding, ours())


@pytest.mark.usefixtures("each_a_row")
def test_a_case_is_apart_where_the_record_that_shows_it_is_older_than_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leads, "MAX_WEIGHT", 40)
    _, tagged = found(loose(), ours(), STREAM)
    assert tagged.is_apart
    assert not shows(tagged, ours())
    assert minimise(tagged, loose(), ours()) is None


def test_what_is_kept_of_streams_side_by_side_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leads, "MAX_WEIGHT", 40)
    lockstep = Lockstep(loose(), ours())
    whole = [list(segments_of(STREAM, key, 8)) for key in range(5)]
    for segments in zip(*whole, strict=True):
        for segment in segments:
            lockstep.feed(segment)
    kept = lockstep._leads
    assert kept._weight <= 40
    lockstep.finish()
    assert kept._weight == 0


def test_what_a_core_shows_by_what_it_remembers_is_cut_from_an_earlier_start(
    tmp_path: Path,
) -> None:
    shadow = remembering(tmp_path)
    steps = (*(Step((0, 0.2, NOW + at)) for at in range(20)), Step((1, NOW + 20)),
             Step((0, 0.2, NOW + 21)), Step((1, NOW + 22)))  # fmt: skip
    # Segments of one step: the case has but the last one.
    (one,) = found(ours(), shadow, Stream(START, steps, "bot.jsonl slot 0"), 1)
    assert len(one.case.steps) == 1
    assert one.lead is not None
    assert len(one.lead.steps) == len(steps)
    smaller = minimise(one, ours(), shadow)
    assert smaller is not None
    assert [step.call[0] for step in smaller.finding.case.steps] == [1, 0, 1]  # type: ignore[index]
