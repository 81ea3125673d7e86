"""Edits that explain a part, and what tells one part of a bucket from another."""

from __future__ import annotations

from pathlib import Path

import pytest
from explain_support import faulty, one_step

from replay.differential.conditions.condition import Condition, facts_of
from replay.differential.model import Signature
from replay.explaining.editing.editable import EditableCore
from replay.explaining.editing.places import Rules
from replay.explaining.edits import edits_of
from replay.explaining.evidence.kept import alone
from replay.explaining.evidence.passages import Passage, Role, Witness
from replay.explaining.search.contest import Clock, Contest
from replay.explaining.search.partly import halves, nearest, parts_of, telling
from replay.explaining.search.separation import separating
from replay.streams.model import Stream
from replay.targets.pair import PairSpec

TWO = (
    "booking.py",
    ("gross = (closed.entry_price - price)", "gross = (closed.entry_price + price)"),
    ("gross = (price - closed.entry_price) *", "gross = (price - closed.entry_price) /"),
)
GROSS = Signature("any event", "book a cycle", "state.completed_cycles[].gross_profit", "value")


def exit_of(trade: str, price: float) -> Stream:
    """An exit of either trade fills at a price."""
    order = {
        "local_id": 3, "side": "buy" if trade == "A" else "sell", "role": "exit", "price": 0.1,
        "volume": 20.0, "trade_id": trade, "cycle": 2, "entry_price": 0.25,
    }  # fmt: skip
    return one_step((2, 3, "", order["side"], price, 20.0, 0.5, 1.0), orders=[order])


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(*PairSpec("python", faulty(tmp_path, *TWO)).open(), GROSS)


def occurrences(witness: Witness) -> list[Passage]:
    cases = [exit_of(trade, price) for trade in "AB" for price in (0.5, 0.75, 2.0)]
    found = witness.ask(cases)
    assert {one.roles for one in found} == {(Role.OCCURRENCE,)}
    return found


def test_an_edit_that_gives_half_of_the_answers_leaves_the_others_as_they_are(
    witness: Witness,
) -> None:
    core = EditableCore.open("python")
    edits = [one for one in edits_of(core) if one.function == "booking._book"]
    found = occurrences(witness)
    parts = parts_of(core, edits, found, [], Clock(60.0), 1.0)
    half = [one for one in parts if one.gives == {0, 1, 2} and one.leaves == {3, 4, 5}]
    assert any("closed.entry_price + price" in one.edit.says for one in half)
    assert all(len(one.gives) <= len(parts[0].gives) for one in parts)

    near = nearest(parts, found, Rules.of(core))
    assert (near[0].occurrences, near[0].rule) == (6, 'reducer.md, "Book a cycle"')
    assert "from the shadow" in near[0].left

    both = halves(core, edits, parts, found, [], Clock(60.0))
    assert both is not None
    assert {both.first.reproduced, both.second.reproduced} == {3}
    assert both.condition == 'phase == "S1a"'


def test_no_two_halves_are_made_up_where_something_is_left_over(witness: Witness) -> None:
    core = EditableCore.open("python")
    edits = [
        one for one in edits_of(core)
        if one.function == "booking._book" and "/ closed.volume" not in one.says
        and "closed.volume)" not in one.says
    ]  # fmt: skip
    found = occurrences(witness)
    parts = parts_of(core, edits, found, [], Clock(60.0), 1.0)
    assert halves(core, edits, parts, found, [], Clock(60.0)) is None


def test_what_tells_two_sets_apart_is_true_of_the_one_and_of_none_of_the_other(
    witness: Witness,
) -> None:
    found = occurrences(witness)
    for inside, wanted in (
        ({0, 1, 2}, 'call.side == "buy"'),
        ({2, 5}, "price >= 2.0"),
        ({0, 3}, "price <= 0.5"),
    ):
        text = separating(found, inside, set(range(6)) - inside)
        condition = Condition.parse(text)
        for place, one in enumerate(found):
            step, (before, _) = one.stream.steps[0], one.befores[0]
            facts = facts_of(step.call, before, one.differences(0), one.authority[0], one.shadow[0])
            assert condition.holds(facts) is (place in inside), (text, wanted)
    assert separating(found, {0}, set()) == ""
    assert separating(found, {0, 4}, {1, 3}) == ""


def test_what_tells_most_is_taken_with_little_history(witness: Witness) -> None:
    cycle = {
        "trade_id": "A", "cycle": 1, "entry_price": 1.0, "exit_price": 1.0, "volume": 1.0,
        "gross_profit": 0.0, "fees": 0.0, "net_profit": 0.0,
    }  # fmt: skip
    case = exit_of("A", 0.5)
    assert isinstance(case.start.state, dict)
    long = {**case.start.state, "completed_cycles": [cycle] * 50}
    kept = witness.ask([Stream(case.start._replace(state=long), case.steps, "")])
    contest = Contest(EditableCore.open("python"), list(kept))
    some, elsewhere = telling(contest, kept, witness)
    assert len(some) > 5
    for one in some:
        assert one.roles == (Role.OCCURRENCE,)
        before, _ = one.befores[0]
        assert before is not None
        assert len(before[4]) <= 2
    assert all(Role.OCCURRENCE not in one.roles for one in elsewhere)


def test_a_step_of_a_stream_is_the_same_alone(witness: Witness) -> None:
    steps = tuple(step for price in (0.5, 0.75) for step in exit_of("A", price).steps)
    (passage,) = witness.ask([Stream(exit_of("A", 0.5).start, steps, "")])
    assert passage.roles[0] is Role.OCCURRENCE
    for place in range(2):
        one = alone(passage, place)
        (again,) = witness.ask([one.stream])
        assert again.roles == one.roles == (passage.roles[place],)
