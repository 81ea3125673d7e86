"""The two cores of a run as plain values, which can be sent to a worker and opened there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from replay.targets.base import Target
from replay.targets.executable.limits import Limits
from replay.targets.open import open_target

OpenPair = Callable[[], tuple[Target, Target]]
"""Opens an authority and a shadow that have seen nothing yet."""

MINIMISING_TIMEOUT = 1.0
"""Seconds: the minimiser makes many attempts, and a core that hangs would cost the whole deadline
in each that succeeds."""


@dataclass(frozen=True, slots=True)
class PairSpec:
    """What the user gave for the authority and the shadow, and the deadline of a request in
    seconds. Python cores are `isolated` in processes of their own, unless that of the caller may
    end with them, or asks so many small questions that the way there and back would be felt.
    Executables are `sandboxed` where the user asked for that."""

    authority: str
    shadow: str
    timeout: float = 5.0
    isolated: bool = True
    sandboxed: bool = False

    def open(self, *, minimising: bool = False) -> tuple[Target, Target]:
        """Opens both. Raises UsageError or TargetError as `open_target` does.

        For minimising, a core may fail as often as it likes, and has less time to answer.
        """
        authority = self._open(self.authority, "authority", minimising=minimising)
        try:
            return authority, self._open(self.shadow, "shadow", minimising=minimising)
        except BaseException:
            authority.close()
            raise

    def open_authority(self) -> Target:
        """Another instance of the authority alone."""
        return self._open(self.authority, "authority")

    def open_shadow(self) -> Target:
        """Another instance of the shadow alone."""
        return self._open(self.shadow, "shadow")

    def _open(
        self, spec: str, role: Literal["authority", "shadow"], *, minimising: bool = False
    ) -> Target:
        return open_target(spec, role=role, limits=self._limits(minimising), isolated=self.isolated)

    def _limits(self, minimising: bool) -> Limits:
        if not minimising:
            return Limits(timeout=self.timeout, sandboxed=self.sandboxed)
        return Limits(
            timeout=min(self.timeout, MINIMISING_TIMEOUT),
            storm_in_a_row=sys.maxsize,
            storm_total=sys.maxsize,
            sandboxed=self.sandboxed,
        )


@contextmanager
def fresh_pair(open_pair: OpenPair) -> Iterator[tuple[Target, Target]]:
    """A pair of cores of one's own, closed in the end."""
    authority, shadow = open_pair()
    try:
        yield authority, shadow
    finally:
        authority.close()
        shadow.close()
