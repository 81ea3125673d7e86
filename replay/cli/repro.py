"""`doge-replay repro`: one case through both cores, side by side."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from replay.cli.common import core_options, pair_of, reading
from replay.cli.console import clean, say, say_json
from replay.cli.settings import Settings
from replay.cli.side_by_side import difference_documents, say_answers, say_case, say_differences
from replay.cli.summary import core_line
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding, Verdict
from replay.errors import ExitCode, InputError
from replay.findings.report import core_document
from replay.fuzzing.replaying import case_misses
from replay.streams.cases import ParityCase
from replay.streams.model import Rejected, Segment, Stream, segments_of
from replay.streams.reader import open_input
from replay.targets.base import Failure, Outcome, Target
from replay.targets.compact import Plain


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be reproduced: a case, and what it was stored or expected as."""

    name: str
    case: Stream
    stored: Finding | None
    expected: ParityCase | None


@click.command(
    epilog="""\b
Examples:
  doge-replay repro d-3f9a2c1b
  doge-replay repro case.json --shadow ./doge-core-exe"""
)
@click.argument("what", metavar="ID|FILE")
@core_options
def repro(
    what: str,
    settings: Settings,
    as_json: bool,
) -> int:
    """Run one stored case, or one from a file, on both cores and show where they differ.

    Exits 1 while it diverges, 0 when it no longer does, 3 where a core could not run.
    """
    subject = _from_file(Path(what)) if Path(what).is_file() else _from_store(settings, what)
    targets = pair_of(settings).open()
    try:
        found, misses = _run(subject, *targets)
        report = _Outcome(subject, found, misses, targets)
        if as_json:
            say_json(report.document())
        else:
            report.say()
        return int(report.exit_code)
    finally:
        for target in targets:
            target.close()


def _from_store(settings: Settings, what: str) -> Subject:
    with reading(settings) as store:
        stored = store.finding(what)
        return Subject(stored.id, stored.case, stored.finding, None)


def _from_file(path: Path) -> Subject:
    """The one stream in a file. Raises InputError where there is none, or more than one."""
    cases: list[ParityCase] = []
    items = list(open_input(path, on_case=lambda key, case: cases.append(case)))
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
    return Subject(case.name if case else path.name, stream, None, case)


def _run(subject: Subject, authority: Target, shadow: Target) -> tuple[list[Finding], list[str]]:
    misses: list[str] = []
    lockstep = Lockstep(authority, shadow)
    expected = subject.expected
    if expected is not None and expected.expected:

        def check(key: int, plain: Plain | None, last: Outcome) -> None:
            misses.extend(case_misses(expected, plain, last))

        lockstep.on_end = check
    return run_stream(lockstep, segments_of(subject.case, 1)), misses


class _Outcome:
    """What running the case showed."""

    def __init__(
        self,
        subject: Subject,
        found: list[Finding],
        misses: list[str],
        targets: tuple[Target, Target],
    ) -> None:
        self._subject = subject
        self._misses = misses
        self._targets = targets
        wanted = subject.stored.signature if subject.stored else None
        # Of several findings the one that was looked for, else the first.
        self._finding = next((f for f in found if f.signature == wanted), next(iter(found), None))

    @property
    def exit_code(self) -> ExitCode:
        """1 while it diverges, 3 where a core failed, else 0."""
        finding = self._finding
        if finding is not None and finding.verdict is not Verdict.DIVERGE:
            return ExitCode.CORE_FAILED
        if finding is not None or self._misses:
            return ExitCode.DIVERGENCE
        return ExitCode.CLEAN

    @property
    def words(self) -> str:
        """The result on one line."""
        finding = self._finding
        if finding is None:
            return "agree" if not self._misses else "agree, but not with what is expected"
        if finding.verdict is not Verdict.DIVERGE:
            failed = next(r for r in (finding.authority, finding.shadow) if isinstance(r, Failure))
            return f"{finding.verdict}: {failed.kind}, {failed.detail}"
        stored = self._subject.stored
        if stored is not None and finding.signature != stored.signature:
            return f"diverge, but as {finding.id}"
        return "diverge"

    def say(self) -> None:
        """Prints everything."""
        authority, shadow = self._targets
        say(f"{clean(self._subject.name)}: the cores {clean(self.words)}")
        say(f"authority  {core_line(authority.identity)}")
        say(f"shadow     {core_line(shadow.identity)}")
        finding = self._finding
        if finding is not None:
            signature = finding.signature
            say(f"signature  {clean(signature.event)}, {clean(signature.rule)}, "
                f"{clean(signature.field)}, {clean(signature.kind)}")  # fmt: skip
        say()
        say_case(self._subject.case if finding is None else finding.case)
        say()
        if finding is not None:
            say_answers(finding.case, finding.authority, finding.shadow, finding.differences)
            say()
            say_differences(finding.differences)
        for miss in self._misses:
            say(f"expected: {clean(miss)}")

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        finding = self._finding
        authority, shadow = self._targets
        return {
            "name": self._subject.name,
            "result": self.words,
            "id": None if finding is None else finding.id,
            "event": None if finding is None else finding.event,
            "steps": len(self._subject.case.steps),
            "differences": difference_documents(() if finding is None else finding.differences),
            "misses": self._misses,
            "authority": core_document(authority.identity),
            "shadow": core_document(shadow.identity),
            "exit": int(self.exit_code),
        }
