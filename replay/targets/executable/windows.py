"""What SingleTarget keeps of a work until it is collected, and how its lines become outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field

from replay.streams.model import CallCode
from replay.targets.base import Outcome, Work, is_refusal
from replay.targets.compact import read_state, state_document
from replay.targets.executable.answers import (
    move_in,
    parse_object,
    refusal_of,
    unread_delta,
    violations_in,
)
from replay.targets.executable.child import Child
from replay.targets.executable.frames import ChildFault
from replay.targets.executable.request_texts import Ask, Asker
from replay.targets.executable.state_text import json_text, transition_request

FIRST_FENCE = 1_000_000
"""The number of the first fence; the others count up from it."""

_FENCE_STATE = json_text(state_document(read_state({}) or []))
_SETTINGS = b'"config":{},"order_size_usd":1.0,"order_sizes":null'


@dataclass(slots=True)
class Lane:
    """A process that works are written to. `works` counts those not collected."""

    child: Child | None = None
    works: int = 0


@dataclass(slots=True)
class Window:
    """A work that is not collected yet. It stays on one lane, also where it is sent again; where it
    is not sent, `fault` says why.

    `lines` are its answers so far, in the order of `requests`.
    """

    work: Work
    asker: Asker
    lane: Lane
    asks: list[Ask] = field(default_factory=list)
    is_sent: bool = False
    fence: int = 0
    fault: ChildFault | None = None
    lines: list[bytes] = field(default_factory=list)

    @property
    def copied(self) -> tuple[int, ...]:
        """The steps of whose outcome the delta is only the guide's (unread_delta)."""
        return tuple(
            index for index, ask in enumerate(self.asks) if ask.request is None and ask.due
        )

    def requests(self) -> list[tuple[int, bytes]]:
        """All requests that can be written ahead, each with the index of its step."""
        return [
            (index, request)
            for index, ask in enumerate(self.asks)
            for request in (ask.request, ask.invariants)
            if request is not None
        ]


def fence_request(number: int) -> bytes:
    """A timer tick at a time that nothing else uses."""
    return transition_request(_FENCE_STATE, (int(CallCode.TIMER_TICK), -float(number)), _SETTINGS)


def outcome_of(ask: Ask, first: bytes | None, second: bytes | None) -> Outcome:
    """The outcome that one or two answers are; without violations where `second` is None.

    Raises ChildFault where one is no answer.
    """
    if first is None:
        move = [unread_delta(ask), []]
    else:
        answer = parse_object(first)
        refusal = refusal_of(answer)
        if refusal is not None:
            return refusal
        move = move_in(ask, answer)
    if second is None:
        return [*move, None]
    answer = parse_object(second)
    refusal = refusal_of(answer, "" if first is None else "check_invariants: ")
    return [*move, violations_in(answer)] if refusal is None else refusal


def comparable(outcome: Outcome, ask: Ask) -> Outcome:
    """An outcome asked for alone as it would look had its violations not been asked for, and
    without the words of a refusal."""
    if ask.invariants is None and not is_refusal(outcome):
        return [*outcome[:2], None]
    return without_words(outcome)


def without_words(outcome: Outcome) -> Outcome:
    """A refusal as what was refused, since its words may have the time or a number in them; an
    answer as it is."""
    return outcome[:1] if is_refusal(outcome) else outcome


def is_fence(line: bytes, number: int) -> bool:
    """Tells whether an answer is the one to this fence."""
    try:
        state = parse_object(line).get("state")
    except ChildFault:
        return False
    return isinstance(state, dict) and state.get("now") == -number
