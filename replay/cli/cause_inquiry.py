"""The search for causes with the cores that the settings name, as commands run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from replay.cli.console import Progress
from replay.explaining.causes.found import Account
from replay.explaining.causes.inquiry import Inquiry
from replay.explaining.editing.editable import EditableCore
from replay.findings.account import StoredCause
from replay.settings import Settings
from replay.streams.model import Stream
from replay.targets.base import CoreIdentity
from replay.targets.pair import MINIMISING_TIMEOUT, PairSpec
from replay.targets.python.unheard import unheard


@dataclass(frozen=True, slots=True)
class Inquired:
    """What a search came to, on which core's source and on which cores."""

    account: Account
    core: EditableCore
    cores: tuple[CoreIdentity, CoreIdentity]


@unheard()
def inquired(
    settings: Settings,
    occurrences: Mapping[str, Sequence[Stream]],
    seconds: float,
    progress: Progress,
    *,
    generate: int,
    steps: int | None = None,
    seen: Mapping[str, int] | None = None,
    former: Sequence[StoredCause] = (),
    isolated: bool = False,
) -> Inquired:
    """Searches for the causes of some occurrences, by bucket, with progress. `isolated` for a
    caller that may not end with a core; the rest as Inquiry has it."""
    cores = PairSpec(
        settings.authority,
        settings.needed_shadow,
        min(settings.timeout, MINIMISING_TIMEOUT),
        isolated=isolated,
        sandboxed=settings.sandbox,
    )
    authority, shadow = cores.open()
    with closing(authority), closing(shadow):
        is_model = authority.identity.kind not in ("python", "module")
        core = EditableCore.open("python" if is_model else settings.authority)
        inquiry = Inquiry(
            core,
            authority,
            shadow,
            occurrences,
            seconds,
            seen=seen or {},
            generate=generate,
            steps=steps,
            is_model=is_model,
            former=former,
            on_progress=progress.tell,
        )
        try:
            account = inquiry.run()
        finally:
            progress.end()
        return Inquired(account, core, (authority.identity, shadow.identity))


@dataclass(frozen=True, slots=True)
class Together:
    """What a search came to on the occurrences of one finding alone, with the causes that these
    need."""

    account: Account

    @property
    def is_all(self) -> bool:
        """Whether verified causes account for every occurrence."""
        verified = all(one.is_verified for one in self.account.causes)
        return verified and self.account.kept_right == self.account.kept > 0

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "causes": [
                {
                    "id": one.id,
                    "kind": str(one.kind),
                    "says": one.statement.says,
                    "verified": one.is_verified,
                    "doubt": one.doubt,
                    "needed_at": len(one.explains),
                }
                for one in self.account.causes
            ],
            "kept": self.account.kept,
            "kept_right": self.account.kept_right,
        }


MOST_TOGETHER = 12
"""Kept occurrences of one finding that are asked."""


def causes_together(
    settings: Settings,
    finding: str,
    occurrences: Sequence[Stream],
    seconds: float,
    progress: Progress,
) -> Together:
    """Searches for the causes that are at work together at the occurrences of one finding."""
    some = {finding: occurrences[:MOST_TOGETHER]}
    account = inquired(settings, some, seconds, progress, generate=0).account
    causes = [one for one in account.causes if finding in one.findings]
    return Together(replace(account, causes=causes))


__all__ = ["Inquired", "Together", "causes_together", "inquired"]
