"""Takes what a run finds into the store: the unshrunk case first, then minimised, then counted.

The first occurrence of a bucket in a run is stored before anything else is done with it; further
ones are counted and flushed now and then, so thousands of them cost next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from replay.differential.minimising.minimiser import Minimised, minimise, shows_afresh
from replay.differential.model import Finding, Repeat, Signature, said_in
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.findings.lifecycle import word_when_seen
from replay.findings.store.store import FailureCount, Store
from replay.runs.report import FindingLine
from replay.targets.base import Failure, FailureKind
from replay.targets.pair import OpenPair, fresh_pair

"""Opens an authority and a shadow that are used for nothing but minimising."""

FLUSH_SECONDS = 2.0
KEPT_CASES = 8
"""Occurrences of one bucket in one run whose case is kept: a split and an explanation have to look
at more than one, and a flood must not fill the disk."""

MAX_SAMPLES = 300
"""Occurrences of one bucket that a run keeps in memory, for checking explanations against."""

SURE_SAMPLES = 5
"""So many of them are kept of each bucket, whatever is kept of the others."""

MAX_SAMPLED_STEPS = 200_000
"""Steps in the cases of all occurrences that are kept in memory: some 40 MB."""

MAX_MINIMISED = 200
"""Buckets minimised in one run; a core that is wrong everywhere must not take all night."""


@dataclass(slots=True)
class _Bucket:
    smallest: Finding
    new: bool
    occurrences: int = 1
    kept: int = 1
    minimised: bool = False


@dataclass(slots=True)
class Collector:
    """The findings of one run, on their way into the store.

    `command` makes the command to copy from a finding's ID. `on_found` is told of each bucket the
    first time the run sees it, when it has been stored, and in one word how it stands. `routing` is
    what was split and merged by hand: all that runs streams for this collector uses it. `samples`
    has occurrences of each bucket with their cases: the first ones, and some of all the others.
    """

    store: Store
    run_id: int
    command: Callable[[str], str]
    on_found: Callable[[Finding, str], None] = lambda finding, word: None
    routing: Routing = NO_ROUTING
    samples: dict[str, list[Finding]] = field(default_factory=dict)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _failures: dict[tuple[str, str], FailureCount] = field(default_factory=dict)
    _sampled_steps: int = 0
    _flushed: float = field(default_factory=time.monotonic)

    def knows(self, finding_id: str) -> bool:
        """Whether this run has seen the bucket already."""
        return finding_id in self._buckets

    def take(self, finding: Finding) -> bool:
        """Stores or counts one occurrence; true where it is this run's first of its bucket."""
        # The way of its stream is for minimising alone, and long.
        finding = replace(finding, lead=None)
        self._sample(finding)
        bucket = self._buckets.get(finding.id)
        if bucket is not None:
            self._keep(bucket, finding)
            self.count(finding.id, finding.place)
            return False
        recorded = self.store.record(self.run_id, finding)
        self._buckets[finding.id] = _Bucket(finding, recorded.is_new)
        self._count_failure(finding, 1)
        self.on_found(finding, word_when_seen(recorded.status, new=recorded.is_new))
        return True

    def _sample(self, finding: Finding) -> None:
        """Keeps an occurrence in memory, as long as there is room."""
        sample, steps = self.samples.setdefault(finding.id, []), len(finding.case.steps)
        room = len(sample) < MAX_SAMPLES and self._sampled_steps + steps <= MAX_SAMPLED_STEPS
        if room or len(sample) < SURE_SAMPLES:
            sample.append(finding)
            self._sampled_steps += steps

    def _keep(self, bucket: _Bucket, finding: Finding) -> None:
        """Keeps the case of one more occurrence, while there are few."""
        if bucket.kept < KEPT_CASES:
            bucket.kept += 1
            self.store.keep(self.run_id, finding)

    def count(self, finding_id: str, repeat: Repeat) -> None:
        """Counts occurrences of a bucket that was taken before; they are stored within seconds."""
        bucket = self._buckets[finding_id]
        bucket.occurrences += repeat.times
        self._count_failure(bucket.smallest, repeat.times)
        times, origin, line, step = repeat
        self.store.count(self.run_id, finding_id, times, origin=origin, line=line, step=step)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.store.flush()
            self._flushed = time.monotonic()

    def count_all(self, repeats: dict[str, Repeat]) -> None:
        """Counts what a lockstep has only counted, and empties that.

        What it has found but could not tell, since a storm of failures ended it, is not known here
        and cannot be counted.
        """
        for finding_id, repeat in repeats.items():
            if self.knows(finding_id):
                self.count(finding_id, repeat)
        repeats.clear()

    def take_minimised(self, minimised: Minimised) -> None:
        """Stores a smaller case of a bucket, where it is smaller than what is there."""
        finding = minimised.finding
        self.store.store_minimised(
            self.run_id, finding.id, finding, minimised.attempts, minimised.seconds
        )
        bucket = self._buckets[finding.id]
        if not bucket.minimised or size_of(finding) < size_of(bucket.smallest):
            bucket.smallest, bucket.minimised = finding, True

    def minimise_all(self, findings: list[Finding], open_pair: OpenPair) -> None:
        """Minimises the first occurrences of buckets, with a pair of cores of their own."""
        if not findings:
            return
        with fresh_pair(open_pair) as (authority, shadow):
            for finding in findings[:MAX_MINIMISED]:
                smaller = minimise(finding, authority, shadow, routing=self.routing)
                if smaller is not None and shows_afresh(
                    smaller.finding, open_pair, routing=self.routing
                ):
                    self.take_minimised(smaller)

    def _count_failure(self, finding: Finding, times: int) -> None:
        for role, result in (("authority", finding.authority), ("shadow", finding.shadow)):
            if isinstance(result, Failure):
                kind = str(result.kind)
                new = FailureCount(kind, 0, result.detail, role=role)
                former = self._failures.get((role, kind), new)
                self._failures[role, kind] = former._replace(steps=former.steps + times)

    def failure_counts(self, incidents: Mapping[FailureKind, int]) -> list[FailureCount]:
        """How often each core failed, by class, for the run's record. `incidents` are those
        failures of the shadow after which its true answer was found by asking again."""
        counts = []
        for (role, kind), count in sorted(self._failures.items()):
            only = min(incidents.get(FailureKind(kind), 0), count.steps) if role == "shadow" else 0
            counts.append(count._replace(steps=count.steps - only, incidents=only))
        return counts

    def lines(self) -> list[FindingLine]:
        """The buckets of this run, divergences before failures, in the order of their IDs."""
        return [
            FindingLine(
                id=finding_id,
                event=bucket.smallest.event,
                rule=_rule(bucket.smallest.signature),
                kind=bucket.smallest.signature.kind,
                field=bucket.smallest.signature.field,
                fields=tuple(sorted({d.path for d in bucket.smallest.differences})),
                occurrences=bucket.occurrences,
                steps=len(bucket.smallest.case.steps),
                new=bucket.new,
                failure=bucket.smallest.signature.failure,
                command=self.command(finding_id),
                said=said_in(bucket.smallest),
                differences=bucket.smallest.differences,
                apart=bucket.smallest.is_apart,
            )
            for finding_id, bucket in sorted(self._buckets.items())
        ]


def _rule(signature: Signature) -> str:
    """The rule, with the part of the bucket where it was split by hand."""
    return f"{signature.rule} [{signature.part}]" if signature.part else signature.rule


def size_of(finding: Finding) -> tuple[int, int, str]:
    """A total order of cases of one bucket: steps, then how much there is to read."""
    text = repr((finding.case.start, [step[:2] for step in finding.case.steps]))
    return len(finding.case.steps), len(text), text
