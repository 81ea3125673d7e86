"""Plain states: deltas, documents, changes from outside, histories that cost nothing to keep."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from misbehaving import START, STATE, authority, ticks

from replay.core import from_dict, to_dict
from replay.streams.model import CYCLES, ORDERS, STATE_FIELDS, Step
from replay.targets.base import MISSING
from replay.targets.compact import (
    ALL_FIELDS,
    History,
    action_document,
    apply_changes,
    apply_delta,
    blank,
    common_start,
    compact_action,
    compact_record,
    compact_state,
    delta_between,
    named_fields,
    read_state,
    same,
    state_document,
)
from replay.targets.cursor import Standing
from replay.targets.readers import OURS, Readers, remembered


def _plain(**fields: Any) -> list[Any]:
    plain = read_state({**STATE, **fields})
    assert plain is not None
    return plain


CYCLE = {
    "trade_id": "A", "cycle": 1, "entry_price": 0.2, "exit_price": 0.19, "volume": 25.0,
    "gross_profit": 0.25, "fees": 0.0, "net_profit": 0.25,
}  # fmt: skip


def test_a_plain_state_and_its_document_are_the_same_state() -> None:
    plain = _plain(completed_cycles=[CYCLE])
    document = state_document(plain)
    assert document == to_dict(from_dict({**STATE, "completed_cycles": [CYCLE]}))
    assert tuple(document) == STATE_FIELDS
    assert same(compact_state(document), plain) or compact_state(document) == plain


def test_deltas_applied_one_after_the_other_give_the_last_state() -> None:
    plain = blank()
    for outcome in authority(START, ticks(10, None)):
        apply_delta(plain, outcome[0])
    assert plain[0] == pytest.approx(0.2009)
    assert plain[1] == 1010.0


def test_a_snapshot_is_not_changed_by_what_comes_later() -> None:
    plain = _plain(completed_cycles=[CYCLE])
    snapshot = list(plain)
    apply_delta(plain, [1, 5.0, 4, [1, [["A", 2]]]])
    assert snapshot[1] == 1000.0
    assert len(snapshot[CYCLES]) == 1
    assert len(plain[CYCLES]) == 2


def test_booking_costs_the_same_however_long_the_history_is() -> None:
    def cost(length: int) -> float:
        best = math.inf
        for _ in range(5):
            history = History([["A", 1]] * length)
            begin = time.perf_counter()
            for index in range(200):
                history = history.extended(length + index, [["B", 2]])
            best = min(best, time.perf_counter() - begin)
        return best

    assert cost(100_000) < 20 * cost(100)


def test_histories_that_go_different_ways_do_not_see_each_other() -> None:
    base = History(["1", "2", "3"])
    one = base.extended(3, ["4"])
    other = base.extended(3, ["5", "6"])
    shorter = one.extended(2, [])
    again = shorter.extended(2, ["9"])
    assert [base[:], one[:], other[:]] == [[*"123"], [*"1234"], [*"12356"]]
    assert [shorter[:], again[:]] == [[*"12"], [*"129"]]
    assert one[-1] == "4"
    assert list(one) == [*"1234"]
    assert base.tail(2) == [*"23"]
    assert base.tail(9) == [*"123"]
    with pytest.raises(IndexError):
        shorter[2]
    with pytest.raises(ValueError, match="keeps 4 of 3"):
        base.extended(4, [])
    assert one == History([*"1234"])
    assert one != other


def test_a_delta_names_what_differs_and_what_is_due() -> None:
    before = _plain(completed_cycles=[CYCLE])
    after = list(before)
    after[0], after[9] = 0.3, -0.0
    after[CYCLES] = after[CYCLES].extended(1, [["A", 2]])
    assert delta_between(before, after, frozenset()) == [0, 0.3, 4, [1, [["A", 2]]]]
    assert delta_between(before, after, {9})[-2:] == [9, -0.0]
    whole = delta_between(before, after, ALL_FIELDS)
    assert whole[::2] == list(range(30))
    assert whole[9][0] == 0
    assert len(whole[9][1]) == 2


def test_a_delta_says_where_an_old_record_was_spoiled() -> None:
    before, after = blank(), blank()
    before[CYCLES] = History([["A", 1], ["A", 2], ["A", 3]])
    after[CYCLES] = History([["A", 1], ["A", 9], ["A", 3]])
    assert delta_between(before, after, ()) == [4, [1, [["A", 9], ["A", 3]]]]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (0.0, -0.0, True),
        (math.nan, math.nan, False),
        (1, 1.0, False),
        (True, 1, False),
        (None, None, True),
        ((1, "a"), [1, "a"], True),
        ([1], [1, 2], False),
        ({"a": [1]}, {"a": (1,)}, True),
        ({"a": 1}, {"b": 1}, False),
        (MISSING, MISSING, True),
        (MISSING, None, False),
    ],
)
def test_values_are_the_same_by_ieee_and_by_type(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal


def test_the_common_start_of_two_lists_is_counted() -> None:
    assert common_start([[1], [2], [3]], [[1], [2], [4]]) == 2
    assert common_start([], [[1]]) == 0


def test_odd_values_of_an_answer_stand_where_they_were_found() -> None:
    document = state_document(_plain())
    document |= {"now": 5, "cycle_a": 2.0, "cycle_b": 2.5, "long_only": 1, "orders": [7, {}]}
    document |= {"total_fees": 10**400, "next_order_id": 1e300}
    del document["mode_source"]
    plain = compact_state(document)
    assert (plain[1], type(plain[1])) == (5.0, float)
    assert (plain[5], type(plain[5])) == (2, int)
    assert plain[6] == 2.5
    assert plain[20] == 1
    assert type(plain[20]) is int
    assert plain[22] is MISSING
    assert plain[11] == 10**400
    assert plain[7] == 1e300
    assert plain[ORDERS] == [7, [MISSING] * 13]
    assert "mode_source" not in state_document(plain)
    assert compact_record(CYCLES, "text") == "text"


@pytest.mark.parametrize(
    "action",
    [
        [0, 1, "buy", "entry", 0.2, 25.0, "B", 1, True, "bootstrap"],
        [1, 7, "T", "stale_entry"],
        [2, 7, 1, "s1_timeout"],
        [3, "A", 1, 0.1, 0.2, 0.1, 0.0, False],
    ],
)
def test_actions_are_told_apart_by_their_fields(action: list[Any]) -> None:
    assert compact_action(action_document(action)) == action


def test_an_action_of_no_kind_stays_as_it_is() -> None:
    assert compact_action({"txid": "x"}) == {"txid": "x"}
    assert compact_action(5) == 5
    assert compact_action({"local_id": 1, "txid": "x"}) == [1, 1, "x", MISSING]


def test_changes_that_cannot_be_read_leave_the_state_as_it_was() -> None:
    plain = _plain()
    assert apply_changes(plain, None) == (plain, frozenset())
    assert apply_changes(plain, {"state": 5})[0] is plain
    assert apply_changes(plain, {"patch": {"now": "late"}}) == (plain, frozenset())
    assert apply_changes(plain, {"patch": 5})[0] is plain
    assert apply_changes(None, {"patch": {"now": 1.0}}) == (None, frozenset())
    patched, touched = apply_changes(plain, {"patch": {"now": 7, "unknown": 1}})
    assert patched is not None
    assert (patched[1], touched) == (7.0, frozenset({1}))
    assert plain[1] == 1000.0
    state, touched = apply_changes(None, {"state": STATE, "patch": {"now": 8.0}})
    assert state is not None
    assert (state[1], touched) == (8.0, ALL_FIELDS)


def test_the_fields_that_changes_name_are_known_by_index() -> None:
    assert named_fields(None) == frozenset()
    assert named_fields({"config": {}}) == frozenset()
    assert named_fields({"patch": {"now": None, "no_such": 1}}) == {1}
    assert named_fields({"state": None}) == ALL_FIELDS


class _Counted:
    """Readers that note what they are asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.readers = Readers(self._state, OURS.settings)

    def _state(self, document: Any) -> list[Any] | None:
        self.asked.append(document)
        return read_state(document)


def test_a_start_is_read_once_and_only_when_somebody_asks_for_its_state() -> None:
    counted = _Counted()
    standing = Standing(START, counted.readers)
    assert standing.as_start() == START
    assert counted.asked == []
    assert standing.plain == read_state(START.state)
    assert standing.plain == read_state(START.state)
    assert counted.asked == [START.state]


def test_remembered_readers_read_each_state_once_and_what_was_not_read_again() -> None:
    counted = _Counted()
    states: dict[str, list[Any]] = {}
    for _ in range(2):
        readers = remembered(counted.readers, states)
        plain = readers.state({**STATE, "total_fees": 0.0})
        assert plain == read_state({**STATE, "total_fees": 0.0})
        assert plain is not None
        plain[0] = "changed by who got it"
        negative = readers.state({**STATE, "total_fees": -0.0})
        assert negative is not None
        assert math.copysign(1.0, negative[11]) == -1.0
        assert readers.state(["no", "state"]) is None
    assert len(counted.asked) == 4


def test_a_standing_keeps_what_was_set_at_a_refused_step_due() -> None:
    standing = Standing(START)
    assert standing.due == ALL_FIELDS
    assert standing.as_start() == START
    standing.go_on(Step((0, 0.2, 1.0)), [[0, 0.2, 1, 1.0], [], []])
    assert standing.due == frozenset()
    standing.go_on(
        Step((0, "x", 1.0), {"patch": {"total_fees": 3}, "config": {"entry_pct": "x"}}),
        ["unreadable", "event.price"],
    )
    assert standing.due == {11}
    assert standing.plain is not None
    assert standing.plain[11] == 3.0
    # What our own reader refuses did not take effect.
    assert standing.as_start().config == START.config
    standing.go_on(Step((0, "x", 1.0), {"config": {"entry_pct": 1}}), ["unreadable", ""])
    assert standing.as_start().config == {"entry_pct": 1}


def test_an_unreadable_start_is_handed_on_as_it_came() -> None:
    standing = Standing(START._replace(state=["no", "state"]))
    assert standing.plain is None
    standing.go_on(Step((6,)), ["unreadable", "state"])
    assert standing.as_start().state == ["no", "state"]
    standing.go_on(Step((6,), {"state": {**STATE, "extra": 1}}), ["error", ""])
    assert standing.as_start().state == {**STATE, "extra": 1}
    assert standing.due == ALL_FIELDS
