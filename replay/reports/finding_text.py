"""One finding in words: what it is, where the contract has it, the case, both answers, its history.

Lines of text that are safe to print, for `repro`, for the messages of failing tests, and for the
two reports in a bundle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from replay import __version__
from replay.counting import counted
from replay.differential.model import Finding, Verdict
from replay.differential.signature.rules import place_in_contract
from replay.differential.signature.signature import ANY_EVENT
from replay.findings.bundle import Reports
from replay.findings.lifecycle import ONLY_LIVE, HistoryEntry
from replay.findings.store.store import StoredFinding
from replay.reports.case_text import TEXT_WIDTH, answer_lines, case_lines, labelled
from replay.reports.sides import answers
from replay.reports.texts import markdown_text
from replay.safe_text import clean
from replay.targets.base import CoreIdentity, Failure

MAX_PLACES = 20


def core_line(identity: CoreIdentity) -> str:
    """A core on one line."""
    revision = identity.revision[:12] + ("-dirty" if identity.revision.endswith("-dirty") else "")
    return (
        f"{clean(identity.path)} (version {clean(identity.version)}, revision {clean(revision)}, "
        f"SHA-256 {clean(identity.sha256[:12])})"
    )


def event_words(finding: Finding) -> str:
    """The event of a finding's signature. Where several events share the rule, so that each leads
    to the bucket, that of the case is named."""
    event = finding.signature.event
    return event if event != ANY_EVENT else f"{finding.event} or another event"


def finding_text(finding: Finding) -> str:
    """A finding on one line, by its signature: `FillEvent, entry fill, state.total_fees, value`."""
    signature = finding.signature
    parts = (event_words(finding), signature.rule, signature.field, signature.kind, signature.part)
    return ", ".join(clean(part) for part in parts if part)


def signature_lines(finding: Finding, width: int = TEXT_WIDTH) -> list[str]:
    """A finding's signature, and where the contract has its rule."""
    return [
        *labelled("signature", finding_text(finding), width),
        *labelled("rule", place_in_contract(finding.signature), width),
    ]


def verdict_text(finding: Finding) -> str:
    """What the cores did, in a few words: `diverge`, or how one failed."""
    if finding.verdict is Verdict.DIVERGE:
        return "diverge"
    failed = next(r for r in (finding.authority, finding.shadow) if isinstance(r, Failure))
    return clean(f"{finding.verdict}: {failed.kind}, {failed.detail}")


def finding_lines(finding: Finding, width: int = TEXT_WIDTH) -> list[str]:
    """A finding as it is now: signature, rule, case, and what differs."""
    shown = answers(finding.case, finding.authority, finding.shadow, finding.differences)
    return [
        *signature_lines(finding, width),
        "",
        *case_lines(finding.case, width),
        "",
        *answer_lines(shown, width),
    ]


def history_lines(history: Sequence[HistoryEntry], width: int = TEXT_WIDTH) -> list[str]:
    """A history, oldest entry first; nothing where there is none."""
    lines: list[str] = []
    for entry in history:
        became = "remark" if entry.status is None else str(entry.status)
        said = ": ".join(clean(text) for text in (entry.who, entry.why) if text)
        run = "" if entry.run is None else f" (run {entry.run})"
        lines += labelled("", f"{clean(entry.at, 40)}  {became}  {said}{run}", width)
        lines += labelled("", f"note: {clean(entry.note)}", width) if entry.note else []
    return ["history", *lines] if lines else []


# --- The reports in a bundle ------------------------------------------------------------------


def reports(stored: StoredFinding) -> Reports:
    """A stored finding as a document, in Markdown and as plain text."""
    title = f"{stored.id}: {finding_text(stored.finding)}"
    sections = _sections(stored)
    text = [title, "=" * min(len(title), TEXT_WIDTH), ""]
    markdown = [f"# {markdown_text(title)}", ""]
    for heading, lines in sections:
        text += [heading, "-" * len(heading), *lines, ""]
        # Indented code: nothing in it is markup, and no line in it can end it.
        markdown += [f"## {heading}", "", *(f"    {line}".rstrip() for line in lines), ""]
    return Reports("\n".join(markdown), "\n".join(text))


def _sections(stored: StoredFinding) -> list[tuple[str, list[str]]]:
    finding, shown = stored.finding, stored.shown
    everything = answers(
        finding.case, finding.authority, finding.shadow, finding.differences, everything=True
    )
    differing = answers(finding.case, finding.authority, finding.shadow, finding.differences)
    sections = [
        ("What it is", [
            *signature_lines(stored.finding),
            *labelled("answers", verdict_text(finding)),
            *labelled("status", _standing(stored)),
            *_cores(shown.cores.authority, shown.cores.shadow),
            *labelled("seen", f"{counted(stored.occurrences, 'time')} in "
                              f"{counted(len(stored.runs), 'run')}"),
        ]),
        ("The case", case_lines(finding.case)),
        ("Where the answers differ", answer_lines(differing)),
        ("Both answers", answer_lines(everything)),
        ("Where it was seen", list(_places(stored))),
        ("Its history", history_lines(stored.history)[1:] or ["nothing yet"]),
        ("To see it again", [
            f"doge-replay repro {stored.id}.zip --authority CORE --shadow CORE",
            "",
            f"(written by doge-replay {__version__}; the zip file is the bundle that this is in)",
        ]),
    ]  # fmt: skip
    return [(heading, lines) for heading, lines in sections if lines]


def _standing(stored: StoredFinding) -> str:
    hot = " on the hot path" if stored.hot else ""
    owner = f", owner {clean(stored.owner)}" if stored.owner else ""
    note = f", {clean(stored.note)}" if stored.note else ""
    alone = f", {ONLY_LIVE}" if stored.is_only_live else ""
    return f"{stored.status}{alone}, severity {stored.severity}{hot}{owner}{note}"


def _cores(authority: CoreIdentity, shadow: CoreIdentity) -> list[str]:
    return [
        line
        for role, core in (("authority", authority), ("shadow", shadow))
        for line in (f"{role:10} {core_line(core)}", f"{'':10} SHA-256 {clean(core.sha256)}")
    ]


def _places(stored: StoredFinding) -> Iterable[str]:
    for place in stored.places[:MAX_PLACES]:
        where = clean(place.origin) or "no file"
        where += f", line {place.line}" if place.line else ""
        times = f"  {place.times} times" if place.times > 1 else ""
        yield from labelled(f"run {place.run}", f"{where}{times}")
    more = len(stored.places) - MAX_PLACES
    if more > 0:
        yield f"and {more} more places"
