"""Where a core crashes: what it ends on is told from what stood beside, and asked a few times only;
what was not asked is no evidence, and what was verified before is tried first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from cause_support import CORE, ENTRY, one_step
from support.ports.making import executable

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.challenge import Challenge
from replay.explaining.causes.condition_search import ConditionSearch
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.found import Account
from replay.explaining.causes.inquiry import Inquiry
from replay.explaining.causes.known_before import accept_known
from replay.explaining.causes.known_ends import MOST, KnownEnds
from replay.explaining.causes.leaves import Field, Leaf
from replay.explaining.causes.necessity import Necessity
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Reading, Statement, cause_id, sorts_at
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.trials import Trials
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.search.contest import Clock
from replay.findings.account import StoredCause
from replay.targets.base import Target
from replay.targets.executable.limits import Limits
from replay.targets.open import open_target

TICK = one_step((0, math.inf, 5.0), orders=[ENTRY], total_fees=1.5)
OTHERS = (one_step((0, 0.1, 5.0), orders=[ENTRY]), one_step((1, 5.0), orders=[ENTRY]))
ENDS = Reading(Pattern("event", "PriceTick", "price", "d"), Sort.INFINITY, Taking.CRASH)
_HANDLER = '    if kind == "PriceTick":\n'


def _cores(folder: Path, limits: Limits | None = None) -> tuple[Target, Target]:
    """Ours, and a port that ends on a PriceTick of an infinite price."""
    file = executable(folder, ())
    text = file.read_text("utf-8")
    assert text.count(_HANDLER) == 1
    ends = f"{_HANDLER}        if math.isinf(event.price):\n            sys.exit(7)\n"
    file.write_text(text.replace(_HANDLER, ends), "utf-8")
    return open_target("python"), open_target(str(file), limits=limits or Limits())


def _account(cores: Sequence[Target], *former: StoredCause) -> Account:
    authority, shadow = cores
    found = {"f-1": [TICK, one_step((0, -math.inf, 6.0))]}
    account = Inquiry(
        CORE, authority, shadow, found, 400.0, generate=0, former=former, edits_of=lambda _, __: []
    ).run()
    for core in cores:
        core.close()
    return account


def _stored(statement: Statement, *, is_verified: bool = True) -> StoredCause:
    return StoredCause(
        cause_id(statement), str(statement.kind), statement.says, statement.canonical, "",
        is_verified, 9, 0, (),
    )  # fmt: skip


def test_a_crash_on_one_value_of_one_event_is_one_verified_condition(tmp_path: Path) -> None:
    account = _account(_cores(tmp_path))
    assert [(one.statement, one.is_verified) for one in account.causes] == [(ENDS, True)]
    assert account.causes[0].statement.says == (
        "an infinity in price of a PriceTick were what the core ends on"
    )
    assert not account.left
    assert not account.interrupted


def test_nothing_is_said_and_nothing_is_verified_that_could_not_be_asked(tmp_path: Path) -> None:
    cores = _cores(tmp_path)
    asking, clock = Asking(*cores), Clock(400.0)
    pool = Pool(CorrectedCore(CORE, reads_next=True))
    pool.add(asking.ask([TICK, *OTHERS]))
    asking.storm = "it failed too often"
    ends = KnownEnds(pool)
    search = ConditionSearch(pool, Trials(pool, asking, ends), clock)
    assert search.find(pool.unexplained[0], Taking.CRASH) is None
    pool.accept(ENDS)
    challenge = Challenge(pool, asking, Necessity(pool, clock), clock, ends)
    assert not challenge.meet_next(1.0)
    assert not challenge.has_met(ENDS)
    for core in cores:
        core.close()


def test_an_account_that_gave_up_asking_takes_no_better_ones_place(tmp_path: Path) -> None:
    cores = _cores(tmp_path, Limits(storm_in_a_row=1, storm_total=1))
    account = _account(cores)
    assert any("asking was given up" in note for note in account.notes)
    assert account.interrupted
    assert not any(cause.is_verified for cause in account.causes)


def test_what_stood_beside_the_value_that_a_core_ends_on_is_not_to_blame(tmp_path: Path) -> None:
    cores = _cores(tmp_path)
    asking = Asking(*cores)
    pool = Pool(CorrectedCore(CORE, reads_next=True))
    (step,) = asking.ask([TICK])
    pool.add([step])
    trials = Trials(pool, asking, KnownEnds(pool))
    beside = Reading(Pattern("state", "", "total_fees", "d"), Sort.DOUBLE, Taking.CRASH)
    assert trials.ends_without(beside, step)
    assert not trials.ends_without(ENDS, step)
    for core in cores:
        core.close()


def test_a_crash_that_is_known_is_provoked_a_few_times_and_no_more() -> None:
    pool = Pool(CorrectedCore(CORE, reads_next=True))
    ends = KnownEnds(pool)
    pool.accept(ENDS)
    assert len(list(ends.past([TICK] * 500))) == MOST
    assert not list(ends.past([TICK] * 50))
    assert len(list(ends.past(OTHERS))) == len(OTHERS)


def test_steps_that_were_answered_weigh_against_failures_one_by_one(tmp_path: Path) -> None:
    cores = _cores(tmp_path, Limits(storm_total=4))
    asking = Asking(*cores)
    for _ in range(6):
        asked = asking.ask([*OTHERS * 20, TICK])
        assert len(asked) == 41
    assert not asking.storm
    for core in cores:
        core.close()


def test_what_was_verified_before_is_in_force_where_it_holds_and_nowhere_else(
    tmp_path: Path,
) -> None:
    cores = _cores(tmp_path)
    pool = Pool(CorrectedCore(CORE, reads_next=True))
    pool.add(Asking(*cores).ask([TICK, *OTHERS]))
    wrong = Reading(Pattern("event", "", "timestamp", "d"), Sort.DOUBLE, Taking.CRASH)
    needless = Reading(Pattern("config", "", "refresh_pct", "d"), Sort.NAN, Taking.CRASH)
    former = [
        _stored(wrong),
        _stored(needless),
        _stored(ENDS),
        StoredCause("c-1", "condition", "?", "condition|event||price|d|NO_SORT|CRASH", "", True, 9,
                    0, ()),
    ]  # fmt: skip
    accept_known(pool, former, list)
    assert pool.causes == [ENDS]
    pool.use([])
    accept_known(pool, [_stored(ENDS, is_verified=False)], list)
    assert not pool.causes
    for core in cores:
        core.close()


def test_a_search_begins_with_what_the_one_before_has_verified(tmp_path: Path) -> None:
    account = _account(_cores(tmp_path), _stored(ENDS))
    assert [(one.statement, one.is_verified) for one in account.causes] == [(ENDS, True)]
    # It was put to the test, and not searched for once more.
    assert account.asked < _account(_cores(tmp_path / "again")).asked


def test_what_a_text_says_to_a_loose_reader_is_of_the_sort_of_its_number() -> None:
    def sorts(kind: str, value: object) -> set[Sort]:
        return set(sorts_at(Leaf(("event", "x"), Field("event", "PriceTick", "x", kind), value)))

    said = {Sort.SAID_INFINITY, Sort.SAID_NAN, Sort.SAID_NEGATIVE}
    assert sorts("d", "1e400") & said == {Sort.SAID_INFINITY}
    assert sorts("d", -math.inf) & said == {Sort.SAID_INFINITY, Sort.SAID_NEGATIVE}
    assert sorts("D", "nan") & said == {Sort.SAID_NAN}
    assert sorts("i", "-3") & said == {Sort.SAID_NEGATIVE}
    assert not sorts("t", "-3") & said
    assert not sorts("d", "three") & said
    assert not sorts("d", True) & said


def test_a_condition_of_one_event_says_nothing_of_another() -> None:
    tick = Field("event", "PriceTick", "price", "d")
    fill = Field("event", "FillEvent", "price", "d")
    assert ENDS.pattern.has(tick)
    assert not ENDS.pattern.has(fill)
    of_any = Pattern("event", "", "price", "d")
    assert of_any.has(tick)
    assert of_any.has(fill)
    assert of_any.breadth > ENDS.pattern.breadth
    assert of_any.says() == "event.price"
