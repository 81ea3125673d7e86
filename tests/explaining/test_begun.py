"""What a step was read as: asked many times, and read anew once somebody has changed it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cause_support import CORE, ENTRY, answers_of, edited, one_step

from replay.explaining.causes.begun import Begun, Looks
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.pool import Pool
from replay.explaining.editing.own_documents import own_start
from replay.streams.model import Stream
from replay.targets.python.bindings import Bindings
from replay.targets.python.session import PythonSession

CASE = one_step((0, 0.2, 50.0), orders=[ENTRY], completed_cycles=[])


def begun(bindings: Bindings, case: Stream = CASE) -> tuple[Begun, PythonSession]:
    session = PythonSession(bindings)
    session.begin(own_start(case.start))
    return Begun(session, bindings, case.steps[0].call), session


def on_the_core(check: Any) -> None:
    CORE.force(None).run(check, 60.0)


def test_it_answers_the_same_each_time() -> None:
    def check(bindings: Bindings) -> None:
        known, _ = begun(bindings)
        authority = known.answer(["error", ""], looks=Looks.ANEW)
        # Another answer than the authority's has the violations of the authority's next state.
        other = [authority[0][:-2], *authority[1:]]
        for looks in (*Looks, *reversed(Looks)):
            assert known.answer(authority, looks=looks) == authority
            assert known.answer(other, looks=looks) == authority
        assert known.is_as_it_was()

    on_the_core(check)


@pytest.mark.parametrize("what", ["a field", "an order", "the history"])
def test_what_was_changed_is_seen(what: str) -> None:
    def check(bindings: Bindings) -> None:
        known, session = begun(bindings)
        state = session.state
        if what == "a field":
            object.__setattr__(state, "cycle_a", 7)
        elif what == "an order":
            object.__setattr__(state.orders[0], "price", 7.0)
        else:
            object.__setattr__(state, "completed_cycles", [*state.completed_cycles, 1])
        assert not known.is_as_it_was()

    on_the_core(check)


def test_what_cannot_be_written_down_counts_as_changed() -> None:
    class Opaque:
        __slots__ = ()

        def __getstate__(self) -> object:
            raise TypeError

    bindings: Any = None
    session: Any = SimpleNamespace(handed=(Opaque(), None, None, None))
    assert not Begun(session, bindings, (1, 5.0)).is_as_it_was()


def test_an_edit_that_changes_what_it_was_handed_spoils_no_later_answer(tmp_path: Path) -> None:
    """It leaves out a copy, or writes where it should make another record."""
    writes = edited(
        **{
            "in": ["reducer._timer_tick"],
            "replace": "config.sticky_mode_enabled",
            "with": 'object.__setattr__(state, "cycle_a", state.cycle_a + 1)',
        }
    )
    steps = answers_of(tmp_path, (), one_step((1, 5.0)))
    corrected = CorrectedCore(CORE, reads_next=False)
    corrected.learn_readers(steps)
    pool = Pool(corrected)
    pool.add(steps)
    before = pool.corrected.answers([], steps)
    first = pool.corrected.answers([writes], steps)
    assert first != before
    assert pool.corrected.answers([writes], steps) == first
    assert pool.corrected.answers([], steps) == before
