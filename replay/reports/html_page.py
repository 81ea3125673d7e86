"""A report as one HTML page that needs nothing else: no script, no address, no file beside it.

How it looks is `templates/report.html`. The page stays below MAX_BYTES whatever a run finds: each
finding has its line, the worst of them are shown in full, and what is left out is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from replay.counting import counted
from replay.errors import ExitCode
from replay.explaining.claims.claim import Claim
from replay.reports.cause_texts import account_words, cause_words
from replay.reports.details import FindingDetail
from replay.reports.exercised_tables import exercised_tables
from replay.reports.html_templates import Templates
from replay.reports.sections import ReportSection, causes_without_buckets, sections_of
from replay.reports.wording import (
    canary_words,
    claim_words,
    control_words,
    core_words,
    explained_words,
    group_counts,
    hands_words,
    headline,
    meaning_words,
    nothing_drawn,
    rejected_words,
    set_aside_words,
    severity_words,
    status_words,
    uncompared_words,
    unread_words,
)
from replay.runs.report import FindingLine, Group, Report

MAX_BYTES = 1_900_000

_FOR_LINES = 1_100_000
"""Room for the lines of findings; what they leave of it goes to cases and answers."""

_FOR_LISTS = 60_000
"""Room for each list of other things."""

_FOR_WORDS = 240_000
"""Room for what is always there: the style, what was exercised, headings, notes."""

_LISTS = 9
MAX_SHOWN = 200

_ID = re.compile(r"[df]-[0-9a-f]{8}")
_TONES: Mapping[Group, str] = {
    Group.REGRESSED: "bad",
    Group.NEW: "bad",
    Group.KNOWN: "bad",
    Group.FLAKY: "warn",
    Group.FAILURE: "warn",
    Group.EXPLAINED: "",
}

_TEMPLATES = Templates(
    "replay.reports",
    claim_words=claim_words,
    explained_words=explained_words,
    severity_words=severity_words,
    cause_words=cause_words,
)


def html_page(report: Report, details: Iterable[FindingDetail] = ()) -> str:
    """The whole report as a page."""
    is_clean = report.exit_code is ExitCode.CLEAN
    tone = "good" if is_clean else "bad" if report.exit_code is ExitCode.DIVERGENCE else "warn"
    sections = _sections(report, {one.id: one for one in details})
    anchors = {one.anchor for one in sections}
    return _TEMPLATES.render(
        "report.html",
        report=report,
        exit=int(report.exit_code),
        headline=headline(report),
        tone=tone,
        facts=list(_facts(report)),
        links=[
            (name, count, _tone(name), f"#{name}" if name in anchors or name == "fixed" else "")
            for name, count in group_counts(report)
        ],
        account="" if report.account is None else account_words(report.account),
        causes=causes_without_buckets(report)[:MAX_SHOWN],
        sections=sections,
        claims=[_claims(report, ok=ok) for ok in (False, True)],
        lists=_lists(report),
        tables=exercised_tables(report),
        nothing_drawn="" if report.bounds() else nothing_drawn(report),
        aside=[
            _list("Set aside", rejected_words(report), of=report.rejected_count),
            _list("Units set aside", set_aside_words(report), of=len(report.set_aside)),
            _list("Not read, or in part", unread_words(report.unread), of=len(report.unread)),
        ],
    )


def _facts(report: Report) -> Iterable[tuple[str, str]]:
    if meaning := meaning_words(report):
        yield "means", meaning
    yield "authority", core_words(report.authority)
    yield "shadow", core_words(report.shadow)
    yield "seed", f"{report.seed}, profile {report.profile}"
    if report.hands:
        yield "workers", hands_words(report)
    yield "canary", canary_words(report.canary)
    yield "control", control_words(report.control)
    if words := uncompared_words(report):
        yield "not compared", words
    yield "corpus", f"{counted(report.new_streams, 'stream')} joined it"


def _tone(name: str) -> str:
    return "good" if name == "fixed" else _TONES[Group(name)]


# --- Findings ---------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A finding as the page has it: its line, its commands, and what else there is room for. The
    pieces are markup that a template made."""

    anchor: str
    head: str
    commands: str
    rest: str
    is_open: bool


class ShownSection(NamedTuple):
    """A section with its findings, and in words what is left out of it."""

    title: str
    remark: str
    anchor: str
    cause: str
    many: int
    shown: list[Shown]
    notes: list[str]


class _Pieces(Protocol):
    """The macros of report_pieces.html."""

    def head(self, line: FindingLine, status: str, tone: str) -> str: ...

    def commands(self, line: FindingLine) -> str: ...

    def rest(self, line: FindingLine, detail: FindingDetail | None) -> str: ...


class _Room:
    """How many bytes a part of the page may still have."""

    def __init__(self, left: int) -> None:
        self.left = left

    def takes(self, *pieces: str) -> bool:
        """Whether there is room for some pieces; once there is none, nothing more is taken, so that
        nothing stands before what is worse."""
        self.left -= sum(len(piece.encode("utf-8", "replace")) for piece in pieces)
        return self.left >= 0


def _sections(report: Report, details: Mapping[str, FindingDetail]) -> list[ShownSection]:
    """All sections. First every finding gets its line, as far as there is room, then the worst ones
    what else there is to show of them."""
    pieces: _Pieces = _TEMPLATES.macros("report_pieces.html")  # type: ignore[assignment]
    sections = sections_of(report)
    room = _Room(_FOR_LINES)
    lines: dict[str, tuple[str, str]] = {}
    for section in sections:
        for line, group in section.lines:
            head = pieces.head(line, status_words(line, group), _TONES[group])
            if not room.takes(head, commands := pieces.commands(line)):
                break
            lines[line.id] = head, commands
    room = _Room(room.left + MAX_BYTES - _FOR_LINES - _FOR_WORDS - _LISTS * _FOR_LISTS)
    shown: list[ShownSection] = []
    for section in sections:
        # The worst finding is open from the start.
        opens = not shown and not section.is_settled
        shown.append(_section(section, lines, details, pieces, room, report, opens=opens))
    return shown


def _section(
    section: ReportSection,
    lines: Mapping[str, tuple[str, str]],
    details: Mapping[str, FindingDetail],
    pieces: _Pieces,
    room: _Room,
    report: Report,
    *,
    opens: bool,
) -> ShownSection:
    shown: list[Shown] = []
    short = 0
    for line, _ in section.lines:
        if line.id not in lines:
            continue
        head, commands = lines[line.id]
        rest = pieces.rest(line, details.get(line.id)).strip() if room.left > 0 else ""
        if not room.takes(rest) or not rest:
            short += 1
            rest = ""
        anchor = line.id if _ID.fullmatch(line.id) else ""
        shown.append(Shown(anchor, head, commands, rest, opens and not shown))
    notes = []
    if short:
        show = report.commands("show", "ID")
        notes.append(f"{short:,} of them are shown without their case: {show} has it")
    if left := len(section.lines) - len(shown):
        notes.append(f"{left:,} more are left out: report.json has them all")
    cause = "" if section.cause is None else section.cause.id
    anchor = "" if section.group is None else str(section.group)
    many = len(section.lines)
    return ShownSection(section.title, section.remark, anchor, cause, many, shown, notes)


# --- Lists ------------------------------------------------------------------------------------


class Listed(NamedTuple):
    """Texts under a heading, and how many more there are."""

    title: str
    anchor: str
    of: int
    items: list[str]
    more: int


def _lists(report: Report) -> list[Listed]:
    return [
        _list("Missed expectations", report.misses),
        _list("Causes that came back", report.causes_back),
        _list("Fixed in this run", report.fixed, anchor="fixed"),
        _list("Stored findings that agree now", report.resolved),
    ]


def _list(title: str, texts: Sequence[str], *, of: int | None = None, anchor: str = "") -> Listed:
    of = len(texts) if of is None else of
    room = _Room(_FOR_LISTS)
    # What is escaped may be six times as long.
    items = [text for text in (one[:400] for one in texts[:MAX_SHOWN]) if room.takes(text * 3)]
    return Listed(title, anchor, of, items, of - len(items))


class Claims(NamedTuple):
    """Explanations that hold, or do not, and how many more there are."""

    title: str
    of: int
    shown: list[Claim]
    more: int


def _claims(report: Report, *, ok: bool) -> Claims:
    claims = [claim for claim in report.claims if claim.ok is ok]
    room = _Room(_FOR_LISTS)
    shown = [claim for claim in claims[:MAX_SHOWN] if room.takes(*_said_of(claim))]
    title = "Explanations that hold" if ok else "Explanations that do not hold"
    return Claims(title, len(claims), shown, len(claims) - len(shown))


def _said_of(claim: Claim) -> tuple[str, str, str, str]:
    """What a claim takes of the room, with what may come of escaping it."""
    return claim.name[:200], claim.why[:1000], claim_words(claim)[:400], " " * 900
