"""Which steps are looked at first: of the bucket that was met most, one of each in turn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cause_support import CORE, ENTRY, answers_of, one_step

from replay.explaining.causes.agenda import Agenda
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.leaves import Field
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Reading
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort

TICKS = [
    one_step((0, 0.2 + number, 50.0), {"refresh_pct": 1e9}, orders=[ENTRY], profit_pct=3.0)
    for number in range(4)
]
OLD_NAME = "old-profit-name-unknown"


def test_what_was_met_most_often_is_looked_at_first(tmp_path: Path) -> None:
    asked = answers_of(tmp_path, [OLD_NAME], *TICKS)
    names = ("d-seldom", "d-often", "d-seldom", "d-seldom")
    steps = [replace(step, finding=name) for step, name in zip(asked, names, strict=True)]
    pool = Pool(CorrectedCore(CORE, reads_next=False))
    pool.add(steps)
    assert all(pool.left[step] for step in steps)
    seen = {"d-seldom": 3, "d-often": 400}
    first = [step.finding for step in Agenda(pool, seen).targets("edit", 2, 9)]
    assert first == ["d-often", "d-seldom", "d-seldom"]
    without = [step.finding for step in Agenda(pool, {}).targets("edit", 2, 9)]
    assert without[0] == "d-seldom", "where that is not known, most steps decide"


def test_an_executable_that_tells_no_state_is_held_to_none(tmp_path: Path) -> None:
    (check,) = answers_of(tmp_path, [OLD_NAME], one_step((6,), profit_pct=3.0))
    assert check.is_check
    assert isinstance(check.shadow, list)
    assert check.authority[0] == check.shadow[0], "told by the authority alone"
    pattern = Pattern(*Field("state", "", "profit_pct", "d"))
    reading = Reading(pattern, Sort.ANY, Taking.MISSING)
    assert check.meets(reading)
    assert CorrectedCore(CORE, reads_next=True).left([reading], [check]) == [frozenset()]
