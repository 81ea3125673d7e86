"""Faults planted in a core's answers: for checking that a run would have noticed one.

The core itself is the real one, run in the real way; only its outcomes are changed before they are
compared. A fault says which outcomes it changes, the same ones each time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from replay.streams.model import CallCode
from replay.targets.base import (
    CoreIdentity,
    Failure,
    Outcome,
    Reply,
    StepResult,
    Target,
    Work,
    is_refusal,
)
from replay.targets.known_helpers import helpers_of

_TOTAL_FEES = 11
_PLACE = 0


def _is_number(value: object) -> bool:
    """Whether a fault can change a value: a shadow may answer anything, or leave it out."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**53)


def _last_digit_of_price(outcome: Outcome) -> Outcome:
    """The price of a placed order is off by its last bit."""
    delta, actions, violations = outcome
    changed = [
        [*action[:4], math.nextafter(action[4], math.inf), *action[5:]]
        if action[0] == _PLACE and _is_number(action[4])
        else action
        for action in actions
    ]
    return [delta, changed, violations]


def _fee_forgotten(outcome: Outcome) -> Outcome:
    """The total of fees stays as it was."""
    delta, actions, violations = outcome
    if not actions or _TOTAL_FEES not in delta[::2]:
        return outcome
    place = 2 * list(delta[::2]).index(_TOTAL_FEES)
    value: Any = delta[place + 1]
    if not _is_number(value):
        return outcome
    return [[*delta[: place + 1], value + 1.0, *delta[place + 2 :]], actions, violations]


def _action_dropped(outcome: Outcome) -> Outcome:
    """The last of several actions is not answered."""
    delta, actions, violations = outcome
    return [delta, list(actions[:-1]), violations] if len(actions) > 1 else outcome


PLANTED: dict[str, Callable[[Outcome], Outcome]] = {
    "last digit of a placed price": _last_digit_of_price,
    "fee forgotten in the total": _fee_forgotten,
    "last action dropped": _action_dropped,
}
"""The faults by name."""


class PlantedTarget:
    """A target whose answers have a fault."""

    def __init__(self, inner: Target, fault: Callable[[Outcome], Outcome]) -> None:
        self._inner = inner
        self._fault = fault

    @property
    def identity(self) -> CoreIdentity:
        """The real core's."""
        return self._inner.identity

    @property
    def depth(self) -> int:
        """The real core's."""
        return self._inner.depth

    @property
    def helpers(self) -> frozenset[CallCode]:
        """The real core's."""
        return helpers_of(self._inner)

    def submit(self, work: Work) -> None:
        """Hands the work to the real core."""
        self._inner.submit(work)

    def collect(self) -> Reply:
        """The real core's reply, with the fault in it."""
        reply = self._inner.collect()
        results = [self._changed(result) for result in reply.results]
        return Reply(None, results, incidents=reply.incidents)

    def _changed(self, result: StepResult) -> StepResult:
        if isinstance(result, Failure) or is_refusal(result):
            return result
        return self._fault(result)

    def close(self) -> None:
        """Ends the real core."""
        self._inner.close()
