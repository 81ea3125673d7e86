"""`doge-replay preflight`: whether a shadow run may begin."""

from __future__ import annotations

import os

import click

from replay.cli.common import core_options
from replay.cli.console import MAX_COMMAND, say, say_json
from replay.errors import ExitCode
from replay.gate.preflight import examine
from replay.runs.commands import commands_of
from replay.runs.cores import pair_of
from replay.safe_text import clean
from replay.settings import Settings

CALLS_AN_HOUR = 20_000.0
WIDTH = 1000


@click.command(
    epilog="""\b
Example:
  doge-replay preflight --authority ~/bot/state_machine.py"""
)
@click.option(
    "--calls-per-hour",
    type=click.FloatRange(min=0, min_open=True),
    default=CALLS_AN_HOUR,
    show_default=True,
    metavar="N",
    help="How many calls the bot makes in all its slots: says how much room a journal takes.",
)
@core_options
def preflight(calls_per_hour: float, settings: Settings, as_json: bool) -> int:
    """Check all that a shadow run needs, before it begins (sections 1 and 2 of the runbook).

    Looks at the environment as the adapter reads it (DOGE_CORE_SHADOW, DOGE_CORE_EXE, ...), opens
    both cores, asks them at least 200 steps of ordinary trading, and looks at journal, port and
    clock. Stores nothing. Ends with a line for the notes of the change.

    Exits 0 where all is ready, 1 where the cores differ, 3 where something cannot run, 4 where
    nothing could be compared.
    """
    cores = pair_of(settings)
    found = examine(cores, os.environ, calls_per_hour, commands_of(settings))
    if as_json:
        say_json(
            {
                "checks": [
                    {
                        "area": str(one.area),
                        "says": one.says,
                        "ok": one.code is ExitCode.CLEAN,
                        "next": one.next,
                    }
                    for one in found.checks
                ],
                "authority": None if found.cores is None else found.cores[0].document(),
                "shadow": None if found.cores is None else found.cores[1].document(),
                "line": found.line,
                "exit": int(found.exit_code),
            }
        )
        return int(found.exit_code)
    for one in found.checks:
        mark = "ok" if one.code is ExitCode.CLEAN else "NO"
        say(f"{mark}  {one.area:11}  {clean(one.says, WIDTH)}")
        if one.next:
            say(f"    {'':11}  to find such cases and store them:")
            say(f"    {'':11}    {clean(one.next, MAX_COMMAND)}")
    say()
    say("for the notes of the change:")
    say(clean(found.line, 4 * WIDTH))
    return int(found.exit_code)
