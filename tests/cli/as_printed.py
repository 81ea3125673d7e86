"""Commands as outputs print them: found in the text, and typed into a real shell as they stand."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cli_support import Ran, checked, environment

from replay.safe_text import quoted

INSTALLED = Path(sys.executable).with_name("doge-replay")


@dataclass(frozen=True)
class Shell:
    """A shell in a directory, in which the program is called by a path of its own: `program` is on
    no PATH, and the settings of nobody's variables are there."""

    folder: Path
    program: Path

    @classmethod
    def at(cls, folder: Path) -> Shell:
        """A shell in a folder, with a program there that has a space and a quote in its path."""
        program = Path("unser werkzeug's", "doge-replay")
        (folder / program.parent).mkdir(parents=True)
        (folder / program).symlink_to(INSTALLED)
        return cls(folder, program)

    def type(self, command: str, **variables: str) -> Ran:
        """Runs a line of a shell."""
        apart = {name: value for name, value in environment().items() if name != "DOGE_CORE_EXE"}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**apart, "PATH": "/usr/bin:/bin", **variables},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=600,
        )
        return checked(done.returncode, done.stdout, done.stderr)

    def doge(self, arguments: str, **variables: str) -> Ran:
        """Runs our program with the rest of a line."""
        return self.type(f"{quoted(str(self.program))} {arguments}", **variables)

    def commands_in(self, text: str) -> list[str]:
        """The commands that a text prints, each from the program's name to the end of its line, or
        to the mark that ends it in a sentence."""
        named = quoted(str(self.program))
        found = re.findall(rf"{re.escape(named)} [^\n<`]*", html.unescape(text))
        return [one.strip() for one in dict.fromkeys(found)]


def first_words(command: str, program: Path) -> str:
    """The name of the command that a printed line calls."""
    return command.removeprefix(quoted(str(program))).split()[0]


def on_path() -> str:
    """A PATH on which a shell finds the program by its name."""
    return os.pathsep.join((str(INSTALLED.parent), "/usr/bin", "/bin"))
