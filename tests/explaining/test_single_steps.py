"""What is kept of a bucket is asked as one step: the one that differed, or none."""

from __future__ import annotations

from pathlib import Path

from cause_support import CORE, one_step
from support.ports.making import executable

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.inquiry import Inquiry
from replay.streams.model import Document, Step, Stream
from replay.targets.open import open_target

TICK = one_step((0, 0.1, 5.0))
LATER = Step((0, 0.2, 6.0))


def _stream(*later: Step, state: Document = TICK.start.state) -> Stream:
    return Stream(TICK.start._replace(state=state), (*TICK.steps, *later), "a log")


def _lasts(stream: Stream) -> list[Stream]:
    authority = open_target("python")
    try:
        return list(Asking(authority, authority).lasts([stream]))
    finally:
        authority.close()


def test_a_step_before_which_the_bot_set_a_field_is_asked_with_that_field_as_it_came() -> None:
    (last,) = _lasts(_stream(LATER._replace(changes={"patch": {"total_fees": 7}})))
    assert isinstance(last.start.state, dict)
    assert (last.steps[0].call, last.start.state["total_fees"]) == (LATER.call, 7)
    assert last.start.state["market_price"] == 0.1, "of the step before"


def test_where_no_document_holds_the_state_before_it_no_other_step_is_asked_in_its_place() -> None:
    assert _lasts(_stream(LATER, state={"orders": "none"})) == []
    (first,) = _lasts(_stream(state={"orders": "none"}))
    assert first.steps[0].call == TICK.steps[0].call


def test_a_bucket_that_could_not_be_asked_and_one_that_agrees_are_told(tmp_path: Path) -> None:
    authority, shadow = open_target("python"), open_target(str(executable(tmp_path, ())))
    found = {"d-1": [_stream(LATER, state={"orders": "none"})], "d-2": [_stream(LATER)]}
    account = Inquiry(
        CORE, authority, shadow, found, 400.0, generate=0, edits_of=lambda _, __: []
    ).run()
    for core in (authority, shadow):
        core.close()
    assert (account.unasked, account.unshown, account.kept) == (["d-1"], ["d-2"], 1)
