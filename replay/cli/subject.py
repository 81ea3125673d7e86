"""What `repro` is to reproduce: a stored finding, a bundle, or the one stream in a file."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from replay.cli.common import reading
from replay.differential.model import Finding
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.signature.beyond_rules import REFUSING
from replay.differential.signature.signature import erased
from replay.errors import InputError
from replay.findings.bundle import Bundle, is_bundle, read_bundle
from replay.findings.lifecycle import HistoryEntry, Status
from replay.findings.store.stored import CorePair
from replay.safe_text import clean, quoted
from replay.settings import Settings
from replay.streams.inputs import Hooks, open_input
from replay.streams.model import Rejected, Segment, Stream
from replay.streams.parity_cases import ParityCase
from replay.targets.base import FailureKind


class Shown(Enum):
    """What running a case showed, in view of what was sought."""

    AGREES = "agrees"
    SOUGHT = "sought"
    ANOTHER = "another"
    """It diverges, or a core fails, but not as what was sought."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A case, and what is known of it: what it was stored as, the bundle that it came in, what a
    parity case expects. `argument` is what to give `repro` for it in a shell; `routing` what was
    split and merged by hand where it was stored, `pairs` the cores that it was seen on and `status`
    how it stands there, None for what is not stored; `is_only_live` where no case can show it."""

    name: str
    argument: str
    case: Stream
    sought: Finding | None = None  # any divergence, where it is None
    history: tuple[HistoryEntry, ...] = ()
    bundle: Bundle | None = None
    expected: ParityCase | None = None
    routing: Routing = NO_ROUTING
    pairs: tuple[CorePair, ...] = ()
    status: Status | None = None
    is_only_live: bool = False

    @property
    def seeks_failure(self) -> bool:
        """Whether it was stored as a core that failed; no divergence, but a finding too."""
        return self.sought is not None and self.sought.signature.failure

    def choose(self, found: Sequence[Finding]) -> tuple[Shown, Finding | None]:
        """Of all that the case shows now, what was sought, else the first."""
        if not found:
            return Shown.AGREES, None
        for finding in found:
            if self._is_sought(finding):
                return Shown.SOUGHT, finding
        return Shown.ANOTHER, found[0]

    def _is_sought(self, finding: Finding) -> bool:
        sought = self.sought
        if sought is None:
            return not finding.signature.failure
        if finding.signature == sought.signature or _is_same_refusal(finding, sought):
            return True
        if self.bundle is None or finding.signature.failure != sought.signature.failure:
            return False
        # What was split or merged by hand is in the database that the bundle was made from. Here
        # the same bug has the signature that it was born with, or at least the same fields.
        born = replace(sought.signature, part="")
        fields = [(erased(d.path), d.kind) for d in sought.differences]
        return finding.signature == born or (
            bool(fields) and fields == [(erased(d.path), d.kind) for d in finding.differences]
        )


def _is_same_refusal(finding: Finding, sought: Finding) -> bool:
    """Whether both are refusals of a core's in its own words, and the one sought was stored when
    these were signed by event and rule and not by their words."""
    signature = finding.signature
    return (
        sought.signature.failure
        and sought.signature.kind == signature.kind == FailureKind.REFUSED
        and not sought.signature.field
        and signature.rule == REFUSING
    )


def subject_of(settings: Settings, what: str) -> Subject:
    """The subject that an ID or the name of a file means.

    Raises UsageError for an ID that is not stored, InputError for a file (or database) that cannot
    be used.
    """
    path = Path(what)
    if not path.is_file():
        return _from_store(settings, what)
    return _from_bundle(path) if is_bundle(path) else _from_input(path)


def _from_store(settings: Settings, what: str) -> Subject:
    with reading(settings) as store:
        stored = store.finding(what)
        return Subject(
            stored.id,
            clean(stored.id),
            stored.case,
            sought=stored.finding,
            history=stored.history,
            routing=store.routing(),
            pairs=stored.cores,
            status=stored.status,
            is_only_live=stored.is_only_live,
        )


def _from_bundle(path: Path) -> Subject:
    bundle = read_bundle(path)
    finding = bundle.finding
    return Subject(
        finding.id,
        quoted(str(path)),
        finding.case,
        sought=finding,
        history=bundle.history,
        bundle=bundle,
    )


def _from_input(path: Path) -> Subject:
    """The one stream in a file. Raises InputError where there is none, or more than one."""
    cases: list[ParityCase] = []
    items = list(open_input(path, hooks=Hooks(on_case=lambda key, case: cases.append(case))))
    rejected = [item for item in items if isinstance(item, Rejected)]
    segments = [item for item in items if isinstance(item, Segment)]
    keys = {segment.key for segment in segments}
    if rejected:
        one = rejected[0]
        raise InputError(f"{one.file}:{one.line}: {one.reason}", file=one.file, line=one.line)
    if len(keys) != 1:
        raise InputError(f"{path} has {len(keys)} streams; repro takes one, `run` takes many")
    start = segments[0].start
    assert start is not None
    steps = tuple(itertools.chain.from_iterable(segment.steps for segment in segments))
    stream = Stream(start, steps, segments[0].origin)
    case = cases[0] if cases else None
    return Subject(case.name if case else path.name, quoted(str(path)), stream, expected=case)
