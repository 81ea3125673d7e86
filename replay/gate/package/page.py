"""The pages of a package that load nothing: the evidence, and the causes; and the course by itself.

What they look like is in `templates/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replay.findings.account import grouped_by_cause
from replay.gate.course_charts import Chart, charts
from replay.gate.criteria.premises import WANTED
from replay.gate.journals import Bucket
from replay.gate.known_causes import KnownCauses
from replay.gate.model import Outcome, hours
from replay.gate.package.notes import Note
from replay.gate.telemetry.counts import SUMMARISED, Count
from replay.gate.telemetry.course import course_of
from replay.gate.telemetry.ordering import is_new_process
from replay.gate.telemetry.timeline import Timeline
from replay.gate.verdict import GateVerdict
from replay.gate.verdict_text import REHEARSAL, headline
from replay.reports.html_templates import Templates

MAX_NOTES = 200
TONES = {Outcome.PASS: "good", Outcome.FAIL: "bad", Outcome.INCONCLUSIVE: "warn"}

_TEMPLATES = Templates("replay.gate.package")


def charts_of(timeline: Timeline) -> tuple[Chart, ...]:
    """The course as charts, by the processes and gaps that the verdict rests on."""
    samples = timeline.samples
    return charts(course_of(samples, longest=timeline.allowed.step, is_new=is_new_process))


def course_picture(drawn: Sequence[Chart]) -> str:
    """The charts as one SVG."""
    return _TEMPLATES.render("course.svg", charts=drawn)


def evidence_page(
    verdict: GateVerdict,
    counts: Mapping[str, Count],
    notes: Sequence[Note],
    manifest: Mapping[str, Any],
    drawn: Sequence[Chart],
) -> str:
    """The evidence. `manifest` is what the manifest says, but for the files."""
    rows = [(name, *counts[name]) for name in counts if name in SUMMARISED]
    rows += [(name, *counts[name]) for name in counts if name not in SUMMARISED]
    replayed = verdict.replayed
    return _TEMPLATES.render(
        "evidence.html",
        verdict=verdict,
        headline=headline(verdict),
        rehearsal=REHEARSAL if verdict.rehearsal else "",
        tones=TONES,
        figures=_figures(verdict, counts),
        charts=drawn,
        counts=[(name, *(f"{value:,}" for value in values)) for name, *values in rows],
        notes=notes[:MAX_NOTES],
        more_notes=len(notes) - MAX_NOTES,
        manifest=manifest,
        has_causes=replayed is not None and bool(replayed.known_causes.causes),
        groups=[] if replayed is None else grouped_by_cause(
            replayed.known_causes.causes, replayed.buckets.values()
        ),
    )  # fmt: skip


def _figures(verdict: GateVerdict, counts: Mapping[str, Count]) -> list[tuple[str, str, str, str]]:
    """What one looks for first: a name, a figure, what it is out of, and its tone."""
    best, totals = verdict.timeline.longest, verdict.timeline.totals
    covered = 0.0 if best is None else best.covered
    divergences, failures = (counts[name].all for name in SUMMARISED)
    checks = f"in {totals.checks:,} checks, over all processes"
    return [
        ("covered", hours(covered), f"of {hours(WANTED)}", "good" if covered >= WANTED else "warn"),
        ("divergences", f"{divergences:,}", checks, "bad" if divergences else "good"),
        ("shadow failures", f"{failures:,}", checks, "warn" if failures else "good"),
    ]


def causes_page(known: KnownCauses, buckets: Mapping[str, Bucket]) -> str:
    """All causes, each with its buckets that the journals show."""
    return _TEMPLATES.render(
        "causes.html",
        known=known,
        shown=[
            (cause, [buckets[one] for one in cause.findings if one in buckets])
            for cause in known.causes
        ],
        others=[
            bucket
            for group in grouped_by_cause(known.causes, buckets.values())
            if group.cause is None
            for bucket in group.buckets
        ],
    )
