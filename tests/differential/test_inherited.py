"""What an event brought into a bot's state as it came makes one row, however long it stays."""

from __future__ import annotations

from pathlib import Path

from differential_makers import NOW, ours
from support.ports.making import changed_executable
from test_leads import AGAIN, FILL, HUGE, ORDER, REST, START, STREAM, TICKS, loose

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Verdict
from replay.streams.model import Step, Stream, segments_of
from replay.targets.open import open_target

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


def test_where_more_differs_the_bucket_is_told_by_the_rest_alone(tmp_path: Path) -> None:
    once = "total_round_trips=counted(state.total_round_trips)"
    twice = once.replace("state.total_round_trips", "counted(state.total_round_trips)")
    shadow = open_target(str(changed_executable(tmp_path, [(once, twice)])))
    exit_ = {**ORDER, "local_id": 9, "role": "exit", "side": "sell", "trade_id": "A",
             "entry_price": 0.1, "entry_fee": 0.7}  # fmt: skip
    sold = Step((2, 9, "tz", "sell", 0.2, 25.0, 0.5, NOW + 200))
    start = START._replace(state={**START.state, "orders": [ORDER, exit_]})  # type: ignore[dict-item]
    stream = Stream(start, (*TICKS, FILL, sold))
    found = run_stream(Lockstep(loose(), shadow), segments_of(stream, 0, 8))
    shadow.close()
    assert [one.case.steps[-1].call for one in found] == [FILL.call, sold.call]
    assert {one.path for one in found[1].differences} == {"state.total_round_trips"}
