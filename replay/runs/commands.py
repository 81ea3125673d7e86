"""Commands to copy: each carries whatever it needs to do again what it stands beside.

A command without options takes the usual cores and the usual database. What is not the usual is
said, wherever it came from: an option, a variable of somebody's shell, or the store.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from replay.findings.store.stored import CorePair, StoredFinding
from replay.invocation import invoked
from replay.safe_text import quoted
from replay.settings import Settings
from replay.targets.base import CoreIdentity

ASKING = frozenset(
    {"causes", "explain", "explanations", "fuzz", "recheck", "repro", "run", "split"}
)
"""The commands that ask the cores; the others only look into the database."""

TAKEN_BY: Mapping[str, frozenset[str] | None] = {
    "authority": ASKING,
    "shadow": ASKING,
    "db": None,
    "explanations": frozenset({"explanations", "fuzz", "recheck", "run"}),
}
"""The options that are repeated, and the commands that have a use for each; None for all."""

FLAGS: Mapping[str, frozenset[str] | None] = {
    "sandbox": ASKING,
    "strict": frozenset({"fuzz", "recheck", "run"}),
    "trust": None,
}
"""The same for options without a value, where they were given and something comes of it."""

MADE_FROM_A_CORPUS = frozenset({"explain", "explanations", "fuzz", "nightly", "recheck"})
"""The commands that read the corpora beside what they are given."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Makes commands to copy. `options` are what they must say, by name; `given` are the names that
    somebody has given on a command line; `usual` is what a command takes that says nothing.
    `corpus` are the directories that streams may be made from, empty for the usual ones; `flags`
    the options without a value that were given; `workers` are the options that say who does a
    campaign's work, as a shell takes them."""

    options: Mapping[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    usual: Mapping[str, str | None] = field(default_factory=lambda: {"authority": "python"})
    corpus: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    workers: tuple[str, ...] = ()

    def campaign(self, *arguments: str, nightly: bool = False) -> str:
        """`fuzz`, or a night, as a whole campaign, done by the same workers. Nobody else needs
        them: what one case or unit comes to is the same anywhere."""
        return self("nightly" if nightly else "fuzz", *arguments, *self.workers)

    def __call__(self, name: str, *arguments: str) -> str:
        """A command, by its name and arguments that a shell can take."""
        return invoked(name, *arguments, *self._said(name))

    def of_finding(self, finding: StoredFinding) -> Commands:
        """The same for a stored finding: on the cores that it was last seen on."""
        return self.of_cores(finding.cores)

    def of_cores(self, cores: Sequence[CorePair]) -> Commands:
        """The same on the newest of the cores that something was seen on, unless others were given,
        or they are not here."""
        if not cores:
            return self
        pair = cores[-1]
        options = dict(self.options)
        for role, core in (("authority", pair.authority), ("shadow", pair.shadow)):
            if role in self.given or not is_here(core):
                continue
            options.pop(role, None)
            if core.path != self.usual.get(role):
                options[role] = core.path
        return replace(self, options=options)

    def left_out(self, finding: StoredFinding) -> list[str]:
        """The cores of a finding that a command cannot name, since they are not here: in words."""
        pair = finding.cores[-1]
        return [
            f"the {role} that it was last seen on is not here: {core.path}"
            for role, core in (("authority", pair.authority), ("shadow", pair.shadow))
            if role not in self.given and not is_here(core)
        ]

    def _said(self, name: str) -> list[str]:
        corpus = [f"--corpus {quoted(one)}" for one in self.corpus if name in MADE_FROM_A_CORPUS]
        options = [
            f"--{option} {quoted(self.options[option])}"
            for option, takers in TAKEN_BY.items()
            if option in self.options and _is_of_use(takers, name)
        ]
        flags = [
            f"--{one}"
            for one, takers in FLAGS.items()
            if one in self.flags and _is_of_use(takers, name)
        ]
        return corpus + options + flags


def _is_of_use(takers: frozenset[str] | None, name: str) -> bool:
    return takers is None or name in takers


def commands_of(settings: Settings) -> Commands:
    """The commands that do again what these settings say."""
    return Commands(
        settings.to_repeat,
        frozenset(settings.explicit),
        settings.usual,
        settings.corpus_given,
        frozenset(name for name in FLAGS if getattr(settings, name)),
        settings.workers_given,
    )


def is_here(core: CoreIdentity) -> bool:
    """Whether there is something of a core's name on this machine, if not the very same."""
    path = os.path.expanduser(core.path)
    if core.kind == "executable":
        return Path(path).is_file() or shutil.which(path) is not None
    return not path.endswith(".py") or Path(path).is_file()
