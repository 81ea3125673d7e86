"""Lockstep: one stream through two cores, each step from the authority's state.

The authority runs ahead, segment by segment; its answers go to the shadow along with the steps
(docs/replay-method.md, "guide"), so one divergence never causes the next and a stream is never
given up. Where both answers have the same bytes nothing is decoded. What is found is handed to
the caller with all it takes to see it again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from replay.differential.compare import compare
from replay.differential.model import Difference, Finding, Repeat, Signature, Verdict
from replay.differential.signature import divergence_signature, failure_signature
from replay.differential.walking import walk
from replay.streams.model import Document, Segment, Start, Stream
from replay.targets.base import (
    REFUSED,
    Failure,
    FailureKind,
    Outcome,
    Reply,
    StepResult,
    Target,
    Work,
    encode_outcomes,
    is_refusal,
)
from replay.targets.compact import (
    Plain,
    apply_changes,
    apply_delta,
    blank,
    read_state,
    state_document,
)
from replay.targets.standing import settings_after

FULL_FINDINGS = 20
"""Occurrences of a bucket that come with a case; making one costs more than finding it."""


@dataclass(slots=True)
class Tally:
    """What was compared so far. Counts of steps, but for `streams`.

    `failures` has every failure; `incidents` those of them at steps whose true answer is known all
    the same.
    """

    streams: int = 0
    transitions: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    calls: Counter[int] = field(default_factory=Counter)
    failures: Counter[FailureKind] = field(default_factory=Counter)
    incidents: Counter[FailureKind] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Adds another tally to this one."""
        self.streams += other.streams
        self.transitions += other.transitions
        self.verdicts.update(other.verdicts)
        self.calls.update(other.calls)
        self.failures.update(other.failures)
        self.incidents.update(other.incidents)


class _Inputs(NamedTuple):
    """The documents in force besides the state, as they were last set."""

    config: Document
    order_size_usd: Document
    order_sizes: Document


@dataclass(slots=True)
class _Position:
    """Where a stream stands: for saying what a step started from."""

    raw: Document
    plain: Plain | Callable[[], Plain] | None
    inputs: _Inputs

    @property
    def state(self) -> Plain | None:
        """The authority's state here, where it is known; only made when somebody asks."""
        if callable(self.plain):
            self.plain = self.plain()
        return self.plain


@dataclass(slots=True)
class _Pending:
    """A segment that the authority has answered and the shadow is working on."""

    segment: Segment
    position: _Position
    reply: Reply


class Lockstep:
    """Runs segments of any number of streams through two targets.

    `feed` hands over the next segment of a stream and gives what was found meanwhile, which may be
    about earlier segments; `finish` waits for all that is under way. `tally` counts what has been
    compared. The first FULL_FINDINGS of a bucket are findings with their cases, the others are only
    counted in `repeats`, by ID, for the caller to take. `on_end`, where set, is told of each stream
    that has ended: its key, the authority's last state (None where none could be read) and its
    last outcome; `on_answered` of each segment that the authority has answered. Raises FailureStorm
    where a core fails again and again.
    """

    def __init__(self, authority: Target, shadow: Target) -> None:
        self.authority = authority
        self.shadow = shadow
        self.tally = Tally()
        self.repeats: dict[str, Repeat] = {}
        self._met: Counter[Signature] = Counter()
        self.on_end: Callable[[int, Plain | None, Outcome], None] | None = None
        self.on_answered: Callable[[Segment, Sequence[Outcome]], None] | None = None
        self._positions: dict[int, _Position] = {}
        self._asked: deque[Segment] = deque()
        self._pending: deque[_Pending] = deque()

    def feed(self, segment: Segment) -> list[Finding]:
        """Runs a segment. Segments of one stream come in order; streams may be interleaved."""
        self.authority.submit(Work(segment.key, segment.start, segment.steps, segment.last))
        self._asked.append(segment)
        found: list[Finding] = []
        while len(self._asked) >= self.authority.depth:
            found += self._pass_on()
        while len(self._pending) > self.shadow.depth:
            found += self._settle()
        return found

    def finish(self) -> list[Finding]:
        """Waits for everything under way and gives the rest of what was found."""
        found: list[Finding] = []
        while self._asked:
            found += self._pass_on()
        while self._pending:
            found += self._settle()
        return found

    def _pass_on(self) -> list[Finding]:
        """Takes the authority's oldest answer and hands the same steps to the shadow."""
        segment = self._asked.popleft()
        reply = self.authority.collect()
        return self.pass_on(segment, reply)

    def pass_on(self, segment: Segment, reply: Reply) -> list[Finding]:
        """Hands steps that the authority has answered to the shadow (for callers that run the
        authority themselves, as generation does)."""
        if segment.start is None and segment.key not in self._positions:
            return []  # the rest of a stream that ended where the authority failed
        position = self._position(segment)
        if Failure in set(map(type, reply.results)):
            return self._authority_failed(segment, position, reply)
        self._pending.append(_Pending(segment, position, reply))
        outcomes: Any = reply.results
        key, start, steps, last, _ = segment
        self.shadow.submit(Work(key, start, steps, last, outcomes, reply.blob, reply.end))
        if self.on_answered is not None:
            self.on_answered(segment, outcomes)
        self._advance(segment, outcomes, reply.end)
        return []

    def settle(self, limit: int | None = None) -> list[Finding]:
        """Compares the oldest pending segments until at most `limit` are left under way."""
        found: list[Finding] = []
        depth = self.shadow.depth if limit is None else limit
        while len(self._pending) > depth:
            found += self._settle()
        return found

    def _position(self, segment: Segment) -> _Position:
        """Where the segment begins; a copy that stays as it is."""
        if segment.start is not None:
            start = segment.start
            inputs = _Inputs(start.config, start.order_size_usd, start.order_sizes)
            position = _Position(start.state, None, inputs)
            self._positions[segment.key] = position
            self.tally.streams += 1
        position = self._positions[segment.key]
        plain = list(position.plain) if isinstance(position.plain, list) else position.plain
        return _Position(position.raw, plain, position.inputs)

    def _advance(
        self,
        segment: Segment,
        outcomes: Sequence[Outcome],
        end: Callable[[], Plain] | None,
    ) -> None:
        """Moves the stream's position behind the segment."""
        position = self._positions[segment.key]
        if segment.last:
            del self._positions[segment.key]
            if self.on_end is None:
                return
        for step, outcome in zip(segment.steps, outcomes, strict=True):
            if step.changes is not None:
                answered = not is_refusal(outcome)
                settings = settings_after(position.inputs._asdict(), step, answered=answered)
                position.inputs = _Inputs(**settings)
        if end is not None:
            position.plain = end
        else:
            for step, outcome in zip(segment.steps, outcomes, strict=True):
                if not is_refusal(outcome):
                    state = position.state
                    position.plain = state = blank() if state is None else state
                    apply_delta(state, outcome[0])
                elif step.changes is not None:
                    # What was set from outside at a refused step is in no delta before the next.
                    state = position.state
                    state = read_state(position.raw) if state is None else state
                    position.plain, _ = apply_changes(state, step.changes)
        if segment.last and self.on_end is not None and outcomes:
            self.on_end(segment.key, position.state, outcomes[-1])

    def _settle(self) -> list[Finding]:
        """Takes the shadow's oldest answer and compares it with the authority's."""
        pending = self._pending.popleft()
        reply = self.shadow.collect()
        steps = pending.segment.steps
        tally = self.tally
        tally.transitions += len(steps)
        tally.calls.update([step[0][0] if type(step[0]) is tuple else -1 for step in steps])
        found = [self._failed_step(pending, index, failure) for index, failure in reply.incidents]
        for _, failure in reply.incidents:
            tally.failures[failure.kind] += 1
            tally.incidents[failure.kind] += 1
        if reply.blob is not None and reply.blob == pending.reply.blob:
            lengths: Any = map(len, pending.reply.results)  # type: ignore[arg-type]
            refusals = list(lengths).count(REFUSED)
            tally.verdicts[Verdict.BOTH_REFUSE] += refusals
            tally.verdicts[Verdict.AGREE] += len(steps) - refusals
            return found
        return found + self._compare_steps(pending, reply)

    def _compare_steps(self, pending: _Pending, reply: Reply) -> list[Finding]:
        """Step by step, for a segment whose answers are not the same bytes."""
        found: list[Finding] = []
        tally = self.tally
        outcomes: Any = pending.reply.results
        for index, (before, decimals) in enumerate(_walk(pending)):
            ours, theirs = outcomes[index], reply.results[index]
            if same_bytes(ours, theirs):
                tally.verdicts[Verdict.BOTH_REFUSE if is_refusal(ours) else Verdict.AGREE] += 1
                continue
            verdict, differences, answer = judge(ours, theirs, before, decimals)
            tally.verdicts[verdict] += 1
            if verdict in (Verdict.AGREE, Verdict.BOTH_REFUSE):
                continue
            step = pending.segment.steps[index]
            if isinstance(answer, Failure):
                tally.failures[answer.kind] += 1
                signature = failure_signature(step.call, before, answer)
            else:
                signature = divergence_signature(step.call, before, ours, answer, differences)
            if self._met[signature] >= FULL_FINDINGS:
                again = Repeat(1, pending.segment.origin, step.line, index)
                self.repeats[signature.id] = again.after(self.repeats.get(signature.id))
                continue
            self._met[signature] += 1
            case = _case(pending, index)
            found.append(Finding(signature, verdict, case, differences, ours, answer, step.line))
        return found

    def _failed_step(self, pending: _Pending, index: int, failure: Failure) -> Finding:
        """A failure noticed at a step whose true answer is known all the same."""
        step = pending.segment.steps[index]
        before = next(plain for at, (plain, _) in enumerate(_walk(pending)) if at == index)
        return Finding(
            failure_signature(step.call, before, failure),
            Verdict.SHADOW_FAILED,
            _case(pending, index),
            (),
            pending.reply.results[index],
            failure,
            step.line,
        )

    def _authority_failed(
        self, segment: Segment, position: _Position, reply: Reply
    ) -> list[Finding]:
        """A segment that the authority could not answer is not shown to the shadow; the stream
        cannot be gone on with from a state that nobody knows, so it ends here."""
        index, failure = next(
            (index, result)
            for index, result in enumerate(reply.results)
            if isinstance(result, Failure)
        )
        pending = _Pending(segment, position, reply)
        self.tally.verdicts[Verdict.AUTHORITY_FAILED] += 1
        self.tally.failures[failure.kind] += 1
        self._positions.pop(segment.key, None)
        step = segment.steps[index]
        signature = failure_signature(step.call, None, failure)
        case = _case(pending, index)
        return [
            Finding(
                signature, Verdict.AUTHORITY_FAILED, case, (), failure, ABSENT_OUTCOME, step.line
            )
        ]


ABSENT_OUTCOME: Outcome = ["error", "was not asked"]
"""Stands for the shadow's outcome where the authority failed."""


def judge(
    authority: Outcome, shadow: StepResult, before: Plain | None, price_decimals: int
) -> tuple[Verdict, tuple[Difference, ...], StepResult]:
    """The verdict on a step that the authority gave an outcome to, the differences, and what the
    shadow's result counts as: answering `error` to what the authority takes is a failure
    (protocol.md, part 1)."""
    if not isinstance(shadow, Failure) and is_refusal(shadow) and not is_refusal(authority):
        shadow = Failure(FailureKind.REFUSED, " ".join(str(part) for part in shadow if part))
    if isinstance(shadow, Failure):
        return Verdict.SHADOW_FAILED, (), shadow
    differences = compare(authority, shadow, before, price_decimals)
    if differences:
        return Verdict.DIVERGE, differences, shadow
    return (Verdict.BOTH_REFUSE if is_refusal(authority) else Verdict.AGREE), (), shadow


def same_bytes(one: StepResult, other: StepResult) -> bool:
    """Whether two results have the same encoding: a quick way to see most of those that agree."""
    try:
        return encode_outcomes([one]) == encode_outcomes([other])  # type: ignore[list-item]
    except (TypeError, ValueError, OverflowError):
        return False


def _walk(pending: _Pending) -> Iterator[tuple[Plain | None, int]]:
    position = pending.position
    start = Start(position.raw, *position.inputs)
    return walk(start, position.state, pending.segment.steps, pending.reply.results)


def _case(pending: _Pending, index: int) -> Stream:
    """The segment up to a step as a stream of its own."""
    position = pending.position
    state = position.raw if position.state is None else state_document(position.state)
    start = Start(state, *position.inputs)
    return Stream(start, tuple(pending.segment.steps[: index + 1]), pending.segment.origin)


def run_stream(lockstep: Lockstep, segments: Iterable[Segment]) -> list[Finding]:
    """Runs segments to the end: for small streams, where nothing else is under way."""
    found: list[Finding] = []
    for segment in segments:
        found += lockstep.feed(segment)
    return found + lockstep.finish()
