"""`doge-replay db`: databases as files, above all several joined into one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from replay.cli.console import say, say_json
from replay.counting import counted
from replay.findings.store.union_file import join_databases
from replay.safe_text import clean


@click.group()
def db() -> None:
    """Databases as files: several machines' joined into one.

    \b
    Example:
      doge-replay db merge night-1.db night-2.db -o divergences.db
    """


@db.command(
    "merge",
    epilog="""\b
Example:
  doge-replay db merge night-1.db night-2.db -o divergences.db""",
)
@click.argument(
    "databases", nargs=-1, required=True, metavar="DB...", type=click.Path(path_type=Path)
)
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="The new database; a file that is not there yet.",
)
@click.option("--json", "as_json", is_flag=True, help="Pure JSON on standard output.")
def merge_databases(databases: tuple[Path, ...], output: Path, as_json: bool) -> int:
    """Join databases into a new one.

    Findings keep their IDs; their runs, occurrences, cases, histories, splits, merges and accounts
    of causes come together. Runs are numbered anew, in the order in which they began. A run that is
    in several databases, which are copies of each other, counts once. The order of the databases
    does not matter, and none of them is changed.

    What was fixed in one database and was seen in another by a run that began later is regressed.
    Of two splits or merges that contradict each other the later one is in force, and the other is
    told.
    """
    made = join_databases(databases, output)
    if as_json:
        say_json({"output": str(output), **asdict(made)})
        return 0
    say(
        f"{clean(output)}: {counted(made.runs, 'run')} ({made.shared_runs:,} in more than one "
        f"database), {counted(made.findings, 'finding')}, "
        f"{counted(made.occurrences, 'occurrence')}, {counted(made.streams, 'stream')}"
    )
    for line in made.overruled:
        say(f"  {clean(line, 600)}")
    return 0
