"""A verdict for people: lines for the terminal, and Markdown. Both are plain text from here; what
prints the lines cleans them, and the Markdown has every text of the data escaped."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from replay.counting import counted
from replay.findings.account import grouped_by_cause
from replay.gate.criteria.premises import WANTED
from replay.gate.journals import Bucket
from replay.gate.known_causes import KnownCause
from replay.gate.model import Criterion, hours
from replay.gate.verdict import Bound, GateVerdict
from replay.reports.texts import markdown_text, plain
from replay.reports.wording import unread_words
from replay.streams.model import Unread

MAX_LINES = 20
ALIKE = 4
"""So many files of a folder that are not read for one reason are told as one."""

REHEARSAL = "A rehearsal shows that everything works. It passes nothing for production."


def headline(verdict: GateVerdict) -> str:
    """The verdict in one line."""
    totals, best = verdict.timeline.totals, verdict.timeline.longest
    covered = hours(best.covered) if best else "nothing"
    rehearsal = f"REHEARSAL {verdict.rehearsal}: " if verdict.rehearsal else ""
    return (
        f"gate: {rehearsal}{verdict.verdict} ({covered} of {hours(WANTED)} covered, "
        f"{counted(totals.checks, 'check')}, {counted(totals.total_divergences, 'divergence')}, "
        f"{counted(totals.shadow_failures, 'failure')})"
    )


def text_lines(verdict: GateVerdict) -> list[str]:
    """The whole verdict for a terminal, without its headline."""
    lines: list[str] = [REHEARSAL] if verdict.rehearsal else []
    for one in verdict.criteria:
        lines += ["", f"{one.outcome:<12}  {one.key}: {one.name}", f"{'':14}{one.why}"]
        if one.times:
            lines.append(f"{'':14}at {', '.join(one.times[:5])}"
                         + (" ..." if len(one.times) > 5 else ""))  # fmt: skip
    for title, rows in _sections(verdict):
        if rows:
            lines += ["", title, *(f"  {row}" for row in rows)]
    return lines


def _sections(verdict: GateVerdict) -> list[tuple[str, list[str]]]:
    telemetry, replayed = verdict.telemetry, verdict.replayed
    sections = [
        ("exercised", _exercised(verdict)),
        ("divergences", _divergences(verdict)),
        ("what no counter tells", _some(verdict.uncertainty, len(verdict.uncertainty))),
        ("matching: what does not agree",
         _some(verdict.matching.problems, verdict.matching.problem_count)),
        ("telemetry that is set aside",
         _some((f"{one.file}:{one.line}: {one.reason}" for one in telemetry.set_aside),
               sum(telemetry.counts.values()))),
        ("beside the telemetry, not read as such", _unread(telemetry.unread)),
    ]  # fmt: skip
    if replayed is not None:
        sections += [
            (
                "explanations that do not hold",
                [f"{one.name}: {one.why}" for one in replayed.claims if not one.ok],
            ),
            (
                "journal lines that are set aside",
                _some(
                    (f"{one.file}:{one.line}: {one.reason}" for one in replayed.rejected),
                    replayed.rejected_count,
                ),
            ),
            ("beside the journals, not read as such", _unread(replayed.unread)),
        ]
    sections.append(("for a pass it would have to be true that", list(verdict.needed)))
    return sections


def _unread(unread: Sequence[Unread]) -> list[str]:
    """What was not read; files of one folder that are no logs for one reason are one row."""
    alike: dict[tuple[str, str], list[Unread]] = {}
    for one in unread:
        folder = posixpath.dirname(one.file) or "."
        # A name of its own for what must be seen by itself.
        place = one.file if one.is_doubtful or one.is_partial else folder
        alike.setdefault((place, one.reason), []).append(one)
    rows = []
    for (folder, reason), ones in alike.items():
        if len(ones) < ALIKE:
            rows += unread_words(ones)
        else:
            rows.append(plain(f"{folder}/: {counted(len(ones), 'file')}, each {reason}"))
    return _some(rows, len(rows))


def _some(rows: Iterable[str], total: int) -> list[str]:
    shown = list(rows)[:MAX_LINES]
    more = total - len(shown)
    return [*shown, f"... and {more:,} more"] if more > 0 else shown


def _exercised(verdict: GateVerdict) -> list[str]:
    timeline = verdict.timeline
    rows = [
        f"{counted(len(timeline.samples), 'sample')}, {counted(timeline.restarts, 'restart')}",
        _bound(verdict.live),
    ]
    if verdict.bounds:
        rows.append("replayed now, from the journal:")
        rows += [f"  {_bound(one)}" for one in verdict.bounds]
    return rows


def _bound(one: Bound) -> str:
    return (
        f"{one.event}: {one.checks:,} compared, {one.diverged:,} diverged, at most "
        f"{one.at_most:.3g} of them with 95 % confidence"
    )


def _divergences(verdict: GateVerdict) -> list[str]:
    """Each cause with its buckets below it, then those that no cause has part in."""
    replayed = verdict.replayed
    if replayed is None:
        return []
    causes = replayed.known_causes.causes
    rows = []
    for group in grouped_by_cause(causes, replayed.buckets.values()):
        if causes:
            rows.append(_cause(group.cause, len(group.buckets)))
        indent = "  " if causes else ""
        rows += [f"{indent}{_bucket_words(one)}" for one in group.buckets]
    return rows


def _cause(cause: KnownCause | None, buckets: int) -> str:
    counts = counted(buckets, "bucket")
    return f"no cause known: {counts}" if cause is None else f"{cause.id}  {cause.words}: {counts}"


def _bucket_words(one: Bucket) -> str:
    note = " (a note)" if one.weaker else ""
    by = f"explained by {one.explained_by}{note}" if one.explained_by else "not explained"
    return (
        f"{one.id}  {one.event}, {one.rule}: {counted(one.occurrences, 'line')}, "
        f"{one.severity}{', hot path' if one.hot else ''}, {one.status}, "
        f"{'reproduced' if one.reproduced else 'NOT reproduced'}, {by}"
    )


def markdown(verdict: GateVerdict) -> str:
    """The whole verdict in Markdown."""
    lines = [
        f"# {markdown_text(headline(verdict))}",
        *(("", f"**{REHEARSAL}**") if verdict.rehearsal else ()),
        "",
        "| | criterion | why | samples |",
        "|---|---|---|---|",
        *(_row(one) for one in verdict.criteria),
    ]
    for title, rows in _sections(verdict):
        if rows:
            lines += ["", f"## {title[0].upper()}{title[1:]}", ""]
            lines += [f"- {_escaped(row.strip())}" for row in rows]
    return "\n".join(lines) + "\n"


def _row(one: Criterion) -> str:
    cells = (
        f"**{one.outcome}**",
        f"{_escaped(one.key)}: {_escaped(one.name)}",
        _escaped(one.why),
        _escaped(", ".join(one.times[:3])),
    )
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    """A text of up to a thousand characters that Markdown shows as it is."""
    text = plain(text, 1_000)
    return "".join(markdown_text(text[at : at + 200]) for at in range(0, len(text), 200))
