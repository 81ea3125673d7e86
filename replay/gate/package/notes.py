"""Triage notes: one for every bucket of divergences and every burst of failures in the telemetry.

Each increase of a counter stands in exactly one of them, with its sample's time and place; what is
tied to the journal in that of its bucket, with case and reproduction log, and what is tied to
nothing in a note of its own, which says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from replay.counting import counted
from replay.gate.criteria.failures import course_of, start_of
from replay.gate.journals import Bucket
from replay.gate.model import hours
from replay.gate.package.rerun import TIMES, Case
from replay.gate.telemetry.timeline import Rise
from replay.gate.verdict import GateVerdict
from replay.reports.texts import markdown_text, plain

MAX_PLACES = 1_000
"""Places that a note names; all are counted."""

MAX_TEXT = 1_000


class Note(NamedTuple):
    """One note. `facts` are labelled; `places` are where it was seen, the first of them, and
    `more` how many others there are; `files` are those of the package that belong to it."""

    title: str
    facts: tuple[tuple[str, str], ...]
    places: tuple[str, ...]
    more: int
    files: tuple[str, ...]


def case_file(identity: str) -> str:
    """The name of a case's bundle in the package."""
    return f"cases/{identity}.zip"


def log_file(identity: str) -> str:
    """The name of a case's reproduction log in the package."""
    return f"cases/{identity}.log"


def notes_of(verdict: GateVerdict, cases: Iterable[Case]) -> list[Note]:
    """All notes: divergences, what is tied to nothing, failures, cases of failures."""
    by_id = {case.id: case for case in cases}
    buckets = {} if verdict.replayed is None else verdict.replayed.buckets
    notes = [_bucket(verdict, bucket, by_id.get(bucket.id)) for bucket in buckets.values()]
    notes += _untied(verdict)
    notes += _failures(verdict)
    notes += [_failure_case(case) for case in by_id.values() if case.id.startswith("live-")]
    return notes


def _note(
    title: str,
    facts: Iterable[tuple[str, str]],
    places: Sequence[str] = (),
    files: Iterable[str] = (),
) -> Note:
    shown = tuple(places[:MAX_PLACES])
    told = tuple((name, text) for name, text in facts if text)
    return Note(title, told, shown, len(places) - len(shown), tuple(files))


def _bucket(verdict: GateVerdict, bucket: Bucket, case: Case | None) -> Note:
    tied = [one for one in verdict.matching.tied if one.differing.bucket == bucket.id]
    note = " (a signed note, which is not run)" if bucket.weaker else ""
    facts = [
        ("counted", counted(len(tied), "divergence") + " in the telemetry tied to it"),
        ("journal", counted(bucket.occurrences, "line") + " differ now"),
        ("severity", f"{bucket.severity}{', on the hot path' if bucket.hot else ''}"),
        ("status", f"{bucket.status}{f', {bucket.rate} times' if bucket.rate else ''}"),
        ("triaged", "yes" if bucket.is_triaged else "NO"),
        ("explained", f"{bucket.explained_by}{note}" if bucket.explained_by else "NO"),
        ("reproduced", _reproduced(bucket, case)),
        *_standing(case),
    ]
    places = [
        f"{one.rise.after.text} {one.rise.after.place}: {one.mark.file}:{one.mark.line}"
        for one in tied
    ]
    title = f"{bucket.id}: {bucket.event}, {bucket.rule}"
    return _note(title, facts, places, _files(case))


def _reproduced(bucket: Bucket, case: Case | None) -> str:
    now = "yes" if bucket.reproduced else "NO"
    return now if case is None else f"{now}, {case.shown} of {TIMES} times for the log"


def _standing(case: Case | None) -> list[tuple[str, str]]:
    if case is None:
        return []
    rows = [("owner", case.owner), ("note", case.note)]
    return rows + [("history", entry) for entry in case.history]


def _files(case: Case | None) -> tuple[str, ...]:
    return () if case is None else (case_file(case.id), log_file(case.id))


def _untied(verdict: GateVerdict) -> list[Note]:
    untied = verdict.matching.untied
    if not untied:
        return []
    missing = sum(many for _, many in untied)
    why = "no journal was given" if verdict.replayed is None else "no line of the journal fits"
    places = [f"{rise.after.text} {rise.after.place}: {_last(rise, many)}" for rise, many in untied]
    title = f"{counted(missing, 'divergence')} tied to no line of a journal"
    return [_note(title, [("why", why), ("triaged", "NO"), ("reproduced", "NO")], places)]


def _last(rise: Rise, many: int) -> str:
    sample = rise.after
    event = f"{sample.divergence_event or 'no event'} ({sample.divergence_kind or 'no kind'})"
    return f"{many} of {rise.counts.total_divergences} counted; the last one was {event}"


def _failures(verdict: GateVerdict) -> list[Note]:
    timeline = verdict.timeline
    course = course_of(timeline)
    notes = []
    for burst in course.bursts:
        many = sum(rise.counts.shadow_failures for rise in burst)
        first, last = burst[0], burst[-1]
        start = start_of(timeline, first.lifetime)
        since = (
            "" if start is None else f"{hours(max(0.0, first.after.at - start))} after its start"
        )
        quiet = timeline.samples[-1].at - last.after.at
        causes = dict.fromkeys(rise.after.error or "no cause recorded" for rise in burst)
        judged = "start-up noise" if course.is_noise else course.flaw
        facts = [
            ("process", since),
            ("lasted", hours(max(0.0, last.after.at - first.after.at))),
            ("since then", f"{hours(max(0.0, quiet))} up to the last sample"),
            ("judged", judged),
            *(("cause", cause) for cause in list(causes)[:20]),
        ]
        places = [
            f"{rise.after.text} {rise.after.place}: {rise.counts.shadow_failures} more, "
            f"{rise.after.error or 'no cause recorded'}"
            for rise in burst
        ]
        notes.append(_note(f"{counted(many, 'shadow failure')} from {first.after.text} on", facts,
                           places))  # fmt: skip
    return notes


def _failure_case(case: Case) -> Note:
    facts = [
        ("now", f"fails {case.shown} of {TIMES} times on the cores of today"),
        ("see", log_file(case.id)),
    ]
    title = f"{case.id}: lines of the journal on which the live shadow failed"
    return _note(title, facts, case.lines, _files(case))


def notes_markdown(notes: Sequence[Note], counts: Mapping[str, int]) -> str:
    """All notes in Markdown. `counts` is how many divergences and failures there were."""
    said = ", ".join(f"{many:,} {name}" for name, many in counts.items())
    lines = ["# Triage notes", "", f"Over all processes: {said}.", ""]
    if not notes:
        lines += [
            "No divergence and no failure was counted, and none was found: nothing to triage."
        ]
    for note in notes:
        lines += [f"## {_escaped(note.title)}", ""]
        lines += [f"- {name}: {_escaped(text)}" for name, text in note.facts]
        lines += [f"- file: [{name}]({name})" for name in note.files]
        lines += [f"- at {_escaped(place)}" for place in note.places]
        lines += [f"- and {note.more:,} more places"] if note.more else []
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _escaped(text: str) -> str:
    cut = plain(text, MAX_TEXT)
    return "".join(markdown_text(cut[at : at + 200]) for at in range(0, len(cut), 200))
