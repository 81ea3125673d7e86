"""`doge-replay split`: two bugs in one bucket, taken apart by a condition."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import click

from replay.cli.change import NOT_YET, name_of, opened, who_option, why_option, yes_option
from replay.cli.common import core_options
from replay.cli.console import say, say_json
from replay.counting import counted as number_of
from replay.differential.conditions.condition import Condition
from replay.errors import ExitCode, ReplayError, UsageError
from replay.findings.store.routes import Split
from replay.findings.store.splits import (
    SplitPreview,
    Tried,
    counted,
    minimise_parts,
    preview_split,
)
from replay.findings.store.store import RunKind, RunTotals, Store
from replay.runs.cores import pair_of
from replay.safe_text import clean
from replay.settings import Settings
from replay.targets.base import Target
from replay.targets.pair import OpenPair

MAX_NAMED = 10
"""Cases that could not be decided on and are named."""


@click.command(
    epilog="""\b
Examples:
  doge-replay split d-3f9a2c1b --where 'call.fee > 1 and phase == "S2"' --name 'large fees'
  doge-replay split d-3f9a2c1b --where 'call.fee > 1' --name 'large fees' --yes
  doge-replay split d-7c41e0aa --undo --yes      (d-7c41e0aa is the part)"""
)
@click.argument("id", metavar="ID")
@click.option("--where", metavar="CONDITION", help="True of what is split off.")
@click.option("--name", metavar="NAME", help="What the part is called.")
@click.option("--undo", is_flag=True, help="Take the split back that made ID a part.")
@yes_option
@why_option
@who_option
@core_options
def split(
    id: str,
    where: str | None,
    name: str | None,
    undo: bool,
    yes: bool,
    why: str,
    who: str | None,
    settings: Settings,
    as_json: bool,
) -> int:
    """Split off, as a finding of its own, what of ID meets a condition.

    All kept cases are run again on both cores to tell which do. What is found later is split in the
    same way. A CONDITION can use event, rule, phase, price, market_price, fields, kinds,
    differences, authority, shadow (the two values of the first difference), state.FIELD,
    config.FIELD and call.FIELD, and is written as in Python. With --undo the part counts as what
    it was split off from again.
    """
    if undo:
        if where is not None or name is not None:
            raise UsageError("--undo takes neither --where nor --name")
        return _undo(id, settings, yes, name_of(who), why, as_json)
    if where is None or name is None:
        raise UsageError("a split needs --where CONDITION and --name NAME (or --undo)")
    condition = Condition.parse(where)
    with opened(settings, writing=yes) as store:
        finding = store.finding(id)
        cores = pair_of(settings)
        targets = cores.open()
        try:
            preview = preview_split(store, finding, condition, name, *targets)
            split = preview.split()
            if yes:
                open_pair = partial(cores.open, minimising=True)
                _apply(store, preview, split, targets, open_pair, name_of(who), why)
        finally:
            for target in targets:
                target.close()
        _show(preview, yes, as_json)
    return int(ExitCode.CLEAN)


def _apply(
    store: Store,
    preview: SplitPreview,
    split: Split,
    targets: tuple[Target, Target],
    open_pair: OpenPair,
    who: str,
    why: str,
) -> None:
    """Makes the split, in a run of its own: the answers that it stores are those of these cores."""
    authority, shadow = targets
    details = {"of": preview.finding.id, "name": preview.name, "where": preview.condition.text}
    run = store.begin_run(RunKind.SPLIT, authority.identity, shadow.identity, details)
    code = ExitCode.CLEAN
    try:
        store.split(preview.finding.id, split, run=run, who=who, why=why)
        minimise_parts(store, run, split, open_pair)
    except ReplayError as error:
        code = error.exit_code
        raise
    finally:
        store.end_run(run, RunTotals(streams=len(preview.finding.kept), exit=int(code)))


def _show(preview: SplitPreview, done: bool, as_json: bool) -> None:
    moves, stays = counted(preview.moves), counted(preview.stays)
    if as_json:
        say_json(
            {
                "id": preview.finding.id,
                "part": preview.part.id,
                "name": preview.name,
                "where": preview.condition.text,
                "moves": _document(preview.moves),
                "stays": _document(preview.stays),
                "undecided": [
                    {**_kept(tried), "reason": tried.reason} for tried in preview.undecided
                ],
                "counted_only": preview.uncounted,
                "done": done,
            }
        )
        return
    say(f"{preview.finding.id}: split by {clean(preview.condition.text)}")
    verb = ("moved ", "stayed") if done else ("moves ", "stays ")
    for word, count, where in (
        (verb[0], moves, f"to {preview.part.id}, {clean(preview.name)}"),
        (verb[1], stays, "where it is"),
    ):
        say(f"  {word}  {number_of(count.cases, 'kept case')}: "
            f"{number_of(count.occurrences, 'occurrence')} in {number_of(count.runs, 'run')}, "
            f"{where}")  # fmt: skip
    for tried in preview.undecided[:MAX_NAMED]:
        say(f"  {verb[1]}  {_name(tried)}: {clean(tried.reason)}")
    if len(preview.undecided) > MAX_NAMED:
        say(f"  {verb[1]}  ... and {len(preview.undecided) - MAX_NAMED} more that cannot be told")
    if preview.uncounted:
        say(f"  {verb[1]}  {number_of(preview.uncounted, 'occurrence')} that were only counted: no "
            "case of theirs was kept")  # fmt: skip
    if not done:
        say(NOT_YET)


def _name(tried: Tried) -> str:
    """A stream as a person finds it again: where it came from, else its hash."""
    kept = tried.kept
    where = clean(kept.origin) + (f", line {kept.line}" if kept.line else "")
    return where if kept.origin else f"case {kept.sha256[:12]}"


def _document(tried: Iterable[Tried]) -> dict[str, object]:
    tried = list(tried)
    count = counted(tried)
    return {
        "cases": count.cases,
        "occurrences": count.occurrences,
        "runs": count.runs,
        "streams": [_kept(one) for one in tried],
    }


def _kept(tried: Tried) -> dict[str, object]:
    kept = tried.kept
    return {"stream": kept.sha256, "origin": kept.origin, "line": kept.line, "times": kept.times}


def _undo(id: str, settings: Settings, yes: bool, who: str, why: str, as_json: bool) -> int:
    """Takes a split back, or says what that would do."""
    with opened(settings, writing=yes) as store:
        part = store.finding(id)
        origin = store.check_unsplit(part.id)
        if yes:
            store.unsplit(part.id, who=who, why=why)
        if as_json:
            say_json({"id": part.id, "of": origin, "done": yes})
            return 0
        word = "counts" if yes else "would count"
        say(f"{part.id} {word} as {origin} again: {number_of(part.occurrences, 'occurrence')} in "
            f"{number_of(len(part.runs), 'run')}")  # fmt: skip
        if not yes:
            say(NOT_YET)
    return 0
