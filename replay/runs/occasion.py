"""When, where and how a run was made: what a report says of itself beside what it found.

A report lies about for months, in mails and archives. Whoever finds it must be able to tell it from
all others, and to make it again.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from replay import __version__
from replay.invocation import invoked
from replay.safe_text import quoted
from replay.settings import Settings

FORM = 2
"""The version of the form of report.json. It grows when something is taken away or means something
else, and not when something is added."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """One run. `number` is the one it has in the database, `began` in UTC, `command` as a shell
    takes it, `version` that of doge-replay."""

    number: int
    began: datetime
    host: str
    command: str
    version: str = __version__

    @property
    def began_text(self) -> str:
        """As `2026-11-29T08:16:00Z`."""
        return self.began.strftime("%Y-%m-%dT%H:%M:%SZ")

    def document(self) -> dict[str, str | int]:
        """As `--json` has it."""
        return {
            "run": self.number,
            "began": self.began_text,
            "host": self.host,
            "command": self.command,
            "version": self.version,
        }


def occasion_of(number: int, settings: Settings) -> Occasion:
    """The run that this very process begins now. Its command says what was typed, and what only
    the variables of this shell have said."""
    besides = [
        f"--{option} {quoted(value)}"
        for option, value in settings.to_repeat.items()
        if option not in settings.explicit
    ]
    command = invoked(*map(quoted, sys.argv[1:]), *besides)
    return Occasion(number, datetime.now(UTC), os.uname().nodename, command)
