"""Replays streams that exist: files, directories, the corpus, and stored findings.

In this process and streaming, so that a journal of any length takes the same memory.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from replay.differential.lockstep import Lockstep, Settled
from replay.differential.model import Finding
from replay.differential.probing import probe_case
from replay.differential.tally import Tally
from replay.differential.uncompared import all_refused_words
from replay.errors import FailureStorm
from replay.explaining.claims.explained_steps import ExplainedSteps
from replay.findings.kinship import can_tell, has_authority
from replay.findings.store.store import StoredFinding
from replay.findings.store.stored import CorePair
from replay.fuzzing.features import Features
from replay.runs.collector import Collector
from replay.runs.coverage_counter import Drawn, Exercising
from replay.runs.report import Report
from replay.streams.model import Rejected, Segment
from replay.streams.parity_cases import ParityCase, expected_misses
from replay.targets.base import Outcome, Target, is_refusal
from replay.targets.compact import Plain, state_document
from replay.targets.pair import OpenPair

FIRST_STEPS = 16
"""Steps by which two streams are told apart."""


@dataclass(slots=True)
class Expectations:
    """What parity cases expect of the authority's final state, and where it was not so."""

    misses: list[str] = field(default_factory=list)
    _cases: dict[int, ParityCase] = field(default_factory=dict)

    def add(self, key: int, case: ParityCase) -> None:
        """Notes what the stream with this key is expected to end in."""
        if case.expected:
            self._cases[key] = case

    def check(self, key: int, plain: Plain | None, last: Outcome) -> None:
        """Checks a stream that has ended; `last` is the outcome of its last step."""
        case = self._cases.pop(key, None)
        if case is None:
            return
        self.misses += [f"{case.name}: {miss}" for miss in case_misses(case, plain, last)]


def case_misses(case: ParityCase, plain: Plain | None, last: Outcome) -> list[str]:
    """What a case expected and did not get. `plain` is the authority's last state, None where
    none could be read, and `last` its last outcome."""
    if plain is None:
        return ["the authority could not read the state"]
    violations = [] if is_refusal(last) else last[2]
    return expected_misses(case.expected, state_document(plain), violations)


def replay_all(
    items: Iterable[Segment | Rejected],
    authority: Target,
    shadow: Target,
    collector: Collector,
    open_minimisers: OpenPair,
    report: Report,
    expectations: Expectations | None = None,
    on_progress: Callable[[Tally], None] = lambda tally: None,
    *,
    with_features: bool = False,
    on_idle: Callable[[Rejected], None] = lambda stream: None,
    drawn: Drawn = lambda segment: None,
    reasons: ExplainedSteps | None = None,
) -> frozenset[str]:
    """Runs everything through both cores; stores, then minimises, what is found.

    All is counted in the report as it happens, so that nothing of it is lost where the run is
    interrupted. A storm of failures ends it, and is told there. Gives the features that the
    authority reached, where asked for. `drawn` tells which streams say something new
    (coverage_counter.py), and `on_idle` is told of each of whose steps none was compared. `reasons`
    are asked of each step that differs.
    """
    lockstep = Lockstep(authority, shadow, collector.routing, reasons)
    lockstep.tally = report.tally
    if expectations is not None:
        lockstep.on_end = expectations.check
    exercising = Exercising(drawn)
    idle = _Idle(on_idle)

    def settled(segment: Settled) -> None:
        exercising.take(segment)
        idle.take(segment)

    lockstep.on_settled = settled
    reached = _Reached() if with_features else None
    if reached is not None:
        lockstep.on_answered = reached.add
    fresh: list[Finding] = []
    began = time.monotonic()
    try:
        for item in items:
            if isinstance(item, Rejected):
                report.reject(item)
                continue
            fresh += [found for found in lockstep.feed(item) if collector.take(found)]
            collector.count_all(lockstep.repeats)
            on_progress(lockstep.tally)
        fresh += [found for found in lockstep.finish() if collector.take(found)]
    except FailureStorm as storm:
        report.storm = storm.message
    finally:
        report.seconds += time.monotonic() - began
        report.exercised.add(exercising.hand_over())
        if reasons is not None:
            report.weighed.add(reasons.hand_over())
        collector.count_all(lockstep.repeats)
        if reached is not None:
            report.features |= reached.features
    collector.minimise_all(fresh, open_minimisers)
    return frozenset() if reached is None else reached.features


class FirstTimes:
    """Takes recorded streams as drawn from their files and slots, for Exercising.

    Not so streams that somebody has chosen, like parity cases and the corpus, and copies of what
    was there before, which what they start from and their first steps tell.
    """

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._left_out: set[int] = set()
        self._all_left_out = False

    def leave_out(self, key: int) -> None:
        """The stream with this key was chosen."""
        self._left_out.add(key)

    def leave_all_out(self) -> None:
        """All streams were chosen, or it cannot be told which."""
        self._all_left_out = True

    def __call__(self, segment: Segment) -> str | None:
        """What a stream was drawn from, by its first segment; None where it says nothing new."""
        if self._all_left_out or segment.key in self._left_out:
            return None
        text = repr((segment.start, [step[:2] for step in segment.steps[:FIRST_STEPS]]))
        digest = hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).digest()
        is_new = digest not in self._seen
        self._seen.add(digest)
        return segment.origin if is_new else None


class _Idle:
    """Tells of streams all of whose steps both cores refused, so that nothing was compared."""

    def __init__(self, told: Callable[[Rejected], None]) -> None:
        self._told = told
        self._open: dict[int, tuple[int, int, Counter[str]]] = {}

    def take(self, settled: Settled) -> None:
        """Takes a segment that both cores have answered."""
        segment = settled.segment
        line, steps, reasons = self._open.pop(segment.key, (0, 0, Counter()))
        line = line or next((step.line for step in segment.steps), 0)
        steps += len(segment.steps)
        reasons.update(settled.uncompared.values())
        if not segment.last:
            self._open[segment.key] = line, steps, reasons
        elif steps and reasons.total() == steps:
            self._told(Rejected(segment.origin, line, all_refused_words(reasons)))


class _Reached:
    """What the authority was seen to do, over all streams."""

    def __init__(self) -> None:
        self._open: dict[int, Features] = {}
        self.features: frozenset[str] = frozenset()

    def add(self, segment: Segment, outcomes: Sequence[Outcome]) -> None:
        """Takes in a segment that the authority has answered."""
        if segment.start is not None:
            self._open[segment.key] = Features(segment.start)
        features = self._open[segment.key]
        features.add(segment.steps, outcomes)
        if segment.last:
            self.features |= features.found
            del self._open[segment.key]


def rerun(
    findings: Iterable[StoredFinding],
    authority: Target,
    shadow: Target,
    collector: Collector,
    report: Report,
    on_progress: Callable[[Tally], None] = lambda tally: None,
) -> None:
    """Runs stored cases again. The report tells of those that now agree, of those of which it could
    not be told, and of the storm that ended it, if one did; those that still diverge are counted in
    this run."""
    began = time.monotonic()
    try:
        for session, stored in enumerate(findings):
            routing = collector.routing
            probed = probe_case(authority, shadow, stored.case, session, routing=routing)
            report.tally.streams += 1
            report.tally.transitions += len(stored.case.steps)
            report.tally.verdicts.update(probed.tally.verdicts)
            report.tally.uncompared.update(probed.tally.uncompared)
            for finding in probed.found:
                collector.take(finding)
            here = CorePair(report.authority, report.shadow)
            same = has_authority(stored.cores, here)
            if can_tell(stored.cores, here) and probed.is_gone(
                stored.signature, same_authority=same
            ):
                report.resolved.append(stored.id)
            elif all(finding.id != stored.id for finding in probed.found):
                report.unsettled.append(stored.id)
            on_progress(report.tally)
    except FailureStorm as storm:
        report.storm = storm.message
    finally:
        report.seconds += time.monotonic() - began
