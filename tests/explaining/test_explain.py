"""`explain`: from the occurrences of a finding to its cause."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from explain_support import (
    CORPUS,
    explained,
    faulty,
    findings,
    main_cause,
    one_step,
    subject,
    within_functions,
)

from replay.differential.conditions.condition import Condition
from replay.differential.model import Signature
from replay.errors import ExitCode
from replay.explaining.editing.editable import EditableCore
from replay.explaining.edits import edits_of
from replay.explaining.evidence.neighbours import single_changes
from replay.explaining.evidence.passages import Witness, answers_alike
from replay.explaining.evidence.supply import corpus_streams, in_turn, packed, planned_streams
from replay.explaining.search.contest import Clock, Contest
from replay.explaining.search.diagnosis import Diagnosis, Result
from replay.explaining.search.search import Subject
from replay.fuzzing.plan import Profile
from replay.streams.model import call_name
from replay.targets.pair import PairSpec

LOSSES = ("booking.py", ("increment(losses) if net < 0", "increment(losses) if net <= 0"))
ENTRY = {
    "local_id": 3, "side": "buy", "role": "entry", "price": 0.1, "volume": 20.0, "trade_id": "B",
    "cycle": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Subject, Diagnosis]:
    """A shadow, what it does most often, and the cause of that."""
    shadow = faulty(tmp_path_factory.mktemp("losses"), *LOSSES)
    of = subject(shadow, next(iter(findings(shadow).values())))
    return shadow, of, explained(shadow, of)


def test_the_cause_of_a_fault_is_found_and_well_supported(
    losses: tuple[str, Subject, Diagnosis],
) -> None:
    found = losses[2]
    first = found.causes[0]
    assert (found.result, found.exit_code) == (Result.VERIFIED, ExitCode.CLEAN)
    assert first.edit.function == "booking.count_loss"
    assert '"losses = increment(losses) if net <= 0 else 0"' in first.edit.says
    assert first.rule == 'reducer.md, "Count the loss"'
    assert "booking.count_loss" in first.block
    support = found.support
    assert support.kept > 0
    assert support.generated > 100
    assert support.elsewhere > 1000
    assert support.refuted > 0
    assert found.complete


def test_the_same_finding_has_the_same_diagnosis_each_time(
    losses: tuple[str, Subject, Diagnosis],
) -> None:
    shadow, of, found = losses
    assert replace(explained(shadow, of), seconds=0.0) == replace(found, seconds=0.0)


def test_a_fault_in_both_mirrored_places_is_not_explained_by_a_change_of_one(
    tmp_path: Path,
) -> None:
    """The cases that are kept may all be of one trade."""
    shadow = faulty(
        tmp_path,
        "reducer.py",
        ("cycle_a=max(state.cycle_a, increment(order.cycle))", "cycle_a=increment(state.cycle_a)"),
        ("cycle_b=max(state.cycle_b, increment(order.cycle))", "cycle_b=increment(state.cycle_b)"),
    )
    occurrences = next(iter(findings(shadow).values()))
    of = subject(shadow, occurrences)
    found = explained(shadow, replace(of, cases=of.cases[:1]))
    assert found.result is Result.VERIFIED
    assert {len(cause.edit.places) for cause in found.causes} == {2}


def test_ways_to_round_that_hardly_ever_differ_are_told_apart(tmp_path: Path) -> None:
    """One branch of the exit price is rounded by way of its text: only ties show it."""
    price = "rnd(max(fill_price * (1 + p), market * (1 + e)), config.price_decimals)"
    shadow = faulty(
        tmp_path,
        "entries.py",
        ("import Mapping\n", "import Mapping\nfrom decimal import ROUND_HALF_UP, Decimal\n"),
        (f"return {price}",
         "x = max(fill_price * (1 + p), market * (1 + e))\n"
         "        if not 0 <= config.price_decimals <= 22 or x - x != 0:\n"
         f"            return {price}\n"
         "        grid = Decimal((0, (1,), -config.price_decimals))\n"
         "        return float(Decimal(repr(x)).quantize(grid, ROUND_HALF_UP))"),
    )  # fmt: skip
    call = (2, 3, "", "buy", 1.005, 20.0, 0.0, 1.0)
    plain = {"price_decimals": 2, "profit_pct": 0.0, "entry_pct": 0.0}
    case = one_step(call, config=plain, orders=[ENTRY], profit_pct_runtime=0.0)
    rule = "exit of a filled entry"
    signature = Signature("any event", rule, "state.orders[].price", "last digit")
    found = explained(shadow, Subject(signature.id, signature, [case]))
    fitting = " ".join(cause.edit.says for cause in found.causes)
    assert "rounded_by_scaling" not in fitting
    assert "half_even" not in fitting


def test_two_bugs_in_one_bucket_are_told_with_what_tells_them_apart(tmp_path: Path) -> None:
    shadow = faulty(
        tmp_path,
        "booking.py",
        ("(closed.entry_price - price) *", "(closed.entry_price + price) *"),
        ("(price - closed.entry_price) *", "(price - closed.entry_price) /"),
    )
    found = main_cause(shadow, within_functions)
    assert (found.result, found.exit_code) == (Result.NONE_FITS, ExitCode.DIVERGENCE)
    assert found.halves is not None
    halves = {found.halves.first.edit.says, found.halves.second.edit.says}
    assert any("closed.entry_price + price" in says for says in halves)
    assert any("/ closed.volume" in says for says in halves)
    Condition.parse(found.halves.condition)


def test_where_nothing_fits_the_nearest_and_the_values_at_work_are_shown(tmp_path: Path) -> None:
    shadow = faulty(
        tmp_path, "booking.py",
        ("fees = closed.entry_fee + fee", "fees = closed.entry_fee * 0.99 + fee * 1.01"),
    )  # fmt: skip
    found = main_cause(shadow, within_functions)
    assert found.result is Result.NONE_FITS
    assert not found.causes
    assert found.nearest
    assert found.values
    assert found.document()["nearest"][0]["function"]


def test_a_shadow_that_answers_at_random_has_no_cause(tmp_path: Path) -> None:
    shadow = faulty(
        tmp_path, "booking.py",
        ("fees = closed.entry_fee + fee",
         "import random\n    fees = closed.entry_fee + fee * random.choice((1.0, 1.0, 2.0))"),
    )  # fmt: skip
    occurrences = next(iter(findings(shadow).values()))
    of = Subject(occurrences[0].id, occurrences[0].signature, [one.case for one in occurrences[:3]])
    found = explained(shadow, of)
    assert (found.result, found.exit_code) == (Result.FLAKY, ExitCode.PROVES_NOTHING)
    assert re.search(r" of \d+ runs ", found.why)
    assert "shadow" in found.why


def test_a_finding_that_is_gone_and_one_in_another_bucket_have_nothing_to_explain(
    tmp_path: Path,
) -> None:
    shadow = faulty(tmp_path, *LOSSES)
    of = subject(shadow, next(iter(findings(shadow).values())))
    mended = explained("python", of)
    assert (mended.result, mended.exit_code) == (Result.GONE, ExitCode.PROVES_NOTHING)
    assert mended.aside == {"gone": len(of.cases), "in another bucket": 0, "failed": 0}
    moved = explained(shadow, replace(of, signature=Signature("a", "b", "c", "d")))
    assert moved.aside == {"gone": 0, "in another bucket": len(of.cases), "failed": 0}


def test_a_failure_of_a_core_has_no_answer_to_imitate() -> None:
    signature = Signature("FillEvent", "entry fill", "", "timeout", failure=True)
    found = explained("python", Subject(signature.id, signature, []))
    assert (found.result, found.exit_code) == (Result.FAILURE, ExitCode.DIVERGENCE)
    assert (found.document()["result"], found.document()["exit"]) == ("failure", 1)


def test_a_core_that_cannot_be_asked_explains_nothing(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, *LOSSES)
    of = subject(shadow, next(iter(findings(shadow).values())))
    missing = explained(str(tmp_path / "nothing.py"), of)
    assert (missing.result, missing.exit_code) == (Result.CORE_FAILED, ExitCode.CORE_FAILED)
    broken = explained("/bin/false", of)
    assert (broken.result, broken.exit_code) == (Result.CORE_FAILED, ExitCode.CORE_FAILED)


def test_our_core_stands_for_an_authority_without_source(tmp_path: Path, core_exe: str) -> None:
    shadow = faulty(tmp_path, *LOSSES)
    of = subject(shadow, next(iter(findings(shadow).values())))
    found = explained(shadow, of, authority=core_exe)
    assert found.result is Result.VERIFIED
    assert found.causes[0].edit.function == "booking.count_loss"
    assert any("stands for its source" in note for note in found.notes)


def test_it_is_the_authority_s_own_source_that_is_edited(tmp_path: Path) -> None:
    """A bot's checkout as the authority: ours is the shadow that has it right."""
    authority = faulty(tmp_path, *LOSSES)
    of = subject("python", next(iter(findings("python", authority=authority).values())), authority)
    found = explained("python", of, authority=authority)
    assert found.result is Result.VERIFIED
    assert '"losses = increment(losses) if net < 0 else 0" instead of' in found.causes[0].edit.says


def test_the_budget_is_kept_and_what_was_not_done_is_told(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, *LOSSES)
    of = subject(shadow, next(iter(findings(shadow).values())))
    found = explained(shadow, of, seconds=0.2)
    assert not found.complete
    assert any("time was up" in note for note in found.notes)
    assert found.result in (Result.NONE_FITS, Result.UNDECIDED)


def test_edits_that_fit_the_first_occurrence_fall_when_evidence_speaks_against_them(
    tmp_path: Path,
) -> None:
    shadow = faulty(tmp_path, *LOSSES)
    of = subject(shadow, next(iter(findings(shadow).values())))
    witness = Witness(*PairSpec("python", shadow).open(), of.signature)
    core = EditableCore.open("python")
    contest = Contest(core, witness.ask(of.cases[:1]))
    edits = [one for one in edits_of(core) if one.function == "booking.count_loss"]
    assert contest.enter(edits, Clock(60.0), 1.0)
    fitting = list(contest.alive)
    assert len(fitting) > 1

    contest.weigh(witness.ask(packed(single_changes(of.cases[0]))))

    assert [edit.says for edit in contest.alive] == [
        edit.says for edit in fitting if "net <= 0 else 0" in edit.says and len(edit.places) == 1
    ]
    for edit in set(fitting) - set(contest.alive):
        passage, place, answer = contest.refuted[edit]
        assert not answers_alike(passage, place, answer)


def test_the_corpus_is_looked_at_where_the_event_is_first(tmp_path: Path) -> None:
    streams = list(corpus_streams([CORPUS, tmp_path / "none"], "RecoveryCancelEvent"))
    assert [one.origin for one in streams] == [
        one.origin for one in corpus_streams([CORPUS], "RecoveryCancelEvent")
    ]
    cancels = [
        sum(call_name(step.call) == "RecoveryCancelEvent" for step in one.steps) for one in streams
    ]
    assert cancels[0] == max(cancels) > 0


def test_rows_come_in_turn_and_planned_streams_are_the_same_each_time() -> None:
    row = in_turn(planned_streams([Profile.LIVE]), planned_streams([Profile.EDGE]))
    origins = [one.origin.split()[1] for one in row]
    assert origins == ["live", "edge"] * (len(origins) // 2)
    one, other = (list(planned_streams([Profile.EDGE])) for _ in range(2))
    # As text: a NaN is not equal to itself.
    assert repr(one) == repr(other)
