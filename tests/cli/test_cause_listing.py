"""The list of causes in words: what is left to do, which rule stands with a cause, what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_support import TESTS  # noqa: F401  (makes the other folders' helpers importable)
from store_support import HASKELL, PYTHON, finding, stream

from replay.cli.cause_listing import Listing
from replay.explaining.causes.answered import Answered
from replay.explaining.causes.found import Account, Found, Lead
from replay.explaining.causes.statement import Edited, canonical_edit
from replay.explaining.claims.deviations import Deviation
from replay.explaining.editing.editable import EditableCore
from replay.explaining.editing.places import Rules
from replay.explaining.search.contest import StepClock
from replay.findings.account import CauseAccount, StoredCause
from replay.findings.store.store import RunKind, Store
from replay.runs.commands import Commands

CORE = EditableCore.open("python")


def edited(before: str, after: str) -> Edited:
    edit = Deviation.read({"in": ["count_loss"], "replace": before, "with": after}).edit(CORE)
    return Edited(edit, canonical_edit(edit))


EDIT, OTHER = edited("net < 0", "net <= 0"), edited("net < 0", "net > 0")


def step(of: str = "") -> Answered:
    return Answered(stream(), [[], [], []], [[], [], []], None, 8, of)


def found(*steps: Answered, doubtful: int = 0, was_challenged: bool = True) -> Found:
    return Found("c-00000001", EDIT, steps, doubtful, was_challenged=was_challenged)


def listing(account: Account, findings: Any = ()) -> Listing:
    known = {one.id: one for one in findings}
    return Listing(account, known, CORE, Commands(), (PYTHON, HASKELL), {})


def test_an_account_is_complete_where_nothing_is_left_to_do() -> None:
    assert Account(causes=[found(step(), step())]).complete
    assert not Account(interrupted=True).complete
    left = Account(left={"d-00000001": [step()]})
    assert (left.complete, left.to_do) == (False, ["not everything is accounted for"])
    untested = Account(causes=[found(step(), was_challenged=False)])
    assert (untested.complete, untested.to_do) == (False, ["1 cause was not put to the test"])
    short = Account(ungenerated=1_200)
    assert (short.complete, short.to_do) == (
        False,
        ["1,200 steps of those to be generated in the end were not"],
    )
    assert listing(short).document()["complete"] is False
    assert listing(Account()).document()["complete"] is True


def test_a_budget_in_steps_says_that_it_is_spent_in_steps() -> None:
    clock = StepClock(100.0, steps=4_000, answered=lambda: 4_000)
    assert clock.beyond(1.0)
    assert clock.ran_out == "all 4,000 steps that the search may ask were asked"


def test_the_newest_account_counts_whose_search_nobody_broke_off(tmp_path: Path) -> None:
    def known(says: str) -> tuple[StoredCause, ...]:
        return (StoredCause("c-00000001", "edit", says, "x", "", True, 3, 0, ()),)

    with Store.open(tmp_path / "d.db") as store:
        for says, complete, interrupted in (
            ("whole", True, False), ("short", False, False), ("broken off", False, True)
        ):  # fmt: skip
            store.record_account(CauseAccount(
                known(says), is_complete=complete, was_interrupted=interrupted
            ))  # fmt: skip
        newest = store.account()
        assert newest is not None
        assert (newest.causes[0].says, newest.is_complete) == ("short", False)
        assert not newest.was_interrupted
        assert store.cause("c-00000001").says == "short"
        store.record_account(CauseAccount(known("all"), is_complete=True))
        newest = store.account()
        assert newest is not None
        assert newest.is_complete


def test_an_edit_of_a_core_without_docstrings_has_the_rule_of_most_steps_that_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(tmp_path / "d.db") as store:
        run = store.begin_run(RunKind.FUZZ, PYTHON, HASKELL, {}, seed=7, profile="live")
        fill, entry = (store.record(run, finding(rule)).id for rule in ("exit fill", "new entry"))
        findings = store.findings()
        account = Account(causes=[found(step(fill), step(entry), step(entry), step())])
        own = listing(account, findings)
        assert any(line.startswith("  rule       reducer.md") for line in own.lines())
        monkeypatch.setattr(Rules, "place", lambda self, edit: "")
        bare = listing(account, findings)
    assert '  rule       reducer.md, "New entry"' in bare.lines()
    assert bare.account.causes[0].rule == 'reducer.md, "New entry"'
    alone = listing(Account(causes=[found(step())]))
    assert "  rule       none" in alone.lines()


def test_what_is_no_cause_stands_below_what_is_not_accounted_for() -> None:
    leads = [Lead(OTHER, 22, 160)] * 7
    lines = list(listing(Account(left={"generated": [step()]}, leads=leads)).lines())
    below = lines[lines.index(next(one for one in lines if one.startswith("not accounted"))) :]
    said = [one for one in below if "no cause, with 22 for and 160 against: as if " in one]
    assert len(said) == 5
    assert "  and 2 more that are no causes" in below
    assert not any(one.startswith("c-") for one in lines)
