"""What a run found and how much it means: the values behind every report.

Rendering is elsewhere (render.py for Markdown and JUnit, the command line for the terminal); here
is what they all show, and the JSON that scripts read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.differential.lockstep import Tally
from replay.differential.model import Verdict
from replay.errors import ExitCode
from replay.streams.model import CALL_NAMES, CallCode, Rejected
from replay.targets.base import CoreIdentity


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One bucket as a run saw it. `field` is the signature's, `fields` are all that differ in
    the smallest case, and `steps` are that case's."""

    id: str
    event: str
    rule: str
    kind: str
    field: str
    fields: tuple[str, ...]
    occurrences: int
    steps: int
    new: bool
    failure: bool
    command: str

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "id": self.id,
            "event": self.event,
            "rule": self.rule,
            "kind": self.kind,
            "field": self.field,
            "fields": list(self.fields),
            "occurrences": self.occurrences,
            "steps": self.steps,
            "new": self.new,
            "command": self.command,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the run would have noticed a fault (canary), or saw one where there can be none
    (control). `ok` is None where the check was not made."""

    ok: bool | None
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {"ok": self.ok, **self.details}


NOT_MADE = Check(None)

MAX_REJECTED = 10_000
"""Rejected lines kept for the report."""


@dataclass(slots=True)
class Report:
    """A run, filled in while it goes on, so that what was counted is there whenever it ends.

    `seconds` is wall-clock time spent on comparing, reading and generating included.

    `resolved` are stored findings that were run again and agreed; `features` what the authority
    was seen to do; `new_streams` how many streams joined the corpus.
    """

    kind: str
    authority: CoreIdentity
    shadow: CoreIdentity
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    findings: list[FindingLine] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    canary: Check = NOT_MADE
    control: Check = NOT_MADE
    resolved: list[str] = field(default_factory=list)
    features: frozenset[str] = frozenset()
    new_streams: int = 0
    storm: str | None = None
    seed: int | None = None
    profile: str | None = None
    interrupted: ExitCode | None = None

    def reject(self, rejected: Rejected) -> None:
        """Notes a line that could not be used; the first thousands are kept, all are counted."""
        self.rejected_count += 1
        if len(self.rejected) < MAX_REJECTED:
            self.rejected.append(rejected)

    @property
    def divergences(self) -> list[FindingLine]:
        """The buckets in which the cores differ."""
        return [line for line in self.findings if not line.failure]

    @property
    def failures(self) -> list[FindingLine]:
        """The buckets in which a core gave no usable answer."""
        return [line for line in self.findings if line.failure]

    @property
    def rate(self) -> float:
        """Transitions for each second."""
        return self.tally.transitions / self.seconds if self.seconds > 0 else 0.0

    @property
    def exit_code(self) -> ExitCode:
        """What the run tells its caller: the worst that is certain comes first.

        A storm ended the run before its time, so that comes before what was found until then; but
        a divergence stands even where single failures were met or the canary was missed.
        """
        if self.interrupted is not None:
            return self.interrupted
        if self.storm is not None:
            return ExitCode.CORE_FAILED
        if self.divergences or self.misses:
            return ExitCode.DIVERGENCE
        if self.failures or self.tally.failures:
            return ExitCode.CORE_FAILED
        if self.tally.transitions == 0 or self.canary.ok is False or self.control.ok is False:
            return ExitCode.PROVES_NOTHING
        return ExitCode.CLEAN

    def calls(self) -> dict[str, int]:
        """How many steps of each kind were compared."""
        named = {
            CALL_NAMES[CallCode(code)]: count
            for code, count in sorted(self.tally.calls.items())
            if code >= 0
        }
        documents = self.tally.calls.get(-1, 0)
        return {**named, "event document": documents} if documents else named

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        verdicts = self.tally.verdicts
        return {
            "kind": self.kind,
            "authority": core_document(self.authority),
            "shadow": core_document(self.shadow),
            "seed": self.seed,
            "profile": self.profile,
            "streams": self.tally.streams,
            "transitions": self.tally.transitions,
            "seconds": round(self.seconds, 3),
            "transitions_per_second": round(self.rate, 1),
            "calls": self.calls(),
            "verdicts": {str(verdict): verdicts[verdict] for verdict in Verdict},
            "rejected": [one._asdict() for one in self.rejected],
            "rejected_count": self.rejected_count,
            "failures": [
                {"class": str(kind), "count": count}
                for kind, count in sorted(self.tally.failures.items())
            ],
            "failed_steps": [line.document() for line in self.failures],
            "divergences": [line.document() for line in self.divergences],
            "misses": self.misses,
            "resolved": self.resolved,
            "features": len(self.features),
            "new_streams": self.new_streams,
            "canary": self.canary.document(),
            "control": self.control.document(),
            "storm": self.storm,
            "exit": int(self.exit_code),
        }


def core_document(identity: CoreIdentity) -> dict[str, Any]:
    """A core's identity as `--json` has it."""
    return {
        "kind": identity.kind,
        "path": identity.path,
        "sha256": identity.sha256,
        "version": identity.version,
        "revision": identity.revision,
        "methods": list(identity.methods),
    }
