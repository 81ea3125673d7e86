"""What has to be so for the criteria to mean anything: 48 hours, one bot, and a shadow that ran."""

from __future__ import annotations

from typing import NamedTuple

from replay.counting import counted
from replay.gate.journals import Replayed
from replay.gate.model import Criterion, Outcome, hours, times_of
from replay.gate.telemetry.pacing import Pacing
from replay.gate.telemetry.samples import Fault, Telemetry
from replay.gate.telemetry.timeline import Timeline

WANTED = 48 * 3600.0
"""Seconds that have to be covered, in one stretch."""

COMPARED_ENOUGH = 0.999
"""The share of the calls that has to have been compared, or replayed from the journal."""


class Offered(NamedTuple):
    """What the adapter was offered and what it did with it, over all processes; None where the
    telemetry does not say."""

    offered: int
    compared: int
    dropped: int
    failed: int

    @property
    def share(self) -> float:
        """The share that was compared."""
        return self.compared / self.offered if self.offered else 1.0


def offered_of(timeline: Timeline) -> Offered | None:
    """Adds up the last figures of each process."""
    figures = []
    for lifetime in timeline.lifetimes:
        adapter = lifetime.last.adapter
        if adapter is None or adapter.offered is None or adapter.compared is None:
            continue
        figures.append(
            (adapter.offered, adapter.compared, adapter.dropped or 0, adapter.failed or 0)
        )
    return Offered(*map(sum, zip(*figures, strict=True))) if figures else None


def covered_hours(timeline: Timeline) -> Criterion:
    """Whether 48 hours are covered in one stretch (see Stretch for what counts)."""
    best = timeline.longest
    name = "all hold for 48h+"
    if best is None:
        return Criterion("48h", name, Outcome.INCONCLUSIVE, "there is no usable sample",
                         needed=("there are samples",))  # fmt: skip
    gaps = timeline.gaps
    figures = {
        "covered_seconds": round(best.covered, 3),
        "wanted_seconds": WANTED,
        "uncovered_seconds": round(best.missing, 3),
        "samples": len(timeline.samples),
        "stretches": len(timeline.stretches),
        "gaps": [
            {
                "from": gap.before.text,
                "to": gap.after.text,
                "seconds": round(gap.seconds, 3),
                "restart": gap.restart,
            }
            for gap in gaps[:50]
        ],
        "gap_count": len(gaps),
        "notes": list(timeline.notes),
    }
    why = f"{hours(best.covered)} are covered, from {best.first.text} to {best.last.text}"
    if len(timeline.stretches) > 1:
        why += f"; the longest of {len(timeline.stretches)} stretches"
    if best.missing >= 1.0:
        why += f"; {hours(best.missing)} in between are not ({counted(len(gaps), 'gap')})"
    times = times_of(sample for gap in gaps for sample in (gap.before, gap.after))
    short = WANTED - best.covered
    if short <= 0:
        return Criterion("48h", name, Outcome.PASS, why, figures, times)
    need = f"{hours(max(60.0, short + 59.0))} more are covered, without a break of over an hour"
    return Criterion("48h", name, Outcome.INCONCLUSIVE, why, figures, times, (need,))


def one_bot(telemetry: Telemetry, timeline: Timeline, replayed: Replayed | None) -> Criterion:
    """Whether the samples can be believed: nothing contradicts itself, all are one bot's, and none
    are in files that were not read."""
    wrong = telemetry.counts[Fault.CONTRADICTION]
    figures = {str(fault): count for fault, count in telemetry.counts.items()}
    name = "the telemetry is one bot's and does not contradict itself"
    reasons = list(timeline.doubts)
    needed = []
    if timeline.doubts:
        needed.append("the samples of each bot are in files of their own")
    if wrong:
        first = telemetry.contradictions[0] if telemetry.contradictions else None
        where = f": {first.file}:{first.line} {first.reason}" if first else ""
        reasons.append(f"{counted(wrong, 'sample')} cannot be right{where}")
        needed.append("no sample contradicts itself or formats.md")
    if not telemetry.samples:
        reasons.append("there is no usable sample")
        needed.append("there are samples")
    for unread in (telemetry.unread, () if replayed is None else replayed.unread):
        doubtful = [one for one in unread if one.is_doubtful and not one.is_partial]
        if doubtful:
            reasons.append(
                f"{counted(len(doubtful), 'file')} that may be a log not read: "
                f"{doubtful[0].file} {doubtful[0].reason}"
            )
            needed.append("every log that lies there is read")
    partial = [f"{one.file}:{one.line}: {one.reason}" for one in telemetry.damaged]
    if replayed is not None:
        partial += [f"{one.file} {one.reason}" for one in replayed.unread if one.is_partial]
    if partial:
        reasons.append(f"{counted(len(partial), 'file')} not read to the end: {partial[0]}")
        needed.append("every file is there as a whole")
    if reasons:
        return Criterion("telemetry", name, Outcome.INCONCLUSIVE, "; ".join(reasons), figures,
                         needed=tuple(needed))  # fmt: skip
    aside = sum(telemetry.counts.values())
    why = f"{counted(len(telemetry.samples), 'sample')}"
    why += f"; {counted(aside, 'piece')} set aside and named" if aside else ", nothing is set aside"
    if telemetry.unread:
        why += f"; {counted(len(telemetry.unread), 'other file')} there, named below"
    return Criterion("telemetry", name, Outcome.PASS, why, figures)


def nothing_lost(telemetry: Telemetry, timeline: Timeline) -> Criterion:
    """Whether no writer tells that something of what it had seen is lost: what that was is known to
    nobody, so nothing can be passed over it."""
    samples = telemetry.counts[Fault.LOST]
    last = [one.last for one in timeline.lifetimes]
    hit = [one for one in last if one.adapter is not None and one.adapter.unrecorded]
    lines = sum(one.adapter.unrecorded or 0 for one in hit if one.adapter is not None)
    name = "nothing is lost of what was sampled and recorded"
    figures = {"told_in_telemetry": samples, "journal_lines": lines}
    reasons, needed = [], []
    if samples:
        first = next((one for one in telemetry.set_aside if one.fault is Fault.LOST), None)
        where = f" ({first.file}:{first.line})" if first else ""
        reasons.append(f"samples are lost, as {counted(samples, 'line')} of telemetry tell{where}")
        needed.append("no telemetry is removed or cut off while it is written")
    if lines:
        reasons.append(f"{counted(lines, 'line')} of the journal are lost by {hit[0].text}")
        needed.append("every line of the journal is written and kept")
    if reasons:
        return Criterion("losses", name, Outcome.INCONCLUSIVE, "; ".join(reasons), figures,
                         times_of(hit), tuple(needed))  # fmt: skip
    return Criterion("losses", name, Outcome.PASS, "no writer tells of a loss", figures)


def real_time(telemetry: Telemetry, pacing: Pacing) -> Criterion:
    """Whether two days are two days: a host whose clock runs faster is passed as a rehearsal only,
    and only where that was asked for."""
    name = "the host's clock is the real time, or this is said to be a rehearsal"
    figures = {
        "rehearsal": telemetry.rehearsal,
        "speeds": ["as fast as it can" if one is None else one for one in pacing.speeds],
        "measured": None if pacing.measured is None else round(pacing.measured, 3),
        "seconds_away": round(pacing.away, 3),
    }
    clocks = [one.adapter is not None and one.adapter.clock is not None
              and one.adapter.clock.now is not None for one in telemetry.samples]  # fmt: skip
    if telemetry.rehearsal and any(clocks) and not all(clocks):
        lost = next(one for one, has in zip(telemetry.samples, clocks, strict=True) if not has)
        why = f"{lost.place} does not say the host's time, and others do"
        return Criterion("clock", name, Outcome.INCONCLUSIVE, why, figures, times_of([lost]),
                         ("all samples say the host's time",))  # fmt: skip
    if pacing.is_real:
        said = "no host's clock runs at another pace than real time"
        return Criterion("clock", name, Outcome.PASS, said, figures)
    first = [one for one, has in zip(telemetry.samples, clocks, strict=True) if has]
    if telemetry.rehearsal:
        why = f"a rehearsal {pacing.words}: times are those of the host's clock"
        return Criterion("clock", name, Outcome.PASS, why, figures)
    why = f"the host's clock runs {pacing.words}: this is a rehearsal, and was not asked for"
    return Criterion("clock", name, Outcome.INCONCLUSIVE, why, figures, times_of(first[:1]),
                     ("the host runs in real time (or --rehearsal is given)",))  # fmt: skip


def shadow_ran(timeline: Timeline, replayed: Replayed | None) -> Criterion:
    """Whether the shadow was on all the time, beside a Python authority, and compared enough."""
    name = "enabled, executable_available and comparing throughout"
    reasons, needed = [], []
    off, stalls, totals = timeline.off, timeline.stalls, timeline.totals
    if off:
        what = "enabled" if not off[0].enabled else "executable_available"
        reasons.append(f"{what} is false at {off[0].text} ({counted(len(off), 'sample')} in all)")
        needed.append("enabled and executable_available are true in every sample")
    if not totals.checks:
        reasons.append("nothing was compared")
        needed.append("transition_checks or invariant_checks increase")
    elif stalls:
        begin, end = max(stalls, key=lambda stall: stall[1].at - stall[0].at)
        reasons.append(
            f"nothing was compared for {hours(end.at - begin.at)} from {begin.text} on "
            f"({counted(len(stalls), 'such time')})"
        )
        needed.append("checks increase all the time")
    strange = [
        sample
        for sample in timeline.samples
        if sample.adapter is not None and sample.adapter.backend not in (None, "python")
    ]
    if strange:
        reasons.append(f"the backend is not python at {strange[0].text}")
        needed.append("DOGE_CORE_BACKEND=python throughout")
    figures: dict[str, object] = {
        "transition_checks": totals.transition_checks,
        "invariant_checks": totals.invariant_checks,
        "samples_off": len(off),
    }
    said = _share(timeline, replayed, reasons, needed, figures)
    times = times_of((*off, *(one for stall in stalls for one in stall), *strange))
    if reasons:
        return Criterion("shadow", name, Outcome.INCONCLUSIVE, "; ".join(reasons), figures, times,
                         tuple(needed))  # fmt: skip
    why = f"{counted(totals.checks, 'check')}, {said}"
    return Criterion("shadow", name, Outcome.PASS, why, figures, times)


def _share(
    timeline: Timeline,
    replayed: Replayed | None,
    reasons: list[str],
    needed: list[str],
    figures: dict[str, object],
) -> str:
    """What share of the calls was compared; adds to the reasons where it is too little."""
    offered = offered_of(timeline)
    if offered is None:
        return "what was dropped is not measured (there is no `adapter` in the telemetry)"
    figures |= {**offered._asdict(), "share_compared": round(offered.share, 6)}
    said = (
        f"{offered.share:.3%} of {offered.offered:,} calls compared live, {offered.dropped:,} "
        f"dropped, {offered.failed:,} failed"
    )
    if offered.compared + offered.dropped + offered.failed > offered.offered:
        reasons.append(f"{said}: that is more than were offered")
        needed.append("compared, dropped and failed add up to what was offered")
    enough = offered.dropped <= (1.0 - COMPARED_ENOUGH) * offered.offered
    if not enough and (replayed is None or replayed.unmarked < offered.dropped):
        reasons.append(said)
        needed.append(
            f"{COMPARED_ENOUGH:.1%} of the calls are compared, or the dropped ones are replayed "
            "from the journal"
        )
    elif not enough and replayed is not None:
        said += f"; {replayed.unmarked:,} lines without a mark were replayed now"
    return said
