"""A report as one HTML page that needs nothing else: no script, no address, no file beside it.

The page stays below MAX_BYTES whatever a run finds: each finding has its line, the worst of them
are shown in full, and what is left out is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from replay.errors import ExitCode
from replay.explaining.claims.claim import Claim
from replay.reports.details import FindingDetail
from replay.reports.html_causes import causes_section
from replay.reports.html_coverage import exercised_section
from replay.reports.html_detail import detail_pieces, terms
from replay.reports.html_pieces import Markup, code, element, join, void
from replay.reports.html_style import STYLE, style_source
from replay.reports.texts import plain
from replay.reports.wording import (
    REMARKS,
    TITLES,
    canary_words,
    claim_words,
    control_words,
    core_words,
    counted,
    explained_words,
    group_counts,
    headline,
    meaning_words,
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

_FOR_WORDS = 200_000
"""Room for what is always there: the style, what was exercised, headings, notes."""

_LISTS = 7
MAX_SHOWN = 200
_OPEN = 1
"""Findings that are open from the start: the worst."""

_ID = re.compile(r"[df]-[0-9a-f]{8}")
_TONES: Mapping[Group, str] = {
    Group.REGRESSED: "bad",
    Group.NEW: "bad",
    Group.KNOWN: "bad",
    Group.FLAKY: "warn",
    Group.FAILURE: "warn",
    Group.EXPLAINED: "",
}


def html_page(report: Report, details: Iterable[FindingDetail] = ()) -> str:
    """The whole report as a page."""
    policy = f"default-src 'none'; style-src {style_source()}; base-uri 'none'; form-action 'none'"
    title = f"doge-replay {report.kind}: {headline(report)}"
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=policy),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        void("meta", name="referrer", content="no-referrer"),
        element("title", plain(title, 200)),
        element("style", Markup(STYLE)),
    )
    body = element(
        "body",
        _header(report),
        element(
            "main",
            _claims(report, ok=False),
            causes_section(report.account),
            _groups(report, {one.id: one for one in details}),
            _list("Missed expectations", report.misses),
            _list("Causes that came back", report.causes_back),
            _list("Fixed in this run", report.fixed),
            _list("Stored findings that agree now", report.resolved),
            _claims(report, ok=True),
            exercised_section(report),
            _list(
                "Set aside",
                rejected_words(report),
                of=report.rejected_count,
            ),
            _list("Units set aside", set_aside_words(report), of=len(report.set_aside)),
            _list("Not read", unread_words(report.unread), of=len(report.unread)),
        ),
        element("footer", "doge-replay. report.json has all of this for scripts."),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _header(report: Report) -> Markup:
    clean = report.exit_code is ExitCode.CLEAN
    tone = "good" if clean else "bad" if report.exit_code is ExitCode.DIVERGENCE else "warn"
    tally = report.tally
    facts = [
        *((("means", plain(meaning, 1000)),) if (meaning := meaning_words(report)) else ()),
        ("authority", core_words(report.authority)),
        ("shadow", core_words(report.shadow)),
        ("seed", f"{report.seed}, profile {report.profile}"),
        ("canary", canary_words(report.canary)),
        ("control", control_words(report.control)),
        *((("not compared", plain(words, 1000)),) if (words := uncompared_words(report)) else ()),
        ("corpus", f"{counted(report.new_streams, 'stream')} joined it"),
    ]
    links = [
        element("a", f"{name} {count:,}", href=f"#{name}", class_=_tone(name) or None)
        for name, count in group_counts(report)
    ]
    strict = ". Strict: nothing counts as explained" if report.strict else ""
    return element(
        "header",
        element(
            "div",
            element("p", f"doge-replay {report.kind}, exit {int(report.exit_code)}"),
            element("h1", headline(report)),
            element(
                "p",
                f"{tally.transitions:,} transitions in {counted(tally.streams, 'stream')}, "
                f"{report.seconds:.1f} s ({report.rate:,.0f}/s){strict}",
            ),
            element("nav", *links, element("a", "what was exercised", href="#exercised")),
            class_=f"verdict {tone}",
        ),
        element("div", terms(facts), class_="card"),
    )


def _tone(name: str) -> str:
    return "good" if name == "fixed" else _TONES[Group(name)]


def _claims(report: Report, *, ok: bool) -> Markup:
    claims = [claim for claim in report.claims if claim.ok is ok]
    if not claims:
        return Markup("")
    room = _Room(_FOR_LISTS)
    cards = [card for card in map(_claim, claims[:MAX_SHOWN]) if room.takes(card)]
    more = len(claims) - len(cards)
    note = (element("p", f"and {more:,} more: report.json has them", class_="dim"),) if more else ()
    title = "Explanations that hold" if ok else "Explanations that do not hold"
    return element("section", element("h2", title, _count(claims)), *cards, *note)


def _claim(claim: Claim) -> Markup:
    tag = element("span", "signed note" if claim.weaker else "deviation", class_="tag")
    return element(
        "div",
        element("p", element("strong", plain(claim.name, 200)), " ", tag),
        element("p", plain(claim.why, 1000)),
        element("p", plain(claim_words(claim), 400), class_="dim"),
        class_="card" if claim.ok else "card bad",
    )


# --- Findings ---------------------------------------------------------------------------------


def _groups(report: Report, details: Mapping[str, FindingDetail]) -> Markup:
    """All groups. First every finding gets its line, as far as there is room, then the worst ones
    what else there is to show of them."""
    grouped = {group: report.group(group) for group in Group}
    room = _Room(_FOR_LINES)
    lines: dict[str, Line] = {}
    for group, found in grouped.items():
        for line in found:
            shown = _head(line, group), _commands(line)
            if not room.takes(*shown):
                break
            lines[line.id] = shown
    room = _Room(room.left + MAX_BYTES - _FOR_LINES - _FOR_WORDS - _LISTS * _FOR_LISTS)
    sections = []
    is_open = True
    for group, found in grouped.items():
        pieces: list[Markup] = []
        short = 0
        for line in found:
            if line.id not in lines:
                continue
            head, commands = lines[line.id]
            rest = _rest(line, details.get(line.id)) if room.left > 0 else Markup("")
            if not room.takes(rest) or not rest:
                short += 1
                rest = Markup("")
            body = element("div", commands, rest, class_="body")
            anchor = line.id if _ID.fullmatch(line.id) else None
            is_open = is_open and group is not Group.EXPLAINED
            pieces.append(element("details", head, body, class_="finding", id=anchor, open=is_open))
            is_open = False
        if found:
            sections.append(_group(group, found, pieces, short, report.commands("show", "ID")))
    return join(sections)


Line = tuple[Markup, Markup]
"""A finding's line and its commands."""


class _Room:
    """How many bytes a part of the page may still have."""

    def __init__(self, left: int) -> None:
        self.left = left

    def takes(self, *pieces: str) -> bool:
        """Whether there is room for some pieces; once there is none, nothing more is taken, so that
        nothing stands before what is worse."""
        self.left -= sum(len(piece.encode("utf-8", "replace")) for piece in pieces)
        return self.left >= 0


def _group(
    group: Group, lines: Sequence[FindingLine], shown: list[Markup], short: int, show: str
) -> Markup:
    notes = []
    if short:
        notes.append(f"{short:,} of them are shown without their case: {plain(show, 600)} has it")
    if len(shown) < len(lines):
        notes.append(f"{len(lines) - len(shown):,} more are left out: report.json has them all")
    return element(
        "section",
        element("h2", TITLES[group], _count(lines), id=str(group)),
        element("p", REMARKS[group], class_="remark"),
        *shown,
        *(element("p", note, class_="remark") for note in notes),
    )


def _head(line: FindingLine, group: Group) -> Markup:
    severity = severity_words(line)
    tags = [element("span", plain(status_words(line, group), 120), class_=f"tag {_TONES[group]}")]
    if severity:
        tags.insert(0, element("span", plain(severity, 60), class_="tag"))
    return element(
        "summary",
        code(line.id, 40),
        element("span", plain(f"{line.event}, {line.rule}", 120), class_="what"),
        element("span", code(line.what, 200), " ", plain(line.kind, 60), class_="where"),
        element("span", f"{line.occurrences:,}\u00d7", class_="times"),
        element("span", *tags, class_="tags"),
    )


def _commands(line: FindingLine) -> Markup:
    commands = (line.command, line.explain_command)
    return join(element("pre", plain(one, 600)) for one in commands if one)


def _rest(line: FindingLine, detail: FindingDetail | None) -> Markup:
    pieces = []
    if line.explained_by:
        pieces.append(element("p", plain(explained_words(line), 400)))
    if line.set_aside:
        pieces.append(element("p", plain(line.set_aside, 600)))
    if detail is not None:
        pieces += detail_pieces(detail)
    elif line.fields:
        pieces.append(element("p", "differs in ", code(", ".join(line.fields[:20]), 600)))
    return join(pieces)


# --- Pieces -----------------------------------------------------------------------------------


def _list(title: str, texts: Sequence[str], *, of: int | None = None) -> Markup:
    of = len(texts) if of is None else of
    if not of:
        return Markup("")
    room = _Room(_FOR_LISTS)
    items = [element("li", code(one, 300)) for one in texts[:MAX_SHOWN]]
    items = [item for item in items if room.takes(item)]
    more = of - len(items)
    note = (element("p", f"and {more:,} more: report.json has them", class_="dim"),) if more else ()
    anchor = "fixed" if title.startswith("Fixed") else None
    return element(
        "section",
        element("h2", title, element("span", f"{of:,}", class_="count"), id=anchor),
        element("div", element("ul", *items), *note, class_="card"),
    )


def _count(things: Sequence[object]) -> Markup:
    return element("span", f"{len(things):,}", class_="count")
