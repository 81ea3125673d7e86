"""Which steps did anything: nearly all are ticks that moved nothing but price and time.

Whoever counts steps, or wants to know where a stream stands, need only look at the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from replay.streams.model import CallCode, Step
from replay.targets.base import REFUSED, Outcome
from replay.targets.compact import INDEX_OF

_LAST_TICK = int(CallCode.TIMER_TICK)
_NOW, _LAST_UPDATE = INDEX_OF["now"], INDEX_OF["last_price_update_at"]


def notable_steps(
    steps: Sequence[Step], codes: Sequence[int], outcomes: Sequence[Outcome]
) -> list[int]:
    """The places of all steps but ticks that moved at most price and time, without actions and
    without anything set from outside. `codes` are those of the calls, below 0 for documents.

    The fields of a delta ascend, and those of price and time are 0, 1 and 15: the last two tell.
    One expression, since it is paid for each step of a run.
    """
    return [
        place
        for place, (step, code, outcome) in enumerate(zip(steps, codes, outcomes, strict=True))
        if outcome[1]
        or len(outcome) == REFUSED
        or (
            (delta := outcome[0])
            and delta[-2] > _NOW
            and (delta[-2] != _LAST_UPDATE or (len(delta) > 2 and delta[-4] > _NOW))
        )
        or step[1] is not None
        or not 0 <= code <= _LAST_TICK
    ]
