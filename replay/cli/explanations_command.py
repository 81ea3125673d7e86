"""`doge-replay explanations`: whether what explanations.toml says still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from replay.cli.common import core_options, corpus_option, explanations_option, reading
from replay.cli.console import say, say_json, say_table
from replay.counting import counted
from replay.errors import ExitCode, UsageError
from replay.explaining.claims.explanations import Explanation, Explanations, read_explanations
from replay.explaining.claims.outdated import why_set_aside
from replay.explaining.claims.run_recheck import NOTHING_SEEN, Recheck, recheck_run
from replay.findings.store.store import Store
from replay.runs.cores import pair_of
from replay.safe_text import clean
from replay.settings import EXPLANATIONS, Settings

MAX_WHY = 1_000


@click.command(
    epilog="""\b
Examples:
  doge-replay explanations
  doge-replay explanations --explanations ../bot/explanations.toml --shadow ./doge-core-exe"""
)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--only-read",
    is_flag=True,
    help="Only say whether FILEs, or the usual one, can be read: no core is run, and no database "
    "needed. For hooks.",
)
@explanations_option
@corpus_option
@core_options
def explanations(files: tuple[str, ...], only_read: bool, settings: Settings, as_json: bool) -> int:
    """Check the file of explanations: run every stored case again and tell what holds.

    Nothing is stored. Exits 0 where every explanation holds, 1 where one does not or is older than
    a regression of what it explains, 2 where the file is not good, 3 where a core failed in a way
    that no note stands for.
    """
    if files and not only_read:
        raise UsageError("FILEs are for --only-read; what is run is named by --explanations")
    if settings.explanations is None and not files:
        raise UsageError(f"there is no {EXPLANATIONS} here, and none is named; "
                         "docs/explanations.md says what goes into one")  # fmt: skip
    if only_read or settings.explanations is None:
        named = [Path(one) for one in files] or [settings.explanations or Path(EXPLANATIONS)]
        return _only_read(named, as_json)
    read = read_explanations(settings.explanations)
    with reading(settings) as store:
        recheck = recheck_run(
            read,
            NOTHING_SEEN,
            store,
            pair_of(settings),
            settings.corpus,
            today=datetime.now(UTC).date(),
            everything=True,
            routing=store.routing(),
        )
        aside = _set_aside(read, recheck, store)
    code = _exit_code(recheck, aside)
    if as_json:
        say_json(_document(read, recheck, aside, code))
    else:
        _say(read, recheck, aside)
    return int(code)


def _only_read(files: Sequence[Path], as_json: bool) -> int:
    """Reads files. The first that is not good ends it, on a line that names it."""
    counts = {str(file): len(read_explanations(file).entries) for file in files}
    if as_json:
        say_json({"files": counts, "exit": int(ExitCode.CLEAN)})
    else:
        for file, count in counts.items():
            say(f"{clean(file)}: {counted(count, 'explanation')}, can be read")
    return int(ExitCode.CLEAN)


def _set_aside(read: Explanations, recheck: Recheck, store: Store) -> dict[str, str]:
    """The findings for which what explains them does not count, and why."""
    signed = {entry.name: entry.date for entry in read.entries}
    found = {one.id: one for one in store.findings()}
    why = {
        identity: why_set_aside(found[identity].history, explained.by, signed)
        for identity, explained in recheck.buckets.items()
        if identity in found
    }
    return {identity: text for identity, text in why.items() if text}


def _exit_code(recheck: Recheck, aside: Mapping[str, str]) -> ExitCode:
    if aside or not all(claim.ok for claim in recheck.claims):
        return ExitCode.DIVERGENCE
    failing = any(
        identity.startswith("f-") and not explained.by
        for identity, explained in recheck.buckets.items()
    )
    return ExitCode.CORE_FAILED if failing or not recheck.complete else ExitCode.CLEAN


def _say(read: Explanations, recheck: Recheck, aside: Mapping[str, str]) -> None:
    say(f"{clean(read.file)}: {_headline(recheck, aside)}")
    for entry, claim in zip(read.entries, recheck.claims, strict=True):
        say()
        say(f"{'ok  ' if claim.ok else 'FAIL'}  {clean(claim.name)}{' (a note)' * claim.weaker}")
        say(f"      {clean(claim.why, MAX_WHY)}")
        say(f"      signed {clean(entry.signed)}, {entry.date}"
            + (f", until {entry.expires}" if entry.expires else ""))  # fmt: skip
    if recheck.buckets:
        say()
        say_table(
            ("id", "explained by", ""),
            (
                (
                    identity,
                    "-" if identity in aside else ", ".join(explained.by) or "-",
                    aside.get(identity)
                    or explained.missing
                    or ("by a note" if explained.weaker else ""),
                )
                for identity, explained in sorted(recheck.buckets.items())
            ),
        )
    if not recheck.complete:
        say()
        say("not all stored cases could be run again: a core failed or took too long")


def _headline(recheck: Recheck, aside: Mapping[str, str]) -> str:
    many = counted(len(recheck.claims), "explanation")
    failing = sum(not claim.ok for claim in recheck.claims)
    if failing:
        return f"{many}, {failing} of them do not hold"
    if aside:
        return f"{many}, set aside for {counted(len(aside), 'finding')} that came back since"
    return f"{many}, all hold" if recheck.complete else f"{many}, not all could be checked"


def _document(
    read: Explanations, recheck: Recheck, aside: Mapping[str, str], code: ExitCode
) -> dict[str, Any]:
    return {
        "file": read.file,
        "complete": recheck.complete,
        "explanations": [
            {
                **_entry_document(entry),
                "ok": claim.ok,
                "why": claim.why,
                "ids": list(claim.ids),
                "checked": claim.checked,
                "weaker": claim.weaker,
            }
            for entry, claim in zip(read.entries, recheck.claims, strict=True)
        ],
        "buckets": [
            {
                "id": identity,
                "explained_by": list(explained.by),
                "weaker": explained.weaker,
                "missing": explained.missing,
                "set_aside": aside.get(identity, ""),
            }
            for identity, explained in sorted(recheck.buckets.items())
        ],
        "exit": int(code),
    }


def _entry_document(entry: Explanation) -> dict[str, Any]:
    return {
        "name": entry.name,
        "reason": entry.reason,
        "signed": entry.signed,
        "date": entry.date.isoformat(),
        "expires": None if entry.expires is None else entry.expires.isoformat(),
        "line": entry.line,
    }
