"""Two changes of a port that show at every step at once: either of them is found as a part."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cause_support import CORE, ENTRY, one_step
from support.ports.making import changed_executable

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.part_search import PartSearch
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.suspects import Suspects
from replay.explaining.edits import edits_of
from replay.explaining.search.contest import Clock
from replay.targets.open import open_target

EXIT = {**ENTRY, "role": "exit", "side": "sell", "entry_price": 0.1, "entry_fee": 0.7}
CHANGES = (
    ("total_profit=state.total_profit + net", "total_profit=state.total_profit - net"),
    (
        "total_round_trips=counted(state.total_round_trips)",
        "total_round_trips=counted(counted(state.total_round_trips))",
    ),
)


def _pool(folder: Path, *changes: tuple[str, str]) -> Pool:
    """Exits, at each of which all of the changes show."""
    cases = [
        one_step((2, 1, "T", "sell", 0.13 + number / 100, 20.0, 0.1, 5.0), orders=[EXIT])
        for number in range(12)
    ]
    authority, shadow = open_target("python"), open_target(str(changed_executable(folder, changes)))
    with closing(authority), closing(shadow):
        pool = Pool(CorrectedCore(CORE, reads_next=False))
        pool.add(Asking(authority, shadow).ask(cases))
    return pool


def _search(pool: Pool) -> PartSearch:
    return PartSearch(pool, Suspects(pool), Clock(400.0), lambda step: pool.steps, lambda edit: ())


def test_one_of_two_edits_that_every_step_needs_is_found_alone(tmp_path: Path) -> None:
    pool = _pool(tmp_path, *CHANGES)
    target = pool.steps[0]
    edits = [edit for edit in edits_of(CORE) if edit.function == "booking._book"]
    part = _search(pool).find(target, edits, 1.0)
    assert part is not None
    before = pool.left[target]
    pool.accept(part)
    assert pool.left[target] < before
    assert {len(left) for left in pool.left.values()} == {len(pool.left[target])}


def test_a_part_of_one_difference_is_not_looked_for(tmp_path: Path) -> None:
    pool = _pool(tmp_path, CHANGES[1])
    target = pool.steps[0]
    assert len(pool.left[target]) == 1
    assert _search(pool).find(target, edits_of(CORE), 1.0) is None
