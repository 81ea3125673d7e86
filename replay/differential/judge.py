"""Judges the steps of a segment on which the two cores did not answer with the same bytes.

Every step is judged by itself, from the state that the authority had. What a step that differs
comes to is worked out where it is new, and looked up where it is one of many alike (outlines.py):
a fault at every step must cost about as much as none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack

from replay.differential.buckets import Bucket, Buckets, Known
from replay.differential.conditions.facts import config_at, facts_of
from replay.differential.inherited import Held, Inherited, Origin
from replay.differential.model import Difference, Signature, Verdict
from replay.differential.outlines import (
    Here,
    Occurred,
    Outlook,
    Recurring,
    key_of,
)
from replay.differential.routing_table import Routing
from replay.differential.signature.signature import failure_signature
from replay.differential.single_steps import Reasons, SingleSteps
from replay.differential.stencil import mould_of
from replay.differential.trail import Trail
from replay.differential.uncompared import is_uncompared
from replay.differential.verdicts import Judgement, judge, same_bytes
from replay.streams.model import Call, Document, Segment
from replay.targets.base import (
    Failure,
    FailureKind,
    Outcome,
    Reply,
    StepResult,
    is_refusal,
    is_unmade,
    split_outcomes,
)
from replay.targets.compact import Plain
from replay.targets.readers import OURS, Readers


class Answered(NamedTuple):
    """A segment that the authority has answered. `config` is in force before its first step, and
    `blob` is the encoding of all outcomes where there is one. `singly` has its steps one by one,
    for who asks about them."""

    segment: Segment
    config: Document
    outcomes: Sequence[Any]
    blob: bytes | None = None
    singly: SingleSteps | None = None


class Different(NamedTuple):
    """A step to be told in full: its place in the segment, whose bug it is, and what it showed."""

    place: int
    bucket: Bucket
    judgement: Judgement


@dataclass(slots=True)
class Judged:
    """What came of a segment. `met` has the places of the steps that differ, with what each came
    to; `told` those of them to be told in full, and `untold` the last of the others by bucket.
    `explained` are those that differ for known reasons, and are in none of these. `uncompared` are
    the places of steps that were refused without anything being compared, each with the outcome
    that says why."""

    agreed: int = 0
    both_refused: int = 0
    met: list[tuple[int, Known]] = field(default_factory=list)
    explained: list[Known] = field(default_factory=list)
    told: list[Different] = field(default_factory=list)
    untold: dict[Bucket, int] = field(default_factory=dict)
    uncompared: dict[int, Outcome] = field(default_factory=dict)

    def verdicts(self) -> Counter[Verdict]:
        """How often each was given."""
        counts = Counter({Verdict.AGREE: self.agreed, Verdict.BOTH_REFUSE: self.both_refused})
        all_known = [*(known for _, known in self.met), *self.explained]
        for known, times in Counter(all_known).items():
            counts[known.verdict] += times
        return +counts

    def failures(self) -> Counter[FailureKind]:
        """How often the shadow failed, by class."""
        return Counter(known.failure for _, known in self.met if known.failure is not None)

    def is_told(self, place: int, known: Known) -> bool:
        """Counts a step that differs; true where it is to be told in full."""
        self.met.append((place, known))
        if known.bucket.count():
            return True
        self.untold[known.bucket] = place
        return False

    def inherit(self, place: int, known: Known) -> None:
        """Counts a step that differs by what an earlier one brought in; it is not told in full."""
        self.met.append((place, known))
        known.bucket.count_untold()
        self.untold[known.bucket] = place

    def agree(self, place: int, authority: Outcome, shadow: Outcome) -> None:
        """Counts a step on which the shadow did as the authority."""
        if is_refusal(authority) or is_unmade(shadow):
            self.both_refused += 1
            if is_uncompared(authority, shadow):
                self.uncompared[place] = authority if is_refusal(authority) else shadow
        else:
            self.agreed += 1


_TICK = 6
"""How long the delta of a tick is at most that does nothing."""

_AGREEING = (Verdict.AGREE, Verdict.BOTH_REFUSE)


class Judge:
    """Judges steps, and remembers what it has met. One for each pair of cores."""

    def __init__(
        self, routing: Routing, reasons: Reasons | None = None, readers: Readers = OURS
    ) -> None:
        """`readers` are the authority's."""
        self.buckets = Buckets()
        self._inherited = Inherited(readers)
        self._routing = routing
        self._reasons = reasons
        self._recurring = Recurring()
        self._here = Here()
        self._version: object = None
        self._pack: Callable[[Any], bytes] = msgpack.Packer(use_bin_type=True).pack

    def judge_all(self, answered: Answered, reply: Reply, trail: Trail) -> Judged:
        """Judges all steps of a segment by the shadow's reply. `trail` is at its beginning, and
        goes on to its end."""
        judged = Judged()
        if answered.blob is None or reply.blob is None:
            self._judge_values(judged, answered, reply.results, trail)
        else:
            self._judge_bytes(judged, answered, split_outcomes(answered.blob), reply, trail)
        return judged

    def end(self, key: int) -> None:
        """A stream has ended."""
        self._inherited.end(key)

    def _judge_bytes(
        self, judged: Judged, answered: Answered, pieces: list[bytes], reply: Reply, trail: Trail
    ) -> None:
        """By the encodings of the answers: what is like many before is not even decoded."""
        assert reply.blob is not None
        their_pieces = split_outcomes(reply.blob)
        steps = zip(answered.segment.steps, answered.outcomes, pieces, their_pieces, strict=True)
        for place, (step, outcome, ours, theirs) in enumerate(steps):
            if step.changes is not None:
                trail.set(step.changes)
            if ours == theirs:
                judged.agree(place, outcome, outcome)
                trail.follow(outcome)
                continue
            held = self._inherited.held(trail.plain)
            known = self._known_by_bytes(step.call, ours, theirs, trail) if not held else None
            result = reply.decoded(theirs)
            if known is None:
                origin = self._judge_one(
                    judged, answered, place, result, trail, held, (ours, theirs)
                )
            else:
                origin = self._count(judged, answered, place, result, trail, known)
            self._follow(answered, outcome, trail, held, origin)

    def _judge_values(
        self, judged: Judged, answered: Answered, results: Sequence[StepResult], trail: Trail
    ) -> None:
        """By the answers themselves, where one side has no encoding of all of them."""
        steps = zip(answered.segment.steps, answered.outcomes, results, strict=True)
        for place, (step, ours, theirs) in enumerate(steps):
            if step.changes is not None:
                trail.set(step.changes)
            # Not all that is equal is the same (True and 1), and records may be lists or tuples.
            if (ours == theirs or len(ours[0]) > _TICK) and same_bytes(ours, theirs, self._pack):
                judged.agree(place, ours, ours)
                trail.follow(ours)
                continue
            held = self._inherited.held(trail.plain)
            origin = self._judge_one(judged, answered, place, theirs, trail, held, None)
            self._follow(answered, ours, trail, held, origin)

    def _follow(
        self,
        answered: Answered,
        outcome: Outcome,
        trail: Trail,
        held: frozenset[Held],
        origin: Origin | None,
    ) -> None:
        """Goes on from a step that differs, unless `origin` is None."""
        trail.follow(outcome)
        if origin is not None:
            after = self._inherited.held(trail.plain)
            self._inherited.note(answered.segment.key, held, after, origin)

    def _judge_one(
        self,
        judged: Judged,
        answered: Answered,
        place: int,
        theirs: StepResult,
        trail: Trail,
        held: frozenset[Held],
        encoded: tuple[bytes, bytes] | None,
    ) -> Origin | None:
        """Judges a step on which the answers are most likely not the same; what it came to, None
        where they agree. `held` is what it starts with."""
        call, ours = answered.segment.steps[place].call, answered.outcomes[place]
        if held and (origin := self._inherited_from(judged, answered, place, theirs, trail, held)):
            return origin
        here = self._known_at(trail)
        key, differences = key_of(call, ours, theirs, trail.plain, trail.decimals)
        known = here.get(key)
        judgement = None if not differences else Judgement(Verdict.DIVERGE, differences, theirs)
        if not isinstance(known, Known):
            if known is Outlook.ALIKE:
                assert not isinstance(theirs, Failure)
                judged.agree(place, ours, theirs)
                return None
            judgement = judgement or judge(ours, theirs, trail.plain, trail.decimals)
            if judgement.verdict in _AGREEING:
                assert not isinstance(theirs, Failure)
                judged.agree(place, ours, theirs)
                if key is not None:
                    here[key] = Outlook.ALIKE
                return None
            if same_bytes(ours, theirs, self._pack):
                judged.agree(place, ours, ours)
                return None
            known = self._work_out(answered, place, trail, judgement, here, key)
        elif encoded is not None:
            self._cast(call, ours, theirs, encoded, trail, known)
        return self._count(judged, answered, place, theirs, trail, known, judgement)

    def _inherited_from(
        self,
        judged: Judged,
        answered: Answered,
        place: int,
        theirs: StepResult,
        trail: Trail,
        held: frozenset[Held],
    ) -> Origin | None:
        """Counts a step that differs by what an earlier one brought in, as that was counted; where
        more differs, by the rest."""
        ours, key = answered.outcomes[place], answered.segment.key
        verdict, differences, shadow = judge(ours, theirs, trail.plain, trail.decimals)
        rest: tuple[Difference, ...] = ()
        if isinstance(shadow, Failure):
            origin = self._inherited.of_refusal(key, held, shadow)
        else:
            origin, rest = self._inherited.of_differences(key, held, differences)
        if origin is None:
            return None
        if rest:
            judgement = Judgement(verdict, rest, shadow)
            known = self._work_out(answered, place, trail, judgement, self._known_at(trail), None)
            return self._count(judged, answered, place, theirs, trail, known, judgement)
        known = _known(verdict, shadow, origin.known.bucket)
        if origin.explained:
            judged.explained.append(known)
        else:
            judged.inherit(place, known)
        return origin

    def _count(
        self,
        judged: Judged,
        answered: Answered,
        place: int,
        theirs: StepResult,
        trail: Trail,
        known: Known,
        judgement: Judgement | None = None,
    ) -> Origin:
        """Counts a step that differs, as explained where it is known why, and tells it in full
        where it is to be told."""
        if self._is_explained(answered, place, theirs, trail, known):
            judged.explained.append(known)
            return Origin(known, explained=True)
        if judged.is_told(place, known):
            ours = answered.outcomes[place]
            judgement = judgement or judge(ours, theirs, trail.plain, trail.decimals)
            judged.told.append(Different(place, known.bucket, judgement))
        return Origin(known, explained=False)

    def _is_explained(
        self, answered: Answered, place: int, theirs: StepResult, trail: Trail, known: Known
    ) -> bool:
        reasons = self._reasons
        singly = answered.singly
        if reasons is not None and singly is not None and known.bucket.id not in reasons.not_for:
            single = singly.at(place, theirs, trail.plain, trail.decimals)
            return single is not None and reasons.explains(single)
        return False

    def _known_by_bytes(self, call: Call, ours: bytes, theirs: bytes, trail: Trail) -> Known | None:
        """What a step comes to that looks like many before."""
        if isinstance(call, tuple):
            mould = self._known_at(trail).moulds.get((call[0], len(ours), len(theirs)))
            if mould is not None and mould.fits(call, ours, theirs, trail.plain, trail.decimals):
                return mould.known
        return None

    def _cast(
        self,
        call: Call,
        ours: Outcome,
        theirs: StepResult,
        encoded: tuple[bytes, bytes],
        trail: Trail,
        known: Known,
    ) -> None:
        """Takes a mould of a step that is one of many, unless there is one of these lengths."""
        if isinstance(theirs, Failure) or not isinstance(call, tuple):
            return
        moulds = self._known_at(trail).moulds
        lengths = (call[0], len(encoded[0]), len(encoded[1]))
        if lengths not in moulds:
            outcomes = ours, theirs
            moulds[lengths] = mould_of(call, outcomes, encoded, trail.plain, trail.decimals, known)

    def _known_at(self, trail: Trail) -> Here:
        """What is known of steps that start here; looked up where the state has changed."""
        if trail.version is not self._version:
            self._version = trail.version
            self._here = self._recurring.at(trail.plain)
        return self._here

    def _work_out(
        self,
        answered: Answered,
        place: int,
        trail: Trail,
        judgement: Judgement,
        here: Here,
        key: Hashable,
    ) -> Known:
        """Works out whose bug a step shows, and remembers it where it has a key."""
        call, ours = answered.segment.steps[place].call, answered.outcomes[place]
        verdict, differences, shadow = judgement
        assert not isinstance(ours, Failure)
        occurred = Occurred(call, trail.plain, ours, shadow, differences, trail.settings)
        signature = occurred.signature()
        bucket, by_facts = self._bucket_of(
            answered, place, trail.plain, signature, differences, shadow
        )
        known = _known(verdict, shadow, bucket)
        if key is not None and not by_facts:
            self._recurring.learn(here, key, occurred, signature, known)
        return known

    def failed(
        self, answered: Answered, place: int, before: Plain | None, shadow: StepResult
    ) -> Bucket:
        """The bucket of a failure that was not met by comparing: the shadow's, or the authority's
        where that gave no answer to the step."""
        call, ours = answered.segment.steps[place].call, answered.outcomes[place]
        failure = ours if isinstance(ours, Failure) else shadow
        assert isinstance(failure, Failure)
        signature = failure_signature(call, before, failure)
        return self._bucket_of(answered, place, before, signature, (), shadow)[0]

    def _bucket_of(
        self,
        answered: Answered,
        place: int,
        before: Plain | None,
        signature: Signature,
        differences: Sequence[Difference],
        shadow: StepResult,
    ) -> tuple[Bucket, bool]:
        """The bucket of a step with this signature, and whether the facts of this very step
        decided it (routing_table.py)."""
        if not self._routing:
            return self.buckets[signature], False
        by_facts = False

        def facts() -> Mapping[str, Any]:
            nonlocal by_facts
            by_facts = True
            config, steps, ours = answered.config, answered.segment.steps, answered.outcomes
            config = config_at(config, steps, ours, place)
            return facts_of(steps[place].call, before, differences, ours[place], shadow, config)

        routed = self._routing.route(signature, facts)
        return self.buckets[routed], by_facts


def _known(verdict: Verdict, shadow: StepResult, bucket: Bucket) -> Known:
    """What a step comes to that is judged so."""
    return Known(verdict, shadow.kind if isinstance(shadow, Failure) else None, bucket)
