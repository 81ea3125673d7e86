"""What several databases hold, as one holds it: nothing lost, nothing counted twice.

`joined` does not depend on the order of what it is given, and joining once more with something that
went in before changes nothing. A run that is in several databases (one is a later copy of another)
counts as that one has it which knows most of it. Findings keep their IDs, runs are numbered anew,
in the order in which they began.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from replay.findings.severity import worst
from replay.findings.store.natural import Bucket, Case, Contents, Run, RunKey, SplitRow
from replay.findings.store.rows import as_json
from replay.findings.store.union_history import all_said, joined_histories
from replay.findings.store.union_routing import joint_routing


@dataclass(frozen=True, slots=True)
class Union:
    """The contents of one database, and a line for each split or merge that is overruled."""

    contents: Contents
    overruled: tuple[str, ...]


def joined(contents: Sequence[Contents]) -> Union:
    """All of several databases."""
    said = all_said(contents)
    routing = joint_routing(contents, said)
    runs = _runs(contents)
    buckets = _oldest_first(_buckets(contents), runs)
    runs = _with_all_seen(runs, buckets)
    return Union(
        Contents(
            runs=runs,
            buckets=buckets,
            cases=_cases(contents, routing.splits),
            histories=joined_histories(said, {*buckets, *said}, runs, routing.merges),
            splits=routing.splits,
            merges=routing.merges,
            accounts=frozenset(account for one in contents for account in one.accounts),
            streams=frozenset(stream for one in contents for stream in one.streams),
        ),
        routing.overruled,
    )


def _runs(contents: Sequence[Contents]) -> dict[RunKey, Run]:
    runs: dict[RunKey, Run] = {}
    for one in contents:
        for key, run in one.runs.items():
            known = runs.get(key)
            runs[key] = run if known is None else max(known, run, key=_knowledge)
    return dict(sorted(runs.items()))


def _knowledge(run: Run) -> tuple[object, ...]:
    """How much a database knows of a run; of two copies that know as much, the one in which more
    was sorted out by splits, then either, but always the same."""
    counts = sum(run.tallies.values()), run.row["transitions"]
    sorted_out = (
        len(run.tallies),
        len(run.places),
        sum(place.stream is not None for place in run.places),
    )
    text = as_json([dict(run.row), dict(run.tallies), run.places, run.failures])
    return run.row["ended"] is not None, *counts, *sorted_out, text


def _buckets(contents: Sequence[Contents]) -> dict[str, Bucket]:
    buckets: dict[str, Bucket] = {}
    for one in contents:
        for identity, bucket in one.buckets.items():
            known = buckets.get(identity, bucket)
            buckets[identity] = Bucket(
                bucket.signature,
                worst((known.severity, bucket.severity)),
                known.hot or bucket.hot,
                min(known.first_run, bucket.first_run),
            )
    return buckets


def _oldest_first(buckets: Mapping[str, Bucket], runs: Mapping[RunKey, Run]) -> dict[str, Bucket]:
    """The findings in the order in which they were met."""
    met: dict[tuple[RunKey, str], int] = {}
    for key, run in runs.items():
        for number, place in enumerate(run.places):
            met.setdefault((key, place.divergence), number)

    def when(identity: str) -> tuple[RunKey, int, str]:
        first = buckets[identity].first_run
        return first, met.get((first, identity), sys.maxsize), identity

    return {identity: buckets[identity] for identity in sorted(buckets, key=when)}


def _with_all_seen(runs: Mapping[RunKey, Run], buckets: Mapping[str, Bucket]) -> dict[RunKey, Run]:
    """The runs, of which each finding was seen by one at least. A part that only another copy of
    its run had split off stays with no occurrence: they are counted where they were before."""
    seen = {identity for run in runs.values() for identity in run.tallies}
    missing: dict[RunKey, dict[str, int]] = {}
    for identity, bucket in buckets.items():
        if identity not in seen:
            missing.setdefault(bucket.first_run, {})[identity] = 0
    return {
        key: replace(run, tallies={**run.tallies, **missing[key]}) if key in missing else run
        for key, run in runs.items()
    }


def _cases(contents: Sequence[Contents], splits: Iterable[SplitRow]) -> dict[tuple[str, str], Case]:
    """The unshrunk case of the run that was first, and the smallest minimised one. Of a bucket that
    was split they are taken from where it was: elsewhere they may show the part."""
    in_force: dict[str, set[SplitRow]] = {}
    for split in splits:
        in_force.setdefault(split.of, set()).add(split)
    cases: dict[tuple[str, str], Case] = {}
    for identity in sorted({identity for one in contents for identity in one.buckets}):
        having = [one for one in contents if identity in one.buckets]
        needed = in_force.get(identity, set())
        knowing = [one for one in having if needed <= set(one.splits)] or having
        for form, key in (("unshrunk", _oldest), ("minimised", _smallest)):
            there = [one.cases[identity, form] for one in knowing if (identity, form) in one.cases]
            if there:
                cases[identity, form] = min(there, key=key)
    return cases


def _oldest(case: Case) -> tuple[object, ...]:
    return case.run, case.stream, repr(case.rest)


def _smallest(case: Case) -> tuple[object, ...]:
    return case.size, case.stream, case.run, repr(case.rest)
