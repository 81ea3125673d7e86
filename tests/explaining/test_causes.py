"""Causes: statements under which the Python core gives the shadow's answers, several at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pytest
from cause_support import CORE, ENTRY, answers_of, edited, one_step
from support.ports.making import executable

from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.found import Account
from replay.explaining.causes.inquiry import Inquiry
from replay.explaining.causes.leaves import ABSENT, Field, changed, leaves_of
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.statement import (
    CauseKind,
    Reading,
    Statement,
    Writing,
    cause_id,
)
from replay.explaining.causes.takings import Inapplicable, Taking, taken
from replay.explaining.causes.value_sorts import Sort, sorts_of
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.edits import edits_of
from replay.streams.model import Stream
from replay.targets.open import open_target

SECONDS = 400.0
"""More than any search here needs, so that no result depends on how busy the machine is."""

EXIT = {**ENTRY, "side": "sell", "role": "exit", "entry_price": 0.1, "entry_fee": 0.001}


def _edits(core: EditableCore, _texts: Collection[str]) -> list[Edit]:
    """Those of one function: all would take a minute."""
    return [edit for edit in edits_of(core) if edit.function == "booking._book"]


def _account(folder: Path, switches: Iterable[str], **cases: Stream) -> Account:
    cores = open_target("python"), open_target(str(executable(folder, switches)))
    occurrences = {name: [case] for name, case in cases.items()}
    account = Inquiry(CORE, *cores, occurrences, SECONDS, generate=0, edits_of=_edits).run()
    for core in cores:
        core.close()
    return account


def test_several_causes_in_the_same_and_in_other_functions_are_in_force_at_once(
    tmp_path: Path,
) -> None:
    even = (2, 1, "T", "sell", 0.1, 20.0, 0.0, 5.0)
    order = (2, 1, "T", "sell", 0.13, 20.0, 0.1, 5.0)
    steps = answers_of(
        tmp_path,
        ("break-even-is-a-loss", "net-in-another-order", "fees-booked-twice"),
        one_step(even, orders=[{**EXIT, "entry_fee": 0.0}], total_fees=1.0),
        one_step(order, orders=[{**EXIT, "entry_fee": 0.7}], total_fees=1.0),
    )
    causes: list[Statement] = [
        edited(**{"in": ["count_loss"], "replace": "net < 0", "with": "net <= 0"}),
        edited(
            **{
                "in": ["booking._book"],
                "replace": "net = gross - fees",
                "with": "net = gross - closed.entry_fee - fee",
            }
        ),
        edited(
            **{
                "in": ["booking._book"],
                "replace": "state.total_fees + fee",
                "with": "state.total_fees + fees",
            }
        ),
    ]
    corrected = CorrectedCore(CORE, reads_next=False)
    assert corrected.left(causes, steps) == [frozenset(), frozenset()]
    for cause in causes:
        others = [one for one in causes if one is not cause]
        assert any(corrected.left(others, steps)), cause.says


def test_a_reading_is_what_is_made_of_a_document_before_the_core_reads_it(tmp_path: Path) -> None:
    (step,) = answers_of(tmp_path, ("null-is-missing",), one_step((1, 5.0), cycle_a=None))
    corrected = CorrectedCore(CORE, reads_next=False)
    null = Reading(Pattern("state", "", "cycle_a"), Sort.NULL, Taking.MISSING)
    other = Reading(Pattern("state", "", "cycle_b"), Sort.NULL, Taking.MISSING)
    assert corrected.left([null], [step]) == [frozenset()]
    assert corrected.left([other], [step]) == [frozenset({"refusal"})]


def test_a_condition_refuses_and_a_writing_changes_the_answer(tmp_path: Path) -> None:
    refused, null = answers_of(
        tmp_path,
        ("nan-is-refused", "infinities-written-as-null"),
        one_step((1, 5.0), total_fees=math.nan),
        one_step((1, 5.0), total_fees=math.inf),
    )
    corrected = CorrectedCore(CORE, reads_next=False)
    condition = Reading(Pattern(kind="d"), Sort.NAN, Taking.REFUSED)
    assert condition.kind is CauseKind.CONDITION
    assert corrected.left([condition], [refused]) == [frozenset()]
    if null.left(null.authority, refusals_agree=True):  # only what is sent as JSON is written
        writing = Writing(Pattern("state", kind="d"), Sort.INFINITY, Taking.NULL)
        assert corrected.left([writing], [null]) == [frozenset()]


def test_an_edit_that_only_makes_the_core_raise_is_no_cause_of_a_refusal(tmp_path: Path) -> None:
    (step,) = answers_of(tmp_path, ("nan-is-refused",), one_step((1, 5.0), total_fees=math.nan))
    raising = edited(
        **{"in": ["reducer._timer_tick"], "replace": "config.sticky_mode_enabled", "with": "1 / 0"}
    )
    corrected = CorrectedCore(CORE, reads_next=False)
    assert corrected.left([raising], [step]) == [frozenset({"refusal"})]


def test_a_cause_has_the_same_id_everywhere_and_another_statement_has_another() -> None:
    one = Reading(Pattern(kind="i"), Sort.TEXT, Taking.NUMBER)
    assert cause_id(one) == cause_id(Reading(Pattern(kind="i"), Sort.TEXT, Taking.NUMBER))
    assert cause_id(one) == "c-e6d79e5f"
    assert cause_id(one) != cause_id(Reading(Pattern(kind="d"), Sort.TEXT, Taking.NUMBER))


def test_documents_come_apart_and_together_again() -> None:
    stream = one_step((0, 0.2, 1.0), orders=[ENTRY, None])
    by_path = {leaf.path: leaf for leaf in leaves_of(stream)}
    assert by_path["state", "orders", 0, "side"].field == Field("state", "orders", "side", "e")
    assert by_path["state", "cycle_a"].value is ABSENT
    assert by_path["event", "price"].value == 0.2
    documents = {"state": {"orders": [1, 2, 3], "now": 1.0}}
    taken_away = changed(documents, {("state", "orders", 0): ABSENT, ("state", "orders", 2): 9})
    assert taken_away == {"state": {"orders": [2, 9], "now": 1.0}}
    assert documents == {"state": {"orders": [1, 2, 3], "now": 1.0}}


@pytest.mark.parametrize(
    ("taking", "value", "kind", "made"),
    [
        (Taking.NUMBER, "1.5", "d", 1.5),
        (Taking.NUMBER, True, "i", 1),
        (Taking.FLAG, 2, "b", True),
        (Taking.CUT, 2.5, "i", 2),
        (Taking.SPELT, "BUY", "e", "buy"),
        (Taking.THROUGH_DOUBLE, 2**53 + 1, "i", 2**53),
        (Taking.DIGITS, "\u0661", "r", 1),
        (Taking.NUMBER_BEGUN, "1.5x", "d", 1.5),
        (Taking.NUMBER_BEGUN, "1_0", "i", 1),
        (Taking.HEXADECIMAL, "0x10", "d", 16.0),
    ],
)
def test_what_a_reader_makes_of_a_value(taking: Taking, value: Any, kind: str, made: Any) -> None:
    field = Field("state", "", "cycle_a", kind)
    assert taken(taking, value, field) == made
    with pytest.raises(Inapplicable):
        taken(taking, ABSENT, field)


def test_the_search_names_a_reading_as_wide_as_both_cores_confirm(tmp_path: Path) -> None:
    account = _account(tmp_path, ("null-is-missing",), one=one_step((1, 5.0), cycle_a=None))
    (cause,) = account.causes
    assert isinstance(cause.statement, Reading)
    assert (cause.statement.sort, cause.statement.taking) == (Sort.NULL, Taking.DEFAULT)
    for field in (Field("state", "", "total_fees", "d"), Field("state", "orders", "txid", "t")):
        assert cause.statement.pattern.has(field)
    assert not cause.statement.pattern.has(Field("state", "", "orders", "l"))
    assert cause.is_verified
    assert not account.left


def test_a_number_that_a_text_only_begins_with_is_a_reading(tmp_path: Path) -> None:
    one = one_step((1, 5.0), total_fees="1.5x")
    (cause,) = _account(tmp_path, ("texts-begin-with-numbers",), one=one).causes
    assert isinstance(cause.statement, Reading)
    assert cause.statement.taking is Taking.NUMBER_BEGUN
    assert cause.is_verified


@pytest.mark.parametrize(
    ("sort", "text"),
    [
        (Sort.NO_NUMBER_TEXT, "abc"),
        (Sort.BEGUN_NUMBER_TEXT, "2 x"),
        (Sort.HEXADECIMAL_TEXT, "-0xfF"),
        (Sort.UNDERSCORED_TEXT, "1_0"),
        (Sort.SIGNED_TEXT, " +1.5"),
        (Sort.POINTED_TEXT, "5."),
        (Sort.POINTED_TEXT, "-.5e1"),
        (Sort.EXPONENT_TEXT, "1.e5"),
    ],
)
def test_texts_that_one_language_reads_as_numbers_and_another_does_not(
    sort: Sort, text: str
) -> None:
    assert sort in sorts_of(text)
    assert sort not in sorts_of("1.5")


def test_the_search_tells_two_edits_in_one_step_apart(tmp_path: Path) -> None:
    call = (2, 1, "T", "sell", 0.13, 20.0, 0.1, 5.0)
    account = _account(
        tmp_path,
        ("net-in-another-order", "fees-booked-twice"),
        both=one_step(call, orders=[{**EXIT, "entry_fee": 0.7}], total_fees=1.0),
    )
    assert len(account.causes) == 2
    assert all(cause.is_verified for cause in account.causes)
    assert not account.left


def test_habits_of_ports_are_among_the_edits() -> None:
    by_text = {place.new: edit.function for edit in edits_of(CORE) for place in edit.places}
    assert by_text["return wrapped_to_64_bits(counter + 1)"] == "numbers.increment"
    assert by_text["(config.reentry_base_cooldown_sec * 60.0)"] == "booking.after_reentry_pause"
    assert by_text["(order_sizes[trade_id] or order_size_usd)"] == "entries.effective_size"
    assert "in_single_precision(fill * recovery.volume * (config.maker_fee_pct / 100.0))" in by_text
