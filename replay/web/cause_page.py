"""The pages of causes: the list with its account, and one page for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from replay.findings.account import GENERATED_STEPS, CauseAccount
from replay.findings.bundle import history_document
from replay.findings.store.stored import StoredFinding
from replay.reports.cause_texts import account_words
from replay.reports.finding_details import case_texts, detail_of
from replay.runs.commands import Commands
from replay.web.database_view import CauseLine, Line, Listing
from replay.web.finding_page import neighbours_of
from replay.web.shell import page


def cause_list_page(listing: Listing, *, everything: bool) -> str:
    """All causes, the worst first, and what is not accounted for. Those that are fixed, or that
    only an earlier search has found, are shown with `everything`."""
    hidden = [line for line in listing.causes if not line.is_open]
    account = listing.account
    return page(
        "cause_list.html",
        "Causes",
        here="/causes",
        listing=listing,
        account=account,
        causes=[line for line in listing.causes if line.is_open],
        hidden=hidden,
        everything=everything,
        accounted="" if account is None else account_words(account),
        left=() if account is None else _left(account, listing),
        unseen=[] if account is None else _unseen(listing),
    )


def _left(account: CauseAccount, listing: Listing) -> list[tuple[str, int, Line | None]]:
    """What is not accounted for: the steps in no bucket, which have no page, before the buckets."""
    lines = {line.id: line for line in listing.lines}
    rows = [(bucket, steps, lines.get(bucket)) for bucket, steps in account.left_buckets.items()]
    generated = account.left_generated
    return ([(GENERATED_STEPS, generated, None)] if generated else []) + rows


def _unseen(listing: Listing) -> list[str]:
    """Findings that no cause has part in and that were not asked: stored after the search."""
    told = {finding for line in listing.causes for finding in line.cause.findings}
    told |= set() if listing.account is None else set(listing.account.left)
    return [line.id for line in listing.lines if line.id not in told and not line.failure]


def cause_page(
    line: CauseLine, worst: StoredFinding | None, commands: Commands, listing: Listing
) -> str:
    """The page of a cause. `worst` is the finding that shows it, None where none is stored."""
    cause = line.cause
    known = [one.cause.id for one in listing.causes if one.is_open or one.cause.id == cause.id]
    return page(
        "cause.html",
        cause.id,
        here="/causes",
        line=line,
        cause=cause,
        case=case_texts(cause.cases[0].stream) if cause.cases else [],
        worst=worst,
        detail=None if worst is None else detail_of(worst),
        commands=list(_commands(line, worst, commands)),
        near=neighbours_of(cause.id, known),
        others=_others(line, listing),
    )


def _others(line: CauseLine, listing: Listing) -> list[CauseLine]:
    """Causes that are at work in the same buckets."""
    own = set(line.cause.findings)
    return [
        one
        for one in listing.causes
        if one.cause.id != line.cause.id and one.is_current and own.intersection(one.cause.findings)
    ]


def _commands(
    line: CauseLine, worst: StoredFinding | None, commands: Commands
) -> Iterator[tuple[str, str]]:
    on_its_cores = commands if worst is None else commands.of_finding(worst)
    if worst is not None:
        yield on_its_cores("repro", worst.id), "run its worst bucket again on both cores"
    yield on_its_cores("recheck", line.cause.id), "ask its cases again: is it fixed?"
    yield commands("show", line.cause.id), "all of this in a terminal"


def cause_document(line: CauseLine) -> dict[str, Any]:
    """A cause as `/api/causes/ID` has it."""
    history = [history_document(entry) for entry in line.cause.history]
    return {**line.document(), "history": history}


def causes_document(listing: Listing) -> dict[str, Any]:
    """All causes as `/api/causes` has them; of the account what it came to."""
    account = listing.account
    told = {} if account is None else account.document()
    return {**told, "causes": [line.document() for line in listing.causes]}
