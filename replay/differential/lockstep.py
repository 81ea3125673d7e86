"""Lockstep: one stream through two cores, each step from the authority's state.

The authority runs ahead, segment by segment; its answers go to the shadow along with the steps
(docs/replay-method.md, "guide"), so one divergence never causes the next and a stream is never
given up. Where both answers have the same bytes nothing is decoded. What is found is handed to
the caller with all it takes to see it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from replay.differential.buckets import Bucket, Known
from replay.differential.judge import Answered, Judge, Judged
from replay.differential.leads import Leads
from replay.differential.model import Finding, Repeat, Signature, Verdict
from replay.differential.notable import notable_steps
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.same_footing import SURE, Unsure, is_sure, restated
from replay.differential.single_steps import Reasons, SingleSteps
from replay.differential.tally import Tally
from replay.differential.trail import Trail, walk
from replay.differential.uncompared import is_computed, why_refused
from replay.differential.verdicts import Judgement
from replay.streams.model import Document, Segment, Start, Step
from replay.targets.base import (
    REFUSED,
    Failure,
    Outcome,
    Reply,
    StepResult,
    Target,
    Work,
    is_refusal,
)
from replay.targets.compact import Plain, apply_changes, apply_delta, blank
from replay.targets.cursor import Standing, is_transition, settings_after
from replay.targets.known_helpers import askable, lacking_words
from replay.targets.readers import Readers, readers_of

__all__ = ["ABSENT_OUTCOME", "Lockstep", "run_stream"]


NOTHING: Mapping[int, str] = MappingProxyType({})


class Settled(NamedTuple):
    """A segment that both cores have answered: the codes of its calls (-1 for event documents), the
    authority's outcomes, the places of its notable steps (notable.py), those of the steps on which
    the shadow did not agree, with the IDs of what was found there, and those of the steps on which
    nothing was compared, with the reasons."""

    segment: Segment
    codes: Sequence[int]
    outcomes: Sequence[Outcome]
    notable: Sequence[int]
    different: Sequence[tuple[int, str]]
    uncompared: Mapping[int, str] = MappingProxyType({})


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
    unsure: Unsure = SURE

    @property
    def state(self) -> Plain | None:
        """The authority's state here, where it is known; only made when somebody asks."""
        if callable(self.plain):
            self.plain = self.plain()
        return self.plain

    def as_start(self) -> Start:
        """The documents in force here, with the state that the stream began with."""
        return Start(self.raw, *self.inputs)


@dataclass(slots=True)
class _Pending:
    """A segment that the authority has answered and the shadow is working on."""

    segment: Segment
    position: _Position
    reply: Reply
    unasked: Mapping[int, str]
    """The places of calls that one of the cores does not have, and why they were not asked."""

    def answered(self, singly: SingleSteps | None = None) -> Answered:
        """As it is judged."""
        config, reply = self.position.inputs.config, self.reply
        return Answered(self.segment, config, reply.results, reply.blob, singly)


class Lockstep:
    """Runs segments of any number of streams through two targets.

    `feed` hands over the next segment of a stream and gives what was found meanwhile, which may be
    about earlier segments; `finish` waits for all that is under way. `tally` counts what has been
    compared. The first occurrences of a bucket, and ever fewer of those that follow (buckets.py),
    are findings with their cases; the others are only counted in `repeats`, by ID, for the caller
    to take. `on_end`, where set, is told of each stream
    that has ended: its key, the authority's last state (None where none could be read) and its
    last outcome; `on_answered` of each segment that the authority has answered, `on_settled` of
    each that both have. `routing` is what was split and merged by hand. `reasons` is asked of each
    step that differs; what that explains is counted, and never a finding. `readers` are asked
    instead of the authority's own. Raises FailureStorm where a core fails again and again.
    """

    def __init__(
        self,
        authority: Target,
        shadow: Target,
        routing: Routing = NO_ROUTING,
        reasons: Reasons | None = None,
        *,
        readers: Readers | None = None,
    ) -> None:
        self.authority = authority
        self.shadow = shadow
        self._reasons = reasons
        self._readers = readers_of(authority) if readers is None else readers
        self.tally = Tally()
        self.repeats: dict[str, Repeat] = {}
        self.last_uncompared = ""
        """Why nothing was compared at the last step that both have answered; empty where
        something was."""
        self._judge = Judge(routing, reasons, self._readers)
        self._leads = Leads(self._readers)
        self.on_end: Callable[[int, Plain | None, Outcome], None] | None = None
        self.on_answered: Callable[[Segment, Sequence[Outcome]], None] | None = None
        self.on_settled: Callable[[Settled], None] | None = None
        self._positions: dict[int, _Position] = {}
        self.lacking = lacking_words(authority, shadow)
        """The helpers around the reducer that cannot be compared here, and why."""
        self._asked: deque[tuple[Segment, Mapping[int, str]]] = deque()
        self._pending: deque[_Pending] = deque()
        self._alone: dict[int, int] = {}
        """Of each stream, how many transitions in a row the shadow alone has refused last."""
        self._trails: dict[int, Trail] = {}
        """Of each stream whose last segment was judged step by step, where that ended."""

    def expect(self, met: Mapping[Signature, int]) -> None:
        """Says, before anything is run, how often each bug was met elsewhere: of a flood that
        others have told of, only some is told in full."""
        self._judge.buckets.expect(met)

    def met(self) -> dict[Signature, int]:
        """How often each bug was met here."""
        return self._judge.buckets.met()

    @property
    def under_way(self) -> frozenset[int]:
        """The streams of which something was handed over and is not yet compared."""
        waiting = (pending.segment for pending in self._pending)
        asked = (segment for segment, _ in self._asked)
        return frozenset(segment.key for segment in (*asked, *waiting))

    def refused_alone(self, key: int) -> int:
        """How many of a stream's transitions, up to the last one compared, the shadow refused one
        after the other while the authority took them."""
        return self._alone.get(key, 0)

    def feed(self, segment: Segment) -> list[Finding]:
        """Runs a segment. Segments of one stream come in order; streams may be interleaved."""
        steps, unasked = askable(segment.steps, self.lacking)
        segment = segment._replace(steps=steps)
        self.authority.submit(Work(segment.key, segment.start, segment.steps, segment.last))
        self._asked.append((segment, unasked))
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
        segment, unasked = self._asked.popleft()
        reply = self.authority.collect()
        return self.pass_on(segment, reply, unasked)

    def pass_on(
        self, segment: Segment, reply: Reply, unasked: Mapping[int, str] = NOTHING
    ) -> list[Finding]:
        """Hands steps that the authority has answered to the shadow (for callers that run the
        authority themselves, as generation does). `unasked` are the places of calls that were not
        asked as they are, with why."""
        if segment.start is None and segment.key not in self._positions:
            return []  # the rest of a stream that ended where the authority failed
        position = self._position(segment)
        if Failure in set(map(type, reply.results)):
            return self._authority_failed(segment, position, reply)
        found: list[Finding] = []
        for place, failure in reply.incidents:
            found += self._authority_incident(segment, position, reply, place, failure)
        self._pending.append(_Pending(segment, position, reply, unasked))
        outcomes: Any = reply.results
        key, start, steps, last, _ = segment
        if not is_sure(position.unsure, steps, outcomes):
            steps = self._restated(position, segment, outcomes)
        self.shadow.submit(Work(key, start, steps, last, outcomes, reply.blob, reply.end))
        if self.on_answered is not None:
            self.on_answered(segment, outcomes)
        self._leads.add(segment, position)
        self._advance(segment, outcomes, reply.end)
        return found

    def _restated(
        self, position: _Position, segment: Segment, outcomes: Sequence[Outcome]
    ) -> Sequence[Step]:
        """The steps as the shadow gets them (same_footing.py)."""
        plain = self._readers.state(position.raw) if position.state is None else position.state
        settings = position.inputs._asdict()
        told, unsure = restated(
            plain, settings, position.unsure, segment.steps, outcomes, self._readers
        )
        self._positions[segment.key].unsure = unsure
        return told

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
        return _Position(position.raw, plain, position.inputs, position.unsure)

    def _advance(
        self,
        segment: Segment,
        outcomes: Sequence[Outcome],
        end: Callable[[], Plain] | None,
    ) -> None:
        """Moves the stream's position after the segment."""
        position = self._positions[segment.key]
        if segment.last:
            del self._positions[segment.key]
            if self.on_end is None:
                return
        for step, outcome in zip(segment.steps, outcomes, strict=True):
            if step.changes is not None:
                answered = not is_refusal(outcome)
                settings = settings_after(
                    position.inputs._asdict(), step, answered=answered, readers=self._readers
                )
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
                    state = self._readers.state(position.raw) if state is None else state
                    position.plain, _ = apply_changes(state, step.changes, self._readers.state)
        if segment.last and self.on_end is not None and outcomes:
            self.on_end(segment.key, position.state, outcomes[-1])

    def _settle(self) -> list[Finding]:
        """Takes the shadow's oldest answer and compares it with the authority's."""
        pending = self._pending.popleft()
        reply = self.shadow.collect()
        steps = pending.segment.steps
        tally = self.tally
        tally.transitions += len(steps)
        codes = [step[0][0] if type(step[0]) is tuple else -1 for step in steps]
        tally.calls.update(codes)
        found: list[Finding] = []
        for place, failure in reply.incidents:
            found += self._failed_step(pending, place, failure)
            tally.failures[failure.kind] += 1
            tally.incidents[failure.kind] += 1
        trail = self._trails.pop(pending.segment.key, None)
        different: list[tuple[int, Known]] = []
        uncompared: Mapping[int, Outcome] = {}
        former = self._alone.pop(pending.segment.key, 0)
        if reply.blob is not None and reply.blob == pending.reply.blob:
            outcomes: Any = pending.reply.results
            refusals = list(map(len, outcomes)).count(REFUSED)
            tally.verdicts[Verdict.BOTH_REFUSE] += refusals
            tally.verdicts[Verdict.AGREE] += len(steps) - refusals
            if refusals:
                uncompared = {at: one for at, one in enumerate(outcomes) if not is_computed(one)}
        else:
            judged = self._compare_steps(pending, reply, trail, found)
            different, uncompared = judged.met, judged.uncompared
            alone = _alone_at_end(steps, pending.reply.results, reply.results, former)
            if alone and not pending.segment.last:
                self._alone[pending.segment.key] = alone
        reasons = self._note_uncompared(pending, uncompared, {place for place, _ in different})
        if self.on_settled is not None:
            self.on_settled(_settled(pending, codes, different, reasons))
        if pending.segment.last:
            self._leads.end(pending.segment.key)
            self._judge.end(pending.segment.key)
        return found

    def _note_uncompared(
        self, pending: _Pending, uncompared: Mapping[int, Outcome], different: Collection[int]
    ) -> Mapping[int, str]:
        """Counts the steps of a segment on which nothing was compared, and tells why."""
        steps = pending.segment.steps
        reasons: dict[int, str] = {}
        if uncompared:
            start = pending.position.as_start()._asdict()
            for place, outcome in uncompared.items():
                reasons[place] = why_refused(outcome, steps[place], start)
                self.tally.count_uncompared(reasons[place])
        for place, why in pending.unasked.items():
            if place not in reasons and place not in different:
                reasons[place] = why
                self.tally.count_uncompared(why)
        if steps:
            self.last_uncompared = reasons.get(len(steps) - 1, "")
        return reasons

    def _compare_steps(
        self, pending: _Pending, reply: Reply, trail: Trail | None, found: list[Finding]
    ) -> Judged:
        """Step by step, for a segment whose answers are not the same bytes. Adds to what was found,
        and gives what came of it. `trail` is where the segment begins, where it is known."""
        position, segment = pending.position, pending.segment
        if trail is None or segment.start is not None:
            trail = Trail.of(position.as_start(), position.state, self._readers.state)
        elif trail.plain is not None:
            # The same state as the authority's own, and cheaper than to have that made plain.
            position.plain = list(trail.plain)
        judged = self._judge.judge_all(pending.answered(self._singly(pending)), reply, trail)
        if not segment.last:
            self._trails[segment.key] = trail
        self.tally.verdicts.update(judged.verdicts())
        self.tally.failures.update(judged.failures())
        self.tally.explained += len(judged.explained)
        found += [self._finding(pending, *different) for different in judged.told]
        for bucket, place in judged.untold.items():
            self._repeat(pending, place, bucket)
        return judged

    def _singly(self, pending: _Pending) -> SingleSteps | None:
        """The steps one by one, where there is anybody to ask about them."""
        if self._reasons is None:
            return None
        position, segment = pending.position, pending.segment
        standing = Standing.at(position.as_start(), position.state, self._readers)
        outcomes: Any = pending.reply.results
        return SingleSteps(standing, segment.steps, outcomes, segment.origin)

    def _finding(
        self, pending: _Pending, place: int, bucket: Bucket, judgement: Judgement
    ) -> Finding:
        """A step told in full."""
        position, segment = pending.position, pending.segment
        case, is_true = self._leads.case(segment, position, place)
        lead = None
        if bucket.times == 1:
            lead = self._leads.lead(segment, place, len(case.steps))
        ours, line = pending.reply.results[place], segment.steps[place].line
        verdict, differences, theirs = judgement
        return Finding(
            bucket.signature, verdict, case, differences, ours, theirs, line, not is_true, lead
        )

    def _repeat(self, pending: _Pending, place: int, bucket: Bucket) -> None:
        """Counts the occurrences of a bucket that are not told in full; the last was here."""
        steps, origin = pending.segment.steps, pending.segment.origin
        again = Repeat(bucket.untold, origin, steps[place].line, place)
        self.repeats[bucket.id] = again.after(self.repeats.get(bucket.id))
        bucket.untold = 0

    def _failed_step(self, pending: _Pending, place: int, failure: Failure) -> list[Finding]:
        """A failure noticed at a step whose true answer is known all the same."""
        before = next(plain for at, (plain, _) in enumerate(self._walk(pending)) if at == place)
        return self._failed(pending, place, before, Judgement(Verdict.SHADOW_FAILED, (), failure))

    def _walk(self, pending: _Pending) -> Iterator[tuple[Plain | None, int]]:
        position, read = pending.position, self._readers.state
        steps, outcomes = pending.segment.steps, pending.reply.results
        return walk(position.as_start(), position.state, steps, outcomes, read)

    def _authority_incident(
        self, segment: Segment, position: _Position, reply: Reply, place: int, failure: Failure
    ) -> list[Finding]:
        """A failure of the authority at a step that it answered when it was asked again."""
        self.tally.failures[failure.kind] += 1
        self.tally.incidents[failure.kind] += 1
        results = [*reply.results]
        results[place] = failure
        judgement = Judgement(Verdict.AUTHORITY_FAILED, (), ABSENT_OUTCOME)
        return self._failed(
            _Pending(segment, position, Reply(None, results), NOTHING), place, None, judgement
        )

    def _authority_failed(
        self, segment: Segment, position: _Position, reply: Reply
    ) -> list[Finding]:
        """A segment that the authority could not answer is not shown to the shadow; the stream
        cannot be gone on with from a state that nobody knows, so it ends here."""
        place, failure = next(
            (place, result)
            for place, result in enumerate(reply.results)
            if isinstance(result, Failure)
        )
        self.tally.verdicts[Verdict.AUTHORITY_FAILED] += 1
        self.tally.failures[failure.kind] += 1
        self._positions.pop(segment.key, None)
        judgement = Judgement(Verdict.AUTHORITY_FAILED, (), ABSENT_OUTCOME)
        return self._failed(_Pending(segment, position, reply, NOTHING), place, None, judgement)

    def _failed(
        self, pending: _Pending, place: int, before: Plain | None, judgement: Judgement
    ) -> list[Finding]:
        """What there is to tell of a failure that was not met by comparing."""
        bucket = self._judge.failed(pending.answered(), place, before, judgement.shadow)
        if bucket.count():
            return [self._finding(pending, place, bucket, judgement)]
        self._repeat(pending, place, bucket)
        return []


ABSENT_OUTCOME: Outcome = ["error", "was not asked"]
"""Stands for the shadow's outcome where the authority failed."""


def _alone_at_end(
    steps: Sequence[Step], ours: Sequence[StepResult], theirs: Sequence[StepResult], former: int
) -> int:
    """How many transitions at the end the shadow refused and the authority did not; with the former
    ones where that is all of these steps. Calls that need no settings say nothing."""
    count = 0
    for step, our, their in zip(reversed(steps), reversed(ours), reversed(theirs), strict=True):
        if not is_transition(step.call):
            continue
        if not _is_refused(their) or _is_refused(our):
            return count
        count += 1
    return count + former


def _is_refused(result: StepResult) -> bool:
    return not isinstance(result, Failure) and is_refusal(result)


def _settled(
    pending: _Pending,
    codes: Sequence[int],
    different: Sequence[tuple[int, Known]],
    uncompared: Mapping[int, str],
) -> Settled:
    outcomes: Any = pending.reply.results
    notable = pending.reply.notable
    if notable is None:
        notable = notable_steps(pending.segment.steps, codes, outcomes)
    found = [(place, known.bucket.id) for place, known in different]
    return Settled(pending.segment, codes, outcomes, notable, found, uncompared)


def run_stream(lockstep: Lockstep, segments: Iterable[Segment]) -> list[Finding]:
    """Runs segments to the end: for small streams, where nothing else is under way."""
    found: list[Finding] = []
    for segment in segments:
        found += lockstep.feed(segment)
    return found + lockstep.finish()
