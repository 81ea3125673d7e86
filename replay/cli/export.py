"""`doge-replay export`: a stored finding as a parity case for the bot's own test suite."""

from __future__ import annotations

import json
from pathlib import Path

import click

from replay.cli.common import core_options, reading
from replay.cli.console import note, say
from replay.cli.settings import Settings
from replay.errors import EnvironmentFailure
from replay.findings.export import parity_case


@click.command(
    epilog="""\b
Examples:
  doge-replay export d-3f9a2c1b > tests/parity/d-3f9a2c1b.json
  doge-replay export d-3f9a2c1b --output d-3f9a2c1b.json"""
)
@click.argument("id", metavar="ID")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@core_options
def export(
    id: str,
    output: Path | None,
    settings: Settings,
    as_json: bool,
) -> int:
    """Write one stored case as a parity case (JSON), with what the authority ended in as
    `expected`.

    To standard output, or to a file that is not there yet.
    """
    with reading(settings) as store:
        document = parity_case(store.finding(id))
    text = json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
    if output is None:
        say(text)
        return 0
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {output}: {error.strerror}") from error
    note(f"written: {output}")
    return 0
