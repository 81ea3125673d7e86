"""An executable that knows only part 1 of the wire: each step is asked for by itself.

For a step there are two requests, the transition and check_invariants of the state that follows.
Where the authority's outcomes are given, all requests of a work are written at once, to one of a
few processes in turn, and the answers are held against what the authority said.

Part 1 has no request ids, so an answer is believed only as far as it cannot be another step's. Each
work ends with a *fence*: a timer tick at a time that nothing else uses, whose answer shows that no
line was left out or added. An answer that differs from the authority's is asked for again alone, on
a process of its own. Where that gives something else, nothing of this work is believed: all its
steps are asked again one at a time, with a fence after every request. From then on the core is
doubted: what differs is believed only where it came twice, alone, from two fresh processes.
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
from replay.targets.executable.answers import (
    NO_VIOLATIONS,
    equal_outcomes,
    is_expected,
    parse_object,
)
from replay.targets.executable.child import Child
from replay.targets.executable.file_traits import Trait, Traits
from replay.targets.executable.frames import ChildFault, quoted
from replay.targets.executable.misfits import ANOTHERS, UNTRUE, unsteady, what_went_wrong
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
from replay.targets.known_helpers import check_known

LANES = 2
"""Processes that works are given to in turn. One is at work while another's answers are read."""

_SETTLING = 0.2
"""How long lines that may still come are waited for, in seconds, when something went wrong."""


class SingleTarget:
    """Runs works on an executable by part 1 of the wire; see base.Target."""

    def __init__(
        self, identity: CoreIdentity, supervisor: Supervisor, *, traits: Traits, lanes: int = LANES
    ) -> None:
        """`traits` is what is known of its file."""
        self.identity = identity
        self._traits = traits
        self.depth = lanes + 1
        self._supervisor = supervisor
        self._lanes = [Lane() for _ in range(lanes)]
        self._sound: Child | None = None
        """The process that is only ever asked for one thing at a time."""
        self._askers: dict[int, Asker] = {}
        self._pending: deque[Window] = deque()
        self._fences = count(FIRST_FENCE)
        self._fence_works: bool | None = traits.has(Trait.FENCED) or None
        self._heard: list[bytes] = []
        """The answers of the sound process to the step that is asked for now."""
        self._last = b""
        """What the sound process answered last, fences too."""
        self._is_doubted = False
        """Whether it was caught with an answer that it did not give again."""

    # --- The Target protocol ------------------------------------------------------------------

    def submit(self, work: Work) -> None:
        """Writes the work's requests where there is a guide; else they are made when it is
        collected. Raises UsageError for a stream that was never started."""
        if work.start is not None:
            self._askers[work.session] = Asker(work.start)
        elif work.session not in self._askers:
            raise UsageError(f"stream {work.session} was never started", session=work.session)
        check_known(self, work.steps)
        asker = self._askers[work.session]
        if work.last:
            del self._askers[work.session]
        # Where all is idle, one process is enough.
        given = [sum(one.lane is lane for one in self._pending) for lane in self._lanes]
        window = Window(work, asker, self._lanes[given.index(min(given))])
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
        elif not window.is_sent:
            reply = self._ask_one_by_one(window, 0, window.fault)
        else:
            reply = self._read_ahead(window)
        self._pending.popleft()
        if window.is_sent:
            window.lane.works -= 1
        for later in self._pending:
            if not later.is_sent and later.work.guide is not None:
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
        """Sends a work's requests and a fence to its lane, where that can be done now: the works of
        a lane are read in the order in which they were written."""
        window.fault = None
        window.lines.clear()
        lane = window.lane
        first = next(one for one in self._pending if one.lane is lane and not one.is_sent)
        if first is not window:
            return
        try:
            if self._fence_works is None:
                self._fence_works = self._try_fence()
            if not self._fence_works:
                return
            if lane.child is not None and self._supervisor.portions.is_used_up(lane.child):
                if lane.works:
                    return
                self._stop_lane(lane, None)
            if lane.child is None:
                lane.child = self._supervisor.start(Wire.LINES)
            if not lane.works:
                lane.child.expect_silence()
        except ChildFault as fault:
            window.fault = fault
            self._stop_lane(lane, fault)
            return
        window.fence = next(self._fences)
        requests = [request for _, request in window.requests()]
        if len(requests) > self._supervisor.portions.lifetime:
            return
        requests.append(fence_request(window.fence))
        lane.child.send(b"".join(requests), len(requests))
        lane.works += 1
        window.is_sent = True

    def _read_ahead(self, window: Window) -> Reply:
        """The reply to a work whose requests were written at once."""
        child, lines = window.lane.child, window.lines
        assert child is not None
        verified = window.asker.verified
        results: list[StepResult] = []
        doubtful: list[tuple[int, Outcome]] = []
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
                if is_refusal(guide) and is_refusal(outcome):
                    results.append(outcome)
                elif equal_outcomes(outcome, guide):
                    results.append(guide)
                else:
                    results.append(outcome)
                    doubtful.append((index, without_words(outcome)))
            line = child.receive().line
            if not is_fence(line, window.fence):
                lines.append(line)
                raise ChildFault(
                    FailureKind.OUT_OF_ORDER, f"at the end of a work it answered {quoted(line)}"
                )
            self._supervisor.answered(len(window.asks))
            for index, seen in doubtful:
                alone = self._ask_alone(window.asks[index])
                if not equal_outcomes(comparable(alone, window.asks[index]), seen):
                    raise unsteady()
                if self._is_doubted:
                    alone = self._confirmed(window.asks[index], alone)
                results[index] = alone
        except ChildFault as fault:
            return self._ask_one_by_one(window, index, fault)
        return Reply(None, results, copied=window.copied)

    # --- One request at a time ----------------------------------------------------------------

    def _ask_one_by_one(self, window: Window, noticed: int, fault: ChildFault | None) -> Reply:
        """The reply to a work with a guide, each step asked for alone; the one at which something
        was noticed comes first, on a fresh process."""
        sent = window.requests()
        if window.is_sent:
            self._gather(window, len(sent))
            self._stop_lane(window.lane, fault)
        if fault is not None:
            self._is_doubted |= fault.kind in UNTRUE
            self._stop_sound(None)
        again = self._again(window)
        results: dict[int, StepResult] = {}
        answers: dict[int, list[bytes]] = {}
        order = sorted(range(len(window.asks)), key=lambda index: (index != noticed, index))
        for index in order:
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
            self._supervisor.answered(len(results))
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
        results.append(asked(index))
        window.asker.go_on(window.asks[index], results[index])

    def _again(self, window: Window) -> AskAgain:
        return AskAgain(
            self._supervisor,
            lambda index: self._ask_for_sure(window.asks[index]),
            lambda: self._sound is None or self._sound.requests == 0,
            self._stop_sound,
        )

    def _ask_for_sure(self, ask: Ask) -> Outcome:
        """The answer to one step with a fence after each request; where the core is doubted, one
        that is not the authority's is to come again. Raises ChildFault."""
        self._heard = []
        try:
            answer = self._ask_alone(ask, fenced=True)
            guide = ask.guide
            if guide is None or not self._is_doubted or (is_refusal(guide) and is_refusal(answer)):
                return answer
            if equal_outcomes(comparable(answer, ask), guide):
                return answer
            heard, self._heard = self._heard, []
            self._confirmed(ask, answer)
            self._heard = heard
        except ChildFault as fault:
            self._is_doubted |= fault.kind in UNTRUE
            raise
        return answer

    def _confirmed(self, ask: Ask, answer: Outcome) -> Outcome:
        """An answer that two fresh processes give as well, asked for nothing else. Raises
        ChildFault where they do not."""
        for _ in range(2):
            self._stop_sound(None)
            again = self._ask_alone(ask)
            if not equal_outcomes(without_words(again), without_words(answer)):
                raise unsteady()
        return answer

    def _ask_alone(self, ask: Ask, *, fenced: bool = False) -> Outcome:
        """The answer to one step, with one request on its way at a time. Raises ChildFault."""
        first = None
        if ask.request is not None:
            first = self._ask(ask.request, fenced=fenced)
            answer = parse_object(first)
            if "error" in answer or not isinstance(answer.get("state"), dict):
                return outcome_of(ask, first, None)
        if ask.invariants is not None:
            return outcome_of(ask, first, self._ask(ask.invariants, fenced=fenced))
        # The state that follows is known only now; it is looked at just as it was answered. A
        # shadow that cannot read what it has written has answered all the same.
        request = invariants_request(json_text(answer["state"]))
        outcome = outcome_of(ask, first, self._ask(request, fenced=fenced))
        if is_refusal(outcome) and ask.guide is not None:
            return outcome_of(ask, first, None)
        return outcome

    def _ask(self, request: bytes, *, fenced: bool) -> bytes:
        if self._sound is not None and self._supervisor.portions.is_used_up(self._sound):
            self._stop_sound(None)
        if self._sound is None:
            self._sound = self._supervisor.start(Wire.LINES)
        child = self._sound
        child.expect_silence()
        child.send(request)
        line, before, self._last = child.receive().line, self._last, b""
        if fenced and self._fence_works:
            if line == before:
                # No answer is like the one to a fence.
                raise ChildFault(FailureKind.OUT_OF_ORDER, ANOTHERS)
            self._last = line
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
        behind, before = self._sound.receive().line, self._last
        if not is_fence(behind, fence):
            if behind == before and not self._sound.receive_rest(1, _SETTLING):
                raise ChildFault(FailureKind.OUT_OF_ORDER, ANOTHERS)
            raise ChildFault(
                FailureKind.TOO_MUCH, f"answered more than it was asked for: {quoted(behind)}"
            )
        self._last = behind

    # --- Fences and processes -----------------------------------------------------------------

    def _try_fence(self) -> bool:
        """Whether this core answers a fence as any should. Where it does not, nothing can be
        written ahead."""
        if self._sound is None:
            self._sound = self._supervisor.start(Wire.LINES)
        try:
            fence = next(self._fences)
            self._sound.send(fence_request(fence), requests=0)
            works = is_fence(self._sound.receive().line, fence)
            if works:
                self._traits.remember(Trait.FENCED)
            return works
        except ChildFault as fault:
            self._stop_sound(fault)
            raise

    def _gather(self, window: Window, wanted: int) -> None:
        """Takes the lines that are still to come, to tell what went wrong."""
        child = window.lane.child
        if child is not None:
            window.lines += child.receive_rest(wanted + 2 - len(window.lines), _SETTLING)

    def _stop_lane(self, lane: Lane, fault: ChildFault | None) -> None:
        if lane.child is not None:
            self._supervisor.discard(lane.child, fault)
            lane.child = None
        for window in self._pending:
            if window.lane is lane:
                # Its answers died with the process.
                window.is_sent = False
                window.lines = window.lines if window is self._pending[0] else []
        lane.works = 0

    def _stop_sound(self, fault: ChildFault | None) -> None:
        if self._sound is not None:
            self._supervisor.discard(self._sound, fault)
            self._sound, self._last = None, b""
