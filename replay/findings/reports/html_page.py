"""A report as one HTML page that needs nothing else: no script, no address, no file beside it.

The page stays below MAX_BYTES whatever a run finds: each finding has its line, the worst of them
are shown in full, and what is left out is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from replay.errors import ExitCode
from replay.findings.report import Claim, FindingLine, Group, Report
from replay.findings.reports.details import FindingDetail
from replay.findings.reports.html_exercised import exercised_section
from replay.findings.reports.html_pieces import Markup, code, element, join, void
from replay.findings.reports.html_style import STYLE, style_source
from replay.findings.reports.texts import plain
from replay.findings.reports.wording import (
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
    severity_words,
    status_words,
)

MAX_BYTES = 1_900_000
_FOR_LINES = 1_100_000
"""Room for the lines of findings; what is left of it goes to what they say in full."""

_FOR_THE_REST = 300_000
MAX_SHOWN = 200
MAX_ROWS = 60
MAX_HISTORY = 30
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
            _groups(report, {one.id: one for one in details}),
            _list("Missed expectations", report.misses),
            _list("Fixed in this run", report.fixed),
            _list("Stored findings that agree now", report.resolved),
            _claims(report, ok=True),
            exercised_section(report),
            _list(
                "Set aside",
                [f"{one.file}:{one.line}: {one.reason}" for one in report.rejected[:MAX_SHOWN]],
                of=report.rejected_count,
            ),
        ),
        element("footer", "doge-replay. report.json has all of this for scripts."),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _header(report: Report) -> Markup:
    clean = report.exit_code is ExitCode.CLEAN
    tone = "good" if clean else "bad" if report.exit_code is ExitCode.DIVERGENCE else "warn"
    tally = report.tally
    facts = [
        ("authority", core_words(report.authority)),
        ("shadow", core_words(report.shadow)),
        ("seed", f"{report.seed}, profile {report.profile}"),
        ("canary", canary_words(report.canary)),
        ("control", control_words(report.control)),
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
        element("div", _terms(facts), class_="card"),
    )


def _tone(name: str) -> str:
    return "good" if name == "fixed" else _TONES[Group(name)]


def _claims(report: Report, *, ok: bool) -> Markup:
    claims = [claim for claim in report.claims if claim.ok is ok][:MAX_SHOWN]
    if not claims:
        return Markup("")
    title = "Explanations that hold" if ok else "Explanations that do not hold"
    return element("section", element("h2", title, _count(claims)), *map(_claim, claims))


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
    what they say in full."""
    grouped = {group: report.group(group) for group in Group}
    room = _FOR_LINES
    heads: dict[str, Markup] = {}
    for group, lines in grouped.items():
        for line in lines:
            head = _head(line, group)
            room -= _size(head)
            if room < 0:
                break
            heads[line.id] = head
    room = max(room, 0) + MAX_BYTES - _FOR_LINES - _FOR_THE_REST
    sections = []
    opened = 0
    for group, lines in grouped.items():
        shown: list[Markup] = []
        short = 0
        for line in (line for line in lines if line.id in heads):
            body = _body(line, details.get(line.id))
            room -= _size(body)
            if room < 0:
                short += 1
                body = element("div", element("pre", plain(line.command, 400)), class_="body")
            opened += 1
            anchor = line.id if _ID.fullmatch(line.id) else None
            is_open = opened <= _OPEN and group is not Group.EXPLAINED
            shown.append(
                element("details", heads[line.id], body, class_="finding", id=anchor, open=is_open)
            )
        if lines:
            sections.append(_group(group, lines, shown, short))
    return join(sections)


def _group(group: Group, lines: Sequence[FindingLine], shown: list[Markup], short: int) -> Markup:
    notes = []
    if short:
        notes.append(f"{short:,} of them are shown without their case: doge-replay show ID has it")
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
        element("span", code(line.field, 120), " ", plain(line.kind, 60), class_="where"),
        element("span", f"{line.occurrences:,}\u00d7", class_="times"),
        element("span", *tags, class_="tags"),
    )


def _body(line: FindingLine, detail: FindingDetail | None) -> Markup:
    pieces = [
        element("pre", plain(one, 1000)) for one in (line.command, line.explain_command) if one
    ]
    if line.explained_by:
        pieces.append(element("p", plain(explained_words(line), 400)))
    if detail is not None:
        pieces += _detail(detail)
    elif line.fields:
        pieces.append(element("p", "differs in ", code(", ".join(line.fields[:20]), 600)))
    return element("div", *pieces, class_="body")


def _detail(detail: FindingDetail) -> list[Markup]:
    pieces: list[Markup] = []
    case: list[tuple[str, object]] = [("rule", detail.contract)] if detail.contract else []
    case += [
        (label, element("span", plain(said, 800), class_="value"))
        for label, said in detail.case[:MAX_ROWS]
    ]
    if case:
        pieces += [element("h3", "The smallest case"), _terms(case)]
    if detail.answers:
        pieces += [element("h3", "Both answers"), _answers(detail)]
    if detail.left_out:
        pieces.append(element("p", plain(detail.left_out, 300), class_="dim"))
    if detail.history:
        entries = [
            element(
                "li",
                element("span", plain(f"{row.at} {row.who}", 120), class_="dim"),
                " ",
                element("strong", plain(row.status or "remark", 40)),
                " ",
                plain(row.why, 400),
            )
            for row in detail.history[-MAX_HISTORY:]
        ]
        pieces += [element("h3", "History"), element("ol", *entries)]
    return pieces


def _answers(detail: FindingDetail) -> Markup:
    rows = [
        element(
            "tr",
            element("th", code(row.path, 120), scope="row"),
            element("td", _value(row.authority), data_of="authority"),
            element("td", _value(row.shadow), data_of="shadow"),
            element("td", plain(row.how, 60), class_="how"),
            class_="differs" if row.how else None,
        )
        for row in detail.answers[:MAX_ROWS]
    ]
    more = len(detail.answers) - MAX_ROWS
    note = (element("p", f"and {more:,} values more", class_="dim"),) if more > 0 else ()
    head = element("tr", *(element("th", name, scope="col")
                           for name in ("field", "authority", "shadow", "how")))  # fmt: skip
    return join(
        (element("table", element("thead", head), element("tbody", *rows), class_="answers"), *note)
    )


# --- Pieces -----------------------------------------------------------------------------------


def _value(said: str) -> Markup:
    return element("span", plain(said, 300), class_="value")


def _terms(rows: Iterable[tuple[str, object]]) -> Markup:
    return element(
        "dl",
        *(join((element("dt", plain(name, 40)), element("dd", said))) for name, said in rows),
    )


def _list(title: str, texts: Sequence[str], *, of: int | None = None) -> Markup:
    of = len(texts) if of is None else of
    if not of:
        return Markup("")
    more = of - min(len(texts), MAX_SHOWN)
    note = (element("p", f"and {more:,} more: report.json has them", class_="dim"),) if more else ()
    items = element("ul", *(element("li", code(one, 300)) for one in texts[:MAX_SHOWN]))
    anchor = "fixed" if title.startswith("Fixed") else None
    return element(
        "section",
        element("h2", title, element("span", f"{of:,}", class_="count"), id=anchor),
        element("div", items, *note, class_="card"),
    )


def _count(things: Sequence[object]) -> Markup:
    return element("span", f"{len(things):,}", class_="count")


def _size(piece: str) -> int:
    return len(piece.encode("utf-8", "replace"))
