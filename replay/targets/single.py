"""An executable that knows only part 1 of the wire: each step is asked for by itself.

For a step there are two requests, the transition and check_invariants of the state that follows.
Where the authority's outcomes are given, all requests of a work are written at once, to one of a
few processes in turn, and the answers are held against what the authority said.

Part 1 has no request ids, so an answer is believed only as far as it cannot be another step's. Each
work ends with a *fence*: a timer tick at a time that nothing else uses, whose answer shows that no
line was left out or added. An answer that differs from the authority's is asked for again alone, on
a process of its own. Where that gives something else, nothing of this work is believed: all its
steps are asked again one at a time, with a fence after every request, and those answers stand.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count

from replay.errors import UsageError
from replay.streams.model import CallCode
from replay.targets.answers import (
    NO_VIOLATIONS,
    fingerprint,
    is_expected,
    move_in,
    parse_object,
    refusal_of,
    unread_delta,
    violations_in,
)
from replay.targets.asks import Ask, Asker
from replay.targets.base import (
    CoreIdentity,
    FailureKind,
    Outcome,
    Reply,
    StepResult,
    Work,
    is_refusal,
)
from replay.targets.compact import read_state, state_document
from replay.targets.framing import ChildFault, quoted
from replay.targets.misfits import what_went_wrong
from replay.targets.process import Child
from replay.targets.recovery import AskAgain
from replay.targets.state_text import invariants_request, json_text, transition_request
from replay.targets.supervisor import Supervisor, Wire

LANES = 2
"""Processes that works are given to in turn. One is at work while another's answers are read."""

_FIRST_FENCE = 1_000_000
_SETTLING = 0.2
"""How long lines that may still come are waited for, in seconds, when something went wrong."""


@dataclass(slots=True)
class _Lane:
    """A process that works are written to. `works` counts those not collected."""

    child: Child | None = None
    works: int = 0


@dataclass(slots=True)
class _Window:
    """A work that is not collected yet. `lane` is None while it is not sent; `fault` says why.

    `lines` are its answers so far, in the order of `requests`.
    """

    work: Work
    asker: Asker
    asks: list[Ask] = field(default_factory=list)
    lane: _Lane | None = None
    fence: int = 0
    fault: ChildFault | None = None
    lines: list[bytes] = field(default_factory=list)

    def requests(self) -> list[tuple[int, bytes]]:
        """All requests that can be written ahead, each with the index of its step."""
        return [
            (index, request)
            for index, ask in enumerate(self.asks)
            for request in (ask.request, ask.invariants)
            if request is not None
        ]


class SingleTarget:
    """Runs works on an executable by part 1 of the wire; see base.Target."""

    def __init__(
        self, identity: CoreIdentity, supervisor: Supervisor, *, lanes: int = LANES
    ) -> None:
        self.identity = identity
        self.depth = lanes + 1
        self._supervisor = supervisor
        self._lanes = [_Lane() for _ in range(lanes)]
        self._sound: Child | None = None
        """The process that is only ever asked for one thing at a time."""
        self._askers: dict[int, Asker] = {}
        self._pending: deque[_Window] = deque()
        self._turn = 0
        self._fences = count(_FIRST_FENCE)
        self._fence_state = json_text(state_document(read_state({}) or []))
        self._fence_works: bool | None = None
        self._heard: list[bytes] = []
        """The answers of the sound process to the step that is asked for now."""

    # --- The Target protocol ------------------------------------------------------------------

    def submit(self, work: Work) -> None:
        """Writes the work's requests where there is a guide; else they are made when it is
        collected. Raises UsageError for a stream that was never started."""
        if work.start is not None:
            self._askers[work.session] = Asker(work.start)
        elif work.session not in self._askers:
            raise UsageError(f"stream {work.session} was never started", session=work.session)
        asker = self._askers[work.session]
        if work.last:
            del self._askers[work.session]
        window = _Window(work, asker)
        self._pending.append(window)
        if work.guide is not None:
            for index, (step, outcome) in enumerate(zip(work.steps, work.guide, strict=True)):
                final = work.last and index + 1 == len(work.steps)
                ask = asker.ask(step, outcome, final=final)
                asker.go_on(ask, outcome)
                window.asks.append(ask)
            self._write(window)

    def collect(self) -> Reply:
        """The reply to the oldest work. Raises FailureStorm."""
        window = self._pending[0]
        if window.work.guide is None:
            reply = self._in_sequence(window)
        elif window.lane is None:
            reply = self._ask_one_by_one(window, 0, window.fault)
        else:
            reply = self._read_ahead(window)
        self._pending.popleft()
        if window.lane is not None:
            window.lane.works -= 1
        for later in self._pending:
            if later.lane is None and later.work.guide is not None:
                self._write(later)
        return reply

    def close(self) -> None:
        """Ends all processes; may be called twice."""
        for lane in self._lanes:
            lane.child = None
        self._sound = None
        self._pending.clear()
        self._askers.clear()
        self._supervisor.close()

    # --- All requests of a work at once -------------------------------------------------------

    def _write(self, window: _Window) -> None:
        """Sends a work's requests and a fence to the next lane, where that can be done now."""
        window.fault = None
        window.lines.clear()
        lane = self._lanes[self._turn]
        try:
            if self._fence_works is None:
                self._fence_works = self._try_fence()
            if not self._fence_works:
                return
            if lane.child is None:
                lane.child = self._supervisor.start(Wire.LINES)
            if not lane.works:
                lane.child.expect_silence()
        except ChildFault as fault:
            window.fault = fault
            self._stop_lane(lane, fault)
            return
        self._turn = (self._turn + 1) % len(self._lanes)
        window.fence = next(self._fences)
        requests = [request for _, request in window.requests()]
        requests.append(self._fence_request(window.fence))
        lane.child.send(b"".join(requests), len(requests))
        lane.works += 1
        window.lane = lane

    def _read_ahead(self, window: _Window) -> Reply:
        """The reply to a work whose requests were written at once."""
        lane = window.lane
        assert lane is not None
        assert lane.child is not None
        child, lines = lane.child, window.lines
        verified = window.asker.verified
        results: list[StepResult] = []
        doubtful: list[tuple[int, str]] = []
        index = 0
        try:
            for index, ask in enumerate(window.asks):
                guide = ask.guide
                assert guide is not None
                first = second = None
                if ask.request is not None:
                    lines.append(first := child.receive().line)
                if ask.invariants is not None:
                    lines.append(second := child.receive().line)
                # The ordinary case by itself: all is as expected, and cheap to see.
                if (
                    first is not None
                    and second == NO_VIOLATIONS
                    and not guide[2]
                    and is_expected(ask, first, verified)
                ):
                    results.append(guide)
                    continue
                outcome = _outcome(ask, first, second)
                seen = fingerprint(outcome)
                if is_refusal(guide) and is_refusal(outcome):
                    results.append(outcome)
                elif seen == fingerprint(guide):
                    results.append(guide)
                else:
                    results.append(outcome)
                    doubtful.append((index, seen))
            line = child.receive().line
            if not _is_fence(line, window.fence):
                lines.append(line)
                raise ChildFault(
                    FailureKind.OUT_OF_ORDER, f"at the end of a work it answered {quoted(line)}"
                )
            self._supervisor.answered()
            for index, seen in doubtful:
                alone = self._ask_alone(window.asks[index], fenced=False)
                if fingerprint(_comparable(alone, window.asks[index])) != seen:
                    raise ChildFault(
                        FailureKind.UNSTEADY, "asked again alone, it answered something else"
                    )
                results[index] = alone
        except ChildFault as fault:
            return self._ask_one_by_one(window, index, fault)
        return Reply(None, results)

    # --- One request at a time ----------------------------------------------------------------

    def _ask_one_by_one(self, window: _Window, noticed: int, fault: ChildFault | None) -> Reply:
        """The reply to a work with a guide, each step asked for alone; the one at which something
        was noticed comes first, on a fresh process."""
        lane, sent = window.lane, window.requests()
        if lane is not None:
            self._gather(window, len(sent))
            self._stop_lane(lane, fault)
        if fault is not None:
            self._stop_sound(None)
        again = self._again(window)
        results: dict[int, StepResult] = {}
        answers: dict[int, list[bytes]] = {}
        order = sorted(range(len(window.asks)), key=lambda index: (index != noticed, index))
        for index in order:
            self._heard = []
            results[index] = again.step(index)
            answers[index] = self._heard
        whole = [results[index] for index in range(len(window.asks))]
        if fault is not None:
            truth = [line for index in sorted(answers) for line in answers[index]]
            place, failure = what_went_wrong(fault, window.lines, truth)
            if place is not None and place < len(sent):
                noticed = sent[place][0]
            again.explain(noticed, failure, whole)
        return Reply(None, whole, incidents=tuple(again.incidents))

    def _in_sequence(self, window: _Window) -> Reply:
        """The reply to a work without a guide: each step from this core's own last answer."""
        work, asker = window.work, window.asker
        results: list[StepResult] = []
        again = self._again(window)
        for index, step in enumerate(work.steps):
            ask = asker.ask(step, None, final=work.last and index + 1 == len(work.steps))
            window.asks.append(ask)
            self._heard = []
            result = again.step(index)
            asker.go_on(ask, result)
            results.append(result)
        return Reply(None, results, incidents=tuple(again.incidents))

    def _again(self, window: _Window) -> AskAgain:
        return AskAgain(
            self._supervisor,
            lambda index: self._ask_alone(window.asks[index], fenced=True),
            lambda: self._sound is None or self._sound.requests == 0,
            self._stop_sound,
        )

    def _ask_alone(self, ask: Ask, *, fenced: bool) -> Outcome:
        """The answer to one step, with one request on its way at a time. Raises ChildFault."""
        first = None
        if ask.request is not None:
            first = self._ask(ask.request, fenced=fenced)
            answer = parse_object(first)
            refusal = refusal_of(answer)
            if refusal is not None:
                return refusal
            move_in(ask, answer)
        request = ask.invariants
        if request is None:
            # The state that follows is known only now; it is looked at just as it was answered.
            request = invariants_request(json_text(answer["state"]))
        return _outcome(ask, first, self._ask(request, fenced=fenced))

    def _ask(self, request: bytes, *, fenced: bool) -> bytes:
        if self._sound is None:
            self._sound = self._supervisor.start(Wire.LINES)
        child = self._sound
        child.expect_silence()
        child.send(request)
        line = child.receive().line
        if fenced and self._fence_works is not False:
            fence = next(self._fences)
            child.expect_silence()
            child.send(self._fence_request(fence))
            behind = child.receive().line
            if not _is_fence(behind, fence):
                raise ChildFault(
                    FailureKind.TOO_MUCH, f"answered more than it was asked for: {quoted(behind)}"
                )
        self._heard.append(line)
        return line

    # --- Fences and processes -----------------------------------------------------------------

    def _fence_request(self, number: int) -> bytes:
        tick = (int(CallCode.TIMER_TICK), -float(number))
        return transition_request(
            self._fence_state, tick, b'"config":{},"order_size_usd":1.0,"order_sizes":null'
        )

    def _try_fence(self) -> bool:
        """Whether this core answers a fence as any should. Where it does not, nothing can be
        written ahead."""
        if self._sound is None:
            self._sound = self._supervisor.start(Wire.LINES)
        try:
            fence = next(self._fences)
            self._sound.send(self._fence_request(fence), requests=0)
            return _is_fence(self._sound.receive().line, fence)
        except ChildFault as fault:
            self._stop_sound(fault)
            raise

    def _gather(self, window: _Window, wanted: int) -> None:
        """Takes the lines that are still to come, to tell what went wrong."""
        lane = window.lane
        if lane is None or lane.child is None:
            return
        room = wanted + 2 - len(window.lines)
        window.lines += lane.child.receive_rest(room, _SETTLING)

    def _stop_lane(self, lane: _Lane, fault: ChildFault | None) -> None:
        if lane.child is not None:
            self._supervisor.discard(lane.child, fault)
            lane.child = None
        for window in self._pending:
            if window.lane is lane:
                # Its answers died with the process.
                window.lane = None
                window.lines = window.lines if window is self._pending[0] else []
        lane.works = 0

    def _stop_sound(self, fault: ChildFault | None) -> None:
        if self._sound is not None:
            self._supervisor.discard(self._sound, fault)
            self._sound = None


def _outcome(ask: Ask, first: bytes | None, second: bytes | None) -> Outcome:
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


def _comparable(outcome: Outcome, ask: Ask) -> Outcome:
    """An outcome asked for alone as it would look had its violations not been asked for."""
    if ask.invariants is None and not is_refusal(outcome):
        return [*outcome[:2], None]
    return outcome


def _is_fence(line: bytes, number: int) -> bool:
    try:
        state = parse_object(line).get("state")
    except ChildFault:
        return False
    return isinstance(state, dict) and state.get("now") == -number
