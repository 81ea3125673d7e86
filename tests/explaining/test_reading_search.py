"""The search for readings: what is one statement, how wide it may be, and what a step refutes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from cause_support import ENTRY, answers_of, one_step
from support.ports.making import executable

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.confirmed_fields import unconfirmed
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.leaves import Field
from replay.explaining.causes.necessity import Necessity
from replay.explaining.causes.patterns import Pattern, patterns_of
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.reading_search import ReadingSearch
from replay.explaining.causes.statement import Reading, Writing
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.editing.editable import EditableCore
from replay.explaining.search.contest import Clock
from replay.streams.model import CallCode
from replay.targets.open import open_target

LOOSE = str(Path(__file__).parents[1] / "support" / "authorities" / "reads_loosely.py")
BIG = 2**53 + 1


def test_ints_that_one_core_keeps_where_the_field_is_a_double_are_one_statement(
    tmp_path: Path,
) -> None:
    cores = open_target(LOOSE), open_target(str(executable(tmp_path, ())))
    asking = Asking(*cores)
    cases = one_step((1, BIG)), one_step((0, BIG, 5.0)), one_step((0, 10**284, BIG))
    steps = asking.ask(cases)
    pool = _pool(steps, LOOSE)
    assert all(pool.left.values())
    found = ReadingSearch(pool, asking, Clock(400.0), KnownEnds(pool)).find(steps[0], only_odd=True)
    assert found is not None
    assert found.says == "an int in every double were taken through a double"
    pool.accept(found)
    assert not any(pool.left[step] for step in steps)
    for core in cores:
        core.close()


def _pool(steps: list[Answered], core: str = "python") -> Pool:
    corrected = CorrectedCore(EditableCore.open(core), reads_next=True)
    corrected.learn_readers(steps)
    pool = Pool(corrected)
    pool.add(steps)
    return pool


def test_what_one_pattern_is_refuted_by_is_the_first_that_each_other_one_meets(
    tmp_path: Path,
) -> None:
    steps = answers_of(tmp_path, (), *(one_step((1, 5.0), total_fees=fee) for fee in range(1, 9)))
    pool = _pool(steps)
    wide = Reading(Pattern(), Sort.NUMBER, Taking.ZERO)
    pool.refute(wide, steps[0])
    for pattern in (Pattern("state"), Pattern(name="total_fees"), Pattern(kind="d")):
        narrower = Reading(pattern, Sort.NUMBER, Taking.ZERO)
        assert pool.refuting(narrower) == [steps[0]]
        assert pool.score(narrower, pool.refuting(narrower)).spoiled == 1
    assert not pool.refuting(Reading(Pattern("order_sizes"), Sort.NUMBER, Taking.ZERO))


def test_a_statement_that_spoils_a_step_is_refuted_by_it_elsewhere(tmp_path: Path) -> None:
    steps = answers_of(tmp_path, (), one_step((1, 5.0)), one_step((1, 6.0), total_fees=2.0))
    pool = _pool(steps)
    assert pool.score(Writing(Pattern(), Sort.DOUBLE, Taking.NULL), steps).spoiled
    assert pool.refuting(Writing(Pattern("state"), Sort.DOUBLE, Taking.NULL))


def test_readings_that_come_to_the_same_at_a_step_are_asked_once(tmp_path: Path) -> None:
    (step,) = answers_of(tmp_path, (), one_step((1, 5.0), total_fees=2.5))
    pool = _pool([step])
    before = pool.corrected.answered
    for sort in (Sort.DOUBLE, Sort.FRACTION, Sort.NUMBER):
        for taking in (Taking.CUT, Taking.ROUNDED):
            pool.with_one_more(Reading(Pattern(name="total_fees"), sort, taking), [step])
    # 2.5 is cut to 2 and rounded to 2.
    assert pool.corrected.answered == before + 1


def test_a_statement_is_no_wider_than_the_documents_that_it_was_seen_to_hold_in(
    tmp_path: Path,
) -> None:
    """The port reads a null as the default; whether it does so in the config nobody has asked."""
    cases = [one_step((1, 5.0), cycle_a=None), one_step((1, 5.0), total_fees=None)]
    cases += [one_step((1, 5.0), {"entry_pct_a": None})]  # which is what both have there
    steps = answers_of(tmp_path, ("null-is-missing",), *cases)
    pool = _pool(steps)
    everywhere = Reading(Pattern(), Sort.NULL, Taking.DEFAULT)
    sought = unconfirmed(pool, everywhere)
    assert sought is not None
    assert sought.has(Field("config", "", "price_decimals", "i"))
    assert not sought.has(Field("state", "", "cycle_b", "i"))
    assert unconfirmed(pool, replace(everywhere, pattern=Pattern("state"))) is None


def test_of_patterns_that_name_the_same_fields_one_is_looked_at() -> None:
    size = Field("order_size_usd", "", "", "d")
    assert [one for one in patterns_of(size) if one.root != "*"] == [Pattern(*size)]
    decimals = patterns_of(Field("config", "", "price_decimals", "i"))
    assert Pattern("config", "", "price_decimals", "i") in decimals
    assert Pattern(name="price_decimals") not in decimals
    assert Pattern(name="price") in patterns_of(Field("event", "", "price", "d"))


def test_a_value_that_only_comes_nearer_with_a_reading_may_speak_against_it(
    tmp_path: Path,
) -> None:
    """The port takes a null for an id that no order has: as good as 0, where none has that."""
    orders = [{**ENTRY, "local_id": 0}]
    steps = answers_of(
        tmp_path,
        ("null-is-missing",),
        one_step((5, None, 1), orders=[ENTRY]),
        one_step((5, None, 1), orders=orders),
    )
    pool = _pool(steps)
    zero = Reading(Pattern("event", "", "local_id", "i"), Sort.NULL, Taking.ZERO)
    pool.accept(zero)
    assert [bool(pool.left[step]) for step in steps] == [False, True]
    assert Necessity(pool, Clock(400.0)).contradicted(zero, []) == 1


def test_what_is_written_otherwise_is_held_against_no_state_that_the_shadow_did_not_tell(
    tmp_path: Path,
) -> None:
    told, check = one_step((1, math.nan)), one_step((CallCode.CHECK_INVARIANTS,), now=math.nan)
    steps = answers_of(tmp_path, ["nan-written-as-null"], told, check)
    pool = _pool(steps)
    writing = Writing(Pattern(), Sort.NAN, Taking.NULL)
    assert [bool(pool.left[step]) for step in steps] == [True, False]
    assert pool.score(writing, steps) == (1, 0, 0, 0)
    pool.accept(writing)
    assert not pool.unexplained, "the authority's own state stands in the answer to a check"
