"""Signs that the shadow touched the bot itself ("pass 3", "fail 3").

From the telemetry alone: restarts within five minutes of a divergence or failure, samples that are
missing right after one, many restarts; and where the adapter measures it, what it adds to an
authoritative call. What is not measured is said to be so. In a rehearsal calls come faster than a
bot makes them, so what the shadow adds to them is told and not judged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

from replay.counting import counted
from replay.gate.model import Criterion, Outcome, times_of
from replay.gate.telemetry.samples import Sample
from replay.gate.telemetry.timeline import Timeline

SOON = 300.0
"""Seconds between something that the shadow did and a restart that may come of it."""

MISSING_SOON = 120.0
MANY_RESTARTS = 5
SLOWER = 1.15
"""Times the median of a bare authoritative call, above which a call counts as slowed down."""

SOME = 0.05
"""Share of the samples that say so."""

MOST_OF_TWO_DAYS = 24 * 60
"""Minutes in which calls were slowed down, from which on no other two days could show that they are
not."""

TOO_OFTEN = 0.2
"""Where so much of the time lies within five minutes of a divergence or failure, a restart within
five minutes of one that is known to be harmless says nothing."""

_PASS_3 = "No operator-visible instability attributable to shadow path"
_FAIL_3 = "Any evidence of shadow path impacting authoritative behavior (should never happen)"


class Impact(NamedTuple):
    """What was seen. `slow` is the share of samples on which calls were slowed down, None where
    none has latencies."""

    restarts: tuple[Sample, ...]
    after_trouble: tuple[Sample, ...]
    missing: tuple[Sample, ...]
    too_often: bool
    slow: float | None
    slow_minutes: int
    slowest: float
    queue_full: tuple[Sample, ...]
    queue_known: bool
    rehearsal: bool


def impact_of(timeline: Timeline, harmless: Container[int] = ()) -> Impact:
    """Looks for signs. `harmless` are the rises (by `id`) of which it is known what the shadow did,
    since what explains them was run."""
    lifetimes = timeline.lifetimes
    covered = sum(one.covered for one in timeline.stretches)
    too_often = covered > 0 and SOON * len(timeline.rises) / covered > TOO_OFTEN
    troubled: list[Sample] = []
    missing: list[Sample] = []
    rises = [rise for rise in timeline.rises if not (too_often and id(rise) in harmless)]
    last_rises = {rise.lifetime: rise for rise in rises}
    for number, lifetime in enumerate(lifetimes[:-1]):
        last = last_rises.get(number)
        if last is not None and lifetime.last.at - last.after.at <= SOON:
            troubled.append(lifetimes[number + 1].first)
    risen = sorted(rise.after.at for rise in rises)
    missing = [
        gap.before for gap in timeline.gaps if not gap.restart and _soon_after(risen, gap.before.at)
    ]
    slow_ones = {int(sample.at // 60) for sample in timeline.samples
                 if (_ratio(sample) or 0.0) > SLOWER}  # fmt: skip
    ratios = [ratio for sample in timeline.samples if (ratio := _ratio(sample)) is not None]
    slow = sum(ratio > SLOWER for ratio in ratios) / len(ratios) if ratios else None
    queued = [(sample, one) for sample in timeline.samples
              if (one := sample.adapter) is not None and one.queue_max is not None]  # fmt: skip
    return Impact(
        tuple(one.first for one in lifetimes[1:]),
        tuple(troubled),
        tuple(missing),
        too_often,
        slow,
        len(slow_ones),
        max(ratios, default=0.0),
        tuple(sample for sample, one in queued
              if one.queue_limit is not None and (one.queue_max or 0) >= one.queue_limit),
        bool(queued),
        timeline.allowed.lag > 0.0,
    )  # fmt: skip


def _soon_after(risen: Sequence[float], at: float) -> bool:
    """Whether one of these times, which go up, is at most two minutes before another."""
    before = bisect_right(risen, at) - 1
    return before >= 0 and at - risen[before] <= MISSING_SOON


def _ratio(sample: Sample) -> float | None:
    adapter = sample.adapter
    if adapter is None or adapter.bare is None or adapter.whole is None:
        return None
    return adapter.whole.p50 / adapter.bare.p50 if adapter.bare.p50 > 0 else None


def stable(impact: Impact) -> Criterion:
    """Pass 3."""
    outcome, reasons, needed = _judged(impact)
    if len(impact.restarts) > MANY_RESTARTS and outcome is Outcome.PASS:
        outcome = Outcome.INCONCLUSIVE
        reasons.append(f"{len(impact.restarts)} restarts, whose causes nobody has given")
        needed.append(f"no more than {MANY_RESTARTS} restarts")
    return _criterion("pass 3", _PASS_3, outcome, reasons, needed, impact)


def untouched(impact: Impact) -> Criterion:
    """Fail 3."""
    return _criterion("fail 3", _FAIL_3, *_judged(impact), impact)


def _judged(impact: Impact) -> tuple[Outcome, list[str], list[str]]:
    outcome = Outcome.PASS
    reasons: list[str] = []
    needed: list[str] = []
    signs = len(impact.after_trouble)
    if signs:
        outcome = Outcome.FAIL if signs > 1 else Outcome.INCONCLUSIVE
        reasons.append(
            f"{counted(signs, 'restart')} within five minutes of a divergence or failure"
        )
        needed.append("no restart follows on a divergence or failure")
    if impact.missing:
        outcome = max(outcome, Outcome.INCONCLUSIVE, key=_weight)
        reasons.append(
            f"samples are missing right after a divergence or failure, from "
            f"{impact.missing[0].text} on"
        )
        needed.append("no sample is missing right after a divergence or failure")
    if impact.slow is not None and impact.slow > SOME and not impact.rehearsal:
        lasting = impact.slow_minutes > MOST_OF_TWO_DAYS
        slow = Outcome.FAIL if lasting else Outcome.INCONCLUSIVE
        outcome = max(outcome, slow, key=_weight)
        reasons.append(
            f"in {impact.slow:.0%} of the samples the median call takes more than {SLOWER} times "
            f"what it takes without the shadow (up to {impact.slowest:.2f} times)"
        )
        needed.append(f"calls take at most {SLOWER} times what they take without the shadow")
    return outcome, reasons, needed


def _weight(outcome: Outcome) -> int:
    return (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL).index(outcome)


def _criterion(
    key: str,
    name: str,
    outcome: Outcome,
    reasons: list[str],
    needed: list[str],
    impact: Impact,
) -> Criterion:
    said = [*reasons, *_said(impact)]
    figures: dict[str, Any] = {
        "restarts": len(impact.restarts),
        "restarts_after_trouble": len(impact.after_trouble),
        "gaps_after_trouble": len(impact.missing),
        "share_of_samples_slowed": impact.slow,
        "slowest_ratio": round(impact.slowest, 3) if impact.slow is not None else None,
        "samples_with_full_queue": len(impact.queue_full) if impact.queue_known else None,
    }
    times = times_of((*impact.after_trouble, *impact.missing, *impact.restarts))
    return Criterion(key, name, outcome, "; ".join(said), figures, times, tuple(needed))


def _said(impact: Impact) -> list[str]:
    """What is said in any case."""
    said = [counted(len(impact.restarts), "restart")]
    if impact.too_often:
        said.append(
            "divergences or failures are too frequent to tell what follows on them, so those that "
            "are explained by what runs are passed over"
        )
    if impact.slow is None:
        said.append("latency is absent: what the adapter adds to a call was not measured")
    elif impact.slow > SOME and impact.rehearsal:
        said.append(
            f"calls were slowed down by more than {SLOWER} times in {impact.slow:.0%} of samples, "
            "which is not judged in a rehearsal"
        )
    elif impact.slow <= SOME:
        said.append(
            f"calls within {SLOWER} times the bare ones in {1 - impact.slow:.0%} of samples"
        )
    if not impact.queue_known:
        said.append("queue figures are absent")
    elif impact.queue_full:
        said.append(f"the queue was full by {impact.queue_full[0].text}")
    return said
