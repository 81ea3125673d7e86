"""`doge-replay recheck`: asks stored findings again, and says which of them are mended."""

from __future__ import annotations

import click

from replay.cli.common import (
    core_options,
    corpus_option,
    explanations_option,
    reading,
    strict_option,
)
from replay.cli.console import Progress, note, say, say_json
from replay.cli.run_report import announce, finish
from replay.counting import counted
from replay.errors import ExitCode
from replay.findings.kinship import can_tell
from replay.findings.store.identities import names_cause
from replay.findings.store.store import RunKind
from replay.findings.store.stored import CorePair, StoredFinding
from replay.runs.replay import rerun
from replay.runs.run import running
from replay.safe_text import quoted
from replay.settings import Settings

NOTHING_STORED = "the run proves nothing: nothing is stored that could be asked again"


@click.command(
    epilog="""\b
Examples:
  doge-replay recheck
  doge-replay recheck d-3f9a2c1b d-90b1cc27 --shadow ./doge-core-exe
  doge-replay recheck c-5be0117a"""
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@explanations_option
@strict_option
@corpus_option
@core_options
def recheck(ids: tuple[str, ...], settings: Settings, as_json: bool) -> int:
    """Ask stored findings again on the cores at hand: all of them, or those with an ID.

    The ID of a cause (`c-...`) stands for its cases, each a step that needs it; without an ID those
    of all causes are asked, too. A cause is fixed when all of them agree, and regressed when one
    comes back.

    What a nightly says of its stored findings, without the night. One whose case agrees is fixed
    once it has agreed in two replays more on fresh cores, and its other kept cases in one. One that
    was fixed and is seen again is regressed, and one that a build answers now this way and now that
    is flaky. Cores that a finding was never seen on tell nothing of it: the authority has to be the
    same or a later one, or, where that was mended under another name, the shadow the same.

    Exits 1 while any diverges without an explanation, 3 where a core fails, 4 where of one nothing
    can be told.
    """
    with reading(settings) as store:
        causes = {store.cause(one).id for one in ids if names_cause(one)}
        chosen = sorted({store.resolve(one) for one in ids if not names_cause(one)})
        known = len(store.findings())
    if not known:
        if as_json:
            say_json({"kind": str(RunKind.RECHECK), "exit": int(ExitCode.PROVES_NOTHING)})
        else:
            say(f"recheck: {NOTHING_STORED}")
        return int(ExitCode.PROVES_NOTHING)
    asked = [*chosen, *sorted(causes)]
    foreign: list[StoredFinding] = []
    with running(RunKind.RECHECK, settings, {"ids": asked}, announce) as under_way:
        everything = under_way.store.findings()
        stored = [finding for finding in everything if not ids or finding.id in chosen]
        under_way.asks_all = not ids
        progress = Progress("recheck", quiet=as_json)
        rerun(
            stored,
            under_way.authority,
            under_way.shadow,
            under_way.collector,
            under_way.report,
            lambda tally: progress.update(tally.streams, "findings"),
        )
        progress.end()
        under_way.ask_causes(causes if ids else None)
        under_way.check()
        here = CorePair(under_way.authority.identity, under_way.shadow.identity)
        foreign += [one for one in stored if not can_tell(one.cores, here)]
    code = finish(under_way.report, as_json)
    if foreign:
        seen_on = foreign[0].cores[-1]
        note(
            f"doge-replay: {counted(len(foreign), 'finding')} of {len(stored)} never seen on such "
            f"cores, so that nothing is told of them; {foreign[0].id} was seen on --authority "
            f"{quoted(seen_on.authority.path)} --shadow {quoted(seen_on.shadow.path)}"
        )
    return code
