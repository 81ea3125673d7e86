"""Steps with both cores' answers, and what they say about an edit."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

from explain_support import faulty, findings, one_step, subject

from replay.differential.model import Signature
from replay.explaining.editing.editable import EditableCore
from replay.explaining.evidence.kept import alone
from replay.explaining.evidence.neighbours import single_changes
from replay.explaining.evidence.passages import (
    Passage,
    Role,
    Witness,
    answers_alike,
    first_misfit,
    misfits,
)
from replay.explaining.evidence.supply import packed
from replay.streams.model import Step, Stream
from replay.targets.open import open_target
from replay.targets.pair import PairSpec

FEES = ("booking.py", ("total_fees=state.total_fees + fee", "total_fees=state.total_fees"))
NOBODY = Signature("", "", "", "")


def witness(shadow: str, signature: Signature = NOBODY) -> Witness:
    return Witness(*PairSpec("python", shadow).open(minimising=True), signature)


def test_a_step_is_an_occurrence_only_with_the_signature_that_is_looked_for(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, *FEES)
    (occurrence, *_), *_ = findings(shadow).values()
    roles = {
        signature: witness(shadow, signature).ask([occurrence.case])[0].roles[-1]
        for signature in (occurrence.signature, NOBODY)
    }
    assert roles == {occurrence.signature: Role.OCCURRENCE, NOBODY: Role.ASIDE}


def test_a_step_on_which_the_cores_agree_is_elsewhere_even_if_both_refuse() -> None:
    good, bad = one_step((1, 5.0)), one_step((1, 5.0), config={"entry_pct": "much"})
    passages = witness("python").ask([good, bad])
    assert [one.roles for one in passages] == [(Role.ELSEWHERE,), (Role.ELSEWHERE,)]


def test_two_refusals_of_which_one_says_nothing_are_no_evidence() -> None:
    """What a bot's own module raises when it reads is no reason that another core could share."""
    authority = Path(__file__).parents[1] / "support" / "authorities" / "reads_loosely.py"
    case = one_step((1, 5.0))
    case = replace(case, start=case.start._replace(state={"now": "no number"}))
    cores = Witness(*PairSpec(str(authority), "python").open(), NOBODY)
    assert cores.ask([case])[0].roles == (Role.ASIDE,)


def test_a_state_that_only_check_invariants_read_in_part_1_is_no_evidence(core_exe: str) -> None:
    """How the executable read it shows in no answer; what is due is the authority's own."""
    case = one_step((1, 5.0))
    looks = replace(case, steps=(Step((6,)), *case.steps, Step((6,))))
    shadow = open_target(core_exe, part1_only=True)
    try:
        cores = Witness(open_target("python"), shadow, NOBODY)
        assert cores.ask([looks])[0].roles == (Role.ASIDE, Role.ELSEWHERE, Role.ELSEWHERE)
    finally:
        shadow.close()


def test_a_core_that_fails_says_nothing_and_is_soon_asked_no_more(tmp_path: Path) -> None:
    fails = tmp_path / "fails"
    fails.write_text("#!/bin/sh\nread -r asked\nexit 1\n")
    fails.chmod(0o755)
    cores = witness(str(fails))
    passages = cores.ask([one_step((1, float(at))) for at in range(200)])
    assert {role for one in passages for role in one.roles} == {Role.ASIDE}
    assert len(passages) < 10
    assert cores.gave_up
    assert cores.ask([one_step((1, 5.0))]) == []


def test_packed_cases_get_the_answers_that_they_get_alone(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, *FEES)
    occurrences = next(iter(findings(shadow).values()))
    case = subject(shadow, occurrences).cases[0]
    cases = [*islice(single_changes(case), 120), one_step((1, 1.0), config={"entry_pct": None})]
    cores = witness(shadow, occurrences[0].signature)

    singly = cores.ask(cases)
    packs = cores.ask(packed(iter(cases)))

    assert len(packs) == 3
    together = [alone(pack, at) for pack in packs for at in range(len(pack.roles))]
    assert [one.roles for one in together] == [one.roles for one in singly]
    assert all(
        answers_alike(one, 0, other.shadow[0]) for one, other in zip(together, singly, strict=True)
    )


def test_an_edit_that_just_raises_does_not_pass_for_a_refusal() -> None:
    """By the contract any two refusals agree unless both say why."""
    core = EditableCore.open("python")
    case = one_step((1, 5.0), config={"entry_pct": "much"})
    (passage,) = witness("python").ask([case])
    assert answers_alike(passage, 0, passage.authority[0])
    assert not answers_alike(passage, 0, ["error", "NameError: name 'x' is not defined"])
    with core.edited(None) as target:
        assert first_misfit(target, [passage]) is None


def test_what_is_set_aside_refutes_nothing(tmp_path: Path) -> None:
    shadow = faulty(tmp_path, *FEES)
    occurrences = next(iter(findings(shadow).values()))
    case: Stream = occurrences[0].case
    (found,) = witness(shadow, occurrences[0].signature).ask([case])
    (aside,) = witness(shadow).ask([case])
    core = EditableCore.open("python")
    with core.edited(None) as target:
        assert [one.place for one in misfits(target, found)] == places(found, Role.OCCURRENCE)
        assert list(misfits(target, aside)) == []


def places(passage: Passage, role: Role) -> list[int]:
    return [at for at, one in enumerate(passage.roles) if one is role]
