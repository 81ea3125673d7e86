"""The page of one divergence: where the answers differ, then the case, commands and what explains
it; the rest is folded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from replay.differential.difference_texts import value_text
from replay.differential.signature.rules import place_in_contract
from replay.findings.lifecycle import HistoryEntry, Status
from replay.findings.store.stored import StoredFinding
from replay.reports.finding_details import detail_of
from replay.reports.finding_text import event_words
from replay.runs.commands import Commands
from replay.web.database_view import Line, Listing
from replay.web.shell import page

MAX_EVIDENCE = 10


class Explained(NamedTuple):
    """By what a finding is explained, or was: `holds` where it still is."""

    name: str
    holds: bool
    entry: HistoryEntry
    evidence: list[tuple[str, str]]


class Neighbours(NamedTuple):
    """The IDs before and after one in the list, "" at its ends."""

    before: str
    after: str


def finding_page(
    finding: StoredFinding,
    asked: str,
    commands: Commands,
    listing: Listing,
    *,
    everything: bool,
) -> str:
    """The page of a finding. `asked` is the ID that was asked for, another one where that was
    merged into this; with `everything` values that are alike are shown too."""
    signature = finding.signature
    return page(
        "finding.html",
        finding.id,
        here="/divergences",
        finding=finding,
        asked=asked,
        everything=everything,
        signature=signature,
        event=event_words(finding.finding),
        rule=f"{signature.rule} [{signature.part}]" if signature.part else signature.rule,
        contract=place_in_contract(signature),
        detail=detail_of(finding, everything=everything),
        causes=[line for line in listing.causes if finding.id in line.cause.findings],
        commands=list(_commands(finding, commands)),
        explained=_explained(finding),
        near=_near(finding, listing.lines),
    )


def _near(finding: StoredFinding, lines: tuple[Line, ...]) -> Neighbours:
    """In the list as it is without a filter: what is fixed is passed over."""
    known = [one.id for one in lines if one.id == finding.id or one.status is not Status.FIXED]
    return neighbours_of(finding.id, known)


def neighbours_of(identity: str, known: list[str]) -> Neighbours:
    """The IDs before and after one."""
    if identity not in known:
        return Neighbours("", "")
    place = known.index(identity)
    return Neighbours(
        known[place - 1] if place else "", known[place + 1] if place + 1 < len(known) else ""
    )


def _commands(finding: StoredFinding, commands: Commands) -> Iterator[tuple[str, str]]:
    yield commands("repro", finding.id), "run it again on both cores"
    if not finding.signature.failure and finding.status is not Status.FLAKY:
        yield commands("explain", finding.id), "find the cause"
    yield commands("show", finding.id), "all of this in a terminal"
    yield commands("export", finding.id, "--as", "bundle"), "hand it over"


def _explained(finding: StoredFinding) -> Explained | None:
    """What the newest entry of the history says that explains it; whether that still holds is
    checked by each run."""
    said = [entry for entry in finding.history if entry.status is Status.EXPLAINED]
    if not said:
        return None
    entry = said[-1]
    evidence = [(str(key), value_text(value)) for key, value in entry.evidence.items()
                if key != "explanation"][:MAX_EVIDENCE]  # fmt: skip
    return Explained(
        str(entry.evidence.get("explanation", "")),
        finding.status is Status.EXPLAINED,
        entry,
        evidence,
    )
