"""What an event brought into a bot's state as it came makes one row, however long it stays."""

from __future__ import annotations

from differential_makers import ours
from test_leads import AGAIN, FILL, HUGE, REST, START, STREAM, TICKS, loose

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Verdict
from replay.streams.model import Step, Stream, segments_of

SET = Step(
    (5, 2, "BULLISH"),
    {"patch": {"orders": [{"local_id": 2, "side": "sell", "role": "exit", "price": 0.3,
                           "volume": 25.0, "trade_id": "B", "cycle": 1, "entry_price": 0.2}]}},
)  # fmt: skip


def test_the_steps_after_the_one_that_brought_it_in_count_for_its_bucket() -> None:
    lockstep = Lockstep(loose(), ours())
    (filled,) = run_stream(lockstep, segments_of(STREAM, 0, 8))
    assert filled.case.steps[-1].call == FILL.call
    assert lockstep.repeats[filled.signature.id].times == 1
    assert lockstep.tally.verdicts[Verdict.DIVERGE] == 2


def test_what_is_set_from_outside_meanwhile_was_not_brought_in_by_it() -> None:
    assert SET.changes is not None
    lockstep = Lockstep(loose(), ours())
    steps = (*TICKS, FILL, *REST, SET, AGAIN)
    (filled,) = run_stream(lockstep, segments_of(Stream(START, steps), 0, 8))
    assert filled.case.steps[-1].call == FILL.call
    assert lockstep.repeats == {}, "nothing that is held differs any more"


def test_another_value_that_comes_in_later_is_told_for_itself() -> None:
    order = {**START.state["orders"][0], "local_id": 7}  # type: ignore[dict-item, index, call-overload]
    other = Step(
        (2, 7, "ty", "buy", 0.2, 25.0, 0.25, HUGE + 2),
        {"patch": {"orders": [order], "next_order_id": 8}},
    )
    lockstep = Lockstep(loose(), ours())
    found = run_stream(lockstep, segments_of(Stream(START, (*TICKS, FILL, other)), 0, 8))
    assert [one.case.steps[-1].call for one in found] == [FILL.call, other.call]
