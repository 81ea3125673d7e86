"""What was found out about an executable's file, so that it is not asked of each process again.

A process that is only started to be asked what it can do costs as much as one that answers. What is
remembered says how a file is talked to, never what it answers; it is kept by the content of the
file, so one that is exchanged in mid-run is asked anew; of a script that says nothing, the programs
that it runs are looked at once, too. What an executable says of itself (its
version and revision) is not kept: one that says anything is asked each time, by the process that is
used then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Trait(Enum):
    """What can be remembered of a file."""

    SILENT = "does not know the question `capabilities`"
    FENCED = "answers a fence as any should"


class Known(NamedTuple):
    """A trait of the file at a path with that content."""

    path: str
    sha256: str
    sandboxed: bool
    trait: Trait


_known: dict[Known, str] = {}
"""With the programs that a script was seen to run, "" for none."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Those of one file."""

    path: str
    sha256: str
    sandboxed: bool

    def has(self, trait: Trait) -> bool:
        """Whether it is known to have it."""
        return self._known(trait) in _known

    def remember(self, trait: Trait, programs: str = "") -> None:
        """It was seen to have it, and to run these programs."""
        _known[self._known(trait)] = programs

    def programs(self, trait: Trait) -> str:
        """The programs that it ran when it was seen to have a trait."""
        return _known.get(self._known(trait), "")

    def _known(self, trait: Trait) -> Known:
        return Known(self.path, self.sha256, self.sandboxed, trait)


def all_known() -> frozenset[tuple[Known, str]]:
    """All that this process knows, for another one (`learn`)."""
    return frozenset(_known.items())


def learn(known: Iterable[tuple[Known, str]]) -> None:
    """Takes over what another process has found out."""
    _known.update(known)
