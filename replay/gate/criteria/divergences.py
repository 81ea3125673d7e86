"""Divergences: clusters, the hot path, whether each is explained ("pass 2", "pass 4", "fail 2").

Definitions. Divergences *repeat* on an event where there are two of it: two lines of the journal,
or, for what is tied to no line, two increases of the counters that name the event as their last. An
increase by more than one that is tied to no line may hide a repetition of anything. *High severity*
is what would place other orders or book other money (findings/severity.py: orders, money); of what
is tied to no line nobody knows.

How an explanation counts. One that was run and holds (a deviation that gives exactly the shadow's
answers) answers for a repeated divergence, on the hot path too: then it is known what the shadow
does. A note, which is a person's word, does for a single one, and softens nothing where they
repeat. One that does not hold explains nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from replay.counting import counted
from replay.findings.lifecycle import Status
from replay.findings.severity import Severity, is_hot
from replay.gate.criteria.matching import SAME_CORES, Matching
from replay.gate.journals import Bucket, Replayed
from replay.gate.model import Criterion, Outcome, times_of
from replay.gate.telemetry.samples import Sample
from replay.gate.telemetry.timeline import Timeline

HIGH = frozenset({Severity.ORDERS, Severity.MONEY})
REPEATED = 2

_PASS_2 = "No high-severity divergence clusters (same event repeatedly diverging)"
_PASS_4 = "Divergences (if any) are explained, reproducible, and triaged"
_FAIL_2 = "Repeated divergence on common hot-path events (FillEvent, TimerTick, PriceTick)"


@dataclass(slots=True)
class OfEvent:
    """The divergences of one event: by how well they are explained, and `untied` ones, in so many
    increases."""

    run: int = 0
    noted: int = 0
    unexplained: int = 0
    untied: int = 0
    buckets: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """All that is known of."""
        return self.run + self.noted + self.unexplained + self.untied

    @property
    def open(self) -> int:
        """Those that nothing explains that was run."""
        return self.noted + self.unexplained + self.untied

    def judge(self) -> Outcome:
        """PASS where they do not repeat, or all are explained by something that runs."""
        if self.total < REPEATED:
            return Outcome.PASS
        if self.open >= REPEATED:
            # That others of the event are explained says nothing of these.
            return Outcome.FAIL
        return Outcome.INCONCLUSIVE if self.open else Outcome.PASS

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "explained_by_what_runs": self.run,
            "explained_by_a_note": self.noted,
            "unexplained": self.unexplained,
            "tied_to_no_line": self.untied,
            "buckets": sorted(self.buckets),
        }


def by_event(
    replayed: Replayed | None, matching: Matching, *, high_only: bool = False
) -> dict[str, OfEvent]:
    """The divergences of each event; with `high_only` without those whose severity is low."""
    table: dict[str, OfEvent] = {}
    for one in () if replayed is None else replayed.differing:
        assert replayed is not None
        bucket = replayed.buckets.get(one.bucket)
        if high_only and bucket is not None and bucket.severity not in HIGH:
            continue
        row = table.setdefault(one.event, OfEvent())
        row.buckets.add(one.bucket)
        if bucket is None or not bucket.is_explained:
            row.unexplained += 1
        elif bucket.weaker:
            row.noted += 1
        else:
            row.run += 1
    for rise in matching.untied_rises:
        table.setdefault(rise.after.divergence_event or "?", OfEvent()).untied += 1
    return dict(sorted(table.items()))


def run_explained(replayed: Replayed | None, matching: Matching) -> frozenset[int]:
    """The rises (by `id`) of which every divergence is tied to what an explanation that was run
    gives, and in which nothing failed."""
    if replayed is None:
        return frozenset()
    left: dict[int, int] = {}
    rises = {id(tied.rise): tied.rise for tied in matching.tied}
    for tied in matching.tied:
        bucket = replayed.buckets.get(tied.differing.bucket)
        if bucket is not None and bucket.is_explained and not bucket.weaker:
            many = tied.rise.counts.total_divergences
            left[id(tied.rise)] = left.get(id(tied.rise), many) - 1
    misnamed = set(map(id, matching.misnamed))
    return frozenset(
        one
        for one, many in left.items()
        if not many and not rises[one].counts.shadow_failures and one not in misnamed
    )


def no_clusters(timeline: Timeline, replayed: Replayed | None, matching: Matching) -> Criterion:
    """Pass 2."""
    table = by_event(replayed, matching, high_only=True)
    outcome, reasons, needed = _repeated(table, matching, " of high severity")
    # Nobody knows how bad they are.
    known = any(row.unexplained + row.noted >= REPEATED for row in table.values())
    if outcome is Outcome.FAIL and not known:
        outcome = Outcome.INCONCLUSIVE
        reasons.append("how bad they are is not known")
    why = (
        "; ".join([*reasons, *_lower(replayed)])
        if reasons
        else (_no_repetition(table, "of high severity"))
    )
    return _criterion("pass 2", _PASS_2, outcome, why, table, timeline, needed)


def no_hot_repetition(
    timeline: Timeline, replayed: Replayed | None, matching: Matching
) -> Criterion:
    """Fail 2."""
    all_events = by_event(replayed, matching)
    table = {event: row for event, row in all_events.items() if is_hot(event)}
    outcome, reasons, needed = _repeated(table, matching, " of any severity")
    why = "; ".join(reasons) or _no_repetition(table, "on the hot path")
    return _criterion("fail 2", _FAIL_2, outcome, why, table, timeline, needed)


def _repeated(
    table: dict[str, OfEvent], matching: Matching, of_what: str
) -> tuple[Outcome, list[str], list[str]]:
    """The worst of all events, with the reasons for it; `of_what` is how bad those are that are
    counted."""
    outcomes = {event: row.judge() for event, row in table.items()}
    reasons = [f"{event}: {_told(table[event], of_what)}" for event, one in outcomes.items()
               if one is not Outcome.PASS]  # fmt: skip
    needed = [
        f"the divergences of {event} are mended, or tied to the journal and explained by "
        "something that runs"
        for event, one in outcomes.items()
        if one is not Outcome.PASS
    ]
    if matching.unshown:
        lines = counted(matching.unshown, "line")
        reasons.append(f"{lines} marked as differing do not differ now: {SAME_CORES}")
        needed.append("the cores that ran are those that the journal is replayed on")
    if Outcome.FAIL in outcomes.values():
        return Outcome.FAIL, reasons, needed
    hidden = [(rise, missing) for rise, missing in matching.untied if missing >= REPEATED]
    if hidden:
        rise, missing = hidden[0]
        reasons.append(f"{missing} at {rise.after.text} are tied to no line and may be the same")
        needed.append("every divergence is tied to a line of the journal")
    if hidden or matching.unshown or Outcome.INCONCLUSIVE in outcomes.values():
        return Outcome.INCONCLUSIVE, reasons, needed
    return Outcome.PASS, [], []


def _told(row: OfEvent, of_what: str) -> str:
    parts = (
        (row.unexplained, f"unexplained{of_what}"),
        (row.noted, f"explained by a note alone{of_what}"),
        (row.untied, "increases tied to no line of a journal"),
        (row.run, f"explained by what runs{of_what}"),
    )
    return ", ".join(f"{count:,} {words}" for count, words in parts if count)


def _lower(replayed: Replayed | None) -> list[str]:
    """What pass 2 does not count since its severity is low, and fail 2 does on the hot path."""
    counts: Counter[str] = Counter()
    for one in () if replayed is None else replayed.differing:
        assert replayed is not None
        bucket = replayed.buckets.get(one.bucket)
        if bucket is not None and bucket.severity not in HIGH:
            counts[one.event] += 1
    told = ", ".join(f"{event} {count:,}" for event, count in sorted(counts.items()))
    return [f"not counted here, since of low severity: {told}"] if told else []


def _no_repetition(table: dict[str, OfEvent], what: str) -> str:
    repeated = {event: row for event, row in table.items() if row.total >= REPEATED}
    if repeated:
        told = ", ".join(f"{event} {row.total:,} times" for event, row in repeated.items())
        return f"{told}, all explained by what runs"
    single = sum(row.total for row in table.values())
    return f"{counted(single, 'divergence')} {what}, none repeated" if single else (
        f"no divergence {what}"
    )  # fmt: skip


def _criterion(
    key: str,
    name: str,
    outcome: Outcome,
    why: str,
    table: dict[str, OfEvent],
    timeline: Timeline,
    needed: list[str],
) -> Criterion:
    figures = {event: row.document() for event, row in table.items()}
    return Criterion(key, name, outcome, why, figures, _times(timeline, set(table)), tuple(needed))


def _times(timeline: Timeline, events: set[str] | None = None) -> tuple[str, ...]:
    """When divergences were counted, as samples have it; of some events, by the one they name."""
    samples: list[Sample] = [
        rise.after
        for rise in timeline.rises
        if rise.counts.total_divergences
        and (events is None or (rise.after.divergence_event or "?") in events)
    ]
    return times_of(samples)


# --- Each of them -----------------------------------------------------------------------------


def explained(timeline: Timeline, replayed: Replayed | None, matching: Matching) -> Criterion:
    """Pass 4."""
    times = _times(timeline)
    figures: dict[str, Any] = {
        "counted": matching.counted,
        "marked_in_the_journal": matching.marked,
        "replayed_now": matching.replayed,
        "tied": len(matching.tied),
        "problems": list(matching.problems),
        "problem_count": matching.problem_count,
        "notes": list(matching.notes),
    }
    reasons: list[str] = []
    needed: list[str] = []
    if matching.problem_count:
        more = matching.problem_count - 1
        reasons.append(matching.problems[0] + (f" (and {more} more such problems)" if more else ""))
        needed.append(
            "counters, marks in the journal and replay agree on how many divergences there were "
            "and which"
        )
    if replayed is not None:
        figures["lines_set_aside"] = replayed.rejected_count
        figures["lines_doubled"] = replayed.doubled
        figures["lines_not_compared"] = replayed.uncompared
        if replayed.uncompared:
            many = counted(replayed.uncompared, "line")
            reasons.append(f"nothing was compared at {many} of the journal: both cores refused")
            needed.append("both cores can read every line of the journal")
        elif not replayed.steps.total():
            reasons.append("nothing of the journal was compared")
            needed.append("the journal has calls that both cores can read")
        if replayed.failed:
            reasons.append(f"a core gave no answer to {counted(replayed.failed, 'step')} now")
            needed.append("both cores answer every step of the journal")
        if not replayed.detects:
            reasons.append("the replay did not find faults that were planted in it")
            needed.append("the canary is found")
        for bucket in replayed.buckets.values():
            if bucket.id.startswith("d-"):
                _look_at(bucket, reasons, needed)
    if reasons:
        return Criterion("pass 4", _PASS_4, Outcome.INCONCLUSIVE, "; ".join(reasons), figures,
                         times, tuple(needed))  # fmt: skip
    why = _all_well(replayed, matching)
    return Criterion("pass 4", _PASS_4, Outcome.PASS, why, figures, times)


def _look_at(bucket: Bucket, reasons: list[str], needed: list[str]) -> None:
    """What is missing for one bucket."""
    missing = []
    if not bucket.reproduced:
        missing.append("reproduced on fresh cores")
    if bucket.status == Status.FLAKY:
        missing.append(f"steady (its case shows it {bucket.rate} times)")
    if not bucket.is_explained:
        missing.append("explained")
    if not bucket.is_triaged:
        missing.append("triaged")
    if missing:
        many = counted(bucket.occurrences, "divergence")
        reasons.append(f"{bucket.id} ({bucket.event}, {many}) is not {' and not '.join(missing)}")
        needed.append(f"{bucket.id} is {' and '.join(missing)}")


def _all_well(replayed: Replayed | None, matching: Matching) -> str:
    if not matching.counted and not matching.replayed:
        checked = "" if replayed is None else ", and the replay of the journal finds none"
        return f"none was counted{checked}"
    assert replayed is not None
    explained_by: Counter[str] = Counter()
    for one in replayed.differing:
        bucket = replayed.buckets[one.bucket]
        explained_by[bucket.explained_by + (" (a note)" if bucket.weaker else "")] += 1
    told = ", ".join(f"{times:,} by {name}" for name, times in sorted(explained_by.items()))
    return (
        f"{matching.counted:,} counted, {matching.marked:,} marked, {matching.replayed:,} found "
        f"by the replay, all tied and reproduced; explained: {told}"
    )
