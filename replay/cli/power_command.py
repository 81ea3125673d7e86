"""`doge-replay power`: how many single edits of the authority's own source a night would find."""

from __future__ import annotations

import math
import time
from itertools import islice

import click

from replay.cli.common import Duration, core_options, corpus_option
from replay.cli.console import Progress, note, say, say_json, say_table
from replay.cli.extras import need
from replay.cli.fuzz_command import new_seed
from replay.errors import ExitCode
from replay.fuzzing.mix import Mix
from replay.runs.power import Fate, Hunted, Plan, Power, measure_power
from replay.runs.power_memory import memory_file, read_memory, write_memory
from replay.safe_text import clean
from replay.settings import Settings
from replay.streams.corpus import Corpus
from replay.targets.python.module import open_python_target

EDITS = 40
TRANSITIONS = 100_000


@click.command(
    epilog="""\b
Examples:
  doge-replay power
  doge-replay power --authority bot/state_machine.py --edits 150 --seed 7"""
)
@click.option("--edits", type=click.IntRange(1, 100_000), default=EDITS, show_default=True,
              metavar="N", help="How many edits are drawn.")  # fmt: skip
@click.option(
    "--max-transitions",
    type=click.IntRange(min=1),
    default=TRANSITIONS,
    show_default=True,
    metavar="N",
    help="Generate so many transitions, after the corpus, before an edit counts as not found.",
)
@click.option("--seconds", type=Duration(min=0.1), metavar="S",
              help="Draw no further edit after S seconds; how many there are depends on the "
              "machine then.")  # fmt: skip
@click.option("--profile", type=click.Choice([mix.value for mix in Mix]))
@click.option("--seed", type=click.IntRange(min=0), help="Default: a new one, printed.")
@corpus_option
@core_options
def power(
    edits: int,
    max_transitions: int,
    seconds: float | None,
    profile: str | None,
    seed: int | None,
    settings: Settings,
    as_json: bool,
) -> int:
    """Measure how many single edits of the authority a night would find.

    Edits of the authority's own source (a Python core, ours or a bot's) are drawn at random, evenly
    over functions and kinds. Each stands in as the shadow and is hunted with the corpus and
    the generator of a night. What is not found is looked at more closely: where a search around
    its line tells it from the authority it counts as missed, and else as equivalent; have a look
    at these. Functions that no stream runs through are named: nothing is known about them.

    What was not found is kept beside the database and hunted again by the next run, with twice as
    many transitions; the case that shows a missed edit joins the corpus. Exits 4 where no edit
    could be told from the authority.
    """
    need("power", "fuzz")
    chosen = new_seed() if seed is None else seed
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    plan = Plan(
        settings.authority,
        settings.corpus,
        Mix(profile or settings.profile),
        chosen,
        edits,
        max_transitions,
        is_over=lambda: time.monotonic() >= deadline,
    )
    if not as_json:
        note(f"seed {chosen}")
    known = _measured(settings, plan, quiet=as_json)
    if as_json:
        say_json(known.document())
    else:
        _say(known)
    return int(ExitCode.PROVES_NOTHING if known.proves_nothing else ExitCode.CLEAN)


def _measured(settings: Settings, plan: Plan, *, quiet: bool) -> Power:
    """Measures, and keeps what the next run goes on from."""
    plan.check()
    sha256 = open_python_target(settings.authority).identity.sha256
    file = memory_file(settings.db)
    memory = read_memory(file, sha256)
    progress = Progress("power", quiet=quiet)
    known = measure_power(
        plan.hunting_again(memory.survivors), lambda done, of: progress.update(done)
    )
    progress.end()
    write_memory(file, sha256, memory.after(known))
    _join(settings, known)
    return known


def _join(settings: Settings, known: Power) -> None:
    """Takes the cases into the corpus that show what the night did not find, or not at first."""
    shown = [one.case for one in known.hunted if one.fate is Fate.MISSED]
    shown += [one.case for one in known.again if one.fate is not Fate.EQUIVALENT and not one.by]
    for case in shown:
        if case is not None:
            Corpus(settings.corpus[-1]).add(case)


def _say(known: Power) -> None:
    say(f"{known.headline()}; missed so far: {_names(known.of(Fate.MISSED)) or 'none'}")
    say(f"drawn from {known.offered:,} edits, {known.max_transitions:,} transitions for each; "
        f"{known.unloadable} more could not be loaded")  # fmt: skip
    if known.of(Fate.EQUIVALENT):
        least = int(known.at_least_for_sure * 100)
        say(f"nobody has proved that those are equivalent: were all missed, at least {least} %")
    if known.never_run:
        say(f"run by no stream, so in no bound: {clean(', '.join(known.never_run), 2000)}")
    for title, fate in (("missed", Fate.MISSED), ("equivalent, as far as told", Fate.EQUIVALENT)):
        for one in known.of(fate):
            say(f"{title}: {clean(one.edit.function)} ({one.edit.kind}): "
                f"{clean(one.edit.says, 600)}")  # fmt: skip
    if known.again:
        found = sum(one.fate is Fate.FOUND for one in known.again)
        say(f"of {len(known.again)} that earlier runs had not found, {found} found now")
    say()
    say_table(
        ("function", *map(str, Fate)),
        ((function, *row.values()) for function, row in known.by_function().items()),
    )


def _names(hunted: list[Hunted]) -> str:
    names = sorted({one.edit.function for one in hunted})
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return clean(", ".join(islice(names, 5))) + more
