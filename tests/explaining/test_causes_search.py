"""The search for causes: what it must not say, what one step needs of several, and what ends it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from cause_support import CORE, ENTRY, answers_of, edited, one_step
from support.ports.making import executable

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.edit_search import EditSearch
from replay.explaining.causes.found import Account, Found
from replay.explaining.causes.inquiry import Inquiry
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.leaves import ABSENT, Field, Leaf, leaves_of
from replay.explaining.causes.necessity import Necessity
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.place_search import PlaceSearch
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.probes import alone, isolated
from replay.explaining.causes.remembered import Remembered
from replay.explaining.causes.statement import (
    CauseKind,
    Edited,
    Reading,
    Statement,
    Writing,
    canonical_edit,
    sorts_at,
)
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.edits import edits_of
from replay.explaining.search.contest import Clock
from replay.streams.model import Stream
from replay.targets.open import open_target

EXIT = {**ENTRY, "side": "sell", "role": "exit", "entry_price": 0.1, "entry_fee": 0.0}
FILL = (2, 1, "T", "sell", 0.1, 20.0, 0.0, 5.0)
BREAK_EVEN = {"in": ["count_loss"], "replace": "net < 0", "with": "net <= 0"}


def _edits(core: EditableCore, _texts: Collection[str]) -> list[Edit]:
    return [edit for edit in edits_of(core) if edit.function in ("booking._book", "count_loss")]


def _account(
    folder: Path, switches: Iterable[str], cases: Sequence[Stream], seconds: float = 400.0
) -> Account:
    cores = open_target("python"), open_target(str(executable(folder, switches)))
    found = {f"case {number}": [case] for number, case in enumerate(cases)}
    account = Inquiry(CORE, *cores, found, seconds, generate=0, edits_of=_edits).run()
    for core in cores:
        core.close()
    return account


def _said(account: Account) -> list[tuple[str, str, str]]:
    return [
        (str(one.kind), one.statement.sort.name, one.statement.taking.name)
        for one in account.causes
        if isinstance(one.statement, Reading | Writing)
    ]


def test_a_field_that_a_port_does_not_know_is_one_cause_whatever_value_it_has(
    tmp_path: Path,
) -> None:
    cases = [one_step((1, 5.0), profit_pct=value) for value in (3.0, "x", None, True)]
    account = _account(tmp_path, ("old-profit-name-unknown",), cases)
    (cause,) = account.causes
    assert cause.statement.says == "any value in state.profit_pct were taken for missing"
    assert cause.is_verified
    assert not account.left


def test_two_readings_in_one_step_are_found_where_each_stands_alone(tmp_path: Path) -> None:
    both = one_step((1, 5.0), orders=[{**ENTRY, "side": " buy"}], cycle_a="2")
    account = _account(tmp_path, ("texts-are-trimmed", "texts-are-numbers"), [both])
    said = _said(account)
    assert len(said) == len(account.causes) == 2
    assert {taking for _, _, taking in said} == {"TRIMMED", "NUMBER"}
    assert not account.left


def test_a_cause_that_spoils_a_step_at_which_the_cores_agree_is_taken_out(tmp_path: Path) -> None:
    wrong = Reading(Pattern("state", kind="d"), Sort.NUMBER, Taking.REFUSED)
    cases = [one_step((1, 5.0), total_fees=math.nan), one_step((1, 5.0), total_fees=2.0)]
    cores = open_target("python"), open_target(str(executable(tmp_path, ("nan-is-refused",))))
    inquiry = Inquiry(CORE, *cores, {"one": cases[:1]}, 400.0, generate=0, edits_of=_edits)
    inquiry.run()
    inquiry._pool.add(inquiry._asking.ask(cases[1:]))
    inquiry._pool.accept(wrong)
    assert inquiry._second_look.refuted(1.0)
    assert wrong not in inquiry._pool.causes
    assert inquiry._pool.is_refuted(wrong)
    for core in cores:
        core.close()


def test_what_only_raises_somewhere_is_no_condition_on_the_value_that_made_it_raise(
    tmp_path: Path,
) -> None:
    """The port refuses three recoveries; that the config holds a NaN there says nothing."""
    (leaf,) = [
        one
        for one in leaves_of(one_step((1, 5.0), {"entry_pct_a": math.nan}))
        if one.path == ("config", "entry_pct_a")
    ]
    asked = answers_of(tmp_path, ("own-distance-or-base",), *alone(leaf))
    condition = Reading(Pattern(name="entry_pct_a"), Sort.NAN, Taking.REFUSED)
    assert len(asked) == 2
    assert all(step.meets(condition) and not step.has_ended for step in asked)


def test_odd_values_are_put_apart_one_in_each_step(tmp_path: Path) -> None:
    case = one_step((1, 5.0), orders=[{**ENTRY, "side": " buy"}], cycle_a="2", now=1.0)
    (step,) = answers_of(tmp_path, (), case)
    odd = [one for one in step.leaves if one.value in (" buy", "2")]
    states: list[Any] = [stream.start.state for stream in isolated(step, odd)]
    values = [(state["orders"][0]["side"], state["cycle_a"]) for state in states]
    assert sorted(values, key=repr) == [(" buy", 1), ("buy", "2")]


def test_only_what_a_field_has_under_its_old_name_is_spoken_of_as_any_value() -> None:
    assert Leaf(
        ("state", "profit_pct"), Field("state", "", "profit_pct", "d"), 1.0
    ).field.is_unknown
    assert not Field("state", "", "cycle_a", "i").is_unknown


def test_a_step_that_a_cause_cannot_touch_is_not_run_again(tmp_path: Path) -> None:
    tick, fill = answers_of(
        tmp_path, (), one_step((1, 5.0)), one_step(FILL, orders=[EXIT], total_fees=1.0)
    )
    asked: list[int] = []

    class Counting(CorrectedCore):
        def answers(self, causes: Any, steps: Any, *more: Any, **named: Any) -> Any:
            asked.append(len(steps))
            return super().answers(causes, steps, *more, **named)

    corrected = Counting(CORE, reads_next=False)
    corrected.learn_readers([tick, fill])
    remembered = Remembered(corrected)
    causes: list[Statement] = [edited(**BREAK_EVEN)]
    for some in ([], causes, [], causes):
        found = remembered.left(some, [tick, fill])
        assert found == corrected.left(some, [tick, fill])
    # Both once as they are, the fill once more with the edit; and `left` itself all of them.
    assert [count for count in asked if count] == [2, 2, 1, 2, 2, 2]


def test_an_edit_in_force_may_raise_where_the_shadow_refuses(tmp_path: Path) -> None:
    raising = edited(
        **{"in": ["reducer._timer_tick"], "replace": "config.sticky_mode_enabled", "with": "1 / 0"}
    )
    (step,) = answers_of(tmp_path, ("nan-is-refused",), one_step((1, 5.0), total_fees=math.nan))
    corrected = CorrectedCore(CORE, reads_next=False)
    corrected.learn_readers([step])
    pool = Pool(corrected)
    pool.add([step])
    assert pool.with_one_more(raising, [step]) == [frozenset({"refusal"})]
    pool.accept(raising)
    assert pool.left[step] == frozenset()


def test_a_search_whose_budget_is_spent_still_concludes(tmp_path: Path) -> None:
    cases = [one_step((1, 5.0), total_fees=math.nan), one_step(FILL, orders=[EXIT], total_fees=1.0)]
    account = _account(tmp_path, ("nan-is-refused", "break-even-is-a-loss"), cases, 0.001)
    assert account.kept == 2
    assert sum(map(len, account.left.values())) >= 1


def test_a_condition_is_still_called_one(tmp_path: Path) -> None:
    account = _account(tmp_path, ("nan-is-refused",), [one_step((1, 5.0), total_fees=math.nan)])
    assert [one.kind for one in account.causes] == [CauseKind.CONDITION]


def test_what_is_refused_in_more_fields_than_something_else_is_a_cause_of_its_own(
    tmp_path: Path,
) -> None:
    cases = [
        one_step((1, 5.0), total_fees=math.nan),
        one_step((1, 5.0), total_fees=math.inf),
        one_step((1, 5.0), nobody_reads_this=math.inf),
    ]
    account = _account(tmp_path, ("nan-is-refused", "any-infinity-is-refused"), cases)
    assert sorted(sort for _, sort, _ in _said(account)) == ["INFINITY", "NAN"]
    assert not account.left


def test_what_leaves_many_steps_as_wrong_as_they_were_is_not_so(tmp_path: Path) -> None:
    """A null for the id of an order that is not there is as good as 0; elsewhere it is not."""
    cases = [
        one_step((5, None, 1), orders=[ENTRY]),
        one_step((1, 5.0), cycle_a=None, orders=[ENTRY]),
        one_step((1, 5.0), profit_pct=None),
    ]
    account = _account(tmp_path, ("null-is-missing",), cases)
    assert ("reading", "NULL", "DEFAULT") in _said(account)
    # Where order 0 is there, it is seen that null is not its id either: nothing that is said fits.
    assert {cause.is_verified for cause in account.causes if "event" in cause.statement.says} == {
        False
    }
    left = [step for steps in account.left.values() for step in steps]
    assert all(step.documents["event"]["local_id"] is None for step in left)


def test_of_steps_that_meet_a_known_condition_one_in_ten_is_asked(tmp_path: Path) -> None:
    pool = Pool(CorrectedCore(CORE, reads_next=False))
    ends = KnownEnds(pool)
    met = [one_step((1, 5.0), total_fees=math.nan)] * 30
    other = [one_step((1, 5.0), total_fees=1.0)] * 5
    assert len(list(ends.past([*met, *other]))) == 35
    pool.accept(Reading(Pattern("state", kind="d"), Sort.NAN, Taking.REFUSED))
    assert len(list(ends.past(met))) == 3
    assert len(list(ends.past(other))) == 5


def test_an_edit_that_makes_a_loop_endless_is_tried_at_one_step_only(tmp_path: Path) -> None:
    endless = edited(
        **{
            "in": ["reducer._timer_tick"],
            "replace": "config.sticky_mode_enabled",
            "with": "[one for one in iter(int, 1)]",
        }
    )
    steps = answers_of(tmp_path, (), *[one_step((1, float(n))) for n in range(3)])
    pool = Pool(CorrectedCore(CORE, reads_next=False))
    pool.add(steps)
    assert pool.with_one_more(endless, steps) == [frozenset({"refusal"})] * 3
    assert pool.is_refuted(endless)


def test_a_step_that_a_cause_only_brings_nearer_does_not_speak_against_it(tmp_path: Path) -> None:
    """Two causes are at work in it: the loss that is counted, and the fees that are booked."""
    both = one_step(
        (2, 1, "T", "sell", 2.0, 1.0, 0.5, 5.0),
        orders=[{**EXIT, "entry_price": 1.0, "price": 2.0, "volume": 1.0, "entry_fee": 0.5}],
    )
    right = edited(**BREAK_EVEN)
    beside = edited(**{"in": ["booking._book"], "replace": "gross - fees", "with": "gross + fees"})
    for cause, against in ((right, 0), (beside, 1)):
        steps = answers_of(tmp_path, ("break-even-is-a-loss", "fees-booked-twice"), both)
        pool = Pool(CorrectedCore(CORE, reads_next=False))
        pool.add(steps)
        pool.accept(cause)
        assert Necessity(pool, Clock(100.0)).contradicted(cause, []) == against


def test_what_more_steps_speak_against_than_for_is_a_lead_and_no_cause(tmp_path: Path) -> None:
    both = one_step(
        (2, 1, "T", "sell", 2.0, 1.0, 0.5, 5.0),
        orders=[{**EXIT, "entry_price": 1.0, "price": 2.0, "volume": 1.0, "entry_fee": 0.5}],
    )
    right = edited(**BREAK_EVEN)
    beside = edited(**{"in": ["booking._book"], "replace": "gross - fees", "with": "gross + fees"})
    pool = Pool(CorrectedCore(CORE, reads_next=False))
    pool.add(answers_of(tmp_path, ("break-even-is-a-loss", "fees-booked-twice"), both))
    pool.use([right, beside])
    assert Necessity(pool, Clock(100.0)).drop_doubted() == [(beside, 0, 1)]
    assert pool.causes == [right]


LENIENT = """from replay.core import *
from replay.core import UnreadableError
from replay.core import from_dict as strictly


def from_dict(data):
    try:
        return strictly(data)
    except UnreadableError:
        return strictly({"now": 0.0})
"""


def test_that_one_reader_takes_whatever_comes_is_one_cause(tmp_path: Path) -> None:
    file = tmp_path / "lenient_core.py"
    file.write_text(LENIENT, "utf-8")
    cases = [
        one_step((1, 5.0), **odd)
        for odd in ({"total_fees": "x"}, {"cycle_a": True}, {"long_only": 1}, {"cycle_b": 2.5})
    ]
    cores = open_target(str(file)), open_target(str(executable(tmp_path, ())))
    found = {f"case {number}": [case] for number, case in enumerate(cases)}
    core = EditableCore.open(str(file))
    account = Inquiry(core, *cores, found, 400.0, generate=0, edits_of=lambda *_: []).run()
    for one in cores:
        one.close()
    assert [(kind, sort) for kind, sort, _ in _said(account)] == [("condition", "UNREADABLE")]
    assert not account.left


def test_what_the_contract_refuses_depends_on_the_field() -> None:
    def sorts(root: str, name: str, kind: str, value: Any) -> set[Sort]:
        return set(sorts_at(Leaf((root, name), Field(root, "", name, kind), value)))

    assert Sort.UNREADABLE in sorts("state", "cycle_a", "i", "2")
    assert Sort.OUT_OF_RANGE in sorts("state", "cycle_a", "i", 2.5)
    assert Sort.UNREADABLE not in sorts("state", "cycle_a", "i", 2.0)
    assert Sort.UNREADABLE not in sorts("state", "mode_source", "m", 7)
    assert Sort.NO_SUCH_TEXT in sorts("event", "side", "e", "BUY")
    assert sorts("config", "maker_fee_pct", "d", ABSENT) == {Sort.MISSING}
    order = Leaf(("state", "orders", 0, "price"), Field("state", "orders", "price", "d"), ABSENT)
    assert set(sorts_at(order)) == {Sort.MISSING, Sort.NEEDED}


def test_two_ways_to_round_at_one_call_are_in_force_together(tmp_path: Path) -> None:
    config = {"entry_pct": 0.0, "min_volume": 0.0}
    tie = one_step(FILL, config, orders=[EXIT], market_price=0.8)
    endless = one_step(FILL, config, {"B": math.inf}, orders=[EXIT], market_price=0.8)
    steps = answers_of(tmp_path, ("volume-half-up", "volume-of-infinity"), tie, endless)
    pool = Pool(CorrectedCore(CORE, reads_next=False))
    pool.add(steps)
    for helper, wrong in (("rounded_half_up", [steps[1]]), ("rounded_if_finite", [])):
        (edit,) = [
            one
            for one in edits_of(CORE)
            if one.function == "numbers.compute_order_volume"
            and [place.new for place in one.places] == [helper]
            and "rnd" not in one.says
        ]
        pool.accept(Edited(edit, canonical_edit(edit)))
        assert pool.unexplained == wrong


def test_a_line_where_no_one_edit_holds_is_a_place_and_is_not_verified(tmp_path: Path) -> None:
    """The port takes wins for losses; the edits at hand say "always" and "where it is even"."""
    shadow = executable(tmp_path, ())
    text = shadow.read_text("utf-8")
    assert text.count("else net < 0") == 1
    shadow.write_text(text.replace("else net < 0", "else net > 0"), "utf-8")
    cores = open_target("python"), open_target(str(shadow))
    steps = Asking(*cores).ask(
        [
            one_step((2, 1, "T", "sell", price, 20.0, 0.0, 5.0), orders=[EXIT])
            for price in (0.05, 0.2)
        ]
    )
    corrected = CorrectedCore(CORE, reads_next=False)
    pool = Pool(corrected)
    pool.add(steps)
    clock = Clock(400.0)
    search = EditSearch(corrected, pool, Asking(*cores), clock, KnownEnds(pool))
    edits = [edited(**{**BREAK_EVEN, "with": new}).edit for new in ("True", "net == 0")]
    search._fitting(steps, lambda *_: edits, 1.0, False)
    (place,) = PlaceSearch(pool, search, clock).find(steps)
    assert set(place.steps) == set(steps)
    assert "count_loss" in place.statement.says
    assert not Found("c-1", place.statement, place.steps, 0).is_verified
    for core in cores:
        core.close()
