"""Tries a split out before it is made: what of a bucket would move, and what would not.

Whether an occurrence meets a condition is only known with the state before it and both answers, so
each stream that was kept is run again on both cores. What no longer shows the bug there cannot be
decided on and stays where it is, as do the many occurrences that were only counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from replay.differential.conditions.condition import Condition, ConditionError
from replay.differential.last_step import run_last_step
from replay.differential.minimising.minimiser import minimise, shows_afresh
from replay.differential.model import Finding, Signature, Verdict
from replay.differential.routing_table import Routing, part_of
from replay.errors import UsageError
from replay.findings.store.routes import Split, check_name
from replay.findings.store.store import KeptStream, Store, StoredFinding
from replay.streams.model import Stream
from replay.targets.base import Failure, Target
from replay.targets.pair import OpenPair, fresh_pair


@dataclass(frozen=True, slots=True)
class Tried:
    """One kept stream, and the finding that running it has shown: None where it showed another one
    or none, and `reason` says what."""

    kept: KeptStream
    finding: Finding | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How much of a bucket something is about."""

    cases: int
    occurrences: int
    runs: int


@dataclass(frozen=True, slots=True)
class SplitPreview:
    """What a split would do. `undecided` are the kept streams that could not be decided on;
    `uncounted` occurrences were counted without a stream. All but `moves` stay where they are."""

    finding: StoredFinding
    part: Signature
    condition: Condition
    name: str
    moves: tuple[Tried, ...]
    stays: tuple[Tried, ...]
    undecided: tuple[Tried, ...]
    uncounted: int

    def split(self) -> Split:
        """The split itself. Raises UsageError where it would move everything or nothing."""
        moving, staying = _seen(self.moves), _seen(self.stays)
        if not moving or not staying:
            what = "everything" if moving else "nothing"
            raise UsageError(
                f"that would move {what} of {self.finding.id}: {self._counted}",
                id=self.finding.id,
            )
        return Split(
            condition=self.condition,
            name=self.name,
            rows=tuple(row for tried in moving for row in tried.kept.rows),
            moving=_findings(self.moves, self.part),
            staying=_findings(staying, self.finding.signature),
            forms=frozenset(form for tried in self.moves for form in tried.kept.forms),
        )

    @property
    def _counted(self) -> str:
        """Why a split is no use, in words."""
        moving, staying, undecided = map(len, (_seen(self.moves), _seen(self.stays),
                                               _seen(self.undecided)))  # fmt: skip
        text = f"of its {moving + staying + undecided} kept cases {moving} meet the condition"
        text += f" and {staying} do not"
        if undecided:
            named = "; ".join(dict.fromkeys(tried.reason for tried in self.undecided))
            text += f"; on {undecided} it could not be told ({named})"
        return text


def _seen(tried: Iterable[Tried]) -> list[Tried]:
    """Those that somebody met. A minimised case was met by nobody."""
    return [one for one in tried if one.kept.rows]


def _findings(tried: Iterable[Tried], signature: Signature) -> tuple[Finding, ...]:
    # What was met comes first: it becomes the unshrunk case.
    ordered = sorted(tried, key=lambda one: not one.kept.rows)
    return tuple(
        replace(one.finding, signature=signature) for one in ordered if one.finding is not None
    )


def counted(tried: Iterable[Tried]) -> Count:
    """How many cases, occurrences and runs there are in what was tried."""
    seen = _seen(tried)
    runs = frozenset[int]().union(*(one.kept.runs for one in seen))
    return Count(len(seen), sum(one.kept.times for one in seen), len(runs))


def preview_split(
    store: Store,
    finding: StoredFinding,
    condition: Condition,
    name: str,
    authority: Target,
    shadow: Target,
) -> SplitPreview:
    """Runs all kept streams of a finding and says what would move. Raises UsageError where the
    name cannot be one, or is that of a part already, and FailureStorm as the cores do."""
    name = check_name(name)
    routing = store.routing()
    if any(name == other for other, _ in routing.splits.get(finding.id, ())):
        raise UsageError(f"{finding.id} has a part named {name!r} already", id=finding.id)
    sorted_out: tuple[list[Tried], list[Tried], list[Tried]] = ([], [], [])
    moves, stays, undecided = sorted_out
    for kept in finding.kept:
        stream = _stream(store, kept)
        tried, holds = _try(kept, stream, finding.id, condition, authority, shadow, routing)
        (undecided if holds is None else moves if holds else stays).append(tried)
    return SplitPreview(
        finding=finding,
        part=part_of(finding.signature, name),
        condition=condition,
        name=name,
        moves=tuple(moves),
        stays=tuple(stays),
        undecided=tuple(undecided),
        uncounted=finding.occurrences - sum(kept.times for kept in finding.kept),
    )


def _stream(store: Store, kept: KeptStream) -> Stream:
    stream = store.stream(kept.sha256)
    steps = stream.steps
    if steps and kept.line:
        steps = (*steps[:-1], steps[-1]._replace(line=kept.line))
    return Stream(stream.start, steps, kept.origin)


def _try(
    kept: KeptStream,
    stream: Stream,
    identity: str,
    condition: Condition,
    authority: Target,
    shadow: Target,
    routing: Routing,
) -> tuple[Tried, bool | None]:
    """Whether a stream's last step meets the condition; None where that cannot be told."""
    shown = run_last_step(stream, authority, shadow, routing)
    finding = shown.finding
    if shown.failure is not None:
        return Tried(kept, None, f"the authority failed: {shown.failure.kind}"), None
    if finding is None:
        return Tried(kept, None, "no longer diverges"), None
    if finding.id != identity:
        if finding.verdict is Verdict.DIVERGE:
            return Tried(kept, None, f"diverges as {finding.id}"), None
        failed = next(r for r in (finding.authority, finding.shadow) if isinstance(r, Failure))
        return Tried(kept, None, f"{finding.verdict}: {failed.kind}"), None
    try:
        return Tried(kept, finding), condition.holds(shown.facts)
    except ConditionError as error:
        return Tried(kept, None, error.message), None


def minimise_parts(store: Store, run: int, split: Split, open_pair: OpenPair) -> list[str]:
    """Minimises the first case of each half that has no minimised one, after the split was made;
    gives the ids of those for which that came to something."""
    routing = store.routing()
    done: list[str] = []
    for finding in (split.moving[0], split.staying[0]):
        stored = store.finding(finding.id)
        if stored.minimised:
            continue
        with fresh_pair(open_pair) as (authority, shadow):
            smaller = minimise(finding, authority, shadow, routing=routing)
        if smaller is not None and shows_afresh(smaller.finding, open_pair, routing=routing):
            store.store_minimised(
                run, finding.id, smaller.finding, smaller.attempts, smaller.seconds
            )
            done.append(finding.id)
    return done
