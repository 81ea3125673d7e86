"""Checks an explanations.toml at the end of a run: brings all that is known of each bucket.

Besides what the run has kept itself, stored cases are run again on the run's own cores: what a
shadow answered some weeks ago says nothing about this one. Nothing is stored here.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from replay.differential.last_step import run_last_step
from replay.differential.model import Finding, Signature
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.errors import FailureStorm
from replay.explaining.claims.claim import Claim
from replay.explaining.claims.explained_steps import Statements, source_of
from replay.explaining.claims.explanations import Explanations
from replay.explaining.claims.occurrences import Occurrence, prepared
from replay.explaining.claims.recheck import Bucket, Explained, judge
from replay.explaining.claims.stated_claims import runnable
from replay.explaining.claims.weighed import Weighed
from replay.explaining.evidence.kept import cases_of
from replay.explaining.evidence.passages import Passage, Witness
from replay.explaining.evidence.supply import corpus_streams, planned_streams
from replay.findings.lifecycle import Status
from replay.findings.store.encoding import pack_stream
from replay.findings.store.store import Store, StoredFinding
from replay.fuzzing.plan import Profile
from replay.streams.model import Stream
from replay.targets.base import Target
from replay.targets.pair import PairSpec
from replay.targets.python.unheard import unheard

MAX_OCCURRENCES = 300
"""Occurrences of one bucket that are looked at; what a run keeps is far less."""

MAX_FAILURES = 20
MAX_SECONDS = 60.0
"""Stored cases are run again until so many of them have failed, or for so long (wall-clock): a
core that hangs costs its deadline each time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run has met: findings with their cases, by ID, and how often each was met; and what
    it found of explanations that are statements, at the steps that these explain."""

    samples: Mapping[str, Sequence[Finding]]
    counts: Mapping[str, int]
    weighed: Weighed = field(default_factory=Weighed)


NOTHING_SEEN = Seen({}, {})


@dataclass(frozen=True, slots=True)
class Recheck:
    """What came of it: one claim for each explanation, in the order of the file, and for each
    bucket what explains it. `found` is what running stored cases again has shown. `complete` is
    false where a core failed on one of them, or not all could be run."""

    claims: tuple[Claim, ...] = ()
    buckets: Mapping[str, Explained] = field(default_factory=dict)
    found: tuple[Finding, ...] = ()
    complete: bool = True


@unheard()
def recheck_run(
    explanations: Explanations,
    seen: Seen,
    store: Store,
    cores: PairSpec,
    corpora: Sequence[Path],
    *,
    today: datetime.date,
    everything: bool,
    routing: Routing = NO_ROUTING,
) -> Recheck:
    """Says which explanations hold for a run, and which buckets they explain.

    With `everything` all stored cases are run again, so that an explanation that nothing meets
    fails; otherwise only those of the buckets that the run has met. What was counted in the store
    is flushed first. Costs nothing where there is no explanation. Raises TargetError where a core
    cannot be started, FailureStorm where the authority fails again and again.
    """
    if not explanations.entries:
        return Recheck()
    if seen.counts:
        store.flush()  # what this run has kept is read again
    wanted = [one for one in store.findings() if everything or seen.counts.get(one.id, 0)]
    flaky = {one.id for one in wanted if one.status is Status.FLAKY}
    authority, shadow = cores.open()
    with closing(authority), closing(shadow):
        again = _Again(store, routing)
        again.run([one for one in wanted if not one.signature.failure], authority, shadow)
        # What has failed before will do so again, which is no reason to give up.
        failures = [one for one in wanted if one.signature.failure and one.id not in seen.samples]
        again.run_failures(failures, cores)
        buckets = _buckets(seen, again.found, flaky, authority)
        needs_core = any(one.deviation is not None for one in explanations.entries) and buckets
        core = source_of(cores.authority, authority.identity) if needs_core else None
        statements = Statements(runnable(explanations, today))
        judgement = judge(
            explanations,
            buckets,
            core,
            today,
            complete=everything and again.complete,
            agreed=lambda: _agreed(corpora, authority, shadow),
            steps=statements.for_cores(cores, (authority, shadow)),
            met=seen.weighed,
        )
    return Recheck(judgement.claims, judgement.buckets, tuple(again.found), again.complete)


class _Again:
    """Runs stored cases again."""

    def __init__(self, store: Store, routing: Routing) -> None:
        self._store = store
        self._routing = routing
        self._failures = 0
        self._until = time.monotonic() + MAX_SECONDS
        self.found: list[Finding] = []
        self.complete = True

    def run(self, findings: Sequence[StoredFinding], authority: Target, shadow: Target) -> None:
        """Runs all kept cases of divergences. The minimised one of each comes first, so that all
        are looked at where there are many."""
        cases = [cases_of(finding, self._store) for finding in findings]
        for case in (
            *(kept[0] for kept in cases if kept),
            *(one for kept in cases for one in kept[1:]),
        ):
            if self._failures >= MAX_FAILURES or time.monotonic() > self._until:
                self.complete = False
                return
            try:
                failed = self._run(case, authority, shadow)
            except FailureStorm:
                failed, self._failures = True, MAX_FAILURES
            if failed:
                # Nobody can tell what it would have shown.
                self._failures += 1
                self.complete = False

    def run_failures(self, findings: Sequence[StoredFinding], cores: PairSpec) -> None:
        """Runs one case of each failure, on cores that may fail as often as they like."""
        if not findings:
            return
        authority, shadow = cores.open(minimising=True)
        with closing(authority), closing(shadow):
            for finding in findings:
                if time.monotonic() > self._until:
                    self.complete = False
                    return
                self._run(finding.case, authority, shadow)

    def _run(self, case: Stream, authority: Target, shadow: Target) -> bool:
        """Runs a case; tells whether a core failed."""
        shown = run_last_step(case, authority, shadow, self._routing)
        if shown.finding is None:
            return shown.failure is not None
        self.found.append(shown.finding)
        return shown.finding.signature.failure


def _buckets(
    seen: Seen, found: Iterable[Finding], flaky: set[str], authority: Target
) -> list[Bucket]:
    """All that is known of each bucket, each occurrence once, in the order of the IDs."""
    by_id: dict[str, list[Finding]] = {one: list(sample) for one, sample in seen.samples.items()}
    for finding in found:
        by_id.setdefault(finding.id, []).append(finding)
    buckets = []
    for identity, findings in sorted(by_id.items()):
        occurrences: dict[str, Occurrence] = {}
        for finding in findings[:MAX_OCCURRENCES]:
            occurrence = prepared(finding, authority)
            alone = finding.case if occurrence.passage is None else occurrence.passage.stream
            occurrences.setdefault(pack_stream(alone).sha256, occurrence)
        count = seen.counts.get(identity, 0)
        buckets.append(Bucket(identity, tuple(occurrences.values()), count, identity in flaky))
    return buckets


def _agreed(corpora: Sequence[Path], authority: Target, shadow: Target) -> list[Passage]:
    """Steps of the corpus, and of streams that are always there, with what both cores answer. As
    it is no finding that is looked for, all that is no agreement is set aside."""
    witness = Witness(authority, shadow, Signature("", "", "", ""))
    sample: list[Passage] = []
    with suppress(FailureStorm):
        sample += witness.ask(planned_streams((Profile.LIVE, Profile.EDGE)))
        sample += witness.ask(corpus_streams(corpora, ""))
    return sample
