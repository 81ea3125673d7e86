"""The history as a shadow tells it: an executable of part 1 is not handed all of a long one."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from replay.explaining.causes.answered import Answered
from replay.streams.model import CYCLES
from replay.targets.base import Failure, Outcome, StepResult, is_refusal
from replay.targets.compact import Plain, apply_delta


def with_whole(answer: Outcome, step: Answered) -> Outcome:
    """An answer that tells all of the history where the shadow's tells of it: that may tell what it
    was handed, whether it changed that or not."""
    theirs, before = step.shadow, step.before
    if before is None or isinstance(theirs, Failure) or is_refusal(theirs):
        return answer
    if CYCLES not in theirs[0][::2]:
        return answer
    return _with_history(answer, 0, _after(before, answer)[CYCLES][:])


def with_unsent(answer: StepResult, step: Answered) -> StepResult:
    """An answer with those old records of the history as they were that the shadow gave back as
    they were, up to the first that it did not."""
    theirs, before = step.shadow, step.before
    if before is None or step.due is None or CYCLES in step.due:
        return answer
    if any(isinstance(one, Failure) or is_refusal(one) for one in (answer, theirs)):
        return answer
    assert not isinstance(answer, Failure)
    assert not isinstance(theirs, Failure)
    former = before[CYCLES][:]
    records = [_after(before, one)[CYCLES][:] for one in (answer, theirs)]
    alike = zip(former, records[1], strict=False)
    same = sum(1 for _ in takewhile(lambda pair: _plain(pair[0]) == _plain(pair[1]), alike))
    return _with_history(answer, same, records[0][same:])


def _with_history(answer: Outcome, kept: int, records: list[Any]) -> Outcome:
    delta = dict(zip(answer[0][::2], answer[0][1::2], strict=True))
    delta[CYCLES] = [kept, records]
    return [[part for item in sorted(delta.items()) for part in item], *answer[1:]]


def _plain(record: Any) -> str:
    return repr(list(record) if isinstance(record, list | tuple) else record)


def _after(before: Plain, answer: Outcome) -> Plain:
    after = list(before)
    apply_delta(after, answer[0])
    return after


__all__ = ["with_unsent", "with_whole"]
