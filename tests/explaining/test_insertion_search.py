"""Statements that a core lacks: what a port sets, or counts, once more."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from cause_support import ENTRY, one_step
from explain_support import faulty, modules

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.insertion_search import InsertionSearch
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited
from replay.explaining.causes.suspects import Suspects
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.edits import edits_of
from replay.explaining.search.contest import Clock
from replay.targets.open import open_target

DESK = '''"""A core that works on an object of its own, as bots do."""

from replay.core import *
from replay.core import FillEvent, transition as by_the_contract
from replay.core.evolving import evolve


class Desk:
    def __init__(self, state):
        self.state = state
        self.fees = state.total_fees
        self.settled = state.total_settled_usd
        self.seen_at = state.last_price_update_at

    def take(self, fee, at):
        self.fees += fee

    def close(self):
        return evolve(self.state, total_fees=self.fees, total_settled_usd=self.settled,
                      last_price_update_at=self.seen_at)


def transition(state, event, config, order_size_usd, order_sizes=None):
    desk = Desk(state)
    if isinstance(event, FillEvent):
        desk.take(event.fee, event.timestamp)
    return by_the_contract(desk.close(), event, config, order_size_usd, order_sizes)
'''
FILLS = [
    one_step((2, 1, "T", "buy", 0.1, 20.0, fee, at), orders=[ENTRY], total_settled_usd=7.25)
    for fee, at in ((0.013, 5.0), (0.75, 6.5), (0.4, 9.25), (1.125, 11.0))
]


def _pool(authority: str, shadow: str) -> Pool:
    with closing(open_target(authority)) as one, closing(open_target(shadow)) as other:
        pool = Pool(CorrectedCore(EditableCore.open(authority), reads_next=False))
        pool.add(Asking(one, other).ask(FILLS))
    pool.corrected.core.observe(step.stream for step in pool.steps)
    return pool


def _desks(folder: Path, more: str) -> Pool:
    """A desk, and one that does something besides."""
    other = DESK.replace("+= fee\n", f"+= fee\n        {more}\n")
    return _pool(*modules(folder, "desk.py", DESK, other))


def _accounts_for_all(pool: Pool, edits: list[Edit]) -> list[str]:
    return [
        edit.says for edit in edits if not any(pool.with_one_more(Edited(edit, ""), pool.steps))
    ]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("self.seen_at = at", 'desk.py did "self.seen_at = at" before line 16'),
        ("self.settled -= fee", 'desk.py did "self.settled -= fee" before line 16'),
    ],
)
def test_a_field_that_a_port_sets_once_more_is_found_with_what_it_gets(
    tmp_path: Path, more: str, found: str
) -> None:
    pool = _desks(tmp_path, more)
    target = pool.steps[0]
    assert pool.left[target]
    edits = InsertionSearch(pool, Clock(400.0)).edits(target, 1.0)
    assert found in _accounts_for_all(pool, edits)


def test_of_a_record_that_cannot_be_changed_another_is_made(tmp_path: Path) -> None:
    before = '    if order.role == "entry":\n        return _entry_filled('
    more = "    state = evolve(state, last_price_update_at=event.timestamp)\n"
    shadow = faulty(tmp_path, "reducer.py", (before, more + before))
    pool = _pool("python", shadow)
    target = pool.steps[0]
    assert pool.left[target] == {"state.last_price_update_at"}
    edits = InsertionSearch(pool, Clock(400.0)).edits(target, 1.0)
    said = _accounts_for_all(pool, edits)
    made = "state = record_with(state, last_price_update_at=event.timestamp)"
    assert any(made in one for one in said)


def test_what_sets_another_field_as_well_is_a_suspect(tmp_path: Path) -> None:
    pool = _desks(tmp_path, "self.settled -= fee")
    (edit,) = [
        one
        for one in edits_of(pool.corrected.core)
        if one.places[0].new == "self.fees += fee; self.settled -= fee"
    ]
    assert Suspects(pool).can_make_right(edit, pool.steps[0])
    assert not any(pool.with_one_more(Edited(edit, ""), pool.steps))


def test_where_much_differs_no_statement_is_looked_for(tmp_path: Path) -> None:
    pool = _desks(tmp_path, "self.state = evolve(self.state, orders=(), cycle_a=9, cycle_b=9)")
    assert pool.left[pool.steps[0]]
    assert not InsertionSearch(pool, Clock(400.0)).edits(pool.steps[0], 1.0)
