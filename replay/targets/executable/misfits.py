"""What a core did wrong with a whole work when each of its steps, asked alone, is answered well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from replay.targets.base import Failure, FailureKind
from replay.targets.executable.frames import ChildFault

UNTRUE = (FailureKind.OUT_OF_ORDER, FailureKind.UNSTEADY, FailureKind.MISSING_KEY)
"""Faults after which a core is doubted: it gave answers, which were not the ones."""

ANOTHERS = "gave the answer to another request"


def unsteady() -> ChildFault:
    """The fault of a core that does not answer the same when it is asked the same."""
    return ChildFault(FailureKind.UNSTEADY, "asked again alone, it answered something else")


def what_went_wrong(
    fault: ChildFault, lines: Sequence[bytes], truth: Sequence[bytes]
) -> tuple[int | None, Failure]:
    """The place of the first wrong line (None where it is not known) and the failure.

    `lines` are the answers to requests that were written at once, `truth` the answers to the same
    requests one at a time. Failures that speak for themselves, an exit say, stay as they are.
    """
    if fault.kind not in (
        FailureKind.OUT_OF_ORDER,
        FailureKind.UNSTEADY,
        FailureKind.TOO_MUCH,
        FailureKind.MISSING_KEY,
        FailureKind.TIMEOUT,
    ):
        return None, fault.failure
    place = next((i for i, (a, b) in enumerate(zip(lines, truth, strict=False)) if a != b), None)
    if place is None:
        return None, fault.failure
    told, asked = lines[place:], truth[place:]
    compared = min(len(told), len(asked))
    if Counter(told[:compared]) == Counter(asked[:compared]):
        return place, Failure(FailureKind.OUT_OF_ORDER, "answered in another order than asked")
    # A single line shows no shift.
    if compared > 1 and told[1:compared] == asked[: compared - 1]:
        return place, Failure(FailureKind.TOO_MUCH, "answered more lines than it was asked for")
    if compared > 1 and told[: compared - 1] == asked[1:compared]:
        return place, Failure(FailureKind.TIMEOUT, "left out an answer when asked for many at once")
    if told[0] in asked[1:] or told[0] in lines[max(0, place - 1) : place]:
        return place, Failure(FailureKind.OUT_OF_ORDER, ANOTHERS)
    if fault.kind is FailureKind.OUT_OF_ORDER:
        return place, unsteady().failure
    return place, fault.failure
