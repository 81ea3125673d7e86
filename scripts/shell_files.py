"""Man pages and completions, made from the commands themselves: scripts/setup puts them into
.venv/share, where `man` and the shells look once .venv/bin is on PATH.

    .venv/bin/python scripts/shell_files.py DIR
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from click_man.core import write_man_pages

from replay import __version__
from replay.cli.main import cli
from replay.invocation import PROGRAM

COMPLETIONS = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "zsh": f"zsh/site-functions/_{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
}
"""Where each shell looks, below a share/."""

DATE = f"doge-replay {__version__}"
"""Stands where a page has its date, so that the same commands give the same pages."""


def main() -> None:
    """Writes all of them."""
    share = Path(sys.argv[1])
    write_pages(share / "man" / "man1")
    for shell, place in COMPLETIONS.items():
        file = share / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(completion(shell), "utf-8")


def write_pages(folder: Path) -> None:
    """A page for the program, and one for each command."""
    folder.mkdir(parents=True, exist_ok=True)
    context = click.Context(cli)
    # Our own group loads a command when it is asked for; what makes pages wants all of them.
    loaded = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    commands = {name: command for name, command in loaded.items() if command is not None}
    whole = click.Group(PROGRAM, commands=commands, params=cli.params, help=cli.help)
    write_man_pages(PROGRAM, whole, version=__version__, target_dir=str(folder), date=DATE)


def completion(shell: str) -> str:
    """What a shell has to read to complete our commands."""
    kind = get_completion_class(shell)
    assert kind is not None
    variable = f"_{PROGRAM.replace('-', '_')}_COMPLETE".upper()
    source: str = kind(cli, {}, PROGRAM, variable).source()
    return source


if __name__ == "__main__":
    main()
