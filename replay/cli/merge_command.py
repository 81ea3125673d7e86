"""`doge-replay merge`: one bug in several buckets, put together by hand."""

from __future__ import annotations

import click

from replay.cli.change import NOT_YET, name_of, opened, who_option, why_option, yes_option
from replay.cli.common import core_options
from replay.cli.console import say, say_json
from replay.counting import counted as number_of
from replay.errors import UsageError
from replay.findings.store.store import Store, StoredFinding
from replay.reports.finding_text import finding_text
from replay.safe_text import clean
from replay.settings import Settings


@click.command(
    epilog="""\b
Examples:
  doge-replay merge d-3f9a2c1b d-90b1cc27 --into d-5e02f7d4
  doge-replay merge d-3f9a2c1b d-90b1cc27 --into d-5e02f7d4 --yes --why 'one rounding'
  doge-replay merge d-3f9a2c1b --undo --yes"""
)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--into", metavar="ID", help="The finding that stands for all of them from now on.")
@click.option("--undo", is_flag=True, help="Take it back that each ID was merged into another.")
@yes_option
@why_option
@who_option
@core_options
def merge(
    ids: tuple[str, ...],
    into: str | None,
    undo: bool,
    yes: bool,
    why: str,
    who: str | None,
    settings: Settings,
    as_json: bool,
) -> int:
    """Let findings that are one bug count as one.

    What is found later counts as --into, too, and the merged IDs lead there. Nothing of them is
    lost: --undo makes each a finding of its own again, with all that it had before.
    """
    if undo == (into is not None):
        raise UsageError("give either --into ID or --undo")
    with opened(settings, writing=yes) as store:
        if into is None:
            return _undo(store, ids, yes, name_of(who), why, as_json)
        sources = [_own(store, store.resolve(id)) for id in dict.fromkeys(ids)]
        target = store.finding(into)
        names = [source.id for source in sources]
        if yes:
            store.merge(names, target.id, who=name_of(who), why=why)
        else:
            store.check_merge(names, target.id)
        if as_json:
            document = {"into": target.id, "merged": [_document(one) for one in sources]}
            say_json({**document, "done": yes})
            return 0
        say(f"into     {target.id}: {finding_text(target.finding)}")
        for source in sources:
            say(f"{'merged ' if yes else 'merges '}  {source.id}: "
                f"{finding_text(source.finding)}")  # fmt: skip
            say(f"         {_count(source)}")
        if not yes:
            say(NOT_YET)
    return 0


def _own(store: Store, identity: str) -> StoredFinding:
    """A finding by its whole ID. Raises UsageError where it was merged into another already."""
    finding = store.finding(identity)
    if finding.id != identity:
        raise UsageError(f"{identity} was merged into {finding.id} already", id=identity)
    return finding


def _cases(finding: StoredFinding) -> int:
    """Kept cases that somebody met: a minimised one was met by nobody."""
    return sum(bool(kept.rows) for kept in finding.kept)


def _count(finding: StoredFinding) -> str:
    return (
        f"{number_of(_cases(finding), 'kept case')}, "
        f"{number_of(finding.occurrences, 'occurrence')} in {number_of(len(finding.runs), 'run')}"
    )


def _document(finding: StoredFinding) -> dict[str, object]:
    return {
        "id": finding.id,
        "cases": _cases(finding),
        "occurrences": finding.occurrences,
        "runs": len(finding.runs),
    }


def _undo(store: Store, ids: tuple[str, ...], yes: bool, who: str, why: str, as_json: bool) -> int:
    """Takes merges back, or says what that would do."""
    sources = [store.resolve(id) for id in dict.fromkeys(ids)]
    targets = {source: store.check_unmerge(source) for source in sources}
    if yes:
        for source in sources:
            store.unmerge(source, who=who, why=why)
    if as_json:
        undone = [{"id": source, "from": target} for source, target in targets.items()]
        say_json({"unmerged": undone, "done": yes})
        return 0
    for source, target in targets.items():
        say(f"{source} {'is' if yes else 'would be'} a finding of its own again, no longer part of "
            f"{clean(target)}; what was found since it was merged stays there")  # fmt: skip
    if not yes:
        say(NOT_YET)
    return 0
