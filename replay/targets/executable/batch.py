"""An executable that knows the `replay` method: many steps in one request (part 2 of the wire).

Requests are sent ahead, so that the executable works while the authority and the comparison do.
Every answer carries the id of its request, so none can be taken for another's. When one fails, the
executable is started again and the steps of that work are asked one at a time, each from the state
where the stream stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from replay.errors import UsageError
from replay.streams.model import CallCode, Start, Step
from replay.targets.base import (
    CoreIdentity,
    Failure,
    FailureKind,
    RefusalKind,
    Reply,
    StepResult,
    Work,
    is_refusal,
)
from replay.targets.compact import ALL_FIELDS, named_fields
from replay.targets.cursor import Standing, is_transition, with_delta_from
from replay.targets.executable.batch_wire import (
    MAX_BODY,
    checked_outcomes,
    count_outcomes,
    frame,
    guide_bytes,
    read_head,
    request_body,
)
from replay.targets.executable.child import Child
from replay.targets.executable.frames import ChildFault
from replay.targets.executable.portions import portions_of
from replay.targets.executable.recovery import AskAgain
from replay.targets.executable.supervisor import Supervisor, Wire
from replay.targets.known_helpers import check_known
from replay.targets.readers import OURS

SETTINGS = frozenset({"config", "order_size_usd", "order_sizes"})
MOST_SESSIONS = 60
"""The method allows 64 open ones to an executable."""

_LOOK = Step((int(CallCode.CHECK_INVARIANTS),))


@dataclass(slots=True)
class _Pending:
    """A work that is not collected yet. It has no `ids` of requests while it is not sent; `fault`
    says why."""

    work: Work
    ids: tuple[int, ...] = ()
    fault: ChildFault | None = None


class BatchTarget:
    """Runs works on an executable by the `replay` method; see base.Target."""

    depth = 2
    most_sessions = MOST_SESSIONS
    readers = OURS

    def __init__(self, identity: CoreIdentity, supervisor: Supervisor, child: Child | None) -> None:
        """`child` is a running one in frames, idle; without it one is started when needed."""
        self.identity = identity
        self._supervisor = supervisor
        self._child = child
        self._pending: deque[_Pending] = deque()
        self._started: set[int] = set()
        self._standings: dict[int, Standing] = {}
        """Of each stream, where its oldest pending work begins."""
        self._open: dict[int, None] = {}
        """Streams that the child has open, the one used last at the end."""
        self._expected: deque[int] = deque()
        """Ids of what was sent to the child and not answered."""
        self._ids = count(1)

    # --- The Target protocol ------------------------------------------------------------------

    def submit(self, work: Work) -> None:
        """Sends the work. Raises UsageError for a stream that was never started."""
        if work.start is not None:
            self._started.add(work.session)
        elif work.session not in self._started:
            raise UsageError(f"stream {work.session} was never started", session=work.session)
        check_known(self, work.steps)
        if work.last:
            self._started.discard(work.session)
        pending = _Pending(work)
        self._pending.append(pending)
        self._send_work(pending)

    def collect(self) -> Reply:
        """The reply to the oldest work. Raises FailureStorm."""
        pending = self._pending[0]
        work = pending.work
        if work.start is not None:
            self._standings[work.session] = Standing(work.start, self.readers)
        if not pending.ids:
            reply = self._ask_one_by_one(work, pending.fault)
        else:
            try:
                reply = self._whole_reply(work, pending.ids)
            except ChildFault as fault:
                reply = self._ask_one_by_one(work, fault)
        self._pending.popleft()
        if work.last:
            self._standings.pop(work.session, None)
        for later in self._pending:
            if not later.ids:
                self._send_work(later)
        return reply

    def close(self) -> None:
        """Ends the executable; may be called twice."""
        self._child = None
        self._pending.clear()
        self._standings.clear()
        self._supervisor.close()

    # --- Many steps at once -------------------------------------------------------------------

    def _send_work(self, pending: _Pending) -> None:
        """Sends a work where that can be done now; else it is asked one by one when its turn
        comes."""
        work = pending.work
        pending.fault = None
        try:
            if self._is_used_up() and self._is_under_way():
                # What is on its way comes first; then the next child gets this work.
                return
            child = self._running()
            if not self._expected:
                child.expect_silence()
        except ChildFault as fault:
            pending.fault = fault
            self._stop(fault)
            return
        if work.start is None and work.session not in self._open:
            standing = self._standings.get(work.session)
            first = next(p for p in self._pending if p.work.session == work.session)
            if standing is None or standing.due or first is not pending:
                return
            self._send_opening(child, work.session, standing.as_start())
        portions = portions_of(work, self._supervisor.portions.at_once)
        bodies = [_body_of(portion) for portion in portions]
        if any(len(body) > MAX_BODY for body in bodies):
            self._open.pop(work.session, None)
            return
        self._make_room(child, work.session)
        pending.ids = tuple(
            self._send(child, body, len(portion.steps))
            for body, portion in zip(bodies, portions, strict=True)
        )
        self._open.pop(work.session, None)
        if not work.last:
            self._open[work.session] = None

    def _whole_reply(self, work: Work, requests: Sequence[int]) -> Reply:
        blob = b"".join(map(self._answer, requests))
        # The authority's own answer, byte for byte, has as many outcomes as it has.
        outcomes = len(work.steps) if blob == work.guide_blob else count_outcomes(blob)
        if outcomes != len(work.steps):
            kind = FailureKind.TOO_MUCH if outcomes > len(work.steps) else FailureKind.TRUNCATED
            raise ChildFault(kind, f"answered {outcomes} outcomes to {len(work.steps)} steps")
        self._supervisor.answered(outcomes)
        reply = Reply(blob, _decode=checked_outcomes)
        if work.guide is not None and blob != work.guide_blob:
            place = _unreadable_settings(work, reply.results)
            if place is not None:
                return self._reopened(work, reply.results[: place + 1])
        if not work.last:
            followed = reply.results if work.guide is None else work.guide
            self._standings[work.session].go_on_all(work.steps, followed, work.guide_end)
        return reply

    def _reopened(self, work: Work, results: list[StepResult]) -> Reply:
        """The reply to a work of which the last of these results refuses settings that the
        authority took. The core went on with the former ones, which are not in force any more; so
        the rest is asked of a stream that is opened anew, with those that it cannot read."""
        assert work.guide is not None
        count = len(results)
        standing = self._standings[work.session]
        standing.go_on_all(work.steps[:count], work.guide[:count])
        self._open.pop(work.session, None)
        rest = work._replace(
            start=None, steps=work.steps[count:], guide=work.guide[count:], guide_blob=None
        )
        reply = self._ask_one_by_one(rest, None)
        incidents = tuple((count + at, failure) for at, failure in reply.incidents)
        return Reply(None, [*results, *reply.results], incidents=incidents)

    def _answer(self, request: int) -> bytes:
        """The body of the answer to a request; what was sent before it is answered on the way.

        Raises ChildFault, REFUSED where the answer is an error.
        """
        assert self._child is not None
        while True:
            expected = self._expected.popleft()
            message = self._child.receive()
            error = read_head(message, expected)
            if error is not None:
                raise ChildFault(FailureKind.REFUSED, error)
            if expected == request:
                return message.body or b""

    # --- One step at a time -------------------------------------------------------------------

    def _ask_one_by_one(self, work: Work, fault: ChildFault | None) -> Reply:
        """The replies to the steps of a work, each asked for alone."""
        if fault is not None or self._expected:
            self._stop(fault)
        for pending in self._pending:
            # Its answer died with the child, or would come in between.
            pending.ids = ()
        standing = self._standings[work.session]
        again = AskAgain(
            self._supervisor,
            lambda index: self._ask_alone(work, index, standing),
            lambda: self._child is None or self._child.requests == 0,
            self._stop,
        )
        results: list[StepResult] = []
        for index, step in enumerate(work.steps):
            result = again.step(index)
            results.append(result)
            standing.go_on(step, result if work.guide is None else work.guide[index])
        explained = fault is None or (
            fault.kind is FailureKind.REFUSED and _is_refused_alone(work, results)
        )
        if fault is not None and not explained:
            again.explain(None, fault.failure, results)
        return Reply(None, results, incidents=tuple(again.incidents))

    def _ask_alone(self, work: Work, index: int, standing: Standing) -> StepResult:
        child = self._running()
        session, step = work.session, work.steps[index]
        start: Start | None = None
        if session not in self._open:
            start = standing.as_start()
            if not standing.due:
                self._answer(self._send_opening(child, session, start))
                start = None
        guide = None if work.guide is None else guide_bytes(work.guide[index : index + 1])
        last = work.last and index + 1 == len(work.steps)
        body = request_body(session, last, start, [step], guide)
        if len(body) > MAX_BODY:
            return Failure(FailureKind.OVERSIZE, f"the request would have {len(body)} bytes")
        self._make_room(child, session)
        request = self._send(child, body, 1)
        try:
            blob = self._answer(request)
        except ChildFault as fault:
            if fault.kind is not FailureKind.REFUSED:
                raise
            # Where the stream stands in the executable after an error is not said anywhere.
            self._open.pop(session, None)
            return self._unguided(work, index, standing) or [
                str(RefusalKind.ERROR),
                fault.detail,
            ]
        self._open.pop(session, None)
        if not last:
            self._open[session] = None
        outcomes = count_outcomes(blob)
        if outcomes != 1:
            kind = FailureKind.TOO_MUCH if outcomes else FailureKind.TRUNCATED
            raise ChildFault(kind, f"answered {outcomes} outcomes to one step")
        child.expect_silence()
        result = checked_outcomes(blob)[0]
        if isinstance(result, Failure):
            raise ChildFault(result.kind, result.detail)
        if _refuses_settings(work, index, result):
            self._open.pop(session, None)
        if start is not None and standing.due != ALL_FIELDS:
            due = standing.due | named_fields(step.changes)
            result = with_delta_from(result, standing.plain, due)
        return result

    def _unguided(self, work: Work, index: int, standing: Standing) -> StepResult | None:
        """The refusal of a step whose request was an error: where the core cannot read what the
        authority stands at, it may still say so by itself. None where it does not."""
        if work.guide is not None:
            body = request_body(work.session, True, standing.as_start(), [work.steps[index]], None)
            try:
                blob = self._answer(self._send(self._running(), body))
                if count_outcomes(blob) == 1:
                    result = checked_outcomes(blob)[0]
                    return result if _is_refusal(result) else None
            except ChildFault as fault:
                if fault.kind is not FailureKind.REFUSED:
                    raise
        self._stop(None)
        return None

    # --- The child ----------------------------------------------------------------------------

    def _running(self) -> Child:
        """The child, a new one where it has ended or had its share and nothing is on its way."""
        if self._child is not None and not self._is_under_way() and self._is_used_up():
            self._stop(None)
        if self._child is None:
            self._child = self._supervisor.start(Wire.FRAMES)
            self._open.clear()
            self._expected.clear()
        return self._child

    def _stop(self, fault: ChildFault | None) -> None:
        if self._child is not None:
            self._supervisor.discard(self._child, fault)
            self._child = None
        self._open.clear()
        self._expected.clear()

    def _is_under_way(self) -> bool:
        return any(pending.ids for pending in self._pending)

    def _is_used_up(self) -> bool:
        return self._child is not None and self._supervisor.portions.is_used_up(self._child)

    def _send(self, child: Child, body: bytes, steps: int = 0) -> int:
        request = next(self._ids)
        self._expected.append(request)
        child.send(frame(request, body), steps)
        return request

    def _send_opening(self, child: Child, session: int, start: Start) -> int:
        """Opens a stream where it stands. The look at its state brings the thirty fields that the
        next step's delta would name."""
        self._make_room(child, session)
        self._open[session] = None
        return self._send(child, request_body(session, False, start, [_LOOK], None))

    def _make_room(self, child: Child, session: int) -> None:
        """Closes the stream used least recently where one more could be too many."""
        if session in self._open or len(self._open) < self.most_sessions:
            return
        busy = {pending.work.session for pending in self._pending}
        idle = next((s for s in self._open if s not in busy), None)
        if idle is not None:
            del self._open[idle]
            self._send(child, request_body(idle, True, None, [], None))


def _body_of(work: Work) -> bytes:
    guide = work.guide_blob
    if guide is None and work.guide is not None:
        guide = guide_bytes(work.guide)
    return request_body(work.session, work.last, work.start, work.steps, guide)


def _is_refusal(result: StepResult) -> bool:
    return not isinstance(result, Failure) and is_refusal(result)


def _refuses_settings(work: Work, place: int, result: StepResult) -> bool:
    """Whether a core refused a step with settings that the authority took."""
    step = work.steps[place]
    return (
        work.guide is not None
        and bool(step.changes)
        and _is_refusal(result)
        and not is_refusal(work.guide[place])
        and is_transition(step.call)
        and not SETTINGS.isdisjoint(step.changes or ())
    )


def _unreadable_settings(work: Work, results: Sequence[StepResult]) -> int | None:
    """The first step before the end of the stream at which settings were refused like that."""
    places = range(len(results) - 1 if work.last else len(results))
    return next((at for at in places if _refuses_settings(work, at, results[at])), None)


def _is_refused_alone(work: Work, results: Sequence[StepResult]) -> bool:
    """Whether some step asked alone is refused, so that the whole work had to be."""
    guide = work.guide
    return any(
        _is_refusal(result)
        and (result[0] == RefusalKind.ERROR if guide is None else not is_refusal(guide[at]))  # type: ignore[index]
        for at, result in enumerate(results)
    )
