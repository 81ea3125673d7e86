"""The evidence as one HTML page that loads nothing: the course as a picture in the page itself, the
verdict, the count summary, the triage notes and what was hashed."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from replay.gate.model import Outcome
from replay.gate.package.notes import Note
from replay.gate.telemetry.counts import SUMMARISED, Count
from replay.gate.verdict import GateVerdict
from replay.gate.verdict_text import REHEARSAL, headline
from replay.reports.html_pieces import Markup, code, element, join, table, void
from replay.reports.html_style import STYLE, style_source
from replay.reports.texts import plain

MAX_NOTES = 200
MAX_PLACES = 60
_TONES = {Outcome.PASS: "good", Outcome.FAIL: "bad", Outcome.INCONCLUSIVE: "warn"}


def evidence_page(
    verdict: GateVerdict,
    counts: Mapping[str, Count],
    notes: Sequence[Note],
    manifest: Mapping[str, Any],
    picture: bytes,
) -> str:
    """The page. `manifest` is what the manifest says, but for the files."""
    policy = (
        f"default-src 'none'; img-src data:; style-src {style_source()}; base-uri 'none'; "
        "form-action 'none'"
    )
    head = element(
        "head",
        void("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        void("meta", name="referrer", content="no-referrer"),
        element("title", "doge-replay evidence: ", plain(headline(verdict), 200)),
        element("style", Markup(STYLE)),
    )
    body = element(
        "body",
        _header(verdict, manifest),
        element("main", *_sections(verdict, counts, notes, manifest, picture)),
        element("footer", "doge-replay. `doge-replay evidence verify` checks all of this."),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _header(verdict: GateVerdict, manifest: Mapping[str, Any]) -> Markup:
    signed = manifest["signed"]
    lines = [element("p", "evidence of a shadow run")]
    lines.append(element("h1", headline(verdict)))
    if verdict.rehearsal:
        lines.append(element("p", element("strong", REHEARSAL)))
    if signed is not None:
        lines.append(element("p", "signed off by ", signed["by"], " at ", signed["at"]))
    return element("header", element("div", *lines, class_=f"verdict {_TONES[verdict.verdict]}"))


def _sections(
    verdict: GateVerdict,
    counts: Mapping[str, Count],
    notes: Sequence[Note],
    manifest: Mapping[str, Any],
    picture: bytes,
) -> Iterable[Markup]:
    image = base64.b64encode(picture).decode("ascii")
    yield _section(
        "Course of the shadow",
        Markup(
            f'<img alt="divergences, failures and checks over time" width="100%" '
            f'src="data:image/png;base64,{image}">'
        ),
    )
    rows = [(name, *counts[name]) for name in counts if name in SUMMARISED]
    rows += [(name, *counts[name]) for name in counts if name not in SUMMARISED]
    head = ("counter", "max in a sample", "last sample", "over all processes")
    yield _section("Count summary", table(head, rows, label="counts"))
    yield _section("Criteria", *map(_criterion, verdict.criteria))
    if verdict.needed:
        needs = [element("li", plain(one, 600)) for one in verdict.needed[:MAX_NOTES]]
        yield _section("For a pass it would have to be true that", element("ul", *needs))
    cards = [_note(note) for note in notes[:MAX_NOTES]]
    if len(notes) > MAX_NOTES:
        cards.append(element("p", f"and {len(notes) - MAX_NOTES:,} more: triage.md has them"))
    yield element(
        "section",
        element("h2", "Triage notes"),
        *(cards or [element("div", "No divergence and no failure.", class_="card")]),
    )
    yield _section("What this rests on", _basis(manifest))


def _section(title: str, *content: object) -> Markup:
    return element("section", element("h2", title), element("div", *content, class_="card"))


def _criterion(one: Any) -> Markup:
    tag = element("span", str(one.outcome), class_=f"tag {_TONES[one.outcome]}")
    times = [element("p", "at ", ", ".join(one.times[:5]), class_="dim")] if one.times else []
    return join(
        (
            element("h3", tag, " ", f"{one.key}: {one.name}"),
            element("p", plain(one.why, 1_200)),
            *times,
        )
    )


def _note(note: Note) -> Markup:
    terms = [
        join((element("dt", name), element("dd", plain(text, 600)))) for name, text in note.facts
    ]
    files = [element("p", element("a", name, href=name)) for name in note.files]
    places = [element("li", code(place, 400)) for place in note.places[:MAX_PLACES]]
    more = note.more + max(0, len(note.places) - MAX_PLACES)
    rest = [element("p", f"and {more:,} more places", class_="dim")] if more else []
    return element(
        "div",
        element("h3", plain(note.title, 300)),
        element("dl", *terms),
        *files,
        element("ul", *places),
        *rest,
        class_="card",
    )


def _basis(manifest: Mapping[str, Any]) -> Markup:
    rows: list[tuple[str, object]] = []
    for role in ("authority", "shadow"):
        core = manifest["cores"][role]
        said = "not run" if core is None else join(
            (f"{core['kind']} {core['path']}, version {core['version']}, ", code(core["sha256"]))
        )  # fmt: skip
        rows.append((role, said))
    rows += [
        ("telemetry", join((element("a", one["file"], href=one["file"]), " ", code(one["sha256"]))))
        for one in manifest["telemetry"]
    ]
    rows += [
        ("journal", join((f"{one['name']} ", code(one["sha256"])))) for one in manifest["journals"]
    ]
    terms = [join((element("dt", name), element("dd", said))) for name, said in rows]
    return element("dl", *terms)
