"""The page of one divergence: what it is, both answers side by side, the case, its history."""

from __future__ import annotations

from collections.abc import Iterator

from replay.differential.signature.rules import place_in_contract
from replay.findings.lifecycle import Status
from replay.findings.store.stored import StoredFinding
from replay.reports.finding_details import detail_of
from replay.reports.html_detail import answers_table, case_terms, terms
from replay.reports.html_pieces import Markup, code, element, join
from replay.reports.sides import value_text
from replay.reports.texts import plain
from replay.reports.wording import counted
from replay.runs.commands import Commands
from replay.targets.base import CoreIdentity
from replay.web.finding_list import address_of, severity_tags, status_tag
from replay.web.shell import page, section, tag

MAX_PLACES = 20
MAX_CORES = 10
MAX_ENTRIES = 50
MAX_NOTE = 2_000
MAX_EVIDENCE = 600


def finding_page(
    finding: StoredFinding, asked: str, commands: Commands, *, everything: bool
) -> str:
    """The page of a finding. `asked` is the ID that was asked for, another one where that was
    merged into this; with `everything` values that are alike are shown too."""
    detail = detail_of(finding, everything=everything)
    signature = finding.signature
    rule = f"{signature.rule} [{signature.part}]" if signature.part else signature.rule
    merged = (
        (element("p", f"{plain(asked, 40)} was merged into {finding.id}.", class_="remark"),)
        if asked != finding.id
        else ()
    )
    which = "Only what differs" if everything else "All values of both answers"
    toggle = element(
        "a",
        which,
        href=address_of(finding.id) + ("" if everything else "?all=1") + "#answers",
    )
    left_out = [element("p", plain(detail.left_out, 300), class_="dim")] if detail.left_out else []
    return page(
        finding.id,
        element("h1", plain(finding.id, 40), class_="id"),
        *merged,
        element(
            "p",
            status_tag(finding.status),
            " ",
            severity_tags(finding.severity, finding.hot),
            " ",
            tag(str(finding.verdict)),
            class_="tags",
        ),
        element("p", plain(f"{signature.event}, {rule}", 300), class_="lead"),
        section("What it is", element("div", terms(_facts(finding)), class_="card"), id="what"),
        section("Commands", *_commands(finding, commands), id="commands"),
        section(
            "Where the answers differ",
            element("div", answers_table(detail.answers), *left_out, class_="card"),
            element("p", toggle, class_="remark"),
            id="answers",
        ),
        section("The case", element("div", case_terms(detail), class_="card"), id="case"),
        section("Explanation", _explanation(finding), id="explanation"),
        section("History", _history(finding), id="history"),
        section("Where it was seen", *_places(finding), id="places"),
        section("Cores", *_cores(finding), id="cores"),
        here="/divergences",
    )


def _facts(finding: StoredFinding) -> Iterator[tuple[str, object]]:
    signature = finding.signature
    by_hand = finding.severity is not finding.computed_severity
    yield "rule", plain(place_in_contract(signature), 300)
    if signature.field:
        yield "differs in", code(signature.field, 300)
    yield "how", plain(signature.kind, 200)
    yield "status", str(finding.status)
    yield (
        "severity",
        (
            f"{finding.severity}, set by hand (its cases say {finding.computed_severity})"
            if by_hand
            else str(finding.severity)
        )
        + (", on the hot path" if finding.hot else ""),
    )
    if finding.owner:
        yield "owner", plain(finding.owner, 200)
    if finding.note:
        yield "note", plain(finding.note, MAX_NOTE)
    seen, runs = counted(finding.occurrences, "time"), counted(len(finding.runs), "run")
    yield (
        "seen",
        f"{seen} in {runs}, first in run {finding.first_run}, last in run {finding.last_run}",
    )
    how = "minimised" if finding.minimised else "as it was found, not minimised"
    yield "case", f"{counted(finding.steps, 'step')}, {how}"
    if finding.merged:
        yield "merged", join(piece for one in finding.merged[:50] for piece in (code(one, 40), " "))


def _commands(finding: StoredFinding, commands: Commands) -> Iterator[Markup]:
    named = [
        (("repro", finding.id), "run it again on both cores"),
        (("show", finding.id), "all of this in a terminal"),
        (("export", finding.id, "--as", "bundle"), "hand it over"),
    ]
    if not finding.signature.failure and finding.status is not Status.FLAKY:
        named.insert(1, (("explain", finding.id), "find the cause"))
    for words, why in named:
        yield element(
            "div",
            element("pre", plain(commands(*words), 1_000), class_="command"),
            element("span", why, class_="dim"),
            class_="copied",
        )


def _explanation(finding: StoredFinding) -> Markup:
    """What the newest entry of the history says that explains it; whether that still holds is
    checked by each run."""
    said = [entry for entry in finding.history if entry.status is Status.EXPLAINED]
    if not said:
        why = (
            "It is flaky: no cause is looked for."
            if finding.status is Status.FLAKY
            else "Nothing explains it yet."
        )
        return element("p", why, class_="remark")
    entry = said[-1]
    name = entry.evidence.get("explanation", "")
    holds = finding.status is Status.EXPLAINED
    facts: list[tuple[str, object]] = [
        ("name", join((plain(name, 200), " ", tag("holds", "good") if holds
                       else tag("no longer holds", "warn")))),
        ("why", plain(entry.why, 600)),
        ("since", plain(f"{entry.at} {entry.who}", 200)),
    ]  # fmt: skip
    facts += [
        (str(key), plain(value_text(value), 300))
        for key, value in entry.evidence.items()
        if key != "explanation"
    ][:10]
    return element("div", terms(facts), class_="card")


def _history(finding: StoredFinding) -> Markup:
    if not finding.history:
        return element("p", "Nothing has been said of it yet.", class_="remark")
    entries = finding.history[-MAX_ENTRIES:]
    left = len(finding.history) - len(entries)
    items = [element("li", f"{left:,} older entries", class_="dim")] if left else []
    for entry in entries:
        said = [
            element("span", plain(f"{entry.at} {entry.who}", 160), class_="dim"),
            Markup(" "),
            status_tag(entry.status) if entry.status is not None else tag("remark"),
            Markup(" "),
            element("span", plain(entry.why, 1_000)),
        ]
        if entry.note:
            said.append(element("p", f"note: {plain(entry.note, MAX_NOTE)}"))
        if entry.evidence:
            evidence = plain(value_text(dict(entry.evidence)), MAX_EVIDENCE)
            said.append(element("p", element("span", evidence, class_="value"), class_="dim"))
        items.append(element("li", *said))
    return element("ol", *items, class_="card history")


def _places(finding: StoredFinding) -> Iterator[Markup]:
    places = finding.places[:MAX_PLACES]
    if not places:
        yield element("p", "No place was kept.", class_="remark")
        return
    items = [
        element(
            "li",
            f"run {place.run}: ",
            code(place.origin or "no file", 200),
            f", line {place.line}" if place.line else "",
            f", {place.times:,} times" if place.times > 1 else "",
        )
        for place in places
    ]
    more = len(finding.places) - len(places)
    items += [element("li", f"and {more:,} more places", class_="dim")] if more > 0 else []
    yield element("ul", *items, class_="card")


def _cores(finding: StoredFinding) -> Iterator[Markup]:
    for pair in finding.cores[:MAX_CORES]:
        yield element(
            "div",
            element("h3", "authority"),
            terms(_core(pair.authority)),
            element("h3", "shadow"),
            terms(_core(pair.shadow)),
            class_="card",
        )


def _core(core: CoreIdentity) -> Iterator[tuple[str, object]]:
    for name, value in core.document().items():
        if value and isinstance(value, str):
            yield name, element("span", plain(value, 200), class_="value")
