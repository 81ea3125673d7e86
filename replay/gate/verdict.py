"""The verdict of the gate: every criterion of the runbook's section 5, and what it comes to.

PASS only where all of them pass, FAIL where one fails, else INCONCLUSIVE. Where the samples are
not one bot's, their counts mean nothing together; what fails on a part that is one bot's fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from replay.errors import ExitCode
from replay.gate.criteria.divergences import (
    explained,
    no_clusters,
    no_hot_repetition,
    run_explained,
)
from replay.gate.criteria.failures import course_of, no_failures, persistent_failures
from replay.gate.criteria.impact import impact_of, stable, untouched
from replay.gate.criteria.matching import Matching, match
from replay.gate.criteria.premises import (
    covered_hours,
    nothing_lost,
    offered_of,
    one_bot,
    real_time,
    shadow_ran,
)
from replay.gate.criteria.same_cores import Given, GivenCores, same_cores
from replay.gate.journals import Replayed
from replay.gate.model import Criterion, Outcome
from replay.gate.telemetry.clock import AS_FAST_AS_IT_CAN, REAL, Allowance
from replay.gate.telemetry.pacing import Pacing, pacing_of
from replay.gate.telemetry.pieces import pieces_of
from replay.gate.telemetry.samples import Telemetry
from replay.gate.telemetry.timeline import Timeline, timeline_of
from replay.runs.rate import upper_bound
from replay.streams.left_out import unread_document

EDITION = 5
"""Of the criteria, which is that of the package (package.VERSION); evidence of an earlier one is
judged again by those that there were."""

MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class Bound:
    """How often an event could still diverge: the 95 % upper bound of its rate, from 0 to 1."""

    event: str
    checks: int
    diverged: int

    @property
    def at_most(self) -> float:
        """The bound."""
        return upper_bound(min(self.diverged, self.checks), self.checks)

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "event": self.event,
            "checks": self.checks,
            "diverged": self.diverged,
            "at_most": self.at_most,
        }


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The verdict, and all that it rests on."""

    verdict: Outcome
    criteria: tuple[Criterion, ...]
    telemetry: Telemetry
    timeline: Timeline
    replayed: Replayed | None
    matching: Matching
    pacing: Pacing

    @property
    def rehearsal(self) -> str:
        """How fast the host's clock ran, in words; empty where it is the real time."""
        return "" if self.pacing.is_real else self.pacing.words

    @property
    def needed(self) -> tuple[str, ...]:
        """What would have to be true for a pass."""
        return tuple(dict.fromkeys(need for one in self.criteria for need in one.needed))

    @property
    def exit_code(self) -> ExitCode:
        """0 for a pass, 1 for a fail, 4 where nothing is proved."""
        return {
            Outcome.PASS: ExitCode.CLEAN,
            Outcome.FAIL: ExitCode.DIVERGENCE,
            Outcome.INCONCLUSIVE: ExitCode.PROVES_NOTHING,
        }[self.verdict]

    @property
    def live(self) -> Bound:
        """How often anything could still diverge, by what was compared live."""
        totals = self.timeline.totals
        return Bound("all events", totals.checks, totals.total_divergences)

    @property
    def bounds(self) -> list[Bound]:
        """The same for each event, by what was replayed."""
        if self.replayed is None:
            return []
        return [
            Bound(event, steps, self.replayed.differed[event])
            for event, steps in sorted(self.replayed.steps.items())
        ]

    @property
    def uncertainty(self) -> list[str]:
        """What no counter tells of."""
        told = [
            f"what a process counted in its last {unseen.end - unseen.begin:,.0f} s, before the "
            "restart, is in no sample"
            for unseen in self.timeline.unseen
        ]
        hidden = [one for one in self.timeline.may_hide if one.after.at - one.before.at > 90.0]
        told += [
            f"a restart between {one.before.text} and {one.after.text} could have gone unseen; up "
            f"to {one.at_most.total_divergences} divergences and {one.at_most.shadow_failures} "
            "failures would be missing from the totals"
            for one in hidden
        ]
        return told

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        timeline, matching = self.timeline, self.matching
        best = timeline.longest
        offered = offered_of(timeline)
        return {
            "verdict": str(self.verdict),
            "rehearsal": None
            if self.pacing.is_real
            else {
                "asked_for": self.telemetry.rehearsal,
                "speed": self.pacing.speed,
                "measured": self.pacing.measured,
                "told": f"rehearsal {self.rehearsal}",
            },
            "exit": int(self.exit_code),
            "criteria": [one.document() for one in self.criteria],
            "needed": list(self.needed),
            "telemetry": {
                "files": list(self.telemetry.files),
                "samples": len(self.telemetry.samples),
                "first": timeline.samples[0].text if timeline.samples else None,
                "last": timeline.samples[-1].text if timeline.samples else None,
                "set_aside": [
                    {**one._asdict(), "fault": str(one.fault)} for one in self.telemetry.set_aside
                ],
                "set_aside_count": sum(self.telemetry.counts.values()),
                **unread_document(self.telemetry.unread),
            },
            "totals": timeline.totals._asdict(),
            "lifetimes": [
                {
                    "from": one.first.text,
                    "to": one.last.text,
                    "samples": len(one.samples),
                    "started": one.began,
                    **one.last.counters._asdict(),
                }
                for one in timeline.lifetimes[:MAX_LISTED]
            ],
            "exercised": {
                "hours": round(best.covered / 3600.0, 4) if best else 0.0,
                "checks": timeline.totals.checks,
                "restarts": timeline.restarts,
                "offered": None if offered is None else offered._asdict(),
                "live": self.live.document(),
                "replayed": [one.document() for one in self.bounds],
            },
            "uncertainty": self.uncertainty[:MAX_LISTED],
            "divergences": [
                {
                    "telemetry": tied.rise.after.place,
                    "sample": tied.rise.after.text,
                    "journal": f"{tied.mark.file}:{tied.mark.line}",
                    "at": tied.mark.at,
                    "event": tied.differing.event,
                    "kind": tied.differing.kind,
                    "bucket": tied.differing.bucket,
                }
                for tied in matching.tied[:MAX_LISTED]
            ],
            "divergence_count": matching.counted,
            "problems": list(matching.problems),
            **_replay_document(self.replayed),
        }


def judge(
    telemetry: Telemetry,
    replayed: Replayed | None = None,
    *,
    given: GivenCores | None = None,
    edition: int = EDITION,
) -> GateVerdict:
    """Judges telemetry, with what came of replaying the bot's journals (None where there are none);
    `given` are the cores that the evidence is for, where nothing was replayed on them. `edition`
    says which criteria there are: 1 had neither `losses` nor `cores`, until 3 no authority was
    held against the one that ran, and until 4 no journal's cores were; a rehearsal's samples were
    in the order of its clock.

    Pure: the same input gives the same verdict.
    """
    given = {**(given or {}), **_replayed_on(replayed)}
    if edition < 4:
        given.pop("authority", None)
    if edition < 5:
        samples = tuple(one._replace(is_rehearsed=False) for one in telemetry.samples)
        telemetry = replace(telemetry, samples=samples)
    pacing = pacing_of(telemetry.samples)
    timeline = timeline_of(telemetry.samples, _allowance(pacing))
    offered = offered_of(timeline)
    matching = match(timeline, replayed, 0 if offered is None else offered.dropped)
    premises: tuple[Criterion, ...] = (
        covered_hours(timeline),
        one_bot(telemetry, timeline, replayed),
        real_time(telemetry, pacing),
        shadow_ran(timeline, replayed),
    )
    if edition > 1:
        recorded = () if replayed is None or edition < 5 else replayed.recorded
        premises += (nothing_lost(telemetry, timeline), same_cores(timeline, given, recorded))
    criteria: Sequence[Criterion] = _criteria(timeline, replayed, matching)
    if timeline.doubts or not timeline.samples:
        reason = "the samples are not one bot's" if timeline.samples else "there are no samples"
        criteria = [_unknown(one, reason) for one in criteria]
        for piece in pieces_of(telemetry.samples, timeline.allowed):
            criteria = _with_failures_of(criteria, piece, replayed)
    everything = (*premises, *criteria)
    return GateVerdict(
        _worst(everything), everything, telemetry, timeline, replayed, matching, pacing
    )


def _replayed_on(replayed: Replayed | None) -> dict[str, Given]:
    """The cores of a replay."""
    if replayed is None:
        return {}
    cores = {"authority": replayed.authority, "shadow": replayed.shadow}
    return {side: Given(core.path, core.sha256) for side, core in cores.items() if core is not None}


def _criteria(timeline: Timeline, replayed: Replayed | None, matching: Matching) -> list[Criterion]:
    """The runbook's own."""
    course = course_of(timeline)
    impact = impact_of(timeline, run_explained(replayed, matching))
    return [
        no_failures(timeline, course, matching),
        no_clusters(timeline, replayed, matching),
        stable(impact),
        explained(timeline, replayed, matching),
        persistent_failures(timeline, course),
        no_hot_repetition(timeline, replayed, matching),
        untouched(impact),
    ]


def _with_failures_of(
    criteria: Sequence[Criterion], piece: Timeline, replayed: Replayed | None
) -> list[Criterion]:
    """Criteria that cannot be told, but for those that fail on a piece of the samples which is one
    bot's: what lies beside it takes nothing back."""
    offered = offered_of(piece)
    matching = match(piece, replayed, 0 if offered is None else offered.dropped)
    of_piece = _criteria(piece, replayed, matching)
    begin, end = piece.samples[0], piece.samples[-1]
    where = f"not all samples are one bot's, but from {begin.place} to {end.place}"
    return [
        replace(one, why=f"{where}: {one.why}")
        if one.outcome is Outcome.FAIL and former.outcome is not Outcome.FAIL
        else former
        for former, one in zip(criteria, of_piece, strict=True)
    ]


def _allowance(pacing: Pacing) -> Allowance:
    """What takes real time takes more of a faster clock."""
    if pacing.is_real:
        return Allowance()
    speed = pacing.speed
    return Allowance.at(max(REAL, AS_FAST_AS_IT_CAN if speed is None else speed))


def _unknown(criterion: Criterion, reason: str) -> Criterion:
    why = f"cannot be told: {reason}"
    return replace(criterion, outcome=Outcome.INCONCLUSIVE, why=why, needed=())


def _worst(criteria: Sequence[Criterion]) -> Outcome:
    outcomes = {one.outcome for one in criteria}
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE if Outcome.INCONCLUSIVE in outcomes else Outcome.PASS


def _replay_document(replayed: Replayed | None) -> dict[str, Any]:
    if replayed is None:
        return {"journal": None, "buckets": [], "claims": [], "causes": []}
    return {
        "journal": {
            "files": list(replayed.files),
            "authority": None if replayed.authority is None else replayed.authority.document(),
            "shadow": None if replayed.shadow is None else replayed.shadow.document(),
            "steps": replayed.steps.total(),
            "marked": replayed.marked,
            "unmarked": replayed.unmarked,
            "failed": replayed.failed,
            "doubled": replayed.doubled,
            "set_aside": [one._asdict() for one in replayed.rejected[:MAX_LISTED]],
            "set_aside_count": replayed.rejected_count,
            **unread_document(replayed.unread),
        },
        "buckets": [
            {
                "id": one.id,
                "event": one.event,
                "rule": one.rule,
                "status": one.status,
                "severity": str(one.severity),
                "hot": one.hot,
                "explained_by": one.explained_by,
                "weaker": one.weaker,
                "rate": one.rate,
                "reproduced": one.reproduced,
                "triaged": one.is_triaged,
                "stored": one.stored,
                "occurrences": one.occurrences,
            }
            for one in replayed.buckets.values()
        ],
        "claims": [claim.document() for claim in replayed.claims],
        "causes": replayed.known_causes.document()["causes"],
    }
