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
from collections.abc import Callable
from itertools import count

from replay.errors import UsageError
from replay.targets.base import (
    CoreIdentity,
    FailureKind,
    Outcome,
    Reply,
    StepResult,
    Work,
    is_refusal,
)
from replay.targets.executable.answers import NO_VIOLATIONS, fingerprint, is_expected, parse_object
from replay.targets.executable.child import Child
from replay.targets.executable.frames import ChildFault, quoted
from replay.targets.executable.misfits import what_went_wrong
from replay.targets.executable.recovery import AskAgain
from replay.targets.executable.request_texts import Ask, Asker
from replay.targets.executable.state_text import invariants_request, json_text
from replay.targets.executable.supervisor import Supervisor, Wire
from replay.targets.executable.windows import (
    FIRST_FENCE,
    Lane,
    Window,
    comparable,
    fence_request,
    is_fence,
    outcome_of,
    without_words,
)

LANES = 2
"""Processes that works are given to in turn. One is at work while another's answers are read."""

_SETTLING = 0.2
"""How long lines that may still come are waited for, in seconds, when something went wrong."""


class SingleTarget:
    """Runs works on an executable by part 1 of the wire; see base.Target."""

    def __init__(
        self, identity: CoreIdentity, supervisor: Supervisor, *, lanes: int = LANES
    ) -> None:
        self.identity = identity
        self.depth = lanes + 1
        self._supervisor = supervisor
        self._lanes = [Lane() for _ in range(lanes)]
        self._sound: Child | None = None
        """The process that is only ever asked for one thing at a time."""
        self._askers: dict[int, Asker] = {}
        self._pending: deque[Window] = deque()
        self._turn = 0
        self._fences = count(FIRST_FENCE)
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
        window = Window(work, asker)
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

    def _write(self, window: Window) -> None:
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
        requests.append(fence_request(window.fence))
        lane.child.send(b"".join(requests), len(requests))
        lane.works += 1
        window.lane = lane

    def _read_ahead(self, window: Window) -> Reply:
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
                outcome = outcome_of(ask, first, second)
                seen = fingerprint(outcome)
                if is_refusal(guide) and is_refusal(outcome):
                    results.append(outcome)
                elif seen == fingerprint(guide):
                    results.append(guide)
                else:
                    results.append(outcome)
                    doubtful.append((index, fingerprint(without_words(outcome))))
            line = child.receive().line
            if not is_fence(line, window.fence):
                lines.append(line)
                raise ChildFault(
                    FailureKind.OUT_OF_ORDER, f"at the end of a work it answered {quoted(line)}"
                )
            self._supervisor.answered()
            for index, seen in doubtful:
                alone = self._ask_alone(window.asks[index])
                if fingerprint(comparable(alone, window.asks[index])) != seen:
                    raise ChildFault(
                        FailureKind.UNSTEADY, "asked again alone, it answered something else"
                    )
                results[index] = alone
        except ChildFault as fault:
            return self._ask_one_by_one(window, index, fault)
        return Reply(None, results, copied=window.copied)

    # --- One request at a time ----------------------------------------------------------------

    def _ask_one_by_one(self, window: Window, noticed: int, fault: ChildFault | None) -> Reply:
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
        return Reply(None, whole, incidents=tuple(again.incidents), copied=window.copied)

    def _in_sequence(self, window: Window) -> Reply:
        """The reply to a work without a guide: each step from this core's own last answer.

        One fence at the end shows that all was in step; otherwise the whole work is asked again,
        with a fence after every request.
        """
        saved = window.asker.saved()
        noticed: ChildFault | None = None
        results: list[StepResult] = []
        try:
            if self._fence_works is None:
                self._fence_works = self._try_fence()
            for _ in window.work.steps:
                self._next_in_sequence(window, results, lambda i: self._ask_alone(window.asks[i]))
            self._check_fence()
            self._supervisor.answered()
            return Reply(None, results)
        except ChildFault as fault:
            noticed = fault
        self._stop_sound(noticed)
        window.asker.restore(saved)
        index = len(results)
        window.asks.clear()
        results.clear()
        again = self._again(window)
        for _ in window.work.steps:
            self._next_in_sequence(window, results, again.step)
        again.explain(index, noticed.failure, results)
        return Reply(None, results, incidents=tuple(again.incidents))

    def _next_in_sequence(
        self, window: Window, results: list[StepResult], asked: Callable[[int], StepResult]
    ) -> None:
        work, index = window.work, len(results)
        final = work.last and index + 1 == len(work.steps)
        window.asks.append(window.asker.ask(work.steps[index], None, final=final))
        self._heard = []
        results.append(asked(index))
        window.asker.go_on(window.asks[index], results[index])

    def _again(self, window: Window) -> AskAgain:
        return AskAgain(
            self._supervisor,
            lambda index: self._ask_alone(window.asks[index], fenced=True),
            lambda: self._sound is None or self._sound.requests == 0,
            self._stop_sound,
        )

    def _ask_alone(self, ask: Ask, *, fenced: bool = False) -> Outcome:
        """The answer to one step, with one request on its way at a time. Raises ChildFault."""
        first = None
        if ask.request is not None:
            first = self._ask(ask.request, fenced=fenced)
            answer = parse_object(first)
            if "error" in answer or not isinstance(answer.get("state"), dict):
                return outcome_of(ask, first, None)
        request = ask.invariants
        if request is None:
            # The state that follows is known only now; it is looked at just as it was answered.
            request = invariants_request(json_text(answer["state"]))
        return outcome_of(ask, first, self._ask(request, fenced=fenced))

    def _ask(self, request: bytes, *, fenced: bool) -> bytes:
        if self._sound is None:
            self._sound = self._supervisor.start(Wire.LINES)
        child = self._sound
        child.expect_silence()
        child.send(request)
        line = child.receive().line
        if fenced:
            self._check_fence()
        self._heard.append(line)
        return line

    def _check_fence(self) -> None:
        """Sees that the sound process has nothing more to say. Raises ChildFault."""
        if self._fence_works is False or self._sound is None:
            return
        fence = next(self._fences)
        self._sound.expect_silence()
        self._sound.send(fence_request(fence))
        behind = self._sound.receive().line
        if not is_fence(behind, fence):
            raise ChildFault(
                FailureKind.TOO_MUCH, f"answered more than it was asked for: {quoted(behind)}"
            )

    # --- Fences and processes -----------------------------------------------------------------

    def _try_fence(self) -> bool:
        """Whether this core answers a fence as any should. Where it does not, nothing can be
        written ahead."""
        if self._sound is None:
            self._sound = self._supervisor.start(Wire.LINES)
        try:
            fence = next(self._fences)
            self._sound.send(fence_request(fence), requests=0)
            return is_fence(self._sound.receive().line, fence)
        except ChildFault as fault:
            self._stop_sound(fault)
            raise

    def _gather(self, window: Window, wanted: int) -> None:
        """Takes the lines that are still to come, to tell what went wrong."""
        lane = window.lane
        if lane is None or lane.child is None:
            return
        room = wanted + 2 - len(window.lines)
        window.lines += lane.child.receive_rest(room, _SETTLING)

    def _stop_lane(self, lane: Lane, fault: ChildFault | None) -> None:
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
